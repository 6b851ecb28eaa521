"""Calls of Twilio's over real WebSockets: a phone, this program, and the embedded server."""

from __future__ import annotations

import queue
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blocks import python_blocks
from embedded import Server, question
from guards import Guard
from monitor import as_samples, find
from programs import REPOSITORY
from twilio_phone import CALL_SID, TwilioPhone, answering
from websockets.sync.server import ServerConnection

from realtime_sync import Local
from realtime_sync.agents import RealtimeAgent, RealtimeRunner
from realtime_sync.audio import Resampler, decode_ulaw, encode_ulaw
from realtime_sync.events import ErrorEvent
from realtime_sync.local.speech.espeak import EspeakSynthesizer
from realtime_sync.telephony import MediaStreams, dtmf_tones
from realtime_sync.voice import (
    FalseInterruption,
    Interrupted,
    Interruptions,
    Paused,
    Resumed,
    VoiceLoop,
)

HZ = 8_000
PCMU: dict[str, Any] = {"format": {"type": "audio/pcmu"}}
AS_ULAW = {"audio": {"input": PCMU, "output": PCMU}}
AS_PCM: dict[str, Any] = {}
BOTH = pytest.mark.parametrize("session", [AS_ULAW, AS_PCM], ids=["pcmu", "pcm"])


class Talk:
    """What the program at the other end of a phone does, and what happens to it."""

    def __init__(self, server: Server, session: dict[str, Any], **options: Any) -> None:
        self._server = server
        self._session = session
        self._options = options
        self._calls: queue.SimpleQueue[MediaStreams] = queue.SimpleQueue()
        self._changed = threading.Condition()  # guards events
        self.events: list[Any] = []
        self.loop: VoiceLoop | None = None

    def run(self, link: ServerConnection) -> None:
        """Answer a call, as a program does."""
        local = Local(url=self._server.url, api_key=self._server.key)
        with MediaStreams(link) as call, local.realtime.connect() as connection:
            connection.session.update(session={"type": "realtime", **self._session})
            self.loop = VoiceLoop(
                connection, call.source, call.sink, on_event=self._note, **self._options
            )
            self._calls.put(call)
            self.loop.run()

    def call(self) -> MediaStreams:
        """Return the call, once the program talks."""
        return Guard().get(self._calls, "the talk")

    def _note(self, event: Any) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def of(self, kind: type | str) -> list[Any]:
        return [event for event in self.events if kind in (event.type, type(event))]

    def wait_for(self, kind: type | str, count: int = 1) -> Any:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.of(kind)) >= count, Guard().seconds), (
                f"{kind} did not come: {[event.type for event in self.events]}"
            )
            return self.of(kind)[count - 1]

    def answer(self) -> bytes:
        """Return the sound of the answers, as the server has sent it."""
        return b"".join(b64decode(each.delta) for each in self.of("response.output_audio.delta"))


@contextmanager
def talking(
    server: Server, session: dict[str, Any], **options: Any
) -> Iterator[tuple[Talk, TwilioPhone, MediaStreams]]:
    """Hold a call; the phone hangs up at the end."""
    talk = Talk(server, session, **options)
    with answering(talk.run) as url, TwilioPhone(url) as phone:
        call = talk.call()
        yield talk, phone, call
        phone.hang_up()
        assert call.wait_ended(Guard().seconds)
    assert talk.of(ErrorEvent) == []


@BOTH
def test_a_spoken_question_is_answered(ws_server: Server, session: dict[str, Any]) -> None:
    with talking(ws_server, session) as (talk, phone, call):
        phone.say(question("hello", hz=HZ))
        done = talk.wait_for("response.output_audio_transcript.done")
        assert done.transcript == "I am fine, thank you. What can I do for you?"
        talk.wait_for("response.output_audio.done")
        Guard().until(lambda: call.sink.drain(0), "the end of the answer")
        answer, heard = talk.answer(), phone.heard()
        item_id = talk.of("response.output_audio.delta")[0].item_id
        played_ms = call.sink.played_ms(item_id)
    if session is AS_ULAW:
        # Bit for bit, but for µ-law's two zeros, which sound alike.
        assert decode_ulaw(answer) in heard
        assert played_ms == len(answer) // 8
    else:
        at_24k = Resampler(HZ, 24_000).process(heard, last=True)
        match = find(as_samples(answer), as_samples(at_24k), block_ms=20)
        assert (match.begin >= 0, match.found > 0.9) == (True, True)
        assert abs(played_ms - len(answer) // 48) <= 1
    assert call.ended_by == "stop"
    assert call.stats.stale_marks == call.stats.unreturned_marks == 0


@BOTH
def test_an_interruption_truncates_what_the_far_end_has_played(
    ws_server: Server, session: dict[str, Any]
) -> None:
    with talking(ws_server, session) as (talk, phone, call):
        phone.limit = 60  # it plays so much of the story, and stalls until the interruption
        phone.say(question("story", hz=HZ))
        item_id = talk.wait_for("response.output_audio.delta").item_id
        Guard().until(lambda: call.sink.handed_ms(item_id) == 1200, "60 frames")
        phone.say(question("stop", hz=HZ))
        interrupted = talk.wait_for(Interrupted)
        assert (interrupted.item_id, interrupted.audio_end_ms) == (item_id, 1200)
        truncated = talk.wait_for("conversation.item.truncated")
        assert (truncated.item_id, truncated.audio_end_ms) == (item_id, 1200)
        phone.wait_for(lambda: phone.played_at_clears, "clear")
        assert phone.played_at_clears == [60]
        phone.limit = None
        talk.wait_for("response.output_audio.done", 2)
        Guard().until(lambda: call.sink.drain(0), "the end of the next answer")
        assert call.sink.played_ms(item_id) == 1200, "the marks that came back do not count"
        assert call.stats.stale_marks > 0
        print(f"marks that came back of what was thrown away: {call.stats.stale_marks}")


def test_an_interruption_while_it_plays_counts_no_more_than_was_heard(ws_server: Server) -> None:
    with talking(ws_server, AS_ULAW) as (talk, phone, call):
        phone.say(question("story", hz=HZ))
        item_id = talk.wait_for("response.output_audio.delta").item_id
        Guard().until(lambda: call.sink.handed_ms(item_id) > 500, "some of the story")
        phone.say(question("stop", hz=HZ))
        interrupted = talk.wait_for(Interrupted)
        phone.wait_for(lambda: phone.played_at_clears, "clear")
        heard_ms = 20 * phone.played_at_clears[0]
        assert 500 < interrupted.audio_end_ms <= heard_ms
        print(f"truncated at {interrupted.audio_end_ms} ms, when {heard_ms} ms had been played")


def test_a_false_interruption_pauses_and_goes_on(ws_server: Server) -> None:
    okay = b"".join(
        piece.pcm for piece in EspeakSynthesizer().synthesize("okay", voice="alloy", speed=1.0)
    )
    session = {"audio": {"input": {**PCMU, "transcription": {"model": "local"}}, "output": PCMU}}
    rules = Interruptions(resume=True, verdict_s=600)
    with talking(ws_server, session, interruptions=rules) as (talk, phone, call):
        phone.limit = 50  # a second of the answer, and then it waits for the user
        phone.say(question("hello", hz=HZ))
        item_id = talk.wait_for("response.output_audio.delta").item_id
        Guard().until(lambda: call.sink.handed_ms(item_id) == 1000, "a second of the answer")
        phone.say(Resampler(24_000, HZ, quality="LQ").process(okay, last=True))
        talk.wait_for(Paused)
        phone.limit = None
        talk.wait_for(FalseInterruption)
        talk.wait_for(Resumed)
        talk.wait_for("response.output_audio.done")
        Guard().until(lambda: call.sink.drain(0), "the end of the answer")
        answer, heard = talk.answer(), phone.heard()
        assert call.sink.played_ms(item_id) == len(answer) // 8
        assert len(phone.played_at_clears) == 1
    match = find(*(as_samples(Resampler(HZ, 24_000).process(pcm, last=True)) for pcm in (
        decode_ulaw(answer), heard,
    )), block_ms=20)  # fmt: skip
    assert match.whole > 0.95, match
    assert talk.of(Interrupted) == []


@pytest.mark.parametrize("way", ["stop", "link"])
def test_a_caller_who_hangs_up_ends_the_talk(ws_server: Server, way: str) -> None:
    talk = Talk(ws_server, AS_ULAW)
    with answering(talk.run) as url, TwilioPhone(url) as phone:
        call = talk.call()
        phone.say(question("story", hz=HZ))
        item_id = talk.wait_for("response.output_audio.delta").item_id
        Guard().until(lambda: call.sink.handed_ms(item_id), "some of the story")
        if way == "stop":
            phone.hang_up()
        else:
            phone.drop()
        assert call.wait_ended(Guard().seconds)
    assert call.ended_by == way


def test_an_agent_answers_and_learns_of_keys(ws_server: Server) -> None:
    """The parameters of the call choose the agent; what is pressed is told to it."""
    agents = {"desk": RealtimeAgent(name="Desk", instructions="Be brief.")}
    seen: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def answer(link: ServerConnection) -> None:
        local = Local(url=ws_server.url, api_key=ws_server.key)
        with MediaStreams(link) as call:
            seen.put(call.start)
            agent = agents[call.start.custom_parameters["agent"]]
            with RealtimeRunner(agent, client=local, config={"model_settings": {
                "input_audio_format": "g711_ulaw", "output_audio_format": "g711_ulaw",
            }}).run(audio=(call.source, call.sink)) as session:  # fmt: skip
                call.on_digit(lambda digit: session.send_message(f"The caller pressed {digit}."))
                for event in session:
                    seen.put(event)

    def wait_for(kind: str) -> Any:
        while (event := Guard().get(seen, kind)).type != kind:
            pass
        return event

    with answering(answer) as url, TwilioPhone(url, parameters={"agent": "desk"}) as phone:
        assert Guard().get(seen, "start").call_sid == CALL_SID
        phone.say(question("hello", hz=HZ))
        wait_for("audio_end")
        phone.press("5")
        wait_for("history_added")
        while True:
            item = wait_for("history_updated").history
            texts = [part.text for each in item if each.type == "message" for part in each.content
                     if getattr(part, "text", None)]  # fmt: skip
            if "The caller pressed 5." in texts:
                break
        wait_for("agent_end")
        assert np.abs(as_samples(phone.heard())).max() > 3000
        phone.hang_up()


def programs() -> list[str]:
    blocks = python_blocks(REPOSITORY / "docs" / "telephony_calls.md")
    return [block.code for block in blocks if Path(__file__).name in (block.not_run or "")]


@pytest.mark.parametrize("number", [0, 1])
def test_the_programs_of_the_page_answer_a_call(
    ws_server: Server, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {"__name__": "program"}
    exec(programs()[number], names)
    names["client"] = Local(url=ws_server.url, api_key=ws_server.key)
    with (
        answering(names["answer"]) as url,
        TwilioPhone(url, parameters={"agent": "billing", "language": "English"}) as phone,
    ):
        phone.say(question("hello", hz=HZ))
        phone.wait_for(lambda: phone.played > 20, "an answer")
        phone.hang_up()
    if number == 0:
        assert f"{CALL_SID} ended by stop CallStats(received_ms=" in capsys.readouterr().out


def test_keys_that_are_sent_are_heard_as_tones() -> None:
    def answer(link: ServerConnection) -> None:
        with MediaStreams(link) as call:
            call.send_digits("42#")
            call.sink.drain(Guard().seconds)

    with answering(answer) as url, TwilioPhone(url) as phone:
        phone.wait_for(lambda: phone.played >= 30, "the tones")
        heard = phone.heard()
    assert decode_ulaw(encode_ulaw(dtmf_tones("42#")))[: 2 * 30 * 160 - 1600] in heard


def test_twenty_calls_at_once_lose_nothing() -> None:
    """Each caller hears a sound of its own, whole and in order, and all marks come back."""
    sounds = [
        np.random.default_rng(number).integers(-8000, 8000, 2 * HZ).astype("<i2").tobytes()
        for number in range(20)
    ]
    stats: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def answer(link: ServerConnection) -> None:
        with MediaStreams(link) as call:
            number = int(call.start.custom_parameters["number"])
            for start in range(0, len(sounds[number]), 3000):
                call.sink.write(sounds[number][start : start + 3000], item_id="a")
            assert call.sink.drain(Guard().seconds)
            assert call.sink.played_ms("a") == 2000
            stats.put(call.stats)

    with answering(answer) as url:
        phones = [TwilioPhone(url, parameters={"number": str(n)}) for n in range(20)]
        found = [Guard().get(stats, "the end of a call") for _ in phones]
        for number, phone in enumerate(phones):
            phone.close()
            pieces = phone.events("media")
            sent = b"".join(b64decode(each["media"]["payload"]) for each in pieces)
            assert sent == encode_ulaw(sounds[number])
    assert {each.sent_ms for each in found} == {2000}
    assert {each.stale_marks for each in found} == {0}
    print(f"the schedule was moved by {max(each.skipped_ms for each in found)} ms at most")
