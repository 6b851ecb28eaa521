"""What type checkers read of the listeners is what the script writes now."""

from __future__ import annotations

import runpy
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "write_overloads.py"


def test_the_overloads_are_current() -> None:
    script = runpy.run_path(str(SCRIPT))
    assert script["PLACE"].read_text() == script["text"](), f"run python {SCRIPT}"
