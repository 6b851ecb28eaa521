"""What a session's configuration means for the voice loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ..errors import ConfigError

__all__ = ["SessionRules", "read_session"]


@frozen
class SessionRules:
    """What the server does by itself.

    Attributes:
        detects: finds the turns of the user.
        interrupts: cancels a response when the user begins to speak.
        answers: makes a response when the user has spoken.
    """

    detects: bool
    interrupts: bool
    answers: bool


def read_session(session: Mapping[str, Any], *, rates: Mapping[str, int]) -> SessionRules:
    """Return the rules of a session.

    Args:
        session: as in ``session.created`` and ``session.updated``, GA or beta.
        rates: in Hz, of what goes "input" and "output".

    Raises:
        ConfigError: its audio format is another one.
    """
    audio = session.get("audio") or {}
    for direction, flat in (("input", "input_audio_format"), ("output", "output_audio_format")):
        wire = (audio.get(direction) or {}).get("format") or session.get(flat)
        _check_format(direction, wire, rates[direction])
    turns = (audio.get("input") or session).get("turn_detection") or {}
    return SessionRules(
        detects=bool(turns),
        interrupts=bool(turns) and turns.get("interrupt_response") is not False,
        answers=bool(turns)
        and turns.get("create_response") is not False
        and session.get("type") != "transcription",
    )


def _check_format(direction: str, wire: Any, ours: int) -> None:
    if isinstance(wire, Mapping):
        kind, rate = wire.get("type"), wire.get("rate")
    else:
        kind, rate = wire, None
    if kind not in (None, "audio/pcm", "pcm16"):
        raise ConfigError(
            f"the session's {direction} format is {kind!r}; the voice loop speaks PCM16: "
            f"set audio.{direction}.format to {{'type': 'audio/pcm', 'rate': {ours}}}"
        )
    if rate is not None and rate != ours:
        end = "source" if direction == "input" else "sink"
        raise ConfigError(
            f"the session's {direction} is at {rate} Hz and the {end} at {ours} Hz; "
            f"make the {end} with rate={rate}"
        )
