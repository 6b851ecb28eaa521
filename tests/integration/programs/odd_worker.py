"""Stands for a speech worker that goes wrong: ``odd_worker.py HOW``."""

from __future__ import annotations

import sys
import time

from realtime_sync.local.speech._messages import pack, read_message


def send(message: bytes) -> None:
    sys.stdout.buffer.write(message)
    sys.stdout.buffer.flush()


how = sys.argv[1]
if how == "silent at the start":
    time.sleep(1000)
if how == "dead at the start":
    sys.exit("no model")
if how == "babble at the start":
    send(b"Loading model ... done.\n")
send(pack({"event": "ready", "pid": 0}))
header, _ = read_message(sys.stdin.buffer)
if how == "babble":
    send(b"Segmentation fault (core dumped)\n")
elif how == "another's answer":
    send(pack({"event": "weather", "id": header["id"]}))
elif how == "half an answer":
    send(pack({"event": "piece", "id": header["id"], "text": "what"})[:10])
    sys.exit(3)
time.sleep(1000)
