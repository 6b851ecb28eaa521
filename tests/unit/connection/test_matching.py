"""Types and predicates: what is taken, and what is told to be a mistake."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync.connection._matching import checked_type, matcher
from realtime_sync.errors import ConfigError, LocalProtocolError
from realtime_sync.events import (
    BETA_ALIASES,
    SERVER_EVENTS,
    UnknownEvent,
    canonical_type,
)
from realtime_sync.providers._beta import BetaDialect
from realtime_sync.providers._yandex_dialect import YandexDialect


@pytest.mark.parametrize(
    "name",
    sorted(
        {
            *SERVER_EVENTS,
            *BETA_ALIASES,
            *BetaDialect().server_types,
            *YandexDialect().server_types,
            "reconnected",
        }
    ),
)
def test_every_type_that_a_server_or_a_dialect_has(name: str) -> None:
    assert checked_type(name, "on") == canonical_type(name)


@pytest.mark.parametrize(
    "name", ["its.answer", "n.1", "tick", "never", "brand.new", "voice.interrupted", "done"]
)
def test_a_name_without_any_resemblance_is_some_servers_own(name: str) -> None:
    assert checked_type(name, "on") == name


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("response.donne", "response.done"),
        ("response_done", "response.done"),
        ("ResponseDone", "response.done"),
        (" Response.Done ", "response.done"),
        ("resp.done", "response.done"),
        ("response.create", "response.created"),  # the client's, not the server's
        ("session.update", "session.updated"),
        ("response.audio.deltas", "response.audio.delta"),
        ("errors", "error"),
        ("reconnect", "reconnected"),
        ("response.finished", "response.done"),  # not alike, but of a family
        ("conversation.foo", "conversation.created"),
        ("input_audio_buffer.x", "input_audio_buffer.cleared"),
        ("rate_limits.changed", "rate_limits.updated"),
        ("session", "session.closed"),
        ("response." + "x" * 100_000, "response."),
    ],
)
def test_a_name_that_looks_like_a_mistake(name: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=rf"on: .*did you mean .*'{nearest}.*predicate") as caught:
        checked_type(name, "on")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("name", [None, 5, "", b"response.done", ["response.done"], object])
def test_what_is_no_type(name: Any) -> None:
    with pytest.raises(ConfigError, match=r"off takes a type such as 'response.done'"):
        checked_type(name, "off")


def test_a_type_and_a_predicate() -> None:
    event = UnknownEvent(type="n.1", data={})
    assert matcher("n.1", "watch")(event)
    assert not matcher("n.2", "watch")(event)
    assert matcher(print, "watch") is print  # type: ignore[comparison-overlap, arg-type]
    for wrong in (None, 5, UnknownEvent):
        with pytest.raises(LocalProtocolError, match="watch takes a type such as"):
            matcher(wrong, "watch")  # type: ignore[arg-type]


def test_a_predicate_that_nobody_would_await_is_none() -> None:
    async def found(event: object) -> bool:
        return True

    with pytest.raises(LocalProtocolError, match="predicate given to wait_for is async"):
        matcher(found, "wait_for")  # type: ignore[arg-type]


def test_a_predicate_takes_the_event() -> None:
    with pytest.raises(LocalProtocolError, match=r"is called with \(event\), and takes \(a, b\)"):
        matcher(lambda a, b: True, "watch")  # type: ignore[arg-type,misc]


def test_event_is_for_handlers() -> None:
    with pytest.raises(ConfigError, match="'event' stands for every event in on"):
        matcher("event", "wait_for")
