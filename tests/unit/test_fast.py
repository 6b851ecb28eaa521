"""What depends on JSON and base64, tested once more with the extra ``[fast]``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from with_fast import SWITCH

HERE = Path(__file__).parent
TESTS = ("test_codec.py", "events", "connection")
# Odd values pass through the same code as soon as they are read, which `events` tests.
LEFT_OUT = "--ignore=connection/test_mutated_events.py"


def test_with_the_extra() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", LEFT_OUT, *TESTS],
        cwd=HERE,
        env={**os.environ, SWITCH: "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
