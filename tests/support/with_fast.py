"""Whether tests and benchmarks run with the extra ``[fast]``, which is installed where they run."""

from __future__ import annotations

import os
import sys

__all__ = ["HIDE", "SWITCH", "WANTED", "hide"]

SWITCH = "REALTIME_SYNC_FAST"
WANTED = SWITCH in os.environ
# The same for a program of its own.
HIDE = "import sys; sys.modules.update(msgspec=None, pybase64=None)"


def hide() -> None:
    """Let the extra's packages be not installed, for this process."""
    assert "realtime_sync._codec" not in sys.modules, "too late: it has looked for them"
    exec(HIDE)
