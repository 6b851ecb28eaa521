"""The server's side of an open WebSocket, without a thread of its own.

`websockets` has the protocol as a value without I/O: bytes in, frames and bytes out. This module
adds the socket and the rules of threads:

* Whoever is in `recv` does all the reading, answers pings and sends the keepalive pings. When
  nobody is, nothing is read, so TCP holds the client back.
* What is to be sent is encoded under the state lock, which fixes its order, and put into
  ``_output``. Whoever has the send lock writes all that is there, whosever it is, and looks again
  after letting the lock go; so whoever finds the lock taken without wanting to wait (the reader,
  with a pong) may leave.
* `close` sends its frame and wakes the reader, who waits for the answer in `recv`; when there is no
  reader, `close` reads by itself.

The locks with a timeout are taken by ``acquire``. A signal handler's exception could leave one of
them locked, but a server runs its requests on threads other than the main one, where none strikes.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from .._deadline import Deadline
from .._fork import Home
from .._headers import Headers
from .._porting import Advising, Blocking
from .._shown import shown
from .._uncopied import Uncopied
from ..errors import (
    ConcurrencyError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    LocalProtocolError,
    RealtimeTimeout,
)
from ..transport.base import MAX_REASON_BYTES, check_close, utf8
from ..transport.duplex import Duplex, LinkBroken, LinkOver
from ..transport.keepalive import Keepalive, Verdict
from ..transport.options import TransportOptions

if TYPE_CHECKING:
    from typing import TypeAlias

    from websockets.frames import Frame
    from websockets.server import ServerProtocol
else:
    ServerProtocol = Any  # it comes with websockets, which `accept` loads

__all__ = ["WebSocket", "WsgiApplication"]

WsgiApplication: TypeAlias = (
    "Callable[[dict[str, Any], Callable[[str, list[tuple[str, str]]], object]], Iterable[bytes]]"
)

# At most so much is taken from the kernel at once; more stays there, and holds the client back.
_READ_SIZE: Final = 65_536
# Closes that are no errors. 1005: without a code, as a page's `close()` sends it.
_CLEAN: Final = (1000, 1001, 1005)
_NO_STATUS: Final = 1005
_PONG: Final = 0x8A  # how its frame begins
_INVALID_DATA: Final = 1007
_INTERNAL_ERROR: Final = 1011
# How long `close` waits for threads that have just been woken for good.
_LEAVING_S: Final = 1.0

_THIS: Final = "this server"
_CLIENT: Final = "the client"
_NETWORK: Final = "the client's network"


class _OwnClose(NamedTuple):
    """Our own close, as it was asked for."""

    code: int
    reason: str
    deadline: Deadline


class WebSocket(Blocking, Advising, Uncopied):
    """An open WebSocket, from `accept` or `serve`.

    It is an iterator of messages that ends when the client closes without an error, and a context
    manager that closes: with 1011 when the block has raised, else with 1000.

    Nothing is read, and no ping answered, while no thread is in `recv` (or iterates); a program
    that only sends should have a thread that receives.

    Attributes:
        headers: of the request, looked up in any case.
        path: of the request, with the mount point of the application and without the query.
        query: what follows the ``?`` in the request, undecoded; may be empty.
        subprotocol: the one that both sides speak, or None.
        remote_address: host and port of the other side as the server gives them: the proxy's, when
            there is one; the port may be empty.

    Threads:
        `recv` and iteration in one thread at a time; all others from any thread, at any time.

    Processes:
        It belongs to the process that accepted it; in a forked child calls raise ConcurrencyError.
    """

    _elsewhere: ClassVar[Mapping[str, str]] = {
        "receive": "call recv(), which raises RealtimeTimeout where receive() returned None",
        "connected": "ask closed",
        "close_reason": "catch ConnectionClosed, which has code and reason",
        "close_message": "catch ConnectionClosed, which has code and reason",
        "environ": "ask headers, path and query, or the request of the framework",
        "ping": "pings are sent by themselves while a thread is in recv()",
    }
    _duplex: Duplex

    def __init__(
        self,
        environ: Mapping[str, Any],
        protocol: ServerProtocol,
        options: TransportOptions,
        on_closed: Callable[[WebSocket], object] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.headers = _headers_of(environ)
        self.path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
        self.query = str(environ.get("QUERY_STRING", ""))
        self.subprotocol: str | None = protocol.subprotocol
        self.remote_address = (
            str(environ.get("REMOTE_ADDR", "")),
            str(environ.get("REMOTE_PORT", "")),
        )
        self._home = Home()
        self._options = options
        self._on_closed = on_closed
        self._clock = clock
        # Who reads, and has down to _message: one thread at a time.
        self._reading = threading.Lock()
        self._keepalive = Keepalive(options.ping_interval, options.ping_timeout, clock=clock)
        self._messages: deque[str | bytes] = deque()  # parsed and not fetched yet
        self._message = bytearray()  # the fragments of one that goes on
        self._message_is_text = False
        # Guards _protocol, _output, _bytes_queued, _closing and _end; held for no I/O.
        self._state = threading.Lock()
        self._protocol = protocol
        self._output: deque[bytes] = deque()
        self._bytes_queued = 0
        self._closing: _OwnClose | None = None  # our own close
        self._end: ConnectionClosed | None = None
        # Serialises writing, guards _head and _bytes_out.
        self._sending = threading.Lock()
        self._head: memoryview | None = None  # what is left of the part that is being written
        self._bytes_out = 0
        self._ping_at = 0  # as _bytes_queued was after our last ping
        self._token = object()  # in every exception that tells of the end of this one

    def _open(self, duplex: Duplex, answer: Iterable[bytes]) -> None:
        """Begin, with the bytes that answer the handshake."""
        self._duplex = duplex
        with self._state:
            self._queue_locked(answer)
        self._flush_or_break(self._deadline(self._options.send_timeout))

    def _deadline(self, timeout: float | None) -> Deadline:
        return Deadline(timeout, clock=self._clock)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path} {'closed' if self.closed else 'open'}>"

    # -- receiving -------------------------------------------------------------------------------

    def recv(self, timeout: float | None = None) -> str | bytes:
        """Return the next message; wait for it.

        Args:
            timeout: seconds, 0 to take only what is there; None waits for ever.

        Returns:
            A text message as ``str``, a binary one as ``bytes``.

        Raises:
            RealtimeTimeout: nothing came within ``timeout``; the connection stays usable. It is a
                ``TimeoutError``.
            ConnectionClosedOK: it was closed on purpose, with 1000, 1001 or without a code. The
                messages that came before are returned first.
            ConnectionClosedError: it broke, or was closed with another code.
            ConcurrencyError: another thread is in ``recv``.
            ConfigError: ``timeout`` is no number of seconds.
        """
        deadline = self._deadline(timeout)
        self._home.check()
        self._claim_reading()
        try:
            while True:
                if self._messages:
                    return self._messages.popleft()
                if self._end is not None:
                    raise self._refusal()
                happened = self._advance(deadline)
                if self._messages or self._end is not None:
                    continue
                if not happened or deadline.expired:  # pings alone must not prolong it
                    waited = f"within {timeout:g} s" if timeout else "at once"
                    raise RealtimeTimeout(
                        f"a message did not come {waited}; the connection is still usable"
                    )
        finally:
            self._reading.release()

    def __iter__(self) -> Iterator[str | bytes]:
        """Iterate over the messages; raise as `recv` does, but end at ConnectionClosedOK."""
        while True:
            try:
                message = self.recv()
            except ConnectionClosedOK:
                return
            yield message

    def _claim_reading(self) -> None:
        while not self._reading.acquire(blocking=False):
            closing = self._closing
            if closing is None and self._end is None:
                raise ConcurrencyError(
                    "another thread is in recv() of this WebSocket; receive in one thread, and "
                    "hand the messages on from there"
                )
            # `close` reads the answer, or the reader is just leaving.
            left = closing.deadline.remaining() if closing else None
            if self._reading.acquire(timeout=_LEAVING_S + (left or 0.0)):
                return

    def _advance(self, deadline: Deadline) -> bool:
        """Read once; when nothing is there, wait for it. Return False at the deadline."""
        closing = self._closing
        if closing is not None and closing.deadline.expired:  # though the client goes on sending
            self._finish(self._unanswered())
            return True
        try:
            data = self._duplex.read(_READ_SIZE)
            if data is None:
                if not self._wait(deadline):
                    return False
                data = self._duplex.read(_READ_SIZE)
            if data is not None:
                self._digest(data)
        except LinkOver:
            pass  # `_end` says why
        except OSError as exc:
            self._finish(_closed(1006, f"the link broke: {exc}", _NETWORK), exc)
        return True

    def _wait(self, deadline: Deadline) -> bool:
        full = not self._flush_or_break(self._deadline(0))
        closing = self._closing
        waits = (deadline, closing.deadline if closing else self._keepalive)
        timeouts = [left for left in (each.remaining() for each in waits) if left is not None]
        happened = self._duplex.wait(min(timeouts, default=None), or_writable=full)
        if happened:
            return True
        if closing is None:
            self._check_silence()
        return not deadline.expired

    def _check_silence(self) -> None:
        verdict = self._keepalive.check(
            bytes_out=self._bytes_out, ping_queued=self._bytes_out < self._ping_at
        )
        if verdict is Verdict.PING:
            with self._state:
                if self._end is None:
                    self._protocol.send_ping(b"")
                    self._queue_locked(self._protocol.data_to_send())
                    self._ping_at = self._bytes_queued
            self._flush_or_break(self._deadline(0))
        elif verdict is Verdict.DEAD:
            limit = self._options.ping_timeout
            self._finish(_closed(1006, f"no answer to a ping within {limit:g} s", _NETWORK))

    def _digest(self, data: bytes) -> None:
        """Parse what has arrived (b"" for its end) and do what it calls for."""
        self._keepalive.restart()
        with self._state:
            protocol = self._protocol
            if data:
                protocol.receive_data(data)
            else:
                protocol.receive_eof()
            for frame in protocol.events_received():
                self._take_locked(frame)
            if self._end is None and (not data or protocol.close_expected()):
                self._conclude_locked(data)
            self._queue_locked(protocol.data_to_send())
        if self._end is None:
            self._flush_or_break(self._deadline(0))
        else:
            self._part()

    def _take_locked(self, frame: Any) -> None:
        from websockets.frames import Close, Opcode

        opcode = frame.opcode
        if opcode is Opcode.CLOSE:
            close = Close.parse(frame.data)
            self._end = self._end or self._closed_by_client(close.code, close.reason)
        elif opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._collect_locked(frame, opcode)

    def _collect_locked(self, frame: Frame, opcode: int) -> None:
        from websockets.frames import Opcode

        if self._closing is not None or self._end is not None:
            return  # whoever has closed wants nothing more
        if opcode != Opcode.CONT:
            self._message_is_text = opcode == Opcode.TEXT
        data: bytes | bytearray = bytes(frame.data)
        if not frame.fin or self._message:
            # One buffer, for a list of a million fragments would take forty times their bytes.
            self._message += data
            if not frame.fin:
                return
            data, self._message = self._message, bytearray()
        if not self._message_is_text:
            self._messages.append(bytes(data))
            return
        try:
            self._messages.append(data.decode())
        except UnicodeDecodeError as exc:
            reason = f"{exc.reason} at position {exc.start}"
            self._protocol.fail(_INVALID_DATA, reason)
            self._end = _closed(_INVALID_DATA, reason, _THIS)

    def _conclude_locked(self, data: bytes) -> None:
        """Find out why the connection is at its end, without a close frame of the client's."""
        if self._closing is not None:
            if not data:
                self._end = self._unanswered("the client ended the link instead of answering")
        elif sent := self._protocol.close_sent:  # the client has broken a rule
            self._end = _closed(sent.code, sent.reason, _THIS)
        else:
            self._end = _closed(1006, "the client ended the link without a close frame", _NETWORK)

    def _closed_by_client(self, code: int, reason: str) -> ConnectionClosed:
        closing = self._closing
        if closing is None:
            return _closed(code, reason, _CLIENT)
        end = ConnectionClosedOK(closing.code, closing.reason, closed_by=_THIS)
        answered = "without a code" if code == _NO_STATUS else f"with code {code}"
        end.note(f"the client answered the close {answered}" + (reason and f": {reason}"))
        return end

    def _unanswered(self, why: str = "the client did not answer the close") -> ConnectionClosed:
        closing = self._closing
        assert closing is not None
        end = ConnectionClosedOK(closing.code, closing.reason, closed_by=_THIS)
        end.note(why)
        return end

    def _part(self) -> None:
        """Write the last frame and end the link, so that the client can still read that frame."""
        deadline = self._deadline(self._options.close_timeout)
        self._flush_or_break(deadline)
        # First only our direction: the kernel answers what a client sends to a link that is ended
        # in both with a reset, which overtakes our close frame (RFC 6455 §7.1.1).
        self._duplex.shut_writing()
        self._throw_away(deadline)
        self._duplex.end()

    def _throw_away(self, deadline: Deadline) -> None:
        try:
            while not deadline.expired:
                more = self._duplex.discard(_READ_SIZE)
                if more is None:
                    self._duplex.wait(deadline.remaining(), or_writable=False)
                elif not more:
                    return
        except (OSError, LinkOver):
            return

    # -- sending ---------------------------------------------------------------------------------

    def send(self, message: str | bytes | bytearray | memoryview) -> None:
        """Send one message; return when the kernel has taken all of it.

        Args:
            message: ``str`` goes as a text message, bytes as a binary one.

        Raises:
            ConnectionClosed: the connection is over or closing; the message may not have arrived.
            LocalProtocolError: it is neither, or a text with half a surrogate pair.
            ConcurrencyError: this is a forked child.
        """
        if isinstance(message, str):
            payload, is_text = utf8(message), True
        elif isinstance(message, bytes | bytearray | memoryview):
            payload, is_text = bytes(message), False
        else:
            raise LocalProtocolError(
                f"a message is a text or bytes, not {shown(message)}; json.dumps() makes a text"
            )
        self._home.check()
        with self._state:
            if self._closing is not None or self._end is not None:
                raise self._refusal()
            (self._protocol.send_text if is_text else self._protocol.send_binary)(payload)
            self._queue_locked(self._protocol.data_to_send())
        try:
            if self._flush(self._deadline(self._options.send_timeout)):
                return
        except LinkBroken as exc:
            # Not the end yet: the reader may still find the close frame that tells why.
            raise self._marked(_closed(1006, f"sending failed: {exc}", _NETWORK)) from exc
        except LinkOver:
            raise self._refusal() from None
        limit = self._options.send_timeout
        self._finish(
            _closed(1006, f"the client did not take a message within {limit:g} s", _NETWORK)
        )
        raise self._refusal()

    def _queue_locked(self, parts: Iterable[bytes]) -> None:
        for part in parts:  # each is a frame
            if not part:  # it stands for the end of our direction; see `_part`
                continue
            if part[0] == _PONG and self._output and self._output[-1][0] == _PONG:
                # The latest answers all pings before it (RFC 6455 §5.5.3). Otherwise a client that
                # pings and takes nothing would fill the memory.
                self._bytes_queued -= len(self._output.pop())
            self._output.append(part)
            self._bytes_queued += len(part)

    def _flush(self, deadline: Deadline) -> bool:
        """Write all that is queued; return False when the deadline came first.

        With a deadline of 0 it never waits, and leaves to the thread that has the send lock what
        that will write anyway.

        Raises:
            LinkBroken, LinkOver: nothing can be written any more.
        """
        while self._output or self._head is not None:
            left = deadline.remaining()
            if not self._sending.acquire(timeout=-1 if left is None else left):
                return False
            try:
                if not self._write(deadline):
                    return False
            finally:
                self._sending.release()
        return True

    def _write(self, deadline: Deadline) -> bool:
        try:
            while True:
                if self._head is None:
                    with self._state:
                        if not self._output:
                            return True
                        self._head = memoryview(self._output.popleft())
                count = self._duplex.write_some(self._head)
                self._bytes_out += count
                if count == len(self._head):
                    self._head = None
                elif count:
                    self._head = self._head[count:]
                elif deadline.expired:
                    return False
                else:
                    self._duplex.wait_to_write(deadline.remaining())
        except (LinkBroken, LinkOver):
            with self._state:
                self._output.clear()
            self._head = None
            raise

    def _flush_or_break(self, deadline: Deadline) -> bool:
        """Do as `_flush`, for whoever also reads and so learns why the link is over."""
        try:
            return self._flush(deadline)
        except (LinkBroken, LinkOver):
            return True

    # -- ending ----------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether `send` would refuse a message: closing, closed or broken."""
        return self._closing is not None or self._end is not None

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection; return when the client has answered, or ``close_timeout`` is over.

        A `recv` that another thread is in ends by ConnectionClosedOK. What the client sends
        meanwhile is thrown away. Later calls, and one after the client's own close, change nothing.

        Args:
            code: 1000; 1001 (going away), 1008 (a rule of yours), 1011 (an error) and some more;
                or 3000 to 4999.
            reason: at most 123 bytes of UTF-8.

        Raises:
            LocalProtocolError: the code or the reason breaks its rule; nothing was sent.
            ConcurrencyError: this is a forked child.
        """
        check_close(code, reason, server=True)
        self._home.check()
        try:
            self._start_close(code, reason)
            deadline = self._closing.deadline if self._closing else self._deadline(_LEAVING_S)
            if not self._flush_or_break(deadline) and self._closing is not None:
                self._finish(self._unanswered("the client took nothing more"))
            self._read_to_end(deadline)
            self._give_back()
        finally:
            self._on_closed(self)

    def _start_close(self, code: int, reason: str) -> None:
        """Begin our close, unless there is one, and wake the reader; without waiting."""
        with self._state:
            if self._end is None and self._closing is None:
                self._closing = _OwnClose(code, reason, self._deadline(self._options.close_timeout))
                self._protocol.send_close(code, reason)
                self._queue_locked(self._protocol.data_to_send())
        self._flush_or_break(self._deadline(0))
        self._duplex.nudge()

    def _read_to_end(self, deadline: Deadline) -> None:
        left = deadline.remaining()
        if not self._reading.acquire(timeout=_LEAVING_S + (left or 0.0)):
            return
        try:
            while self._end is None:
                self._advance(self._deadline(None))
        finally:
            self._reading.release()

    def _give_back(self) -> None:
        """End the link, and leave the socket to the server as it was."""
        self._duplex.end()
        if not self._reading.acquire(timeout=_LEAVING_S):
            return  # a thread is stuck in the kernel; its descriptors are not to be closed
        try:
            if self._sending.acquire(timeout=_LEAVING_S):
                self._duplex.release()
                self._sending.release()
        finally:
            self._reading.release()

    def _finish(self, end: ConnectionClosed, cause: BaseException | None = None) -> None:
        """Let the connection be over because of ``end``, unless it already is."""
        end.__cause__ = cause and cause.with_traceback(None)  # whose frames would keep this alive
        with self._state:
            if self._end is None:
                self._end = end
        self._duplex.end()

    def _refusal(self) -> ConnectionClosed:
        """Return a fresh exception that tells of the end."""
        if self._end is not None:
            return self._marked(self._end.copy())
        assert self._closing is not None
        return self._marked(self._unanswered("the close is under way"))

    def _marked(self, end: ConnectionClosed) -> ConnectionClosed:
        end.__dict__["_of"] = self._token
        return end

    def _has_raised(self, exc: ConnectionClosed) -> bool:
        """Return whether an exception tells of the end of this WebSocket, and of no other link."""
        return exc.__dict__.get("_of") is self._token

    def __enter__(self) -> WebSocket:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(1000 if kind is None else _INTERNAL_ERROR)

    @property
    def response(self) -> WsgiApplication:
        """What the view returns in the end: it writes no second answer to the request.

        A WSGI application, which Flask and its relatives take as a response. It closes the
        connection, should it still be open.
        """
        return self._respond

    def _respond(
        self,
        environ: Mapping[str, Any],
        start_response: Callable[[str, list[tuple[str, str]]], object],
    ) -> Iterable[bytes]:
        self.close()
        # The server logs this and tries to send it. But the socket is shut down, so it finds that
        # the client has gone, which it takes for an everyday matter. To raise here instead would
        # be a fault of the program to whatever stands in between, such as Flask's debugger.
        start_response("101 Switching Protocols", [])
        return ()


def _closed(code: int, reason: str, closed_by: str) -> ConnectionClosed:
    kind = ConnectionClosedOK if code in _CLEAN else ConnectionClosedError
    while len(reason.encode()) > MAX_REASON_BYTES:
        reason = reason[:-1]
    return kind(code, reason, closed_by=closed_by)


def _headers_of(environ: Mapping[str, Any]) -> Headers:
    """Return the headers of a request, under names such as ``X-Request-Id``."""
    return Headers(
        (key[5:].replace("_", "-").title(), value)
        for key, value in environ.items()
        if key.startswith("HTTP_") and isinstance(value, str)
    )
