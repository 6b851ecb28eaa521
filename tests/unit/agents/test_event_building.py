"""Which events of a session something means, in which order."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from mutations import TYPES, sample

from realtime_sync.agents import event_building
from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.event_building import EventBuilder
from realtime_sync.agents.events import RealtimeEventInfo
from realtime_sync.agents.function_tools import function_tool
from realtime_sync.agents.notes import (
    AgentDone,
    AgentSpeaks,
    ApprovalAsked,
    AudioNote,
    AudioOver,
    Fault,
    LinkLost,
    Switched,
    ToolBegan,
    ToolOver,
    Tripped,
)
from realtime_sync.agents.run_context import RunContextWrapper, ToolContext
from realtime_sync.errors import AgentError, RemoteProtocolError
from realtime_sync.events import Reconnected, parse_event
from realtime_sync.testing import (
    Traffic,
    error,
    function_call,
    parsed,
    spoken_answer,
    text_answer,
    user_turn,
)
from realtime_sync.voice.events import (
    AnswerStarted,
    FalseInterruption,
    Interrupted,
    UnreadableMessage,
)


@function_tool
def look_up() -> str:
    """Look something up."""
    return "found"


DESK = RealtimeAgent[Any](name="Desk")
BILLING = RealtimeAgent[Any](name="Billing")
INFO = RealtimeEventInfo(RunContextWrapper(None))
CALL = ToolContext[Any](
    None, tool_name="look_up", tool_call_id="call_1", tool_arguments='{"a": 1}', agent=DESK
)


class Builder:
    def __init__(self) -> None:
        self.aside: set[str] = set()
        self.made = EventBuilder(INFO, lambda response_id: response_id in self.aside)

    def tell(self, *happened: Any) -> list[Any]:
        events = [event for each in happened for event in self.made.build(each)]
        assert all(event.info is INFO for event in events)
        return events

    def play(self, traffic: Traffic) -> list[Any]:
        return self.tell(*parsed(traffic))


def kinds(events: list[Any]) -> list[str]:
    """Types, those of raw events that are the server's left out."""
    return [
        event.data.type if event.type == "raw_model_event" else event.type
        for event in events
        if event.type != "raw_model_event" or event.data.type != "raw_server_event"
    ]


# -- notes of ours ---------------------------------------------------------------------------------


def test_every_session_begins_with_its_history() -> None:
    first: Any = Builder().made.first()
    assert (first.type, first.history, first.info) == ("history_updated", [], INFO)


def test_agents() -> None:
    start, end, handoff = Builder().tell(
        AgentSpeaks(DESK), AgentDone(DESK), Switched(DESK, BILLING)
    )
    assert (start.type, start.agent) == ("agent_start", DESK)
    assert (end.type, end.agent) == ("agent_end", DESK)
    assert (handoff.type, handoff.from_agent, handoff.to_agent) == ("handoff", DESK, BILLING)


def test_a_tool() -> None:
    asked = ApprovalAsked(DESK, look_up, "call_1", "{}")
    approval, start, end = Builder().tell(
        asked, ToolBegan(CALL, look_up), ToolOver(CALL, look_up, 7, "7")
    )
    assert approval.type == "tool_approval_required"
    told = (approval.agent, approval.tool, approval.call_id, approval.arguments)
    assert told == (DESK, look_up, "call_1", "{}")
    assert (start.type, start.agent, start.tool) == ("tool_start", DESK, look_up)
    assert start.arguments == '{"a": 1}'
    assert (end.type, end.agent, end.tool, end.output) == ("tool_end", DESK, look_up, 7)
    assert (end.arguments, end.failed) == ('{"a": 1}', False)


def test_a_tool_that_has_failed() -> None:
    (end,) = Builder().tell(ToolOver(CALL, look_up, "It is down.", "It is down.", failed=True))
    assert (end.type, end.output, end.failed) == ("tool_end", "It is down.", True)


def test_sound() -> None:
    note = AudioNote(("item_a", 2), "resp_1", b"\1\0", 0.1)
    audio, over = Builder().tell(note, AudioOver(("item_a", 2)))
    assert (audio.type, audio.item_id, audio.content_index) == ("audio", "item_a", 2)
    assert (audio.audio.data, audio.audio.response_id) == (b"\1\0", "resp_1")
    assert (audio.audio.item_id, audio.audio.content_index) == ("item_a", 2)
    assert (over.type, over.item_id, over.content_index) == ("audio_end", "item_a", 2)


@pytest.mark.parametrize("kind", ["output", "input"])
def test_a_guardrail(kind: Any) -> None:
    [event] = Builder().tell(Tripped(("result",), "Secret.", kind))
    assert event.type == "guardrail_tripped"
    assert (event.guardrail_results, event.message, event.kind) == (["result"], "Secret.", kind)


def test_what_went_wrong() -> None:
    mine = AgentError("the hook failed")
    theirs = RemoteProtocolError("no JSON")
    events = Builder().tell(Fault(mine), UnreadableMessage(error=theirs))
    assert [event.type for event in events] == ["error", "error"]
    assert [event.error for event in events] == [mine, theirs]


def test_links() -> None:
    back = Reconnected(code=1006, attempts=2, lost=(), lost_items=["item_u"])
    lost, *_, found = Builder().tell(LinkLost(1, 0.5, 1006), back)
    assert (lost.data.type, lost.data.attempt, lost.data.delay_s) == ("reconnecting", 1, 0.5)
    assert lost.data.close_code == 1006
    assert (found.data.type, found.data.attempts) == ("reconnected", 2)
    assert found.data.lost_items == ["item_u"]


# -- reports of the engine's -----------------------------------------------------------------------


@pytest.mark.parametrize(("item_id", "deleted"), [("item_a", ()), (None, ("item_a", "item_b"))])
def test_an_interruption_names_what_was_silenced(item_id: Any, deleted: Any) -> None:
    report = Interrupted(item_id=item_id, content_index=1, audio_end_ms=3, deleted=deleted)
    raw, event = Builder().tell(report)
    assert (raw.data.type, raw.data.item_id) == ("audio_interrupted", "item_a")
    assert raw.data.content_index == 1
    assert (event.type, event.item_id, event.content_index) == ("audio_interrupted", "item_a", 1)


def test_where_nothing_sounded_nothing_was_silenced() -> None:
    report = Interrupted(item_id=None, content_index=0, audio_end_ms=0, deleted=())
    assert Builder().tell(report) == []


def test_a_false_interruption_was_never_said() -> None:
    builder = Builder()
    builder.play(user_turn("mhm", item_id="item_u"))
    report = FalseInterruption(item_id="item_u", transcript="mhm", paused_ms=300)
    [raw] = builder.tell(report)
    assert (raw.data.type, raw.data.item_id) == ("false_interruption", "item_u")
    assert (raw.data.transcript, raw.data.paused_ms) == ("mhm", 300)
    later = builder.play(text_answer("So."))
    shown = [event.history for event in later if event.type == "history_updated"]
    assert all(item.item_id != "item_u" for history in shown for item in history)


def test_what_only_the_engine_cares_about_is_no_event() -> None:
    assert Builder().tell(AnswerStarted(response_id="resp_1", latency_ms=None)) == []


# -- the server's events ---------------------------------------------------------------------------


def test_what_is_the_case_anyway_is_no_error_of_the_session() -> None:
    told = Builder().play(error("Cancellation failed", code="response_cancel_not_active"))
    assert [event.type for event in told] == ["raw_model_event", "raw_model_event"]
    assert [event.data.type for event in told] == ["raw_server_event", "error"]


def test_what_a_new_link_lacks_leaves_the_history() -> None:
    builder = Builder()
    builder.play(user_turn("Hello.", item_id="item_1"))
    builder.play(text_answer("Good day."))
    (_, lost) = builder.made.first().history
    *raw, event = builder.tell(
        Reconnected(code=1006, attempts=1, lost=[], lost_items=[lost.item_id, "unknown"])
    )
    assert [each.data.type for each in raw][-1] == "reconnected"
    assert event.type == "history_updated"
    assert [item.item_id for item in event.history] == ["item_1"]


def test_a_message_that_only_the_new_link_has_is_told_as_any_other() -> None:
    builder = Builder()
    builder.play(user_turn("Hello.", item_id="item_1"))
    content = [{"type": "input_text", "text": "And?"}]
    mine = {"id": "item_2", "type": "message", "role": "user", "content": content}
    back, raw, added = builder.tell(
        Reconnected(code=1006, attempts=1, lost=[], lost_items=[], new_items=[mine])
    )
    assert (back.data.type, raw.data.type) == ("reconnected", "item_updated")
    assert raw.data.item.item_id == "item_2"
    assert (added.type, added.item.item_id) == ("history_added", "item_2")
    assert added.item.previous_item_id == "item_1"
    assert added.item.content[0].text == "And?"


def test_a_new_link_that_lacks_nothing_changes_no_history() -> None:
    builder = Builder()
    builder.play(user_turn("Hello.", item_id="item_1"))
    told = builder.tell(Reconnected(code=1006, attempts=1, lost=[], lost_items=[]))
    assert {event.type for event in told} == {"raw_model_event"}


def test_an_error_of_the_servers() -> None:
    raw, model, event = Builder().play(error("no", code="quota"))
    assert raw.data.data["error"]["code"] == "quota"
    assert model.data.error is event.error
    assert (event.type, event.error.code) == ("error", "quota")


def test_an_idle_timeout() -> None:
    kind = "input_audio_buffer.timeout_triggered"
    place = {"item_id": "item_u", "audio_start_ms": 0, "audio_end_ms": 6000}
    events = Builder().play([{"type": kind, **place}])
    assert kinds(events) == ["input_audio_timeout_triggered"] * 2
    assert events[-1].type == "input_audio_timeout_triggered"


def test_a_new_item_is_added_and_further_words_are_no_events() -> None:
    events = Builder().play(spoken_answer("Hello there.", audio_ms=10, item_id="item_a"))
    shown = [event for event in events if event.type.startswith("history")]
    assert [event.type for event in shown] == ["history_added", "history_updated"]
    assert shown[0].item.item_id == "item_a"
    assert shown[-1].history[-1].content[0].transcript == "Hello there."
    order = kinds(events)
    assert order[order.index("history_added") - 1] == "item_updated"


def test_two_items_at_once_are_an_update() -> None:
    builder = Builder()
    added = parsed(user_turn(None, item_id="item_u") + user_turn(None, item_id="item_v"))
    builder.made._history.take(added[3])
    [event] = [e for e in builder.tell(added[-2]) if e.type.startswith("history")]
    assert event.type == "history_updated"
    assert [item.item_id for item in event.history] == ["item_u", "item_v"]


def test_an_item_that_is_gone() -> None:
    builder = Builder()
    builder.play(user_turn("Hi.", item_id="item_u"))
    events = builder.play([{"type": "conversation.item.deleted", "item_id": "item_u"}])
    assert kinds(events) == ["item_deleted", "history_updated"]
    assert events[-1].history == []


def test_what_is_out_of_band_is_in_no_history() -> None:
    builder = Builder()
    builder.aside.add("resp_1")
    traffic = [e for e in text_answer("Psst.", response_id="resp_1") if _of_response(e)]
    assert not any(kind.startswith("history") for kind in kinds(builder.play(traffic)))


def _of_response(event: dict[str, Any]) -> bool:
    return not event["type"].startswith("conversation.")


# -- outputs in the history ------------------------------------------------------------------------


def test_an_output_belongs_to_its_call() -> None:
    builder = Builder()
    builder.play(function_call("look_up", {}, "call_1", item_id="item_c"))
    raw, shown, end = builder.tell(ToolOver(CALL, look_up, 7, "7"))
    assert (raw.data.type, raw.data.item.output) == ("item_updated", "7")
    assert (shown.type, end.type) == ("history_updated", "tool_end")
    [item] = shown.history
    assert (item.item_id, item.output, item.status) == ("item_c", "7", "completed")
    told = {"id": "item_o", "type": "function_call_output", "call_id": "call_1", "output": "7"}
    events = builder.play([{"type": "conversation.item.added", "item": told}])
    assert not any(kind.startswith("history") for kind in kinds(events))


@pytest.mark.parametrize("kind", ["added", "done", "created"])
def test_an_output_that_no_tool_returned_comes_from_the_server(kind: str) -> None:
    """That of a handoff, for one."""
    builder = Builder()
    builder.play(function_call("transfer_to_billing", {}, "call_9", item_id="item_c"))
    told = {"id": "item_o", "type": "function_call_output", "call_id": "call_9", "output": "7"}
    raw, changed, shown = builder.play([{"type": f"conversation.item.{kind}", "item": told}])
    assert [raw.data.type, changed.data.type] == ["raw_server_event", "item_updated"]
    assert changed.data.item == shown.history[0]
    assert (shown.type, shown.history[0].output) == ("history_updated", "7")
    again = builder.play([{"type": "conversation.item.done", "item": told}])
    assert kinds(again) == []


def test_old_outputs_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_building, "_MAX_OUTPUTS", 1)
    history = Builder().made._history
    assert history.give_output("call_1", "1") is None
    assert history.give_output("call_2", "2") is None
    assert list(history._outputs) == ["call_2"]
    assert history.look() is None


def test_items_that_have_not_changed_are_not_made_anew() -> None:
    builder = Builder()
    builder.play(user_turn("Hi.", item_id="item_u"))
    before = builder.made._history.items
    builder.play(text_answer("Hello.", item_id="item_a"))
    after = builder.made._history.items
    assert after[0] is before[0]
    assert [item.previous_item_id for item in after] == [None, "item_u"]


# -- what a server may get wrong -------------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES)
def test_nothing_that_a_server_sends_raises(kind: str) -> None:
    builder = Builder()
    for mutation in sample(kind, 3):
        with suppress(RemoteProtocolError):  # the connection leaves it out
            builder.tell(parse_event(mutation.text))
    assert "history_added" in kinds(builder.play(text_answer("Hello.")))
