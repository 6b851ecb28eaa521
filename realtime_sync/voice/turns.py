"""Who decides when the user's turn begins and ends, and what of the source goes to the server.

One class for each way, without threads or sockets: `hear` takes a chunk of the source's, and all
methods return what is to be done about it. What becomes of a turn that is over, the rules decide.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from ..audio.vad import Vad
from ..errors import ConfigError
from .effects import Append, ClearInput, Effect, UserStarted, UserStopped

__all__ = ["LocalVad", "PushToTalk", "ServerTurns", "Turns", "make_turns"]

_MIN_COMMIT_MS = 100  # the Realtime API refuses to commit less
_PREROLL_MS = 300  # what was said before a detector was sure


class Turns(Protocol):
    """What the loop asks for each chunk of the source's."""

    def hear(self, chunk: bytes) -> list[Effect]:
        """Take a chunk, cleaned of echo."""


class ServerTurns:
    """Everything goes up, and the server detects turns."""

    def hear(self, chunk: bytes) -> list[Effect]:
        """Send it."""
        return [Append(chunk)]


class PushToTalk:
    """The user holds a button to talk.

    Args:
        rate: sample rate of the source in Hz.
    """

    def __init__(self, rate: int) -> None:
        self._bytes_per_ms = 2 * rate / 1000
        self._pressed = False
        self._sent = 0

    def hear(self, chunk: bytes) -> list[Effect]:
        """Send it while the button is down."""
        if not self._pressed:
            return []
        self._sent += len(chunk)
        return [Append(chunk)]

    def press(self) -> list[Effect]:
        """Begin a turn; pressing a button that is down changes nothing."""
        if self._pressed:
            return []
        self._pressed = True
        self._sent = 0
        return [UserStarted(), ClearInput()]

    def release(self, *, respond: bool) -> list[Effect]:
        """End the turn; it is too short if it is less than the server would take."""
        if not self._pressed:
            return []
        self._pressed = False
        spoken_ms = int(self._sent / self._bytes_per_ms)
        if self._sent < _MIN_COMMIT_MS * self._bytes_per_ms:
            return [UserStopped(False, spoken_ms, "too_short")]
        return [UserStopped(respond, spoken_ms, "released")]


class LocalVad:
    """A detector on this machine finds the turns, for servers that have none.

    Only what is said goes up, with a moment of what came before it.

    Args:
        rate: sample rate of the source in Hz.
        vad: a detector for the same rate.

    Raises:
        ConfigError: the rates differ.
    """

    def __init__(self, rate: int, vad: Vad) -> None:
        if vad.rate != rate:
            raise ConfigError(
                f"the detector is at {vad.rate} Hz and the source at {rate} Hz; "
                f"make it with Vad(rate={rate})"
            )
        self._vad = vad
        self._bytes_per_ms = 2 * rate / 1000
        self._spoken_bytes = 0  # since the detector was sure
        self._preroll_bytes = 2 * rate * _PREROLL_MS // 1000
        self._before: deque[bytes] = deque()
        self._before_bytes = 0

    def hear(self, chunk: bytes) -> list[Effect]:
        """Look for speech in it."""
        change = self._vad.process(chunk)
        self._spoken_bytes += len(chunk)
        if change == "stopped":
            spoken_ms = int(self._spoken_bytes / self._bytes_per_ms) - self._vad.silence_ms
            return [Append(chunk), UserStopped(True, max(0, spoken_ms), "detected")]
        if self._vad.speaking and change is None:
            return [Append(chunk)]
        self._keep(chunk)
        if change is None:
            return []
        said = b"".join(self._before)
        self._before.clear()
        self._before_bytes = 0
        self._spoken_bytes = len(chunk)
        return [UserStarted(self._vad.silence_ms), Append(said)]

    def _keep(self, chunk: bytes) -> None:
        self._before.append(chunk)
        self._before_bytes += len(chunk)
        while self._before_bytes - len(self._before[0]) >= self._preroll_bytes:
            self._before_bytes -= len(self._before.popleft())


def make_turns(rate: int, *, push_to_talk: bool, vad: Vad | None) -> Turns:
    """Return the way that a loop's options ask for.

    Raises:
        ConfigError: they exclude one another, or the detector has another rate.
    """
    if push_to_talk and vad is not None:
        raise ConfigError(
            "push_to_talk and vad exclude one another; leave one of them out: either a button "
            "finds the turns or a detector"
        )
    if push_to_talk:
        return PushToTalk(rate)
    return ServerTurns() if vad is None else LocalVad(rate, vad)
