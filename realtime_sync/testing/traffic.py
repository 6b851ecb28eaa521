"""What a server sends, in wire form, for scripts: answers, turns of the user, errors, ends.

Each function returns a list of events, so that lists can be added, cut and changed. What is left
out of an event (its id, the item before it, the metadata of the request that it answers) is filled
in by the server that sends it.
"""

from __future__ import annotations

import itertools
import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast, get_args

from attrs import frozen

from .._alike import alike, or_list
from .._required import is_whole
from .._shown import shown
from .._types import UNSET, JsonDict, Unset
from ..events import BETA_ALIASES, SERVER_EVENTS, ServerEvent, parse_event
from ..transport.base import MAX_REASON_BYTES
from .script_error import (
    ScriptError,
    require,
    require_flag,
    require_text,
)

__all__ = [
    "LinkEnd",
    "Traffic",
    "check_traffic",
    "close_link",
    "drop_link",
    "error",
    "fits_field",
    "function_call",
    "item_events",
    "one_response",
    "parsed",
    "session_created",
    "spoken_answer",
    "text_answer",
    "user_turn",
]

_RULE = "a server sends events, which are dictionaries with a type, and the end of a link"
_ids = itertools.count(1)
_WORD = re.compile(r"\s*\S+\s*$|\s*\S+")
_SAMPLE = (1000).to_bytes(2, "little")  # loud enough to be told from silence
_SAMPLES_PER_MS = 24  # PCM16 at 24 kHz, what sessions have unless told otherwise
_MOST_MS = 3_600_000  # an hour: no session is longer
_TYPES = frozenset({*SERVER_EVENTS, *BETA_ALIASES, "transcription_session.created"})
# As `difflib` measures it: one or two letters are wrong. A server's own type, or one of tomorrow,
# may be as like as "response.output_image.delta" is to the one of sound.
_SLIP = 0.9

Order = Literal["interleaved", "sound_first", "words_first"]


@frozen
class LinkEnd:
    """The end of the link, at its place between events.

    Attributes:
        code: the close code; 1006 for a link that breaks without one.
        reason: the server's words; at most 123 bytes of UTF-8.

    Raises:
        ScriptError: no link ends with that.
    """

    code: int
    reason: str = ""

    def __attrs_post_init__(self) -> None:
        """Check what a mistake would make fail when the link ends."""
        fits = type(self.code) is int and 1000 <= self.code < 5000
        require(fits, "a close code is from 1000 to 4999", self.code)
        require_text(self.reason, "the reason of a close")
        fits = len(self.reason.encode()) <= MAX_REASON_BYTES
        require(fits, f"the reason of a close has {MAX_REASON_BYTES} bytes at most", self.reason)


Traffic = Sequence[JsonDict | LinkEnd]
"""What a server sends: events in wire form, and perhaps the end of the link."""


# What a server that sends an event must know of it, by the event's type.
_NEEDED = {
    "conversation.item.added": ("item.id",),
    "conversation.item.done": ("item.id",),
    "error": ("error",),
    "input_audio_buffer.committed": ("item_id",),
    "response.content_part.added": (
        "response_id",
        "item_id",
        "output_index",
        "content_index",
        "part.type",
    ),
    "response.content_part.done": ("item_id", "content_index"),
    "response.created": ("response.id",),
    "response.done": ("response.id",),
    "response.output_audio_transcript.delta": ("item_id", "content_index", "delta"),
    "response.output_item.added": ("item.id", "output_index"),
    "response.output_item.done": ("item.id", "output_index"),
    "response.output_text.delta": ("item_id", "content_index", "delta"),
    "session.created": ("session",),
    "session.updated": ("session",),
}
# What it must understand where it is there.
_OPTIONAL = ("previous_item_id", "response_id")


def check_traffic(traffic: object) -> None:
    """Refuse what no server could send.

    Raises:
        ScriptError: it is no list of events and ends; an event lacks what belongs to it, or its
            type is a slip of the pen.
    """
    require(isinstance(traffic, list | tuple), f"{_RULE}, in a list", traffic)
    for event in cast("list[object]", traffic):
        if not isinstance(event, LinkEnd):
            _check_event(event)


def _check_event(event: object) -> None:
    kind = event.get("type") if isinstance(event, Mapping) else None
    require(isinstance(event, Mapping) and isinstance(kind, str), _RULE, event)
    _check_type(cast("str", kind))
    given = [name for name in _OPTIONAL if cast("JsonDict", event).get(name) is not None]
    for place in (*_NEEDED.get(cast("str", kind), ()), *given):
        found: object = event
        for name in place.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        require(fits_field(place, found), f"{kind} has {place!r}", event)
    _json(event)


def _check_type(name: str) -> None:
    nearest = [] if name in _TYPES else alike(name, _TYPES, _SLIP)
    if nearest:
        raise ScriptError(
            f"no server sends {shown(name)}; did you mean {or_list(nearest)}? A type of your "
            "server's own differs from these by more than a letter or two"
        )


def fits_field(name: str, value: object) -> bool:
    """Whether a field has what its name promises: a text, a number or an object."""
    if name.endswith(("id", "delta", "type")):
        return isinstance(value, str)
    if name.endswith(("index", "ms")):
        return isinstance(value, int)
    return isinstance(value, Mapping)


def _json(value: object) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError) as exc:
        raise ScriptError(f"{shown(value)} can't be written as JSON: {exc}") from exc


def parsed(traffic: Traffic) -> list[ServerEvent]:
    """Return the events as the client would get them, for tests of what takes events.

    Raises:
        ScriptError: no server could send that.
    """
    check_traffic(traffic)
    return [
        parse_event(json.dumps({"event_id": _new("event"), **event}))
        for event in traffic
        if not isinstance(event, LinkEnd)
    ]


# -- sessions, errors, ends ------------------------------------------------------------------------


def session_created(**session: Any) -> list[JsonDict]:
    """The greeting of a server.

    Args:
        session: fields of the session besides the usual ones, in wire form.

    Raises:
        ScriptError: a field has no JSON form.
    """
    _json(session)
    usual = {
        "type": "realtime",
        "object": "realtime.session",
        "model": "scripted",
        "output_modalities": ["audio"],
        "instructions": "",
        "tools": [],
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "turn_detection": {"type": "server_vad"},
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "scripted"},
        },
    }
    return [{"type": "session.created", "session": usual | session}]


def error(
    message: str,
    *,
    code: str | None = None,
    type: str = "invalid_request_error",
    param: str | None = None,
    event_id: str | Unset | None = UNSET,
) -> list[JsonDict]:
    """An error event.

    Args:
        message: the server's words.
        code: such as ``"conversation_already_has_active_response"``.
        type: the kind of error.
        param: the field that is wrong.
        event_id: the event that is refused; by default the one that this replies to.

    Raises:
        ScriptError: that can't be meant.
    """
    require_text(message, "the message of error()")
    require_text(type, "type")
    _require_ids(code=code, param=param)
    if event_id is not UNSET:
        _require_ids(event_id=event_id)
    detail = {"type": type, "code": code, "message": message, "param": param}
    if event_id is not UNSET:
        detail["event_id"] = event_id
    return [{"type": "error", "error": detail}]


def drop_link() -> list[LinkEnd]:
    """The link breaks, as with a lost network."""
    return [LinkEnd(1006, "the script drops the link")]


def close_link(code: int = 1000, reason: str = "") -> list[LinkEnd]:
    """The server closes the link.

    Raises:
        ScriptError: it can't be closed with that.
    """
    return [LinkEnd(code, reason)]


# -- the user --------------------------------------------------------------------------------------


def user_turn(
    text: str | None, *, item_id: str | None = None, start_ms: int = 0, audio_ms: int = 1000
) -> list[JsonDict]:
    """The user says something, and the server has found the end of it.

    Args:
        text: the transcript; None for a session that transcribes nothing.
        item_id: of the user's item; a fresh one by default.
        start_ms: where in the sound that was sent the user begins.
        audio_ms: how long the user speaks.

    Raises:
        ScriptError: that can't be meant.
    """
    if text is not None:
        require_text(text, "what the user says")
    _require_ids(item_id=item_id)
    _require_ms(start_ms, "start_ms")
    _require_ms(audio_ms, "audio_ms")
    item_id = item_id or _new("item")
    content = [{"type": "input_audio", "transcript": None}]
    buffer = "input_audio_buffer"
    events: list[JsonDict] = [
        {"type": f"{buffer}.speech_started", "audio_start_ms": start_ms},
        {"type": f"{buffer}.speech_stopped", "audio_end_ms": start_ms + audio_ms},
        {"type": f"{buffer}.committed"},
    ]
    events = [event | {"item_id": item_id} for event in events]
    events += item_events(
        {
            "id": item_id,
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": content,
        }
    )
    if text is not None:
        place = {"item_id": item_id, "content_index": 0}
        prefix = "conversation.item.input_audio_transcription"
        events.append({"type": f"{prefix}.delta", **place, "delta": text})
        events.append({"type": f"{prefix}.completed", **place, "transcript": text})
    return events


def item_events(item: JsonDict, **fields: Any) -> list[JsonDict]:
    """Tell of an item that is complete."""
    return [
        {"type": f"conversation.item.{name}", "item": item, **fields} for name in ("added", "done")
    ]


# -- the answers -----------------------------------------------------------------------------------


def spoken_answer(
    text: str,
    *,
    audio_ms: int = 400,
    order: Order = "interleaved",
    sound: bytes | None = None,
    finished: bool = True,
    item_id: str | None = None,
    response_id: str | None = None,
) -> list[JsonDict]:
    """A response that is spoken.

    Args:
        text: its transcript; one event tells of each word.
        audio_ms: how long its sound is: PCM16 at 24 kHz, each sample of which is 1000.
        order: how words and sound follow each other: in turns, or all of one before the other.
        sound: the sound itself, in the session's encoding, instead of ``audio_ms``.
        finished: False for a response that runs on, until it is cancelled or interrupted.
        item_id: of its one item; a fresh one by default.
        response_id: likewise.

    Raises:
        ScriptError: that can't be meant.
    """
    require_text(text, "what is said")
    fits = isinstance(order, str) and order in get_args(Order)
    require(fits, f"order must be {or_list(get_args(Order))}", order)
    require_flag(finished, "finished")
    _require_ids(item_id=item_id, response_id=response_id)
    if sound is not None:
        require(isinstance(sound, bytes), "sound must be bytes", sound)
    else:
        _require_ms(audio_ms, "audio_ms")
        sound = _SAMPLE * (audio_ms * _SAMPLES_PER_MS)
    words = _words(text)
    pieces = _pieces(sound, max(len(words), 1))
    told = [{"type": "response.output_audio_transcript.delta", "delta": word} for word in words]
    heard = [
        {"type": "response.output_audio.delta", "delta": b64encode(piece).decode()}
        for piece in pieces
        if piece
    ]
    done = [
        {"type": "response.output_audio.done"},
        {"type": "response.output_audio_transcript.done", "transcript": text},
    ]
    return _message(
        _in_order(told, heard, order),
        done,
        part={"type": "audio", "transcript": ""},
        content={"type": "output_audio", "transcript": text},
        finished=finished,
        item_id=item_id or _new("item"),
        response_id=response_id or _new("resp"),
    )


def text_answer(
    text: str,
    *,
    finished: bool = True,
    item_id: str | None = None,
    response_id: str | None = None,
) -> list[JsonDict]:
    """A response that is written.

    Args:
        text: what it says; one event tells of each word.
        finished: see `spoken_answer`; so are the next two.
        item_id: …
        response_id: …

    Raises:
        ScriptError: that can't be meant.
    """
    require_text(text, "what is written")
    require_flag(finished, "finished")
    _require_ids(item_id=item_id, response_id=response_id)
    return _message(
        [{"type": "response.output_text.delta", "delta": word} for word in _words(text)],
        [{"type": "response.output_text.done", "text": text}],
        part={"type": "text", "text": ""},
        content={"type": "output_text", "text": text},
        finished=finished,
        item_id=item_id or _new("item"),
        response_id=response_id or _new("resp"),
    )


def function_call(
    name: str,
    arguments: Mapping[str, Any] | str = "{}",
    call_id: str | None = None,
    *,
    item_id: str | None = None,
    response_id: str | None = None,
) -> list[JsonDict]:
    """A response that calls a function.

    Args:
        name: of the function.
        arguments: as keywords, or the JSON text that the model writes.
        call_id: what the output must name; a fresh one by default.
        item_id: see `spoken_answer`; so is the next.
        response_id: …

    Raises:
        ScriptError: that can't be meant.
    """
    require_text(name, "the name of a function")
    _require_ids(call_id=call_id, item_id=item_id, response_id=response_id)
    fits = isinstance(arguments, str | Mapping)
    require(fits, "arguments are keywords, or the text that the model writes", arguments)
    text = arguments if isinstance(arguments, str) else _json(arguments)
    item = {
        "id": item_id or _new("item"),
        "type": "function_call",
        "name": name,
        "call_id": call_id or _new("call"),
    }
    response_id = response_id or _new("resp")
    place = {"response_id": response_id, "item_id": item["id"], "output_index": 0}
    place["call_id"] = item["call_id"]
    prefix = "response.function_call_arguments"
    return [
        _created(response_id),
        *_opened({**item, "status": "in_progress", "arguments": ""}, response_id),
        {"type": f"{prefix}.delta", **place, "delta": text},
        {"type": f"{prefix}.done", **place, "name": name, "arguments": text},
        *_closed({**item, "status": "completed", "arguments": text}, response_id),
        _done(response_id, [{**item, "status": "completed", "arguments": text}]),
    ]


def one_response(*answers: Sequence[JsonDict]) -> list[JsonDict]:
    """Several answers as the items of one response, such as words and two calls.

    It has the id of the first; and it is finished if the last one is.

    Raises:
        ScriptError: something is no answer.
    """
    require(answers, "one_response() takes answers", answers)
    for answer in answers:
        check_traffic(answer)
        fits = not any(isinstance(event, LinkEnd) for event in answer)
        fits = fits and bool(answer) and answer[0]["type"] == "response.created"
        require(fits, "an answer is what spoken_answer() and the like return", answer)
    created, *_ = answers[0]
    response_id = created["response"]["id"]
    output: list[JsonDict] = []
    events = [created]
    for index, answer in enumerate(answers):
        place = {"response_id": response_id, "output_index": index}
        for event in answer[1:]:
            if event["type"] == "response.done":
                output += event["response"].get("output") or []
            else:
                of_response = "response_id" in event
                events.append({**event, **place} if of_response else event)
    if answers[-1][-1]["type"] == "response.done":
        events.append(_done(response_id, output))
    return events


def _message(
    deltas: list[JsonDict],
    done: list[JsonDict],
    *,
    part: JsonDict,
    content: JsonDict,
    finished: bool,
    item_id: str,
    response_id: str,
) -> list[JsonDict]:
    item = {"id": item_id, "type": "message", "role": "assistant"}
    whole = {**item, "status": "completed", "content": [content]}
    place = {"response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": 0}
    said = [
        {"type": "response.content_part.added", "part": part},
        *deltas,
        *(done if finished else []),
    ]
    if finished:
        said.append({"type": "response.content_part.done", "part": _part_of(content)})
    events = [
        _created(response_id),
        *_opened({**item, "status": "in_progress", "content": []}, response_id),
        *({**event, **place} for event in said),
    ]
    if finished:
        events += [*_closed(whole, response_id), _done(response_id, [whole])]
    return events


def _part_of(content: JsonDict) -> JsonDict:
    return {**content, "type": content["type"].removeprefix("output_")}


def _created(response_id: str) -> JsonDict:
    return {"type": "response.created", "response": _response(response_id, "in_progress", [])}


def _done(response_id: str, output: list[JsonDict]) -> JsonDict:
    return {"type": "response.done", "response": _response(response_id, "completed", output)}


def _response(response_id: str, status: str, output: list[JsonDict]) -> JsonDict:
    return {
        "object": "realtime.response",
        "id": response_id,
        "status": status,
        "status_details": None,
        "output": output,
    }


def _opened(item: JsonDict, response_id: str) -> list[JsonDict]:
    place = {"response_id": response_id, "output_index": 0}
    return [
        {"type": "response.output_item.added", **place, "item": item},
        {"type": "conversation.item.added", "item": item},
    ]


def _closed(item: JsonDict, response_id: str) -> list[JsonDict]:
    place = {"response_id": response_id, "output_index": 0}
    return [
        {"type": "response.output_item.done", **place, "item": item},
        {"type": "conversation.item.done", "item": item},
    ]


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _pieces(sound: bytes, count: int) -> list[bytes]:
    """Cut sound into pieces of whole samples."""
    size = -(-len(sound) // count)
    size += size % 2
    return [sound[at : at + size] for at in range(0, len(sound), size or 1)]


def _in_order(words: list[JsonDict], sound: list[JsonDict], order: Order) -> list[JsonDict]:
    if order == "words_first":
        return words + sound
    if order == "sound_first":
        return sound + words
    pairs = itertools.zip_longest(words, sound)
    return [event for pair in pairs for event in pair if event is not None]


def _require_ids(**texts: object) -> None:
    """Refuse what is neither a text nor None, and the empty text, which names nothing."""
    for name, text in texts.items():
        if text is not None:
            require_text(text, name)
            require(text, f"{name} must not be empty; leave it out", text)


def _require_ms(value: object, what: str) -> None:
    fits = is_whole(value, 0, _MOST_MS)
    require(fits, f"{what} must be whole milliseconds from 0 to {_MOST_MS}, an hour", value)


def _new(kind: str) -> str:
    return f"{kind}_{next(_ids)}"
