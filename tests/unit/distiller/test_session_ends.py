"""What ends a session, by its words."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from realtime_sync.distiller import DistillerEvent
from realtime_sync.distiller.session_ends import end_of_link, end_of_message, is_refusal
from realtime_sync.errors import (
    ConnectionClosedError,
    DistillerConnectionError,
    DistillerTimeoutError,
    RealtimeTimeout,
    UserAlreadyConnectedError,
)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"error_detail": {"message": "one"}, "error": "two"}, "one"),
        ({"error": "two"}, "two"),
        ({"error": {"message": "three"}}, "three"),
        ({"error_detail": None, "error": 5}, "without a message"),
        ({}, "without a message"),
    ],
)
def test_the_servers_words_are_the_exceptions(fields: dict[str, Any], words: str) -> None:
    error = end_of_message(DistillerEvent({"type": "error", **fields}))
    assert words in str(error)
    assert error.extra["event"]["type"] == "error"
    assert str(copy.copy(error)) == str(error)


@pytest.mark.parametrize(
    ("reason", "kind", "refusal"),
    [
        ("User is already connected", UserAlreadyConnectedError, True),
        ("Connection timeout (Idle for 5 minutes)", DistillerTimeoutError, True),
        ("internal error", DistillerConnectionError, False),
        ("", DistillerConnectionError, False),
    ],
)
def test_the_kind_goes_by_the_reason(
    reason: str, kind: type[DistillerConnectionError], refusal: bool
) -> None:
    end = ConnectionClosedError(1011, reason)
    error = end_of_link(end)
    assert type(error) is kind
    assert reason in str(error)
    assert error.extra == {"code": 1011, "reason": reason}
    assert error.__cause__ is end
    assert is_refusal(end) is refusal


def test_a_timeout_of_ours_is_a_timeout_and_worth_another_link() -> None:
    end = ConnectionClosedError(1006, "Connection timeout: no PING", closed_by="this side")
    assert isinstance(end_of_link(end), RealtimeTimeout)
    assert not is_refusal(end)


def test_a_turn_that_is_lost_is_named() -> None:
    end = ConnectionClosedError(1006)
    assert "in the middle of a turn" in str(end_of_link(end, in_turn=True))
    assert "turn" not in str(end_of_link(end))
