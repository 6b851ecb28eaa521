"""TLS: private authorities, client certificates, and what is said when they are wrong."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path

import pytest
from raw_server import TEXT, RawPeer, RawServer, server_frame
from tls import Authority

from realtime_sync.errors import ConnectError, ConnectionClosed
from realtime_sync.transport import TransportOptions, connect


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def greet(peer: RawPeer) -> None:
    assert isinstance(peer.sock, ssl.SSLSocket)
    certificate = peer.sock.getpeercert() or {}
    names = [value for _, value in certificate.get("subjectAltName", ())]  # type: ignore[misc]
    peer.accept(server_frame(TEXT, f"hello {names}".encode()))
    peer.expect_end()


def greeting(url: str, context: ssl.SSLContext) -> str | bytes:
    options = TransportOptions(proxy="", ssl_context=context)
    transport = connect(url, headers={}, options=options)
    try:
        return transport.read()[0]
    finally:
        transport.abort()


def test_an_authority_in_a_file(authority: Authority, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(authority.pem)
    with RawServer(greet, authority.server()) as server:
        context = ssl.create_default_context(cafile=str(file))
        assert greeting(server.url, context) == "hello []"


def test_a_client_certificate(authority: Authority) -> None:
    with RawServer(greet, authority.server(ask_clients=True)) as server:
        context = authority.client("worker-7.example")
        assert greeting(server.url, context) == "hello ['worker-7.example']"


@pytest.mark.parametrize("stranger", [False, True], ids=["none", "of another authority"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_without_the_right_certificate(
    authority: Authority, stranger: bool, version: ssl.TLSVersion
) -> None:
    """With TLS 1.3 the client hears of it only after its own handshake is done."""
    context = authority.client()
    context.maximum_version = version
    if stranger:
        other = Authority()
        other._ca.issue_cert("stranger.example").configure_cert(context)
    with (
        contextlib.suppress(ssl.SSLError),
        RawServer(greet, authority.server(ask_clients=True)) as server,
    ):
        with pytest.raises((ConnectError, ConnectionClosed)) as caught:
            greeting(server.url, context)
        assert isinstance(caught.value, ConnectError)
        print(caught.value)


def test_an_authority_that_is_not_known(authority: Authority) -> None:
    with (
        contextlib.suppress(ssl.SSLError),
        RawServer(greet, authority.server()) as server,
        pytest.raises(ConnectError, match=r"certificate of localhost:\d+ is not trusted"),
    ):
        greeting(server.url, ssl.create_default_context())
