"""The voice loop: what is said goes to the server, what it answers is played."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from .._deadline import Deadline
from .._threads import join_all, spawn
from ..audio.base import Sink, Source
from ..errors import ConcurrencyError, ConnectionClosed, ConnectionClosedOK, RealtimeTimeout
from ._tools import ToolPool, Tools
from .effects import (
    CancelResponse,
    CreateResponse,
    DeleteItem,
    Effect,
    Flush,
    Part,
    Play,
    Report,
    RunTool,
    SendToolOutput,
    Silence,
    TruncateItem,
)
from .events import ToolFinished, VoiceEvent
from .state import VoiceState

if TYPE_CHECKING:
    from ..events import ServerEvent

__all__ = ["VoiceConnection", "VoiceLoop"]

log = logging.getLogger(__name__)

_TICK_S = 0.2  # how soon a stop, a failed source or the end of the conversation is noticed
_CLOSE_TIMEOUT_S = 2.0


class _Buffer(Protocol):
    def append(self, *, audio: bytes) -> None: ...


class _Item(Protocol):
    def create(self, *, item: Mapping[str, Any]) -> None: ...
    def delete(self, *, item_id: str) -> None: ...
    def truncate(self, *, item_id: str, content_index: int, audio_end_ms: int) -> None: ...


class _Conversation(Protocol):
    @property
    def item(self) -> _Item: ...


class _Response(Protocol):
    def create(self, *, event_id: str | None = None) -> None: ...
    def cancel(self, *, response_id: str | None = None) -> None: ...


class VoiceConnection(Protocol):
    """What the loop needs of a connection; `realtime_sync`'s own has it."""

    @property
    def input_audio_buffer(self) -> _Buffer:
        """Takes what the user says."""

    @property
    def conversation(self) -> _Conversation:
        """Its items are truncated, deleted, and created for tool outputs."""

    @property
    def response(self) -> _Response:
        """Is asked for and cancelled."""

    def recv(self, timeout: float | None = None) -> ServerEvent:
        """Return the next event; raise `RealtimeTimeout` when none came in time."""


class VoiceLoop:
    """Runs a spoken conversation over an open connection.

    ::

        with client.realtime.connect() as connection, Microphone() as source, Speaker() as sink:
            connection.session.update(session={"type": "realtime", "instructions": "Be brief."})
            VoiceLoop(connection, source, sink, tools={"get_weather": get_weather}).run()

    When the user interrupts, the sink falls silent at once, what still comes of the interrupted
    response is dropped, the item that was playing is truncated to what was played, and items that
    had not begun are deleted.

    Args:
        connection: an open connection, whose events nobody else consumes meanwhile. Turns are
            detected by the server (``turn_detection`` is not None).
        source: iterates what the user says as PCM16; see `realtime_sync.audio.Source`.
        sink: plays the answers; see `realtime_sync.audio.Sink`.
        tools: functions by name; each is called with the model's arguments as keywords, on a
            thread of its own, and returns text or anything that becomes JSON. The session must
            have declared them. Calls of other names are left to whoever declared those.
        on_event: gets every server event and the `VoiceEvent`s, in the thread of `run`.
        idle_timeout: when the source has ended, so many seconds without anything going on are
            the end of the conversation.
        answer_timeout: when the source has ended and an answer is due, so many seconds without
            an event are an error.
        clock: for tests.

    Threads:
        `run` is called once; `close` from any thread. The caller owns the connection, the source
        and the sink; the loop ends the source when it ends itself.
    """

    def __init__(
        self,
        connection: VoiceConnection,
        source: Source,
        sink: Sink,
        *,
        tools: Tools | None = None,
        on_event: Callable[[ServerEvent | VoiceEvent], object] | None = None,
        idle_timeout: float = 2.0,
        answer_timeout: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._source = source
        self._sink = sink
        self._on_event = on_event or _ignore
        self._idle_timeout = idle_timeout
        self._answer_timeout = answer_timeout
        self._clock = clock
        self._lock = threading.Lock()  # guards _state and _started
        self._state = VoiceState(
            source_rate=source.rate, sink_rate=sink.rate, tools=tuple(tools or ()), clock=clock
        )
        self._started = False
        self._tools = ToolPool(tools or {}, self._tool_finished)
        self._reports: queue.SimpleQueue[VoiceEvent] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._source_ended = threading.Event()
        self._failure: BaseException | None = None  # set before _source_ended, read after it
        self._idle = False  # by the downlink; a flag is replaced as a whole

    @property
    def idle(self) -> bool:
        """Whether nothing has happened for a moment: nobody speaks, no answer is due or plays."""
        return self._idle

    def run(self) -> None:
        """Talk until the source has ended and the last answer was heard, or until `close`.

        Raises:
            ConnectionClosedError: the connection broke.
            RealtimeTimeout: the server owes an answer and is silent.
            ConfigError: the session's audio format is not that of the source or the sink.
            AudioError: the source or the sink failed.
            ConcurrencyError: it was run before, or somebody else consumes the connection.
            RemoteProtocolError: the server sent something that is no event.
            Exception: whatever ``on_event`` raised.
        """
        with self._lock:
            if self._started:
                raise ConcurrencyError("a VoiceLoop runs once; make a new one")
            self._started = True
        self._tools.start()
        uplink = spawn(self._uplink, name="voice-uplink")
        try:
            self._downlink()
        except BaseException:
            self._sink.clear()
            raise
        finally:
            self._stopping.set()
            self._source.close()
            deadline = Deadline(_CLOSE_TIMEOUT_S)
            join_all([uplink], deadline)
            self._tools.close(deadline)
        self._report_tools()

    def close(self) -> None:
        """End `run` soon; what is playing falls silent. Does not wait for it."""
        self._stopping.set()
        self._source.close()

    # -- up: what the user says ------------------------------------------------------------------

    def _uplink(self) -> None:
        try:
            for chunk in self._source:
                if self._stopping.is_set():
                    break
                self._connection.input_audio_buffer.append(audio=chunk)
        except ConnectionClosed:
            pass  # the downlink sees it, with everything that came before
        except Exception as exc:
            self._failure = exc
        finally:
            self._source_ended.set()

    # -- down: what the server says --------------------------------------------------------------

    def _downlink(self) -> None:
        quiet_since = last_event = self._clock()
        while not self._stopping.is_set():
            if self._source_ended.is_set() and self._failure is not None:
                raise self._failure
            self._report_tools()
            try:
                event = self._connection.recv(timeout=_TICK_S)
            except RealtimeTimeout:
                now = self._clock()
                self._idle = not self._busy()
                if not self._idle:
                    quiet_since = now
                if self._source_ended.is_set():
                    if now - quiet_since >= self._idle_timeout:
                        return
                    self._check_answer(now - last_event)
            except ConnectionClosedOK:
                self._play_out()
                return
            else:
                self._idle = False
                quiet_since = last_event = self._clock()
                self._receive(event)
        self._sink.clear()

    def _receive(self, event: ServerEvent) -> None:
        with self._lock:
            effects = self._state.receive(event)
        # Effects first: an interruption must not wait for the caller's own code.
        self._do_all(effects)
        self._on_event(event)
        self._report_tools()

    def _busy(self) -> bool:
        with self._lock:
            if self._state.busy:
                return True
        return not self._sink.drain(0)

    def _check_answer(self, silent_s: float) -> None:
        with self._lock:
            due = self._state.busy and not self._state.tools_running
        if due and silent_s >= self._answer_timeout:
            raise RealtimeTimeout(
                f"the server owes an answer and has sent nothing for {self._answer_timeout:g} s; "
                "if the recording ends in the middle of speech, let some silence follow it"
            )

    def _play_out(self) -> None:
        """The server has closed on purpose: what it had said before is still heard."""
        while not self._stopping.is_set() and not self._sink.drain(_TICK_S):
            pass

    # -- doing -----------------------------------------------------------------------------------

    def _do_all(self, effects: list[Effect]) -> None:
        for effect in effects:
            self._do(effect)

    def _do(self, effect: Effect) -> None:
        item = self._connection.conversation.item
        match effect:
            case Play(audio, (item_id, index)):
                self._sink.write(audio, item_id=item_id, content_index=index)
            case Flush():
                getattr(self._sink, "flush", _ignore)()
            case Silence(parts):
                self._silence(parts)
            case CancelResponse(response_id):
                self._connection.response.cancel(response_id=response_id)
            case TruncateItem((item_id, index), ms):
                item.truncate(item_id=item_id, content_index=index, audio_end_ms=ms)
            case DeleteItem(item_id):
                item.delete(item_id=item_id)
            case RunTool():
                self._tools.run(effect)
            case SendToolOutput(call_id, output):
                wire = {"type": "function_call_output", "call_id": call_id, "output": output}
                item.create(item=wire)
            case CreateResponse(event_id):
                self._connection.response.create(event_id=event_id)
            case Report(event):
                self._reports.put(event)

    def _silence(self, parts: tuple[Part, ...]) -> None:
        self._sink.clear()
        # After the clear: nothing more is handed out, so these are the last word.
        handed = getattr(self._sink, "handed_ms", self._sink.played_ms)
        positions = {part: handed(*part) for part in parts}
        with self._lock:
            effects = self._state.silenced(positions)
        self._do_all(effects)

    def _tool_finished(self, call: RunTool, output: str, failed: bool) -> None:
        """On a thread of the pool: the answer must not wait for the next event."""
        self._reports.put(
            ToolFinished(call_id=call.call_id, name=call.name, output=output, failed=failed)
        )
        with self._lock:
            effects = self._state.tool_finished(call.call_id, output)
        with contextlib.suppress(ConnectionClosed):  # the downlink sees it
            self._do_all(effects)

    def _report_tools(self) -> None:
        while not self._reports.empty():
            self._on_event(self._reports.get())


def _ignore(*_: object) -> None:
    """Do nothing."""
