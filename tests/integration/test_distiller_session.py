"""A Distiller session over a real socket: what goes over the wire, and what a program gets."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from distiller_peer import DistillerLine, DistillerPeer
from guards import Guard

from realtime_sync import ConcurrencyError, ConfigError, FormatError, RealtimeTimeout
from realtime_sync.distiller import (
    DistillerEvent,
    DistillerSession,
    open_session,
    wire_messages,
)
from realtime_sync.errors import DistillerConnectionError, DistillerMessageError

PCM = b"\x01\x02" * 80


def types(events: list[DistillerEvent]) -> list[str]:
    return [event["type"] for event in events]


def after_begin(talk: Callable[[DistillerLine], None], **begin: Any) -> DistillerPeer:
    """Return a peer that begins a session, and then does what ``talk`` says."""

    def whole(line: DistillerLine) -> None:
        line.begin(**begin)
        talk(line)

    return DistillerPeer(whole)


def answer_queries(line: DistillerLine) -> None:
    while True:
        query = line.expect("input_text")
        line.answer(f"You said {query['text']}")


# -- the wire --------------------------------------------------------------------------------------


def test_the_upgrade_goes_where_and_as_whom_the_sdk_would() -> None:
    with DistillerPeer() as peer, open_session(peer.place(project_version="3")):
        (line,) = peer.lines
    assert line.target == "/distiller/realtime/org-123/proj_1:3/ann"
    assert line.headers["authorization"] == "Bearer key"
    assert line.headers["airefinery_account"] == "org-123"


def test_the_messages_are_those_of_the_sdk() -> None:
    sent: list[dict[str, Any]] = []

    def talk(line: DistillerLine) -> None:
        line.begin()
        while line.receive()["type"] != "input_text":
            pass
        line.event("response.created")
        line.expect("response.cancel")
        line.event("response.done")
        sent.extend(line.received)

    with DistillerPeer(talk) as peer, open_session(peer.place()) as session:
        assert session.send_audio_chunk(PCM)
        session.commit_audio()
        session.clear_audio_buffer()
        session.send_update()
        session.notify_playback_started()
        session.notify_playback_stopped()
        session.send_text_query("hello")
        for event in session.get_responses():
            if event["type"] == "response.created":
                session.cancel_response()
    assert sent == [
        {"type": "input_audio_buffer.append", "audio": "AQIBAgEC" * 26 + "AQIBAg=="},
        {"type": "input_audio_buffer.commit"},
        {"type": "input_audio_buffer.clear"},
        {"type": "session.update"},
        {"type": "playback.started"},
        {"type": "playback.stopped"},
        {"type": "input_text", "text": "hello"},
        {"type": "response.cancel"},
    ]


def test_a_cancel_without_a_response_sends_nothing() -> None:
    peer = after_begin(lambda line: line.wait_closed())
    with peer, open_session(peer.place()) as session:
        session.cancel_response()
        session.commit_audio()
    assert peer.lines[0].received == [{"type": "input_audio_buffer.commit"}]


def test_only_the_first_sound_is_looked_at_for_a_file() -> None:
    flac = b"fLaC\0\0\0\x22" + bytes(40)
    peer = after_begin(lambda line: line.wait_closed())
    with peer, open_session(peer.place()) as session:
        with pytest.raises(FormatError, match="whole FLAC file"):
            session.send_audio_chunk(flac)
        assert session._turn.quiet, "nobody has said anything"
        assert session.send_audio_chunk(flac[:2])
        with pytest.raises(FormatError, match="whole FLAC file"):
            session.send_audio_chunk(flac[2:])
        assert session.send_audio_chunk(PCM)
        assert session.send_audio_chunk(flac)
    assert len(peer.lines[0].received) == 3


@pytest.mark.parametrize("text", ["", "  \n", None])
def test_a_blank_text_is_refused(text: Any) -> None:
    with DistillerPeer() as peer, open_session(peer.place()) as session:
        with pytest.raises(ValueError, match="at least one word"):
            session.send_text_query(text)
        with pytest.raises(ValueError, match="at least one sample"):
            session.send_audio_chunk(b"")
        for chunk in (b"\x00", "AAAA", None):
            with pytest.raises(FormatError, match="PCM16"):
                session.send_audio_chunk(chunk)  # type: ignore[arg-type]
        assert session._turn.quiet, "what was refused is of no turn"


def test_closing_sends_what_was_sent_before_first() -> None:
    peer = after_begin(lambda line: line.wait_closed())
    with peer:
        session = open_session(peer.place())
        for _ in range(200):
            session.send_audio_chunk(PCM * 60)
        session.commit_audio()
        session.close()
    kinds = [message["type"] for message in peer.lines[0].received]
    assert kinds == ["input_audio_buffer.append"] * 200 + ["input_audio_buffer.commit"]


# -- consuming -------------------------------------------------------------------------------------


def test_responses_come_under_the_wires_own_names_and_end_after_done() -> None:
    peer = after_begin(answer_queries)
    with peer, open_session(peer.place()) as session:
        session.send_text_query("one")
        first = list(session.get_responses())
        session.send_text_query("two")
        second = list(session.get_responses())
    answer = [
        "response.created",
        "response.text.delta",
        "response.text.done",
        "response.audio.delta",
        "response.audio.done",
        "response.done",
    ]
    assert types(first) == ["session.created", *answer]
    assert types(second) == answer
    assert second[1] == {
        "type": "response.text.delta", "role": "Tutor", "content": "You said two",
    }  # fmt: skip
    assert first[4].pcm == b"\x01\x00" * 160


def test_pings_are_answered_and_not_shown_whether_or_not_anybody_iterates() -> None:
    ponged = threading.Event()

    def talk(line: DistillerLine) -> None:
        line.ping()
        line.ping()
        ponged.set()
        line.answer("x")

    peer = after_begin(talk)
    with peer, open_session(peer.place()) as session:
        assert ponged.wait(30)
        events = list(session.get_responses())
    assert "PING" not in types(events)
    assert peer.lines[0].received == [{"type": "PONG"}] * 2


def test_odd_messages_neither_end_nor_hang_a_session(caplog: pytest.LogCaptureFixture) -> None:
    def talk(line: DistillerLine) -> None:
        line.event("response.text.delta", role="Tutor", content=None)
        line.event("response.smell.delta", smell="rose")
        line.send({"status": "thinking", "role": "Tutor"})
        line.send({"type": None, "content": 5})
        line.send_text("{not json")
        line.send_text("[1, 2]")
        line.event("response.done")

    peer = after_begin(talk)
    with peer, open_session(peer.place()) as session:
        events = list(session.get_responses())
    assert types(events) == [
        "session.created", "response.text.delta", "response.smell.delta", None, None,
        "response.done",
    ]  # fmt: skip
    assert events[1]["content"] is None
    assert events[2]["smell"] == "rose"
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2  # of no unknown type
    assert caplog.text.count("is left out") == 2


def test_each_message_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []

    def loads(text: str) -> Any:
        decoded.append(text)
        return json.loads(text)

    def talk(line: DistillerLine) -> None:
        line.answer(*["word "] * 100)

    monkeypatch.setattr(wire_messages, "json", SimpleNamespace(loads=loads))
    peer = after_begin(talk)
    with peer, open_session(peer.place()) as session:
        events = list(session.get_responses())
    assert len(events) > 100
    assert len(decoded) == len(events)


def test_an_answer_that_is_interrupted_and_never_done_hangs_nobody() -> None:
    def talk(line: DistillerLine) -> None:
        line.answer("Once upon", done=False)
        line.event("response.interrupted")
        line.answer("As you like")

    peer = after_begin(talk, vad=True)
    with peer, open_session(peer.place()) as session:
        assert types(list(session.get_responses()))[-1] == "response.done"


def test_several_agents_speak_in_one_answer() -> None:
    def talk(line: DistillerLine) -> None:
        line.event("response.created")
        for role in ("Planner", "Writer"):
            line.event("response.text.delta", role=role, content=f"I am {role}")
            line.event("response.audio.delta", role=role, audio="AQI=")
            line.event("response.audio.done")
        line.event("response.done")

    peer = after_begin(talk)
    with peer, open_session(peer.place()) as session:
        events = list(session.get_responses())
    assert types(events).count("response.audio.done") == 2
    assert [event.role for event in events if event.content] == ["Planner", "Writer"]


def test_an_interruption_ends_no_answer_and_its_done_is_left_out() -> None:
    def talk(line: DistillerLine) -> None:
        line.answer("Once upon", done=False)
        line.event("response.interrupted")
        line.event("response.done")
        line.event("response.audio_transcript.done", text="stop")
        line.answer("As you like")

    peer = after_begin(talk, vad=True)
    with peer, open_session(peer.place()) as session:
        events = list(session.get_responses())
    assert types(events).count("response.done") == 1
    assert events[-3]["type"] == "response.audio.delta"
    assert [event["content"] for event in events if event.content] == ["Once upon", "As you like"]


def test_the_end_of_a_cancelled_answer_ends_it_and_not_the_next_one() -> None:
    def talk(line: DistillerLine) -> None:
        for _ in range(2):
            line.expect("input_text")
            line.event("response.created")
            line.expect("response.cancel")
            line.event("response.audio.done")
            line.event("response.done")
        answer_queries(line)

    peer = after_begin(talk)
    with peer, open_session(peer.place()) as session:
        session.send_text_query("one")
        first = []
        for event in session.get_responses():
            first.append(event["type"])
            session.cancel_response()
        session.send_text_query("two")
        for event in session.get_responses():
            if event["type"] == "response.created":
                session.cancel_response()
                break
        session.send_text_query("three")
        third = list(session.get_responses())
    assert first[-2:] == ["response.audio.done", "response.done"]
    assert [event["content"] for event in third if event.content] == ["You said three"]
    assert types(third).count("response.done") == 1


def test_an_iteration_that_is_left_misses_nothing() -> None:
    peer = after_begin(answer_queries)
    with peer, open_session(peer.place()) as session:
        session.send_text_query("one")
        seen = [next(iter(session.get_responses())) for _ in range(3)]
        rest = list(session.get_responses())
    assert types(seen) == ["session.created", "response.created", "response.text.delta"]
    assert types(rest)[0] == "response.text.done"


def test_a_wait_may_be_limited_and_taken_up_again() -> None:
    peer = after_begin(answer_queries)
    with peer, open_session(peer.place()) as session:
        assert next(session.get_responses())["type"] == "session.created"
        with pytest.raises(RealtimeTimeout):
            list(session.get_responses(timeout=0.0))
        session.send_text_query("one")
        assert types(list(session.get_responses(timeout=30)))[-1] == "response.done"


def test_one_thread_at_a_time_consumes(guard: Guard) -> None:
    waiting = threading.Event()
    outcomes: queue.SimpleQueue[object] = queue.SimpleQueue()

    def consume(session: DistillerSession) -> None:
        responses = session.get_responses()
        next(responses)
        waiting.set()
        outcomes.put(list(responses))

    with DistillerPeer() as peer:
        with open_session(peer.place()) as session:
            thread = threading.Thread(target=consume, args=(session,))
            thread.start()
            guard.wait(waiting, "the first event")

            def refused() -> bool:
                try:
                    session.poll(0)
                except ConcurrencyError:
                    return True
                return False

            guard.until(refused, "the refusal of a second consumer")
        assert guard.get(outcomes, "the end of the iteration") == []
        guard.join(thread)


def test_poll_gives_one_event_at_a_time_and_can_be_woken() -> None:
    peer = after_begin(answer_queries)
    with peer, open_session(peer.place()) as session:
        first = session.poll(30)
        assert first is not None
        assert first["type"] == "session.created"
        assert session.poll(0) is None
        session.wake()
        assert session.poll() is None


# -- push to talk ----------------------------------------------------------------------------------


def test_without_vad_sound_during_an_answer_is_refused_and_that_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def talk(line: DistillerLine) -> None:
        line.event("response.created")
        line.expect("input_audio_buffer.commit")
        line.event("response.done")

    peer = after_begin(talk)
    with peer, open_session(peer.place()) as session:
        sent = []
        for event in session.get_responses():
            if event["type"] == "response.created":
                sent = [session.send_audio_chunk(PCM) for _ in range(3)]
                session.commit_audio()
        sent.append(session.send_audio_chunk(PCM))
    assert sent == [False, False, False, True]
    assert caplog.text.count("no voice activity detection") == 1
    assert [m["type"] for m in peer.lines[0].received] == [
        "input_audio_buffer.commit", "input_audio_buffer.append",
    ]  # fmt: skip


def test_the_refusal_is_said_once_for_each_response(caplog: pytest.LogCaptureFixture) -> None:
    def talk(line: DistillerLine) -> None:
        for _ in range(2):
            line.event("response.created")
            line.expect("input_audio_buffer.commit")
            line.event("response.done")
            line.expect("input_audio_buffer.append")

    peer = after_begin(talk)
    with peer, open_session(peer.place()) as session:
        for _ in range(2):
            for event in session.get_responses():
                if event["type"] == "response.created":
                    assert not session.send_audio_chunk(PCM)
                    session.commit_audio()
            assert session.send_audio_chunk(PCM)
    assert caplog.text.count("no voice activity detection") == 2


def test_speaking_goes_on_from_a_cancelled_answer_where_the_server_has_no_vad() -> None:
    def talk(line: DistillerLine) -> None:
        line.event("response.created")
        line.expect("response.cancel")
        line.event("response.done")
        line.expect("input_audio_buffer.append")
        line.answer("the next one")

    peer = after_begin(talk)
    with peer, open_session(peer.place()) as session:
        responses = session.get_responses()
        while next(responses)["type"] != "response.created":
            pass
        session.cancel_response()
        patience = threading.Event()
        while not session.send_audio_chunk(PCM):  # until the server has called it done
            patience.wait(0.001)
        events = list(session.get_responses())
    assert [event.content for event in events if event.content] == ["the next one"]


def test_with_vad_sound_is_sent_during_an_answer() -> None:
    def talk(line: DistillerLine) -> None:
        line.event("response.created")
        line.expect("input_audio_buffer.append")
        line.event("response.interrupted")
        line.answer("yes?")

    peer = after_begin(talk, vad=True)
    with peer, open_session(peer.place()) as session:
        assert session.vad_enabled
        for event in session.get_responses():
            if event["type"] == "response.created" and not peer.lines[0].received:
                assert session.send_audio_chunk(PCM)


@pytest.mark.parametrize("last", ["response.created", "error"])
def test_nothing_of_a_session_is_left_to_the_next_one(last: str) -> None:
    """The SDK's flag of a running response swallowed the next session's sound."""

    def first(line: DistillerLine) -> None:
        line.begin()
        line.event(last)
        line.wait_closed()

    def second(line: DistillerLine) -> None:
        line.begin()
        line.ping()
        line.wait_closed()

    with DistillerPeer(first, second) as peer:
        with open_session(peer.place()) as session, suppress(DistillerMessageError):
            for event in session.get_responses():
                if event["type"] == last:
                    break
        with open_session(peer.place()) as session:
            assert session.send_audio_chunk(PCM)
    assert {"type": "PONG"} in peer.lines[1].received


def test_several_sessions_at_once_do_not_mix(guard: Guard) -> None:
    said: dict[str, list[str | None]] = {}

    def talk_to(peer: DistillerPeer, uuid: str) -> None:
        with open_session(peer.place(uuid=uuid)) as session:
            for _ in range(3):
                session.send_text_query(uuid)
                said.setdefault(uuid, []).extend(e.content for e in session.get_responses())

    with after_begin(answer_queries) as peer:
        threads = [threading.Thread(target=talk_to, args=(peer, uuid)) for uuid in ("ann", "ben")]
        for thread in threads:
            thread.start()
        for thread in threads:
            guard.join(thread)
    for uuid in ("ann", "ben"):
        assert [words for words in said[uuid] if words] == [f"You said {uuid}"] * 3


# -- the end ---------------------------------------------------------------------------------------


def test_our_own_close_ends_an_iteration_quietly_and_is_an_error_after_it() -> None:
    with DistillerPeer() as peer:
        session = open_session(peer.place())
        session.close()
        session.close()
        assert types(list(session.get_responses())) == ["session.created"]
        with pytest.raises(DistillerConnectionError, match="the session has ended"):
            next(session.get_responses())
        with pytest.raises(
            DistillerConnectionError,
            match=r"realtime_distiller\(.*\) opens another",
        ):
            session.send_text_query("hello")
        assert session.closed


def test_a_wrong_executor_dict_is_refused_before_anything_is_opened() -> None:
    with DistillerPeer() as peer:
        with pytest.raises(ConfigError, match="give a function"):
            open_session(peer.place(), executor_dict={"Tutor": "x"})
        assert peer.lines == []
