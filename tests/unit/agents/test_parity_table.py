"""The table of the peer's tests names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TABLE = (ROOT / "docs/agents_parity.md").read_text(encoding="utf-8")
SHORT = {"unit": "tests/unit/agents", "integration": "tests/integration"}
NAMED = sorted(
    name
    for name in set(re.findall(r"`((?:unit|integration|tests)/[^`]+)`", TABLE))
    if name != "tests/realtime"  # the peer's own
)


@pytest.mark.parametrize("name", NAMED)
def test_it_is_there(name: str) -> None:
    first, rest = name.split("/", 1)
    assert list(ROOT.glob(f"{SHORT.get(first, first)}/{rest}"))
