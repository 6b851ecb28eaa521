"""`Local`: the embedded server's process lives exactly as long as its owner wants it."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import psutil
import pytest
import trustme
from guards import Guard

from realtime_sync import (
    AuthenticationError,
    ConfigError,
    ConnectError,
    Local,
    NotFoundError,
    OpenAI,
    RealtimeConnection,
)

TEXT = {"output_modalities": ["text"]}


def family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def gone(processes: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


def test_a_conversation_with_no_key_and_no_network(guard: Guard) -> None:
    with Local() as client:
        with client.realtime.connect() as connection:
            assert connection.recv(30).type == "session.created"
            assert connection.ask("Hello!", response=TEXT).text
        server = client._server()
        processes = family(server.pid)
        with client.realtime.connect() as connection:
            assert connection.recv(30).type == "session.created"
        assert client._server() is server, "one process serves every connection"
    guard.until(lambda: gone(processes), "the end of the server and its workers")


def test_joining_a_running_server_and_wrong_requests() -> None:
    with Local() as owner:
        guest = Local(url=owner.url, api_key=owner.api_key)
        with guest, guest.realtime.connect() as connection:
            assert connection.recv(30).type == "session.created"
        with owner.realtime.connect() as connection:
            assert connection.recv(30).type == "session.created", "a guest does not end it"
        stranger = OpenAI(api_key="wrong", base_url=owner.url)
        with pytest.raises(AuthenticationError, match="Incorrect API key") as caught:
            stranger.realtime.connect(model="gpt-realtime-2").enter()
        assert caught.value.status == 401
        assert "wrong" not in str(caught.value)
        with pytest.raises(NotFoundError, match="no-such-model"):
            owner.realtime.connect(model="no-such-model").enter()


def test_a_server_that_died_is_started_again(guard: Guard) -> None:
    with Local() as client:
        first = client._server()
        os.kill(first.pid, signal.SIGKILL)
        guard.until(lambda: not first.running, "the server's death")
        with client.realtime.connect() as connection:
            assert connection.recv(30).type == "session.created"
        assert client._server().pid != first.pid


def test_a_wrong_responder_is_named() -> None:
    with Local(responder="nonsense") as client, pytest.raises(ConfigError, match="nonsense"):
        client.realtime.connect().enter()
    with pytest.raises(ConfigError, match="server of our own"):
        Local(url="http://127.0.0.1:1/v1", responder="echo")


COMMANDS = ["Show me the gantry!", "Arm the torpedoes.", "my name is Ada"]


def heard(connection: RealtimeConnection, words: str) -> str:
    """What the recogniser makes of ``words``, which the echo says aloud, and what it hears."""
    spoken = connection.ask(words).audio
    return connection.ask(audio=spoken, response=TEXT).text


@pytest.mark.parametrize("form", ["list", "file"])
def test_words_of_ones_own_are_recognised(tmp_path: Path, form: str) -> None:
    path = tmp_path / "commands.txt"
    path.write_text("\n".join(COMMANDS))
    grammar = COMMANDS if form == "list" else path
    with (
        Local(responder="echo", grammar=grammar) as client,
        client.realtime.connect() as connection,
    ):
        for command in COMMANDS:
            assert heard(connection, command) == command.rstrip("!.").lower()
        assert heard(connection, "turn the radio off") == "I heard nothing."
    if form == "list":
        with Local(responder="echo") as client, client.realtime.connect() as connection:
            for command in COMMANDS:
                assert heard(connection, command) != command.rstrip("!.").lower()


def test_a_grammar_that_can_not_be_heard() -> None:
    with (
        Local(grammar=["the zzyzx", "stop", "flumph 19"]) as client,
        pytest.raises(ConfigError, match=r"lacks '19', 'flumph', 'zzyzx'; write each of them as"),
    ):
        client.realtime.connect().enter()
    with Local(grammar="turn on") as client, pytest.raises(ConfigError, match="'turn on' can't be"):
        client.realtime.connect().enter()
    wrong: tuple[Any, ...] = ([], [""], ["stop", 1], [None], 5)
    for grammar in wrong:
        with pytest.raises(ConfigError, match="a list of phrases such as"):
            Local(grammar=grammar)
    with pytest.raises(ConfigError, match="grammar belongs to a server of our own"):
        Local(url="http://127.0.0.1:1/v1", grammar=["stop"])


def test_a_folder_for_projects(tmp_path: Path) -> None:
    with Local(projects=tmp_path / "projects") as client:
        assert client.url
        assert (tmp_path / "projects").is_dir()
    (tmp_path / "file").touch()
    with (
        Local(projects=tmp_path / "file") as client,
        pytest.raises(ConfigError, match="there can be no projects in"),
    ):
        _ = client.url
    with pytest.raises(ConfigError, match="projects belongs to a server of our own"):
        Local(url="http://127.0.0.1:1/v1", projects=tmp_path)


def test_a_key_and_models_of_ones_own() -> None:
    with Local(api_key="my-key", models=["my-model", "test-*"]) as client:
        assert client.api_key == "my-key"
        with OpenAI(api_key="my-key", base_url=client.url) as other:
            for model in ("my-model", "test-1", "gpt-realtime"):
                with other.realtime.connect(model=model) as connection:
                    created = connection.wait_for("session.created", timeout=30)
                    assert created.session.model == model
            with pytest.raises(NotFoundError, match="its option --model adds others"):
                other.realtime.connect(model="my-model-2").enter()


@pytest.mark.parametrize(("host", "reached_at"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]")])
def test_over_tls_and_at_all_addresses(tmp_path: Path, host: str, reached_at: str) -> None:
    if host == "::" and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    ca = trustme.CA()
    pem = tmp_path / "server.pem"
    ca.issue_cert("127.0.0.1", "::1").private_key_and_cert_chain_pem.write_to_path(pem)
    trusting = ssl.create_default_context()
    ca.configure_trust(trusting)
    with Local(host=host, tls_cert=pem, ssl_context=trusting) as client:
        assert client.url.startswith(f"https://{reached_at}:")
        with client.realtime.connect() as connection:
            assert connection.recv(30).type == "session.created"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"port": 65_536}, "^the port is 65536; choose one"),
        ({"session_limit": 0}, "^the session limit is 0; give seconds"),
        ({"tls_key": "key.pem"}, "^a TLS key needs its certificate chain"),
        ({"tls_cert": "no.pem"}, "^the certificate 'no.pem' can't be used"),
        ({"models": ["a\0b"]}, "^--model has something in it that is no character"),
        ({"models": ["m\ud800"]}, "^--model has something in it that is no character"),
    ],
)
def test_a_wrong_option_is_told_at_the_start(options: dict[str, Any], problem: str) -> None:
    with Local(**options) as client, pytest.raises(ConfigError, match=problem):
        client.realtime.connect().enter()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"port": "x"}, "^port must be a whole number, not 'x'$"),
        ({"session_limit": True}, "^session_limit must be a number"),
        ({"tls_cert": b"server.pem"}, "^tls_cert must be the path of a file"),
        ({"host": "a\0b"}, "^host must be a text"),
        ({"api_key": "a\0b"}, "^api_key is not one line"),
        ({"api_key": b"key"}, "^api_key is a bytes; pass a text"),
        ({"url": "127.0.0.1:8765"}, "^url has the scheme"),
        ({"url": 8765}, "^url must be a text"),
    ],
)
def test_an_option_of_a_wrong_type_is_told_at_once(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        Local(**options)


def test_nobody_listens() -> None:
    with Local(url="http://127.0.0.1:1/v1") as client, pytest.raises(ConnectError):
        client.realtime.connect().enter()


PROGRAM = textwrap.dedent(
    """
    import os, sys
    from realtime_sync import Local

    client = Local()
    connection = client.realtime.connect().enter()
    connection.recv(30)
    {action}
    print(client._server().pid, flush=True)
    {then}
    """
)


def start(action: str = "pass", then: str = "sys.stdin.read()") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(action=action, then=then)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_parent_that_is_killed_takes_its_server_along(guard: Guard) -> None:
    with start() as parent:
        assert parent.stdout is not None
        processes = family(int(parent.stdout.readline()))
        parent.kill()
        guard.until(lambda: gone(processes), "the end of the orphaned server")


def test_a_forked_child_does_not_keep_the_server_alive(guard: Guard) -> None:
    fork = "child = os.fork() or (sys.stdin.read(), os._exit(0)); print(child, flush=True)"
    with start(action=fork) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        processes = family(int(parent.stdout.readline()))
        parent.kill()
        guard.until(lambda: gone(processes), "the end of the server")
        assert not gone([child]), "the child lived through it"
        assert parent.stdin is not None
        parent.stdin.close()
        guard.until(lambda: gone([child]), "the child's own end")


def test_leaving_without_close_is_quiet_and_quick() -> None:
    with start(then="sys.exit(0)") as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert parent.wait(30) == 0
        assert not psutil.pid_exists(pid) or gone([psutil.Process(pid)])
