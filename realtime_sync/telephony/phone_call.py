"""A telephone call: its threads, its two ends, its keys, and how it ended."""

from __future__ import annotations

import logging
import queue
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal, TypeAlias

from attrs import frozen

from .._deadline import LONGEST_S, Deadline
from .._fork import Home
from .._required import is_number, require, require_function
from .._signal_safe import Claim, Latch
from .._threads import join_all, spawn
from .._typing import Self
from .._uncopied import Uncopied
from ..errors import ConcurrencyError, ConfigError, RealtimeTimeout, TransportError
from .dtmf import dtmf_tones
from .in_flight import FRAME_MS
from .phone_sink import PhoneSink, Wire
from .phone_source import PhoneSource

__all__ = ["CallStats", "EndedBy", "PhoneCall", "require_patience"]

log = logging.getLogger(__name__)

EndedBy: TypeAlias = Literal["stop", "link", "closed"]

_CLOSE_S = 5.0  # a thread that has not ended by then waits in the program's own code
_LAST_WORDS_S = 2.0  # a link that takes nothing any more may still bring the reason
_BYTES_PER_MS = 16
_MOST_DIGITS = 1_000  # more than a caller presses while nobody asks


@frozen(kw_only=True)
class CallStats:
    """The counters of a call; `PhoneCall.stats` is one.

    Attributes:
        received_ms: sound that came from the caller.
        dropped_ms: sound of the caller's that nobody took in time.
        odd_messages: messages that can't be read, or have a number that no gap explains.
        ignored_messages: messages of another stream, another track or out of order.
        missed_chunks: pieces of the caller's sound that were numbered, but did not come.
        repeated_chunks: pieces that came once more, or too late, and were left out.
        sent_ms: sound that was sent to the caller.
        skipped_ms: by how much the schedule was moved, because this side was too late.
        lost_ms: sound that was written after the end of the call.
        underruns: how often the caller heard a gap in the middle of an answer.
        stale_marks: marks that came back of sound that had been recalled, or of nobody's.
        unreturned_marks: marks that did not come back in time: within 2 seconds where none has ever
            come, else within 10. Their sound counts as heard.
    """

    received_ms: int = 0
    dropped_ms: int = 0
    odd_messages: int = 0
    ignored_messages: int = 0
    missed_chunks: int = 0
    repeated_chunks: int = 0
    sent_ms: int = 0
    skipped_ms: int = 0
    lost_ms: int = 0
    underruns: int = 0
    stale_marks: int = 0
    unreturned_marks: int = 0


class PhoneCall(Uncopied, ABC):
    """A telephone call: a source and a sink for a voice loop or an agent.

    What `MediaStreams` and `AudioSocket` have in common. ``with`` waits until the call has begun,
    and hangs up at its end. When the caller hangs up the source ends and the sink is gone, so that
    the loop or the session ends at once, in the middle of an answer, too.

    Args:
        wire: sends to the far end.
        lead_ms: see `PhoneSink`.
        prebuffer_ms: see `PhoneSink`.
        start_timeout: seconds in which the far end must say who it is.
        clock: for tests.

    Attributes:
        source: what the caller says.
        sink: what the caller hears.

    Threads:
        Two of its own, from the beginning of the ``with`` to its end: one reads the link and one
        sends frames on their schedule; a third after `on_digit`. All methods may be called from
        any thread.

    Processes:
        A call belongs to the process that made it. In a forked child its methods, and those of the
        source and the sink, raise ConcurrencyError; `close` does nothing, and the parent's call
        goes on.
    """

    def __init__(
        self,
        wire: Wire,
        *,
        lead_ms: int,
        prebuffer_ms: int,
        start_timeout: float | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        Deadline(start_timeout)  # raises for what is no time
        self._start_timeout = start_timeout
        self._home = Home()
        self.source = PhoneSource()
        self.sink = PhoneSink(wire, lead_ms=lead_ms, prebuffer_ms=prebuffer_ms, clock=clock)
        self._entered = Claim()
        self._digits_taken = Claim()
        # What opening waits for: None when the call has begun, or is over; or what failed.
        self._opening: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        self._digits: queue.SimpleQueue[str | None] = queue.SimpleQueue()  # None: there are no more
        self._ended = Latch()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()  # guards _ended_by
        self._ended_by: EndedBy | None = None
        # The reader's:
        self._received_bytes = 0
        self._odd_messages = 0
        self._ignored_messages = 0
        self._missed_chunks = 0
        self._repeated_chunks = 0

    # -- for programs ----------------------------------------------------------------------------

    @property
    def ended_by(self) -> EndedBy | None:
        """What has ended the call; None as long as it goes on.

        ``"stop"``: the far end hung up; ``"link"``: the link broke or was closed without that;
        ``"closed"``: this side.
        """
        return self._ended_by

    @property
    def stats(self) -> CallStats:
        """The counters as they are now."""
        self._home.check()
        return CallStats(
            received_ms=self._received_bytes // _BYTES_PER_MS,
            dropped_ms=self.source.dropped_ms,
            odd_messages=self._odd_messages,
            ignored_messages=self._ignored_messages,
            missed_chunks=self._missed_chunks,
            repeated_chunks=self._repeated_chunks,
            sent_ms=self.sink.sent_frames * FRAME_MS,
            skipped_ms=self.sink.skipped_frames * FRAME_MS,
            lost_ms=self.sink.lost_ms,
            underruns=self.sink.underruns,
            stale_marks=self.sink.stale_marks,
            unreturned_marks=self.sink.unreturned_marks,
        )

    def wait_ended(self, timeout: float | None = None) -> bool:
        """Wait until the call is over; False when ``timeout`` seconds were not enough."""
        self._home.check()
        return self._ended.wait(Deadline(timeout))

    def read_digit(self, timeout: float | None = None) -> str | None:
        """Return the next key that the caller presses.

        Args:
            timeout: seconds; None waits as long as the call lasts.

        Returns:
            One of ``0-9``, ``*``, ``#`` and ``A-D``; None when the call is over and no key is left.

        Raises:
            RealtimeTimeout: no key was pressed in time.
            ConcurrencyError: `on_digit` takes the keys.
        """
        self._home.check()
        if self._digits_taken.locked():
            raise ConcurrencyError("on_digit() takes this call's keys; read_digit() gets none")
        try:
            digit = self._digits.get(timeout=Deadline(timeout).remaining())
        except queue.Empty:
            raise RealtimeTimeout(
                f"the caller pressed no key within {timeout} s; ask again, or go on without"
            ) from None
        if digit is None:
            self._digits.put(None)  # for whoever asks next
        return digit

    def on_digit(self, handler: Callable[[str], object]) -> None:
        """Have ``handler`` called with each key that the caller presses, until the call is over.

        ::

            call.on_digit(lambda digit: session.send_message(f"The caller pressed {digit}."))

        Args:
            handler: is called on a thread of its own, one key after another. What it raises is
                logged, and the next key is handed to it all the same.

        Raises:
            ConfigError: ``handler`` is no function.
            ConcurrencyError: another handler takes the keys.
            RealtimeError: the system gives no thread.
        """
        self._home.check()
        require_function(handler, "handler", takes=("digit",), error=ConfigError)
        token = object()
        if self._digits_taken.setdefault("now", token) is not token:
            raise ConcurrencyError("this call's keys have a handler; call on_digit() once")
        thread = spawn(lambda: self._hand_out_digits(handler), name="phone-digits")
        self._threads.append(thread)

    def send_digits(self, digits: str, *, tone_ms: int = 100, gap_ms: int = 100) -> None:
        """Have the tones of keys heard after what was written before; see `dtmf_tones`.

        Raises:
            ConfigError: there is no such key, or a length is out of range.
        """
        self.sink.write(dtmf_tones(digits, tone_ms=tone_ms, gap_ms=gap_ms))
        self.sink.flush()

    def close(self) -> None:
        """Hang up; what was not heard is lost (``sink.drain()`` first). May be called again."""
        if self._home.left:
            return
        self._end("closed")
        self._hang_up()
        if join_all(self._threads, Deadline(_CLOSE_S)):
            self._release()

    def __enter__(self) -> Self:
        """Wait until the call has begun.

        Raises:
            RealtimeTimeout: the far end does not say who it is.
            RemoteProtocolError: it says what can't be.
            TransportError: the link is over before that.
            ConcurrencyError: it was entered before, or this is a forked child.
        """
        self._home.check()
        token = object()
        if self._entered.setdefault("now", token) is not token:
            raise ConcurrencyError("a call is entered once; each call has an object of its own")
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # -- for the kinds of calls ------------------------------------------------------------------

    @abstractmethod
    def _read(self) -> EndedBy:
        """Read the link until it, or the call, is over; on the reader's thread."""

    @abstractmethod
    def _hang_up(self) -> None:
        """End the link, and whoever waits for it; more than once is fine."""

    def _release(self) -> None:
        """Give back what the link holds, now that no thread uses it; more than once is fine."""

    def _has_begun(self) -> None:
        """Let `__enter__` return; for `_read`."""
        self._opening.put(None)

    def _take_audio(self, pcm: bytes) -> None:
        self._received_bytes += len(pcm)
        self.source.take(pcm)

    def _take_digit(self, digit: str) -> None:
        if self._digits.qsize() < _MOST_DIGITS:
            self._digits.put(digit)
        else:
            self._note_ignored(f"{_MOST_DIGITS} keys wait, and nobody takes them")

    def _note_odd(self, exc: Exception) -> None:
        self._odd_messages += 1
        level = logging.WARNING if self._odd_messages == 1 else logging.DEBUG
        log.log(level, "a message of a call is left out: %s", exc)

    def _note_ignored(self, why: str) -> None:
        self._ignored_messages += 1
        level = logging.WARNING if self._ignored_messages == 1 else logging.DEBUG
        log.log(level, "a message of a call is ignored: %s", why)

    # -- threads ---------------------------------------------------------------------------------

    def _open(self) -> None:
        self._threads.append(spawn(self._run_reader, name="phone-reader"))
        try:
            failure = self._opening.get(timeout=Deadline(self._start_timeout).remaining())
        except queue.Empty:
            raise RealtimeTimeout(
                f"the call did not begin within {self._start_timeout} s: whoever has opened the "
                "link must say next which call it is; raise start_timeout if it is only slow"
            ) from None
        if failure is not None:
            raise failure
        self._threads.append(spawn(self._run_pacer, name="phone-pacer"))

    def _run_reader(self) -> None:
        why: EndedBy = "link"
        try:
            why = self._read()
        except Exception as exc:
            self._opening.put(exc)  # which nobody asks when it has begun
            log.warning("the link of a call can't be read any more: %s", exc)
        finally:
            self._end(why)
        # Only where the call had not begun is it heard.
        self._opening.put(TransportError("the link of the call was over before it had begun"))

    def _run_pacer(self) -> None:
        try:
            self.sink.run()
        except TransportError:
            # The reader learns of it as well, and perhaps that the far end had hung up.
            if not self._ended.wait(Deadline(_LAST_WORDS_S)):
                self._end("link")

    def _hand_out_digits(self, handler: Callable[[str], object]) -> None:
        while (digit := self._digits.get()) is not None:
            _call(handler, digit)

    def _end(self, why: EndedBy) -> None:
        with self._lock:
            if self._ended_by is not None:
                return
            self._ended_by = why
        self.sink.end()  # first: a talk whose source ends looks whether anybody hears it
        self.source.end()
        self._digits.put(None)
        self._ended.set()


def require_patience(value: object, what: str) -> None:
    """Refuse what is no time to wait.

    Raises:
        ConfigError: it is neither None nor a number of seconds above 0.
    """
    fits = value is None or (is_number(value, 0, LONGEST_S) and bool(value))
    rule = f"{what} must be a number of seconds greater than 0, or None for no limit"
    require(fits, rule, value, error=ConfigError)


def _call(handler: Callable[[str], object], digit: str) -> None:
    try:
        handler(digit)
    except Exception:
        log.exception("the handler of a call's keys has failed")
