"""Cuts a stream of text into pieces that sound right when they are spoken one by one."""

from __future__ import annotations

import re

__all__ = ["Sentences"]

# A sentence ends at its mark when a space follows; a "3." or "e.g." inside the stream's last
# piece must not be cut, so the mark alone is not enough.
_END = re.compile(r"[.!?…:;][\"')\]]*\s+|\n+")
_MAX_CHARS = 300


class Sentences:
    """Collects deltas and gives whole sentences back; together they are the text."""

    def __init__(self) -> None:
        self._text = ""

    def add(self, delta: str) -> list[str]:
        """Return the sentences that ``delta`` completes, with their spacing."""
        self._text += delta
        found: list[str] = []
        while True:
            end = self._next_end()
            if end is None:
                return found
            found.append(self._text[:end])
            self._text = self._text[end:]

    def rest(self) -> list[str]:
        """Return what is left, and forget it."""
        rest, self._text = self._text, ""
        return [rest] if rest.strip() else []

    def _next_end(self) -> int | None:
        match = _END.search(self._text)
        if match is not None and match.end() < len(self._text):
            return match.end()
        if len(self._text) > _MAX_CHARS:
            space = self._text.rfind(" ", 1, _MAX_CHARS)
            return space + 1 if space > 0 else _MAX_CHARS
        return None
