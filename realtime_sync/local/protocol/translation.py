"""Translation sessions, as far as programs that use them can be tried out.

What is said is recognised utterance by utterance and spoken in "another language": a few dozen
words have a translation into German, French, Spanish or Italian, all others are said as they are,
by the voice of the answers. The protocol is the real one: ``session.update``,
``session.input_audio_buffer.append``, ``session.close``, and reading to ``session.closed``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

from attrs import frozen

from ..._types import JsonDict
from ...errors import ServerError
from ..engines import VoiceDetector
from .client_events import id_of
from .input_buffer import InputBuffer
from .turn_detection import SpeechStarted, SpeechStopped
from .validation import Strict, check, wrong_type
from .wire import error_event, event, fault, new_id
from .wire_formats import TICKS_PER_MS, decode_base64, format_of

__all__ = ["FRAME_MS", "Translation", "Utterance", "start_translation", "translate"]

FRAME_MS = 200  # what the engine takes at once
_PCM: JsonDict = {"type": "audio/pcm", "rate": 24000}
_TURNS: JsonDict = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 400,
}
_WORD = re.compile(r"[A-Za-z']+")
_LANGUAGES = ("de", "fr", "es", "it")
_WORDS = {
    "hello": ("hallo", "bonjour", "hola", "ciao"),
    "goodbye": ("auf Wiedersehen", "au revoir", "adiós", "arrivederci"),
    "please": ("bitte", "s'il vous plaît", "por favor", "per favore"),
    "thanks": ("danke", "merci", "gracias", "grazie"),
    "yes": ("ja", "oui", "sí", "sì"),
    "no": ("nein", "non", "no", "no"),
    "what": ("was", "que", "qué", "che"),
    "is": ("ist", "est", "es", "è"),
    "the": ("die", "le", "el", "il"),
    "time": ("Zeit", "temps", "tiempo", "tempo"),
    "weather": ("Wetter", "temps", "tiempo", "tempo"),
    "in": ("in", "à", "en", "a"),
    "tell": ("erzähl", "raconte", "cuenta", "racconta"),
    "me": ("mir", "moi", "me", "mi"),
    "a": ("eine", "une", "una", "una"),
    "story": ("Geschichte", "histoire", "historia", "storia"),
    "count": ("zähle", "compte", "cuenta", "conta"),
    "to": ("bis", "jusqu'à", "hasta", "fino a"),
    "one": ("eins", "un", "uno", "uno"),
    "two": ("zwei", "deux", "dos", "due"),
    "three": ("drei", "trois", "tres", "tre"),
    "four": ("vier", "quatre", "cuatro", "quattro"),
    "five": ("fünf", "cinq", "cinco", "cinque"),
}


class _Transcription(Strict):
    model: str


class _NoiseReduction(Strict):
    type: Literal["near_field", "far_field"]
    strength: float | None = None


class _Input(Strict):
    transcription: _Transcription | None = None
    noise_reduction: _NoiseReduction | None = None


class _Output(Strict):
    language: str | None = None


class _Audio(Strict):
    input: _Input | None = None
    output: _Output | None = None


class _Session(Strict):
    audio: _Audio | None = None


class _Start(_Session):
    model: str


class _Update(Strict):
    type: Literal["session.update"]
    event_id: str | None = None
    session: Any


class _Append(Strict):
    type: Literal["session.input_audio_buffer.append"]
    event_id: str | None = None
    audio: str


class _Close(Strict):
    type: Literal["session.close"]
    event_id: str | None = None


_MODELS: dict[str, type[Strict]] = {
    "session.update": _Update,
    "session.input_audio_buffer.append": _Append,
    "session.close": _Close,
}


_AUDIO: JsonDict = {
    "input": {"transcription": None, "noise_reduction": None},
    "output": {"language": "en"},
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


def start_translation(given: Any) -> JsonDict:
    """Return the model and the audio of a session that is described before it is opened.

    Raises:
        ServerError: it breaks a rule.
    """
    checked = check(_Start, given, "session")
    return {"model": checked["model"], "audio": _merged(_AUDIO, checked)}


def _merged(audio: JsonDict, patch: JsonDict) -> JsonDict:
    changes = patch.get("audio") or {}
    merged = {side: {**audio[side], **(changes.get(side) or {})} for side in audio}
    merged["output"]["language"] = merged["output"]["language"] or "en"
    return merged


def translate(text: str, language: str) -> str:
    """Return ``text`` in another language, as far as a few dozen words go.

    Example:
        >>> translate("Please tell me a story", "de")
        'bitte erzähl mir eine Geschichte'
        >>> translate("Please tell me a story", "en")
        'Please tell me a story'
    """
    code = language.lower().partition("-")[0]
    if code not in _LANGUAGES:
        return text
    place = _LANGUAGES.index(code)

    def word(match: re.Match[str]) -> str:
        known = _WORDS.get(match[0].lower())
        return match[0] if known is None else known[place]

    return _WORD.sub(word, text)


class Translation:
    """One translation session without I/O: client events in, utterances and events out.

    Args:
        model: the model's name as the client gave it.
        expires_at: seconds since the epoch.
        detector: tells the user's speech from noise; for this session alone.
        emit: sends an event to the client.
        interpret: takes an utterance; they are spoken in order.
        audio: the configuration to start with, instead of the usual one.
    """

    def __init__(
        self,
        *,
        model: str,
        expires_at: int | None = None,
        detector: VoiceDetector,
        emit: Callable[[JsonDict], None],
        interpret: Callable[[Utterance], None],
        audio: JsonDict | None = None,
    ) -> None:
        self.ending = False  # the client said that nothing more comes
        self._emit = emit
        self._interpret = interpret
        self._input_buffer = InputBuffer(format_of(_PCM), dict(_TURNS), detector)
        self._start_ms = 0
        self._frames = bytearray()  # less than a frame
        self._config: JsonDict = {
            "id": new_id("sess"),
            "type": "translation",
            "model": model,
            "expires_at": int(time.time() + 3600) if expires_at is None else expires_at,
            "audio": _AUDIO if audio is None else audio,
        }

    def open(self) -> None:
        """Greet the client."""
        self._emit(event("session.created", session=self._config))

    def handle(self, request: Any) -> Iterator[None]:
        """Take one decoded client event; whatever is wrong with it becomes an ``error`` event.

        Yields now and then during long work, so that the caller can let others run.
        """
        try:
            yield from self._handle(_checked(request))
        except ServerError as error:
            self._emit(error_event(error, event_id=id_of(request)))

    def _handle(self, request: JsonDict) -> Iterator[None]:
        if request["type"] == "session.update":
            self._update(request["session"])
        elif self.ending:
            raise fault("The session is closing: its input has ended.", code="session_closing")
        elif request["type"] == "session.close":
            self._finish()
        else:
            yield from self._append(decode_base64(request["audio"], "audio"))

    def _update(self, update: Any) -> None:
        merged = _merged(self._config["audio"], check(_Session, update, "session"))
        self._config = {**self._config, "audio": merged}
        self._emit(event("session.updated", session=self._config))

    def _append(self, audio: bytes) -> Iterator[None]:
        self._input_buffer.check(audio)
        self._frames += audio
        size = FRAME_MS * TICKS_PER_MS * 2
        while len(self._frames) >= size:
            frame = bytes(self._frames[:size])
            del self._frames[:size]
            self._hear(frame)
            yield

    def _hear(self, frame: bytes) -> None:
        for turn in self._input_buffer.append(frame):
            if isinstance(turn, SpeechStarted):
                self._start_ms = turn.start_ms
            elif isinstance(turn, SpeechStopped):
                self._hand_over(turn.end_ms)

    def _finish(self) -> None:
        self._hear(bytes(self._frames))
        self.ending = True
        if self._input_buffer.turns is not None and self._input_buffer.turns.speaking:
            self._hand_over(self._input_buffer.position_ms)

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


def _checked(request: Any) -> JsonDict:
    if not isinstance(request, dict):
        raise wrong_type("event", "an object", request)
    kind = request.get("type")
    model = _MODELS.get(kind) if isinstance(kind, str) else None
    if model is None:
        names = ", ".join(f"'{name}'" for name in _MODELS)
        raise fault(
            f"Invalid value for 'type': {kind!r}. A translation session takes {names}.",
            code="invalid_value",
            param="type",
        )
    return check(model, request, "")
