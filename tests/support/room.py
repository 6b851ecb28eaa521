"""A room: what the speaker plays comes back into the microphone, in a time of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import numpy as np
from embedded import Server
from fault_proxy import FaultProxy
from guards import Guard, VirtualClock

from realtime_sync import Local, ReconnectPolicy
from realtime_sync.audio import VirtualMicrophone, VirtualSpeaker
from realtime_sync.events import ErrorEvent, Reconnected, SessionUpdated
from realtime_sync.voice import VoiceLoop

RATE = 24_000
ECHO_DB = -10.0
_CHUNKS_PER_STEP = 5  # 100 ms
_RECONNECT = ReconnectPolicy(initial_delay=0.01, max_delay=0.1, max_retries=50)
_CHUNKS_AFTER = 50  # a second, in which the end of speech is found
# The direct way from the speaker to the microphone, and two walls: delay in ms, strength.
_PATHS = ((60, 1.0), (77, 0.4), (104, 0.2))
_NORM = 10 ** (ECHO_DB / 20) / float(np.sqrt(sum(gain**2 for _, gain in _PATHS)))


def _never() -> bool:
    return False


class RoomClock(VirtualClock):
    """The time in a room, which its microphone moves on with every chunk.

    It passes ``speed`` times as fast as real time, or as fast as the machine keeps up: what is
    played and what is heard never drift apart, and while somebody speaks, and a second longer, the
    server is never more than a step behind.
    """

    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(seconds / self._speed)


class RoomSpeaker(VirtualSpeaker):
    """A speaker that tells what it plays, as one with a device does.

    A twin that plays the same beside it would be a whole chunk off for an answer, whenever the
    room's time moves on just between the writes to both.

    Args:
        tap: gets what is played, silence included.
        clock: of the room.
    """

    def __init__(self, tap: Callable[[bytes], object], clock: RoomClock) -> None:
        super().__init__(rate=RATE, tap=self._play, clock=clock)
        self._ears = [tap]

    def listen(self, hear: Callable[[bytes], object]) -> int:
        self._ears[1:] = [hear]
        return RATE

    def _play(self, block: bytes) -> None:
        for hear in self._ears:
            hear(block)


class Room:
    """A source that hears the user and the echo of the speaker in it.

    Args:
        echo: whether the speaker is heard at all.

    Attributes:
        user: the line on which the user speaks.
        speaker: the sink.
        played: what it has played, silence included.
    """

    rate = RATE

    def __init__(self, clock: RoomClock, *, echo: bool = True) -> None:
        self._clock = clock
        self._echoes = echo
        self.user = VirtualMicrophone(rate=RATE, clock=clock)
        self.speaker = RoomSpeaker(self._hear, clock)
        self.played = bytearray()
        self._lock = threading.Lock()  # guards _air
        self._air = np.zeros(RATE, dtype="<i2")  # the last second of what was played
        self.on_chunk: Callable[[bool], None] = lambda spoken: None

    def __iter__(self) -> Iterator[bytes]:
        self.speaker.start()
        for chunk in self.user:
            user = np.frombuffer(chunk, "<i2")
            self._clock.advance(len(user) / RATE)
            self.speaker.advance()
            mixed = user + self._echo(len(user)) if self._echoes else user
            yield np.clip(np.rint(mixed), -32768, 32767).astype("<i2").tobytes()
            self.on_chunk(bool(user.any()))

    def close(self) -> None:
        self.user.close()

    def _hear(self, block: bytes) -> None:
        self.played += block
        with self._lock:
            self._air = np.concatenate((self._air, np.frombuffer(block, "<i2")))[-RATE:]

    def _echo(self, size: int) -> np.ndarray:
        """Return what comes back in the last ``size`` samples of what was played."""
        with self._lock:
            air = self._air
        ends = [(RATE - delay_ms * RATE // 1000, gain) for delay_ms, gain in _PATHS]
        return sum(gain * _NORM * air[end - size : end] for end, gain in ends)


class Conversation:
    """A running conversation in a room: say something, wait for what happens.

    Attributes:
        connection: to the server.
        clock: of the room.
        events: of the server's and the loop's, in order.
        over: whether the loop has ended.
    """

    def __init__(self, connection: Any, room: Room, clock: RoomClock, **options: Any) -> None:
        self.room = room
        self.clock = clock
        self.events: list[Any] = []
        self._changed = threading.Condition()  # guards events and _updated
        self.connection = connection
        self._chunks = self._updated = self._quiet = 0
        self._stands_still: Callable[[], bool] = _never
        room.on_chunk = self._next_chunk
        # A server that takes a second on a busy machine takes half a minute of the room's time.
        options.setdefault("answer_timeout", 600)
        self.loop = VoiceLoop(
            connection, room, room.speaker, on_event=self._note, clock=clock, **options
        )
        self.failure: BaseException | None = None
        self.over = False
        self.thread = threading.Thread(target=self._run)

    def of(self, kind: str) -> list[Any]:
        """Return the events of a type."""
        return [event for event in self.events if event.type == kind]

    def wait(self, condition: Callable[[], Any], what: str) -> None:
        """Wait until something is true; it is looked at with every event and every chunk."""
        with self._changed:
            done = self._changed.wait_for(
                lambda: self.failure or condition(), timeout=Guard().seconds
            )
            # One for many of a kind: an answer has hundreds of deltas.
            types = [kind for kind, _ in groupby(event.type for event in self.events)]
            assert done, f"{what} did not come: {types}"
            assert self.failure is None, f"{what} did not come: {self.failure!r}, {types}"

    def wait_for(self, kind: str, count: int = 1) -> Any:
        """Return the event of a type that comes as number ``count``."""
        self.wait(lambda: len(self.of(kind)) >= count, f"{kind} number {count}")
        return self.of(kind)[count - 1]

    def hear_out(self) -> None:
        """Wait until all was said, and nothing goes on."""
        said = self.room.user.wait_said
        self.wait(lambda: said(0) and not self._quiet and self.loop.idle, "the end of the answer")

    def _run(self) -> None:
        try:
            self.loop.run()
        except BaseException as exc:
            self.failure = exc
        finally:
            self.over = True
            self._notify()

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Let no time pass in the room: no more than the chunk that is under way is heard."""
        with self._standing_still_when(lambda: True):
            yield

    @contextmanager
    def standing_still_from(self, kind: str, count: int) -> Iterator[None]:
        """Let no time pass in the room from the moment that an event is told; see `wait_for`."""
        with self._standing_still_when(lambda: len(self.of(kind)) >= count):
            yield

    @contextmanager
    def _standing_still_when(self, condition: Callable[[], bool]) -> Iterator[None]:
        self._stands_still = condition
        try:
            yield
        finally:
            self._stands_still = _never
            self._notify()

    def _next_chunk(self, spoken: bool) -> None:
        with self._changed:
            moves = self._changed.wait_for(
                lambda: not self._stands_still(), timeout=Guard().seconds
            )
        assert moves, "a standstill did not end"
        self._notify()
        self._quiet = _CHUNKS_AFTER if spoken else max(0, self._quiet - 1)
        self._chunks += self._quiet > 0
        if self._quiet and self._chunks % _CHUNKS_PER_STEP == 0:
            self.catch_up()

    def catch_up(self) -> None:
        """Wait until the server has heard all that was said, and all is told that came of it.

        A server answers an update after the audio before it. Without this, a machine that is
        busy for a moment would be a server whose answer to a word comes a second later.
        """
        before = self._updated
        self.connection.session.update(session={"type": "realtime"})
        with self._changed:
            self._changed.wait_for(
                lambda: self.over or self._updated > before, timeout=Guard().seconds
            )

    def _note(self, event: Any) -> None:
        with self._changed:
            self.events.append(event)
            # A link that is lost answers no more.
            self._updated += isinstance(event, SessionUpdated | Reconnected)
            self._changed.notify_all()

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()


@contextmanager
def conversing(
    server: Server,
    *,
    session: Any = None,
    speed: float = 5.0,
    echo_in_room: bool = True,
    proxy: FaultProxy | None = None,
    **loop: Any,
) -> Iterator[Conversation]:
    """Hold a conversation with a server, ``speed`` times as fast as people would."""
    clock = RoomClock(speed)
    client = Local(url=server.url if proxy is None else proxy.url, api_key=server.key)
    with client.realtime.connect(reconnect=_RECONNECT) as connection:
        connection.session.update(session={"type": "realtime", **(session or {})})
        talk = Conversation(connection, Room(clock, echo=echo_in_room), clock, **loop)
        talk.thread.start()
        try:
            yield talk
        finally:
            talk.loop.close()
            Guard().join(talk.thread)
    assert talk.failure is None
    assert not [event for event in talk.events if isinstance(event, ErrorEvent)]
