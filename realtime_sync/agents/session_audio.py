"""What a session hears and is heard on."""

from __future__ import annotations

from contextlib import ExitStack

from .._shown import shown
from ..audio.base import SinkLike, SourceLike
from ..audio.microphone import Microphone
from ..audio.speaker import Speaker
from ..errors import UserError

__all__ = ["Audio", "check_audio", "opened"]

Audio = tuple[SourceLike, SinkLike] | str | None
"""What a session hears and is heard on: a source and a sink, "default" for the system's microphone
and speaker, or None for a program that sends and plays sound itself."""


def check_audio(audio: object) -> None:
    """Refuse what is no `Audio`.

    Raises:
        UserError: it is none.
    """
    pair = isinstance(audio, tuple) and len(audio) == 2
    named = isinstance(audio, str) and audio == "default"
    if audio is not None and not named and not pair:
        raise UserError(f'audio={shown(audio)} is no (source, sink), "default" or None')


def opened(audio: Audio, stack: ExitStack) -> tuple[SourceLike, SinkLike] | None:
    """Return source and sink, with their devices open; what is opened here the stack closes."""
    if audio is None:
        return None
    pair = (Microphone(), Speaker()) if isinstance(audio, str) else audio
    for device in pair:
        if isinstance(device, Microphone | Speaker) and not device.is_open:
            stack.enter_context(device)
    return pair
