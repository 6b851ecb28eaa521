"""The real transport: a WebSocket on a socket that websocket-client has connected."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from .._deadline import Deadline
from .._fork import Home
from .._signal_safe import Latch
from .._uncopied import Uncopied
from ..errors import ConnectError, ConnectionClosed
from ._duplex import Duplex, LinkBroken, LinkOver
from ._frames import READ_SIZE, Splitter, text_frame
from ._handshake import Opened, open_socket
from ._keepalive import Keepalive, Verdict
from ._writer import CloseSent, FrameWriter, Stalled
from .base import MAX_REASON_BYTES, Transport, check_close, closed, closed_by_us, utf8
from .options import TransportOptions

if TYPE_CHECKING:
    from ._deflate import Agreement

__all__ = ["WebSocketTransport", "connect"]

# After a read of so many bytes (a TLS record), or of all that a large frame missed, there is more
# as a rule. It is fetched before anything is handed on, since each handing on wakes the consumer,
# which then competes with this thread for the interpreter: a burst costs 4 % less CPU, over TLS
# 20 %.
_PLENTY_BYTES: Final = 16384
# But so much is enough, since it is memory beyond the bound of the connection's queue. (With half
# of it a burst costs 4 % more, over TLS 10 %; with twice as much hardly less.)
_ENOUGH_BYTES: Final = 262_144
# What is queued while a sender holds the link is written so soon after it has let it go.
_LOOK_AGAIN_S: Final = 0.02


def connect(url: str, *, headers: Mapping[str, str], options: TransportOptions) -> Transport:
    """Open a WebSocket; see `realtime_sync.transport.connect`."""
    home = Home()
    opened = open_socket(url, headers, options)
    try:
        home.check()  # somebody may have forked in the middle, say in a signal handler
        return WebSocketTransport(opened, options, _agreement(opened, options))
    except OSError as exc:
        opened.sock.close()
        raise ConnectError(
            f"connected, but there is no descriptor left for the connection ({exc}); "
            "close some, or raise the limit (ulimit -n)"
        ) from exc
    except BaseException:
        opened.sock.close()
        raise


def _agreement(opened: Opened, options: TransportOptions) -> Agreement | None:
    """Return what was agreed on about compression, None for nothing."""
    if options.compression is None:
        if any(opened.extensions):
            raise ConnectError(
                "the server answered with a WebSocket extension that was not asked for; "
                "if it is permessage-deflate, pass compression='deflate'"
            )
        return None
    from ._deflate import NegotiationError, negotiated

    try:
        return negotiated(opened.extensions)
    except NegotiationError as exc:
        words = opened.secrets.hide(str(exc))
    raise ConnectError(
        f"the server's answer to the offer of compression is wrong ({words}); "
        "connect without compression"
    )


class _Closing(NamedTuple):
    """Our own close, as it was asked for."""

    code: int
    reason: str
    deadline: Deadline


class WebSocketTransport(Transport, Uncopied):
    """The client's side of an open WebSocket.

    Args:
        opened: what the handshake gave; owned from now on.
        options: as given to `connect`.
        deflate: what was agreed on about compression, None for none.

    Threads:
        As `Transport`. It has no thread of its own: the one in `read` does all the housekeeping.
    """

    def __init__(
        self, opened: Opened, options: TransportOptions, deflate: Agreement | None = None
    ) -> None:
        super().__init__()
        self._options = options
        self._secrets = opened.secrets
        self._duplex = Duplex(opened.sock)
        # The reader's own, down to _messages_in:
        self._splitter = Splitter(options.max_size)
        if deflate is None:
            self._writer = FrameWriter(self._duplex, text_frame)
        else:
            from ._deflate import Deflater, InflatingSplitter

            self._splitter = InflatingSplitter(options.max_size)
            self._writer = FrameWriter(self._duplex, Deflater(deflate).frame, stateful=True)
        self._keepalive = Keepalive(options.ping_interval, options.ping_timeout)
        self._early = opened.received
        self._kept: list[str | bytes] = []  # received while the reader itself was in close()
        self._reader: int | None = None  # its thread
        self._reading = False  # whether it is in `read` now
        self._more = True  # whether a read is likely to find something without waiting
        self._bytes_in = 0
        self._messages_in = 0
        # At most one entry, since whoever closes first decides. Not guarded by a lock, which a
        # signal handler could not take.
        self._closing: dict[str, _Closing] = {}
        self._state = threading.Lock()  # guards setting _end
        self._end: ConnectionClosed | None = None
        self._done = Latch()  # set after _end

    # -- reading ---------------------------------------------------------------------------------

    def read(self) -> list[str | bytes]:
        """Block until a whole message is there; see `Transport.read`."""
        self._reader = threading.get_ident()
        if self._kept:
            self.check_process()
            messages, self._kept = self._kept, []
            return messages
        return self._read()

    def _read(self) -> list[str | bytes]:
        messages: list[str | bytes] = []
        begin = self._bytes_in
        self._reading = True  # before looking whether it is over: see `_release_if_unused`
        try:
            if self._duplex.over:
                raise LinkOver
            self._keepalive.restart()  # a pause of the reader is no silence of the peer
            while self._end is None:
                if not self._more:
                    self._wait()
                elif self._closing or self._writer.posted:
                    # So much comes that there is no waiting, but this must not wait for its end.
                    self._writer.flush()
                    self._check_deadline()
                messages += self._receive()
                if messages and not (self._more and self._bytes_in - begin < _ENOUGH_BYTES):
                    break
        except LinkOver:
            pass
        except OSError as exc:
            self._finish(closed(1006, self._writer.broken or f"the link broke: {exc}"), exc)
        finally:
            self._reading = False
            if self._duplex.over:
                self._release_if_unused()
        if not messages:
            raise self._refusal()
        self._messages_in += len(messages)
        return messages

    def _receive(self) -> list[str | bytes]:
        """Read once, without waiting; return what messages that completed."""
        splitter = self._splitter
        if self._early:
            early, self._early = self._early, b""
            return self._digest(splitter.feed(early), len(early))
        space = splitter.space()
        if space is None:
            data = self._duplex.read(READ_SIZE)
            count = None if data is None else len(data)
            wanted = READ_SIZE
        else:
            count = self._duplex.read_into(space)
            wanted = len(space)
        # Less than was asked for is all there was, decrypted or not: another read would only cost
        # a system call and an exception (1.3 µs) and let the consumer take the interpreter.
        self._more = count is not None and count >= min(_PLENTY_BYTES, wanted)
        if not count:
            if count == 0:
                self._finish(closed(1006, self._why_it_ended()))
            return []
        messages = splitter.filled(count) if space is not None else splitter.feed(data or b"")
        return self._digest(messages, count)

    def _digest(self, messages: list[str | bytes], count: int) -> list[str | bytes]:
        """Account for ``count`` bytes and see to the control frames among them."""
        self._bytes_in += count
        self._keepalive.restart()
        splitter = self._splitter
        if splitter.pings:
            self._writer.pong(splitter.pings)
            splitter.pings.clear()
            self._writer.flush()
        if splitter.close is not None:
            self._answer_close(splitter.close.code, splitter.close.reason)
        elif splitter.error is not None:
            error = splitter.error
            reason = error.reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
            self._say_goodbye(error.code, reason)
            self._finish(closed(error.code, error.reason, "this side"), error)
        return messages

    def _answer_close(self, code: int, reason: str) -> None:
        sent = self._say_goodbye(code, "")
        closing = self._closing.get("own")
        words = self._secrets.hide(reason)  # some servers close with "invalid key ..."
        if sent is CloseSent.EARLIER and closing is not None:
            end = closed_by_us(closing.code, closing.reason)
            end.note(f"the peer answered the close with code {code}" + (words and f": {words}"))
            self._finish(end)
        else:
            self._finish(closed(code, words))

    def _say_goodbye(self, code: int, reason: str) -> CloseSent:
        deadline = Deadline(self._options.close_timeout)
        try:
            return self._writer.answer_close(code, reason, deadline)
        except (LinkBroken, LinkOver):
            return CloseSent.NOT  # the peer does not care any more

    def _wait(self) -> None:
        """Wait for bytes; write what is queued; ping, or give the link up, when it is time."""
        full = not self._writer.flush()
        closing = self._closing.get("own")
        if closing is not None and not self._writer.closing:  # who closes was struck before that
            self._writer.close(closing.code, closing.reason)
        timeout = (closing.deadline if closing else self._keepalive).remaining()
        if self._writer.waiting and not full:
            timeout = _LOOK_AGAIN_S if timeout is None else min(timeout, _LOOK_AGAIN_S)
        happened = self._duplex.wait(timeout, or_writable=full)
        if closing is not None:
            self._check_deadline()  # also of a peer that talks on instead of answering
        elif not happened:
            self._check_silence()

    def _check_deadline(self) -> None:
        closing = self._closing.get("own")
        if closing is not None and closing.deadline.expired:
            self._finish(self._unanswered())

    def _check_silence(self) -> None:
        verdict = self._keepalive.check(
            bytes_out=self._writer.bytes_out, ping_queued=self._writer.ping_queued
        )
        if verdict is Verdict.PING:
            self._writer.ping()
        elif verdict is Verdict.DEAD:
            limit = self._options.ping_timeout
            self._finish(closed(1006, f"no answer to a ping within {limit:g} s"))

    def _why_it_ended(self) -> str:
        if self._writer.broken:
            return self._writer.broken
        if self._closing:
            return "the peer ended the link instead of answering our close"
        return "the peer ended the link without a close frame"

    # -- sending ---------------------------------------------------------------------------------

    def send(self, text: str | bytes) -> None:
        """Send one text message; see `Transport.send`."""
        payload = text if isinstance(text, bytes) else utf8(text)
        if self._duplex.over:  # in a forked child as well, where a lock might be held for ever
            raise self._refusal()
        try:
            self._writer.send(payload, self._options.send_timeout)
            return
        except LinkOver:
            pass
        except (LinkBroken, Stalled) as exc:
            self.check_process()
            raise closed(1006, self._writer.broken or f"sending failed: {exc}") from exc
        finally:
            if self._duplex.over:
                self._release_if_unused()  # type: ignore[unreachable]  # others end it meanwhile
        raise self._refusal()

    def post(self, text: str | bytes) -> None:
        """Queue one text message; see `Transport.post`."""
        payload = text if isinstance(text, bytes) else utf8(text)
        try:
            if self._duplex.over:
                raise LinkOver
            self._writer.post(payload)
        except LinkOver:
            raise self._refusal() from None
        self._duplex.nudge()

    def take_back(self) -> list[str]:
        """Return the posted messages that were not sent; see `Transport.take_back`."""
        self.check_process()
        return [payload.decode(errors="replace") for payload in self._writer.take_back()]

    # -- ending ----------------------------------------------------------------------------------

    def start_close(self, code: int, reason: str, deadline: Deadline) -> None:
        """Have the link closed; see `Transport.start_close`."""
        self.check_process()
        closing = self._closing.setdefault("own", _Closing(code, reason, deadline))
        if not self._duplex.over:
            self._duplex.nudge()
            # At once, for the reader may be pausing.
            self._writer.close(closing.code, closing.reason)
        if self._duplex.over:  # since it was looked at; then nobody else may have released it
            self._release_if_unused()

    def close(self, code: int = 1000, reason: str = "", *, timeout: float) -> None:
        """Close with a handshake; see `Transport.close`."""
        self.check_process()
        check_close(code, reason)
        deadline = Deadline(timeout)
        self.start_close(code, reason, deadline)
        if self._reader == threading.get_ident():
            self._read_to_end()
        else:
            if not self._reading:
                self._writer.drain(deadline)
            if not self._done.wait(deadline):
                self._finish(self._unanswered())
        self._release_if_unused()

    def _read_to_end(self) -> None:
        """Do what the reader would do if it were not here."""
        with suppress(ConnectionClosed):
            while True:
                self._kept += self._read()

    def abort(self) -> None:
        """Cut the link; see `Transport.abort`."""
        if self.forked:
            return  # a lock might be held for ever here
        self._finish(closed(1006, "aborted by this side", "this side"))

    def _finish(self, end: ConnectionClosed, cause: BaseException | None = None) -> None:
        """Let the link be over because of ``end``, unless it already is."""
        # Without the traceback, whose frames would keep this object alive.
        end.__cause__ = cause and cause.with_traceback(None)
        with self._state:  # no call inside, so no signal handler that comes here finds it locked
            if self._end is None:
                self._end = end
        self._writer.closing = True
        self._duplex.end()
        self._done.set()
        self._release_if_unused()

    def _release_if_unused(self) -> None:
        """Close the descriptors if the link is over and nobody is inside.

        Whoever is inside does it when leaving. Nobody is missed: a user enters first and looks
        whether it is over then; this thread, which knows that it is over, looks for users then.
        """
        if self._duplex.over and not self._reading and not self._writer.busy:
            self._duplex.release()

    def _refusal(self) -> ConnectionClosed:
        """Return why a call can't be served: a new exception, for threads to raise on their own."""
        self.check_process()
        if self._end is not None:
            return self._end.copy()
        if self._writer.broken:
            return closed(1006, self._writer.broken)
        closing = self._closing.get("own")
        if closing is not None:
            return closed_by_us(closing.code, closing.reason)
        return closed(1006, "the peer is closing the link", "the server")

    def _unanswered(self) -> ConnectionClosed:
        if self._writer.close_written:
            return closed(1006, "the peer did not answer our close in time")
        return closed(1006, "the peer took no data while we closed")

    # -- state -----------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether `send` would refuse a message."""
        return self._writer.closing or self._writer.broken is not None or self.forked

    @property
    def bytes_in(self) -> int:
        """Bytes received, after TLS and with the frames' headers."""
        return self._bytes_in

    @property
    def bytes_out(self) -> int:
        """Bytes sent, before TLS and with the frames' headers."""
        return self._writer.bytes_out

    @property
    def messages_in(self) -> int:
        """Whole messages received."""
        return self._messages_in

    @property
    def messages_out(self) -> int:
        """Whole messages sent."""
        return self._writer.messages_out
