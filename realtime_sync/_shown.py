"""What an error shows of a value that a program has given: one short line, whatever it is."""

from __future__ import annotations

__all__ = ["shown"]

_MOST_CHARS = 150  # a path fits in


def shown(value: object, most: int = _MOST_CHARS) -> str:
    """Return the repr of a value, on one line, cut to ``most`` characters.

    It never raises: the repr of a list that is too deep does, as does that of a whole number of
    more than 4300 digits, and whatever a program's own ``__repr__`` may do. Then the type is shown.

    Example:
        >>> shown("no")
        "'no'"
        >>> shown("x" * 1_000_000, most=10)
        "'xxxxxxxx…"
        >>> shown(10**5000)
        '<int>'
    """
    if isinstance(value, str | bytes | bytearray):
        value = value[:most]  # first: the repr of a megabyte takes as long and is thrown away
    try:
        text = repr(value).replace("\n", " ")
    except Exception:
        return f"<{type(value).__name__}>"
    return text if len(text) <= most else text[: most - 1] + "…"
