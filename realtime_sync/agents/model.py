"""The model's side of a session: how it is reached, who listens to it, what was played of it."""

from __future__ import annotations

import abc
import math
import os
from collections.abc import Callable
from threading import Lock

from .._latest import keep_latest
from .._typing import TypedDict
from .audio_formats import bytes_per_s
from .given import require, require_count, require_length, require_text
from .model_events import RealtimeModelEvent, RealtimeModelFurtherEvent
from .model_inputs import RealtimeModelSendEvent
from .run_config import RealtimeAudioFormat, RealtimeSessionModelSettings
from .user_code import require_function

__all__ = [
    "DEFAULT_MODEL",
    "DEFAULT_MODEL_SETTINGS",
    "RealtimeModel",
    "RealtimeModelConfig",
    "RealtimeModelListener",
    "RealtimePlaybackState",
    "RealtimePlaybackTracker",
    "TransportConfig",
    "get_api_key",
]

DEFAULT_MODEL = "gpt-realtime-2.1"
# What a session of agents has where neither the agent nor the run says otherwise.
DEFAULT_MODEL_SETTINGS: RealtimeSessionModelSettings = {
    "voice": "ash",
    "modalities": ["audio"],
    "input_audio_format": "pcm16",
    "output_audio_format": "pcm16",
    "input_audio_transcription": {"model": "gpt-4o-mini-transcribe"},
    "turn_detection": {"type": "semantic_vad", "interrupt_response": True},
}

_SOUND = (bytes, bytearray, memoryview)
# So many of the latest parts are remembered; a response has a few.
_MAX_PARTS = 256
_ROUNDING = 1e-6  # ms: thirds of a millisecond that were added up make a whole one again


def get_api_key(key: str | Callable[[], str] | None) -> str | None:
    """Return the key, asking for it where it is a function; without one ``OPENAI_API_KEY``.

    Raises:
        UserError: it is neither a text nor a function that returns one.
    """
    if key is None:
        return os.environ.get("OPENAI_API_KEY")
    if isinstance(key, str):
        return key
    require_function(key, "a key that is no text")
    given = key()
    require(isinstance(given, str), "a function for the key must return a text", type(given))
    return given


class TransportConfig(TypedDict, total=False):
    """How the WebSocket is kept.

    A ping goes out every ``ping_interval`` seconds, and the link counts as lost when nothing comes
    for ``ping_timeout`` after it; None for never. ``handshake_timeout`` is in seconds, too;
    ``max_size`` in bytes of a message, None for no limit.
    """

    ping_interval: float | None
    ping_timeout: float | None
    handshake_timeout: float
    max_size: int | None


# -- what was played -------------------------------------------------------------------------------


class RealtimePlaybackState(TypedDict):
    """Which part plays, and how much of it was played; None for nothing."""

    current_item_id: str | None
    current_item_content_index: int | None
    elapsed_ms: float | None


class RealtimePlaybackTracker:
    """Where a program that plays the audio by itself says how far it has come.

    An interruption cuts an answer where the user has stopped to hear it, so call `on_play_bytes`
    or `on_play_ms` when audio was played, not when it was given to a device.

    Threads: any may call anything.

    Example:
        >>> tracker = RealtimePlaybackTracker()
        >>> tracker.on_play_bytes("item_1", 0, bytes(4800))
        >>> tracker.on_play_ms("item_2", 0, 20)
        >>> tracker.get_state()["current_item_id"], tracker.played_ms(("item_1", 0))
        ('item_2', 100)
    """

    def __init__(self) -> None:
        self._lock = Lock()  # guards all below
        self._bytes_per_ms = bytes_per_s(None) / 1000
        self._current: tuple[str, int] | None = None
        self._played: dict[tuple[str, int], float] = {}  # ms

    def on_play_bytes(self, item_id: str, item_content_index: int, bytes: bytes) -> None:
        """Take that some audio was played.

        Args:
            item_id: its item.
            item_content_index: its part of the item's content.
            bytes: what was played, in the session's output format.

        Raises:
            UserError: this can't be meant.
        """
        _check_part(item_id, item_content_index)
        require(isinstance(bytes, _SOUND), "what was played must be bytes", bytes)
        with self._lock:
            self._add((item_id, item_content_index), len(bytes) / self._bytes_per_ms)

    def on_play_ms(self, item_id: str, item_content_index: int, ms: float) -> None:
        """Take that some audio was played.

        Args:
            item_id: its item.
            item_content_index: its part of the item's content.
            ms: how much more of it was played.

        Raises:
            UserError: this can't be meant.
        """
        _check_part(item_id, item_content_index)
        require_length(ms, "ms")
        with self._lock:
            self._add((item_id, item_content_index), ms)

    def on_interrupted(self) -> None:
        """Take that nothing plays any more; the session calls it."""
        with self._lock:
            self._current = None

    def set_audio_format(self, format: RealtimeAudioFormat) -> None:
        """Take the format of what is played; the session calls it."""
        with self._lock:
            self._bytes_per_ms = bytes_per_s(format) / 1000

    def get_state(self) -> RealtimePlaybackState:
        """Return which part plays, and how much of it was played."""
        with self._lock:
            part = self._current
            return {
                "current_item_id": None if part is None else part[0],
                "current_item_content_index": None if part is None else part[1],
                "elapsed_ms": None if part is None else self._played[part],
            }

    def played_ms(self, part: tuple[str, int]) -> int:
        """Return how much of a part was played, in whole milliseconds, rounded down.

        Args:
            part: the item's id, and the index of the part in its content.
        """
        with self._lock:
            return math.floor(self._played.get(part, 0.0) + _ROUNDING)

    def _add(self, part: tuple[str, int], ms: float) -> None:
        """Count what was played; called with the lock."""
        self._current = part
        # Taken out and put back, so that the part which plays is the latest.
        self._played[part] = self._played.pop(part, 0.0) + ms
        keep_latest(self._played, _MAX_PARTS)


def _check_part(item_id: object, index: object) -> None:
    require_text(item_id, "item_id")
    require_count(index, "item_content_index")


# -- the model -------------------------------------------------------------------------------------


class RealtimeModelConfig(TypedDict, total=False):
    """How the model of a session is reached.

    ``api_key`` is the key, or a function that returns one; ``url`` is taken as it is; ``headers``
    replace the one with the key. ``call_id`` joins a call that is under way, which has its model
    already.
    """

    api_key: str | Callable[[], str]
    url: str
    headers: dict[str, str]
    initial_model_settings: RealtimeSessionModelSettings
    playback_tracker: RealtimePlaybackTracker
    call_id: str


class RealtimeModelListener(abc.ABC):
    """Gets whatever a model tells."""

    @abc.abstractmethod
    def on_event(self, event: RealtimeModelEvent | RealtimeModelFurtherEvent) -> None:
        """Take an event of the model's."""


class RealtimeModel(abc.ABC):
    """A connection to a model, as a session has it."""

    @abc.abstractmethod
    def connect(self, options: RealtimeModelConfig) -> None:
        """Connect to the model."""

    @abc.abstractmethod
    def add_listener(self, listener: RealtimeModelListener) -> None:
        """Let a listener get whatever the model tells from now on."""

    @abc.abstractmethod
    def remove_listener(self, listener: RealtimeModelListener) -> None:
        """Let a listener get no more."""

    @abc.abstractmethod
    def send_event(self, event: RealtimeModelSendEvent) -> None:
        """Send something to the model."""

    @abc.abstractmethod
    def send_event_if(self, event: RealtimeModelSendEvent, send_if: Callable[[], bool]) -> bool:
        """Send something if ``send_if`` says so at the very moment; return whether it did."""

    @abc.abstractmethod
    def close(self) -> None:
        """End the connection."""
