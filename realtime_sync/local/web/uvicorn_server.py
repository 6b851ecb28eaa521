"""Starts the server, says where it is, and ends it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

import uvicorn

from ..._threads import spawn
from ...errors import ConfigError
from ..engine_set import EngineSet, open_engines
from ..server_settings import ServerSettings
from .asgi import create_app
from .polite_websocket import PoliteWebSocket

__all__ = ["bind", "serve"]

# 15 MiB of audio, the protocol's limit for one append, in base64, and some JSON around it.
_MAX_MESSAGE_BYTES = 21 * 1024 * 1024
# How long open connections may take to end, and after that, how long the workers may.
_GRACE_S = 2
_LAST_RESORT_S = 8.0


def _no_false_alarm(record: logging.LogRecord) -> bool:
    """Drop what uvicorn says of every upgrade that is refused with an HTTP answer."""
    return "returned without completing handshake" not in record.getMessage()


def serve(settings: ServerSettings, *, child: bool = False) -> None:
    """Serve until stopped by a signal, or as a child by the end of standard input.

    Args:
        settings: what to serve.
        child: be a child process: print a JSON ready line, and let Ctrl+C be the parent's affair.

    Raises:
        ConfigError: the address can't be bound, the certificate can't be used, or an engine
            can't be had.
        AudioError: a speech worker did not start.
    """
    logging.getLogger("uvicorn.error").addFilter(_no_false_alarm)
    with bind(settings) as listener:
        asyncio.run(_serve(settings, listener, child=child))


async def _serve(settings: ServerSettings, listener: socket.socket, *, child: bool) -> None:
    async with open_engines(settings) as engines:
        server = _Server(settings, engines, listener, child=child)
        if child:
            spawn(server.end_with_stdin, name="local-server-stdin")
        await server.serve(sockets=[listener])


class _Server(uvicorn.Server):
    """Reports when it is ready, with the port that was found."""

    def __init__(
        self, settings: ServerSettings, engines: EngineSet, listener: socket.socket, *, child: bool
    ) -> None:
        config = uvicorn.Config(
            create_app(settings, engines),
            # On uvicorn's sans-I/O implementation, which is built on what websockets maintains and
            # has back-pressure in both directions.
            ws=PoliteWebSocket,
            ws_max_size=_MAX_MESSAGE_BYTES,
            ws_per_message_deflate=False,  # base64 audio costs much and shrinks little
            ws_ping_interval=20.0,
            ws_ping_timeout=None,  # a client that is paused (debugger, full queue) is not dead
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
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
        self._child = child

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and, unless a child, on SIGINT, and end normally.

        uvicorn's own raises the signal again afterwards, into the middle of the engines' shutdown.
        """
        handlers: dict[signal.Signals, Any] = {signal.SIGTERM: self.handle_exit}
        handlers[signal.SIGINT] = signal.SIG_IGN if self._child else self.handle_exit
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def end_with_stdin(self) -> None:
        """Stop the server when standard input ends, and the process if that does not help."""
        # os.read: a daemon thread inside sys.stdin aborts the interpreter's exit.
        while os.read(0, 4096):
            pass
        self.should_exit = True
        time.sleep(_LAST_RESORT_S)
        os._exit(1)

    def _announce(self) -> None:
        host, port = self._listener.getsockname()[:2]
        scheme = "https" if self._settings.tls_cert else "http"
        url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/v1"
        if self._child:
            line = json.dumps({"event": "ready", "url": url, "pid": os.getpid()})
        else:
            line = f"serving the realtime protocol on {url} (Ctrl+C stops it)"
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def bind(settings: ServerSettings) -> socket.socket:
    """Return the listening socket.

    Raises:
        ConfigError: the address can't be had.
    """
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=512)
    except (OSError, OverflowError) as exc:
        raise ConfigError(
            f"can't serve on {settings.host}:{settings.port}: {exc}; choose another host or port"
        ) from exc
    # Connections inherit it. asyncio would set it, but only on sockets that were made with
    # IPPROTO_TCP; without it, every second small event waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
