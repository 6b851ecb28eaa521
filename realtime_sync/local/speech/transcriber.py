"""Speech recognition by pocketsphinx, whose English model comes inside its wheel."""

from __future__ import annotations

import re

from ...errors import ConfigError
from ..parts import Transcriber

__all__ = ["PocketsphinxTranscriber", "make_transcriber"]

_VARIANT = re.compile(r"\(\d+\)$")  # "read(2)": the second pronunciation


class PocketsphinxTranscriber:
    """Recognises English: anything at all, or the sentences of a grammar; a `parts.Transcriber`."""

    def __init__(self) -> None:
        try:
            from pocketsphinx import Decoder
        except ImportError as exc:
            raise ConfigError(
                "recognising speech needs pocketsphinx, which is not installed: "
                "pip install 'realtime_sync[local]'"
            ) from exc
        self._decoder = Decoder(samprate=16_000, loglevel="ERROR")

    def transcribe(self, pcm: bytes, *, language: str | None, prompt: str | None) -> str:
        """Return the words of ``pcm`` (16 kHz), ``""`` when there are none."""
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        return _words(found.hypstr) if found else ""


def _words(hypothesis: str) -> str:
    """Drop noise tags and the numbers of pronunciations."""
    words = (_VARIANT.sub("", word) for word in hypothesis.split())
    return " ".join(word for word in words if word[0] not in "<[+")


def make_transcriber(spec: str) -> Transcriber:
    """Return the transcriber ``spec`` names: ``"pocketsphinx"``.

    Raises:
        ConfigError: no such transcriber, or its package is not installed.
    """
    if spec == "pocketsphinx":
        return PocketsphinxTranscriber()
    raise ConfigError(f"transcriber {spec!r} is unknown; choose 'pocketsphinx'")
