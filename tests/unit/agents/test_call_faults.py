"""Which calls are worth an error."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync.agents import call_faults
from realtime_sync.agents.call_faults import CallFaults

NAMES = frozenset({"look", "find"})


def call(name: Any = "look", arguments: Any = "{}", call_id: Any = "call_1") -> dict[str, Any]:
    return {"type": "function_call", "name": name, "arguments": arguments, "call_id": call_id}


def faults() -> CallFaults:
    return CallFaults(lambda item: item["name"] == "theirs")


def test_a_call_that_is_delivered_twice_is_right() -> None:
    calls = faults()
    assert calls.called(call(), NAMES) is None
    assert calls.called(call(), NAMES) is None
    assert calls.called(call("find", call_id="call_2"), NAMES) is None


@pytest.mark.parametrize("other", [call("find"), call(arguments='{"a": 1}'), call(arguments=None)])
def test_another_call_with_its_id_is_not(other: dict[str, Any]) -> None:
    calls = faults()
    calls.called(call(), NAMES)
    wrong = calls.called(other, NAMES)
    assert wrong is not None
    assert "under the id 'call_1', which another call of 'look' has already" in str(wrong)
    assert calls.called(call(), NAMES) is None


@pytest.mark.parametrize(("name", "told"), [("fly", "'fly'"), (None, "''")])
def test_an_unknown_tool_is_told_of_once(name: str | None, told: str) -> None:
    calls = faults()
    wrong = calls.called(call(name), NAMES)
    assert wrong is not None
    assert str(wrong) == f"the model has called {told}, which is none of its tools"
    assert calls.called(call(name), NAMES) is None


@pytest.mark.parametrize(
    "item", [{"type": "message", "id": "item_1"}, call(call_id=None), call("theirs")]
)
def test_what_is_no_call_of_ours_is_none_of_its_business(item: dict[str, Any]) -> None:
    assert faults().called(item, NAMES) is None


def test_it_remembers_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_faults, "_MOST", 1)
    calls = faults()
    calls.called(call(), NAMES)
    calls.called(call(call_id="call_2"), NAMES)
    assert calls.called(call("find"), NAMES) is None
    assert calls.called(call(), NAMES) is not None
