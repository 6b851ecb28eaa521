"""Names that may be meant by one that is unknown."""

from __future__ import annotations

import pytest

from realtime_sync._alike import alike, meant, or_list

KNOWN = ("error", "response.create", "response.created", "response.done", "session.updated")


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("respnse.done", "response.done"),
        (" Response.Done ", "response.done"),
        ("resp.done", "response.done"),
        ("errors", "error"),
        ("response.finished", None),
        ("its.answer", None),
        ("", None),
    ],
)
def test_a_slip_of_the_pen_is_much_like_what_is_meant(name: str, first: str | None) -> None:
    assert next(iter(alike(name, KNOWN)), None) == first


def test_how_much_can_be_told() -> None:
    assert alike("resp.done", KNOWN, 0.9) == []
    assert alike("respnse.done", KNOWN, 0.9) == ["response.done"]


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("response.create", "response.create"),
        ("response.finished", "response.done"),
        ("session", "session.updated"),
        ("sessions.x", None),
        ("its.answer", None),
        ("", None),
    ],
)
def test_a_type_in_a_family_of_the_protocol_is_none_of_a_servers_own(
    name: str, first: str | None
) -> None:
    assert next(iter(meant(name, KNOWN)), None) == first


def test_what_is_long_is_compared_by_its_beginning() -> None:
    assert meant("response." + "x" * 1_000_000, KNOWN)[0].startswith("response.")


def test_three_are_offered() -> None:
    assert or_list(meant("response.x", KNOWN)).count(" or ") == 2
