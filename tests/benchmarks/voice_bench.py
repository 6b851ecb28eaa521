"""What a spoken conversation costs and how soon it stops: run it as ``make bench-voice``.

It runs on a virtual sound card of its own, so that anybody gets figures of the same kind. The
table shows the latency of interruptions, how far a truncation is from what the monitor heard, and
the CPU seconds (all threads of the client's process, user and system) of a minute. Interruptions
are held alone, beside a slow callback, with links that are lost and made anew, and with both. It
fails when anything is heard twice or never ends, or when the server has taken another truncation
than the sink had handed out.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from attrs import frozen
from barge_in import hold_trial, hold_trials_among_reconnects, judge, judge_void
from embedded import QUESTIONS, run_server
from sound_card import SoundCard, started_card
from sound_server import conversing

from realtime_sync import Local
from realtime_sync.audio import Microphone, Speaker
from realtime_sync.events import ResponseDone, ResponseOutputAudioDelta
from realtime_sync.voice import VoiceLoop

_GUARD_S = 60.0
_SLOW_S = 0.02  # for each event: slower than they come
Row = tuple[str, list[float], str]


@frozen
class Interruptions:
    """What came of interruptions.

    Attributes:
        rows: their figures.
        cuts: how many links were cut among them.
        void: how many more struck an answer whose link was gone; none of them is in ``rows``.
    """

    rows: list[Row]
    cuts: int = 0
    void: int = 0


def interruptions(
    card: SoundCard, count: int, *, callback_s: float = 0.0, reconnects: bool = False
) -> Interruptions:
    """Interrupt answers of one, two and three items at random moments.

    Args:
        card: where they are played.
        count: how many of them.
        callback_s: how long ``on_event`` takes for each event.
        reconnects: cut the link before each one, and once more in the middle of an answer after
            every second one; the interruption of that answer is void.
    """
    rng = random.Random(4)
    with card.recording() as recording, conversing(callback_s=callback_s) as talk:
        if reconnects:
            trials, void = hold_trials_among_reconnects(talk, recording, rng, count)
        else:
            trials = [hold_trial(talk, recording, rng, items=1 + n % 3) for n in range(count)]
            void = []
        assert talk.errors == [], talk.errors
    off = [abs(judge(trial, recording.pcm)) for trial in trials]
    for each in void:
        judge_void(each, recording.pcm)
    beside = ["`on_event` takes " + f"{callback_s * 1000:g} ms"] if callback_s else []
    beside += ["reconnects among them"] if reconnects else []
    figures = {
        "`speech_started` sent → speaker cleared": [t.outcome.clear_ms for t in trials],
        "`speech_started` sent → next callback: fade, then silence": [
            t.outcome.callback_ms for t in trials
        ],
        "truncation point against the monitor's last matched sample": off,
    }
    rows = [("; ".join((what, *beside)), values, "ms") for what, values in figures.items()]
    return Interruptions(rows, talk.server.cuts, len(void))


class Talk:
    """A conversation with the embedded server over microphone and speaker."""

    def __init__(self, connection: Any, speaker: Speaker) -> None:
        self.connection = connection
        self.speaker = speaker
        self.speaking = threading.Event()  # an answer's audio came
        self.answered = threading.Event()  # an answer with audio is complete

    def note(self, event: Any) -> None:
        """Take an event of the loop's."""
        if isinstance(event, ResponseOutputAudioDelta):
            self.speaking.set()
        elif isinstance(event, ResponseDone) and self.speaking.is_set():
            self.answered.set()

    def begin_story(self) -> None:
        """Have a long answer begin."""
        content = [{"type": "input_text", "text": "tell me a story"}]
        item = {"type": "message", "role": "user", "content": content}
        self.connection.conversation.item.create(item=item)
        self.connection.response.create()
        assert self.speaking.wait(_GUARD_S), "no answer"

    def ask(self, card: SoundCard, name: str) -> None:
        """Speak a question into the microphone and hear the answer to its end."""
        self.speaking.clear()
        self.answered.clear()
        card.speak(QUESTIONS / f"{name}.wav")
        assert self.answered.wait(_GUARD_S), "no answer"
        assert self.speaker.drain(_GUARD_S)


@contextmanager
def talking() -> Iterator[Talk]:
    """Run a voice loop with a server of its own, in another process."""
    with run_server() as server:
        client = Local(url=server.url, api_key=server.key)
        with client.realtime.connect() as connection, Microphone() as mic, Speaker() as speaker:
            talk = Talk(connection, speaker)
            loop = VoiceLoop(connection, mic, speaker, on_event=talk.note)
            running = threading.Thread(target=loop.run)
            running.start()
            try:
                yield talk
            finally:
                loop.close()
                running.join(_GUARD_S)


def cpu_of(work: Callable[[], object]) -> float:
    """Return the CPU seconds of this process in a minute of ``work``."""
    wall, cpu = time.monotonic(), time.process_time()
    work()
    return (time.process_time() - cpu) / (time.monotonic() - wall) * 60


def costs(card: SoundCard, seconds: float, rounds: int) -> list[Row]:
    """Listen, answer and converse for so long each, and count."""
    quiet = threading.Event()  # never set: nothing is to happen meanwhile
    rows: dict[str, list[float]] = {}

    def count(what: str, work: Callable[[], object]) -> None:
        rows.setdefault(f"CPU of a minute: {what}", []).append(cpu_of(work))

    for _ in range(rounds):
        with talking() as talk:
            count("only the user's side is open (silence goes up)", lambda: quiet.wait(seconds))
            talk.begin_story()
            count("the assistant speaks all the time", lambda: quiet.wait(seconds))
        with talking() as talk:
            count("questions and answers in turns", lambda t=talk: converse(card, t, seconds))  # type: ignore[misc]
    return [(what, values, "s") for what, values in rows.items()]


def converse(card: SoundCard, talk: Talk, seconds: float) -> None:
    """Ask one question after the other for about so long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        talk.ask(card, "hello")


def main() -> None:
    """Measure and print the table as Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--interruptions", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=15.0, help="length of each CPU figure")
    parser.add_argument("--rounds", type=int, default=3, help="how often each CPU figure is taken")
    options = parser.parse_args()
    with started_card() as card:
        os.environ.update(card.env)  # before PyAudio looks for devices
        plain, fewer = options.interruptions, max(1, options.interruptions // 2)
        held = [
            interruptions(card, plain),
            interruptions(card, fewer, callback_s=_SLOW_S),
            interruptions(card, fewer, reconnects=True),
            interruptions(card, fewer, callback_s=_SLOW_S, reconnects=True),
        ]
        rows = [row for each in held for row in each.rows]
        rows += costs(card, options.seconds, options.rounds)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}\n")
    print("| what | least | median | most | |\n|---|---|---|---|---|")
    for what, values, unit in rows:
        figures = (min(values), statistics.median(values), max(values))
        print(f"| {what} | " + " | ".join(f"{x:.1f}" for x in figures) + f" | {unit} |")
    cuts, void = sum(each.cuts for each in held), sum(each.void for each in held)
    print(
        f"\n{cuts} links were cut. {void} interruptions more struck an answer whose link was gone:"
        " nothing was truncated, and none of them is in a figure."
    )


if __name__ == "__main__":
    main()
