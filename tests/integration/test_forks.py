"""Forks at every step of connecting and of sending: nobody hangs, and the parent goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from guards import GUARD_S
from raw_server import CLOSE, RawPeer, RawServer
from tls import Authority

PROGRAM = str(Path(__file__).parent / "programs" / "fork_steps.py")
CONNECTING = [
    "name lookup",
    "TCP connecting",
    "TLS handshake",
    "upgrade sent",
    "upgrade answered",
    "reader thread starting",
]
SENDING = [
    "send lock held",
    "inside OpenSSL",
    "waiting for the kernel",
    "message posted",
    "close requested",
]

ONLY_TLS = ("TLS handshake", "inside OpenSSL")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


class Server:
    """Takes what comes on each connection, and answers closes."""

    def __init__(self) -> None:
        self.received: list[list[bytes]] = []

    def script(self, peer: RawPeer) -> None:
        peer.accept()
        messages: list[bytes] = []
        self.received.append(messages)
        while True:
            opcode, payload = peer.frame()
            if opcode == CLOSE:
                peer.send(CLOSE, payload)
                peer.expect_end()
                return
            messages.append(payload[:20])


def run(step: str, who: str, *, secure: bool, folder: Path) -> list[list[bytes]]:
    """Run the program; return what came on each connection, that of the child last."""
    server, authority = Server(), Authority()
    (folder / "ca.pem").write_text(authority.pem)
    with RawServer(server.script, authority.server() if secure else None) as listening:
        # By name, where it is looked up, and the certificate's.
        host = "https://localhost" if secure else "http://127.0.0.1"
        if step == "name lookup":
            host = host.replace("127.0.0.1", "localhost")
        command = [
            *(sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning"),
            *(PROGRAM, f"{host}:{listening.port}/v1", str(folder / "ca.pem"), step, who),
        ]
        result = subprocess.run(command, capture_output=True, text=True, timeout=GUARD_S)
        # Before the server tells that its client is gone.
        assert (result.returncode, result.stderr) == (0, ""), result.stdout + result.stderr
    assert result.stdout == "closed by the parent\n"
    return sorted(server.received, key=lambda messages: messages == [b"from the child"])


def at_each(*steps: str) -> pytest.MarkDecorator:
    """Parametrize by step and scheme."""
    both = [(step, secure) for step in steps for secure in (False, True)]
    cases = [
        pytest.param(step, secure, id=f"{step}, {'wss' if secure else 'ws'}")
        for step, secure in both
        if secure or step not in ONLY_TLS
    ]
    return pytest.mark.parametrize(("step", "secure"), cases)


@at_each(*CONNECTING)
def test_a_fork_beside_a_thread_that_connects(step: str, secure: bool, tmp_path: Path) -> None:
    assert run(step, "another", secure=secure, folder=tmp_path) == [
        [b"from the parent"],
        [b"from the child"],
    ]


def of_the_parent(step: str) -> list[bytes]:
    if step == "close requested":
        return []
    return [b"x" * 20 if step == "waiting for the kernel" else b"at the step", b"from the parent"]


@at_each(*SENDING)
def test_a_fork_beside_a_thread_that_sends(step: str, secure: bool, tmp_path: Path) -> None:
    assert run(step, "another", secure=secure, folder=tmp_path) == [
        of_the_parent(step),
        [b"from the child"],
    ]


@at_each("send lock held", "inside OpenSSL", "waiting for the kernel")
def test_a_fork_in_the_middle_of_a_send(step: str, secure: bool, tmp_path: Path) -> None:
    """In a signal handler, say: the child comes back into the call, and is refused there."""
    assert run(step, "itself", secure=secure, folder=tmp_path) == [of_the_parent(step)]


@pytest.mark.parametrize(
    "program", ["fork_agents.py", "fork_loop.py", "fork_call.py", "fork_sip.py"]
)
def test_a_fork_beside_an_engine(program: str) -> None:
    command = [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning"]
    result = subprocess.run(
        [*command, str(Path(PROGRAM).with_name(program))],
        capture_output=True,
        text=True,
        timeout=GUARD_S,
    )
    assert (result.returncode, result.stderr) == (0, ""), result.stdout + result.stderr
    assert result.stdout == "the parent goes on\n"
