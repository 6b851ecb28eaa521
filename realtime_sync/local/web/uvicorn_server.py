"""Starts the server, says where it is, and ends it."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import functools
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from typing import TextIO

import uvicorn

from ..._threads import spawn
from ...errors import AudioError, ConfigError
from ..engine_set import EngineSet, open_engines
from ..server_settings import ServerSettings
from .asgi import create_app
from .descriptors import FailedAccepts, fitted
from .incoming import IncomingMessages
from .open_sessions import OpenSessions
from .server_log import logging_to_stderr
from .stop_signals import stop_signals
from .timed_connections import MOST_WAITING, TimedHttp, Waiting

__all__ = ["bind", "serve"]

_log = logging.getLogger("realtime_sync.local")

# 15 MiB of audio, the protocol's limit for one append, in base64, and some JSON around it.
_MAX_MESSAGE_BYTES = 21 * 1024 * 1024
# How long clients may take to answer the close of their session, and requests to be served.
_GRACE_S = 2.0
_LAST_RESORT_S = 8.0  # a parent's child that does not end by then is ended
_GOING_AWAY = 1001
_M_MMAP_THRESHOLD = -3  # of glibc's malloc.h
_LARGE_BYTES = 128 * 1024  # glibc's own, to begin with


def serve(settings: ServerSettings, *, child: bool = False) -> None:
    """Serve until stopped by a signal, or as a child by the end of standard input.

    At SIGTERM, open sessions may go on for `ServerSettings.drain_s`, and new ones are refused. At
    any other signal, or a second one, they are closed.

    Args:
        settings: what to serve.
        child: be a child process: print a JSON ready line, and let Ctrl+C be the parent's affair.

    Raises:
        ConfigError: the address can't be bound, the certificate can't be used, or an engine
            can't be had.
        AudioError: a speech worker did not start.
    """
    _give_large_blocks_back()
    _open_standard_streams()
    with logging_to_stderr(settings.log_level), bind(settings) as listener:
        settings, most_waiting = fitted(settings, MOST_WAITING)
        asyncio.run(_serve(settings, listener, most_waiting, child=child))


def _open_standard_streams() -> None:
    """Open what is closed of 0, 1 and 2 to nowhere.

    Else a client's socket gets that number, and what libraries print.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:  # the lowest that is free
        pass
    os.close(number)


def _give_large_blocks_back() -> None:
    """Have what a crowd has taken go back to the system when it is freed.

    By itself glibc keeps what is as large as anything that was freed before, and of 300 detectors
    none went back. Other C libraries have no such setting, or need none.
    """
    with contextlib.suppress(AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


async def _serve(
    settings: ServerSettings, listener: socket.socket, most_waiting: int, *, child: bool
) -> None:
    loop, starting = asyncio.get_running_loop(), asyncio.current_task()
    assert starting is not None
    loop.set_exception_handler(FailedAccepts())
    server: _Server | None = None
    stopped = False

    def stop(gently: bool) -> None:
        nonlocal stopped
        stopped = True
        if server is None:
            starting.cancel()
        else:
            server.stop(gently=gently)

    with stop_signals(lambda gently: loop.call_soon_threadsafe(stop, gently), child=child):
        try:
            async with open_engines(settings) as engines:
                server = _Server(
                    settings, engines, listener, child=child, most_waiting=most_waiting
                )
                if child:
                    end = functools.partial(loop.call_soon_threadsafe, stop, False)
                    spawn(lambda: _end_with_stdin(end), name="local-server-stdin")
                await server.serve(sockets=[listener])
        except (asyncio.CancelledError, AudioError):  # the signal may have hit a worker as well
            if server is not None or not stopped:
                raise


def _end_with_stdin(end: Callable[[], object]) -> None:
    """Stop the server when standard input ends, and the process if that does not help."""
    # os.read: a daemon thread inside sys.stdin aborts the interpreter's exit.
    while os.read(0, 4096):
        pass
    with contextlib.suppress(RuntimeError):  # it has ended already
        end()
    time.sleep(_LAST_RESORT_S)
    os._exit(1)


class _Server(uvicorn.Server):
    """Reports when it is ready, with the port that was found, and ends with its sessions."""

    def __init__(
        self,
        settings: ServerSettings,
        engines: EngineSet,
        listener: socket.socket,
        *,
        child: bool,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        sessions = OpenSessions()
        config = uvicorn.Config(
            create_app(settings, engines, sessions),
            ws="none",  # `TimedHttp` has its own
            ws_max_size=_MAX_MESSAGE_BYTES,
            ws_per_message_deflate=False,  # base64 audio costs much and shrinks little
            ws_ping_interval=20.0,
            ws_ping_timeout=None,  # a client that is paused (debugger, full queue) is not dead
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            # Longer than `shutdown` needs: after that, uvicorn leaves tasks behind.
            timeout_graceful_shutdown=int(_GRACE_S) + 1,
            ssl_certfile=settings.tls_cert,
            ssl_keyfile=settings.tls_key,
        )
        try:
            config.load()
        except OSError as exc:  # ssl.SSLError is one
            raise ConfigError(
                f"the certificate {str(settings.tls_cert)!r} can't be used: {exc}"
            ) from exc
        super().__init__(config)
        self._settings = settings
        self._listener = listener
        self._most_waiting = most_waiting
        self._child = child
        self._sessions = sessions
        self._draining: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, with connections of our own, and say so."""
        limit_s = self._settings.request_timeout_s
        waiting = Waiting(limit_s, most=self._most_waiting)
        incoming = IncomingMessages(
            self._settings.message_timeout_s, self._settings.max_incoming_mib << 20
        )
        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(
                lambda: TimedHttp(self.config, self.server_state, waiting, incoming),
                sock=listener,
                backlog=self.config.backlog,
                ssl=self.config.ssl,
                ssl_handshake_timeout=limit_s if self.config.ssl else None,
            )
            for listener in sockets or []
        ]
        self.started = True
        self._announce()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `stop_signals`.

        uvicorn's own raises the signal again afterwards, into the middle of the engines' shutdown.
        """
        yield

    def stop(self, *, gently: bool) -> None:
        """Begin to end; or hurry, when it was asked before.

        Args:
            gently: open sessions may go on for a while.
        """
        if gently and not self._sessions.draining:
            self._draining = asyncio.ensure_future(self._drain())
        elif not self.should_exit:
            self.should_exit = True
        else:
            self._abort()

    async def _drain(self) -> None:
        """Let no session in, and end when the last one has ended, or after the limit."""
        self._sessions.draining = True
        limit_s = self._settings.drain_s
        _log.info("stopping: %d sessions may go on for %g s", len(self._sessions), limit_s)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._sessions.none_open(), limit_s)
        if self._sessions:
            left = len(self._sessions)
            _log.warning("the limit of %g s is over: %d sessions are closed", limit_s, left)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the sessions in order, and then everything."""
        self._sessions.draining = True
        _log.info("stopping, with %d open sessions", len(self._sessions))
        closing = self._sessions.end_all(_GOING_AWAY, "the server is shutting down")
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(closing, _GRACE_S)
        aborting = asyncio.get_running_loop().call_later(_GRACE_S, self._abort)
        await super().shutdown(sockets)
        aborting.cancel()

    def _abort(self) -> None:
        """Wait for nobody any more."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    def _announce(self) -> None:
        host, port = self._listener.getsockname()[:2]
        if self._child:
            # Its owner connects: to this machine, not to "all addresses".
            host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # compared
        scheme = "https" if self._settings.tls_cert else "http"
        url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/v1"
        if self._child:
            line = json.dumps({"event": "ready", "url": url, "pid": os.getpid()})
        else:
            line = f"serving the realtime protocol on {url} (Ctrl+C stops it)"
        _print(line)


def _print(line: str) -> None:
    """Print a line if anybody takes it: a service may have no standard output, or a full one."""
    stdout: TextIO | None = sys.stdout
    if stdout is None:
        return
    try:
        stdout.write(line + "\n")
        stdout.flush()
    except OSError as exc:
        _log.warning("standard output takes nothing: %s", exc.strerror)
        # What its buffer holds goes nowhere, or the interpreter's end would fail with it.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stdout.fileno())
        os.close(nowhere)


def bind(settings: ServerSettings) -> socket.socket:
    """Return the listening socket.

    Raises:
        ConfigError: the address can't be had.
    """
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=512)
    except (OSError, OverflowError, ValueError) as exc:  # a name that is none is a ValueError
        raise ConfigError(
            f"can't serve on {settings.host}:{settings.port}: {exc}; choose another host or port"
        ) from exc
    # Connections inherit it. asyncio would set it, but only on sockets that were made with
    # IPPROTO_TCP; without it, every second small event waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
