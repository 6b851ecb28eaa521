"""As `played_server`, with a recogniser that hangs at utterances of more than 3 s.

``poisoned_server.py worker …`` is that recogniser.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

LONGEST_BYTES = 3 * 32_000


class Recogniser:
    def pieces(self, pcm: bytes, **_: object) -> Iterator[str]:
        if len(pcm) > LONGEST_BYTES:
            time.sleep(1000)
        yield "what time is it"


def work() -> int:
    from realtime_sync.local.speech import transcriber, worker

    transcriber.make_transcriber = lambda spec: Recogniser()  # type: ignore[assignment,return-value]  # as far as it is used
    return worker.main(["transcribe", "any"])


def serve() -> None:
    from realtime_sync.local.speech import _child

    usual = _child._command
    _child._command = lambda kind, spec: (
        [sys.executable, __file__, "worker"] if kind == "transcribe" else usual(kind, spec)
    )
    import played_server  # noqa: F401  # which serves until the end


if sys.argv[1:2] == ["worker"]:
    sys.exit(work())
serve()
