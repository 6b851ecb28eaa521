"""The user speaks, or the program interrupts: where the answer is cut, and what is told of it."""

from __future__ import annotations

from typing import Any

import pytest
from agent_talk import begin, kinds, sent_types, session_with, take, take_until, take_until_raw

from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.model import RealtimePlaybackTracker
from realtime_sync.agents.model_inputs import RealtimeModelSendInterrupt
from realtime_sync.agents.session import RealtimeSession
from realtime_sync.testing import (
    MemorySink,
    MemorySource,
    ScriptedServer,
    VirtualClock,
    spoken_answer,
    text_answer,
    user_turn,
)

DESK = RealtimeAgent[Any](name="Desk", instructions="Be brief.")
SPEAKS = user_turn(None)[:1]  # and goes on


def answer(item_id: str, audio_ms: int, *, finished: bool = True, **more: Any) -> Any:
    """An answer in one piece, item and response of which have ids alike."""
    response_id = item_id.replace("item", "resp")
    return spoken_answer(
        "Hello.",
        audio_ms=audio_ms,
        finished=finished,
        item_id=item_id,
        response_id=response_id,
        **more,
    )


def settled(server: ScriptedServer, session: RealtimeSession[Any]) -> list[Any]:
    """Return all that still comes of what has happened; what it brings about is sent by then."""
    server.emit([{"type": "rate_limits.updated", "rate_limits": []}])
    return take_until_raw(session, "rate_limits.updated")


def cuts(server: ScriptedServer) -> list[tuple[Any, ...]]:
    """What was truncated, deleted and cancelled, in order."""
    names = ("item_id", "response_id", "audio_end_ms")
    kept = ("conversation.item.truncate", "conversation.item.delete", "response.cancel")
    return [
        (each["type"].split(".")[-1], *[each[name] for name in names if name in each])
        for each in server.sent
        if each["type"] in kept
    ]


# -- positions -------------------------------------------------------------------------------------


def test_what_plays_is_cut_and_what_waits_is_deleted() -> None:
    clock = VirtualClock()
    server = ScriptedServer()
    with server, session_with(server, DESK, clock=clock) as session:
        begin(session)
        server.emit(answer("item_a", 5000))
        server.emit(answer("item_b", 3000, finished=False))
        take_until(session, "audio", 2)
        clock.advance(0.3)
        server.emit(SPEAKS)
        interrupted: Any = take_until(session, "audio_interrupted")[-1]
        assert (interrupted.item_id, interrupted.content_index) == ("item_a", 0)
        settled(server, session)
    assert cuts(server) == [("truncate", "item_a", 300), ("delete", "item_b")]


def test_a_second_item_begins_when_the_first_is_over() -> None:
    clock = VirtualClock()
    server = ScriptedServer()
    with server, session_with(server, DESK, clock=clock) as session:
        begin(session)
        server.emit(answer("item_a", 500))
        server.emit(answer("item_b", 3000))
        take_until(session, "audio", 2)
        clock.advance(0.7)
        server.emit(SPEAKS)
        interrupted: Any = take_until(session, "audio_interrupted")[-1]
        assert interrupted.item_id == "item_b"
        settled(server, session)
    assert cuts(server) == [("truncate", "item_b", 200)]


def test_the_position_runs_from_when_the_program_gets_the_sound() -> None:
    clock = VirtualClock()
    server = ScriptedServer()
    with server, session_with(server, DESK, clock=clock) as session:
        begin(session)
        server.emit(answer("item_a", 5000))
        clock.advance(2.0)  # nothing plays yet
        take_until(session, "audio")
        clock.advance(0.25)
        session.interrupt()
    assert cuts(server) == [("truncate", "item_a", 250)]


def test_an_answer_that_was_heard_to_its_end_is_left_alone() -> None:
    clock = VirtualClock()
    server = ScriptedServer()
    with server, session_with(server, DESK, clock=clock) as session:
        begin(session)
        server.emit(answer("item_a", 500))
        take_until(session, "audio")
        clock.advance(0.5)
        server.emit(SPEAKS)
        events = settled(server, session)
    assert cuts(server) == []
    assert "audio_interrupted" not in kinds(events)


def test_no_cut_is_beyond_the_end() -> None:
    """241 samples are 10.04 ms, and a cut at 11 would be refused."""
    clock = VirtualClock()
    server = ScriptedServer()
    with server, session_with(server, DESK, clock=clock) as session:
        begin(session)
        server.emit(answer("item_a", 0, finished=False, sound=b"\1\0" * 241))
        take_until(session, "audio")
        clock.advance(1.0)
        server.emit(SPEAKS)
        settled(server, session)
    assert cuts(server) == [("truncate", "item_a", 10)]


def test_nothing_heard_is_deleted_and_never_cut_at_zero() -> None:
    clock = VirtualClock()
    server = ScriptedServer()
    with server, session_with(server, DESK, clock=clock) as session:
        begin(session)
        server.emit(answer("item_a", 500))
        take_until(session, "audio")
        session.interrupt()
        events = settled(server, session)
    assert cuts(server) == [("delete", "item_a")]
    interrupted: Any = next(event for event in events if event.type == "audio_interrupted")
    assert interrupted.item_id == "item_a"


def test_sound_that_the_program_has_not_taken_is_recalled() -> None:
    clock = VirtualClock()
    server = ScriptedServer()
    with server, session_with(server, DESK, clock=clock) as session:
        begin(session)
        words = spoken_answer("One two three.", audio_ms=900, item_id="item_a")
        server.emit(words)
        take_until(session, "audio")
        clock.advance(5.0)
        server.emit(SPEAKS)
        server.wait_sent("conversation.item.truncate")
        events = settled(server, session)
    assert "audio" not in kinds(events)
    assert kinds(events).count("audio_interrupted") == 1
    assert cuts(server) == [("truncate", "item_a", 300)]


def test_what_comes_late_of_an_interrupted_answer_is_not_heard() -> None:
    server = ScriptedServer()
    speaking = spoken_answer("One two.", audio_ms=200, order="sound_first", item_id="item_a")
    types = [event["type"] for event in speaking]
    at = types.index("response.output_audio.delta") + 1
    late = speaking[at]
    config = {
        "model_settings": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}
    }
    with server, session_with(server, DESK, run_config=config, clock=VirtualClock()) as session:
        begin(session)
        server.emit(speaking[:at])
        take_until(session, "audio")
        session.interrupt()
        server.emit([late])
        events = settled(server, session)
    assert "audio" not in kinds(events)


# -- with a tracker --------------------------------------------------------------------------------


def test_a_tracker_says_what_was_heard_of_which_item() -> None:
    tracker = RealtimePlaybackTracker()
    server = ScriptedServer()
    config = {"playback_tracker": tracker}
    with server, session_with(server, DESK, model_config=config, clock=VirtualClock()) as session:
        begin(session)
        server.emit(answer("item_a", 5000))
        server.emit(answer("item_b", 3000))
        take_until(session, "audio", 2)
        tracker.on_play_bytes("item_a", 0, bytes(48 * 319))
        server.emit(SPEAKS)
        take_until(session, "audio_interrupted")
        assert tracker.get_state()["current_item_id"] is None
        settled(server, session)
    assert cuts(server) == [("truncate", "item_a", 319), ("delete", "item_b")]


def test_a_tracker_reckons_in_the_format_of_the_session() -> None:
    tracker = RealtimePlaybackTracker()
    server = ScriptedServer()
    config = {
        "playback_tracker": tracker,
        "initial_model_settings": {"output_audio_format": "g711_ulaw"},
    }
    with server, session_with(server, DESK, model_config=config, clock=VirtualClock()) as session:
        begin(session)
        server.emit(answer("item_a", 0, sound=bytes(8 * 1000)))
        take_until(session, "audio")
        tracker.on_play_bytes("item_a", 0, bytes(8 * 400))
        session.interrupt()
    assert cuts(server) == [("truncate", "item_a", 400)]


def test_a_tracker_that_has_played_all() -> None:
    tracker = RealtimePlaybackTracker()
    server = ScriptedServer()
    config = {"playback_tracker": tracker}
    with server, session_with(server, DESK, model_config=config, clock=VirtualClock()) as session:
        begin(session)
        server.emit(answer("item_a", 500))
        take_until(session, "audio")
        tracker.on_play_ms("item_a", 0, 700)  # more than there was
        server.emit(SPEAKS)
        settled(server, session)
    assert cuts(server) == []


# -- who cancels -----------------------------------------------------------------------------------


@pytest.mark.parametrize("interrupts", [True, False])
def test_the_session_cancels_where_the_server_does_not(interrupts: bool) -> None:
    clock = VirtualClock()
    server = ScriptedServer()
    turns = {"type": "server_vad", "interrupt_response": interrupts}
    config = {"model_settings": {"turn_detection": turns}}
    with server, session_with(server, DESK, run_config=config, clock=clock) as session:
        begin(session)
        server.emit(answer("item_a", 1000, finished=False))
        take_until(session, "audio")
        clock.advance(0.4)
        server.emit(SPEAKS)
        take_until(session, "audio_interrupted")
        settled(server, session)
    cut = ("truncate", "item_a", 400)
    assert cuts(server) == ([cut] if interrupts else [("cancel", "resp_a"), cut])


@pytest.mark.parametrize("by", ["session", "model"])
def test_the_program_interrupts(by: str) -> None:
    clock = VirtualClock()
    server = ScriptedServer()
    with server, session_with(server, DESK, clock=clock) as session:
        begin(session)
        server.emit(answer("item_a", 1000, finished=False))
        take_until(session, "audio")
        clock.advance(0.4)
        if by == "session":
            session.interrupt()
        else:
            session.model.send_event(RealtimeModelSendInterrupt())
        assert cuts(server) == [("cancel", "resp_a"), ("truncate", "item_a", 400)]
        session.interrupt()
        assert len(cuts(server)) == 2
        take_until(session, "agent_end")


def test_nothing_goes_on_that_could_be_interrupted() -> None:
    server = ScriptedServer()
    with server, session_with(server, DESK) as session:
        begin(session)
        session.interrupt()
        events = settled(server, session)
    assert sent_types(server) == ["session.update"]
    assert kinds(events) == []


def test_an_answer_that_is_written_is_only_cancelled() -> None:
    server = ScriptedServer([text_answer("It was", finished=False, response_id="resp_t")])
    config = {"model_settings": {"output_modalities": ["text"]}}
    with server, session_with(server, DESK, run_config=config) as session:
        begin(session)
        assert server.wait_sent("session.update")["session"]["output_modalities"] == ["text"]
        session.send_message("Tell me.")
        take_until(session, "agent_start")
        session.interrupt()
        events = take_until(session, "agent_end")
        events += settled(server, session)
    assert cuts(server) == [("cancel", "resp_t")]
    assert "audio_interrupted" not in kinds(events)


def test_a_written_conversation() -> None:
    server = ScriptedServer([text_answer("Hello."), text_answer("And you?")])
    config = {"model_settings": {"output_modalities": ["text"]}}
    with server, session_with(server, DESK, run_config=config) as session:
        for _ in range(2):
            session.send_message("Hi!")
            events = take_until(session, "agent_end")
            deltas = [event.data.delta for event in events if is_text(event)]
            assert "".join(deltas) in ("Hello.", "And you?")
        assert len(session.history) == 4
        result = session.talk(timeout=0)
    assert result.final_output == "And you?"


def is_text(event: Any) -> bool:
    return event.type == "raw_model_event" and event.data.type == "output_text_delta"


# -- what comes of it ------------------------------------------------------------------------------


def test_interruptions_are_counted_and_the_answer_is_what_was_heard() -> None:
    clock = VirtualClock()
    server = ScriptedServer()
    with server, session_with(server, DESK, clock=clock) as session:
        begin(session)
        said = "One two three four five six seven eight nine ten."
        server.emit(spoken_answer(said, audio_ms=1000, item_id="item_a"))
        take_until(session, "audio", 10)
        clock.advance(0.5)
        session.interrupt()
        result = session.talk(timeout=0)  # the server may not have confirmed it yet
    assert result.interruptions == 1
    assert result.final_output is not None
    assert said.startswith(result.final_output)
    assert 0 < len(result.final_output) < len(said)


def test_a_session_with_a_sink_falls_silent() -> None:
    clock = VirtualClock()
    source, sink = MemorySource(), MemorySink(clock=clock)
    server = ScriptedServer()
    session = session_with(server, DESK, audio=(source, sink), clock=clock)
    with server, session:
        begin(session)
        server.emit(answer("item_a", 1000))
        sink.wait_written(1000)
        clock.advance(0.4)
        server.emit(SPEAKS)
        events = take_until(session, "audio_interrupted")
        sink.wait_written(1000)
        assert sink.played_ms("item_a") == 400
    assert cuts(server) == [("truncate", "item_a", 400)]
    assert kinds(events).count("audio") == 1


def test_the_next_turn_goes_on_as_ever() -> None:
    clock = VirtualClock()
    server = ScriptedServer()
    with server, session_with(server, DESK, clock=clock) as session:
        begin(session)
        server.emit(answer("item_a", 1000, finished=False))
        take_until(session, "audio")
        clock.advance(0.1)
        server.extend(answer("item_b", 200))
        server.emit(user_turn("Stop!", item_id="item_u"))
        take_until(session, "audio_interrupted")
        event = take(session)
        while not (event.type == "audio" and event.item_id == "item_b"):
            event = take(session)
        take_until(session, "agent_end")
        assert [item.item_id for item in session.history] == ["item_a", "item_u", "item_b"]
        session.talk(timeout=0)
    assert cuts(server) == [("truncate", "item_a", 100)]
