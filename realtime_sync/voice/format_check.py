"""Whether a session's sound is what the source gives and the sink takes."""

from __future__ import annotations

from collections.abc import Mapping

from ..conversation.session import SessionFacts, SoundFormat
from ..errors import ConfigError

__all__ = ["check_formats"]


def check_formats(session: SessionFacts, *, rates: Mapping[str, int]) -> None:
    """Raise where the voice loop can't speak the session's formats.

    Args:
        session: what is known of it.
        rates: in Hz, of what goes "input" and "output".

    Raises:
        ConfigError: an audio format is another one.
    """
    _check_format("input", session.input, rates["input"])
    _check_format("output", session.output, rates["output"])


def _check_format(direction: str, told: SoundFormat, ours: int) -> None:
    if not told.is_pcm:
        raise ConfigError(
            f"the session's {direction} format is {told.type!r}; the voice loop speaks PCM16: "
            f"set audio.{direction}.format to {{'type': 'audio/pcm', 'rate': {ours}}}"
        )
    if told.rate is not None and told.rate != ours:
        end = "source" if direction == "input" else "sink"
        raise ConfigError(
            f"the session's {direction} is at {told.rate} Hz and the {end} at {ours} Hz; "
            f"make the {end} with rate={told.rate}"
        )
