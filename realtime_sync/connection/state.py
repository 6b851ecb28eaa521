"""What is known of the conversation: pure bookkeeping, no threads, no sockets."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from secrets import token_hex

from .._types import JsonDict
from ..conversation.history import FOLLOWED as HISTORY_EVENTS
from ..conversation.history import History
from ..conversation.responses import Responses
from ..conversation.session import SessionState
from ..conversation.tool_calls import declared_functions
from ..conversation.unconfirmed import NOT_ACTIVE, Refusal, Refusals, UnconfirmedRequests
from ..errors import ConnectionClosed, RealtimeError
from ..events import (
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDone,
    ErrorEvent,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
)
from ..events.base import as_came
from ..events.server import detail_of
from ..events.wire_values import as_object, as_text

__all__ = ["FOLLOWED", "WRONG_SHAPE", "ConnectionState"]

log = logging.getLogger(__name__)

_OWN_EVENTS = {
    "conversation.item.retrieved",  # this and the like only confirm a request
    "error",
    "input_audio_buffer.cleared",
    "input_audio_buffer.committed",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "output_audio_buffer.cleared",
    "response.created",
    "response.done",
    "session.created",
    "session.updated",
}
# The types of the events that `ConnectionState.receive` is to be told.
FOLLOWED = frozenset(_OWN_EVENTS | HISTORY_EVENTS)
_TELL_OF_ITEM = (ConversationItemAdded, ConversationItemCreated, ConversationItemDone)

# So long nothing has happened at a moment that counts as quiet: more than a round trip, so that
# no request is under way.
_QUIET_S = 0.5

# A session without a limit of its own lasts an hour at OpenAI's. It is renewed in the last fifth
# of its time, but not earlier than two minutes before its end.
_HOUR_S = 3600.0
_EARLY_SHARE = 0.2
_EARLY_S = 120.0


# What reading an event of an unexpected form raises.
WRONG_SHAPE = (
    ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
)  # fmt: skip


class ConnectionState:
    """Follows the events of one connection, over all of its links.

    Attributes:
        session: what the session says.
        history: the conversation's items.
        changes: how many events came that are followed here.
        formalities: how many of them say nothing but that a session began or that it complains.
        renew_at: when a new link is due, on the clock.
        post: sends what is owed to the conversation, without waiting for the link; or None.
        pause: calls `paused` after so many seconds; the link's to set, or None.

    Args:
        speech_ends_responses: whether a server forgets the ``response.done`` of a response that
            the user interrupts.
        unasked_hz: see `realtime_sync.conversation.session.read_session`.

    Threads: `receive` belongs to the reader. The attributes are replaced, never changed in
        place, so any thread may read them; `sent` may be called from any thread. One lock guards
        what is known of requests and responses; it is never held while anything is sent.
    """

    def __init__(
        self,
        *,
        speech_ends_responses: bool = False,
        unasked_hz: Mapping[str, int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.session = SessionState(unasked_hz=unasked_hz)
        self.history = History(is_out_of_band=self.is_out_of_band)
        self.changes = 0
        self.formalities = 0
        self.renew_at = math.inf
        self.post: Callable[[JsonDict], object] | None = None
        self.pause: Callable[[float], object] | None = None
        self._speech_ends_responses = speech_ends_responses
        self._clock = clock
        self._committed: str | None = None  # what the latest turn that was spoken becomes
        self._untold: list[JsonDict] = []  # items that only the lost link was told of
        self._lock = threading.Lock()  # guards the three below
        self._responses = Responses()
        self._unconfirmed = UnconfirmedRequests()
        self._refusals = Refusals()
        self._speaking = False
        self._uncommitted = False  # audio was appended since the last commit
        self._changed_at = clock()

    def receive(self, event: ServerEvent) -> bool:
        """Take note of an event, one of `FOLLOWED`; return whether it is the program's to see."""
        self._changed_at = self._clock()
        self.changes += 1
        hidden = False
        try:
            if isinstance(event, ResponseOutputAudioDelta):  # first, since most are of this type
                self.history.receive_audio(event)
                return True
            hidden = self._follow(event)
        except WRONG_SHAPE as exc:  # the program gets the event as it came
            _not_followed(event, exc)
        # One that begins to wait after this look has found, in the lock, what keeps it waiting.
        if self._responses.waiting is not None:
            self._send_owed()
        return not hidden

    def _follow(self, event: ServerEvent) -> bool:
        """Take note of an event; return whether it is nobody's affair but ours."""
        hidden = False
        match event:
            case SessionCreated() | SessionUpdated():
                self.formalities += 1
                self._report_session(event)
            case ResponseCreated():
                self._created(as_object(as_came(event, "response")))
            case ResponseDone():
                response = as_object(as_came(event, "response"))
                with self._lock:
                    self._settle(self._responses.done(response))
            case InputAudioBufferSpeechStarted():
                self._speaking = True
                if self._speech_ends_responses:
                    with self._lock:
                        self._settle(self._responses.interrupted())
            case InputAudioBufferSpeechStopped():
                self._speaking = False
            case InputAudioBufferCommitted():
                self._committed = as_text(event.item_id)
            case ErrorEvent():
                self.formalities += 1
                hidden = self._refused(event)
        # What only repeats what is known answers nothing.
        repeats = bool(self._unconfirmed.left) and self._is_of_known_item(event)
        if event.type in HISTORY_EVENTS:  # last: it asks whose a response is
            hidden = self.history.receive(event)
        if self._unconfirmed.left and not hidden and not repeats:
            with self._lock:
                self._unconfirmed.confirm(event)
        return hidden

    def _is_of_known_item(self, event: ServerEvent) -> bool:
        """Whether an event tells once more of an item, or of a turn that the user has spoken."""
        if not isinstance(event, _TELL_OF_ITEM):
            return False
        item_id = as_text(as_object(as_came(event, "item")).get("id"))
        return item_id in self.history.items or item_id == self._committed

    def _created(self, response: JsonDict) -> None:
        with self._lock:
            answered, doubtful = self._responses.created(response)
            if answered is not None:
                self._unconfirmed.drop(answered)
            for event_id in doubtful:
                self._unconfirmed.doubt(event_id)

    def _settle(self, requests: Iterable[str]) -> None:
        for event_id in requests:
            self._unconfirmed.drop(event_id)

    def _refused(self, event: ErrorEvent) -> bool:
        """Find out which request an error refuses; return whether that is dealt with here."""
        error = detail_of(event)
        with self._lock:
            request = self._unconfirmed.meant_by(error)
        if request is None:
            return False
        self.session.undo(request)
        with self._lock:
            busy = self._responses.says_busy(error, request)
            self._refusals.note(event, request, busy=busy)
            if error.code == NOT_ACTIVE:
                self._settle(self._responses.not_active(self._unconfirmed.subject_of(request)))
            self._unconfirmed.drop(request)
            dealt_with = self._responses.refused(request, busy=busy)
            pause_s = self._responses.pause_s
        if busy and pause_s and self.pause is not None:
            self.pause(pause_s)
        return dealt_with

    @property
    def pause_s(self) -> float:
        """How long nothing is to be asked for; see `Responses`."""
        return self._responses.pause_s

    def paused(self) -> None:
        """Take that a pause is over: what was refused may be asked for once more."""
        with self._lock:
            self._responses.paused()
        self._send_owed()

    def refusal_of(self, event: ErrorEvent) -> Refusal | None:
        """Return which request an error refuses, None for nobody's; from any thread."""
        return self._refusals.of(event)

    def refuses(self, event: ServerEvent, request: str | None) -> bool:
        """Whether an event is the server's refusal of ``request``; from any thread."""
        if request is None or not isinstance(event, ErrorEvent):
            return False
        refusal = self.refusal_of(event)
        return refusal is not None and request in refusal.requests

    def _send_owed(self) -> None:
        """Send the request that has waited until no response is running."""
        with self._lock:
            event = self._responses.take_owed()
        if event is None or self.post is None:
            return
        try:
            self.post(event)
        except ConnectionClosed:
            pass  # whoever consumes is told
        except RealtimeError as exc:  # no room while the link is made anew
            log.warning("a response that was owed could not be asked for: %s", exc)

    def _report_session(self, event: SessionCreated | SessionUpdated) -> None:
        self.session.reported(event)
        if isinstance(event, SessionCreated):
            self._schedule_renewal()

    def _schedule_renewal(self) -> None:
        lasts = (self.session.expires_at or 0.0) - time.time()
        if lasts <= 0:  # not told, or one of the two clocks is wrong
            lasts = _HOUR_S
        self.renew_at = self._clock() + lasts - min(lasts * _EARLY_SHARE, _EARLY_S)

    def renewed(self, reports: Sequence[SessionCreated | SessionUpdated]) -> None:
        """Take note of what was reported while the session was restored on a new link."""
        self._untold = []
        for event in reports:
            try:
                self.session.restored(event)
            except WRONG_SHAPE as exc:
                _not_followed(event, exc)
            if isinstance(event, SessionCreated):
                self._schedule_renewal()

    def sent(self, event: JsonDict) -> None:
        """Take note of a client event that is about to be sent."""
        self._changed_at = self._clock()
        kind = event["type"]
        with self._lock:
            self._unconfirmed.add(event)
            if kind == "response.create":
                self._responses.asked(event)
        if kind in ("input_audio_buffer.commit", "input_audio_buffer.clear"):
            self._uncommitted = False
        elif kind == "session.update":
            self.session.sent(event)

    def transmitted(self, event: JsonDict, *, gone: bool = True) -> None:
        """Take note that a client event has gone out, or is held for the next link after all."""
        with self._lock:
            self._unconfirmed.note_gone(as_text(event.get("event_id")) or "", gone=gone)

    def is_unsent(self, event: JsonDict) -> bool:
        """Whether a client event has no answer, and has not gone out over the link of the moment.

        What belongs to a lost link and to no other never counts as unsent.
        """
        with self._lock:
            return self._unconfirmed.is_unsent(as_text(event.get("event_id")) or "")

    def ask_when_idle(self, event: JsonDict) -> bool:
        """Take a ``response.create`` that waits its turn; return whether it is to be sent now."""
        with self._lock:
            return self._responses.ask_when_idle(event)

    def forget(self, event_id: str) -> None:
        """Take note that a request was not sent after all, or is answered."""
        self.session.undo(event_id)
        with self._lock:
            self._unconfirmed.drop(event_id)
            self._responses.forget(event_id)

    def give_up(self, *, response_id: str | None, event_id: str | None) -> None:
        """Take that a response will not end, or that a request will not be answered."""
        if event_id is not None:
            self.forget(event_id)
        if response_id is not None:
            with self._lock:
                self._settle(self._responses.not_active(response_id))
        self._send_owed()

    def withdraw(self, event_id: str) -> bool:
        """Forget a request that still waits its turn; return whether it did."""
        with self._lock:
            return self._responses.withdraw(event_id)

    def is_waiting(self, event_id: str) -> bool:
        """Whether a request waits for the end of a response."""
        waiting = self._responses.waiting
        return waiting is not None and waiting["event_id"] == event_id

    def is_lost(self, event_id: str) -> bool:
        """Whether a lost link took a request along unanswered."""
        return event_id in self._responses.lost

    def appended(self) -> None:
        """Take note that audio is about to be appended."""
        self._uncommitted = True

    def link_lost(self, requested: frozenset[str]) -> bool:
        """Forget what was only going on over the old link; return whether a response was.

        Args:
            requested: what may have been asked for over it. What has not gone out by now goes out
                over the next one.
        """
        with self._lock:
            lost, self._untold = self._unconfirmed.link_lost(requested)
            gone = self._responses.link_lost(lost)
        self.session.link_lost(lost)
        self._speaking = self._uncommitted = False
        self._send_owed()
        return gone

    @property
    def requested(self) -> frozenset[str]:
        """The ``event_id`` of each request without an answer."""
        updates = self.session.under_way  # one that was overtaken is left here alone
        with self._lock:
            return frozenset({*self._unconfirmed.left, *self._responses.requested, *updates})

    @property
    def running(self) -> frozenset[str]:
        """The ids of the responses of the conversation that were created and are not done."""
        return self._responses.running

    @property
    def input_is_pcm(self) -> bool:
        """Whether audio is appended as PCM16, in whole samples of two bytes; else it is G.711."""
        return self.session.facts.input.is_pcm

    @property
    def turns_are_manual(self) -> bool:
        """Whether the program says where a turn ends, so that the server's buffer waits for it."""
        return self.session.facts.turns.manual

    @property
    def busy(self) -> bool:
        """Whether a response of the conversation is running or asked for."""
        with self._lock:
            return self._responses.busy

    def is_over(self, response_id: str) -> bool:
        """Whether a response is known to be done."""
        with self._lock:
            return self._responses.is_over(response_id)

    def is_out_of_band(self, response_id: str) -> bool:
        """Whether a response is known to be none of the conversation's."""
        with self._lock:
            return self._responses.is_out_of_band(response_id)

    @property
    def declared_tools(self) -> frozenset[str]:
        """The names of the functions that the session declares, or a ``response.create`` did."""
        return declared_functions(self.session.tools) | self._responses.declared_tools

    @property
    def quiet(self) -> bool:
        """Whether nobody speaks and nothing is under way, so that the link may be replaced."""
        with self._lock:
            if self._responses.under_way:
                return False
        if self._speaking or (self._uncommitted and self.turns_are_manual):
            return False
        return self._clock() - self._changed_at >= _QUIET_S

    @property
    def restorable_session(self) -> JsonDict:
        """See `SessionState.restorable`."""
        return self.session.restorable

    def replay(self) -> tuple[list[JsonDict], list[str]]:
        """Return the history as it is to be told again; see `History.replay`.

        What has gone out over the lost link as the last of all, and was not confirmed, is told
        again, too: whether the old session had it makes no difference to the new one.
        """
        items, lost = self.history.replay(self.session.facts.output.bytes_per_s)
        known = {item["id"] for item in items}.union(lost)
        untold = [{"id": f"item_{token_hex(10)}", **item} for item in self._untold]
        return items + [item for item in untold if item["id"] not in known], lost


def _not_followed(event: ServerEvent, exc: Exception) -> None:
    log.warning("%s has an unexpected form and is not followed: %r", event.type, exc)
