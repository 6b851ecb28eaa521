"""Which repetitions of a call's id are worth an error."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync.agents import repeated_calls
from realtime_sync.agents.repeated_calls import RepeatedCalls


def call(name: str = "look", arguments: Any = "{}", call_id: Any = "call_1") -> dict[str, Any]:
    return {"type": "function_call", "name": name, "arguments": arguments, "call_id": call_id}


def test_a_call_that_is_delivered_twice_is_right() -> None:
    calls = RepeatedCalls()
    assert calls.called(call()) is None
    assert calls.called(call()) is None
    assert calls.called(call("find", call_id="call_2")) is None


@pytest.mark.parametrize("other", [call("find"), call(arguments='{"a": 1}'), call(arguments=None)])
def test_another_call_with_its_id_is_not(other: dict[str, Any]) -> None:
    calls = RepeatedCalls()
    calls.called(call())
    wrong = calls.called(other)
    assert wrong is not None and "'call_1', which another call of 'look' has already" in str(wrong)
    assert calls.called(call()) is None


def test_what_is_no_call_is_none_of_its_business() -> None:
    calls = RepeatedCalls()
    assert calls.called({"type": "message", "id": "item_1"}) is None
    assert calls.called(call(call_id=None)) is None


def test_it_remembers_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeated_calls, "_MOST", 1)
    calls = RepeatedCalls()
    calls.called(call())
    calls.called(call(call_id="call_2"))
    assert calls.called(call("find")) is None
