"""The seam between the connection and the wire: text in, text out; no events, no JSON."""

from __future__ import annotations

from abc import ABC, abstractmethod

from .._deadline import Deadline
from .._fork import Home
from .._required import is_whole
from .._shown import shown
from ..errors import (
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    LocalProtocolError,
)

__all__ = ["MAX_REASON_BYTES", "Transport", "check_close", "closed", "closed_by_us"]

# RFC 6455 §5.5: a control frame carries at most 125 bytes, two of which are the close code.
MAX_REASON_BYTES = 123
_NORMAL_CODES = (1000, 1001)
# RFC 6455 §7.4.1 and IANA's list; 1004 to 1006, 1010 and 1015 are never a server's to send.
_CLIENTS_CODES = (1000,)
_SERVERS_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 1014)


class Transport(ABC):
    """An open duplex link that carries whole messages.

    Threads:
        One thread at a time calls `read`; every other method may be called from any thread. The
        counters may be read at any time.

    Processes:
        A link belongs to the process that opened it. In a forked child every call raises
        ConcurrencyError, but for `abort`, which does nothing; and nothing that happens to the copy
        reaches the peer.
    """

    def __init__(self) -> None:
        self._home = Home()

    @property
    def forked(self) -> bool:
        """Whether this is the copy in a forked child."""
        return self._home.left

    def check_process(self) -> None:
        """Raise ConcurrencyError where this is the copy in a forked child."""
        self._home.check()

    @abstractmethod
    def read(self) -> list[str | bytes]:
        """Block until a whole message is there; return all that arrived with it.

        Answers pings, sends the keepalive pings and takes part in the close handshake. The time
        between two calls does not count as silence of the peer, so a reader may pause.

        Returns:
            At least one message: ``str`` for text (strictly decoded UTF-8), ``bytes`` for binary.

        Raises:
            ConnectionClosedOK: the link was closed on purpose; the messages came before.
            ConnectionClosedError: it broke, or was closed by an error; the messages came before.
        """

    @abstractmethod
    def send(self, text: str | bytes) -> None:
        """Send one text message; return when the kernel has taken all of it.

        Args:
            text: the message; bytes must be valid UTF-8 and are not checked.

        Raises:
            ConnectionClosed: the link is over or closing; the message may not have been sent.
            ConcurrencyError: this is the copy in a forked child.
        """

    @abstractmethod
    def post(self, text: str | bytes) -> None:
        """Queue one text message and return at once; the thread in `read` sends it.

        Posted messages go out in order, before whatever is sent after them, and before a close
        frame that is asked for after them.

        Raises:
            ConnectionClosed: the link is over or closing.
        """

    @abstractmethod
    def take_back(self) -> list[str]:
        """Return the posted messages of which nothing was sent; once, when the link is over."""

    @abstractmethod
    def start_close(self, code: int, reason: str, deadline: Deadline) -> None:
        """Have the link closed by the thread in `read`, and return at once.

        A message that another thread is sending is finished first; one that this very thread was
        sending, when a signal handler that calls this interrupted it, is cut. At the deadline the
        link is cut, so that blocked `read` and `send` calls end. A second call changes nothing.

        Takes no lock that the interrupted thread may hold, so a signal handler may call it.

        Args:
            code: 1000, or 3000 to 4999; not checked.
            reason: at most 123 bytes of UTF-8; not checked.
            deadline: for the whole handshake.
        """

    @abstractmethod
    def close(self, code: int = 1000, reason: str = "", *, timeout: float) -> None:
        """Close the link; return when the peer has answered or ``timeout`` seconds have passed.

        As `start_close`, and waits for the end. Later calls wait for the same end, and cut the link
        when their own deadline comes first. The answer is seen by the thread in `read`: while that
        pauses, the call lasts its ``timeout``. The reader itself may call it, too; what is received
        meanwhile is kept for the following `read`. A signal handler calls `start_close`, since what
        it has interrupted can't go on before it returns.

        Args:
            code: 1000, or 3000 to 4999.
            reason: at most 123 bytes of UTF-8.
            timeout: seconds for the whole handshake.

        Raises:
            LocalProtocolError: the code or the reason breaks its rule; nothing was sent.
        """

    @abstractmethod
    def abort(self) -> None:
        """Cut the link at once, without a handshake, and wake every thread blocked in it."""

    @property
    @abstractmethod
    def closed(self) -> bool:
        """Whether `send` would refuse a message: closing, closed or broken."""

    @property
    @abstractmethod
    def bytes_in(self) -> int:
        """Bytes received, after TLS and with the frames' headers."""

    @property
    @abstractmethod
    def bytes_out(self) -> int:
        """Bytes sent, before TLS and with the frames' headers."""

    @property
    @abstractmethod
    def messages_in(self) -> int:
        """Whole messages received."""

    @property
    @abstractmethod
    def messages_out(self) -> int:
        """Whole messages sent."""


def closed(code: int, reason: str = "", closed_by: str | None = None) -> ConnectionClosed:
    """Return the exception that tells of a close with ``code``."""
    kind = ConnectionClosedOK if code in _NORMAL_CODES else ConnectionClosedError
    return kind(code, reason, closed_by=closed_by)


def closed_by_us(code: int, reason: str = "") -> ConnectionClosed:
    """Return the exception that tells of our own close, which is no error whatever its code."""
    return ConnectionClosedOK(code, reason, closed_by="this side")


def utf8(text: str) -> bytes:
    """Return a message as it is sent; raise LocalProtocolError if it is no Unicode text."""
    if not isinstance(text, str):
        raise LocalProtocolError(f"a message is a text, not {shown(text)}")
    try:
        return text.encode()
    except UnicodeEncodeError as exc:
        raise LocalProtocolError(
            f"a message is not valid Unicode ({exc.reason} at {exc.start}); "
            "remove the lone surrogates"
        ) from exc


def check_close(code: int, reason: str, *, server: bool = False) -> None:
    """Raise LocalProtocolError unless a client, or a server, may send this code and reason."""
    codes = _SERVERS_CODES if server else _CLIENTS_CODES
    if not is_whole(code) or (code not in codes and not 3000 <= code <= 4999):
        whose, use = (
            ("a server's", "1000, 1001, 1008, 1011") if server else ("the client's", "1000")
        )
        raise LocalProtocolError(
            f"close code {shown(code)} is not {whose} to send; use {use}, or 3000 to 4999"
        )
    if not isinstance(reason, str):
        raise LocalProtocolError(f"the close reason is {shown(reason)}; pass a str")
    try:
        size = len(reason.encode())
    except UnicodeEncodeError as exc:
        raise LocalProtocolError(
            f"the close reason {shown(reason)} is not valid Unicode; remove the lone surrogates"
        ) from exc
    if size > MAX_REASON_BYTES:
        raise LocalProtocolError(
            f"the close reason has {size} bytes of UTF-8; shorten it to {MAX_REASON_BYTES}"
        )
