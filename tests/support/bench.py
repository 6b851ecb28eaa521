"""A session of the embedded server without its surroundings: no sockets, no threads, no models."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from strict_openai import validate

from realtime_sync.local.protocol.caller_line import CallerLine
from realtime_sync.local.protocol.conversation_session import ConversationSession, OnHeard
from realtime_sync.local.protocol.response_builder import ResponseBuilder
from realtime_sync.local.protocol.stored_items import StoredPart
from realtime_sync.local.server_settings import ServerSettings
from realtime_sync.local.speech.voice_detector import DetectorPool

Event = dict[str, Any]

LOUD = 8_000


class LoudnessDetector:
    """Takes any loud frame for speech."""

    frame_bytes = 1_024

    def probability(self, frame: bytes) -> float:
        return 1.0 if max(memoryview(frame).cast("h")) > LOUD / 2 else 0.0

    def reset(self) -> None:
        pass


class Alarm:
    """One callback; see `AlarmClock`."""

    def __init__(self, when: float, callback: Callable[[], object]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class AlarmClock:
    """As much of an event loop as tells the time, which passes when the test says so.

    Attributes:
        now: seconds.
    """

    def __init__(self) -> None:
        self.now = 100.0
        self._alarms: list[Alarm] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], object], /) -> Alarm:
        self._alarms.append(Alarm(when, callback))
        return self._alarms[-1]

    @property
    def alarms(self) -> list[Alarm]:
        """Those that are to ring, the next one first."""
        self._alarms = [each for each in self._alarms if not each.cancelled]
        return sorted(self._alarms, key=lambda each: each.when)

    def advance(self, ms: float) -> None:
        """Let time pass, and the alarms ring."""
        end = self.now + ms / 1000
        while (due := self.alarms) and due[0].when <= end + 1e-9:
            self.now = max(self.now, due[0].when)
            due[0].cancelled = True
            due[0].callback()
        self.now = end


class Bench:
    """A session whose answers and transcripts come when the test says so.

    Every event it emits is validated against the published types.

    Args:
        type: of the session.
        model: its name.
        settings: of the server.
        line_clock: tells the time on a caller's line; without it, this is no call.

    Attributes:
        events: what the client would have received and the test has not taken yet.
        responses: those to be generated, oldest first.
        stopped: those not to be generated any more.
        detectors: those that the session may borrow.
        unheard: audio to be recognised, with what to call then.
    """

    def __init__(
        self,
        type: str = "realtime",
        model: str | None = "gpt-realtime",
        settings: ServerSettings | None = None,
        line_clock: AlarmClock | None = None,
    ) -> None:
        self.events: list[Event] = []
        self.responses: list[ResponseBuilder] = []
        self.stopped: list[ResponseBuilder] = []
        self.unheard: list[tuple[StoredPart, OnHeard]] = []
        self.detectors = DetectorPool(LoudnessDetector)
        self.session = ConversationSession(
            type=type,
            model=model,
            expires_at=1_700_000_000,
            detectors=self.detectors,
            generator=self,
            recogniser=self,
            emit=self._emit,
            settings=settings or ServerSettings(),
            line=None if line_clock is None else CallerLine(self._emit, line_clock),
        )

    def _emit(self, event: Event) -> None:
        self.events.append(validate(json.dumps(event)))

    # -- what a session asks for -----------------------------------------------------------------

    def start(self, response: ResponseBuilder) -> None:
        self.responses.append(response)

    def stop(self, response: ResponseBuilder) -> None:
        self.stopped.append(response)

    def recognise(
        self, part: StoredPart, done: OnHeard, *, language: str | None, prompt: str | None
    ) -> None:
        self.unheard.append((part, done))

    def drop(self, part: StoredPart) -> None:
        self.unheard = [(each, done) for each, done in self.unheard if each is not part]

    # -- what a test does ------------------------------------------------------------------------

    def send(self, type: str, **fields: Any) -> list[Event]:
        """Hand a client event in and return what it brought about."""
        return self.send_raw({"type": type, **fields})

    def send_raw(self, request: Any) -> list[Event]:
        """Hand in any JSON value."""
        for _ in self.session.handle(request):
            pass
        return self.take()

    def take(self) -> list[Event]:
        """Return the events since the last call."""
        taken, self.events = self.events, []
        return taken

    def error(self, type: str, **fields: Any) -> Event:
        """Hand in a client event that must fail, and return the error."""
        (event,) = self.send(type, **fields)
        assert event["type"] == "error", event
        error: Event = event["error"]
        return error

    def update(self, **session: Any) -> Event:
        """Update the session and return what it is then."""
        (event,) = self.send("session.update", session={"type": "realtime", **session})
        assert event["type"] == "session.updated", event
        updated: Event = event["session"]
        return updated

    def listen(self, **turn_detection: Any) -> None:
        """Change the turn detection."""
        self.update(audio={"input": {"turn_detection": turn_detection or None}})

    def write(self, text: str, **fields: Any) -> list[Event]:
        """Add a user message."""
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content, **fields}
        return self.send("conversation.item.create", item=item)

    def hear(self, ms: int, *, loud: bool) -> list[Event]:
        """Append noise or silence, 24 kHz PCM16."""
        sample = LOUD if loud else 0
        audio = sample.to_bytes(2, "little") * (24 * ms)
        return self.send("input_audio_buffer.append", audio=base64.b64encode(audio).decode())

    def recognised(self, text: str | Exception) -> list[Event]:
        """Answer the oldest recognition."""
        part, done = self.unheard.pop(0)
        part.heard = "" if isinstance(text, Exception) else text
        done(part, text if isinstance(text, Exception) else None)
        return self.take()

    def say(self, text: str, *, ms: int = 0) -> list[Event]:
        """Let the newest response say something, with so much sound."""
        response = self.responses[-1]
        if response.settings.modality == "text":
            events = response.add_text(text)
        else:
            events = response.add_speech(text, bytes(response.settings.format.bytes_in(24 * ms)))
        self.session.responses.progress(response, events)
        return self.take()

    def finish(self, status: str = "completed", **fields: Any) -> list[Event]:
        """End the newest response."""
        self.session.responses.finish(self.responses[-1], status, **fields)
        return self.take()


def types(events: list[Event]) -> list[str]:
    """The types of ``events``."""
    return [event["type"] for event in events]
