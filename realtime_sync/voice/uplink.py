"""What the user says, on its way up: from the source, cleaned of echo, to the server."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .._deadline import Deadline
from .._threads import join_all, spawn
from ..audio.base import Source, chunks_of
from ..errors import ConfigError, ConnectionClosed
from ._sending import send
from ._voice_connection import VoiceConnection
from .conversion import InputConverter
from .effects import Append, Effect, UserStarted, UserStopped
from .hearing import Hearing
from .rules import VoiceState
from .turns import PushToTalk, Turns

__all__ = ["Uplink"]


class Uplink:
    """Sends what a source hears, and tells the engine of the turns that are found here.

    Args:
        connection: takes it.
        source: hears it.
        hearing: takes the echo out.
        turns: finds the turns.
        state: knows what becomes of them.
        decide: has the engine decide, and returns when it has acted.

    Attributes:
        ended: whether the source has.
        failure: what has ended it; None for a good end. Set before ``ended``.
        muted: whether silence is sent in the place of what is heard.

    Threads:
        Its own, ``voice-uplink``, iterates the source. `press` and `release` may be called from
        any; so may all else.
    """

    def __init__(
        self,
        connection: VoiceConnection,
        source: Source,
        *,
        hearing: Hearing,
        turns: Turns,
        state: VoiceState,
        decide: Callable[[Callable[[], list[Effect]]], None],
    ) -> None:
        self.ended = False
        self.failure: BaseException | None = None
        self.muted = False
        self._connection = connection
        self._source = source
        self._hearing = hearing
        self._turns = turns
        self._state = state
        self._decide = decide
        self._converter = InputConverter(source.rate)
        # Keeps what goes up in one order: held across sends, as a send lock is, and while the
        # engine decides about a turn. The engine never takes it.
        self._lock = threading.Lock()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to hear.

        Raises:
            RealtimeError: the system gives no thread.
        """
        self._thread = spawn(self._run, name="voice-uplink")

    def stop(self) -> None:
        """End the source; does not wait for it."""
        self._stopping = True
        self._source.close()

    def close(self, deadline: Deadline) -> None:
        """End the source, and wait for its thread."""
        self.stop()
        if self._thread is not None:
            join_all([self._thread], deadline)

    def press(self) -> None:
        """See `VoiceLoop.press`."""
        button = self._button()
        with self._lock:
            self._do_all(button.press())

    def release(self, *, respond: bool) -> bool:
        """See `VoiceLoop.release`."""
        button = self._button()
        with self._lock:
            effects = button.release(respond=respond)
            self._do_all(effects)
        return any(isinstance(turn, UserStopped) and turn.by == "released" for turn in effects)

    def _button(self) -> PushToTalk:
        if not isinstance(self._turns, PushToTalk):
            raise ConfigError("there is no button to press; make VoiceLoop(push_to_talk=True)")
        return self._turns

    def _run(self) -> None:
        try:
            for chunk in chunks_of(self._source):
                if self._stopping:
                    break
                said = self._hearing.clean(chunk)
                if said:
                    self._hear(bytes(len(said)) if self.muted else said)
        except ConnectionClosed:
            pass  # the engine sees it, with everything that came before
        except Exception as exc:
            self.failure = exc
        finally:
            self.ended = True
            self._connection.wake()

    def _hear(self, said: bytes) -> None:
        with self._lock:
            self._do_all(self._turns.hear(said))

    def _do_all(self, effects: list[Effect]) -> None:
        for effect in effects:
            self._do(effect)

    def _do(self, effect: Effect) -> None:
        match effect:
            case Append(pcm):
                self._append(self._converter.convert(pcm, self._connection.session_facts.input))
            case UserStarted(silence_ms):
                self._decide(lambda: self._state.user_started(silence_ms))
            case UserStopped() as turn:
                self._append(self._converter.finish())
                self._decide(lambda: self._state.user_stopped(turn))
            case _:
                send(self._connection, effect)

    def _append(self, audio: bytes) -> None:
        if audio:
            send(self._connection, Append(audio))
