"""A Distiller session in the words of the Realtime API, for what knows only those; no I/O.

The voice engine goes by responses, items and their ids. The Distiller's wire has none of them
(airefinery-sdk 1.33, ``types/distiller/realtime.py``), so they are made up here:

=====================================  =====================================================
Distiller                              Realtime API
=====================================  =====================================================
``response.created`` … ``done``        one response
words and sound of one agent           one assistant item with one audio part
``response.audio_transcript.done``     a user item, with its transcript
``response.interrupted``               ``speech_started``, and the response ends as cancelled
=====================================  =====================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

from attrs import define, field

from .._latest import keep_latest
from .._types import JsonDict

__all__ = ["INPUT_HZ", "VoiceTranslation"]

# What the provider's SDK records at, whatever is played.
INPUT_HZ = 16_000
_DEFAULT_ROLE = "assistant"
_MAX_ROLES = 64


@define
class _Answer:
    """What one agent says in a response.

    Attributes:
        role: the agent's name.
        words: what it said so far.
        text_ended, audio_ended: nothing more of this kind will come.
    """

    item_id: str
    role: str
    words: str = ""
    text_ended: bool = False
    audio_ended: bool = False


@define
class _Response:
    response_id: str
    answers: list[_Answer] = field(factory=list)
    cancelled: bool = False


class VoiceTranslation:
    """Translates one session; every method returns Realtime API server events.

    Args:
        output_hz: samples per second of the Distiller's sound.
        can_interrupt: whether the server hears the user while it speaks
            (``capabilities.vad_enabled``).

    Threads: one at a time; whoever has several has a lock.
    """

    def __init__(self, *, output_hz: int, can_interrupt: bool) -> None:
        self._output_hz = output_hz
        self._can_interrupt = can_interrupt
        self._numbers = count(1)
        self._response: _Response | None = None
        self._user_item: str | None = None  # what the user is saying
        self._speaking = False  # told as ``speech_started``, and not as stopped
        self._last_item: str | None = None
        self._roles: dict[str, str] = {}  # of the latest items
        self._handlers: dict[str, Callable[[Mapping[str, Any]], Iterator[JsonDict]]] = {
            "response.created": self._created,
            "response.text.delta": self._text_delta,
            "response.text.done": self._text_done,
            "response.audio.delta": self._audio_delta,
            "response.audio.done": self._audio_done,
            "response.done": self._done,
            "response.interrupted": self._interrupted,
            "response.audio_transcript.delta": self._user_delta,
            "response.audio_transcript.done": self._user_done,
        }

    @property
    def responding(self) -> bool:
        """Whether a response runs."""
        return self._response is not None

    def role_of(self, item_id: str) -> str | None:
        """Return the name of the agent that says an item; None for one of the user's."""
        return self._roles.get(item_id)

    def begin(self) -> list[JsonDict]:
        """Return the greeting of a server that has this session."""
        return [self._event("session.created", session=self._session())]

    def _session(self) -> JsonDict:
        return {
            "type": "realtime",
            "object": "realtime.session",
            "id": "sess_distiller",
            "model": "distiller",
            "output_modalities": ["audio"],
            "tools": [],
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": INPUT_HZ},
                    "transcription": {"model": "distiller"},
                    "turn_detection": {
                        "type": "server_vad",
                        "create_response": True,
                        "interrupt_response": self._can_interrupt,
                    },
                },
                "output": {"format": {"type": "audio/pcm", "rate": self._output_hz}},
            },
        }

    def receive(self, message: Mapping[str, Any]) -> list[JsonDict]:
        """Take a message of the Distiller's; what a voice loop has no use for gives nothing."""
        handler = self._handlers.get(message.get("type") or "")
        return [] if handler is None else list(handler(message))

    def cancelled(self) -> None:
        """Take that the program has asked for the end of the response that runs."""
        if self._response is not None:
            self._response.cancelled = True

    # -- what the user says ----------------------------------------------------------------------

    def user_wrote(self, item: JsonDict) -> list[JsonDict]:
        """Return that an item which the program creates is one of the conversation."""
        whole = {"id": self._id("item"), "object": "realtime.item", "status": "completed", **item}
        return list(self._add_item(whole))

    def truncated(self, event: Mapping[str, Any]) -> list[JsonDict]:
        """Return what answers ``conversation.item.truncate``; the Distiller has no such thing."""
        kept = {name: event.get(name) for name in ("item_id", "content_index", "audio_end_ms")}
        return [self._event("conversation.item.truncated", **kept)]

    def deleted(self, event: Mapping[str, Any]) -> list[JsonDict]:
        """Return what answers ``conversation.item.delete``; the Distiller has no such thing."""
        return [self._event("conversation.item.deleted", item_id=event.get("item_id"))]

    def refused(self, event: Mapping[str, Any], reason: str) -> list[JsonDict]:
        """Return the answer to a request that the Distiller has no word for."""
        error = {
            "type": "invalid_request_error",
            "code": "not_supported",
            "message": reason,
            "param": None,
            "event_id": event.get("event_id"),
        }
        return [self._event("error", error=error)]

    def cleared(self) -> list[JsonDict]:
        """Return what answers ``input_audio_buffer.clear``."""
        return [self._event("input_audio_buffer.cleared")]

    def _user_delta(self, message: Mapping[str, Any]) -> Iterator[JsonDict]:
        yield self._event(
            "conversation.item.input_audio_transcription.delta",
            item_id=self._item_of_the_user(),
            content_index=0,
            delta=_text(message, "delta"),
        )

    def _user_done(self, message: Mapping[str, Any]) -> Iterator[JsonDict]:
        words = _text(message, "text")
        item_id = self._item_of_the_user()
        yield from self._user_stopped()
        self._user_item = None
        yield self._event("input_audio_buffer.committed", item_id=item_id)
        content = [{"type": "input_audio", "transcript": None}]
        yield from self._add_item(
            {
                "id": item_id,
                "object": "realtime.item",
                "type": "message",
                "status": "completed",
                "role": "user",
                "content": content,
            }
        )
        yield self._event(
            "conversation.item.input_audio_transcription.completed",
            item_id=item_id,
            content_index=0,
            transcript=words,
        )

    def _item_of_the_user(self) -> str:
        if self._user_item is None:
            self._user_item = self._id("item")
        return self._user_item

    def _user_stopped(self) -> Iterator[JsonDict]:
        if self._speaking:
            self._speaking = False
            yield self._event("input_audio_buffer.speech_stopped", item_id=self._item_of_the_user())

    def _interrupted(self, message: Mapping[str, Any]) -> Iterator[JsonDict]:
        """The user speaks, and what the server says or has said is to be heard no further."""
        if not self._speaking:
            self._speaking = True
            yield self._event("input_audio_buffer.speech_started", item_id=self._item_of_the_user())
        yield from self._end("cancelled", "turn_detected")

    # -- the answers -----------------------------------------------------------------------------

    def _created(self, message: Mapping[str, Any]) -> Iterator[JsonDict]:
        yield from self._user_stopped()
        yield from self._end("cancelled", "turn_detected")  # one whose end was never told
        yield from self._begin_response()

    def _begin_response(self) -> Iterator[JsonDict]:
        self._response = _Response(self._id("resp"))
        yield self._event("response.created", response=self._wire_response("in_progress"))

    def _text_delta(self, message: Mapping[str, Any]) -> Iterator[JsonDict]:
        role = message.get("role") or _DEFAULT_ROLE
        answers = self._response.answers if self._response is not None else []
        answer = answers[-1] if answers else None
        if answer is None or answer.role != role or answer.text_ended:
            yield from self._begin_answer(role)
            assert self._response is not None
            answer = self._response.answers[-1]
        words = _text(message, "content")
        answer.words += words
        yield self._part_event("response.output_audio_transcript.delta", answer, delta=words)

    def _text_done(self, message: Mapping[str, Any]) -> Iterator[JsonDict]:
        answers = self._response.answers if self._response is not None else []
        if answers and not answers[-1].text_ended:
            answers[-1].text_ended = True
            yield self._part_event(
                "response.output_audio_transcript.done", answers[-1], transcript=answers[-1].words
            )

    def _audio_delta(self, message: Mapping[str, Any]) -> Iterator[JsonDict]:
        audio = message.get("audio")
        if not isinstance(audio, str):
            return
        answer = self._speaker(message.get("role"))
        if answer is None:
            yield from self._begin_answer(message.get("role") or _DEFAULT_ROLE)
            assert self._response is not None
            answer = self._response.answers[-1]
        yield self._part_event("response.output_audio.delta", answer, delta=audio)

    def _speaker(self, role: object) -> _Answer | None:
        """Return whose sound this is: the agent that is named, else the first who still speaks."""
        answers = self._response.answers if self._response is not None else []
        speaking = [answer for answer in answers if not answer.audio_ended]
        named = [answer for answer in speaking if answer.role == role]
        return next(iter([*named, *speaking]), None)

    def _audio_done(self, message: Mapping[str, Any]) -> Iterator[JsonDict]:
        answer = self._speaker(message.get("role"))
        if answer is not None:
            answer.audio_ended = True
            yield self._part_event("response.output_audio.done", answer)

    def _done(self, message: Mapping[str, Any]) -> Iterator[JsonDict]:
        if self._response is not None and self._response.cancelled:
            yield from self._end("cancelled", "client_cancelled")
        else:
            yield from self._end("completed", None)

    def _end(self, status: str, reason: str | None) -> Iterator[JsonDict]:
        """End the response that runs, if one does; the end of another was told already."""
        response = self._response
        if response is None:
            return
        for index, answer in enumerate(response.answers):
            if not answer.text_ended:
                yield self._part_event(
                    "response.output_audio_transcript.done", answer, transcript=answer.words
                )
            if not answer.audio_ended:
                yield self._part_event("response.output_audio.done", answer)
            item = _item(answer, "completed" if status == "completed" else "incomplete")
            yield self._event(
                "response.output_item.done",
                response_id=response.response_id,
                output_index=index,
                item=item,
            )
            yield self._event("conversation.item.done", item=item)
        details = None if reason is None else {"type": status, "reason": reason}
        whole = self._wire_response(status, status_details=details)
        self._response = None
        yield self._event("response.done", response=whole)

    def _begin_answer(self, role: str) -> Iterator[JsonDict]:
        if self._response is None:
            yield from self._begin_response()
        response = self._response
        assert response is not None
        answer = _Answer(self._id("item"), role)
        response.answers.append(answer)
        self._roles[answer.item_id] = role
        keep_latest(self._roles, _MAX_ROLES)
        item = _item(answer, "in_progress")
        yield self._event(
            "response.output_item.added",
            response_id=response.response_id,
            output_index=len(response.answers) - 1,
            item=item,
        )
        yield from self._add_item(item)
        part = {"type": "output_audio", "transcript": ""}
        yield self._part_event("response.content_part.added", answer, part=part)

    # -- the forms -------------------------------------------------------------------------------

    def _add_item(self, item: JsonDict) -> Iterator[JsonDict]:
        previous, self._last_item = self._last_item, item["id"]
        yield self._event("conversation.item.added", item=item, previous_item_id=previous)

    def _part_event(self, type: str, answer: _Answer, **fields: Any) -> JsonDict:
        assert self._response is not None
        return self._event(
            type,
            response_id=self._response.response_id,
            item_id=answer.item_id,
            output_index=self._response.answers.index(answer),
            content_index=0,
            **fields,
        )

    def _wire_response(self, status: str, *, status_details: JsonDict | None = None) -> JsonDict:
        assert self._response is not None
        item_status = "completed" if status == "completed" else "incomplete"
        return {
            "id": self._response.response_id,
            "object": "realtime.response",
            "status": status,
            "status_details": status_details,
            "output": [_item(answer, item_status) for answer in self._response.answers],
            "output_modalities": ["audio"],
        }

    def _event(self, type: str, **fields: Any) -> JsonDict:
        return {"type": type, "event_id": self._id("event"), **fields}

    def _id(self, kind: str) -> str:
        return f"{kind}_distiller_{next(self._numbers)}"


def _item(answer: _Answer, status: str) -> JsonDict:
    content = [] if status == "in_progress" else [_content(answer)]
    return {
        "id": answer.item_id,
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def _content(answer: _Answer) -> JsonDict:
    return {"type": "output_audio", "transcript": answer.words}


def _text(message: Mapping[str, Any], name: str) -> str:
    value = message.get(name)
    return value if isinstance(value, str) else ""
