"""permessage-deflate with a published server, and with servers that break its rules."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest
from guards import GUARD_S
from raw_server import CLOSE, TEXT, RawPeer, RawServer, close_payload, server_frame
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.sync.server import ServerConnection, serve

from realtime_sync.errors import ConnectError, ConnectionClosedError
from realtime_sync.transport import Transport, TransportOptions, connect

MESSAGES = ["", "hi", '{"type":"session.update"}' * 40, "ü" * 40_000, "x" * 200_000]


@contextmanager
def echo(**options: Any) -> Iterator[str]:
    """A server that repeats every message; yields its URL."""

    def handler(connection: ServerConnection) -> None:
        for message in connection:
            # A number says in how many fragments.
            head, _, text = str(message).partition(":")
            size = max(1, len(text) // int(head))
            connection.send(text[i : i + size] for i in range(0, max(1, len(text)), size))

    with serve(handler, "127.0.0.1", 0, max_size=None, **options) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/"
        server.shutdown()
    thread.join(GUARD_S)
    assert not thread.is_alive()


@contextmanager
def opened(url: str, **options: Any) -> Iterator[Transport]:
    options = {"compression": "deflate", **options}
    transport = connect(url, headers={}, options=TransportOptions(proxy="", **options))
    try:
        yield transport
    finally:
        transport.abort()


@pytest.mark.parametrize(
    "factory",
    [
        ServerPerMessageDeflateFactory(),
        ServerPerMessageDeflateFactory(server_no_context_takeover=True),
        ServerPerMessageDeflateFactory(client_no_context_takeover=True),
        ServerPerMessageDeflateFactory(server_max_window_bits=9, client_max_window_bits=9),
    ],
    ids=["plain", "server forgets", "client forgets", "small windows"],
)
def test_a_published_server(factory: ServerPerMessageDeflateFactory) -> None:
    with echo(extensions=[factory]) as url, opened(url) as transport:
        for fragments in (1, 3):
            for message in MESSAGES * 2:
                transport.send(f"{fragments}:{message}")
                assert transport.read() == [message]
        total = sum(len(message.encode()) for message in MESSAGES)
        assert transport.bytes_out < total // 10
        assert transport.bytes_in < total // 10


def test_a_server_that_declines() -> None:
    with echo(compression=None) as url, opened(url) as transport:
        transport.send("1:" + "x" * 10_000)
        assert transport.read() == ["x" * 10_000]
        assert transport.bytes_out > 10_000


def test_it_is_not_offered_unless_asked_for() -> None:
    def script(peer: RawPeer) -> None:
        peer.accept()
        assert peer.header("Sec-WebSocket-Extensions") is None
        peer.expect_end()

    with RawServer(script) as server, opened(server.url, compression=None):
        pass


@pytest.mark.parametrize(
    ("compression", "answer", "words"),
    [
        (None, "permessage-deflate", "pass compression='deflate'"),
        ("deflate", "permessage-bzip2", "was not offered"),
        ("deflate", "permessage-deflate; client_max_window_bits=99", "client_max_window_bits=99"),
    ],
)
def test_an_answer_that_breaks_the_rules(compression: str | None, answer: str, words: str) -> None:
    def script(peer: RawPeer) -> None:
        peer.accept(extra=f"Sec-WebSocket-Extensions: {answer}\r\n")
        peer.expect_end()

    with (
        RawServer(script) as server,
        pytest.raises(ConnectError) as caught,
        opened(server.url, compression=compression),
    ):
        pass
    assert words in str(caught.value)


@pytest.mark.parametrize("agreed", [True, False])
def test_too_large_and_unsolicited_messages_close_the_link(agreed: bool) -> None:
    compressor = zlib.compressobj(wbits=-15)
    data = compressor.compress(bytes(10_000_000)) + compressor.flush(zlib.Z_SYNC_FLUSH)
    message = bytearray(server_frame(TEXT, data[:-4]))
    message[0] |= 0x40
    code = 1009 if agreed else 1002

    def script(peer: RawPeer) -> None:
        extra = "Sec-WebSocket-Extensions: permessage-deflate\r\n" if agreed else ""
        peer.accept(extra=extra)
        peer.sock.sendall(server_frame(TEXT, b"good") + bytes(message))
        opcode, payload = peer.frame()
        assert (opcode, payload[:2]) == (CLOSE, close_payload(code))
        peer.expect_end()

    with RawServer(script) as server, opened(server.url, max_size=1_000_000) as transport:
        assert transport.read() == ["good"]
        with pytest.raises(ConnectionClosedError) as caught:
            transport.read()
        assert caught.value.code == code
