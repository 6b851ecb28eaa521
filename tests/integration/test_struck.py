"""A signal handler's exception, or its `close`, at random moments of every blocking call.

`STRIKES` for each call keep a run short; ``REALTIME_SYNC_STRIKES=2000`` makes it a proof.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from itertools import count
from pathlib import Path

import pytest
from raw_server import CLOSE, TEXT, RawPeer, RawServer

PROGRAM = Path(__file__).parent / "programs" / "struck.py"
STRIKES = int(os.environ.get("REALTIME_SYNC_STRIKES", "60"))
LIMIT_S = 100 if STRIKES <= 60 else 3600
CALLS = [
    "append", "ask", "close", "close_in_handler", "connect", "connect_in_vain", "recv", "send",
    "send_large", "stats", "stream", "wait_for", "watch",
]  # fmt: skip


class TalkingPeer:
    """Counts ticks all the time, echoes what asks for it, and answers turns."""

    def __init__(self, peer: RawPeer) -> None:
        self._peer = peer
        self._sending = threading.Lock()
        self._over = threading.Event()
        self._turns = 0

    def run(self) -> None:
        ticking = threading.Thread(target=self._tick)
        try:
            self._peer.accept()
            ticking.start()
            self._listen()
        except (EOFError, OSError):  # a client that was struck while it connected
            pass
        finally:
            self._over.set()
            if ticking.ident is not None:
                ticking.join()

    def _tick(self) -> None:
        try:
            for number in count(1):
                if self._over.wait(0.0005):
                    return
                self._say("tick", number=number)
        except OSError:
            pass

    def _send(self, opcode: int, payload: bytes) -> None:
        with self._sending:
            if not self._over.is_set():
                self._peer.send(opcode, payload)

    def _say(self, type: str, **fields: object) -> None:
        self._send(TEXT, json.dumps({"type": type, "event_id": "e", **fields}).encode())

    def _listen(self) -> None:
        while True:
            opcode, payload = self._peer.frame()
            if opcode == CLOSE:
                self._send(CLOSE, payload)
                self._over.set()
                self._peer.expect_end()
                return
            if payload.startswith(b'{"x":"y'):
                continue
            event = json.loads(payload)
            if event["type"] == "echo.me":
                self._say("echoed", number=event["number"])
            elif event["type"] == "response.create":
                self._answer(event["response"]["metadata"])

    def _answer(self, metadata: dict[str, str]) -> None:
        self._turns += 1
        response = {"id": f"resp_{self._turns}", "status": "in_progress", "metadata": metadata}
        self._say("response.created", response=response)
        where = {"item_id": "i", "output_index": 0, "content_index": 0}
        for delta in ("an ", "answer"):
            fields = {**where, "response_id": response["id"], "delta": delta}
            self._say("response.output_text.delta", **fields)
        self._say("response.done", response={**response, "status": "completed", "output": []})


@pytest.mark.parametrize("exception", ["Stop", "TimeoutError"])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.timeout(LIMIT_S + 20)
def test_every_call_can_be_struck(call: str, exception: str) -> None:
    with RawServer(lambda peer: TalkingPeer(peer).run()) as server:
        command = [
            sys.executable, str(PROGRAM), f"http://127.0.0.1:{server.port}/v1", call, str(STRIKES),
            "1", exception,
        ]  # fmt: skip
        result = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
    print(f"{call}: {result.stdout}")
    assert result.returncode == 0, result.stdout + result.stderr
