"""What a piece of an answer costs in a session of agents, counted as in `unit/test_counts.py`.

The figures of ``make bench BENCH=agents`` depend on the machine; these counts on the code alone.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from guards import Guard

from realtime_sync.agents import RealtimeAgent, RealtimeRunner, RealtimeSession
from realtime_sync.testing import ScriptedClient, ScriptedServer, spoken_answer

_WORDS = 200  # of the answer, each with a piece of sound
_FEW_WORDS = 40
_ENGINE = "realtime_sync.voice"


class CallsByThread:
    """Counts the calls of the package's Python functions in threads that begin meanwhile."""

    def __init__(self) -> None:
        self.functions: dict[str, Counter[str]] = {}

    @contextmanager
    def counted(self) -> Iterator[None]:
        threading.setprofile(self._note)
        try:
            yield
        finally:
            threading.setprofile(None)

    def _note(self, frame: FrameType, what: str, _: object) -> None:
        # The scripted server plays in the thread that sends, and is none of a session's cost.
        file = frame.f_code.co_filename
        if what == "call" and "realtime_sync/" in file and "realtime_sync/testing/" not in file:
            name = threading.current_thread().name
            self.functions.setdefault(name, Counter())[frame.f_code.co_name] += 1

    def of(self, thread: str) -> Counter[str]:
        """Return the calls of a kind of thread."""
        found = [calls for name, calls in self.functions.items() if name.startswith(thread)]
        return sum(found, Counter())


def _held_one_by_one(calls: CallsByThread, guard: Guard) -> None:
    """Hold a session whose answer comes event by event, as at the pace of speech."""
    server = ScriptedServer()
    runner = RealtimeRunner(RealtimeAgent(name="Desk"), client=ScriptedClient(server))
    with calls.counted(), runner.run() as session:
        reader = threading.Thread(target=_read, args=[session], name="iterating")
        reader.start()
        queue = session.connection._queue
        for event in spoken_answer("word " * _FEW_WORDS, audio_ms=20 * _FEW_WORDS):
            received = queue.received
            server.emit([event])
            guard.until(lambda before=received: queue.received > before, "the event")
            guard.until(lambda: queue._stand_in is not None, "the engine to wait again")
        guard.join(reader)


def _held_by(calls: CallsByThread) -> None:
    """Hold a session with one long answer, which is read in a thread of its own."""
    server = ScriptedServer([spoken_answer("word " * _WORDS, audio_ms=20 * _WORDS)])
    runner = RealtimeRunner(RealtimeAgent(name="Desk"), client=ScriptedClient(server))
    with calls.counted(), runner.run() as session:
        reader = threading.Thread(target=_read, args=[session], name="iterating")
        reader.start()
        session.send_message("Speak.")
        reader.join()


def _read(session: RealtimeSession[None]) -> None:
    for event in session:
        if event.type == "agent_end":
            return


def test_python_calls_of_the_engine_for_a_piece_of_an_answer() -> None:
    calls, most = CallsByThread(), 28
    _held_by(calls)
    functions = calls.of(_ENGINE)
    count = 2 * _WORDS
    each = functions.total() / count
    often = ", ".join(f"{name} {n / count:.2g}" for name, n in functions.most_common(40))
    print(f"{each:.1f} calls: {often}")
    assert functions["_receive"] >= count, "it has got the answer"
    assert functions["_tick"] < count / 4, f"it looks around {functions['_tick']} times"
    assert each <= most, f"a piece costs {each:.1f} calls: {often}"


def test_python_calls_to_build_the_events_of_a_piece_of_an_answer() -> None:
    calls = CallsByThread()
    _held_by(calls)
    functions = calls.of("iterating")
    each, most = functions.total() / (2 * _WORDS), 21
    print(f"{each:.1f} calls: {functions.most_common(30)}")
    assert functions["build"] >= 2 * _WORDS, "it has got the answer"
    assert each <= most, f"a piece costs {each:.1f} calls: {functions.most_common(20)}"


def test_at_the_pace_of_speech_the_engine_sleeps_through_an_answer(guard: Guard) -> None:
    calls, count, most = CallsByThread(), 2 * _FEW_WORDS, 42
    _held_one_by_one(calls, guard)
    reader, engine = calls.of("realtime_sync.reader"), calls.of(_ENGINE)
    each = reader.total() / count
    print(f"{each:.1f} calls: {reader.most_common(40)}")
    print(f"{engine.total() / count:.1f} calls: {engine.most_common(20)}")
    assert reader["_receive"] >= 0.9 * count, "it is taken where it is read"
    assert engine["_receive"] <= 0.4 * count, "but for its beginning and its end"
    assert each <= most, f"a piece costs {each:.1f} calls: {reader.most_common(40)}"
