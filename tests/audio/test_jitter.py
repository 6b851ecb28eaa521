"""Answers over a network that delays and bursts, on the sound card: whole and in order."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from embedded import Server, run_server
from guards import Guard
from jitter import jittery
from monitor import as_samples, find, loud_ms
from sound_card import SoundCard

from realtime_sync import Local
from realtime_sync.audio import Speaker, VirtualMicrophone
from realtime_sync.events import ErrorEvent, ResponseDone, ResponseOutputAudioDelta
from realtime_sync.voice import VoiceLoop

RATE = 24_000
SAY = "Repeat after me: the sun is shining, and all the boats are out on the quiet water."


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with run_server() as running:
        yield running


@contextmanager
def busy_thread() -> Iterator[None]:
    """Have pure Python run beside, which gives way only when the interpreter makes it."""
    over = threading.Event()

    def work() -> None:
        number = 0
        while not over.is_set():
            number = (number * 31 + 7) % 1_000_003

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        Guard().join(thread)


@contextmanager
def nothing() -> Iterator[None]:
    yield


@pytest.mark.parametrize("beside", [nothing, busy_thread])
def test_a_jittery_answer_is_played_whole_and_in_order(
    sound_card: SoundCard, server: Server, beside: Any
) -> None:
    events: list[Any] = []
    answered = threading.Event()

    def note(event: Any) -> None:
        events.append(event)
        if isinstance(event, ResponseDone):
            answered.set()

    with jittery(server.url, random.Random(5)) as url, sound_card.recording() as recording:
        client = Local(url=url, api_key=server.key)
        with client.realtime.connect() as connection, Speaker() as speaker, beside():
            loop = VoiceLoop(connection, VirtualMicrophone(), speaker, on_event=note)
            running = threading.Thread(target=loop.run)
            running.start()
            try:
                content = [{"type": "input_text", "text": SAY}]
                connection.conversation.item.create(
                    item={"type": "message", "role": "user", "content": content}
                )
                connection.response.create()
                Guard().wait(answered, "the answer")
                Guard().until(lambda: loop.idle, "the end of the answer")
            finally:
                loop.close()
                Guard().join(running)
            underruns = speaker.underruns
    assert [event for event in events if isinstance(event, ErrorEvent)] == []
    deltas = [event.audio for event in events if isinstance(event, ResponseOutputAudioDelta)]
    sent, heard = as_samples(b"".join(deltas)), as_samples(recording.pcm)
    match = find(sent, heard, block_ms=20)
    pauses_ms = (match.stop - match.begin - match.end) * 1000 // RATE
    print(
        f"\n{beside.__name__}: {len(sent) / RATE:.2f} s in {len(deltas)} deltas, "
        f"{match.whole:.1%} heard in order, underruns: {underruns}, pauses: {pauses_ms} ms"
    )
    assert match.whole > 0.9
    assert abs(loud_ms(heard) / loud_ms(sent) - 1) < 0.05, "once, and nothing else"
