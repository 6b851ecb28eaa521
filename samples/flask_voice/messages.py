"""What the page and this server say to each other: JSON texts, and PCM16 as binary messages.

Pure: `parse` takes a message of the page's to a value, or raises `BadMessageError`, whose words
the page shows. What goes to the page are dictionaries with a ``type``; docs/web.md has all of them.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = [
    "HZ",
    "IMAGE_TYPES",
    "MAX_IMAGE_BYTES",
    "MAX_MESSAGE_BYTES",
    "Approve",
    "BadMessageError",
    "Bye",
    "Cleared",
    "FromPage",
    "Hello",
    "Image",
    "Interrupt",
    "Played",
    "Sound",
    "Text",
    "parse",
]

HZ = 24_000  # of all sound to the page, as the provider sends it
MAX_IMAGE_BYTES = 4 * 1024 * 1024
# An image in base64 and the JSON around it: what a WebSocket takes at most.
MAX_MESSAGE_BYTES = MAX_IMAGE_BYTES * 4 // 3 + 64 * 1024
_MAX_SOUND_BYTES = 64 * 1024
_MAX_TEXT_CHARS = 4000
_MAX_PARTS = 64
_RATES = range(8_000, 192_001)
_DATA_URL = re.compile(r"data:([a-z]+/[a-z]+);base64,([A-Za-z0-9+/]+={0,2})")
# How the files of each kind begin.
_SIGNATURES = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}
IMAGE_TYPES = tuple(_SIGNATURES)


class BadMessageError(Exception):
    """A message of the page's that can't be meant; its text is a sentence for the user.

    Attributes:
        code: "image" for what the user has chosen, "bad_message" for what a page should not send.
    """

    def __init__(self, words: str, code: str = "bad_message") -> None:
        super().__init__(words)
        self.code = code


# -- what a page says ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Sound:
    """A piece of what the microphone hears: PCM16 mono at the rate of `Hello`."""

    pcm: bytes


@dataclass(frozen=True)
class Played:
    """How much of a part was heard by now, in samples of 24 kHz from the part's first one."""

    item_id: str
    content_index: int
    samples: int

    @property
    def part(self) -> tuple[str, int]:
        """Which part of which item."""
        return self.item_id, self.content_index


@dataclass(frozen=True)
class Hello:
    """The first message: the rate of the microphone, and what a page that is back has played."""

    rate: int
    played: tuple[Played, ...] = ()


@dataclass(frozen=True)
class Cleared:
    """The page is silent, and has said how much of what it had was heard."""

    n: int


@dataclass(frozen=True)
class Interrupt:
    """The button that stops the answer was pressed; the page is silent already."""


@dataclass(frozen=True)
class Text:
    """A message that was typed."""

    text: str


@dataclass(frozen=True)
class Image:
    """A picture as a ``data:`` URL, perhaps with words."""

    data_url: str
    text: str


@dataclass(frozen=True)
class Approve:
    """What the user says to a call that waits for approval."""

    call_id: str
    approved: bool
    always: bool


@dataclass(frozen=True)
class Bye:
    """The talk is over for the user."""


FromPage = Sound | Played | Hello | Cleared | Interrupt | Text | Image | Approve | Bye


def parse(message: str | bytes) -> FromPage:
    """Return what a message of the page's means.

    Raises:
        BadMessageError: it means nothing, or more than is taken.
    """
    if isinstance(message, bytes):
        return _sound(message)
    try:
        told = json.loads(message)
    except (ValueError, RecursionError):
        raise BadMessageError("a message was no JSON") from None
    kind = told.get("type") if isinstance(told, dict) else None
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise BadMessageError(f"a message had none of the types {', '.join(_READERS)}")
    return reader(told)


def _sound(pcm: bytes) -> Sound:
    if len(pcm) % 2:
        raise BadMessageError("sound came with half a sample; send whole ones of 16 bits")
    if len(pcm) > _MAX_SOUND_BYTES:
        raise BadMessageError(f"sound came with {len(pcm)} bytes at once; send {_MAX_SOUND_BYTES}")
    return Sound(pcm)


def _hello(told: dict[str, Any]) -> Hello:
    rate = _whole(told, "rate")
    if rate not in _RATES:
        raise BadMessageError(f"the microphone's rate of {rate} Hz is not from 8000 to 192000")
    played = told.get("played", [])
    if not isinstance(played, list) or len(played) > _MAX_PARTS:
        raise BadMessageError(f"'played' of a hello is a list of {_MAX_PARTS} at most")
    return Hello(rate, tuple(map(_played, played)))


def _played(told: object) -> Played:
    if not isinstance(told, dict):
        raise BadMessageError("what was played is an object")
    return Played(_id(told, "item_id"), _whole(told, "content_index"), _whole(told, "samples"))


def _text(told: dict[str, Any]) -> Text:
    text = _words(told)
    if not text:
        raise BadMessageError("a message has no words")
    return Text(text)


def _image(told: dict[str, Any]) -> Image:
    url = told.get("data_url")
    match = _DATA_URL.fullmatch(url) if isinstance(url, str) else None
    kinds = ", ".join(kind.partition("/")[2].upper() for kind in IMAGE_TYPES)
    if match is None or match[1] not in _SIGNATURES:
        raise BadMessageError(f"this is no image of the kinds {kinds}", "image")
    if len(match[2]) * 3 // 4 > MAX_IMAGE_BYTES + 2:
        mib = MAX_IMAGE_BYTES // 1024**2
        raise BadMessageError(f"this image has more than {mib} MiB; choose a smaller one", "image")
    try:
        data = base64.b64decode(match[2], validate=True)
    except binascii.Error:
        raise BadMessageError("this image came damaged; try it again", "image") from None
    if not data.startswith(_SIGNATURES[match[1]]):
        raise BadMessageError(f"this file says that it is {match[1]}, and is not", "image")
    return Image(match[0], _words(told))


def _approve(told: dict[str, Any]) -> Approve:
    approved, always = told.get("approved"), told.get("always", False)
    if not isinstance(approved, bool) or not isinstance(always, bool):
        raise BadMessageError("'approved' and 'always' are true or false")
    return Approve(_id(told, "call_id"), approved, always)


def _words(told: dict[str, Any]) -> str:
    text = told.get("text", "")
    if not isinstance(text, str):
        raise BadMessageError("'text' is a text")
    if len(text) > _MAX_TEXT_CHARS:
        raise BadMessageError(f"a message has {_MAX_TEXT_CHARS} characters at most; shorten it")
    # Half of an emoji: JSON can write it, UTF-8 can't, and the rest of the words is as good.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()


def _id(told: dict[str, Any], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 200:
        raise BadMessageError(f"{name!r} is an id")
    return value


def _whole(told: dict[str, Any], name: str) -> int:
    value = told.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 40:
        raise BadMessageError(f"{name!r} is a whole number, 0 or more")
    return value


_READERS: dict[str, Callable[[dict[str, Any]], FromPage]] = {
    "hello": _hello,
    "played": _played,
    "cleared": lambda told: Cleared(_whole(told, "n")),
    "interrupt": lambda _: Interrupt(),
    "text": _text,
    "image": _image,
    "approve": _approve,
    "bye": lambda _: Bye(),
}
