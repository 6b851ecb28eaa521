"""The table of handlers."""

from __future__ import annotations

import json
from typing import Any

from realtime_sync.connection._handlers import Handlers
from realtime_sync.events import ServerEvent, parse_event


def event(kind: str) -> ServerEvent:
    return parse_event(json.dumps({"type": kind, "event_id": "e", "delta": "x"}))


def first(event: Any) -> None:
    """Do nothing."""


def second(event: Any) -> None:
    """Do nothing."""


def test_its_own_handlers_come_before_those_of_every_event() -> None:
    handlers = Handlers()
    handlers.add("event", second, once=False)
    handlers.add("a.one", first, once=False)
    handlers.add("a.one", first, once=False)
    assert handlers.take(event("a.one")) == [first, first, second]
    assert handlers.take(event("a.two")) == [second]


def test_once_is_once() -> None:
    handlers = Handlers()
    handlers.add("a.one", first, once=True)
    handlers.add("event", second, once=True)
    assert handlers.take(event("a.one")) == [first, second]
    assert handlers.take(event("a.one")) == []


def test_removing_takes_one_and_one_that_is_not_there_is_no_error() -> None:
    handlers = Handlers()
    handlers.add("a.one", first, once=False)
    handlers.add("a.one", first, once=True)
    handlers.remove("a.one", first)
    assert handlers.take(event("a.one")) == [first]
    handlers.remove("a.one", first)
    handlers.remove("a.two", second)
    assert handlers.take(event("a.one")) == []


def test_names_of_the_beta_mean_the_same() -> None:
    handlers = Handlers()
    handlers.add("response.text.delta", first, once=False)
    assert handlers.take(event("response.text.delta")) == [first]
    assert handlers.take(event("response.output_text.delta")) == [first]


def test_moving_keeps_order_and_once() -> None:
    before, after = Handlers(), Handlers()
    before.add("a.one", first, once=True)
    before.add("a.one", second, once=False)
    before.move_to(after)
    assert before.take(event("a.one")) == []
    assert after.take(event("a.one")) == [first, second]
    assert after.take(event("a.one")) == [second]
