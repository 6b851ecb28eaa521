"""A program: forks while `Local` starts. Arguments: the stand-in for the server, and the step."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from realtime_sync import Local
from realtime_sync.clients import _server_process, local

STAND_IN, STEP, GATE = sys.argv[1:]
OF_ITS_OWN = STEP != "ready"

reached, go_on = threading.Event(), threading.Event()


def pausing(work: Callable[..., Any]) -> Callable[..., Any]:
    """Pause before ``work``, the first time."""

    def paused(*arguments: Any, **options: Any) -> Any:
        if not reached.is_set():
            reached.set()
            go_on.wait()
        return work(*arguments, **options)

    return paused


def reading() -> bool:
    """Whether the start's thread waits for the server's line."""
    return any(
        frame.f_code.co_name == "wait_until_ready" for frame in sys._current_frames().values()
    )


sys.executable = STAND_IN
server_class = _server_process.ServerProcess
if STEP == "lock held":
    local.start_server = pausing(local.start_server)
elif STEP == "spawned":
    server_class.wait_until_ready = pausing(server_class.wait_until_ready)  # type: ignore[method-assign]
elif STEP == "waiting":
    os.environ["GATE"] = GATE
else:
    reached.set()

client = Local()
starting = threading.Thread(target=lambda: client.url)
starting.start()
while not (reading() if STEP == "waiting" else reached.is_set()):
    reached.wait(0.001)
if STEP == "ready":
    starting.join()
os.environ.pop("GATE", None)

told, tell = os.pipe()
asked, ask = os.pipe()
child = os.fork()
if not child:
    os.close(ask)  # so that the parent's end is the end of the pipe, and of this process
    url = client.url
    client.close()
    if OF_ITS_OWN:
        assert url != client.url, "after a close it starts another"
        client.close()
    os.write(tell, url.encode())
    os.read(asked, 1)
    sys.exit(0)

theirs = os.read(told, 100).decode()
go_on.set()
if STEP == "waiting":
    Path(GATE).write_text("\n")
starting.join()
assert (client.url != theirs) is OF_ITS_OWN
process = client._server()._process
client.close()
# It ended with its standard input, though the child lives: it was not killed after some seconds.
assert process.returncode == 0, process.returncode
os.write(ask, b"!")
assert os.waitpid(child, 0)[1] == 0
print("closed", flush=True)
