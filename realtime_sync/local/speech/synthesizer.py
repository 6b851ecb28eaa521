"""Which voice engine speaks, by name."""

from __future__ import annotations

from ...errors import ConfigError
from ..engines import Synthesizer

__all__ = ["check_synthesizer", "make_synthesizer"]


_NAMES = ("espeak", "flite")


def check_synthesizer(spec: str) -> None:
    """See that ``spec`` names a synthesizer, without loading it.

    Raises:
        ConfigError: no such synthesizer.
    """
    if spec not in _NAMES:
        raise ConfigError(
            f"synthesizer {spec!r} is unknown; choose {' or '.join(map(repr, _NAMES))}"
        )


def make_synthesizer(spec: str) -> Synthesizer:
    """Return the synthesizer that ``spec`` names.

    Args:
        spec: ``"espeak"``, or ``"flite"`` where that program is installed.

    Raises:
        ConfigError: no such synthesizer, or its package or program is not installed.
    """
    check_synthesizer(spec)
    if spec == "espeak":
        from .espeak import EspeakSynthesizer

        return EspeakSynthesizer()
    from .flite import FliteSynthesizer

    return FliteSynthesizer()
