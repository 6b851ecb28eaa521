"""One server over plain sockets and one over TLS, for all integration tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import trustme
from embedded import Server, run_server
from raw_links import contexts, narrow, opened

__all__ = ["contexts", "narrow", "opened"]


@pytest.fixture(scope="session")
def ws_server() -> Iterator[Server]:
    """The default server, with the friendly assistant."""
    with run_server() as server:
        yield server


@pytest.fixture(scope="session")
def wss_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The same behind TLS."""
    ca = trustme.CA()
    pem = tmp_path_factory.mktemp("tls") / "server.pem"
    ca.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(pem)
    with run_server("--tls-cert", str(pem), ca=ca) as server:
        yield server


@pytest.fixture(params=["ws", "wss"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each test that asks for it runs over plain sockets and over TLS."""
    found: Server = request.getfixturevalue(f"{request.param}_server")
    return found
