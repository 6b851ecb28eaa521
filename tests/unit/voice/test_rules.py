"""The rules of a conversation, event by event."""

from __future__ import annotations

from typing import Any

import pytest
from guards import VirtualClock
from scripted_voice import (
    ScriptedFacts,
    acts,
    asks,
    audio_done,
    call_done,
    created,
    decided,
    delta,
    done,
    event,
    feed,
    known,
    make_state,
    pcm,
    reconnect,
    reports,
    session,
    speech_started,
    speech_stopped,
    taken_by,
)

from realtime_sync.errors import ConfigError, ServerError
from realtime_sync.events import ServerEvent
from realtime_sync.voice.asks import Saying
from realtime_sync.voice.effects import (
    CancelResponse,
    ClearInput,
    Commit,
    CreateResponse,
    DeleteItem,
    Effect,
    Flush,
    Pause,
    Play,
    Report,
    Resume,
    RunTool,
    SendToolOutput,
    Silence,
    TruncateItem,
    UpdateTurns,
    UserStopped,
    WithdrawRequest,
)
from realtime_sync.voice.events import (
    AnswerFailed,
    AnswerStarted,
    Interrupted,
    RuleUnavailable,
    ToolFinished,
    ToolStarted,
    ToolsUnmatched,
    TurnMetrics,
)
from realtime_sync.voice.idle import IdleRule
from realtime_sync.voice.interruptions import Interruptions
from realtime_sync.voice.rules import VoiceState, check_rules


def test_an_answer_is_played_and_its_latency_reported(
    state: VoiceState, clock: VirtualClock
) -> None:
    feed(state, session(), speech_started())
    assert state.silenced({}) == []
    feed(state, speech_stopped())
    assert state.busy
    clock.advance(0.25)
    effects = feed(state, created("r1"), delta("r1", "a", 20, value=1), delta("r1", "a", 20))
    assert acts(effects) == [
        Play(pcm(20, 1), ("a", 0), "r1"),
        Play(pcm(20), ("a", 0), "r1"),
    ]
    assert reports(effects) == [AnswerStarted(response_id="r1", latency_ms=250)]
    assert feed(state, audio_done("r1", "a"), done("r1")) == [Flush(("a", 0), "r1")]
    assert not state.busy


def test_a_greeting_has_no_latency(state: VoiceState) -> None:
    effects = feed(state, created("r1"), delta("r1", "a", 20))
    assert reports(effects) == [AnswerStarted(response_id="r1", latency_ms=None)]


# -- interruptions -------------------------------------------------------------------------------


def test_the_item_that_plays_is_truncated_and_those_behind_it_are_deleted(
    state: VoiceState,
) -> None:
    feed(state, session(), created("r1"), delta("r1", "a", 1000), delta("r1", "b", 500))
    feed(state, audio_done("r1", "b"), delta("r1", "c", 500), done("r1"))
    silence = feed(state, speech_started())
    assert silence == [Silence((("a", 0), ("b", 0), ("c", 0)))]
    effects = state.silenced({("a", 0): 319, ("b", 0): 0, ("c", 0): 0})
    assert acts(effects) == [TruncateItem(("a", 0), 319), DeleteItem("b"), DeleteItem("c")]
    assert reports(effects) == [
        Interrupted(item_id="a", content_index=0, audio_end_ms=319, deleted=("b", "c"))
    ]


def test_what_was_heard_to_its_end_is_left_alone(state: VoiceState) -> None:
    feed(state, created("r1"), delta("r1", "a", 100), delta("r1", "b", 100), done("r1"))
    feed(state, speech_started())
    assert acts(state.silenced({("a", 0): 100, ("b", 0): 40})) == [TruncateItem(("b", 0), 40)]
    feed(state, created("r2"), delta("r2", "c", 100), done("r2"), speech_started())
    effects = state.silenced({("c", 0): 100})
    assert acts(effects) == reports(effects) == []


def test_the_point_of_truncation_is_never_beyond_the_audio(state: VoiceState) -> None:
    """241 samples are 10.04 ms: 11 would be refused."""
    feed(state, created("r1"), delta("r1", "a", 10))
    feed(state, speech_started())
    assert acts(state.silenced({("a", 0): 11})) == [TruncateItem(("a", 0), 10)]


def test_an_item_still_being_made_is_truncated_though_all_that_came_was_heard(
    state: VoiceState,
) -> None:
    feed(state, created("r1"), delta("r1", "a", 100), speech_started())
    assert acts(state.silenced({("a", 0): 100})) == [TruncateItem(("a", 0), 100)]


def test_an_item_with_a_heard_part_is_not_deleted(state: VoiceState) -> None:
    feed(state, created("r1"), delta("r1", "a", 100), delta("r1", "a", 100, index=1), done("r1"))
    feed(state, speech_started())
    assert acts(state.silenced({("a", 0): 50})) == [TruncateItem(("a", 0), 50)]


def test_late_audio_of_the_interrupted_response_is_dropped(state: VoiceState) -> None:
    feed(state, session(), created("r1"), delta("r1", "a", 100), speech_started())
    state.silenced({("a", 0): 60})
    late = (delta("r1", "a", 100), audio_done("r1", "a"), done("r1", "cancelled"))
    assert feed(state, *late) == []
    feed(state, speech_stopped())
    assert acts(feed(state, created("r2"), delta("r2", "b", 20))) == [Play(pcm(20), ("b", 0), "r2")]
    assert feed(state, delta("r1", "a", 100)) == []


def test_a_response_that_has_not_spoken_yet_is_interrupted_too(state: VoiceState) -> None:
    feed(state, session(), created("r1"), speech_started())
    effects = state.silenced({})
    assert acts(effects) == []
    assert len(reports(effects)) == 1
    assert feed(state, delta("r1", "a", 100)) == []


def test_a_cancel_is_sent_only_where_the_server_does_not_do_it(state: VoiceState) -> None:
    feed(state, session(interrupt_response=False), created("r0"), done("r0"), created("r1"))
    feed(state, delta("r1", "a", 100), speech_started())
    assert acts(state.silenced({("a", 0): 60})) == [
        CancelResponse("r1"),
        TruncateItem(("a", 0), 60),
    ]


def test_a_cancelled_response_is_not_played_any_more(state: VoiceState) -> None:
    feed(state, created("r1"), done("r1", "cancelled"))
    assert feed(state, delta("r1", "a", 100)) == []


# -- tools ---------------------------------------------------------------------------------------


def test_one_response_is_asked_for_when_all_outputs_are_in(state: VoiceState) -> None:
    effects = feed(
        state,
        created("r1"),
        call_done("r1", "c1", "weather", '{"city": "Rome"}'),
        call_done("r1", "c2", "time"),
    )
    assert acts(effects) == [
        RunTool("c1", "weather", '{"city": "Rome"}'),
        RunTool("c2", "time", "{}"),
    ]
    assert reports(effects)[0] == ToolStarted(
        call_id="c1", name="weather", arguments='{"city": "Rome"}'
    )
    assert state.output_sent("c1") == []
    assert feed(state, done("r1")) == []
    assert state.tools_running
    assert state.output_sent("c2") == [asks(state)]
    assert state.busy
    assert not state.tools_running
    feed(state, created("r2"), done("r2"))
    assert not state.busy


def test_the_response_must_be_over_before_the_next_is_asked_for(state: VoiceState) -> None:
    feed(state, created("r1"), call_done("r1", "c1", "time"))
    assert state.output_sent("c1") == []
    assert feed(state, done("r1")) == [asks(state)]


def test_an_output_that_could_not_be_sent_keeps_nobody_waiting(state: VoiceState) -> None:
    feed(state, created("r1"), call_done("r1", "c1", "time"), done("r1"))
    state.output_lost("c1")
    assert not state.busy, "no answer is asked for without it"


def declare(state: VoiceState, *names: str) -> None:
    tools = [{"type": "function", "name": name} for name in names]
    feed(state, event("session.updated", session={"type": "realtime", "tools": tools}))


def test_calls_of_others_are_left_to_them(state: VoiceState) -> None:
    declare(state, "weather", "theirs")
    assert feed(state, created("r1"), call_done("r1", "c1", "theirs"), done("r1")) == []
    assert not state.busy


def test_a_tool_that_the_model_made_up_gets_an_error_and_an_answer(state: VoiceState) -> None:
    declare(state, "weather")
    told, output = feed(state, created("r1"), call_done("r1", "c1", "wether"))
    assert isinstance(output, SendToolOutput)
    assert "there is no tool 'wether'" in output.output
    assert isinstance(told, Report)
    assert told.event == ToolFinished(
        call_id="c1", name="wether", output=output.output, failed=True
    )
    assert state.output_sent("c1") == []
    assert feed(state, done("r1")) == [asks(state)]


def test_a_call_that_comes_twice_is_run_once(state: VoiceState) -> None:
    call = call_done("r1", "c1", "time")
    assert len(acts(feed(state, created("r1"), call, call))) == 1


def test_while_the_user_speaks_no_response_is_asked_for(state: VoiceState) -> None:
    """The turn's own response begins with the outputs."""
    feed(state, session(), created("r1"), call_done("r1", "c1", "time"), done("r1"))
    feed(state, speech_started())
    assert acts(state.silenced({})) == []
    assert state.output_sent("c1") == []
    assert feed(state, speech_stopped(), created("r2"), done("r2")) == []
    assert not state.busy


def test_without_automatic_answers_the_request_comes_after_the_speech(state: VoiceState) -> None:
    feed(state, session(create_response=False), created("r1"), call_done("r1", "c1", "time"))
    feed(state, done("r1"), speech_started())
    state.silenced({})
    assert state.output_sent("c1") == []
    assert feed(state, speech_stopped()) == [asks(state)]


def test_calls_of_an_interrupted_response_get_outputs_and_no_response(state: VoiceState) -> None:
    feed(state, session(), created("r1"), call_done("r1", "c1", "time"), speech_started())
    state.silenced({})
    feed(state, done("r1", "cancelled"))
    assert state.output_sent("c1") == []
    feed(state, speech_stopped(), created("r2"), done("r2"))
    assert not state.busy


def test_a_refused_request_is_over(state: VoiceState) -> None:
    feed(state, created("r1"), call_done("r1", "c1", "time"), done("r1"))
    assert state.output_sent("c1") == [asks(state)]
    refused = {"type": "server_error", "message": "no", "event_id": "voice_create_1"}
    assert state.busy
    assert reports(feed(state, event("error", error=refused))) == [
        AnswerFailed(response_id=None, status="refused", reason="server_error: no")
    ]
    assert not state.busy


BUSY = event(
    "error",
    error={
        "type": "invalid_request_error",
        "code": "conversation_already_has_active_response",
        "message": "Conversation already has an active response in progress: r1.",
    },
)


def test_a_turn_that_the_server_could_not_answer_is_asked_for(state: VoiceState) -> None:
    feed(state, session(), speech_started())
    state.silenced({})
    feed(state, created("r1"))  # somebody else has asked for it
    assert acts(feed(state, speech_stopped())) == []
    assert acts(feed(state, BUSY)) == [asks(state)], "the connection sends it behind r1"
    feed(state, done("r1"), created("r2"), done("r2"))
    assert not state.busy
    assert acts(feed(state, BUSY)) == [], "nothing was due"


def test_a_refusal_of_our_own_request_is_not_that_of_a_turn(state: VoiceState) -> None:
    feed(state, session(), speech_started())
    state.silenced({})
    feed(state, speech_stopped())
    known(state).sent({"type": "response.create", "event_id": "mine"})
    assert acts(feed(state, BUSY)) == [], "the turn's answer is still to come"
    feed(state, created("r1"), done("r1"))
    assert not state.busy


@pytest.mark.parametrize("way", ["interrupted", "forbidden"])
def test_an_answer_that_nobody_wants_is_not_asked_for(state: VoiceState, way: str) -> None:
    feed(state, session(), created("r1"), speech_started())
    state.silenced({})
    feed(state, speech_stopped())
    if way == "forbidden":
        assert state.forbid_due()
    else:
        state.interrupt()
        state.silenced({})
    assert acts(feed(state, BUSY)) == []
    feed(state, done("r1", "cancelled"))
    assert not state.busy


@pytest.mark.parametrize("status", ["failed", "incomplete"])
def test_an_answer_that_fails_is_told_and_not_waited_for(state: VoiceState, status: Any) -> None:
    details = {"error": {"code": "rate_limit_exceeded", "message": "Slow down."}}
    wire = {"id": "r1", "status": status, "status_details": details}
    effects = feed(state, session(), created("r1"), event("response.done", response=wire))
    assert reports(effects) == [
        AnswerFailed(response_id="r1", status=status, reason="rate_limit_exceeded: Slow down.")
    ]
    assert not state.busy


@pytest.mark.parametrize("response", [None, {"status": "completed"}, 5])
def test_an_end_that_names_no_response_is_that_of_the_one_that_runs(
    state: VoiceState, response: Any
) -> None:
    feed(state, session(), created("r1"), delta("r1", "a", 20))
    feed(state, event("response.done", response=response))
    assert not state.busy


def test_what_was_not_running_when_it_was_cancelled_is_over(state: VoiceState) -> None:
    feed(state, session(), created("r1"), delta("r1", "a", 20))
    state.interrupt()
    assert CancelResponse("r1") in state.silenced({("a", 0): 10})
    known(state).sent({"type": "response.cancel", "event_id": "c", "response_id": "r1"})
    assert state.busy
    code = {"type": "invalid_request_error", "code": "response_cancel_not_active"}
    feed(state, event("error", error={**code, "message": "no", "event_id": "c"}))
    assert not state.busy


def test_what_comes_of_an_interrupted_answer_is_deleted_when_it_is_over(state: VoiceState) -> None:
    def item(item_id: str, kind: str) -> dict[str, Any]:
        return {"type": "message", "id": item_id, "content": [{"type": kind}]}

    feed(state, session(), created("r1"), delta("r1", "a", 100))
    state.interrupt()
    state.silenced({("a", 0): 40})  # that is truncated
    feed(state, delta("r1", "b", 100))
    output = [item("a", "output_audio"), item("b", "output_audio"), item("c", "output_text")]
    over = {"id": "r1", "status": "cancelled", "output": output}
    assert feed(state, event("response.done", response=over)) == [DeleteItem("b")]


def test_a_saying_waits_until_the_answer_was_heard(clock: VirtualClock) -> None:
    silent = False
    state = make_state(ScriptedFacts(), clock, is_silent=lambda: silent)
    assert state.say("Hello.") == []
    silent = True
    (create,) = state.tick()
    assert isinstance(create, CreateResponse)
    assert "Hello." in (create.response or {})["instructions"]


def test_an_update_that_was_refused_before_the_beginning_ends_it(state: VoiceState) -> None:
    known(state).sent({"type": "session.update", "event_id": "u1", "session": {}})
    state.begin()
    known(state).sent({"type": "session.update", "event_id": "u2", "session": {}})
    error = {"type": "invalid_request_error", "message": "no such voice", "event_id": "u2"}
    assert feed(state, event("error", error=error)) == []
    with pytest.raises(ServerError, match="no such voice"):
        feed(state, event("error", error={**error, "event_id": "u1"}))


def test_an_item_that_is_deleted_while_it_plays_is_not_truncated(state: VoiceState) -> None:
    feed(state, session(), created("r1"), delta("r1", "a", 500), done("r1"))
    feed(state, event("conversation.item.deleted", item_id="a"))
    assert feed(state, speech_started()) == [Silence((("a", 0),))]
    effects = state.silenced({("a", 0): 200})
    assert acts(effects) == []
    assert reports(effects) == [
        Interrupted(item_id="a", content_index=0, audio_end_ms=200, deleted=())
    ]


def test_tools_that_do_not_match_are_told_once(state: VoiceState) -> None:
    tools = [{"type": "function", "name": name} for name in ("time", "search")]
    told = event("session.updated", session={"type": "realtime", "tools": tools})
    known(state).receive(told)
    unmatched = ToolsUnmatched(unanswered=("search",), undeclared=("weather",))
    assert taken_by(state, told) == [Report(unmatched)]
    assert taken_by(state, told) == []
    words = str(unmatched)
    assert "does not declare weather, " in words
    assert "'tools': [function_schema(weather)]" in words
    assert "declares search, which this loop does not have" in words


# -- out-of-band responses -----------------------------------------------------------------------


def out_of_band(response_id: str) -> ServerEvent:
    return event("response.created", response={"id": response_id, "conversation_id": None})


def test_an_out_of_band_response_is_not_interrupted(state: VoiceState) -> None:
    feed(state, session(interrupt_response=False), out_of_band("oob"))
    assert not state.busy
    assert acts(feed(state, delta("oob", "notice", 100))) == [Play(pcm(100), ("notice", 0), "oob")]
    assert feed(state, speech_started()) == [Silence(())]
    assert state.silenced({}) == []
    assert acts(feed(state, delta("oob", "notice", 20))) == [Play(pcm(20), ("notice", 0), "oob")]


def test_it_swallows_no_answer_that_is_due(state: VoiceState) -> None:
    feed(state, session(), created("r1"), call_done("r1", "c1", "time"), done("r1"))
    feed(state, speech_started(), speech_stopped())
    state.output_sent("c1")
    feed(state, out_of_band("oob"), done("oob"))
    assert state.busy
    feed(state, created("r2"), done("r2"))
    assert not state.busy


def test_its_calls_are_the_affair_of_whoever_asked_for_it(state: VoiceState) -> None:
    assert feed(state, out_of_band("oob"), call_done("oob", "c1", "time"), done("oob")) == []


# -- requests that wait --------------------------------------------------------------------------


def test_a_request_that_waits_is_taken_back_when_the_user_speaks(state: VoiceState) -> None:
    feed(state, session(), created("r1"), call_done("r1", "c1", "time"), done("r1"))
    feed(state, created("r2"))
    assert state.output_sent("c1") == [asks(state)]
    assert feed(state, speech_started()) == [Silence(()), WithdrawRequest("voice_create_1")]
    assert known(state).withdraw("voice_create_1")
    assert state.withdrawn("voice_create_1") == [], "the user speaks"
    state.silenced({})
    feed(state, done("r2", "cancelled"))
    assert feed(state, speech_stopped(), created("r3"), done("r3")) == [], "it had the output"
    assert not state.busy


def test_one_that_was_taken_back_by_hand_is_sent_again(state: VoiceState) -> None:
    feed(state, created("r1"), call_done("r1", "c1", "time"), done("r1"), created("r2"))
    state.output_sent("c1")
    assert state.interrupt() == [Silence(()), WithdrawRequest("voice_create_1")]
    assert state.withdrawn("voice_create_1") == [CreateResponse("voice_create_2")]
    feed(state, done("r2", "cancelled"))
    assert acts(feed(state, created("r3"))) == [], "it is not cancelled"


def test_errors_of_others_change_nothing(state: VoiceState) -> None:
    feed(state, session(), speech_started(), speech_stopped())
    error = {"type": "invalid_request_error", "message": "no", "event_id": "someone"}
    assert feed(state, event("error", error=error)) == []
    assert state.busy


# -- the session ---------------------------------------------------------------------------------


def test_a_server_that_only_listens_owes_no_answer(state: VoiceState) -> None:
    transcribing = event(
        "session.created",
        session={
            "type": "transcription",
            "audio": {"input": {"turn_detection": {"type": "server_vad"}}},
        },
    )
    for configured in (session(create_response=False), transcribing):
        feed(state, configured, speech_started())
        assert state.busy
        state.silenced({})
        feed(state, speech_stopped())
        assert not state.busy


@pytest.mark.parametrize("direction", ["input", "output"])
def test_a_session_in_a_format_that_nobody_speaks_is_refused(
    state: VoiceState, direction: str
) -> None:
    audio = {direction: {"format": {"type": "audio/opus"}}}
    with pytest.raises(ConfigError, match=f"{direction} format is 'audio/opus'"):
        feed(state, event("session.created", session={"type": "realtime", "audio": audio}))


def test_the_flat_sessions_of_the_beta_are_understood(state: VoiceState) -> None:
    flat = {
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "turn_detection": {"type": "server_vad", "interrupt_response": False},
    }
    feed(state, event("session.created", session=flat), created("r1"), speech_started())
    assert acts(state.silenced({})) == [CancelResponse("r1")]


def test_events_it_does_not_know_are_left_alone(state: VoiceState) -> None:
    assert feed(state, event("rate_limits.updated", rate_limits=[]), event("new.thing")) == []


def test_a_long_conversation_keeps_a_bounded_memory(state: VoiceState) -> None:
    for n in range(1000):
        feed(state, created(f"r{n}"), delta(f"r{n}", f"i{n}", 20), done(f"r{n}"))
    assert len(state._answers._parts) <= 64
    assert len(state._answers._answers) <= 64


# -- turns that are found here -------------------------------------------------------------------


@pytest.fixture
def manual(clock: VirtualClock) -> VoiceState:
    """The state of a loop with a button or a detector of its own."""
    state = make_state(ScriptedFacts(), clock, manual_turns=True)
    # The server's own settings, before they are updated.
    feed(state, event("session.created", session={"type": "realtime", **DETECTING}))
    feed(state, event("session.updated", session={"type": "realtime", **QUIET}))
    return state


def stop(state: VoiceState, *, respond: bool = True) -> list[Effect]:
    """What comes of a turn's end beside its commit."""
    commit, *effects = decided(state, state.user_stopped(UserStopped(respond, 500, "released")))
    assert commit == Commit()
    return effects


DETECTING: dict[str, Any] = {"audio": {"input": {"turn_detection": {"type": "server_vad"}}}}
QUIET: dict[str, Any] = {"audio": {"input": {"turn_detection": None}}}


def test_a_turn_that_was_found_here_is_answered_on_request(
    manual: VoiceState, clock: VirtualClock
) -> None:
    assert manual.user_started() == [Silence(())]
    assert manual.silenced({}) == []
    assert manual.busy
    assert stop(manual) == [asks(manual)]
    clock.advance(0.1)
    effects = feed(manual, created("r1"), delta("r1", "a", 20), done("r1"))
    assert reports(effects) == [AnswerStarted(response_id="r1", latency_ms=100)]
    assert not manual.busy


def test_a_turn_may_go_without_an_answer(manual: VoiceState) -> None:
    manual.user_started()
    assert stop(manual, respond=False) == []
    assert not manual.busy


def test_a_turn_that_interrupts_cancels_and_waits_for_the_end(manual: VoiceState) -> None:
    feed(manual, created("r1"), delta("r1", "a", 100))
    assert manual.user_started() == [Silence((("a", 0),))]
    assert acts(manual.silenced({("a", 0): 40})) == [
        CancelResponse("r1"),
        TruncateItem(("a", 0), 40),
    ]
    assert stop(manual) == [asks(manual)]
    assert feed(manual, done("r1", "cancelled")) == []
    assert manual.busy, "the connection asks now"


def test_an_answer_that_was_asked_for_and_not_begun_is_cancelled_too(manual: VoiceState) -> None:
    manual.user_started()
    assert stop(manual) == [asks(manual)]
    assert manual.user_started() == [Silence(()), WithdrawRequest("voice_create_1")]
    assert not known(manual).withdraw("voice_create_1"), "it was sent"
    assert manual.silenced({}) == []
    assert stop(manual) == [asks(manual, 2)]
    assert feed(manual, created("r1")) == [CancelResponse("r1")]
    assert feed(manual, delta("r1", "a", 100)) == []
    assert feed(manual, done("r1", "cancelled")) == []
    assert manual.busy, "the connection asks now"


def test_the_silence_that_a_detector_waits_for_is_not_counted_as_speech(
    clock: VirtualClock,
) -> None:
    rule = Interruptions(resume=True, backchannels=None, max_backchannel_ms=1000)
    state = make_state(ScriptedFacts(), clock, manual_turns=True, interruptions=rule)
    feed(state, event("session.updated", session={"type": "realtime", **QUIET}))
    feed(state, created("r1"), delta("r1", "a", 5000))
    assert acts(state.user_started(silence_ms=500)) == [Pause()]
    clock.advance(1.45)  # of which it may have been silent for half a second
    assert state.tick() == []
    stopped = UserStopped(True, 950, "detected")
    clear, resume = acts(decided(state, state.user_stopped(stopped)))
    assert isinstance(clear, ClearInput)
    assert resume == Resume()
    state.user_started(silence_ms=500)
    clock.advance(1.55)
    assert Silence((("a", 0),)) in state.tick()


def test_a_detector_that_an_update_turns_off_is_none(clock: VirtualClock) -> None:
    """What is known of the session may be ahead of the events."""
    state = make_state(ScriptedFacts(), clock, manual_turns=True)
    detecting = event("session.updated", session={"type": "realtime", **DETECTING})
    known(state).receive(detecting)
    known(state).receive(event("session.updated", session={"type": "realtime", **QUIET}))
    assert decided(state, taken_by(state, detecting)) == []


def test_two_detectors_are_refused(manual: VoiceState) -> None:
    with pytest.raises(ConfigError, match="turn_detection to None"):
        feed(manual, event("session.updated", session={"type": "realtime", **DETECTING}))
    with pytest.raises(ConfigError, match="turn_detection to None"):
        feed(manual, speech_started())


# -- interruptions by hand -----------------------------------------------------------------------


def test_by_hand_it_is_cancelled_though_the_server_could(state: VoiceState) -> None:
    feed(state, session(), created("r1"), delta("r1", "a", 100))
    assert state.plays("r1")
    assert state.interrupt() == [Silence((("a", 0),))]
    assert not state.plays("r1")
    assert feed(state, delta("r1", "a", 100)) == []
    assert acts(state.silenced({("a", 0): 40})) == [
        CancelResponse("r1"),
        TruncateItem(("a", 0), 40),
    ]


def test_an_interruption_of_an_interruption_changes_nothing(state: VoiceState) -> None:
    feed(state, session(), created("r1"), delta("r1", "a", 100))
    state.interrupt()
    feed(state, speech_started())  # both are on their way to the sink
    first = state.silenced({("a", 0): 40})
    assert acts(first) == [CancelResponse("r1"), TruncateItem(("a", 0), 40)]
    assert state.silenced({("a", 0): 40}) == []


def test_the_figures_of_a_turn_are_reported_once(state: VoiceState, clock: VirtualClock) -> None:
    feed(state, session(), speech_started())
    state.silenced({})
    feed(state, speech_stopped())
    clock.advance(0.3)
    feed(state, created("r1"), delta("r1", "a", 100))
    assert state.waits_for == ("a", 0)
    clock.advance(0.05)
    state.played(30)
    feed(state, done("r1"))
    (report,) = state.settle_turn()
    assert isinstance(report, Report)
    assert isinstance(report.event, TurnMetrics)
    assert report.event.first_delta_ms == pytest.approx(300)
    assert report.event.first_played_ms == pytest.approx(320)
    assert state.settle_turn() == []


def test_no_words_are_needed_where_the_server_interrupts_by_itself(clock: VirtualClock) -> None:
    rule = Interruptions(resume=True)
    state = make_state(ScriptedFacts(), clock, interruptions=rule, ends_on_speech=True)
    (told,) = feed(state, session())
    assert isinstance(told, Report)
    assert isinstance(told.event, RuleUnavailable)
    with pytest.raises(ConfigError, match="transcription"):
        feed(make_state(ScriptedFacts(), clock, interruptions=rule), session())


# -- what others decide --------------------------------------------------------------------------


def test_an_answer_that_is_forbidden_before_it_was_handed_on_is_deleted_at_its_end(
    state: VoiceState,
) -> None:
    feed(state, created("r1"), delta("r1", "a", 100))
    assert state.forbid("r1", is_handed=False) == [CancelResponse("r1")]
    assert state.runs("r1")
    assert not state.plays("r1")
    spoken = {"id": "a", "type": "message", "content": [{"type": "output_audio"}]}
    wire = {"id": "r1", "status": "cancelled", "output": [spoken]}
    assert feed(state, event("response.done", response=wire)) == [DeleteItem("a")]
    assert not state.runs("r1")


def test_one_that_is_over_is_deleted_at_once(state: VoiceState) -> None:
    feed(state, created("r1"), delta("r1", "a", 100), delta("r1", "b", 100), done("r1"))
    assert state.forbid("r1", is_handed=False) == [DeleteItem("a"), DeleteItem("b")]
    assert state.forbid("r1", is_handed=False) == []


def test_one_that_was_handed_on_is_truncated_where_it_was_heard(state: VoiceState) -> None:
    feed(state, created("r1"), delta("r1", "a", 100))
    assert state.forbid("r1", is_handed=True) == [Silence((("a", 0),))]
    effects = state.silenced({("a", 0): 60})
    assert acts(effects) == [CancelResponse("r1"), TruncateItem(("a", 0), 60)]


def test_what_runs_meanwhile_is_cancelled_with_it(state: VoiceState) -> None:
    """The sink falls silent, so that nobody would hear the beginning of the other one."""
    feed(state, created("r1"), delta("r1", "a", 100), done("r1"))
    feed(state, created("r2"), delta("r2", "b", 100))
    state.forbid("r1", is_handed=True)
    effects = state.silenced({("a", 0): 60, ("b", 0): 0})
    assert acts(effects) == [CancelResponse("r2"), TruncateItem(("a", 0), 60), DeleteItem("b")]
    assert not state.plays("r2")


def test_a_written_one_is_cancelled_if_it_still_runs(state: VoiceState) -> None:
    feed(state, created("r1"))
    assert state.forbid("r1", is_handed=True) == [CancelResponse("r1")]
    feed(state, done("r1", "cancelled"), created("r2"), done("r2"))
    assert state.forbid("r2", is_handed=True) == []


def test_what_is_asked_for_behind_a_forbidden_answer_stays_owed(state: VoiceState) -> None:
    feed(state, created("r1"))
    assert state.owe_answer() == [asks(state)]
    withdrawn = WithdrawRequest("voice_create_1")
    assert state.forbid("r1", is_handed=False) == [CancelResponse("r1"), withdrawn]


def test_the_answer_that_the_server_owes_may_be_forbidden_before_it_begins(
    state: VoiceState,
) -> None:
    assert not state.forbid_due()
    assert not state.runs("")
    feed(state, session(), speech_started(), speech_stopped())
    assert state.forbid_due()
    assert state.runs("")
    assert feed(state, created("r1")) == [CancelResponse("r1")]
    assert not state.runs("")
    assert feed(state, delta("r1", "a", 100)) == []
    feed(state, done("r1", "cancelled"))
    assert feed(state, created("r2"), delta("r2", "b", 20)) != [CancelResponse("r2")]
    assert state.plays("r2")


def test_who_is_owed_an_answer_over_a_new_link_is_not_forbidden_it(state: VoiceState) -> None:
    feed(state, session(), speech_started(), speech_stopped())
    state.forbid_due()
    reconnect(state)
    assert not state.runs("")


def test_no_answer_is_asked_for_while_others_hold_it(clock: VirtualClock) -> None:
    held = True
    state = make_state(ScriptedFacts(), clock, holds_asks=lambda: held)
    assert state.owe_answer() == []
    assert state.tick() == []
    assert state.busy
    held = False
    assert state.tick() == [asks(state)]


def test_the_answers_to_turns_may_be_asked_for_here(state: VoiceState) -> None:
    feed(state, session(interrupt_response=True))
    (update,) = state.answer_turns()
    assert isinstance(update, UpdateTurns)
    assert update.turn_detection["create_response"] is False
    assert feed(state, speech_started(), speech_stopped()) == [Silence(())], "not yet"
    feed(state, created("r1"), done("r1"))
    feed(state, session(create_response=False, interrupt_response=True))
    assert feed(state, created("r2"), speech_started()) == [Silence(())]
    assert acts(state.silenced({})) == [], "the server interrupts"
    assert feed(state, speech_stopped()) == [asks(state)]


def test_where_they_are_already_nothing_changes(clock: VirtualClock) -> None:
    state = make_state(ScriptedFacts(), clock, interruptions=False)
    feed(state, session(create_response=False, interrupt_response=False))
    assert state.answer_turns() == []
    assert feed(state, created("r1"), speech_started()) == [], "nobody interrupts"


# -- what others ask of it -----------------------------------------------------------------------


def test_interruptions_are_counted_whatever_there_was_to_interrupt(state: VoiceState) -> None:
    feed(state, session())
    assert state.cuts == 0
    feed(state, speech_started())
    assert state.cuts == 1
    state.interrupt()
    assert state.cuts == 2


def test_tools_alone_are_no_talk(state: VoiceState) -> None:
    feed(state, session(), created("r"))
    assert state.talking
    feed(state, call_done("r", "c1", "weather"))
    assert state.talking, "the response is running"
    feed(state, done("r"))
    assert not state.talking
    assert state.busy
    feed(state, speech_started())
    assert state.talking, "the user speaks"


def test_to_fall_silent_interrupts_nothing(state: VoiceState) -> None:
    feed(state, session(), created("r"), delta("r", "a", 100), done("r"))
    assert state.fall_silent() == [Silence((("a", 0),))]
    assert acts(state.silenced({("a", 0): 100})) == []
    assert state.cuts == 0


@pytest.mark.parametrize(
    ("came", "fate"),
    [
        ([delta("r2", "a", 20)], "heard"),
        ([call_done("r2", "c1", "time")], "unspoken"),
        ([], "unspoken"),
    ],
)
def test_what_becomes_of_words_is_known(
    state: VoiceState, came: list[ServerEvent], fate: str
) -> None:
    saying = Saying.word_for_word("Hello.", is_protected=False)
    assert saying.params["instructions"].endswith('nothing else: "Hello."')
    assert saying.params["tool_choice"] == "none", "a call would come in their place"
    feed(state, session(), created("r"))
    assert state.ask(saying) == []
    assert state.fate_of(saying) == "waiting"
    (create,) = feed(state, done("r"))
    assert create == CreateResponse("voice_create_1", saying.params)
    assert state.fate_of(saying) == "under_way"
    asks(state)
    feed(state, created("r2"))
    assert state.fate_of(saying) == "under_way"
    feed(state, *came, done("r2"))
    assert state.fate_of(saying) == fate


def test_words_that_the_server_refuses_are_lost(state: VoiceState) -> None:
    saying = Saying.word_for_word("Hello.", is_protected=False)
    feed(state, session())
    state.ask(saying)
    asks(state)
    detail = {"type": "invalid_request_error", "message": "no", "event_id": "voice_create_1"}
    feed(state, event("error", error=detail))
    assert state.fate_of(saying) == "lost"


@pytest.mark.parametrize("status", ["failed", "incomplete"])
def test_words_that_the_server_does_not_complete_are_lost(state: VoiceState, status: str) -> None:
    saying = Saying.word_for_word("Hello.", is_protected=False)
    feed(state, session())
    state.ask(saying)
    asks(state)
    feed(state, created("r"), done("r", status))
    assert state.fate_of(saying) == "lost"


def test_words_of_which_nothing_comes_are_lost(state: VoiceState, clock: VirtualClock) -> None:
    saying = Saying.word_for_word("Hello.", is_protected=False)
    feed(state, session())
    state.ask(saying)
    asks(state)
    state.give_up_overdue(reconnecting=False)
    clock.advance(30)
    assert reports(state.give_up_overdue(reconnecting=False))
    assert state.fate_of(saying) == "lost"


def test_turns_of_the_user_are_counted_spoken_or_written(state: VoiceState) -> None:
    feed(state, session(), speech_started(), speech_stopped())
    assert state.turns == 1
    state.user_wrote()
    state.user_started()
    assert state.turns == 3
    state.say("Hello.")
    assert state.turns == 3


@pytest.mark.parametrize(
    ("interruptions", "idle", "wrong"),
    [("off", None, "interruptions="), (None, None, "interruptions="), (True, 5, "idle=")],
)
def test_what_is_no_rule_is_refused(interruptions: object, idle: object, wrong: str) -> None:
    with pytest.raises(ConfigError, match=f"{wrong}.* is no rule"):
        check_rules(interruptions, idle)
    for rule in (True, False, Interruptions()):
        check_rules(rule, None)
        check_rules(rule, IdleRule(after_s=1, end_after_s=1))
