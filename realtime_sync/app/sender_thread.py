"""A sender's loop: call it, send what it gives, wait for what is to be waited for."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, Protocol

from attrs import frozen

from .._signal_safe import Latch, Stopped, StopSignal
from ..conversation.session import SoundFormat
from .answer_parts import KINDS, Kind
from .exchanges import Exchange
from .outgoing import Message, SoundInput, read_message, split_tools
from .realtime_tool import AppTool, ToolLike

__all__ = ["AppSender", "Outlet", "is_cancellation", "run_sender"]

_PAUSE_S = 0.05  # until one is called again that has given nothing
# So long after a generator's end the server may begin to hear what it has said last.
_HEARS_S = 1.0


@frozen
class AppSender:
    """A sender as it was registered.

    Attributes:
        function: the program's.
        waits_for: the kinds of receivers that must have returned before it is called again.
        tools: for its answers; None for the app's.
    """

    function: Callable[..., Any]
    waits_for: tuple[Kind, ...] = ()
    tools: Sequence[AppTool] | None = None

    @property
    def name(self) -> str:
        """The function's name."""
        return str(getattr(self.function, "__name__", self.function))


class Outlet(Protocol):
    """Where a sender's messages go; see `AppRun`.

    Threads: called by each sender's.
    """

    @property
    def input_format(self) -> SoundFormat:
        """What the session wants sound to be."""

    def say(self, message: Message, tools: Sequence[ToolLike] | None) -> Exchange:
        """Send a whole message, and ask for its answer."""

    def write(self, text: str) -> None:
        """Send a text, and ask for nothing."""

    def append(self, sound: bytes) -> None:
        """Send a piece of sound."""

    def declare(self, tools: Sequence[ToolLike]) -> None:
        """Let the session have further tools."""

    def stream_ended(self, *, sound: bool, text: bool) -> Exchange | None:
        """Take that a generator has ended; return the exchange that comes of it."""

    def finish_speech(self) -> None:
        """Commit what the server hears without an end, because no more sound comes."""

    def marks(self, kinds: Iterable[Kind]) -> list[Latch]:
        """Return what is set when the receivers of these kinds have returned."""


class _LastTurn(Exception):  # noqa: N818 -- an end in order, no fault
    """A stream has said something, and its sender has nothing more to say."""

    def __init__(self, exchange: Exchange | None) -> None:
        super().__init__(exchange)
        self.exchange = exchange


def run_sender(sender: AppSender, context: dict[str, Any], out: Outlet, stop: StopSignal) -> None:
    """Call a sender again and again, until the app ends or the sender ends it.

    Raises:
        BaseException: what the sender raises, but for what ends an app in order.
    """
    latest: Exchange | None = None
    while not stop.is_set:
        try:
            given = sender.function(context)
            send = _send_stream if inspect.isgenerator(given) else _send_value
            begun = send(given, sender, out, stop)
        except _LastTurn as end:
            _wait_for_last(end.exchange, out, stop)
            return
        except BaseException as exc:
            if _is_exhausted(exc):
                _wait_for_last(latest, out, stop)
                return
            if is_cancellation(exc):
                return
            raise
        _wait(begun, sender, out, stop)
        latest = begun or latest


def _is_exhausted(exc: BaseException) -> bool:
    """Whether a sender says that it has nothing more: StopIteration, or a generator's (PEP 479)."""
    if isinstance(exc, RuntimeError):
        return isinstance(exc.__cause__, StopIteration)
    return isinstance(exc, StopIteration)


def _send_value(given: Any, sender: AppSender, out: Outlet, stop: StopSignal) -> Exchange | None:
    value, tools = split_tools(given)
    message = read_message(value)
    if message is None or stop.is_set:
        return None
    return out.say(message, sender.tools if tools is None else tools)


def _send_stream(
    stream: Generator[Any, None, None], sender: AppSender, out: Outlet, stop: StopSignal
) -> Exchange | None:
    if sender.tools:
        out.declare(sender.tools)
    sound, recording = False, SoundInput(out.input_format)
    text = False
    exhausted = False
    try:
        for given in stream:
            stop.check()
            value, tools = split_tools(given)
            if tools:
                out.declare(tools)
            message = read_message(value)
            if isinstance(message, str):
                out.write(message)
                text = True
            elif message is not None:
                _append(recording.take(message), out)
                sound = True
    except RuntimeError as exc:
        exhausted = _is_exhausted(exc) and (sound or text)
        if not exhausted:
            raise
    finally:
        stream.close()
    stop.check()
    _append(recording.rest(), out)
    exchange = out.stream_ended(sound=sound, text=text) if sound or text else None
    if exhausted:
        raise _LastTurn(exchange)
    return exchange


def _append(sound: bytes, out: Outlet) -> None:
    if sound:
        out.append(sound)


def _wait(latest: Exchange | None, sender: AppSender, out: Outlet, stop: StopSignal) -> None:
    """Wait until the sender is to be called again."""
    if latest is None:
        stop.wait(_PAUSE_S)
    elif sender.waits_for:
        _wait_for_exchange(latest, out, stop)
        _wait_for_receivers(sender.waits_for, out, stop)
    elif latest.is_certain:  # one message at a time waits in line
        stop.wait_for(latest.begun)
    else:
        _hear_out(latest, out, stop)


def _wait_for_last(latest: Exchange | None, out: Outlet, stop: StopSignal) -> None:
    """Wait for the answer to the last that a sender has to say."""
    if latest is not None:
        _wait_for_exchange(latest, out, stop)
        _wait_for_receivers(KINDS, out, stop)


def _wait_for_exchange(latest: Exchange, out: Outlet, stop: StopSignal) -> None:
    if latest.is_certain or _hear_out(latest, out, stop):
        stop.wait_for(latest.done)


def _hear_out(latest: Exchange, out: Outlet, stop: StopSignal) -> bool:
    """Wait until it is clear what the server has heard; return whether it was speech.

    It may hear so late that the generator has ended: no sound tells it then when speech is over.
    """
    if not stop.wait_for(latest.begun, _HEARS_S):
        return False
    if not stop.wait_for(latest.done, _HEARS_S):
        out.finish_speech()
    return True


def _wait_for_receivers(kinds: Iterable[Kind], out: Outlet, stop: StopSignal) -> None:
    for mark in out.marks(kinds):
        stop.wait_for(mark)


def is_cancellation(exc: BaseException) -> bool:
    """Whether a program's function has asked for the end of its app.

    That is `Stopped`, or an ``asyncio.CancelledError``. Whoever raises the latter has loaded its
    module; nobody else needs it.
    """
    module = sys.modules.get("asyncio.exceptions")
    cancelled = (Stopped,) if module is None else (Stopped, module.CancelledError)
    return isinstance(exc, cancelled)
