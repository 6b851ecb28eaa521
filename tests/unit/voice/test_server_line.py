"""What a caller hears in a call, in which no sound comes to this side."""

from __future__ import annotations

from typing import Any

import pytest
from guards import VirtualClock
from scripted_voice import (
    ScriptedFacts,
    call_done,
    created,
    event,
    feed,
    make_state,
    speech_started,
    speech_stopped,
)

from realtime_sync.events import ServerEvent
from realtime_sync.voice.asks import Saying
from realtime_sync.voice.effects import (
    CancelResponse,
    ClearOutput,
    CreateResponse,
    Report,
    RunTool,
    Silence,
)
from realtime_sync.voice.events import AnswerStarted, Interrupted
from realtime_sync.voice.rules import VoiceState
from realtime_sync.voice.server_line import ServerLine

SPOKEN: dict[str, Any] = {
    "type": "message", "id": "i", "content": [{"type": "output_audio", "transcript": "Hello."}]
}  # fmt: skip


def made(response_id: str, *, status: str = "completed", **item: Any) -> ServerEvent:
    """A response that is over, and has sound unless ``item`` says otherwise."""
    output = [{**SPOKEN, "id": f"item_{response_id}", **item}]
    response = {"id": response_id, "status": status, "output": output}
    return event("response.done", response=response)


def buffer(what: str, response_id: str) -> ServerEvent:
    return event(f"output_audio_buffer.{what}", response_id=response_id)


@pytest.fixture
def line(virtual_clock: VirtualClock) -> ServerLine:
    return ServerLine(clock=virtual_clock)


@pytest.fixture
def state(line: ServerLine, virtual_clock: VirtualClock) -> VoiceState:
    """The rules of a session that joins a call."""
    return make_state(ScriptedFacts(), virtual_clock, line=line)


# -- the line --------------------------------------------------------------------------------------


def test_a_response_is_heard_from_its_beginning_to_its_end(line: ServerLine) -> None:
    assert line.is_silent
    line.started("r")
    assert (line.is_silent, line.holds("r"), line.holds("s")) == (False, True, False)
    line.made("r", {"output": [SPOKEN]})
    assert not line.is_silent, "it is made faster than it is heard"
    line.stopped("r")
    assert (line.is_silent, line.holds("r")) == (True, False)


def test_one_that_is_over_before_it_begins_is_waited_for(
    line: ServerLine, virtual_clock: VirtualClock
) -> None:
    line.started("a")
    line.made("b", {"output": [SPOKEN]})
    virtual_clock.advance(100)
    line.stopped("a")
    assert not line.is_silent, "the next one begins now"
    line.started("b")
    virtual_clock.advance(100)
    line.stopped("b")
    assert line.is_silent


def test_a_server_that_tells_nothing_is_not_waited_for_long(
    line: ServerLine, virtual_clock: VirtualClock
) -> None:
    line.made("r", {"output": [SPOKEN]})
    virtual_clock.advance(0.9)
    assert (line.is_silent, line.holds("r")) == (False, True)
    virtual_clock.advance(0.1)
    assert (line.is_silent, line.holds("r")) == (True, False)


@pytest.mark.parametrize(
    "response",
    [
        {},
        {"output": None},
        {"output": [None, {"type": "function_call"}]},
        {"output": [{"content": [{"type": "output_text"}]}]},
        {"output": [SPOKEN], "status": "cancelled"},
    ],
)
def test_what_has_no_sound_is_not_waited_for(line: ServerLine, response: dict[str, Any]) -> None:
    line.made("r", response)
    assert line.is_silent


def test_the_end_of_one_is_that_of_those_before_it(line: ServerLine) -> None:
    """As with a server that tells of several responses as of one."""
    for response_id in ("a", "b", "c"):
        line.started(response_id)
    line.stopped("b")
    assert [line.holds(each) for each in ("a", "b", "c")] == [False, False, True]
    line.stopped("b")
    assert not line.is_silent


def test_what_is_cleared_is_heard_no_more(line: ServerLine) -> None:
    line.started("a")
    line.made("b", {"output": [SPOKEN]})
    assert line.cleared() == ["a", "b"]
    assert (line.is_silent, line.cleared()) == (True, [])


def test_which_item_is_heard(line: ServerLine) -> None:
    line.begun("a", {"type": "message", "id": "i"})
    line.begun("a", {"type": "function_call", "id": "c"})
    line.begun("b", {"type": "message", "id": "j"})
    line.begun("b", {"type": "message", "id": None})
    assert line.heard_item is None
    line.started("a")
    line.made("b", {"output": [SPOKEN]})
    assert line.heard_item == "i"
    line.stopped("a")
    assert line.heard_item == "j"


# -- the rules of a conversation in a call ---------------------------------------------------------


def test_an_answer_begins_when_its_caller_hears_it(state: VoiceState) -> None:
    assert feed(state, created("r")) == []
    assert not state.has_spoken
    (report,) = feed(state, buffer("started", "r"))
    assert isinstance(report, Report)
    assert isinstance(report.event, AnswerStarted)
    assert state.has_spoken, "so its voice can't be changed any more"
    assert feed(state, made("r")) == []
    assert (state.answering, state.is_speaking, state.busy) == (True, True, False)
    assert feed(state, buffer("stopped", "r")) == []
    assert (state.answering, state.is_speaking) == (False, False)


def test_what_is_asked_for_waits_until_the_caller_has_heard_the_answer(state: VoiceState) -> None:
    feed(state, created("r"), buffer("started", "r"), made("r"))
    saying = Saying.word_for_word("Goodbye.", is_protected=False)
    assert state.ask(saying) == []
    assert (state.fate_of(saying), state.is_speaking) == ("waiting", True)
    (create,) = feed(state, buffer("stopped", "r"))
    assert isinstance(create, CreateResponse)
    assert state.fate_of(saying) == "under_way"


@pytest.mark.parametrize("end", ["stopped", "cleared"])
def test_what_becomes_of_words(state: VoiceState, end: str) -> None:
    saying = Saying.word_for_word("Goodbye.", is_protected=False)
    (create,) = state.ask(saying)
    assert isinstance(create, CreateResponse)
    metadata = (create.response or {}).get("metadata")
    response = {"id": "r", "status": "in_progress", "metadata": metadata}
    feed(state, event("response.created", response=response), made("r"))
    assert state.fate_of(saying) == "under_way", "the caller has yet to hear it"
    feed(state, buffer("started", "r"))
    assert state.fate_of(saying) == "under_way"
    feed(state, buffer(end, "r"))
    assert state.fate_of(saying) == ("heard" if end == "stopped" else "cut")


def test_the_callers_voice_interrupts_what_was_made_to_its_end(state: VoiceState) -> None:
    """The server has cleared it by itself."""
    item = {"id": "item_r", "type": "message", "role": "assistant"}
    begun = event("response.output_item.added", response_id="r", output_index=0, item=item)
    feed(state, created("r"), begun, buffer("started", "r"), made("r"))
    assert feed(state, speech_started()) == [Silence(())]
    (report,) = state.silenced({})
    assert isinstance(report, Report)
    assert isinstance(report.event, Interrupted)
    assert (report.event.item_id, report.event.deleted) == ("item_r", ())
    assert feed(state, buffer("cleared", "r")) == []
    assert not state.answering
    feed(state, speech_stopped())
    assert state.silenced({}) == [], "it is told once"


def test_an_answer_that_was_interrupted_is_the_servers_to_truncate(state: VoiceState) -> None:
    """Part of it was heard: it is not to be deleted."""
    feed(state, created("r"), buffer("started", "r"), speech_started())
    state.silenced({})
    assert feed(state, buffer("cleared", "r"), made("r", status="cancelled")) == []


def test_a_program_that_interrupts_clears_what_the_server_plays(state: VoiceState) -> None:
    feed(state, created("r"), buffer("started", "r"))
    assert state.interrupt() == [Silence(())]
    cancel, clear, _ = state.silenced({})
    assert (cancel, clear) == (CancelResponse("r"), ClearOutput())
    feed(state, buffer("cleared", "r"), made("r", status="cancelled"))
    state.interrupt()
    assert ClearOutput() not in state.silenced({}), "there is nothing any more"


def test_a_tool_of_an_answer_runs_while_its_words_are_heard(state: VoiceState) -> None:
    effects = feed(state, created("r"), buffer("started", "r"), call_done("r", "c", "time"))
    assert any(isinstance(effect, RunTool) for effect in effects)
    feed(state, made("r"))
    assert state.is_speaking
    feed(state, buffer("stopped", "r"))
    assert not state.is_speaking, "it does not wait for itself"


def test_odd_events_of_the_line_are_met(state: VoiceState) -> None:
    for what in ("stopped", "cleared", "started"):
        feed(state, event(f"output_audio_buffer.{what}", response_id=None))
    assert state.is_speaking
    feed(state, event("output_audio_buffer.stopped"))
    assert not state.is_speaking
