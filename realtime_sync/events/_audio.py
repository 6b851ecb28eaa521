"""Audio deltas: base64 that stays in the received text until somebody reads it."""

from __future__ import annotations

from typing import Any, TypeVar

from attrs import frozen
from attrs.exceptions import FrozenInstanceError

from .._codec import decode_base64
from .._init_hints import bind_init_hints
from .._types import JsonDict
from ..errors import RemoteProtocolError
from .base import Event, shorten

__all__ = ["AudioDelta"]

A = TypeVar("A", bound="AudioDelta")


class _InText:
    """The field ``delta``: text, or the slice of ``raw`` that holds it, cut at first reading."""

    def __get__(self, obj: AudioDelta | None, owner: type) -> Any:
        if obj is None:
            return self
        values = obj.__dict__
        value = values.get("delta")
        if type(value) is slice:
            value = values["delta"] = values["raw"][value]
        return value

    def __set__(self, obj: AudioDelta, value: Any) -> None:
        raise FrozenInstanceError


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class AudioDelta(Event):
    """An event whose ``delta`` is a piece of audio.

    Example:
        >>> from realtime_sync.events import parse_event
        >>> event = parse_event('{"type": "response.output_audio.delta", "delta": "AAEC"}')
        >>> isinstance(event, AudioDelta), event.audio
        (True, b'\\x00\\x01\\x02')

    Attributes:
        delta: base64 in the session's output format.
    """

    delta: str

    @classmethod
    def __attrs_init_subclass__(cls) -> None:
        super().__attrs_init_subclass__()
        cls.delta = _InText()  # type: ignore[assignment]  # a descriptor that gives str

    @property
    def audio(self) -> bytes:
        """The decoded bytes, decoded once: the slowest step of a delta, so not before it is asked.

        Raises:
            RemoteProtocolError: the base64 is damaged. Unpadded and URL-safe base64 is not.
        """
        values = self.__dict__
        audio: bytes | None = values.get("audio")
        if audio is not None:
            return audio
        text = values.get("delta")
        if type(text) is slice:  # not through .delta, which would keep a second copy
            text = values["raw"][text]
        try:
            audio = values["audio"] = decode_base64(text)  # type: ignore[arg-type]
        except (TypeError, ValueError) as exc:  # binascii.Error is a ValueError
            what = f"the delta of {self.type} {shorten(self.event_id)} is not base64: {exc}"
            raise RemoteProtocolError(what) from exc
        return audio

    @property
    def audio_size(self) -> int:
        """How many bytes `audio` has, found without decoding it.

        Example:
            >>> from realtime_sync.events import parse_event
            >>> parse_event('{"type": "response.output_audio.delta", "delta": "AAE="}').audio_size
            2
        """
        values = self.__dict__
        where = values.get("delta")
        if type(where) is slice:
            text, start, end = values["raw"], where.start, where.stop
        elif type(where) is str:
            text, start, end = where, 0, len(where)
        else:
            return 0  # the server's mistake
        size: int = (end - start) * 3 // 4
        if size and text[end - 1] == "=":
            size -= text.count("=", end - 2, end)
        return size

    def replace(self: A, **changes: Any) -> A:
        """Return a copy with some fields changed."""
        self.delta  # noqa: B018  # takes it out of the text
        return super().replace(**changes)

    def to_dict(self) -> JsonDict:
        """Return the wire form: what was received or given, under GA names, ready for JSON."""
        self.delta  # noqa: B018  # takes it out of the text
        return super().to_dict()


bind_init_hints(AudioDelta)  # attrs calls the hook for the subclasses of who has it
