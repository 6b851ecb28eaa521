"""What gunicorn does at the end of a worker: it lets the calls end, and hangs up the rest."""

from __future__ import annotations

import os
from typing import Any

DRAIN_S = float(os.environ.get("DRAIN_S", "20"))
graceful_timeout = int(DRAIN_S) + 10


def worker_exit(server: Any, worker: Any) -> None:
    """End the calls of a worker that leaves."""
    from samples.sip_agent.app import calls

    calls.drain(DRAIN_S)
