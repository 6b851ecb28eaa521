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
from contextlib import suppress
from typing import IO, Final

from .._deadline import Deadline
from .._fork import Home
from .._threads import join_all, spawn
from .._uncopied import Uncopied
from ..errors import ConfigError, ConnectError

__all__ = ["ServerProcess", "start_server"]

_START_TIMEOUT: Final = 60.0  # loading speech models on a busy machine
_STOP_TIMEOUT: Final = 5.0
_WRONG_SETTINGS: Final = 2  # the exit code for an argument or an installation that is wrong


def start_server(arguments: Sequence[str], *, api_key: str | None = None) -> ServerProcess:
    """Start an embedded server and return it when it is ready.

    Args:
        arguments: further arguments of ``python -m realtime_sync.local``.
        api_key: the key it is given; by default a random one.

    Raises:
        ConfigError: a part of the server is not installed, or an argument is wrong.
        ConnectError: it did not become ready.
    """
    start = _Startup(arguments, api_key or secrets.token_urlsafe(24))
    try:
        return start.wait()
    except BaseException:  # a signal handler's, too
        start.abandon()
        raise


class _Startup:
    """One start of a server, on a thread of its own.

    A signal handler may raise at any moment on the thread that asked for the server, and half a
    `Popen` can't be cleaned up. On the other thread no handler runs. (It is also needed because a
    pipe can't be read with a timeout on every system.)

    Each of the two threads writes its own fields, and then reads the other's: the one that comes
    second sees to the end of an abandoned server.
    """

    def __init__(self, arguments: Sequence[str], api_key: str) -> None:
        self._arguments = arguments
        self._api_key = api_key
        self._answers: queue.SimpleQueue[ServerProcess | Exception] = queue.SimpleQueue()
        # Written by the start's thread:
        self._server: ServerProcess | None = None
        self._over = False
        # Written by the asker's:
        self._abandoned = False

    def wait(self) -> ServerProcess:
        """Start the thread and wait for its answer."""
        thread = spawn(self._work, name="server-start")
        try:
            answer = self._answers.get(timeout=_START_TIMEOUT)
        except queue.Empty:
            raise ConnectError(
                f"the embedded server was not ready after {_START_TIMEOUT:.0f} s: start "
                "`realtime-sync serve` by hand to see why, and join it with Local(url=…)"
            ) from None
        join_all([thread], Deadline(_STOP_TIMEOUT))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _work(self) -> None:
        answer: ServerProcess | Exception
        try:
            answer = self._server = ServerProcess(self._arguments, self._api_key)
            if self._abandoned:
                self._server.kill()
                self._server.close()
            else:
                self._server.wait_until_ready()
        except Exception as exc:
            answer = exc
        self._over = True
        self._answers.put(answer)

    def abandon(self) -> None:
        """Leave no process behind."""
        self._abandoned = True
        server = self._server
        if server is None:
            return  # it is not there yet, or never will be: the thread looks at what we wrote
        server.kill()
        if not self._over:  # the thread reads from the server, up to its end
            with suppress(queue.Empty):
                self._answers.get(timeout=_STOP_TIMEOUT)
        server.close()


class ServerProcess(Uncopied):
    """An embedded server, ready after `wait_until_ready`.

    Args:
        arguments: further arguments of ``python -m realtime_sync.local``.
        api_key: the key it is given.

    Raises:
        ConfigError: an argument has characters that no process can be given.

    Attributes:
        url: its REST base URL, ``http://127.0.0.1:PORT/v1``; empty until it is ready.
        api_key: the key it was given.
        pid: its process id.
    """

    def __init__(self, arguments: Sequence[str], api_key: str) -> None:
        self.url = ""
        self.api_key = api_key
        self._home = Home()
        self._arguments = arguments
        # A file, not a pipe: nobody would have to read it while the server lives. Neither it nor
        # the pipes have buffers: a buffer's lock might be held at a fork.
        self._log = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # closed by _stop
        stdin, pipe = os.pipe()
        _pipes.add(pipe)
        try:
            self._process = subprocess.Popen(  # our own module, no shell
                [sys.executable, "-m", "realtime_sync.local", "--child"],
                bufsize=0,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env={**os.environ, "REALTIME_SYNC_LOCAL_KEY": self.api_key},
                # Ctrl-C is for the owner, who then closes in order; the terminal would tell both.
                start_new_session=True,
            )
        except BaseException as exc:
            _hang_up(pipe)
            self._log.close()
            if isinstance(exc, ValueError):  # such as a NUL: no process can be given that
                raise ConfigError(f"an option of the embedded server is wrong: {exc}") from exc
            raise
        finally:
            os.close(stdin)
        self._pipe = pipe
        self._stop = weakref.finalize(self, _stop, self._process, pipe, self._log, self._home)
        self.pid = self._process.pid

    def wait_until_ready(self) -> None:
        """Return when the server takes connections.

        Raises:
            ConfigError, ConnectError: see `start_server`.
        """
        assert self._process.stdout is not None
        self._tell()
        line = self._process.stdout.readline()
        if line:
            self.url = json.loads(line)["url"]
            return
        code = self._process.wait(_STOP_TIMEOUT)
        if code == _WRONG_SETTINGS:
            raise ConfigError(self._last_words().removeprefix("error: "))
        raise ConnectError(
            f"the embedded server ended with code {code} before it was ready: {self._last_words()}"
        )

    def _tell(self) -> None:
        # Not on its command line, which everybody can read: a responder's URL may hold a password.
        left = memoryview(json.dumps([*self._arguments]).encode() + b"\n")
        with suppress(BrokenPipeError):  # it has ended, and its last words say why
            while left:
                left = left[os.write(self._pipe, left) :]

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        if self._home.left:  # it is the parent's, and may be used for as long as it lives
            return _exists(self.pid)
        return self._process.poll() is None

    def kill(self) -> None:
        """End the process at once; `close` is still to be called."""
        self._process.kill()

    def close(self) -> None:
        """End the process and wait for it; a forked child only forgets it. Idempotent."""
        self._stop()


def _stop(process: subprocess.Popen[bytes], pipe: int, log: IO[bytes], home: Home) -> None:
    if home.left:
        process.returncode = 0  # no child of this process, so nothing to wait for
    else:
        _hang_up(pipe)
        try:
            process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    assert process.stdout is not None
    process.stdout.close()
    log.close()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# Our ends of the servers' standard inputs. Plain descriptors: a hook after a fork runs with the
# locks of other threads held for ever, so it must touch no file, no lock and no weak set.
_pipes: set[int] = set()


def _hang_up(pipe: int) -> None:
    _pipes.remove(pipe)  # first: a child that is forked now must not close what has its number next
    os.close(pipe)


def _let_go() -> None:
    """In a forked child: hold up no server's end."""
    for pipe in _pipes:
        os.close(pipe)
    _pipes.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
