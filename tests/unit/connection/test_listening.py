"""What a program may pass to ``on``, ``once`` and ``off``."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync.connection._handlers import Handlers
from realtime_sync.connection._listening import Registration
from realtime_sync.errors import ConfigError
from realtime_sync.events import UnknownEvent


class Table(Registration):
    def __init__(self) -> None:
        self._handlers = Handlers()


def handle(event: Any) -> None:
    """Do nothing."""


async def handle_later(event: Any) -> None:
    """Do nothing, for nobody awaits it."""


def test_with_a_handler_or_as_a_decorator() -> None:
    table = Table()
    assert table.on("n.1", handle).once("event", handle) is table
    assert table.on("n.1")(handle) is handle
    assert table.off("n.1", handle) is table
    event = UnknownEvent(type="n.1", data={})
    assert table._handlers.take(event) == [handle, handle]
    assert table._handlers.take(event) == [handle]


@pytest.mark.parametrize("method", ["on", "once", "off"])
def test_a_type_that_does_not_exist_and_what_is_no_handler(method: str) -> None:
    call = getattr(Table(), method)
    with pytest.raises(ConfigError, match=rf"^{method}: .*'response.donne'.*'response.done'"):
        call("response.donne", handle)
    with pytest.raises(ConfigError, match="takes a type"):
        call(None, handle)
    for wrong in (5, "handle", handle_later):
        with pytest.raises(ConfigError, match=rf"the handler given to {method} is"):
            call("n.1", wrong)


@pytest.mark.parametrize("method", ["on", "once", "off"])
def test_a_handler_takes_the_event(method: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"given to {method} is called with \(event\), and takes"
    ):
        getattr(Table(), method)("n.1", lambda: None)


@pytest.mark.parametrize("method", ["on", "once"])
def test_a_decorator_tells_of_a_mistake_where_it_stands(method: str) -> None:
    register = getattr(Table(), method)
    with pytest.raises(ConfigError, match="did you mean"):
        register("response.donne")
    with pytest.raises(ConfigError, match="the handler given"):
        register("n.1")(5)
