"""One call, from the beginning of its stream to its end."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress

from realtime_sync import (
    ConnectionClosed,
    ConnectionClosedOK,
    Local,
    OpenAI,
    RateLimitError,
    RealtimeError,
    RealtimeTimeout,
)
from realtime_sync.agents import OpenAIRealtimeWebSocketModel, RealtimeRunner, RealtimeSession
from realtime_sync.audio import read_wav
from realtime_sync.audio.base import Sink, SinkLike, SinkWrapper
from realtime_sync.telephony import Goodbye, MediaStreams, TwilioCalls, dtmf_tones
from realtime_sync.wsgi import WebSocket

from . import texts
from .agents import CONFIG, FOLDER, LINK, Talk, agent_for
from .recording import Recording
from .settings import Settings
from .talks import Outcome, Talks

__all__ = ["Calls", "SharedSink", "follow"]

log = logging.getLogger(__name__)

_HOLD_EVERY_S = 2.0
_CLIP_S = 10.0


class Calls:
    """Talks to callers.

    Args:
        settings: of the bridge.
        provider: whose model talks.
        twilio: does what is to be done with calls.
        talks: which calls may begin.

    Threads: each call on a thread of its own.
    """

    def __init__(
        self, settings: Settings, *, provider: OpenAI | Local, twilio: TwilioCalls, talks: Talks
    ) -> None:
        self._settings = settings
        self._provider = provider
        self._twilio = twilio
        self._talks = talks
        self._agent = agent_for(settings.transfer_to)
        self._sorry = read_clip()
        self._hold = dtmf_tones("A", tone_ms=200)  # a beep, while the provider is dialled anew

    def answer(self, socket: WebSocket) -> None:
        """Hold a call that Twilio streams; return at its end."""
        try:
            with MediaStreams(socket) as line:
                self._hold_call(line)
        except RealtimeError as exc:
            log.warning("a stream has not begun: %s", exc)

    def _hold_call(self, line: MediaStreams) -> None:
        sid, token = line.start.call_sid, line.start.custom_parameters.get("token", "")
        greeting = self._talks.take(sid, token)
        if greeting is None:
            log.warning("a stream of the call %s is refused: its token is wrong or used", sid)
            return
        outcome: Outcome = "cut"  # where not even the clip can be heard
        try:
            outcome = self._talk(line, greeting)
        except Exception:
            log.exception("call %s can't be held", sid)
        finally:
            # Before the stream ends, for Twilio asks at once what is next.
            self._talks.end(sid, outcome)
            log.info("call %s: %s", sid, outcome)
        if outcome == "hung_up":
            self._hang_up(sid)

    def _talk(self, line: MediaStreams, greeting: str) -> Outcome:
        sid = line.start.call_sid
        outcome: Outcome | None = None
        try:
            with Recording(self._settings.recordings, sid) as recording:
                outcome = self._recorded(line, recording, greeting)
                recording.note(end=outcome)
        except (RealtimeError, OSError):  # the disk is full, for example
            log.exception("call %s: the recording has failed", sid)
            if outcome is None:  # nothing, or not all, was said of that
                outcome = "failed"
                self._excuse(line.sink)
        return outcome

    def _recorded(self, line: MediaStreams, recording: Recording, greeting: str) -> Outcome:
        sid = line.start.call_sid
        sink = SharedSink(recording.sink(line.sink))
        talk = Talk(sid, self._twilio, self._settings.transfer_to, sink)
        try:
            outcome = self._converse(line, recording, talk, greeting)
        except RateLimitError as exc:
            log.warning("call %s: the provider takes no more: %s", sid, exc)
            outcome = "busy"
        except Exception:
            log.exception("call %s: the talk has failed", sid)
            outcome = "failed"
        if outcome == "failed":
            self._excuse(sink)
        return outcome

    def _excuse(self, sink: Sink) -> None:
        sink.clear()
        sink.write(self._sorry)
        sink.flush()
        sink.drain(_CLIP_S)

    def _converse(
        self, line: MediaStreams, recording: Recording, talk: Talk, greeting: str
    ) -> Outcome:
        model = OpenAIRealtimeWebSocketModel(transport_config=LINK)
        runner = RealtimeRunner(self._agent, client=self._provider, config=CONFIG, model=model)
        source = recording.source(line.source)
        with runner.run(context=talk, audio=(source, talk.sink), hooks=recording) as session:
            line.on_digit(lambda digit: _take_key(session, recording, digit))
            session.say(greeting)
            if follow(session, talk.sink, self._hold):
                return "hung_up"
            reason = session.talk(timeout=0).end_reason
        if talk.transferred:
            return "transferred"
        if line.ended_by is not None:
            return "caller" if line.ended_by == "stop" else "cut"
        return "hung_up" if reason == "idle" else "failed"

    def _hang_up(self, sid: str) -> None:
        try:
            self._twilio.hang_up(sid)
        except RealtimeError as exc:
            # The stream ends now, and then Twilio asks what is next.
            log.warning("call %s: Twilio does not hang up: %s", sid, exc)


class SharedSink(SinkWrapper):
    """A sink into which two may write, the session and the bridge.

    Args:
        sink: takes one writer at a time.
    """

    def __init__(self, sink: SinkLike) -> None:
        super().__init__(sink)
        self.writing = threading.Lock()  # held across a write

    def write(self, audio: bytes, *, item_id: str | None = None, content_index: int = 0) -> None:
        """Play ``audio`` after what was written before."""
        with self.writing:
            super().write(audio, item_id=item_id, content_index=content_index)


def follow(session: RealtimeSession[Talk], sink: SinkLike, hold: bytes) -> bool:
    """Follow a talk; return True when the agent's goodbye was heard, False at the talk's end.

    Args:
        session: of the talk.
        sink: what the caller hears.
        hold: what is heard again and again while the provider is dialled anew.

    Raises:
        Exception: what has ended the session.
    """
    goodbye, holding = Goodbye(), False
    while True:
        try:
            event = session.recv(timeout=_HOLD_EVERY_S if holding else None)
        except RealtimeTimeout:
            sink.write(hold)
            continue
        except ConnectionClosedOK:
            return False
        if event.type == "raw_model_event" and event.data.type in ("reconnecting", "reconnected"):
            holding = event.data.type == "reconnecting"
        if goodbye.take(event) and goodbye.wait_heard(session, sink):
            return True


def _take_key(session: RealtimeSession[Talk], recording: Recording, digit: str) -> None:
    with suppress(ConnectionClosed):  # the talk is over, the call not yet
        session.send_message(texts.PRESSED.format(digit=digit))
        recording.note(who="caller", key=digit)


def read_clip() -> bytes:
    """Return what a caller hears when the talk breaks down: PCM16 at 8 kHz."""
    return read_wav(FOLDER / "sorry.wav", rate=8000)
