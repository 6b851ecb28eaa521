"""A spoken conversation with no key, no network and no microphone: `make demo`.

A scripted user talks to the embedded server in real time. One question makes the assistant call a
tool of this program, and the last one interrupts its answer. The transcript of both sides appears
as it is heard. The whole conversation is written as a stereo WAV file, the user on the left and
the assistant on the right; it is also played while it goes on, if this machine can.
"""

from __future__ import annotations

import argparse
import queue
import statistics
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np

from realtime_sync import AudioError, ConfigError, DeviceError, Local
from realtime_sync.audio import Speaker, StereoRecorder
from realtime_sync.audio.base import Sink, Source
from realtime_sync.audio.virtual import VirtualMicrophone, VirtualSpeaker
from realtime_sync.audio.wav import read_wav
from realtime_sync.events import ServerEvent
from realtime_sync.events.sessions import RealtimeSessionCreateRequestParam
from realtime_sync.voice import VoiceEvent, VoiceLoop

QUESTIONS = Path(__file__).parent / "questions"
SLACK_MS = 20  # what rounding may take from the end of an item
PATIENCE_S = 20.0  # an assistant that is silent for so long has failed
TICK_S = 0.02
BYTES_PER_MS = 48  # PCM16 at 24 kHz

SESSION: RealtimeSessionCreateRequestParam = {
    "type": "realtime",
    "audio": {"input": {"transcription": {"model": "local"}}},
    "tools": [
        {
            "type": "function",
            "name": "get_weather",
            "description": "The weather in a city, now.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        }
    ],
}


def get_weather(city: str) -> dict[str, object]:
    """The assistant's tool; a real one would ask a weather service."""
    return {"city": city, "condition": "sunny", "temperature": 21}


class Dialogue:
    """Speaks the user's part and shows what is heard of both.

    The voice loop runs on another thread and only puts its events into `events`.
    """

    def __init__(self, user: VirtualMicrophone, sink: Sink) -> None:
        self.events: queue.SimpleQueue[tuple[float, ServerEvent | VoiceEvent]] = queue.SimpleQueue()
        self.seen: Counter[str] = Counter()
        self.latencies_s: list[float] = []
        self._user = user
        self._sink = sink
        self._said_at = 0.0
        self._response_id = ""  # whose audio came last
        self._answered: set[str] = set()  # the responses that are complete
        self._item_id = ""  # the item whose audio came last
        self._received_ms: Counter[str] = Counter()  # audio, by item
        self._words: deque[tuple[str, int, str]] = deque()  # not heard yet: item, its time, text

    def ask(self, name: str) -> None:
        """Say a question, and wait until its answer begins."""
        answers = len(self.latencies_s)
        self._user.say(without_trailing_silence(read_wav(QUESTIONS / name)))
        self._wait(lambda: self._user.wait_said(0), "the end of the question")
        self._said_at = time.monotonic()
        self._wait(lambda: len(self.latencies_s) > answers, f"an answer to {name}")

    def listen(self, seconds: float | None = None) -> None:
        """Listen to the whole answer, or to so many seconds of it."""
        if seconds is None:
            self._wait(lambda: self._response_id in self._answered, "the end of the answer")
            # Not for the sink to be empty: its sound may be on the way to it.
            self._wait(lambda: self._heard_ms() >= self._all_ms(), "silence after the answer")
        else:
            self._wait(lambda: self._heard_ms() >= seconds * 1000, "that much of an answer")

    def _heard_ms(self) -> int:
        return self._sink.played_ms(self._item_id)

    def _all_ms(self) -> int:
        return self._received_ms[self._item_id] - SLACK_MS

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        """Show what happens until ``condition`` holds."""
        give_up = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > give_up:
                raise SystemExit(f"\nThe demo waited {PATIENCE_S:g} s for {what} in vain.")
            with suppress(queue.Empty):
                self._take(*self.events.get(timeout=TICK_S))
            self._show_words()

    def _show_words(self) -> None:
        """Print the words that were heard by now; audio comes faster than it is spoken."""
        while self._words:
            item_id, at_ms, text = self._words[0]
            if not self._received_ms[item_id] or self._sink.played_ms(item_id) <= at_ms:
                break
            print(text, end="", flush=True)
            self._words.popleft()

    def _take(self, came_at: float, event: ServerEvent | VoiceEvent) -> None:
        self.seen[event.type] += 1
        if event.type == "conversation.item.input_audio_transcription.completed":
            print(f"\nuser       {event.transcript}")
        elif event.type == "response.output_audio_transcript.delta":
            self._words.append((event.item_id, self._received_ms[event.item_id], event.delta))
        elif event.type == "response.output_audio.delta":
            if event.response_id != self._response_id:
                self.latencies_s.append(came_at - self._said_at)
                print(f"assistant  [after {self.latencies_s[-1]:.2f} s] ", end="", flush=True)
            self._response_id, self._item_id = event.response_id, event.item_id
            self._received_ms[event.item_id] += len(event.audio) // BYTES_PER_MS
        elif event.type == "response.done":
            self._answered.add(event.response.id or "")
        elif event.type == "error":
            print(f"\n[error: {event.error.message}]")
        elif event.type == "voice.interrupted":
            self._words.clear()
            print(f" ...\n           [interrupted after {event.audio_end_ms / 1000:.1f} s]", end="")
        elif event.type == "voice.tool_started":
            print(f"           [the assistant calls {event.name}({event.arguments})]")
        elif event.type == "voice.tool_finished":
            print(f"           [it returned {event.output}]")


class Aloud:
    """A source that is heard on a speaker of its own."""

    def __init__(self, source: Source, speaker: Speaker) -> None:
        self._source = source
        self._speaker = speaker

    @property
    def rate(self) -> int:
        """The sample rate in Hz."""
        return self._source.rate

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._source:
            self._speaker.write(chunk)
            yield chunk

    def close(self) -> None:
        """End the source's iteration."""
        self._source.close()


def without_trailing_silence(pcm: bytes) -> bytes:
    """Return PCM16 up to its last sound, so that latencies count from the last word."""
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2").astype(int)) > 500)
    return pcm[: 2 * int(loud[-1] + 1)]


def open_speakers(stack: ExitStack) -> list[Speaker]:
    """Return a speaker for each side, or none on a machine without sound."""
    try:
        # What the user says comes over no network and needs no cushion against delays.
        return [stack.enter_context(speaker) for speaker in (Speaker(), Speaker(prebuffer_ms=60))]
    except (ConfigError, DeviceError) as exc:
        print(f"Nothing will be heard: {str(exc).partition(':')[0]}.")
        return []


def converse(dialogue: Dialogue) -> None:
    """The script."""
    dialogue.ask("hello.wav")
    dialogue.listen()
    dialogue.ask("weather.wav")
    dialogue.listen()
    dialogue.ask("story.wav")
    dialogue.listen(4.0)
    dialogue.ask("stop.wav")
    dialogue.listen()


def hold_conversation(output: Path, *, aloud: bool) -> Dialogue:
    """Run the script against an embedded server of our own."""
    with ExitStack() as stack:
        client = stack.enter_context(Local())
        print(f"The embedded server is at {client.url}")
        speakers = open_speakers(stack) if aloud else []
        connection = stack.enter_context(client.realtime.connect())
        connection.session.update(session=SESSION)
        recorder = stack.enter_context(StereoRecorder(output))
        user = VirtualMicrophone()
        sink = recorder.sink(speakers[0] if speakers else VirtualSpeaker())
        dialogue = Dialogue(user, sink)
        loop = VoiceLoop(
            connection,
            recorder.source(Aloud(user, speakers[1]) if speakers else user),
            sink,
            tools={"get_weather": get_weather},
            on_event=lambda event: dialogue.events.put((time.monotonic(), event)),
        )
        running = stack.enter_context(ThreadPoolExecutor(1)).submit(loop.run)
        try:
            converse(dialogue)
        finally:
            loop.close()
            running.result()
        return dialogue


def main() -> None:
    """Hold the conversation and report it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path("out/conversation.wav"))
    parser.add_argument("--quiet", action="store_true", help="do not use the sound card")
    options = parser.parse_args()
    options.output.parent.mkdir(parents=True, exist_ok=True)

    try:
        dialogue = hold_conversation(options.output, aloud=not options.quiet)
    except AudioError as exc:
        raise SystemExit(f"{exc}; without sound: python samples/demo.py --quiet") from exc
    answers = dialogue.latencies_s
    print(f"\n\n{len(answers)} answers, each after {statistics.median(answers):.2f} s (median)")
    print(f"The conversation is in {options.output}: the user left, the assistant right.")
    for needed in ("voice.tool_finished", "voice.interrupted"):
        if not dialogue.seen[needed]:
            raise SystemExit(f"The demo went wrong: there was no {needed}.")


if __name__ == "__main__":
    main()
