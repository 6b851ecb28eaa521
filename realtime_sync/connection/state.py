"""What is known of the conversation: pure bookkeeping, no threads, no sockets."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from .._types import JsonDict
from ..conversation.responses import Responses
from ..conversation.tool_calls import declared_functions
from ..conversation.unconfirmed import Refusal, Refusals, UnconfirmedRequests
from ..errors import ConnectionClosed, RealtimeError
from ..events import (
    ConversationItemRetrieved,
    ErrorEvent,
    InputAudioBufferCleared,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    OutputAudioBufferCleared,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
    parse_event,
)
from ..events.base import as_came, plain
from ..events.server import detail_of, words_of
from ..events.wire_values import as_object
from ._history import FOLLOWED as HISTORY_EVENTS
from ._history import G711_BYTES_PER_MS, PCM_BYTES_PER_MS, History

__all__ = ["FOLLOWED", "WRONG_SHAPE", "ConnectionState"]

log = logging.getLogger(__name__)

_OWN_EVENTS = {
    "conversation.item.retrieved",
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
        input_is_pcm: whether audio is appended as PCM16, which comes in whole samples of two
            bytes; else it is G.711.
        turns_are_manual: whether the program says where a turn ends, so that the server's buffer
            waits for it.
        history: the conversation's items.
        changes: how many events came that are followed here.
        formalities: how many of them say nothing but that a session began or that it complains.
        renew_at: when a new link is due, on the clock.
        post: sends what is owed to the conversation, without waiting for the link; or None.

    Args:
        speech_ends_responses: whether a server forgets the ``response.done`` of a response that
            the user interrupts.

    Threads: `receive` belongs to the reader. The attributes are replaced, never changed in
        place, so any thread may read them; `sent` may be called from any thread. One lock guards
        what is known of requests and responses; it is never held while anything is sent.
    """

    def __init__(
        self,
        *,
        speech_ends_responses: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.input_is_pcm = True
        self.turns_are_manual = False
        self.history = History()
        self.changes = 0
        self.formalities = 0
        self.renew_at = math.inf
        self.post: Callable[[JsonDict], object] | None = None
        self._speech_ends_responses = speech_ends_responses
        self._clock = clock
        self._lock = threading.Lock()  # guards the three below
        self._responses = Responses()
        self._unconfirmed = UnconfirmedRequests()
        self._refusals = Refusals()
        # The event that reported the session, as text: decoded, a session with a few tools takes
        # five times as much, 22 kB for each connection.
        self._report = ""
        self._output_is_pcm = True
        self._tools: object = None  # as the program gave them
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
        self._send_owed()
        return not hidden

    def _follow(self, event: ServerEvent) -> bool:
        """Take note of an event; return whether it is nobody's affair but ours."""
        if self._unconfirmed.left:
            with self._lock:
                self._unconfirmed.confirm(event)
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
            case ErrorEvent():
                self.formalities += 1
                return self._refused(event)
            case InputAudioBufferCleared() | InputAudioBufferCommitted():
                pass  # they only confirm a request
            case OutputAudioBufferCleared() | ConversationItemRetrieved():
                pass
            case _:
                self.history.receive(event)
        return False

    def _created(self, response: JsonDict) -> None:
        with self._lock:
            answered, doubtful = self._responses.created(response)
            if answered is not None:
                self._unconfirmed.drop(answered)
            for event_id in doubtful:
                self._unconfirmed.doubt(event_id)

    def _settle(self, requests: list[str]) -> None:
        for event_id in requests:
            self._unconfirmed.drop(event_id)

    def _refused(self, event: ErrorEvent) -> bool:
        """Find out which request an error refuses; return whether that is dealt with here."""
        error = detail_of(event)
        with self._lock:
            request = self._unconfirmed.meant_by(error)
        if request is None:
            _log_complaint(event)
            return False
        with self._lock:
            busy = self._responses.says_busy(error, request)
            self._refusals.note(event, request, busy=busy)
            self._unconfirmed.drop(request)
            return self._responses.refused(request, busy=busy)

    def refusal_of(self, event: ErrorEvent) -> Refusal | None:
        """Return which request an error refuses, None for nobody's; from any thread."""
        return self._refusals.of(event)

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
        session = as_came(event, "session")
        if not isinstance(session, dict):
            return
        self._report = event.raw or event.to_json()
        heard, spoken = (_object(session, "audio", name) for name in ("input", "output"))
        self.input_is_pcm, self._output_is_pcm = _is_pcm(heard), _is_pcm(spoken)
        self.turns_are_manual = heard.get("turn_detection", "server's default") is None
        if isinstance(event, SessionCreated):
            expires_at = session.get("expires_at")
            lasts = expires_at - time.time() if isinstance(expires_at, int | float) else 0.0
            if lasts <= 0:  # not told, or one of the two clocks is wrong
                lasts = _HOUR_S
            self.renew_at = self._clock() + lasts - min(lasts * _EARLY_SHARE, _EARLY_S)

    def _try_to_report_session(self, event: SessionCreated | SessionUpdated) -> None:
        try:
            self._report_session(event)
        except WRONG_SHAPE as exc:
            _not_followed(event, exc)

    def renewed(self, reports: Sequence[SessionCreated | SessionUpdated]) -> None:
        """Take note of what was reported while the session was restored on a new link."""
        for event in reports:
            self._try_to_report_session(event)

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
        elif kind == "session.update" and "tools" in (event.get("session") or {}):
            self._tools = event["session"]["tools"]

    def ask_when_idle(self, event: JsonDict) -> bool:
        """Take a ``response.create`` that waits its turn; return whether it is to be sent now."""
        with self._lock:
            return self._responses.ask_when_idle(event)

    def forget(self, event_id: object) -> None:
        """Take note that a request was not sent after all, or is answered."""
        if not isinstance(event_id, str):  # what the program gave is none, and was not followed
            return
        with self._lock:
            self._unconfirmed.drop(event_id)
            self._responses.forget(event_id)

    def withdraw(self, event_id: str) -> bool:
        """Forget a request that still waits its turn; return whether it did."""
        with self._lock:
            return self._responses.withdraw(event_id)

    def appended(self) -> None:
        """Take note that audio is about to be appended."""
        self._uncommitted = True

    def link_lost(self, requested: frozenset[str]) -> bool:
        """Forget what was only going on over the old link; return whether a response was.

        Args:
            requested: what was asked for over it. Requests that are held for the next link are
                none of them.
        """
        with self._lock:
            gone = self._responses.link_lost(requested)
            for event_id in requested:
                self._unconfirmed.drop(event_id)
        self._speaking = self._uncommitted = False
        self._send_owed()
        return gone

    @property
    def requested(self) -> frozenset[str]:
        """The ``event_id`` of each request without an answer."""
        with self._lock:
            return frozenset({*self._unconfirmed.left, *self._responses.requested})

    @property
    def running(self) -> frozenset[str]:
        """The ids of the responses of the conversation that were created and are not done."""
        return self._responses.running

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
        return declared_functions(self.restorable_session) | self._responses.declared_tools

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
        """The effective configuration as last reported, with the tools as they were given.

        A server does not report the credentials that tools were given with. ``{}`` when nothing
        was reported.
        """
        if not self._report:
            return {}
        session: JsonDict = as_came(parse_event(self._report), "session")
        reported = session.get("tools")
        if self._tools is None or not reported or _names(self._tools) != _names(reported):
            return session  # given, but refused or changed since
        return {**session, "tools": self._tools}

    def replay(self) -> tuple[list[JsonDict], list[str]]:
        """Return the history as it is to be told again; see `History.replay`."""
        return self.history.replay(PCM_BYTES_PER_MS if self._output_is_pcm else G711_BYTES_PER_MS)


def _not_followed(event: ServerEvent, exc: Exception) -> None:
    log.warning("%s has an unexpected form and is not followed: %r", event.type, exc)


def _log_complaint(event: ErrorEvent) -> None:
    """Log an error that is nobody's, since perhaps nobody looks at it."""
    if event.severity != "benign":
        log.warning("the server complains, and not of a known request: %s", words_of(event))


def _is_pcm(sound: JsonDict) -> bool:
    return bool(_object(sound, "format").get("type", "audio/pcm") == "audio/pcm")


def _object(part: Any, *path: str) -> JsonDict:
    """Return what lies at ``path``, ``{}`` where no object does."""
    for name in path:
        part = part.get(name) if isinstance(part, dict) else None
    return part if isinstance(part, dict) else {}


def _names(tools: Any) -> list[Any]:
    """Return what tells one list of tools from another."""
    try:
        tools = plain(tools)
        return [(tool.get("type"), tool.get("name"), tool.get("server_label")) for tool in tools]
    except (AttributeError, TypeError):  # what the program gave is none; the server will say so
        return []
