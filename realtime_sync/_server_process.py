"""The embedded server as a child process: started on demand, gone with its owner.

The child exits when its standard input ends. The kernel ends it whenever this process does, also
after SIGKILL, so no orphan is left. A forked child would hold that pipe open, so it closes its
copy.
"""

from __future__ import annotations

import json
import os
import queue
import secrets
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Sequence
from typing import IO

from ._deadline import Deadline
from ._threads import join_all, spawn
from .errors import ConfigError, ConnectError

__all__ = ["ServerProcess"]

_START_TIMEOUT = 60.0  # loading speech models on a busy machine
_STOP_TIMEOUT = 5.0
_WRONG_SETTINGS = 2  # the exit code for an argument or an installation that is wrong


class ServerProcess:
    """A running embedded server.

    Args:
        arguments: further arguments of ``python -m realtime_sync.local``.

    Attributes:
        url: its REST base URL, ``http://127.0.0.1:PORT/v1``.
        api_key: the key it was given, random for each process.
        pid: its process id.

    Raises:
        ConfigError: a part of the server is not installed, or an argument is wrong.
        ConnectError: it did not become ready.
    """

    def __init__(self, arguments: Sequence[str] = ()) -> None:
        self.api_key = secrets.token_urlsafe(24)
        # A file, not a pipe: nobody would have to read it while the server lives.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed by _stop
        self._process = subprocess.Popen(  # noqa: S603  # our own module, no shell
            [sys.executable, "-m", "realtime_sync.local", "--child", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "REALTIME_SYNC_LOCAL_KEY": self.api_key},
            # Ctrl-C is for the owner, who then closes in order; the terminal would tell both.
            start_new_session=True,
        )
        self._stop = weakref.finalize(self, _stop, self._process, self._log)
        self._borrowed = False  # by a forked child
        self.pid = self._process.pid
        _live.add(self)
        try:
            ready = self._wait_until_ready()
        except BaseException:
            self.close()
            raise
        self.url: str = ready["url"]

    def _wait_until_ready(self) -> dict[str, str]:
        lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        stdout = self._process.stdout
        assert stdout is not None
        # A thread, because a pipe can't be read with a timeout on every system.
        thread = spawn(lambda: lines.put(stdout.readline()), name="server-start")
        try:
            line = lines.get(timeout=_START_TIMEOUT)
        except queue.Empty:
            self.close()
            raise ConnectError(
                f"the embedded server was not ready after {_START_TIMEOUT:.0f} s: start "
                "`realtime-sync serve` by hand to see why, and join it with Local(url=…)"
            ) from None
        finally:
            join_all([thread], Deadline(_STOP_TIMEOUT))
        if line:
            ready: dict[str, str] = json.loads(line)
            return ready
        code = self._process.wait(_STOP_TIMEOUT)
        if code == _WRONG_SETTINGS:
            raise ConfigError(self._last_words().removeprefix("error: "))
        raise ConnectError(
            f"the embedded server ended with code {code} before it was ready: {self._last_words()}"
        )

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        if self._borrowed:
            return _exists(self.pid)
        return self._process.poll() is None

    def close(self) -> None:
        """End the process and wait for it; idempotent."""
        self._stop()

    def forget(self) -> None:
        """In a forked child: leave the server to the parent, and use it for as long as it lives."""
        if not self._stop.detach():
            return  # it was closed before
        self._borrowed = True
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        # Not only closed: gevent's files put that off until their event loop runs.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stdin.fileno(), inheritable=False)
        os.close(null)
        for file in (stdin, stdout, self._log):
            file.close()
        self._process.returncode = 0  # no child of this process, so nothing to wait for


def _stop(process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        process.wait(_STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
    log.close()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


_live: weakref.WeakSet[ServerProcess] = weakref.WeakSet()


def _forget_all() -> None:
    for server in list(_live):
        server.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
