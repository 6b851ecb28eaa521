"""The terminal, as all commands write to it."""

from __future__ import annotations

from rich.console import Console

__all__ = ["open_console"]


def open_console() -> Console:
    """Return a console that prints text as it is.

    Names of devices, paths, and what people and models say may hold brackets and colons, which
    are no markup, no emoji and nothing to be highlighted.
    """
    return Console(highlight=False, markup=False, emoji=False)
