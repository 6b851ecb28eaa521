"""The process of one client: measures what it is told to on standard input, one JSON per line."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from typing import Any

import measures
import with_fast
from clients import OURS_FAST


def main() -> None:
    """Answer each line with the figures."""
    client, ports = sys.argv[1:]
    if client != OURS_FAST:
        with_fast.hide()
    place = measures.Place(client, json.loads(ports))
    for line in sys.stdin:
        job = json.loads(line)
        measure = _measure(job.pop("measure"))
        print(json.dumps(measure(place, **job)), flush=True)


def _measure(name: str) -> Callable[..., dict[str, Any]]:
    if hasattr(measures, name):
        return getattr(measures, name)  # type: ignore[no-any-return]
    # Only for their own parts: they load this project into any client's process.
    home = importlib.import_module("stages" if name.endswith("_stages") else "agent_measures")
    return getattr(home, name)  # type: ignore[no-any-return]


if __name__ == "__main__":
    main()
