"""What fields of a configuration weigh and how they are written, found out once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from realtime_sync.local.protocol import config_parts
from realtime_sync.local.protocol.config_parts import ConfigParts
from realtime_sync.local.protocol.conversation_config import default_session, merge_session
from realtime_sync.local.protocol.wire import event, write_event

TOOLS = [{"type": "function", "name": "f", "description": 'Grüße, "quoted"\n'}]


@pytest.fixture
def weighed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was weighed."""
    values: list[Any] = []
    weigh = config_parts.weight

    def noted(value: Any) -> int:
        values.append(value)
        return weigh(value)

    monkeypatch.setattr(config_parts, "weight", noted)
    return values


@pytest.mark.parametrize("type", ["realtime", "transcription"])
def test_the_text_is_that_of_the_object(type: str) -> None:
    config = {**default_session(type, model="gpt-realtime"), "tools": TOOLS, "instructions": "é"}
    wire = ConfigParts(config).wire(id="sess_1", expires_at=5)
    assert wire == {"id": "sess_1", "expires_at": 5, **config}
    sent = event("session.updated", session=wire)
    assert write_event(sent) == json.dumps(sent, separators=(",", ":"))
    other = event("error", error={"session": 1})
    assert write_event(other) == json.dumps(other, separators=(",", ":"))


def test_what_an_update_leaves_alone_is_not_looked_at_again(weighed: list[Any]) -> None:
    first = merge_session(
        default_session("realtime", model="m"), {"type": "realtime", "tools": TOOLS}, spoken=False
    )
    before = ConfigParts(first)
    text = write_event(event("session.updated", session=before.wire()))
    weighed.clear()
    update = {"type": "realtime", "instructions": "Be kind.", "audio": {"output": {"speed": 1.2}}}
    second = merge_session(first, update, spoken=False)
    assert first["audio"]["output"]["speed"] == 1.0, "it is not changed"
    after = ConfigParts(second, before)
    assert weighed == ["Be kind.", second["audio"]]
    assert after.weight == ConfigParts(second).weight
    first["tools"].append("what was written is not written again")
    assert (
        json.loads(write_event(event("x", session=after.wire())))["session"]["tools"] == TOOLS[:1]
    )
    assert json.loads(text)["session"]["instructions"] == ""


def test_an_equal_value_that_is_another_is_looked_at(weighed: list[Any]) -> None:
    before = ConfigParts({"tools": [1]})
    weighed.clear()
    assert ConfigParts({"tools": [True]}, before).wire().text == '{"tools":[true]}'
    assert weighed == [[True]]


def test_long_texts_are_not_held_twice() -> None:
    (part,) = ConfigParts({"instructions": "x" * 1_000})._parts.values()
    assert part.text == json.dumps("x" * 1_000)
    assert part._text is None
