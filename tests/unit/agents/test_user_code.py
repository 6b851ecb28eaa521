"""Functions of programs: none is async, and a switch may be a function."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from realtime_sync.agents.run_context import RunContextWrapper
from realtime_sync.agents.user_code import (
    enabled,
    name_of,
    require_blocking,
    require_function,
    require_switch,
)
from realtime_sync.errors import AgentError, ConfigError, UserError


async def coroutine() -> None: ...


async def stream() -> AsyncIterator[int]:
    yield 1


class Waits:
    async def __call__(self) -> None: ...

    async def method(self) -> None: ...


class Works:
    def __call__(self) -> None: ...


@pytest.mark.parametrize(
    "function",
    [coroutine, stream, Waits(), Waits().method, functools.partial(coroutine),
     functools.partial(functools.partial(Waits()))],
)  # fmt: skip
def test_async_code_is_refused(function: Any) -> None:
    with pytest.raises(UserError, match=r"the hook 'x' is async .* write def instead of") as caught:
        require_blocking(function, "the hook 'x'")
    assert isinstance(caught.value, AgentError)
    assert isinstance(caught.value, ConfigError)


@pytest.mark.parametrize("function", [None, True, len, Works, Works(), lambda: coroutine()])
def test_whatever_else_passes(function: Any) -> None:
    require_blocking(function, "it")


def test_what_is_to_be_a_function() -> None:
    for function in (len, Works, Works(), lambda: coroutine()):
        require_function(function, "it")
        require_switch(function, "it")
    require_switch(True, "it")
    require_switch(False, "it")
    for other in (None, 7, "yes"):
        with pytest.raises(UserError, match=f"it must be a function, not {other!r}"):
            require_function(other, "it")
        with pytest.raises(UserError, match=f"it must be True, False or a function, not {other!r}"):
            require_switch(other, "it")
    for require in (require_function, require_switch):
        with pytest.raises(UserError, match="it is async"):
            require(coroutine, "it")


def test_a_switch_is_a_value_or_a_function() -> None:
    context = RunContextWrapper("mine")
    assert enabled(True, context, "agent") is True
    assert enabled(False, context, "agent") is False
    assert enabled(lambda c, a: (c.context, a) == ("mine", "agent"), context, "agent") is True
    assert enabled(lambda *_: [], context, "agent") is False  # type: ignore[arg-type, return-value]


def test_names() -> None:
    assert name_of(coroutine) == "coroutine"
    assert name_of(Works()) == "Works"
    assert name_of(functools.partial(coroutine)) == "partial"
