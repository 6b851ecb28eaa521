"""The process of one client: measures what it is told to on standard input, one JSON per line."""

from __future__ import annotations

import json
import sys

import measures


def main() -> None:
    """Answer each line with the figures."""
    client, ports = sys.argv[1:]
    place = measures.Place(client, json.loads(ports))
    for line in sys.stdin:
        job = json.loads(line)
        measure = getattr(measures, job.pop("measure"))
        print(json.dumps(measure(place, **job)), flush=True)


if __name__ == "__main__":
    main()
