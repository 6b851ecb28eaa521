"""What is known of the conversation: pure bookkeeping, no threads, no sockets."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from .._types import JsonDict
from ..events import (
    ErrorEvent,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
    parse_event,
)
from ..events.base import as_came, plain
from ..events.server import detail_of
from ._history import FOLLOWED as HISTORY_EVENTS
from ._history import G711_BYTES_PER_MS, PCM_BYTES_PER_MS, History

__all__ = ["FOLLOWED", "WRONG_SHAPE", "ConnectionState", "Sequencer"]

log = logging.getLogger(__name__)

_OWN_EVENTS = {
    "error",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
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


# So many of the responses that are done are remembered.
_LATEST = 64

# What reading an event of an unexpected form raises.
WRONG_SHAPE = (
    ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
)  # fmt: skip


class Sequencer(Protocol):
    """What the state tells whoever serialises the responses."""

    def idle(self) -> None:
        """No response is running or asked for any more."""

    def absorbs(self, event: ErrorEvent) -> bool:
        """Whether an error is dealt with and hidden from the program."""


class ConnectionState:
    """Follows the events of one connection, over all of its links.

    Attributes:
        input_is_pcm: whether audio is appended as PCM16, which comes in whole samples of two
            bytes; else it is G.711.
        turns_are_manual: whether the program says where a turn ends, so that the server's buffer
            waits for it.
        running: ids of the responses of the conversation that were created and are not done.
        history: the conversation's items.
        changes: how many events came that are followed here.
        formalities: how many of them say nothing but that a session began or that it complains.
        renew_at: when a new link is due, on the clock.
        sequencer: is told when no response is running any more, or None.

    Args:
        speech_ends_responses: whether a server forgets the ``response.done`` of a response that
            the user interrupts.

    Threads: `receive` belongs to the reader. The attributes are replaced, never changed in
        place, so any thread may read them; `sent` may be called from any thread.
    """

    def __init__(
        self,
        *,
        speech_ends_responses: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.input_is_pcm = True
        self.turns_are_manual = False
        self.running: frozenset[str] = frozenset()
        self.history = History()
        self.changes = 0
        self.formalities = 0
        self.renew_at = math.inf
        self.sequencer: Sequencer | None = None
        self._speech_ends_responses = speech_ends_responses
        self._clock = clock
        self._requested: frozenset[str] = frozenset()  # response.create without an answer
        self._over: tuple[str | None, ...] = ()  # ids of the latest that are done
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
        was_busy = False
        try:
            if isinstance(event, ResponseOutputAudioDelta):  # first, since most are of this type
                self.history.receive_audio(event)
                return True
            was_busy = self.busy
            self._follow(event)
        except WRONG_SHAPE as exc:  # the program gets the event as it came
            _not_followed(event, exc)
        if was_busy and not self.busy and self.sequencer is not None:
            self.sequencer.idle()
        absorbed = (
            isinstance(event, ErrorEvent)
            and self.sequencer is not None
            and self.sequencer.absorbs(event)
        )
        return not absorbed

    def _follow(self, event: ServerEvent) -> None:
        match event:
            case SessionCreated() | SessionUpdated():
                self.formalities += 1
                self._report_session(event)
            case ResponseCreated():
                self._requested = frozenset()
                response = as_came(event, "response")
                # An out-of-band response says that it belongs to no conversation.
                if response.get("id") and response.get("conversation_id", "") is not None:
                    self.running |= {response["id"]}
            case ResponseDone():
                response_id = as_came(event, "response").get("id")
                self.running -= {response_id}
                self._over = (*self._over[1 - _LATEST :], response_id)
            case InputAudioBufferSpeechStarted():
                self._speaking = True
                if self._speech_ends_responses:
                    self.running = frozenset()
            case InputAudioBufferSpeechStopped():
                self._speaking = False
            case ErrorEvent():
                self.formalities += 1
                # Not every server says which request it refused.
                event_id = detail_of(event).event_id
                refused = {event_id} if event_id else self._requested
                self._requested -= refused
            case _:
                self.history.receive(event)

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
        if event["type"] == "response.create":
            self._requested |= {event["event_id"]}
        elif event["type"] in ("input_audio_buffer.commit", "input_audio_buffer.clear"):
            self._uncommitted = False
        elif event["type"] == "session.update" and "tools" in (event.get("session") or {}):
            self._tools = event["session"]["tools"]

    def not_sent(self, event: JsonDict) -> None:
        """Take note that an event of `sent` was not sent after all."""
        self._requested -= {event["event_id"]}

    def appended(self) -> None:
        """Take note that audio is about to be appended."""
        self._uncommitted = True

    def link_lost(self, requested: frozenset[str]) -> bool:
        """Forget what was only going on over the old link; return whether a response was.

        Args:
            requested: the responses that were asked for over it. Requests that are held for the
                next link are none of them.
        """
        gone = bool(self.running or self._requested & requested)
        self.running = frozenset()
        self._requested -= requested
        self._speaking = self._uncommitted = False
        if gone and self.sequencer is not None and not self.busy:
            self.sequencer.idle()
        return gone

    @property
    def requested(self) -> frozenset[str]:
        """The ``event_id`` of each ``response.create`` without an answer."""
        return self._requested

    @property
    def busy(self) -> bool:
        """Whether a response of the conversation is running or asked for."""
        return bool(self.running or self._requested)

    def is_over(self, response_id: str) -> bool:
        """Whether a response is known to be done."""
        return response_id in self._over

    @property
    def quiet(self) -> bool:
        """Whether nobody speaks and nothing is under way, so that the link may be replaced."""
        if self.busy or self._speaking or (self._uncommitted and self.turns_are_manual):
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

    @property
    def tools(self) -> object:
        """The session's tools: as the program gave them, else as reported; None for none."""
        if self._tools is not None:
            return self._tools
        return self.restorable_session.get("tools")

    def replay(self) -> tuple[list[JsonDict], list[str]]:
        """Return the history as it is to be told again; see `History.replay`."""
        return self.history.replay(PCM_BYTES_PER_MS if self._output_is_pcm else G711_BYTES_PER_MS)


def _not_followed(event: ServerEvent, exc: Exception) -> None:
    log.warning("%s has an unexpected form and is not followed: %r", event.type, exc)


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
