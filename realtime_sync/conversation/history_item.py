"""One item of the history: read from the wire, made complete, and told again. Values only.

Whatever a server sends is checked here, once: an item that was read holds texts and nothing else,
so nothing that is done with it later can fail.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, Literal, cast

from attrs import frozen

from .._types import JsonDict
from ..events.wire_values import as_text

__all__ = [
    "HistoryItem",
    "HistoryPart",
    "create_form",
    "heard",
    "merged",
    "merged_parts",
    "read",
    "sound",
    "text",
]

ItemStatus = Literal["in_progress", "completed", "incomplete"]

_TEXT_TYPES = {"user": "input_text", "assistant": "output_text", "system": "input_text"}
_JOINER = "\u200d"  # makes one emoji of two


@frozen
class HistoryPart:
    """A part of a message.

    Attributes:
        type: as on the wire, such as ``input_audio``.
        text: what is written or said in it, as far as it is known.
        image_url: of an image.
        detail: how closely an image is looked at.

    Example:
        >>> HistoryPart("input_audio", "Hello!").text
        'Hello!'
    """

    type: str
    text: str = ""
    image_url: str = ""
    detail: str = ""


_NOTHING = HistoryPart("")


@frozen
class HistoryItem:
    """What is known of an item. A value: a change makes another.

    Attributes:
        id: as on the wire.
        type: as on the wire, such as ``message`` or ``function_call``.
        status: ``in_progress`` while more of it may come.
        role: of a message.
        parts: of a message.
        call_id: of a function call and its output.
        name: of the function that is called.
        arguments: of the call, JSON text; None when they are not known.
        output: of the call; None when it is not known.
        cut_ms: how much of its audio was heard, if it was truncated.
        ignored: whether nobody is to answer it: it is deleted, or about to be.

    Example:
        >>> said = HistoryPart("input_audio", "Mhm.")
        >>> item = HistoryItem("item_1", "message", "completed", "user", (said,), ignored=True)
        >>> item.parts[0].text, item.ignored
        ('Mhm.', True)
    """

    id: str
    type: str
    status: ItemStatus
    role: str = ""
    parts: tuple[HistoryPart, ...] = ()
    call_id: str = ""
    name: str = ""
    arguments: str | None = None
    output: str | None = None
    cut_ms: int | None = None
    ignored: bool = False


def text(value: Any) -> str:
    """Return a text from the wire, ``""`` for what is none."""
    return value if isinstance(value, str) else ""


def read(wire: Any, *, done: bool) -> HistoryItem | None:
    """Return the item in an object from the wire; None for what is nobody's item.

    Args:
        wire: the object.
        done: whether whoever sent it says that it is complete.
    """
    if not isinstance(wire, dict) or not text(wire.get("id")):
        return None
    content = wire.get("content")
    parts = tuple(map(_read_part, content)) if isinstance(content, list) else ()
    arguments, output = as_text(wire.get("arguments")), as_text(wire.get("output"))
    status = wire.get("status")
    if status not in ("completed", "incomplete"):
        # Not every server says a status; what says something already was created in one piece.
        whole = status is None and _says_something(parts, arguments, output)
        status = "completed" if done or whole else "in_progress"
    return HistoryItem(
        id=wire["id"],
        type=text(wire.get("type", "message")),
        status=cast("ItemStatus", status),
        role=text(wire.get("role")),
        parts=parts,
        call_id=text(wire.get("call_id")),
        name=text(wire.get("name")),
        arguments=arguments,
        output=output,
    )


def _read_part(part: Any) -> HistoryPart:
    if not isinstance(part, dict):
        return _NOTHING
    return HistoryPart(
        type=text(part.get("type")),
        text=text(part.get("text")) or text(part.get("transcript")),
        image_url=text(part.get("image_url")),
        detail=text(part.get("detail")),
    )


def _says_something(
    parts: tuple[HistoryPart, ...], arguments: str | None, output: str | None
) -> bool:
    return bool(arguments or output or any(part.text or part.image_url for part in parts))


def merged(older: HistoryItem, newer: HistoryItem) -> HistoryItem:
    """Return an item with what both know; where they differ, the newer is right.

    Some servers tell of an item once more with less in it.
    """
    if older.status != "in_progress" and newer.status == "in_progress":
        older, newer = newer, older  # an event that came late
    return HistoryItem(
        id=newer.id,
        type=newer.type or older.type,
        status=newer.status,
        role=newer.role or older.role,
        parts=merged_parts(older.parts, newer.parts),
        call_id=newer.call_id or older.call_id,
        name=newer.name or older.name,
        arguments=_fuller(older.arguments, newer.arguments),
        output=_fuller(older.output, newer.output),
        cut_ms=older.cut_ms if newer.cut_ms is None else newer.cut_ms,
    )


def _fuller(older: str | None, newer: str | None) -> str | None:
    return newer or (newer if older is None else older)


def merged_parts(
    older: Sequence[HistoryPart], newer: Sequence[HistoryPart]
) -> tuple[HistoryPart, ...]:
    """Return the parts that either side has, with the newer's words where it has some."""
    if not older or older == newer:
        return tuple(newer)
    return tuple(
        HistoryPart(
            type=new.type or old.type,
            text=new.text or old.text,
            image_url=new.image_url or old.image_url,
            detail=new.detail or old.detail,
        )
        for old, new in zip_longest(older, newer, fillvalue=_NOTHING)
    )


# -- telling it again ------------------------------------------------------------------------------


def create_form(item: HistoryItem, heard_ms: int | None, received_ms: int) -> JsonDict | None:
    """Return the form in which the item is created again; None when no client can create it.

    Speech becomes its transcript, and of an item that was not heard to its end the share of the
    words that was.

    Args:
        item: the item.
        heard_ms: how much of its audio was heard; None for all.
        received_ms: how much of its audio there is.
    """
    if sound(item.id) != item.id:
        return None
    match item.type:
        case "message":
            return _message_form(item, heard_ms, received_ms)
        case "function_call":
            if item.status == "in_progress" or not item.name:
                return None  # half of the arguments are none
            fields = {"name": item.name, "arguments": item.arguments}
        case "function_call_output":
            fields = {"output": item.output}
        case _:
            return None
    if not item.call_id or None in fields.values():
        return None
    sound_fields = {name: sound(value or "") for name, value in fields.items()}
    return {"id": item.id, "type": item.type, "call_id": sound(item.call_id), **sound_fields}


def _message_form(item: HistoryItem, heard_ms: int | None, received_ms: int) -> JsonDict | None:
    text_type = _TEXT_TYPES.get(item.role)
    if text_type is None:
        return None
    content = []
    for part in item.parts:
        if part.type == "input_image" and part.image_url:
            image = {"type": part.type, "image_url": part.image_url, "detail": part.detail}
            content.append({name: value for name, value in image.items() if value})
        elif part.text:
            words = heard(sound(part.text), heard_ms, received_ms)
            content.append({"type": text_type, "text": words})
    if not content:
        return None
    return {"id": item.id, "type": item.type, "role": item.role, "content": content}


def heard(words: str, heard_ms: int | None, received_ms: int) -> str:
    """Return the beginning of ``words`` that was heard, in proportion to the audio.

    A word that was not heard to its end does not count. Where a language has no spaces, characters
    count, each with the marks that belong to it.

    Args:
        words: what the whole audio says.
        heard_ms: how much of the audio was heard; None for all.
        received_ms: how much of it there is.
    """
    if heard_ms is None or heard_ms >= received_ms:
        return words
    split = words.split()
    if len(split) > 1:
        return " ".join(split[: len(split) * heard_ms // received_ms])
    end = len(words) * heard_ms // received_ms
    while end and _belongs_to_the_last(words, end):
        end -= 1
    return words[:end]


def _belongs_to_the_last(words: str, index: int) -> bool:
    """Whether the character at ``index`` is one with that before it, for whoever reads them."""
    char = words[index]
    return (
        unicodedata.category(char) in ("Mn", "Mc", "Me")  # accents, vowel signs, emoji variants
        or char == _JOINER
        or words[index - 1] == _JOINER
        or "\U0001f3fb" <= char <= "\U0001f3ff"  # the colour of a skin
        or "\udc00" <= char <= "\udfff"  # the second half of a surrogate pair
    )


def sound(words: str) -> str:
    """Return ``words`` as text that can be sent: no half of a surrogate pair is left.

    An emoji that came in two pieces becomes one; a half without the other, ``\\ufffd``.
    """
    if words.isascii():
        return words
    return words.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
