"""The published clients of other languages and projects, each a program that holds a conversation.

``tests/peers/README.md`` tells what goes in and what comes out.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from embedded import Server, question, silence

REPOSITORY = Path(__file__).parents[2]
PEERS = REPOSITORY / "tests" / "peers"
# Set by `make test-peers`, which must not pass because nothing could be installed.
REQUIRED = "REALTIME_SYNC_PEERS" in os.environ
_LIMIT_S = 60  # below the limit of a test, so that the program's output is shown

WEATHER: dict[str, Any] = {
    "tool": {
        "name": "get_weather",
        "description": "Tell the weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
    "tool_output": '{"city": "London", "condition": "sunny", "temperature": 21}',
}

Result = dict[str, Any]

versions: set[str] = set()
"""Which clients held a conversation, for the summary of the run."""


def install(part: str) -> None:
    """Install one part of the clients, or skip the test where that can't be done."""
    problem = _set_up(part)
    if problem:
        (pytest.fail if REQUIRED else pytest.skip)(f"{part} can't be installed: {problem}")


@functools.cache
def _set_up(part: str) -> str:
    """Return what went wrong, ``""`` if nothing did; a registry out of reach is tried once."""
    script = [str(REPOSITORY / "scripts" / "setup_peers.sh"), part]
    try:
        done = subprocess.run(script, capture_output=True, text=True, timeout=_LIMIT_S)
    except subprocess.TimeoutExpired:
        return f"it took longer than {_LIMIT_S} s; run {' '.join(script)}"
    return done.stderr.strip().rpartition("\n")[2] if done.returncode else ""


class Peer:
    """One client, installed.

    Args:
        command: what runs its program.
        server: whom it talks to.
        folder: for files of this test.
        hz: the rate at which it speaks.
    """

    def __init__(
        self, command: list[str], server: Server, folder: Path, *, hz: int = 24_000
    ) -> None:
        self._command = command
        self._server = server
        self._folder = folder
        self._hz = hz

    def talk(self, *, modality: str = "audio", **order: Any) -> Result:
        """Hold a conversation; whatever the client complains about fails the test.

        Args:
            modality: of the answers.
            order: the other fields of the order. ``pcm`` and ``interrupt_pcm`` are names of
                questions here; silence follows them.
        """
        for field in ("pcm", "interrupt_pcm"):
            if field in order:
                order[field] = self._record(order[field])
        order |= {"url": self._server.url, "key": self._server.key, "modality": modality}
        done = subprocess.run(
            self._command,
            input=json.dumps(order),
            env={**os.environ, **self._trust()},
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
        )
        if done.returncode or not done.stdout:
            pytest.fail(f"ended with {done.returncode}\n{done.stdout}{done.stderr}", pytrace=False)
        result: Result = json.loads(done.stdout.splitlines()[-1])
        versions.add(", ".join(f"{name} {number}" for name, number in result["versions"].items()))
        assert result["unknown"] == []
        assert result["errors"] == []
        assert "error" not in result["events"]
        return result

    def _record(self, name: str) -> str:
        path = self._folder / f"{name}.pcm"
        path.write_bytes(question(name, hz=self._hz) + silence(1_500, hz=self._hz))
        return str(path)

    def _trust(self) -> dict[str, str]:
        if self._server.ca is None:
            return {}
        path = self._folder / "ca.pem"
        self._server.ca.cert_pem.write_to_path(path)
        names = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
        return dict.fromkeys(names, str(path))


def node_peer(packages: str, program: str, server: Server, folder: Path) -> Peer:
    """Return a client for Node.

    Args:
        packages: the folder whose packages it is to use.
        program: the folder whose program it is to run.
        server: whom it talks to.
        folder: for files of this test.
    """
    install(packages)
    there = REPOSITORY / "build" / "peers" / packages
    if shutil.which("node") is None or not (there / ".ready").exists():
        pytest.skip("needs Node 20 or newer, with npm")
    # A module finds the packages beside itself, and nowhere else.
    copy = Path(shutil.copy(PEERS / program / "talk.mjs", there / f"{program}.mjs"))
    return Peer(["node", str(copy)], server, folder)


def python_peer(program: str, server: Server, folder: Path) -> Peer:
    """Return a client for Python; ``program`` is the name of its file."""
    python = _python("python", "peers", oldest=11)
    return Peer([python, str(PEERS / "python" / program)], server, folder)


def airefinery_python() -> str:
    """Return the interpreter that has the SDK of the Realtime Distiller."""
    return _python("airefinery", "airefinery", oldest=12)


def litellm_python() -> str:
    """Return the interpreter that has LiteLLM, with its proxy."""
    return _python("litellm", "litellm", oldest=11)


def openai_newest_python() -> str:
    """Return the interpreter that has the newest `openai`."""
    return _python("openai_newest", "openai_newest", oldest=10)


def _python(part: str, venv: str, *, oldest: int) -> str:
    """Return the interpreter of an environment with the clients of ``part``."""
    install(part)
    folder = REPOSITORY / ".venvs" / venv
    if not (folder / ".ready").exists():
        pytest.skip(f"needs a Python from 3.{oldest} to 3.13")
    return str(folder / "bin" / "python")


def airefinery_peer(server: Server, folder: Path) -> Peer:
    """Return the SDK of the Realtime Distiller, which speaks 16 kHz."""
    command = [airefinery_python(), str(PEERS / "airefinery" / "talk.py")]
    return Peer(command, server, folder, hz=16_000)
