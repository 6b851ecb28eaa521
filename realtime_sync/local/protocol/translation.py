"""Translation sessions, as far as programs that use them can be tried out.

What is said is recognised utterance by utterance and spoken in "another language": a few dozen
words have a translation into German, French, Spanish or Italian, all others are said as they are,
by the voice of the answers. The protocol is the real one: ``session.update``,
``session.input_audio_buffer.append``, ``session.close``, and reading to ``session.closed``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attrs import frozen

from ..._types import JsonDict
from ..server_settings import ServerSettings
from ..speech.voice_detector import DetectorPool
from .client_events import TRANSLATION_EVENTS, handle_request
from .input_buffer import InputBuffer
from .translation_config import default_translation_audio, merge_translation_audio
from .turn_detection import SpeechStarted, SpeechStopped
from .wire import event, fault, new_id
from .wire_formats import PCM16, TICKS_PER_MS, decode_base64

__all__ = ["SLICE_MS", "Translation", "Utterance"]

SLICE_MS = 200  # what the engine takes at once
_SLICE_BYTES = PCM16.bytes_in(SLICE_MS * TICKS_PER_MS)
_TURN_DETECTION: JsonDict = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 400,
}


@frozen
class Utterance:
    """Something that was said and is to be translated.

    Attributes:
        audio: PCM16 at 24 kHz.
        end_ms: where it ended, in the session's audio.
        language: into what, an ISO 639-1 code.
        shown: whether the client wants to read what was said.
    """

    audio: bytes
    end_ms: int
    language: str
    shown: bool


class Translation:
    """One translation session without I/O: client events in, utterances and events out.

    Args:
        model: the model's name as the client gave it.
        expires_at: seconds since the epoch.
        detectors: tell the user's speech from noise; one is borrowed when there is sound.
        settings: of the server: how much sound the session may hold.
        emit: sends an event to the client.
        interpret: takes an utterance, and None after the last; they are spoken in order.
        audio: the configuration to start with, instead of the usual one.
    """

    def __init__(
        self,
        *,
        model: str,
        expires_at: int,
        detectors: DetectorPool,
        settings: ServerSettings,
        emit: Callable[[JsonDict], None],
        interpret: Callable[[Utterance | None], None],
        audio: JsonDict | None = None,
    ) -> None:
        self._emit = emit
        self._interpret = interpret
        self._input_buffer = InputBuffer(
            PCM16, dict(_TURN_DETECTION), detectors, max_s=settings.max_input_audio_s
        )
        self._start_ms = 0
        self._pending = bytearray()  # less than a slice
        self._ending = False  # the client said that nothing more comes
        self._config: JsonDict = {
            "id": new_id("sess"),
            "type": "translation",
            "model": model,
            "expires_at": expires_at,
            "audio": default_translation_audio() if audio is None else audio,
        }

    def open(self) -> None:
        """Greet the client."""
        self._emit(event("session.created", session=self._config))

    def close(self) -> None:
        """Let go of all sound."""
        self._input_buffer.close()

    def handle(self, request: Any) -> Iterator[None]:
        """Take one decoded client event, see `handle_request`."""
        return handle_request(request, TRANSLATION_EVENTS, self._handle, self._emit)

    def _handle(self, request: JsonDict) -> Iterator[None]:
        if request["type"] == "session.update":
            self._update(request["session"])
        elif self._ending:
            raise fault("The session is closing: its input has ended.", code="session_closing")
        elif request["type"] == "session.close":
            self._finish()
        else:
            yield from self._append(decode_base64(request["audio"], "audio"))

    def _update(self, update: Any) -> None:
        audio = merge_translation_audio(self._config["audio"], update)
        self._config = {**self._config, "audio": audio}
        self._emit(event("session.updated", session=self._config))

    def _append(self, audio: bytes) -> Iterator[None]:
        self._input_buffer.check(audio)
        self._pending += audio
        while len(self._pending) >= _SLICE_BYTES:
            part = bytes(self._pending[:_SLICE_BYTES])
            del self._pending[:_SLICE_BYTES]
            self._hear(part)
            yield

    def _hear(self, audio: bytes) -> None:
        for turn in self._input_buffer.append(audio):
            if isinstance(turn, SpeechStarted):
                self._start_ms = turn.start_ms
            elif isinstance(turn, SpeechStopped):
                self._hand_over(turn.end_ms)

    def _finish(self) -> None:
        self._hear(bytes(self._pending))
        self._ending = True
        if self._input_buffer.turns is not None and self._input_buffer.turns.speaking:
            self._hand_over(self._input_buffer.position_ms)
        self._interpret(None)

    def _hand_over(self, end_ms: int) -> None:
        audio = self._config["audio"]
        self._interpret(
            Utterance(
                self._input_buffer.take(self._start_ms, end_ms),
                end_ms,
                audio["output"]["language"],
                audio["input"]["transcription"] is not None,
            )
        )
