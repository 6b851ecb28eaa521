"""Which voice engine speaks, by name."""

from __future__ import annotations

from ...errors import ConfigError
from ..engines import Synthesizer

__all__ = ["make_synthesizer"]


def make_synthesizer(spec: str) -> Synthesizer:
    """Return the synthesizer that ``spec`` names.

    Args:
        spec: ``"espeak"``, or ``"flite"`` where that program is installed.

    Raises:
        ConfigError: no such synthesizer, or its package or program is not installed.
    """
    if spec == "espeak":
        from .espeak import EspeakSynthesizer

        return EspeakSynthesizer()
    if spec == "flite":
        from .flite import FliteSynthesizer

        return FliteSynthesizer()
    raise ConfigError(f"synthesizer {spec!r} is unknown; choose 'espeak' or 'flite'")
