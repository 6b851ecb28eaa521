"""A transport whose peer follows a script, and calls in threads of their own."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from guards import GUARD_S
from raw_server import RawPeer, RawServer, Script
from tls import Authority

from realtime_sync._net.secrets import Secrets
from realtime_sync.errors import ConnectionClosed
from realtime_sync.transport import Transport, TransportOptions, connect
from realtime_sync.transport._handshake import Opened
from realtime_sync.transport._websocket import WebSocketTransport

Contexts = tuple[ssl.SSLContext, ssl.SSLContext]
Opener = Callable[..., AbstractContextManager[Transport]]

HUGE = "x" * (32 << 20)  # more than any kernel takes for a peer that does not read


@pytest.fixture(scope="session")
def contexts() -> Contexts:
    """A server's context and that of a client which trusts it."""
    authority = Authority()
    return authority.server(), authority.client()


@pytest.fixture(params=["ws", "wss"])
def opened(request: pytest.FixtureRequest, contexts: Contexts) -> Opener:
    """``opened(script, **options)``: a transport whose peer runs ``script`` after the handshake.

    With ``compression="deflate"`` the peer agrees to it.
    """
    server_context = contexts[0] if request.param == "wss" else None

    @contextmanager
    def open_link(script: Script, **options: object) -> Iterator[Transport]:
        agreed = options.get("compression") == "deflate"

        def accepting(peer: RawPeer) -> None:
            extension = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
            peer.accept(extra=extension if agreed else "")
            script(peer)

        with RawServer(accepting, server_context) as server:
            chosen = TransportOptions(proxy="", ssl_context=contexts[1], **options)  # type: ignore[arg-type]
            transport = connect(server.url, headers={}, options=chosen)
            try:
                yield transport
            finally:
                transport.abort()

    return open_link


@pytest.fixture(params=["ws", "wss"])
def narrow(
    request: pytest.FixtureRequest, contexts: Contexts
) -> Iterator[tuple[Transport, RawPeer]]:
    """A transport and its peer, whose kernels take as little as can be; without a handshake."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # the least there is
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        server.settimeout(GUARD_S)
        if request.param == "wss":
            accepting = Call(lambda: contexts[0].wrap_socket(server, server_side=True))
            client = contexts[1].wrap_socket(client, server_hostname="localhost")
            accepting.join(GUARD_S)
            assert isinstance(accepting.result, socket.socket)
            server = accepting.result
        with server:
            opened = Opened(client, b"", [], Secrets("ws://localhost", {}))
            transport = WebSocketTransport(opened, TransportOptions())
            yield transport, RawPeer(server)
            transport.abort()


def drain(transport: Transport) -> None:
    """Read to the end, which raises."""
    while True:
        transport.read()


def end_of(transport: Transport) -> ConnectionClosed:
    """Read to the end; check that it stays the same."""
    with pytest.raises(ConnectionClosed) as caught:
        drain(transport)
    with pytest.raises(type(caught.value)) as again:
        transport.read()
    assert again.value is not caught.value
    assert (again.value.code, again.value.reason) == (caught.value.code, caught.value.reason)
    assert transport.closed
    with pytest.raises(ConnectionClosed):
        transport.send("too late")
    return caught.value


class Call(threading.Thread):
    """Runs one call and keeps what came out."""

    def __init__(self, call: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self.result: object = None
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Do it."""
        try:
            self.result = self._call()
        except BaseException as exc:
            self.error = exc
