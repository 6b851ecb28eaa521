"""One spoken session of the Distiller, without I/O: messages in, turns and messages out.

The user's turns are found by voice detection here, whether or not the client commits: a commit
only asks for the words so far. Without barge-in the user is not listened to from the end of a turn
to the end of its answer; with it always, and speech interrupts the answer.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from attrs import field, frozen

from ..._types import JsonDict
from ...errors import ServerError
from ..protocol.input_buffer import InputBuffer
from ..protocol.turn_detection import SpeechStarted, SpeechStopped
from ..protocol.validation import require_shallow, wrong_type
from ..protocol.wire import fault, new_id
from ..protocol.wire_formats import HEARING_HZ, TICKS_PER_MS, decode_base64, pcm_at
from ..server_settings import ServerSettings
from ..speech.voice_detector import DetectorPool
from ..words import split_words
from .voice_project import VoiceProject

__all__ = ["Spoken", "VoiceSession", "VoiceWork", "Written", "error_message"]

_LOGGER = logging.getLogger("realtime_sync.local")

_FORMAT = pcm_at(HEARING_HZ)
# The detector takes some 6 ms for it; then others have their turn.
_SLICE_BYTES = _FORMAT.bytes_in(200 * TICKS_PER_MS)
_TURN_DETECTION: JsonDict = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    # Longer than the pauses of somebody who counts: what is said after the end of a turn is lost
    # where there is no barge-in.
    "silence_duration_ms": 700,
}
_MOST_TURNS = 12  # a turn has at most 5 minutes: so much sound may wait as a conversation may hold
_LONGEST_TEXT = 100_000


@frozen
class Spoken:
    """A turn that the user has spoken.

    Attributes:
        pcm: PCM16 at 16 kHz.
        told: the first of its words, which the client knows already.
    """

    pcm: bytes
    told: list[str] = field(factory=list)


@frozen
class Written:
    """A turn that the user has written."""

    text: str


class VoiceWork(Protocol):
    """What a session wants done outside this pure part, without blocking."""

    def answer(self, turn: Spoken | Written) -> None:
        """Answer ``turn`` when those before it are answered."""

    def preview(self, pcm: bytes, start_ms: int) -> None:
        """Recognise the beginning of a turn, and call `previewed`; may be left out."""

    def stop(self) -> None:
        """Go on no more with the answer that is being given."""

    def await_more(self) -> None:
        """Call `nothing_more` when no audio comes for a while: the user is in a turn."""

    def agent_answered(self, request_id: str, content: str, memory: JsonDict) -> None:
        """Take what a custom agent has answered."""


class VoiceSession:
    """What a client may say in a session, and what becomes of it.

    Args:
        project: how the session speaks, and whether it can be interrupted.
        detectors: tell the user's speech from noise; one is borrowed when there is sound.
        work: does what takes time.
        emit: sends a message to the client.
        settings: of the server: how much sound the session may hold.
    """

    def __init__(
        self,
        project: VoiceProject,
        detectors: DetectorPool,
        work: VoiceWork,
        emit: Callable[[JsonDict], None],
        settings: ServerSettings,
    ) -> None:
        self._barge_in = project.barge_in
        self._work = work
        self._emit = emit
        self._buffer = InputBuffer(
            _FORMAT, dict(_TURN_DETECTION), detectors, max_s=settings.max_input_audio_s
        )
        self._start_ms = 0  # where the turn begins in which the user is
        self._told: list[str] = []  # those of its words that the client knows
        self._turns = 0  # how many are not answered yet
        self._responding = False  # between response.created and its end
        self._playing = False  # the client says that the user hears an answer
        self._actions: dict[str, Callable[[JsonDict], None]] = {
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "input_text": self._write,
            "session.update": _nothing,
            "response.cancel": self._cancel,
            "playback.started": self._started,
            "playback.stopped": self._stopped,
            "PONG": _nothing,
            "executor": self._agent_answered,
        }

    # -- the client ------------------------------------------------------------------------------

    def open(self) -> None:
        """Greet the client."""
        self._emit(
            {
                "type": "session.created",
                "session": {"id": new_id("sess")},
                "capabilities": {"vad_enabled": self._barge_in},
            }
        )

    def close(self) -> None:
        """Let go of all sound, and of what refers back to this object: it goes at once."""
        self._buffer.close()
        self._actions.clear()

    def handle(self, request: Any) -> Iterator[None]:
        """Take one decoded message; whatever is wrong with it becomes an ``error`` message.

        Yields now and then during long work, so that the caller can let others run.
        """
        try:
            yield from self._handle(request)
        except ServerError as error:
            self._emit(error_message(error))
        except Exception as exc:  # one message must not end the session, whatever is in it
            _LOGGER.exception("a message of a Distiller's client could not be handled")
            self._emit(error_message(ServerError(f"The server had an error: {exc!r}")))

    def _handle(self, request: Any) -> Iterator[None]:
        if not isinstance(request, dict):
            raise wrong_type("message", "an object", request)
        require_shallow(request, "The message")
        kind = request.get("type") or request.get("request_type")
        if kind == "input_audio_buffer.append":
            yield from self._append(decode_base64(_text(request, "audio"), "audio"))
        elif isinstance(kind, str) and kind in self._actions:
            self._actions[kind](request)
        else:
            names = ", ".join(sorted(["input_audio_buffer.append", *self._actions]))
            raise fault(f"Invalid value for 'type': {kind!r:.80}. Supported values are: {names}.")

    @property
    def busy(self) -> bool:
        """Whether the client waits for something."""
        return self._turns > 0

    # -- the user speaks -------------------------------------------------------------------------

    @property
    def _deaf(self) -> bool:
        return self.busy and not self._barge_in

    @property
    def _speaking(self) -> bool:
        return self._buffer.turns is not None and self._buffer.turns.speaking

    def _append(self, audio: bytes) -> Iterator[None]:
        self._buffer.check(audio)
        for start in range(0, len(audio), _SLICE_BYTES):
            if self._deaf:
                return
            self._hear(audio[start : start + _SLICE_BYTES])
            yield
        if self._speaking:
            self._work.await_more()

    def _hear(self, audio: bytes) -> None:
        for event in self._buffer.append(audio):
            if isinstance(event, SpeechStarted):
                self._begin_turn(event.start_ms)
            elif isinstance(event, SpeechStopped):
                self._end_turn(event.end_ms)

    def _begin_turn(self, start_ms: int) -> None:
        self._start_ms = start_ms
        self._told = []
        if self._barge_in and (self._responding or self._playing):
            self._interrupt()

    def _end_turn(self, end_ms: int) -> None:
        self._hand_over(Spoken(self._buffer.take(self._start_ms, end_ms), self._told))

    def nothing_more(self) -> None:
        """End the user's turn, because no audio has come for a while."""
        if not self._speaking:
            return
        spoken = Spoken(self._buffer.peek(self._start_ms, self._buffer.position_ms), self._told)
        self._buffer.clear()
        try:
            self._hand_over(spoken)
        except ServerError as error:
            self._emit(error_message(error))

    def _commit(self, request: JsonDict) -> None:
        if self._speaking:
            sound = self._buffer.peek(self._start_ms, self._buffer.position_ms)
            self._work.preview(sound, self._start_ms)

    def _clear(self, request: JsonDict) -> None:
        self._buffer.clear()

    def previewed(self, text: str, start_ms: int) -> None:
        """Tell the words of a turn's beginning, all but the last, which may be cut.

        Args:
            text: what was recognised.
            start_ms: the turn's; it may be over by now.
        """
        words = split_words(text)[:-1]
        if self._speaking and start_ms == self._start_ms:
            self._tell(words, self._told)

    def heard(self, turn: Spoken, text: str) -> None:
        """Tell what was said in a whole turn."""
        self._tell(split_words(text), turn.told)
        self._emit({"type": "response.audio_transcript.done", "text": text})

    def _tell(self, words: list[str], told: list[str]) -> None:
        """Send the words that the client does not know; none if it was told others before."""
        if words[: len(told)] == told:
            for word in words[len(told) :]:
                told.append(word)
                self._emit({"type": "response.audio_transcript.delta", "delta": word})

    def _write(self, request: JsonDict) -> None:
        text = _text(request, "text")
        if not text.strip():
            raise fault("Invalid 'text': expected something to answer to.", param="text")
        if len(text) > _LONGEST_TEXT:
            raise fault(
                f"Invalid 'text': expected at most {_LONGEST_TEXT} characters, but got "
                f"{len(text)}.",
                param="text",
            )
        self._hand_over(Written(text))

    def _hand_over(self, turn: Spoken | Written) -> None:
        if self._turns >= _MOST_TURNS:
            raise fault(f"{_MOST_TURNS} turns wait for their answers already; this one is lost.")
        if not self._barge_in:
            self._buffer.clear()  # what of another turn was begun: nobody listens from here on
        self._turns += 1
        self._work.answer(turn)

    # -- the answer ------------------------------------------------------------------------------

    def begin_response(self) -> bool:
        """Tell that the answer to the oldest turn begins; False if there is to be none.

        There is none when the user has gone on to speak and may interrupt: speech that has begun
        before an answer could not end it.
        """
        if self._barge_in and self._speaking:
            self._turns -= 1
            return False
        self._responding = True
        self._emit({"type": "response.created"})
        return True

    def end_response(self) -> None:
        """Tell that this answer is over."""
        self._responding = False
        self._turns -= 1
        self._emit({"type": "response.done"})

    def _cancel(self, request: JsonDict) -> None:
        if self._responding:
            self._work.stop()
            self._emit({"type": "response.audio.done"})
            self.end_response()

    def _interrupt(self) -> None:
        if self._responding:
            self._work.stop()
            self._responding = False
            self._turns -= 1
        self._playing = False
        self._emit({"type": "response.interrupted"})

    def _started(self, request: JsonDict) -> None:
        self._playing = True

    def _stopped(self, request: JsonDict) -> None:
        self._playing = False

    def _agent_answered(self, request: JsonDict) -> None:
        given = request.get("request_args")
        if not isinstance(given, dict):
            raise wrong_type("request_args", "an object", given)
        content = given.get("content")
        text = content if isinstance(content, str) else json.dumps(content)
        memory = given.get("memory_updates")
        self._work.agent_answered(
            _text(request, "request_id"),
            text[:_LONGEST_TEXT],
            memory if isinstance(memory, dict) else {},
        )


def error_message(error: ServerError) -> JsonDict:
    """Return the message that tells a client of ``error``."""
    return {"type": "error", "error_detail": {"message": error.message, "code": error.code}}


def _text(request: JsonDict, key: str) -> str:
    value = request.get(key)
    if not isinstance(value, str):
        raise wrong_type(key, "a string", value)
    return value


def _nothing(request: JsonDict) -> None:
    """Do nothing: there is nothing to be changed or answered."""
