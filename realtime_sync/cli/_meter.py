"""A level as a bar, the same wherever the command line shows one."""

from __future__ import annotations

import math

from rich.text import Text

__all__ = ["meter"]

_FLOOR_DBFS = -60.0
_BAR = 20


def meter(level_dbfs: float, *, style: str = "blue") -> Text:
    """Return a bar from -60 dBFS to full scale and the level as a number."""
    filled = round((1 - level_dbfs / _FLOOR_DBFS) * _BAR) if level_dbfs > _FLOOR_DBFS else 0
    number = f"{level_dbfs:4.0f} dBFS" if level_dbfs > -math.inf else "  silence"
    return Text.assemble(("█" * filled, style), ("░" * (_BAR - filled), "dim"), f" {number}")
