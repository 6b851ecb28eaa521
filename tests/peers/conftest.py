"""The servers, and which clients are light enough for every run.

The `openai` package for Node takes a few seconds and 20 MB, `airefinery-sdk` half a minute and 290
MB; it needs Python 3.12, so a run on that or a newer one tests it. The others take minutes or
several hundred megabytes: only `make test-peers` tests them, and the SDK at the sound card.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
import trustme
from embedded import Server, run_server
from peers import REQUIRED, versions

_HEAVY = [
    "test_agents_realtime.py",
    "test_litellm.py",
    "test_livekit.py",
    "test_pipecat.py",
    "test_websockets.py",
]
# Asks for the newest version at each run.
_NEWEST = ["test_openai_types.py"]
# Who has the SDK and who has the sound card may be two workers of a parallel run.
_APART = ["test_airefinery_aloud.py"]
collect_ignore = [] if REQUIRED else [*_HEAVY, *_NEWEST, *_APART]
if not REQUIRED and sys.version_info < (3, 12):
    collect_ignore.append("test_airefinery.py")


@pytest.fixture(scope="session", params=["ws", "wss"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The default server, over plain sockets and over TLS."""
    if request.param == "ws":
        with run_server() as plain:
            yield plain
        return
    ca = trustme.CA()
    pem = tmp_path_factory.mktemp("tls") / "server.pem"
    ca.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(pem)
    with run_server("--tls-cert", str(pem), ca=ca) as secure:
        yield secure


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell which versions were tested; in a parallel run only the workers know."""
    for line in sorted(versions):
        terminalreporter.write_line(f"tested with: {line}")
