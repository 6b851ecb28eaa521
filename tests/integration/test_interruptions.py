"""The rules of interruptions against the embedded server, which hears real speech."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import psutil
import pytest
import yaml
from embedded import QUESTIONS, Server, question, run_server
from fault_proxy import FaultProxy, Kind
from pauses import pauses_in
from room import Conversation
from room import conversing as conversing_in_a_room

from realtime_sync.audio import Vad
from realtime_sync.local.speech.espeak import EspeakSynthesizer
from realtime_sync.voice import IdleRule, Interruptions

HEARD = "conversation.item.input_audio_transcription.completed"
SPEAKS = "input_audio_buffer.speech_started"
HAS_SPOKEN = "input_audio_buffer.speech_stopped"
WRITTEN: dict[str, Any] = {"audio": {"input": {"transcription": {"model": "local"}}}}
MANUAL: dict[str, Any] = {
    "audio": {"input": {"turn_detection": None, "transcription": {"model": "local"}}}
}
# In a room time passes several times as fast as here, where words are recognised; so here it is
# the words that decide, and never the time that they take.
BY_WORDS = Interruptions(resume=True, verdict_s=600)
BY_LENGTH = Interruptions(resume=True, backchannels=None)
conversing = partial(conversing_in_a_room, echo_in_room=False, speed=10.0)
STOPPED = "All right, I stopped."


def okay() -> bytes:
    """Return a word of the list, as a recogniser understands it."""
    pieces = EspeakSynthesizer().synthesize("okay", voice="alloy", speed=1.0)
    return b"".join(piece.pcm for piece in pieces)


def cough() -> bytes:
    """Return a piece of a vowel: it sounds like a voice, and has no words."""
    sound = np.frombuffer(question("count"), "<i2")[1220 * 24 : 1380 * 24].astype(float)
    sound[: 10 * 24] *= np.linspace(0, 1, 10 * 24)
    sound[-20 * 24 :] *= np.linspace(1, 0, 20 * 24)
    return np.rint(sound).astype("<i2").tobytes()


def transcripts(talk: Conversation) -> list[str]:
    """Return the words of the answers, in order."""
    outputs = [done.response.output for done in talk.of("response.done")]
    return [output[0].content[0].transcript for output in outputs if output]


def settle(talk: Conversation) -> None:
    """Wait until the session is as the rule wants it."""
    talk.wait_for("session.updated", 2)


def ask(talk: Conversation, name: str, *, after_ms: int = 500) -> str:
    """Ask a question; return the item that answers it, when so much of it was played."""
    before = len(talk.of("voice.answer_started"))
    talk.room.user.say(question(name))
    talk.wait_for("voice.answer_started", before + 1)
    item_id = talk.of("response.output_audio.delta")[-1].item_id
    talk.wait(lambda: talk.room.speaker.played_ms(item_id) > after_ms, "some of the answer")
    return str(item_id)


def check_heard_whole(talk: Conversation, pauses: int) -> None:
    """Whether all that came was played, once and in order, with so many pauses in it."""
    sent = b"".join(delta.audio for delta in talk.of("response.output_audio.delta"))
    assert len(pauses_in(bytes(talk.room.played), sent)) >= pauses


def check_gone(talk: Conversation, item_id: str) -> None:
    """Whether the server has an item no more."""
    talk.wait(
        lambda: item_id in [event.item_id for event in talk.of("conversation.item.deleted")],
        "the deletion",
    )
    talk.connection.conversation.item.retrieve(item_id=item_id)
    error = talk.wait_for("error")
    assert error.error.code == "item_not_found" or item_id in error.error.message
    talk.events.remove(error)


@contextmanager
def without_verdicts(server: Server) -> Iterator[None]:
    """Let the server's recogniser stand still: it has heard nothing until this is over."""
    workers = psutil.Process(server.process.pid).children()
    (recogniser,) = (worker for worker in workers if "transcribe" in worker.cmdline())
    recogniser.suspend()
    try:
        yield
    finally:
        recogniser.resume()


@contextmanager
def nothing_written_down(server: Server) -> Iterator[None]:
    """Let the server's recogniser stand still: no words are known before this is over."""
    workers = psutil.Process(server.process.pid).children()
    (recogniser,) = (worker for worker in workers if "transcribe" in worker.cmdline())
    recogniser.suspend()
    try:
        yield
    finally:
        recogniser.resume()


@contextmanager
def beginning_again(
    talk: Conversation, server: Server, first: bytes, second: bytes
) -> Iterator[None]:
    """Say something over an answer, and begin anew before the words of it are known.

    In the block these are known, and the second is still spoken.
    """
    with talk.standing_still_from(SPEAKS, 3):
        with nothing_written_down(server):
            talk.room.user.say(first)
            talk.wait_for(HAS_SPOKEN, 2)
            talk.room.user.say(second)
            talk.wait_for(SPEAKS, 3)
            talk.catch_up()
            assert talk.of("voice.resumed") == talk.of("voice.interrupted") == []
        talk.wait_for(HEARD, 2)
        talk.catch_up()
        yield


@pytest.fixture(scope="module")
def strict_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that understands the questions, and takes nothing else for words."""
    phrases = yaml.safe_load((QUESTIONS / "questions.yaml").read_text())
    grammar = tmp_path_factory.mktemp("grammar") / "questions.txt"
    grammar.write_text("\n".join(phrases.values()))
    with run_server("--grammar", str(grammar)) as server:
        yield server


def test_a_listed_word_lets_the_answer_go_on(ws_server: Server) -> None:
    check_false_interruption(ws_server, okay(), "okay")


def test_a_cough_lets_the_answer_go_on(strict_server: Server) -> None:
    check_false_interruption(strict_server, cough(), "")


def check_false_interruption(server: Server, sound: bytes, words: str) -> None:
    with conversing(server, session=WRITTEN, interruptions=BY_WORDS) as talk:
        settle(talk)
        item_id = ask(talk, "count")
        talk.room.user.say(sound)
        paused = talk.wait_for("voice.paused")
        false = talk.wait_for("voice.false_interruption")
        assert (false.item_id, false.transcript) == (paused.item_id, words)
        assert false.paused_ms > 0
        assert talk.wait_for("voice.turn_ended", 2).reason == "false_interruption"
        talk.hear_out()
        check_gone(talk, paused.item_id)
        assert len(talk.of("voice.resumed")) == len(talk.of("response.created")) == 1
        assert talk.of("conversation.item.truncated") == talk.of("voice.interrupted") == []
        assert talk.room.speaker.played_ms(item_id) > 5_000
        check_heard_whole(talk, pauses=1)


def test_a_real_interruption_is_answered_once(ws_server: Server) -> None:
    with conversing(ws_server, session=WRITTEN, interruptions=BY_WORDS) as talk:
        settle(talk)
        item_id = ask(talk, "story")
        talk.room.user.say(question("stop"))
        talk.wait_for("voice.paused")
        interrupted = talk.wait_for("voice.interrupted")
        assert interrupted.item_id == item_id
        truncated = talk.wait_for("conversation.item.truncated")
        assert (truncated.item_id, truncated.audio_end_ms) == (item_id, interrupted.audio_end_ms)
        talk.wait_for("voice.answer_started", 2)
        talk.hear_out()
        assert len(talk.of("response.created")) == 2
        assert transcripts(talk)[-1] == STOPPED
        assert talk.of("voice.false_interruption") == []
        ends = talk.of("voice.turn_ended")
        assert [(end.reason, end.answered) for end in ends] == [("speech_stopped", True)] * 2
        kinds = [event.type for event in talk.events]
        assert kinds.index("conversation.item.truncated") < kinds.index(
            "response.created", kinds.index("voice.paused")
        )


def test_two_false_ones_end_the_pause_when_nobody_speaks(ws_server: Server) -> None:
    with conversing(ws_server, session=WRITTEN, interruptions=BY_WORDS) as talk:
        settle(talk)
        item_id = ask(talk, "count")
        with beginning_again(talk, ws_server, okay(), okay()):
            assert talk.of("voice.resumed") == [], "the user speaks"
        false = talk.wait_for("voice.false_interruption")
        assert false.transcript == "okay okay"
        ignored = [event.item_id for event in talk.of(SPEAKS)[1:]]
        assert false.item_id == ignored[-1]
        talk.hear_out()
        for each in ignored:
            check_gone(talk, each)
        assert [item.id for item in talk.loop.history if item.ignored] == ignored
        assert len(talk.of("voice.paused")) == len(talk.of("voice.resumed")) == 1
        assert len(talk.of("voice.false_interruption")) == len(talk.of("response.created")) == 1
        assert talk.of("conversation.item.truncated") == talk.of("voice.interrupted") == []
        assert talk.room.speaker.played_ms(item_id) > 5_000
        check_heard_whole(talk, pauses=1)


@pytest.mark.parametrize("real_one", ["first", "second"])
def test_one_real_of_two_makes_both_real(ws_server: Server, real_one: str) -> None:
    rule = Interruptions(resume=True, verdict_s=600, max_backchannel_ms=60_000)  # words alone
    real, false = question("stop"), okay()
    said = (real, false) if real_one == "first" else (false, real)
    with conversing(ws_server, session=WRITTEN, interruptions=rule) as talk:
        settle(talk)
        item_id = ask(talk, "story")
        with beginning_again(talk, ws_server, *said):
            assert len(talk.of("voice.interrupted")) == (real_one == "first")
            assert len(talk.of("response.created")) == 1, "the user speaks"
        interrupted = talk.wait_for("voice.interrupted")
        truncated = talk.wait_for("conversation.item.truncated")
        assert (truncated.item_id, truncated.audio_end_ms) == (item_id, interrupted.audio_end_ms)
        assert interrupted.item_id == item_id
        talk.wait_for("voice.answer_started", 2)
        talk.hear_out()
        assert len(talk.of("response.created")) == 2
        assert len(talk.of("voice.paused")) == len(talk.of("voice.interrupted")) == 1
        turns = [item for item in talk.loop.history if item.role == "user"]
        assert [item.id for item in turns] == [event.item_id for event in talk.of(SPEAKS)]
        assert not any(item.ignored for item in turns)
        assert talk.of("voice.false_interruption") == talk.of("voice.turn_lost") == []
        if real_one == "second":
            assert transcripts(talk)[-1] == STOPPED


def test_a_lost_link_ends_the_pause_and_the_talk_goes_on(ws_server: Server) -> None:
    with (
        FaultProxy(ws_server.url) as proxy,
        conversing(ws_server, session=WRITTEN, interruptions=BY_WORDS, proxy=proxy) as talk,
    ):
        settle(talk)
        item_id = ask(talk, "count")
        with nothing_written_down(ws_server):
            talk.room.user.say(okay())
            talk.wait_for(HAS_SPOKEN, 2)
            talk.catch_up()
            assert talk.of("voice.resumed") == talk.of("voice.interrupted") == []
            proxy.strike(Kind.DROP)
            talk.wait_for("reconnected")
        assert talk.wait_for("voice.turn_lost").item_id == talk.of(SPEAKS)[1].item_id
        talk.wait_for("voice.resumed")
        talk.hear_out()
        check_heard_whole(talk, pauses=1)
        assert talk.room.speaker.played_ms(item_id) > 500
        talk.room.user.say(question("stop"))
        talk.wait_for("voice.answer_started", 2)
        talk.hear_out()
        assert transcripts(talk)[-1] == STOPPED
        assert len(talk.of("response.created")) == 2
        assert len(talk.of("voice.paused")) == 1
        assert talk.of("voice.interrupted") == talk.of("voice.false_interruption") == []
        assert talk.of("conversation.item.truncated") == []
        assert talk.of("conversation.item.deleted") == []
        check_heard_whole(talk, pauses=1)


def test_without_words_length_decides(ws_server: Server) -> None:
    with conversing(ws_server, interruptions=BY_LENGTH) as talk:
        settle(talk)
        item_id = ask(talk, "story")
        talk.room.user.say(okay())
        false = talk.wait_for("voice.false_interruption")
        assert false.transcript == ""
        talk.room.user.say(question("hello"))
        interrupted = talk.wait_for("voice.interrupted")
        assert interrupted.item_id == item_id
        talk.wait_for("voice.answer_started", 2)
        talk.hear_out()
        assert len(talk.of("voice.false_interruption")) == 1
        assert len(talk.of("response.created")) == 2
        check_gone(talk, false.item_id)


def test_who_speaks_for_less_than_that_is_answered_afterwards(ws_server: Server) -> None:
    rule = Interruptions(min_ms=1300)
    with conversing(ws_server, interruptions=rule) as talk:
        settle(talk)
        first = ask(talk, "count")
        talk.room.user.say(okay())
        talk.wait_for("voice.answer_started", 2)
        assert transcripts(talk)[0].endswith("twenty.")
        talk.hear_out()
        assert talk.of("voice.interrupted") == talk.of("voice.paused") == []
        assert talk.room.speaker.played_ms(first) > 5_000
        check_heard_whole(talk, pauses=0)
        second = ask(talk, "count")
        talk.room.user.say(question("hello"))
        assert talk.wait_for("voice.interrupted").item_id == second
        talk.wait_for("voice.answer_started", 4)
        talk.hear_out()
        assert len(talk.of("response.created")) == 4
        assert len(talk.of("conversation.item.truncated")) == 1


def test_when_nothing_interrupts_the_turn_is_answered_afterwards(ws_server: Server) -> None:
    with conversing(ws_server, interruptions=False) as talk:
        settle(talk)
        ask(talk, "count")
        talk.room.user.say(question("stop"))
        talk.wait_for("voice.answer_started", 2)
        talk.hear_out()
        assert transcripts(talk)[1] == STOPPED
        assert len(talk.of("response.created")) == 2
        assert talk.of("voice.interrupted") == talk.of("conversation.item.truncated") == []
        check_heard_whole(talk, pauses=0)


def test_what_is_said_under_protection_is_heard_out(ws_server: Server) -> None:
    words = "Please listen to this until the end: calls may be recorded, and nobody is to blame."
    with conversing(ws_server, session=WRITTEN, interruptions=BY_WORDS) as talk:
        settle(talk)
        ask(talk, "hello")
        talk.hear_out()
        talk.loop.say(words, interruptible=False)
        talk.wait_for("voice.answer_started", 2)
        talk.room.user.say(question("stop"))
        talk.wait_for("voice.answer_started", 3)
        talk.hear_out()
        assert transcripts(talk)[1:] == [words, STOPPED]
        assert talk.of("voice.paused") == talk.of("voice.interrupted") == []
        check_heard_whole(talk, pauses=0)


def test_silence_is_asked_about_and_ends_the_talk(ws_server: Server) -> None:
    idle = IdleRule(after_s=8, say="Are you still there?", end_after_s=6)
    with conversing(ws_server, idle=idle) as talk:
        talk.wait_for("session.updated")
        ask(talk, "hello")
        prompted = talk.wait_for("voice.idle_prompted")
        assert prompted.silent_s >= 8
        talk.wait(lambda: talk.over, "the end of the talk")
        ended = talk.wait_for("voice.idle_ended")
        assert ended.silent_s >= 6
        assert transcripts(talk)[1:] == ["Are you still there?"]
        check_heard_whole(talk, pauses=0)


@pytest.mark.parametrize("rule", [BY_WORDS, BY_LENGTH])
def test_a_detector_here_tells_false_interruptions(ws_server: Server, rule: Interruptions) -> None:
    with conversing(ws_server, session=MANUAL, vad=Vad(), interruptions=rule) as talk:
        talk.wait_for("session.updated")
        item_id = ask(talk, "story")
        talk.room.user.say(okay())
        false = talk.wait_for("voice.false_interruption")
        by_words = rule is BY_WORDS
        assert false.transcript == ("okay" if by_words else "")
        assert len(talk.of("input_audio_buffer.committed")) == 1 + by_words
        if by_words:
            check_gone(talk, false.item_id)
        talk.wait_for("voice.resumed")
        talk.room.user.say(question("interrupt"))
        assert talk.wait_for("voice.interrupted").item_id == item_id
        talk.wait_for("voice.answer_started", 2)
        talk.hear_out()
        assert len(talk.of("response.created")) == 2
        assert transcripts(talk)[-1].startswith("It is ")
        assert len(talk.of("conversation.item.truncated")) == 1
        assert len(talk.of("voice.false_interruption")) == 1


def test_a_button_that_is_only_touched_interrupts_nothing(ws_server: Server) -> None:
    with conversing(ws_server, session=MANUAL, push_to_talk=True, interruptions=BY_WORDS) as talk:
        talk.wait_for("session.updated")
        talk.loop.press()
        talk.room.user.say(question("story"))
        talk.wait(lambda: talk.room.user.wait_said(0), "the end of the question")
        talk.loop.release()
        talk.wait_for("voice.answer_started")
        item_id = talk.of("response.output_audio.delta")[-1].item_id
        talk.wait(lambda: talk.room.speaker.played_ms(item_id) > 500, "some of the story")
        with talk.standing_still():
            talk.loop.press()
            talk.wait_for("voice.paused")
            assert not talk.loop.release()
        talk.wait_for("voice.false_interruption")
        talk.wait_for("voice.resumed")
        played = talk.room.speaker.played_ms(item_id)
        talk.wait(lambda: talk.room.speaker.played_ms(item_id) > played + 500, "more of it")
        talk.loop.press()
        talk.room.user.say(question("stop"))
        talk.wait(lambda: talk.room.user.wait_said(0), "the end of the interruption")
        assert talk.loop.release()
        assert talk.wait_for("voice.interrupted").item_id == item_id
        talk.wait_for("voice.answer_started", 2)
        talk.hear_out()
        assert transcripts(talk)[-1] == STOPPED
        assert len(talk.of("response.created")) == 2
        assert len(talk.of("voice.false_interruption")) == 1
