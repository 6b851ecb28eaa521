"""Which voice engine speaks, by name."""

from __future__ import annotations

from ...errors import ConfigError
from ..parts import Synthesizer

__all__ = ["make_synthesizer"]


def make_synthesizer(spec: str) -> Synthesizer:
    """Return the synthesizer ``spec`` names: ``"espeak"``.

    Raises:
        ConfigError: no such synthesizer, or its package is not installed.
    """
    if spec == "espeak":
        from .espeak import EspeakSynthesizer

        return EspeakSynthesizer()
    raise ConfigError(f"synthesizer {spec!r} is unknown; choose 'espeak'")
