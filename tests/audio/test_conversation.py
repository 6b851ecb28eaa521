"""A question spoken into the microphone is answered through the speaker, word for word."""

from __future__ import annotations

import difflib
import shutil
import threading
from typing import Any

from embedded import QUESTIONS, run_server
from guards import Guard
from monitor import as_samples, find, loud_ms
from sound_card import SoundCard

from realtime_sync import Local
from realtime_sync.audio import Microphone, Resampler, Speaker
from realtime_sync.events import ErrorEvent, ResponseDone, ResponseOutputAudioDelta
from realtime_sync.local.speech.transcriber import PocketsphinxTranscriber, grammar_of
from realtime_sync.voice import VoiceLoop

RATE = 24_000
WORDS = "the weather in london is foggy nine degrees"
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def get_weather(city: str) -> dict[str, object]:
    return {"city": city, "condition": "foggy", "temperature": 9}


def recognised(heard: bytes, *, clear: bool) -> list[str]:
    """Read the words; a voice that is hard to understand needs the sentences to choose from."""
    choices = (WORDS, "hello how can i help you", "all right i stopped", "you are welcome")
    transcriber = PocketsphinxTranscriber(None if clear else grammar_of(choices))
    pcm = Resampler(RATE, 16_000).process(heard, last=True)
    return transcriber.transcribe(pcm, language="en", prompt=None).split()


def test_a_spoken_question_is_answered_aloud(sound_card: SoundCard) -> None:
    events: list[Any] = []
    answered = threading.Event()

    def note(event: Any) -> None:
        events.append(event)
        if isinstance(event, ResponseDone) and any(
            isinstance(e, ResponseOutputAudioDelta) for e in events
        ):
            answered.set()

    flite = shutil.which("flite") is not None
    options = ("--synthesizer", "flite" if flite else "espeak")
    with run_server(*options) as server, sound_card.recording() as recording:
        client = Local(url=server.url, api_key=server.key)
        with client.realtime.connect() as connection, Microphone() as mic, Speaker() as speaker:
            connection.session.update(session={"type": "realtime", "tools": [WEATHER]})
            loop = VoiceLoop(
                connection, mic, speaker, tools={"get_weather": get_weather}, on_event=note
            )
            running = threading.Thread(target=loop.run)
            running.start()
            try:
                sound_card.speak(QUESTIONS / "weather.wav")
                Guard().wait(answered, "the spoken answer")
                Guard().until(lambda: loop.idle, "the end of the answer")
            finally:
                loop.close()
                Guard().join(running)
            print(f"\nunderruns: {speaker.underruns}, dropped: {mic.dropped_chunks}")
    assert [event for event in events if isinstance(event, ErrorEvent)] == []

    deltas = [event for event in events if isinstance(event, ResponseOutputAudioDelta)]
    assert len({delta.item_id for delta in deltas}) == 1
    sent, heard = as_samples(b"".join(d.audio for d in deltas)), as_samples(recording.pcm)
    match = find(sent, heard, block_ms=20)
    print(f"{len(sent) / RATE:.2f} s sent, {match.whole:.1%} of it heard in order")
    assert match.whole > 0.95
    assert abs(loud_ms(heard) / loud_ms(sent) - 1) < 0.05, "once, and nothing else"

    read = recognised(recording.pcm, clear=flite)
    print("read from the recording:", " ".join(read))
    alike = difflib.SequenceMatcher(None, WORDS.split(), read)
    assert sum(block.size for block in alike.get_matching_blocks()) >= 0.75 * len(WORDS.split())
