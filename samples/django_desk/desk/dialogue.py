"""One question and its answer, over a connection of their own; knows nothing of Django."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from realtime_sync import Local, OpenAI, RealtimeConnection, RealtimeTimeout, ServerError
from realtime_sync.events import (
    ConversationItemInputAudioTranscriptionCompleted as TranscriptionCompleted,
)
from realtime_sync.events import (
    ConversationItemInputAudioTranscriptionFailed as TranscriptionFailed,
)
from realtime_sync.events import (
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
    ServerEvent,
)
from realtime_sync.events.sessions import RealtimeSessionCreateRequestParam

from .problems import NothingHeardError

RATE_HZ = 24_000  # of all sound here: PCM16, mono
_CHUNK_BYTES = 2 * RATE_HZ  # a second
_INSTRUCTIONS = "You answer visitors at a reception desk. Be friendly and brief."
# A peer that stops reading shall not hold a worker.
_LINK = {"open_timeout": 10, "close_timeout": 1, "send_timeout": 10}


@dataclass(frozen=True)
class Said:
    """What somebody has said before."""

    who: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        text: in writing; empty for a recording.
        pcm: a recording, PCM16 mono at 24 kHz; empty for writing.
        aloud: whether the answer is spoken.
        earlier: what was said before in this conversation, the oldest first.
    """

    text: str = ""
    pcm: bytes = b""
    aloud: bool = False
    earlier: Sequence[Said] = ()


@dataclass(frozen=True)
class Settings:
    """How is asked.

    Attributes:
        model: who answers.
        transcription_model: who writes down what a recording says.
        answer_s: seconds for all of it.
        heartbeat_s: seconds of silence before a `Pause`.
    """

    model: str
    transcription_model: str
    answer_s: float
    heartbeat_s: float


@dataclass(frozen=True)
class Heard:
    """The words of the recording."""

    text: str


@dataclass(frozen=True)
class Words:
    """The next words of the answer."""

    text: str


class Pause:
    """There is nothing new that could be shown."""


@dataclass(frozen=True)
class Answered:
    """The answer is complete.

    Attributes:
        pcm: its sound, PCM16 mono at 24 kHz; empty if it was written.
        input_tokens: what the provider has counted, or None.
        output_tokens: likewise.
    """

    pcm: bytes
    input_tokens: int | None
    output_tokens: int | None


Step = Heard | Words | Pause | Answered


def ask(client: OpenAI | Local, question: Question, settings: Settings) -> Generator[Step]:
    """Ask, and yield what happens.

    Whoever closes the iterator, because nobody listens any more, closes the connection.

    Raises:
        RealtimeError: there is no answer; `NothingHeardError` if there is no question.
    """
    with client.realtime.connect(
        model=settings.model, websocket_connection_options=_LINK
    ) as connection:
        connection.session.update(session=_session(settings))
        for said in question.earlier:
            _write(connection, said)
        events = _events(connection, settings)
        if question.pcm:
            yield from _speak(connection, question.pcm, events)
        else:
            _write(connection, Said("user", question.text))
        modality: Literal["audio", "text"] = "audio" if question.aloud else "text"
        connection.response.create(response={"output_modalities": [modality]})
        yield from _answer(events)


def _session(settings: Settings) -> RealtimeSessionCreateRequestParam:
    return {
        "type": "realtime",
        "instructions": _INSTRUCTIONS,
        "audio": {
            "input": {
                "turn_detection": None,  # a recording is one turn
                "transcription": {"model": settings.transcription_model},
            }
        },
    }


def _write(connection: RealtimeConnection, said: Said) -> None:
    kind = "input_text" if said.who == "user" else "output_text"
    connection.conversation.item.create(
        item={
            "type": "message",
            "role": said.who,
            "content": [{"type": kind, "text": said.text}],
        }
    )


def _speak(
    connection: RealtimeConnection, pcm: bytes, events: Iterator[ServerEvent | None]
) -> Iterator[Step]:
    """Give a recording, and yield its words: an answer to silence would be paid for as well."""
    for start in range(0, len(pcm), _CHUNK_BYTES):
        connection.input_audio_buffer.append(audio=pcm[start : start + _CHUNK_BYTES])
    connection.input_audio_buffer.commit()
    for event in events:
        match event:
            case TranscriptionCompleted(transcript=words):
                if not words.strip():
                    raise NothingHeardError("the transcript of the recording is empty")
                yield Heard(words.strip())
                return
            case TranscriptionFailed(error=error):
                raise ServerError(error.message or "the recording could not be transcribed")
            case _:
                yield Pause()


def _answer(events: Iterator[ServerEvent | None]) -> Iterator[Step]:
    pcm = bytearray()
    for event in events:
        match event:
            case ResponseOutputTextDelta() | ResponseOutputAudioTranscriptDelta():
                yield Words(event.delta)
            case ResponseDone():
                yield _complete(event, bytes(pcm))
                return
            case _:
                if isinstance(event, ResponseOutputAudioDelta):
                    pcm += event.audio
                yield Pause()


def _complete(event: ResponseDone, pcm: bytes) -> Answered:
    response = event.response
    if response.status == "failed":
        error = response.status_details and response.status_details.error
        raise ServerError((error and error.message) or "the response failed")
    usage = response.usage
    return Answered(
        pcm, usage.input_tokens if usage else None, usage.output_tokens if usage else None
    )


def _events(connection: RealtimeConnection, settings: Settings) -> Iterator[ServerEvent | None]:
    """Yield events as they come, and None where none came for the time of a heartbeat."""
    give_up = time.monotonic() + settings.answer_s
    while (left := give_up - time.monotonic()) > 0:
        event = connection.poll(timeout=min(left, settings.heartbeat_s))
        if event is not None and event.type == "error" and event.severity != "benign":
            raise ServerError(event.error.message or "no reason given", event.error.type)
        yield event
    raise RealtimeTimeout(f"no answer was complete after {settings.answer_s:g} s")
