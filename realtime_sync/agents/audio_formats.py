"""Audio formats under all of their names: "pcm16", "audio/pcm", `{"type": "audio/pcm"}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._types import JsonDict
from ..conversation.session import SoundFormat
from ..events.base import plain
from ..events.wire_values import as_number

__all__ = ["FORMAT_RULE", "bytes_per_s", "format_of", "silence_like"]

FORMAT_RULE = (
    "must be 'pcm16', 'g711_ulaw', 'g711_alaw', or a dictionary such as "
    "{'type': 'audio/pcm', 'rate': 24000}"
)

_TYPES = {
    "pcm16": "audio/pcm",
    "pcm": "audio/pcm",
    "g711_ulaw": "audio/pcmu",
    "pcmu": "audio/pcmu",
    "g711_alaw": "audio/pcma",
    "pcma": "audio/pcma",
}
_PCM_HZ = 24_000
_SILENCE = {"audio/pcmu": b"\xff", "audio/pcma": b"\xd5"}  # of PCM, zeros


def format_of(value: Any) -> JsonDict | None:
    """Return GA's form of an audio format; None for what is none.

    Example:
        >>> format_of("pcm16")
        {'type': 'audio/pcm', 'rate': 24000}
        >>> format_of({"type": "audio/pcmu"})
        {'type': 'audio/pcmu'}
    """
    given = plain(value)
    if isinstance(given, str):
        given = {"type": given}
    if not isinstance(given, Mapping):
        return None
    kind, rate = given.get("type"), given.get("rate")
    if not isinstance(kind, str):
        return None
    kind = _TYPES.get(kind, kind)
    if kind in ("audio/pcmu", "audio/pcma"):
        return {"type": kind}
    if kind != "audio/pcm":
        return None
    hz = _PCM_HZ if rate is None else as_number(rate)
    return {"type": kind, "rate": int(hz)} if hz and hz >= 1 else None


def bytes_per_s(value: Any) -> int:
    """Return how many bytes a second takes; what is no format counts as PCM16 at 24 kHz."""
    known = format_of(value) or {}
    return SoundFormat(known.get("type", "audio/pcm"), known.get("rate")).bytes_per_s


def silence_like(audio: bytes, format: SoundFormat) -> bytes:
    """Return as much silence as there is sound.

    Args:
        audio: the sound.
        format: of both.

    Example:
        >>> silence_like(b"abc", SoundFormat("audio/pcmu"))
        b'\\xff\\xff\\xff'
    """
    return _SILENCE.get(format.type, b"\x00") * len(audio)
