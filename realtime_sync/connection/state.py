"""What is known of the conversation: pure bookkeeping, no threads, no sockets."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from .._types import JsonDict
from ..events import (
    ErrorEvent,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
)
from ._history import FOLLOWED as HISTORY_EVENTS
from ._history import History

__all__ = ["ConnectionState", "Sequencer"]

_OWN_EVENTS = {
    "error",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "response.created",
    "response.done",
    "session.created",
    "session.updated",
}
_FOLLOWED = frozenset(_OWN_EVENTS | HISTORY_EVENTS)

# So long nothing has happened at a moment that counts as quiet: more than a round trip, so that
# no request is under way.
_QUIET_S = 0.5

# A session without a limit of its own lasts an hour at OpenAI's. It is renewed in the last fifth
# of its time, but not earlier than two minutes before its end.
_HOUR_S = 3600.0
_EARLY_SHARE = 0.2
_EARLY_S = 120.0


class Sequencer(Protocol):
    """What the state tells whoever serialises the responses."""

    def idle(self) -> None:
        """No response is running or asked for any more."""

    def absorbs(self, error: ErrorEvent) -> bool:
        """Whether an error is dealt with and hidden from the program."""


class ConnectionState:
    """Follows the events of one connection, over all of its links.

    Attributes:
        session: the effective configuration as last reported, in wire form; ``{}`` before.
        running: ids of the responses of the conversation that were created and are not done.
        history: the conversation's items.
        errors: how many ``error`` events came.
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
        self.session: JsonDict = {}
        self.running: frozenset[str] = frozenset()
        self.history = History()
        self.errors = 0
        self.renew_at = math.inf
        self.sequencer: Sequencer | None = None
        self._speech_ends_responses = speech_ends_responses
        self._clock = clock
        self._requested: frozenset[str] = frozenset()  # response.create without an answer
        self._over: deque[str | None] = deque(maxlen=64)  # ids of the latest that are done
        self._tools: object = None  # as the program gave them
        self._speaking = False
        self._uncommitted = False  # audio was appended since the last commit
        self._changed_at = clock()

    def receive(self, event: ServerEvent) -> bool:
        """Take note of ``event``; return whether it is the program's to see."""
        if event.type not in _FOLLOWED:
            return True
        was_busy = self.busy
        self._follow(event)
        if was_busy and not self.busy and self.sequencer is not None:
            self.sequencer.idle()
        absorbed = (
            isinstance(event, ErrorEvent)
            and self.sequencer is not None
            and self.sequencer.absorbs(event)
        )
        return not absorbed

    def _follow(self, event: ServerEvent) -> None:
        self._changed_at = self._clock()
        match event:
            case SessionCreated() | SessionUpdated():
                self._report_session(event)
            case ResponseCreated():
                self._requested = frozenset()
                # An out-of-band response says that it belongs to no conversation.
                response = event.to_dict()["response"]
                if event.response.id and response.get("conversation_id", "") is not None:
                    self.running |= {event.response.id}
            case ResponseDone():
                self.running -= {event.response.id or ""}
                self._over.append(event.response.id)
            case InputAudioBufferSpeechStarted():
                self._speaking = True
                if self._speech_ends_responses:
                    self.running = frozenset()
            case InputAudioBufferSpeechStopped():
                self._speaking = False
            case ErrorEvent(error=error):
                self.errors += 1
                # Not every server says which request it refused.
                refused = {error.event_id} if error.event_id else self._requested
                self._requested -= refused
            case _:
                self.history.receive(event)

    def _report_session(self, event: SessionCreated | SessionUpdated) -> None:
        self.session = event.to_dict().get("session") or {}
        if isinstance(event, SessionCreated):
            expires_at = self.session.get("expires_at")
            lasts = expires_at - time.time() if isinstance(expires_at, int | float) else _HOUR_S
            self.renew_at = self._clock() + lasts - min(lasts * _EARLY_SHARE, _EARLY_S)

    def renewed(self, reports: Sequence[SessionCreated | SessionUpdated]) -> None:
        """Take note of what was reported while the session was restored on a new link."""
        for event in reports:
            self._report_session(event)

    def sent(self, event: JsonDict) -> None:
        """Take note of a client event that is about to be sent."""
        self._changed_at = self._clock()
        if event["type"] == "response.create":
            self._requested |= {event["event_id"]}
        elif event["type"] in ("input_audio_buffer.commit", "input_audio_buffer.clear"):
            self._uncommitted = False
        elif event["type"] == "session.update" and "tools" in (event.get("session") or {}):
            self._tools = event["session"]["tools"]

    def appended(self) -> None:
        """Take note that audio is about to be appended."""
        self._uncommitted = True

    def link_lost(self) -> None:
        """Forget what was only going on over the old link."""
        self.running = frozenset()
        self._requested = frozenset()
        self._speaking = self._uncommitted = False

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
        if self.busy or self._speaking or (self._uncommitted and self._turns_are_manual):
            return False
        return self._clock() - self._changed_at >= _QUIET_S

    @property
    def _turns_are_manual(self) -> bool:
        audio_input = (self.session.get("audio") or {}).get("input") or {}
        return audio_input.get("turn_detection", "server's default") is None

    @property
    def restorable_session(self) -> JsonDict:
        """The effective configuration, with the tools as they were given.

        A server does not report the credentials that tools were given with.
        """
        if self._tools is None or "tools" not in self.session:
            return self.session
        return {**self.session, "tools": self._tools}

    @property
    def input_is_pcm(self) -> bool:
        """Whether audio is appended as PCM16, which comes in whole samples of two bytes."""
        audio_input = (self.session.get("audio") or {}).get("input") or {}
        audio_format = audio_input.get("format") or {}
        return bool(audio_format.get("type", "audio/pcm") == "audio/pcm")
