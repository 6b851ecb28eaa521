"""`DistillerSession`: a conversation with a project's agents, as blocking calls."""

from __future__ import annotations

import copy
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, cast

from attrs import field, frozen

from .._deadline import Deadline
from .._porting import Blocking
from .._shown import shown
from .._uncopied import Uncopied
from ..audio.base import SinkLike, SourceLike
from ..audio.file_magic import Beginning
from ..audio.pcm import to_pcm16
from ..connection import RealtimeConnection, RealtimeConnectionManager
from ..connection.reconnect import ReconnectPolicy
from ..connection.settings import ConnectionSettings, TransportFactory
from ..errors import (
    ConfigError,
    ConnectionClosed,
    ConnectionClosedOK,
    DistillerConnectionError,
    RemoteProtocolError,
)
from ..events import Reconnected, ServerEvent
from ..providers.base import Endpoint
from ..transport import Transport, TransportOptions, connect
from .agent_functions import ExecutorDict
from .audio_loop import AudioLoop
from .custom_agents import CustomAgents
from .distiller_link import DistillerLink
from .place import SessionPlace
from .session_ends import end_of_link, end_of_message, is_refusal
from .turn_state import ResponseEnds, TurnState
from .wire_messages import DistillerEvent, client_message

__all__ = ["DistillerSession", "open_session"]

log = logging.getLogger(__name__)

# As the SDK has it: 160 MiB for a message, and 60 s for the handshake of a server under load. The
# server's pings tell whether it is there; nothing is known of its answers to a WebSocket's own.
_OPTIONS = TransportOptions(open_timeout=60.0, ping_timeout=None, max_size=160 << 20)
_LAST_AGENTS_S = 1.0
_OF_LINK = "sound, its commit or clear, or a cancel, which speak of what only that server knew"

_COMMIT = client_message("input_audio_buffer.commit")
_CLEAR = client_message("input_audio_buffer.clear")
_UPDATE = client_message("session.update")
_CANCEL = client_message("response.cancel")
_PLAYBACK_STARTED = client_message("playback.started")
_PLAYBACK_STOPPED = client_message("playback.stopped")


class DistillerSession(Blocking, Uncopied):
    """An open session; ``client.realtime_distiller(project=…, uuid=…)`` opens it.

    ::

        session.send_text_query("Which fund is the safest?")
        for response in session.get_responses():
            if response["type"] == "response.text.delta":
                print(response["content"], end="")

    A link that is lost is made anew while nothing of a turn is going on; ``session.created`` then
    comes once more. In the middle of a turn it ends the session, since the protocol has no way to
    take a turn up again.

    Threads: any thread may send and close; one at a time consumes (`get_responses`, `poll`), a
        second one gets a `ConcurrencyError`.
    """

    def __init__(
        self, connection: RealtimeConnection, turn: TurnState, agents: CustomAgents
    ) -> None:
        self._connection = connection
        self._turn = turn
        self._agents = agents
        self._ends = ResponseEnds()
        self._greeting = turn.created  # until it is consumed
        self._told_of_refusal = False  # once for each response
        self._is_unheard = True  # until the first chunk, which alone is looked at closely
        self._beginning = Beginning()
        self._closing = False
        self._failure: DistillerConnectionError | None = None  # what every later call raises

    # -- sending ---------------------------------------------------------------------------------

    def send_audio_chunk(self, audio: bytes) -> bool:
        """Send sound: int16 mono, little-endian, 16 kHz.

        A server without voice activity detection hears nothing while it answers (push to talk), and
        what is said meanwhile is not of the next turn. Such sound is not sent; this says so, and
        the log does once for each response. Nor is it sent while a lost link is made anew.

        Args:
            audio: any number of whole samples; 20 to 300 ms are usual.

        Returns:
            Whether it was sent.

        Raises:
            ConfigError: it is empty.
            FormatError: it ends in half a sample, or is no sound at all; or the first chunk begins
                a whole file (see `realtime_sync.audio.read_wav`).
            DistillerConnectionError: the session is over.
        """
        pcm = to_pcm16(audio)  # what is wrong with it shows before the user counts as heard
        if not pcm:
            raise ConfigError("the chunk is empty: send at least one sample (two bytes)")
        if self._is_unheard:
            self._is_unheard = not self._beginning.add(pcm, "audio")
        self._check()
        if not self._is_heard():
            return False
        if not self._turn.vad_enabled:
            self._ends.ask()
        self._turn.hear()
        self._send(lambda: self._connection.input_audio_buffer.append(audio=pcm))
        return True

    def send_text_query(self, text: str) -> None:
        """Ask something in writing.

        Raises:
            ConfigError: the text is blank.
            DistillerConnectionError: the session is over.
        """
        _check_text(text)
        message = client_message("input_text", text=text)
        self._ask()
        self._send_text(message)

    def commit_audio(self) -> None:
        """Have the server process the sound that it has; without VAD that ends the user's turn.

        Raises:
            DistillerConnectionError: the session is over.
        """
        self._ask()
        self._send_text(_COMMIT)

    def clear_audio_buffer(self) -> None:
        """Have the server forget the sound that it has and has not processed.

        Raises:
            DistillerConnectionError: the session is over.
        """
        self._send_text(_CLEAR)
        self._turn.forget_sound()

    def send_update(self) -> None:
        """Send a ``session.update``, which in this protocol says nothing.

        The settings of a session stand in its project's YAML.

        Raises:
            DistillerConnectionError: the session is over.
        """
        self._send_text(_UPDATE)

    def cancel_response(self) -> None:
        """End the response that runs; does nothing when none does.

        Raises:
            DistillerConnectionError: the session is over.
        """
        if self._turn.responding:
            self._ends.cancel(self._turn.responses)
            self._send_text(_CANCEL)

    def notify_playback_started(self) -> None:
        """Tell the server that sound is heard here, so that it knows an interruption from an echo.

        Raises:
            DistillerConnectionError: the session is over.
        """
        self._send_text(_PLAYBACK_STARTED)

    def notify_playback_stopped(self) -> None:
        """Tell the server that nothing is heard here any more.

        Raises:
            DistillerConnectionError: the session is over.
        """
        self._send_text(_PLAYBACK_STOPPED)

    def _ask(self) -> None:
        """Take that something goes out that will have a response.

        Before it does: were the link found lost in between, it would be made anew, and the program
        would wait for an answer to what the server has never got.
        """
        self._check()
        self._turn.ask()
        self._ends.ask()

    def _is_heard(self) -> bool:
        """Whether the server would make anything of sound at this moment."""
        if self._connection.reconnecting:
            why = "the link is being made anew"
        elif self._turn.responding and not self._turn.vad_enabled:
            why = "the server answers, and has no voice activity detection"
        else:
            self._told_of_refusal = False
            return True
        if not self._told_of_refusal:
            self._told_of_refusal = True
            log.warning("sound is not sent: %s", why)
        return False

    def _send_text(self, text: str) -> None:
        self._check()
        self._send(lambda: self._connection.send_raw(text))

    def _send(self, send: Callable[[], None]) -> None:
        try:
            send()
        except ConnectionClosed as closed:  # what has come before that can still be consumed
            raise self._end_of(closed) from closed

    # -- consuming -------------------------------------------------------------------------------

    def get_responses(self, timeout: float | None = None) -> Iterator[DistillerEvent]:
        """Yield what the server says until a response is done, or until the session is closed.

        The first call of a session begins with ``session.created``. Neither pings nor requests to
        custom agents are among the events. ``response.interrupted`` ends nothing: the user has
        begun to speak, and the answer to that follows. A ``response.done`` that is left over from
        an answer that was interrupted, or cancelled before the program asked for another, is left
        out. Left with ``break``, it can be taken up again and misses nothing.

        Args:
            timeout: seconds that the next event may take; None waits for ever.

        Raises:
            DistillerMessageError: the server has sent an error, after which it sends nothing more.
            DistillerTimeoutError: the server has ended the session because nothing was said for
                too long; or it is silent itself.
            UserAlreadyConnectedError: another session of this project and uuid has begun.
            DistillerConnectionError: the link was lost in the middle of a turn, or the session was
                over before this call.
            RealtimeTimeout: no event came in time; call again.
            ConcurrencyError: another thread is consuming.
        """
        self._check()
        while True:
            event = self._next(lambda: self._connection.recv(timeout))
            if event is None and self._failure is not None:
                return
            if event is None or self._ends.is_left_over(event):
                continue
            yield event
            if event.type == "response.done":
                return

    def poll(self, timeout: float | None = None) -> DistillerEvent | None:
        """Return the next event, or None when none came in time or somebody called `wake`.

        For a thread that has more to do than to consume: nothing is left out but pings and requests
        to agents.

        Raises:
            The same as `get_responses`, but for RealtimeTimeout.
        """
        self._check()
        event = self._next(lambda: self._connection.poll(timeout))
        if event is not None:
            self._ends.is_left_over(event)
        return event

    def wake(self) -> None:
        """Let a `poll` that waits return, or the next one. From any thread; it never waits."""
        self._connection.wake()

    def _next(self, receive: Callable[[], object]) -> DistillerEvent | None:
        """Return the next event; None where none came, or what came is no event of the server's.

        At the end of the session, too: then `_failure` is set. Who comes after that gets it raised.
        """
        if self._greeting is not None:
            greeting, self._greeting = self._greeting, None
            return greeting
        try:
            item = receive()
        except RemoteProtocolError as exc:
            log.warning("a message of the server's is left out: %s", exc)
            return None
        except ConnectionClosed as closed:
            self._failure = self._end_of(closed)
            if self._is_quiet_end(closed):
                return None
            raise _again(self._failure) from closed
        if isinstance(item, Reconnected):
            log.info("the session was opened anew after a close with code %d", item.code)
            if item.lost:
                log.warning("%d messages were lost with the link: %s", len(item.lost), _OF_LINK)
            return self._turn.created
        if not isinstance(item, DistillerEvent):
            return None
        if item.type == "error":
            self._failure = end_of_message(item)
            raise _again(self._failure)
        return item

    # -- speaking --------------------------------------------------------------------------------

    def listen_and_respond(
        self,
        sample_rate: int = 16_000,
        cancel_event: threading.Event | None = None,
        turns: int | None = 1,
        *,
        source: SourceLike | None = None,
        sink: SinkLike | None = None,
    ) -> None:
        """Hear the user, play the answer, and print the words of both as they come.

        A turn is over when an answer that nobody interrupted was heard to its end. Where the server
        hears the user while an agent speaks (`vad_enabled`), speaking interrupts. Else the user is
        not heard from the beginning of an answer to its end, and the microphone is closed as soon
        as the last one begins.

        Args:
            sample_rate: samples per second of the answers: what the project's
                ``speech_config.sample_rate`` says. The microphone always gives 16 kHz.
            cancel_event: set it, in another thread, to end the answer that runs and its turn; it is
                cleared then.
            turns: how many; None goes on until the session is closed, or ``source`` ends.
            source: what the user says; the default microphone if None. It is closed at the end.
            sink: what is heard; the default speaker if None.

        Raises:
            ConfigError: an argument is wrong, or PyAudio is missing.
            AudioError: the microphone or the speaker failed.
            ConcurrencyError: another thread is consuming.
            DistillerConnectionError: the session ended before the turns were over; its subclasses
                as in `get_responses`.
        """
        self._audio_loop(sample_rate, cancel_event, source, sink).listen(turns)

    def send_text_and_respond(
        self,
        text: str,
        sample_rate: int = 16_000,
        cancel_event: threading.Event | None = None,
        *,
        sink: SinkLike | None = None,
    ) -> None:
        """Ask something in writing, play the answer, and print its words as they come.

        Args:
            text: the question.
            sample_rate, cancel_event, sink: as in `listen_and_respond`.

        Raises:
            ConfigError: the text is blank, or as in `listen_and_respond`; so is all else.
        """
        _check_text(text)
        self._audio_loop(sample_rate, cancel_event, None, sink).ask(text)

    def _audio_loop(
        self,
        sample_rate: int,
        cancel_event: threading.Event | None,
        source: SourceLike | None,
        sink: SinkLike | None,
    ) -> AudioLoop:
        from .audio_loop import AudioLoop  # who only reads and writes needs no voice engine

        self._check()
        return AudioLoop(
            self, sample_rate=sample_rate, cancel_event=cancel_event, source=source, sink=sink
        )

    # -- the end ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the session: idempotent, from any thread, within seconds.

        What was sent before goes out first. Agents that still run are given a second; their answers
        go nowhere.
        """
        self._closing = True
        try:
            self._connection.close()
        finally:  # whatever a signal handler raises: `with` closes once
            self._agents.close(Deadline(_LAST_AGENTS_S))

    @property
    def closed(self) -> bool:
        """Whether the session is over or being closed; events may still be queued."""
        return self._connection.closed

    @property
    def vad_enabled(self) -> bool:
        """Whether the server hears the user while an agent speaks (barge-in)."""
        return self._turn.vad_enabled

    def _check(self) -> None:
        """Raise what has ended the session, if the program has been told."""
        if self._failure is not None:
            raise _again(self._failure)

    def _is_quiet_end(self, closed: ConnectionClosed) -> bool:
        """Whether somebody has closed the session on purpose, and nothing is missing by that."""
        if self._closing:
            return True
        clean = isinstance(closed, ConnectionClosedOK) and not is_refusal(closed)
        return clean and self._turn.quiet

    def _end_of(self, closed: ConnectionClosed) -> DistillerConnectionError:
        return end_of_link(closed, in_turn=not (self._closing or self._turn.quiet))

    def __enter__(self) -> DistillerSession:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'closed' if self.closed else 'open'}>"


def open_session(
    place: SessionPlace,
    *,
    executor_dict: ExecutorDict | None = None,
    options: Mapping[str, Any] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> DistillerSession:
    """Open a session and wait for ``session.created``, 30 s at most.

    Whatever is raised, no socket and no thread is left behind.

    Args:
        place: where, and as whom.
        executor_dict: the program's functions for agents that run here, by the agents' names; or
            for one agent a dict of functions, of which the server names one.
        options: fields of `realtime_sync.transport.TransportOptions`, by name.
        clock: what the limits of time go by, for tests.

    Raises:
        ConfigError: an option or ``executor_dict`` is wrong; nothing was opened.
        ConnectError: the server can't be reached.
        ApiError: it refused the upgrade (`AuthenticationError` for a wrong key).
        UserAlreadyConnectedError: another session of this project and uuid is open.
        DistillerMessageError: the server sent an error instead, with its text.
        DistillerTimeoutError: there was no ``session.created`` for 30 s.
        DistillerConnectionError: the link ended before it.
    """
    agents = CustomAgents(place, executor_dict or {}, clock=clock)
    turn = TurnState()
    manager = RealtimeConnectionManager(
        lambda query, headers: Endpoint(place.url, dict(place.headers())),
        options=options or {},
        defaults=_OPTIONS,
        settings=ConnectionSettings(
            reconnect=_WhileQuiet(is_quiet=lambda: turn.quiet),
            decode=cast("Callable[[str], ServerEvent]", turn.decode),  # they are only queued
        ),
        transport=_link_factory(turn, agents, clock),
    )
    try:
        return DistillerSession(manager.enter(), turn, agents)
    except BaseException:
        agents.close(Deadline(0))
        raise


def _again(error: DistillerConnectionError) -> DistillerConnectionError:
    """Return a fresh exception: one that is raised in many threads would mix tracebacks."""
    fresh = copy.copy(error)
    fresh.__cause__ = error.__cause__
    return fresh


def _check_text(text: str) -> None:
    if not isinstance(text, str) or not text.strip():
        raise ConfigError(f"the text is {shown(text, 40)}: send at least one word")


def _link_factory(
    turn: TurnState, agents: CustomAgents, clock: Callable[[], float]
) -> TransportFactory:
    """Return what opens each link of a session, and waits until the session begins on it."""

    def open_link(url: str, headers: Mapping[str, str], options: TransportOptions) -> Transport:
        wire = connect(url, headers=headers, options=options)
        link = DistillerLink(wire, turn=turn, agents=agents, clock=clock)
        link.await_session()
        return link

    return open_link


@frozen(kw_only=True)
class _WhileQuiet(ReconnectPolicy):
    """Opens a lost session anew as long as nothing of a turn is lost by it."""

    max_retries: int = 8  # about twenty seconds, then it is the program's to decide
    initial_delay: float = 0.1
    restore: bool = False
    rotate: bool = False
    is_quiet: Callable[[], bool] = field(repr=False)

    def covers(self, closed: ConnectionClosed) -> bool:
        """Whether an end like ``closed`` is worth an attempt."""
        return super().covers(closed) and self.is_quiet() and not is_refusal(closed)
