"""Bounded memory."""

from __future__ import annotations

from typing import Any

__all__ = ["keep_latest"]


def keep_latest(found: dict[Any, Any], limit: int) -> None:
    """Drop the oldest entries until no more than ``limit`` are left."""
    while len(found) > limit:
        del found[next(iter(found))]
