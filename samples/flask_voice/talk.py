"""One talk: a session of agents on one side, and on the other a page that may come and go."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from realtime_sync import (
    ConnectionClosed,
    FormatError,
    QueueFullError,
    RealtimeError,
    RealtimeTimeout,
)
from realtime_sync.agents import (
    RealtimeSession,
    RealtimeSessionEvent,
    RealtimeUserInput,
    RealtimeUserInputImage,
    RealtimeUserInputText,
)
from realtime_sync.audio import Resampler
from realtime_sync.wsgi import WebSocket

from . import messages
from .agents import TOOLS
from .messages import BadMessageError
from .page_line import Line
from .playback import PageTracker, Part, Piece, Silencing, Unheard
from .view import Latency, Message, View

__all__ = ["Talk"]

log = logging.getLogger(__name__)

_HELLO_S = 10.0
# How long the truncation of an answer waits for the page to say what it has played.
_CLEAR_S = 0.25
# An answer of which more waits is interrupted: five minutes that nobody has heard.
_MAX_UNHEARD_BYTES = 5 * 60 * messages.HZ * 2

_OVER = "The talk is over."
_UNREACHED = "The voice service can't be reached. Try again later."
_FAILED = "The voice service has ended the talk."
_NOT_TAKEN = "The voice service did not take that. Try it again in a moment."


class Talk:
    """A conversation of one user's, from the first page that opens it until it is over.

    Args:
        talk_id: random; pages rejoin by it.
        user: whose it is.
        login: by which of the user's logins it was begun.
        open_session: returns a session that is not entered, for a playback tracker.
        on_over: called with this talk when it is over; perhaps more than once.
        expires_at: until when a page has to join, on ``clock``.
        rejoin_s: how long it waits for a page that was lost.
        clock: seconds, monotonic.

    Threads: `hold` runs on the thread of the page's request, and reads from the page. A thread of
        the talk's iterates over the session; a third, of each `Line`, writes to the page. All else
        may be called from any.
    """

    def __init__(
        self,
        talk_id: str,
        *,
        user: str,
        login: str,
        open_session: Callable[[PageTracker], RealtimeSession[Any]],
        on_over: Callable[[Talk], object],
        expires_at: float,
        rejoin_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.id = talk_id
        self.user = user
        self.login = login
        self._open_session = open_session
        self._on_over = on_over
        self._rejoin_s = rejoin_s
        self._clock = clock
        self._tracker = PageTracker(self._silence)
        self._silencing = Silencing()
        self._beginning = threading.Lock()  # held while the session is entered
        self._session: RealtimeSession[Any] | None = None
        self._pump: threading.Thread | None = None
        # Guards all below, and keeps what is said to the page in one order. Nothing waits under it.
        self._lock = threading.Lock()
        self._knocking: WebSocket | None = None  # of a page that has still to say hello
        self._line: Line | None = None  # to the page that has the talk
        self._had_page = False
        self._expires_at: float | None = expires_at  # None while a page is there
        self._announced: Part | None = None  # to which the sound belongs that the page gets
        self._unheard = Unheard()
        self._latency = Latency(clock)
        self._view = View(tools=TOOLS, heard=self._words_heard, latency=self._latency)
        self._is_muted = False  # the page is silent, and the session is about to learn it
        self._end: tuple[int, str] | None = None  # it is over, or about to be, and why

    # -- its life ---------------------------------------------------------------------------------

    def hold(self, socket: WebSocket) -> None:
        """Be the other side of a page, until it leaves.

        Raises:
            ConnectionClosed: the page is lost.
        """
        self._knock(socket)
        hello = _first_message(socket)
        self._stop_knocking(socket)
        if hello is None:
            return
        line = Line(socket)
        try:
            self._begin()
            if self._attach(line, hello):
                self._listen(socket, line, hello.rate)
        except ConnectionClosed:
            raise
        except BaseException:
            line.end(1011, "this server has failed")  # to a page, 1000 would be the talk's end
            raise
        finally:
            self._detach(line)
            line.end(1000, "")
            line.join()

    def tell(self, message: Message) -> None:
        """Tell the page something, if there is one."""
        with self._lock:
            self._tell_locked(message)

    def is_due(self, now: float) -> bool:
        """Whether a page had to join by now, and none did."""
        with self._lock:
            return self._expires_at is not None and now >= self._expires_at

    def end(self, code: int = 4002, words: str = _OVER) -> None:
        """End the talk; the page is told why, and closed with the code."""
        with self._lock:
            self._end = self._end or (code, words)
            session = self._session
        if session is None:
            self._finish()
        else:
            session.close()  # which ends the loop of `_run`

    def join(self) -> None:
        """Wait until nothing of an ended talk runs any more."""
        if self._pump is not None:
            self._pump.join()

    def _begin(self) -> None:
        """Connect to the model, for the first page."""
        with self._beginning:
            if self._session is not None or self._end is not None:
                return
            session = self._open_session(self._tracker)
            try:
                session.enter()
            except RealtimeError:
                log.exception("a talk could not begin")
                self.end(4004, _UNREACHED)
                return
            with self._lock:
                self._session = session
                is_over = self._end is not None
            self._pump = threading.Thread(target=self._run, name="talk", daemon=True)
            self._pump.start()
        if is_over:  # it was ended meanwhile
            session.close()

    def _run(self) -> None:
        """Follow the session to its end."""
        session = self._running()
        try:
            for event in session:
                self._take(event)
        except RealtimeError as exc:
            log.warning("a talk was ended by %r", exc)
            self._ended_by(_FAILED)
        except Exception:
            log.exception("a talk has failed")
            self._ended_by(_FAILED)
        finally:
            self._ended_by(_OVER)
            session.close()
            self._finish()

    def _ended_by(self, words: str) -> None:
        with self._lock:
            self._end = self._end or (4002, words)

    def _finish(self) -> None:
        with self._lock:
            assert self._end is not None
            code, words = self._end
            line, self._line = self._line, None
        if line is not None:
            _say_goodbye(line, code, words)
        self._on_over(self)

    def _running(self) -> RealtimeSession[Any]:
        assert self._session is not None
        return self._session

    # -- pages come and go ------------------------------------------------------------------------

    def _knock(self, socket: WebSocket) -> None:
        """Have a page that has not said hello give way to the next: each holds a thread."""
        with self._lock:
            before, self._knocking = self._knocking, socket
        if before is not None:
            before.close(1008, "another page of this talk has come")

    def _stop_knocking(self, socket: WebSocket) -> None:
        with self._lock:
            if self._knocking is socket:
                self._knocking = None

    def _attach(self, line: Line, hello: messages.Hello) -> bool:
        """Give the talk to a page, which another one loses; False if it is over."""
        with self._lock:
            if self._end is not None:
                _say_goodbye(line, *self._end)
                return False
            old, self._line = self._line, line
            self._expires_at = None
            for played in hello.played:
                self._played_locked(played)
            self._greet_locked()
        if old is not None:
            old.end(4000, "the talk goes on in another tab")
        return True

    def _greet_locked(self) -> None:
        """Tell a page all that a new one has to know, and the sound that was not heard yet."""
        self._tell_locked(
            {
                "type": "ready",
                "talk": self.id,
                "agent": self._running().current_agent.name,
                "rejoin_s": self._rejoin_s,
                "rejoined": self._had_page,
                "answering": self._view.is_answering,
                "history": self._view.history,
            }
        )
        self._had_page, self._announced = True, None
        for piece, is_complete in self._unheard.again():
            self._sound_locked(piece)
            if is_complete:
                self._tell_locked(_audio_done(piece.part))

    def _detach(self, line: Line) -> None:
        """Wait for another page, unless there is one already."""
        with self._lock:
            if self._line is line:
                self._line = None
                self._expires_at = self._clock() + self._rejoin_s

    # -- what the page says -----------------------------------------------------------------------

    def _listen(self, socket: WebSocket, line: Line, rate: int) -> None:
        """Do what a page says until it leaves."""
        microphone = Resampler(rate, messages.HZ)
        for data in socket:
            try:
                said = messages.parse(data)
            except BadMessageError as exc:
                _complain(line, exc)
                continue
            if isinstance(said, messages.Bye):
                self.end(1000)
                self.join()  # so that the page is told before it is let go
                return
            self._obey(said, microphone, line)

    def _obey(self, said: messages.FromPage, microphone: Resampler, line: Line) -> None:
        try:
            if isinstance(said, messages.Sound):
                self._hear(microphone.process(said.pcm))
            else:
                self._do(said)
        except BadMessageError as exc:
            _complain(line, exc)
        except ConnectionClosed:
            pass  # the session is over, of which `_run` tells the page, and closes it
        except RealtimeError:  # no room while the link to the model is being made anew, and such
            log.warning("what a page has said could not be passed on", exc_info=True)
            _complain(line, BadMessageError(_NOT_TAKEN, "provider"))

    def _hear(self, pcm: bytes) -> None:
        if not pcm:
            return
        try:
            self._running().send_audio(pcm)
        except QueueFullError:
            pass  # the link to the model is being made anew: what is said meanwhile is lost
        except FormatError as exc:
            raise BadMessageError(str(exc)) from exc

    def _do(self, said: messages.FromPage) -> None:
        match said:
            case messages.Played():
                with self._lock:
                    self._played_locked(said)
            case messages.Cleared(n):
                self._silencing.answer(n)
            case messages.Interrupt():
                self._interrupt()
            case messages.Text(text):
                self._send(text)
            case messages.Image():
                self._send(_with_image(said))
            case messages.Approve():
                self._approve(said)
            case messages.Hello():
                raise BadMessageError("a hello comes once, and first")

    def _played_locked(self, played: messages.Played) -> None:
        samples = self._unheard.heard(played.part, played.samples)
        if samples:
            self._tracker.heard(played.part, samples)
            latency = self._latency.heard()
            if latency is not None:
                self._tell_locked(latency)

    def _send(self, message: RealtimeUserInput) -> None:
        with self._lock:
            self._latency.user_is_done()
        self._running().send_message(message)

    def _approve(self, said: messages.Approve) -> None:
        session = self._running()
        decide = session.approve_tool_call if said.approved else session.reject_tool_call
        with self._lock:  # first, for the call may be over before the other call returns
            is_waiting = self._view.is_waiting(said.call_id)
            if is_waiting:
                state = "running" if said.approved else "rejected"
                for message in self._view.tool(said.call_id, state=state):
                    self._tell_locked(message)
        if not is_waiting or not decide(said.call_id, always=said.always):
            raise BadMessageError("This call does not wait for approval any more.", "approval")

    def _interrupt(self) -> None:
        """Have the answer stopped by a page that is silent already, so nobody waits for it."""
        with self._lock:
            self._is_muted = True
            self._unheard.cut()
        try:
            self._running().interrupt()
        finally:
            with self._lock:
                self._is_muted = False

    # -- what the session says --------------------------------------------------------------------

    def _take(self, event: RealtimeSessionEvent) -> None:
        """Pass on what has happened."""
        if event.type == "audio":
            self._take_sound((event.item_id, event.content_index), event.audio)
            return
        with self._lock:
            if event.type == "audio_end":
                part = (event.item_id, event.content_index)
                if self._unheard.complete(part):
                    self._tell_locked(_audio_done(part))
                return
            if event.type == "audio_interrupted":
                self._silence_late_locked((event.item_id, event.content_index))
            for message in self._view.take(event):
                self._tell_locked(message)

    def _take_sound(self, part: Part, audio: Any) -> None:
        with self._lock:
            piece = (
                None if self._is_muted else self._unheard.add(part, audio.response_id, audio.data)
            )
            if piece is None:
                return
            self._latency.audio_goes_out()
            self._sound_locked(piece)
            is_too_much = self._unheard.waiting_bytes > _MAX_UNHEARD_BYTES
        if is_too_much:
            self._running().interrupt()

    def _silence(self) -> None:
        """Have the page fall silent, and wait until it has said what it has played.

        The session's engine calls this at an interruption. It waits for a moment, since only so
        the answer is truncated where the user has stopped to hear it.
        """
        with self._lock:
            self._unheard.close()
            asks = self._line is not None and not self._is_muted and self._unheard.waiting_bytes > 0
            if asks:
                self._clear_locked()
        if asks and not self._silencing.wait(_CLEAR_S):
            log.info("a page did not say in time what it has played")
        with self._lock:
            self._unheard.cut()

    def _silence_late_locked(self, part: Part) -> None:
        """Take back what this thread has sent of an answer while that was interrupted."""
        if not self._unheard.is_closed(part) and self._unheard.has(part):
            self._clear_locked()
            self._unheard.cut()

    # -- to the page, under the lock --------------------------------------------------------------

    def _clear_locked(self) -> None:
        self._announced = None
        self._tell_locked({"type": "clear", "n": self._silencing.ask()})

    def _sound_locked(self, piece: Piece) -> None:
        if self._line is None:
            return
        if piece.part != self._announced:
            self._announced = piece.part
            item_id, index = piece.part
            announcement = {
                "type": "audio",
                "item_id": item_id,
                "content_index": index,
                "response_id": piece.response_id,
                "from": piece.first,
            }
            self._line.tell(announcement)
        if piece.pcm:
            self._line.sound(piece.pcm)

    def _tell_locked(self, message: Message) -> None:
        if self._line is not None:
            self._line.tell(message)

    def _words_heard(self, item_id: str) -> str:
        return self._running().history.heard(item_id)


def _first_message(socket: WebSocket) -> messages.Hello | None:
    """Return the page's hello; None when it did not send one, and is closed."""
    try:
        said = messages.parse(socket.recv(timeout=_HELLO_S))
    except RealtimeTimeout:
        socket.close(1008, f"a page says hello within {_HELLO_S:g} s")
        return None
    except BadMessageError as exc:
        socket.close(1008, str(exc)[:100])
        return None
    if isinstance(said, messages.Hello):
        return said
    socket.close(1008, "a page says hello first")
    return None


def _complain(line: Line, exc: BadMessageError) -> None:
    line.tell({"type": "error", "code": exc.code, "message": str(exc)})


def _say_goodbye(line: Line, code: int, words: str) -> None:
    line.tell({"type": "over", "reason": words})
    line.end(code, words)


def _audio_done(part: Part) -> Message:
    return {"type": "audio_done", "item_id": part[0], "content_index": part[1]}


def _with_image(said: messages.Image) -> RealtimeUserInput:
    image: RealtimeUserInputImage = {"type": "input_image", "image_url": said.data_url}
    content: list[RealtimeUserInputText | RealtimeUserInputImage] = [image]
    if said.text:
        content.insert(0, {"type": "input_text", "text": said.text})
    return {"type": "message", "role": "user", "content": content}
