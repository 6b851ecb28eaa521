"""Cuts a stream of text into pieces that sound right when they are spoken one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["Sentences"]

# A sentence ends at its mark when a space follows; a "3." or "e.g." inside the stream's last
# piece must not be cut, so the mark alone is not enough.
_END = re.compile(r"[.!?…:;][\"')\]]*\s+|\n+")
_MAX_CHARS = 300


class Sentences:
    """Collects deltas and gives whole sentences back; together they are the text."""

    def __init__(self) -> None:
        self._text = ""  # behind the last sentence; as short as one, but for what was just added

    def add(self, delta: str) -> list[str]:
        """Return the sentences that ``delta`` completes, with their spacing."""
        self._text += delta
        start, found = 0, []
        for end in _ends(self._text):
            found.append(self._text[start:end])
            start = end
        self._text = self._text[start:]
        return found

    def rest(self) -> list[str]:
        """Return what is left, and forget it."""
        rest, self._text = self._text, ""
        return [rest] if rest.strip() else []


def _ends(text: str) -> Iterator[int]:
    """Yield where the sentences of ``text`` end; what may go on after it has no end yet."""
    start = 0
    for match in _END.finditer(text):
        if match.end() < len(text):
            start = match.end()
            yield start
    while len(text) - start > _MAX_CHARS:
        space = text.rfind(" ", start + 1, start + _MAX_CHARS)
        start = space + 1 if space > 0 else start + _MAX_CHARS
        yield start
