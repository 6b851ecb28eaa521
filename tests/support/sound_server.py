"""A server whose answers are sounds of the test's choosing, and a conversation with it.

It is a session of the embedded server, so that what a client may cancel, truncate and delete is
decided by the same rules; only the words and the network are missing.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from attrs import frozen
from bench import LOUD, LoudnessDetector
from guards import Guard
from numpy.typing import NDArray

from realtime_sync import ReconnectPolicy
from realtime_sync.audio import Speaker, VirtualMicrophone
from realtime_sync.connection import ConnectionSettings, RealtimeConnection
from realtime_sync.errors import ConnectionClosed, RealtimeError
from realtime_sync.events import ErrorEvent, Reconnected
from realtime_sync.local.protocol.conversation_session import ConversationSession, OnHeard
from realtime_sync.local.protocol.response_builder import ResponseBuilder
from realtime_sync.local.protocol.stored_items import StoredPart
from realtime_sync.local.server_settings import ServerSettings
from realtime_sync.local.speech.voice_detector import DetectorPool
from realtime_sync.transport import MemoryPeer, Transport, memory_pair
from realtime_sync.voice import Interrupted, VoiceLoop

__all__ = ["Block", "Conversation", "Interruption", "SoundServer", "TimedSpeaker", "conversing"]

Sound = NDArray[Any]

RATE = 24_000
_PIECE = RATE // 5  # 200 ms, as the embedded server sends
_TURNS = {
    "type": "server_vad",
    "silence_duration_ms": 100,
    "prefix_padding_ms": 0,
    "create_response": False,
}
_SESSION: Any = {
    "type": "realtime",
    "audio": {"input": {"turn_detection": _TURNS, "transcription": {"model": "any"}}},
}


class SoundServer:
    """The server of a connection, one link after the other; each has a session of its own.

    Threads:
        One runs it; all else may be called from any.

    Attributes:
        interrupted_at: when the last ``speech_started`` was sent, by `time.monotonic`.
        words: what it understands of all that the user says from now on.
        cuts: how many links it has cut.
    """

    def __init__(self) -> None:
        self.interrupted_at = 0.0
        self.words = ""
        self.cuts = 0
        self._links: queue.SimpleQueue[_Link | None] = queue.SimpleQueue()  # to be served
        self._link: _Link | None = None  # the newest

    def open(self, *_: object) -> tuple[Transport, None]:
        """Make a link, as `ConnectionSettings.opener`."""
        transport, peer = memory_pair()
        self._link = _Link(self, peer)
        self._links.put(self._link)
        return transport, None

    def run(self) -> None:
        """Serve until `stop`."""
        while (link := self._links.get()) is not None:
            link.run()

    def stop(self) -> None:
        """Have `run` end after the last link."""
        self._links.put(None)

    def cut(self) -> None:
        """Break the link, as a lost network does."""
        assert self._link is not None
        self.cuts += 1
        self._link.peer.drop()

    def answer(self, sounds: Sequence[Sound], *, late: Sound | None = None) -> list[str]:
        """Say ``sounds`` over the newest link; see `_Link.answer`."""
        assert self._link is not None
        return self._link.answer(sounds, late=late)


class _Link:
    """The server's end of a link in memory, and the session on it.

    Threads:
        One runs it; `answer` may be called from another.
    """

    def __init__(self, server: SoundServer, peer: MemoryPeer) -> None:
        self.peer = peer
        self._server = server
        self._lock = threading.Lock()  # guards the session and what belongs to it
        self._responses: list[ResponseBuilder] = []
        self._asked: list[ResponseBuilder] = []  # by the client
        self._late: Sound = np.zeros(0, "<i2")
        self._session = ConversationSession(
            type="realtime",
            model="gpt-realtime",
            expires_at=2_000_000_000,
            detectors=DetectorPool(LoudnessDetector),
            generator=self,
            recogniser=self,
            emit=self._emit,
            settings=ServerSettings(),
        )

    def run(self) -> None:
        """Serve until the link ends."""
        with suppress(RealtimeError):
            with self._lock:
                self._session.open()
            while True:
                request = json.loads(self.peer.receive())
                with self._lock:
                    for _ in self._session.handle(request):
                        pass
                    self._say_nothing()

    def _say_nothing(self) -> None:
        """Answer what the client asks for: a test says itself what is to be heard."""
        asked, self._asked = self._asked, []
        for response in asked:
            self._session.responses.finish(response, "completed")

    def answer(self, sounds: Sequence[Sound], *, late: Sound | None = None) -> list[str]:
        """Say ``sounds``, an item and a response for each, all at once.

        Args:
            sounds: int16 mono, 24 kHz.
            late: leaves the last response unfinished; the user's interruption ends it, and this
                comes behind, as from a server that was not fast enough.

        Returns:
            The items' ids.
        """
        items = []
        with self._lock:
            for number, sound in enumerate(sounds, 1):
                for _ in self._session.handle({"type": "response.create"}):
                    pass
                response = self._asked.pop()
                self._responses.append(response)
                self._say(response, sound)
                items.append(response.output[0].id)
                if late is not None and number == len(sounds):
                    self._late = late
                else:
                    self._session.responses.finish(response, "completed")
        return items

    def _say(self, response: ResponseBuilder, sound: Sound) -> None:
        for start in range(0, len(sound), _PIECE):
            events = response.add_speech("", sound[start : start + _PIECE].tobytes())
            self._session.responses.progress(response, events)

    def _emit(self, event: dict[str, Any]) -> None:
        if event["type"] == "input_audio_buffer.speech_started":
            self._server.interrupted_at = time.monotonic()
        with suppress(ConnectionClosed):  # what is said into a lost link is lost
            self.peer.send(json.dumps(event))

    # -- what the session asks for ---------------------------------------------------------------

    def start(self, response: ResponseBuilder) -> None:
        self._asked.append(response)

    def stop(self, response: ResponseBuilder) -> None:
        self._say(response, self._late)

    def recognise(
        self, part: StoredPart, done: OnHeard, *, language: str | None, prompt: str | None
    ) -> None:
        part.heard = self._server.words
        done(part, None)

    def drop(self, part: StoredPart) -> None:
        """It has been recognised by now."""


@frozen
class Block:
    """What the device got in one callback.

    Attributes:
        paused: whether the speaker had been told to pause when the device came.
        pcm: at the device's rate.
    """

    paused: bool
    pcm: bytes


class TimedSpeaker(Speaker):
    """A speaker that notes when it was cleared, when the device came for more, and what it got."""

    cleared_at = 0.0
    asked_at = 0.0

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[Block] = []
        self._told_to_pause = False

    def pause(self) -> bool:
        can = super().pause()
        self._told_to_pause = True
        return can

    def resume(self) -> None:
        super().resume()
        self._told_to_pause = False

    def clear(self) -> None:
        super().clear()
        self.asked_at = 0.0
        self.cleared_at = time.monotonic()

    def _play(self, data: bytes | None, frames: int) -> bytes:
        paused = self._told_to_pause
        block = super()._play(data, frames)
        self.blocks.append(Block(paused, block))
        if self.cleared_at and not self.asked_at:
            self.asked_at = time.monotonic()
        return block


@frozen
class Interruption:
    """What came of one.

    Attributes:
        event: what the loop reported.
        clear_ms: from ``speech_started`` on its way to the cleared speaker.
        callback_ms: and to the first block after it, which holds only the fade.
    """

    event: Interrupted
    clear_ms: float
    callback_ms: float


class Conversation:
    """A running voice loop: say something, wait for events."""

    def __init__(
        self,
        server: SoundServer,
        connection: Any,
        speaker: TimedSpeaker,
        *,
        callback_s: float = 0.0,
        **loop: Any,
    ) -> None:
        self.server = server
        self._callback_s = callback_s
        self.speaker = speaker
        self.events: list[Any] = []
        self._changed = threading.Condition()  # guards events
        self._microphone = VirtualMicrophone()
        self.loop = VoiceLoop(connection, self._microphone, speaker, on_event=self._note, **loop)

    def _note(self, event: Any) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()
        if self._callback_s:  # only to be measured
            time.sleep(self._callback_s)

    def count(self, kind: str) -> int:
        """Return how many events of a type came."""
        return sum(event.type == kind for event in self.events)

    def wait_for(self, wanted: Callable[[Any], bool], since: int = 0) -> Any:
        """Return the first event since the one with that number that is ``wanted``."""

        def found() -> list[Any]:
            return [event for event in self.events[since:] if wanted(event)]

        with self._changed:
            assert self._changed.wait_for(found, Guard().seconds), (
                f"not among {[event.type for event in self.events[since:]]}"
            )
            return found()[0]

    def interrupt(self, items: Sequence[str], after_ms: int) -> Interruption:
        """Speak when that much of ``items`` was handed to the device, and wait for the outcome."""
        since = self.speak(items, after_ms)
        event = self.wait_for(lambda event: isinstance(event, Interrupted), since)
        Guard().until(lambda: self.speaker.asked_at, "the next callback")
        for item_id in event.deleted:
            self.wait_for(lambda e, i=item_id: _is(e, "conversation.item.deleted", i), since)  # type: ignore[misc]
        truncated = self.wait_for(
            lambda e: _is(e, "conversation.item.truncated", event.item_id), since
        )
        assert truncated.audio_end_ms == event.audio_end_ms, "what the server has taken"
        self.wait_for(lambda e: e.type == "input_audio_buffer.speech_stopped", since)
        return Interruption(
            event=event,
            clear_ms=(self.speaker.cleared_at - self.server.interrupted_at) * 1000,
            callback_ms=(self.speaker.asked_at - self.server.interrupted_at) * 1000,
        )

    def lose_link(self) -> None:
        """Have the link cut, and wait until the talk goes on over another one."""
        since = len(self.events)
        self.server.cut()
        self.wait_for(lambda event: isinstance(event, Reconnected), since)

    def speak(self, items: Sequence[str], after_ms: int) -> int:
        """Speak when that much of ``items`` was handed out; return how many events there were."""
        since = self.wait_until_handed(items, after_ms)
        self._microphone.say(np.full(RATE // 10, LOUD, "<i2"))
        return since

    def wait_until_handed(self, items: Sequence[str], ms: int) -> int:
        """Wait until the device has that much of ``items``; return how many events came before."""
        since = len(self.events)
        handed = self.speaker.handed_ms
        Guard().until(lambda: sum(map(handed, items)) >= ms, "that much of the answer")
        return since

    @property
    def errors(self) -> list[ErrorEvent]:
        """The error events that came."""
        return [event for event in self.events if isinstance(event, ErrorEvent)]


def _is(event: Any, kind: str, item_id: str | None) -> bool:
    return bool(event.type == kind and event.item_id == item_id)


@contextmanager
def conversing(*, updates: int = 1, **loop: Any) -> Iterator[Conversation]:
    """Hold a conversation with a `SoundServer` over the default speaker.

    Args:
        updates: how many updates of the session it takes until it is as it is to be.
        loop: ``callback_s``, how long ``on_event`` takes; and options of the `VoiceLoop`.
    """
    failures: list[BaseException] = []

    def run() -> None:
        try:
            talk.loop.run()
        except BaseException as exc:
            failures.append(exc)

    server = SoundServer()
    transport, _ = server.open()
    settings = ConnectionSettings(opener=server.open, reconnect=ReconnectPolicy(initial_delay=0))
    connection = RealtimeConnection(transport, settings=settings)
    connection.start()
    with TimedSpeaker() as speaker:
        talk = Conversation(server, connection, speaker, **loop)
        threads = [threading.Thread(target=work) for work in (server.run, run)]
        threads[0].start()
        try:
            connection.session.update(session=_SESSION)  # first: the loop judges what was asked for
            threads[1].start()
            Guard().until(
                lambda: failures or talk.count("session.updated") >= updates, "the session"
            )
            assert not failures, failures
            yield talk
        finally:
            talk.loop.close()
            Guard().join(threads[1])
            connection.close()
            server.stop()
            Guard().join(threads[0])
    assert not failures, failures
