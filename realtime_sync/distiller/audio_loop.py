"""Spoken turns with a Distiller: microphone in, speaker out, on the voice engine."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from .._deadline import Deadline
from .._required import require_count
from .._shown import shown
from .._signal_safe import Latch
from .._threads import join_all, spawn
from ..audio.base import Sink, SinkLike, Source, SourceLike, as_sink, as_source
from ..audio.microphone import Microphone
from ..audio.pcm import require_rate
from ..audio.speaker import Speaker
from ..audio.virtual import VirtualMicrophone
from ..connection import RealtimeConnection
from ..errors import ConfigError, ConnectionClosedOK, DistillerError
from ..events import ResponseCreated, ResponseDone, ServerEvent
from ..voice.events import AnswerStarted, Interrupted, TurnMetrics, VoiceEvent
from ..voice.loop import VoiceLoop
from .spoken_lines import SpokenLines
from .voice_bridge import SpokenSession, VoiceBridge
from .voice_translation import INPUT_HZ

__all__ = ["AudioLoop"]

# An agent may take as long as a custom one may (airefinery-sdk: ``wait_time``).
_ANSWER_TIMEOUT_S = 600.0
# A recording has ended, and the server is still to say what it has understood.
_IDLE_TIMEOUT_S = 10.0
_LOOK_S = 0.1


class AudioLoop:
    """Runs turns of one session.

    A turn is over when a response that nobody interrupted was heard to its end. Where the server
    hears the user all the time (``capabilities.vad_enabled``) he may interrupt. Else he is not
    heard from the beginning of a response until it was played, and the microphone is closed as soon
    as the response of the last turn begins.

    Args:
        session: whose messages nobody else takes meanwhile.
        sample_rate: samples per second of what the session says; see ``speech_config``.
        cancel_event: set by the program to end the answer that runs; it is cleared then.
        source: what the user says; the default microphone by default.
        sink: what is heard; the default speaker by default.

    Raises:
        ConfigError: an argument is wrong.

    Threads: `listen` and `ask` are called in one thread at a time.
    """

    def __init__(
        self,
        session: SpokenSession,
        *,
        sample_rate: int,
        cancel_event: threading.Event | None = None,
        source: SourceLike | None = None,
        sink: SinkLike | None = None,
    ) -> None:
        # One of asyncio's has the same methods, and can't be waited for in a thread.
        if cancel_event is not None and not isinstance(cancel_event, threading.Event):
            raise ConfigError(f"cancel_event={shown(cancel_event)} is none; pass threading.Event()")
        self._session = session
        self._sample_rate = require_rate(sample_rate, name="sample_rate")
        self._cancel_event = cancel_event
        self._source = None if source is None else as_source(source)
        self._sink = None if sink is None else as_sink(sink)

    def listen(self, turns: int | None = 1) -> None:
        """Talk for so many turns; None for as long as the session, or the source, lasts.

        Raises:
            ConfigError: ``turns`` is no number from 1.
            AudioError: the microphone or the speaker failed.
            RealtimeError: the session ended; see `DistillerSession.get_responses`.
        """
        if turns is not None:
            require_count(turns, "turns, unless None,", least=1, error=ConfigError)
        wanted = math.inf if turns is None else turns
        try:
            with self._speaker() as sink, self._microphone() as source:
                self._run(source, sink, wanted)
        except DistillerError as exc:
            if not _is_end(exc, turns):
                raise

    def ask(self, text: str) -> None:
        """Have a question in writing answered aloud.

        Raises:
            AudioError: the speaker failed.
            RealtimeError: the session ended; see `DistillerSession.get_responses`.
        """
        nobody = VirtualMicrophone(rate=INPUT_HZ)
        nobody.close()
        with self._speaker() as sink:
            self._run(nobody, sink, 1, question=text)

    @contextmanager
    def _speaker(self) -> Iterator[Sink]:
        if self._sink is not None:
            yield self._sink
            return
        with Speaker(rate=self._sample_rate) as speaker:
            yield speaker

    @contextmanager
    def _microphone(self) -> Iterator[Source]:
        if self._source is not None:
            yield self._source
            return
        with Microphone(rate=INPUT_HZ) as microphone:
            yield microphone

    def _run(self, source: Source, sink: Sink, turns: float, question: str = "") -> None:
        """Talk until ``turns`` are over or the source has ended."""
        while self._session.poll(0) is not None:
            pass  # what nobody has taken belongs to no turn of ours
        bridge = VoiceBridge(self._session, output_hz=self._sample_rate, waits=True)
        with ExitStack() as stack:
            connection = stack.enter_context(bridge.open())
            talk = _Talk(self._session, bridge, connection, source, sink, turns)
            if question:
                talk.ask(question)
            if self._cancel_event is not None:
                stack.enter_context(_watching(self._cancel_event, talk))
            talk.run()
        if bridge.failure is not None:
            raise bridge.failure


class _Talk:
    """One run of the voice loop, and what is done at its events.

    Threads: all but `cancel` in the thread of `run`.
    """

    def __init__(
        self,
        session: SpokenSession,
        bridge: VoiceBridge,
        connection: RealtimeConnection,
        source: Source,
        sink: Sink,
        wanted: float,
    ) -> None:
        self._session = session
        self._bridge = bridge
        self._connection = connection
        self._source = source
        self._left = wanted  # turns
        self._lines = SpokenLines(bridge.role_of, _print)
        self._has_sound = False  # the response
        self._is_told = False  # the server was told that something plays
        self._cancelled = False
        self._loop = VoiceLoop(
            connection,
            source,
            sink,
            on_event=self._take,
            idle_timeout=_IDLE_TIMEOUT_S,
            answer_timeout=_ANSWER_TIMEOUT_S,
        )

    def ask(self, question: str) -> None:
        """Ask in writing."""
        content = [{"type": "input_text", "text": question}]
        self._connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": content}
        )
        self._connection.response.create()

    def run(self) -> None:
        """Talk."""
        try:
            self._loop.run()
        finally:
            self._lines.end_line()
            self._tell_stopped()

    def cancel(self) -> None:
        """End the answer that runs, and the turn with it; from any thread."""
        self._cancelled = True
        self._loop.interrupt()

    def _take(self, event: ServerEvent | VoiceEvent) -> None:
        self._lines.show(event)
        match event:
            case ResponseCreated():
                self._has_sound = False
                self._cancelled = False  # set while nothing ran, it has ended nothing
                if not self._session.vad_enabled and self._left <= 1:
                    self._source.close()  # whatever it hears would be of no turn
            case AnswerStarted():
                self._has_sound = True
                self._tell_started()
            case Interrupted():
                self._tell_stopped()
            case ResponseDone() if not self._has_sound:
                self._bridge.listen()
                if event.response.status != "cancelled" or self._cancelled:
                    self._turn_is_over()
            case TurnMetrics():
                self._tell_stopped()
                if event.interruption_ms is None or self._cancelled:
                    self._turn_is_over()

    def _turn_is_over(self) -> None:
        self._left -= 1
        self._cancelled = False
        self._bridge.listen()
        if self._left <= 0:
            self._loop.close()

    def _tell_started(self) -> None:
        """Tell a server that hears the user meanwhile that something plays."""
        if self._session.vad_enabled and not self._is_told:
            self._is_told = True
            self._session.notify_playback_started()

    def _tell_stopped(self) -> None:
        if self._is_told:
            self._is_told = False
            self._session.notify_playback_stopped()


def _is_end(failure: DistillerError, turns: int | None) -> bool:
    """Whether a session that is over is a good end of so many turns: it was closed on purpose."""
    end = failure.__cause__
    return isinstance(end, ConnectionClosedOK) and (turns is None or end.closed_by == "this side")


@contextmanager
def _watching(event: threading.Event, talk: _Talk) -> Iterator[None]:
    """Cancel whenever the program's event is set."""
    over = Latch()  # set in the program's thread, where a signal handler may strike

    def watch() -> None:
        while not over.is_set:
            if event.wait(_LOOK_S):
                event.clear()
                talk.cancel()

    thread = spawn(watch, name="distiller-cancel")
    try:
        yield
    finally:
        over.set()
        join_all([thread], Deadline(None))


def _print(text: str) -> None:
    print(text, end="", flush=True)  # noqa: T201 -- what the method is documented to do
