"""Processes: forks beside an open link or a start, the interpreter's end, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import without_extras
from guards import GUARD_S, Guard
from raw_server import CLOSE, TEXT, RawPeer, RawServer, close_payload
from tls import Authority

PROGRAMS = Path(__file__).parent / "programs"
# Newer Pythons warn of what is tried here on purpose.
WARNINGS = ("-W", "error", "-W", "ignore:This process:DeprecationWarning")


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[str]]:
    """A Python program with pipes; killed if the test fails."""
    process = subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(GUARD_S, process.kill)
    watchdog.start()
    try:
        with process:
            yield process
    finally:
        process.kill()
        watchdog.cancel()
        watchdog.join()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    text = process.stdout.readline().strip()
    if not text:
        process.kill()
        pytest.fail("".join(rest_of(process)), pytrace=False)
    return text


def finish(process: subprocess.Popen[str], code: int = 0) -> str:
    """Let it end; return what it still prints. Nothing may stand on its stderr."""
    output, errors = rest_of(process)
    assert (process.returncode, errors) == (code, ""), output + errors
    return output


def rest_of(process: subprocess.Popen[str]) -> tuple[str, str]:
    assert process.stdout is not None
    assert process.stderr is not None
    # Not `communicate`, which would miss what `line` has read ahead.
    output, errors = process.stdout.read(), process.stderr.read()
    process.wait(GUARD_S)
    return output, errors


# -- forks -----------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize(
    ("way", "secure"),
    [
        ("os.fork", False),
        ("os.fork", True),
        ("multiprocessing", True),
        ("concurrent.futures", False),
        ("gevent", False),
        ("gevent", True),
    ],
)
def test_a_forked_child_is_refused_and_leaves_the_link_alone(
    way: str, secure: bool, tmp_path: Path, guard: Guard
) -> None:
    forked = threading.Event()
    frames: list[tuple[int, bytes]] = []

    def script(peer: RawPeer) -> None:
        peer.accept()
        guard.wait(forked, "the fork")
        frames.extend(peer.frame() for _ in range(2))
        peer.send(TEXT, b"for the parent")
        frames.append(peer.frame())
        peer.send(CLOSE, close_payload(1000))
        peer.expect_end()

    authority = Authority()
    (tmp_path / "ca.pem").write_text(authority.pem)
    program = str(PROGRAMS / "fork_transport.py")
    with (
        RawServer(script, authority.server() if secure else None) as server,
        running(*WARNINGS, program, server.url, str(tmp_path / "ca.pem"), way) as process,
    ):
        assert line(process) == "forked"
        forked.set()
        assert line(process) == "for the parent"
        assert finish(process).startswith("connection closed with code 1000 (closed by this side)")
    assert [(opcode, payload[:20]) for opcode, payload in frames] == [
        (TEXT, b"x" * 20),
        (TEXT, b"from the parent"),
        (CLOSE, close_payload(1000)),
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_connection_in_a_forked_child_refuses_every_call() -> None:
    frames: list[tuple[int, bytes]] = []

    def script(peer: RawPeer) -> None:
        peer.accept()
        frames.append(peer.frame())
        peer.send(TEXT, b'{"type": "session.created", "event_id": "e", "session": {}}')
        frames.append(peer.frame())
        peer.send(CLOSE, close_payload(1000))
        peer.expect_end()

    program = str(PROGRAMS / "fork_connection.py")
    with RawServer(script) as server, running(*WARNINGS, program, base_url(server)) as process:
        assert finish(process) == "closed by the parent\n"
    assert frames == [(TEXT, b"from the parent"), (CLOSE, close_payload(1000))]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_does_not_keep_the_link_of_a_killed_parent(guard: Guard) -> None:
    ended = threading.Event()

    def script(peer: RawPeer) -> None:
        peer.accept()
        peer.expect_end()
        ended.set()

    program = """
        import os, sys
        from realtime_sync.transport import TransportOptions, connect

        transport = connect(sys.argv[1], headers={}, options=TransportOptions(proxy=""))
        child = os.fork()
        if not child:
            print("child", flush=True)
            sys.stdin.read()
            os._exit(0)
        os.waitpid(child, 0)
        """
    with (
        RawServer(script) as server,
        running("-c", textwrap.dedent(program), server.url) as process,
    ):
        assert line(process) == "child"
        process.kill()
        guard.wait(ended, "the end of the link")
        assert process.stdin is not None
        process.stdin.close()  # the child's end


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_talks_to_the_embedded_server_of_its_parent() -> None:
    program = """
        import os, sys
        from realtime_sync import Local

        def ask():
            with client.realtime.connect() as connection:
                return connection.ask("Hello!", response={"output_modalities": ["text"]}).text

        with Local() as client:
            url = client.url
            child = os.fork()
            if not child:
                assert ask() and client.url == url
                client.close()
                sys.exit(0)
            assert os.waitpid(child, 0)[1] == 0
            assert ask(), "the child's close and end left it alone"
            child = os.fork()
            if not child:
                sys.stdin.readline()
                assert ask() and client.url != url, "after the parent's close it starts its own"
                client.close()
                sys.exit(0)
        print("closed", flush=True)
        os.waitpid(child, 0)
        """
    with running(*WARNINGS, "-c", textwrap.dedent(program)) as process:
        assert line(process) == "closed"
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.close()
        assert finish(process) == ""


STAND_IN = str(Path(without_extras.__file__).parent / "stand_in_server.sh")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("step", ["lock held", "spawned", "waiting", "ready"])
def test_a_fork_while_the_embedded_server_starts(step: str, tmp_path: Path) -> None:
    """The child has a server of its own, or its parent's where that was ready."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    program = str(PROGRAMS / "fork_local.py")
    with running(*WARNINGS, program, STAND_IN, step, str(gate)) as process:
        assert finish(process) == "closed\n"


# -- signals ---------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system has no such signals")
def test_a_handler_that_raises_while_the_embedded_server_starts() -> None:
    with running(*WARNINGS, str(PROGRAMS / "strike_local.py"), STAND_IN) as process:
        assert finish(process) == "nothing left\n"


# -- the interpreter's end -------------------------------------------------------------------------


def silent(peer: RawPeer) -> None:
    """A server that never says anything."""
    peer.accept()
    peer.expect_end()


OPEN = """
import os, signal, sys, threading
from realtime_sync import OpenAI, RealtimeTimeout

client = OpenAI(api_key="sk-test", base_url=sys.argv[1], proxy="")
connection = client.realtime.connect(model="m").enter()
"""
IN_A_THREAD = """
thread = threading.Thread(target={target}, daemon=True)
thread.start()
"""


def base_url(server: RawServer) -> str:
    return f"http://127.0.0.1:{server.port}/v1"


RECV = IN_A_THREAD.format(target="connection.recv")
SEND = IN_A_THREAD.format(target="lambda: connection.send_raw('x' * (32 << 20))")


@pytest.mark.parametrize(
    ("rest", "secure"),
    [
        pytest.param("", True, id="in a global"),
        pytest.param("sys.exit(0)", False, id="sys.exit"),
        pytest.param("connection = None", False, id="freed"),
        pytest.param("client.self = [connection, client]", False, id="in a cycle"),
        pytest.param(RECV, False, id="recv"),
        pytest.param(RECV, True, id="recv, wss"),
        pytest.param(IN_A_THREAD.format(target="lambda: list(connection)"), False, id="iteration"),
        pytest.param(IN_A_THREAD.format(target="lambda: connection.ask('hello')"), False, id="ask"),
        pytest.param(SEND, False, id="send"),
        pytest.param(SEND, True, id="send, wss"),
        pytest.param("import atexit; atexit.register(connection.close)", False, id="atexit"),
    ],
)
def test_an_open_connection_does_not_hold_the_interpreters_end(
    rest: str, secure: bool, tmp_path: Path
) -> None:
    authority = Authority()
    (tmp_path / "ca.pem").write_text(authority.pem)
    opening = OPEN
    if secure:
        opening = opening.replace(
            'proxy=""', 'proxy="", ssl_context=__import__("ssl").create_default_context'
            '(cafile=sys.argv[2])',
        )  # fmt: skip

    def script(peer: RawPeer) -> None:
        peer.accept()
        if "close" in rest:
            assert peer.frame()[0] == CLOSE
            peer.send(CLOSE, close_payload(1000))
        peer.expect_end()

    with RawServer(script, authority.server() if secure else None) as server:
        url = base_url(server)
        if secure:
            url = url.replace("http://127.0.0.1", "https://localhost")
        with running("-c", opening + rest, url, str(tmp_path / "ca.pem")) as process:
            started = time.monotonic()
            assert finish(process) == ""
            print(f"{rest or 'the end'}: {time.monotonic() - started:.2f} s with the start")


# -- Ctrl-C ----------------------------------------------------------------------------------------

# Sends the signal when the main thread has stood at one place of this package for a while.
INTERRUPT = """
def interrupt():
    main, place, seen = threading.main_thread().ident, None, 0
    while seen < 10:
        frame = sys._current_frames()[main]
        now = (id(frame), frame.f_lasti)
        inside = "realtime_sync" in str(frame.f_back and frame.f_back.f_code.co_filename)
        seen = seen + 1 if now == place and inside else 0
        place = now
        threading.Event().wait(0.005)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
"""
CAUGHT = """
try:
    {call}
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
STILL_USABLE = """
try:
    connection.recv(timeout=0)
except RealtimeTimeout:
    print("usable", flush=True)
connection.close()
"""


@pytest.mark.parametrize(
    "call",
    [
        "connection.recv()",
        "connection.recv(timeout=60)",
        "connection.ask('hello')",
        "connection.ask('hello', timeout=None)",
        "list(connection)",
        "connection.wait_for('error')",
        "connection.wait_for('error', timeout=60)",
    ],
)
def test_ctrl_c_interrupts_a_wait_and_leaves_the_connection_usable(call: str) -> None:
    def script(peer: RawPeer) -> None:
        peer.accept()
        while peer.frame()[0] != CLOSE:
            pass
        peer.send(CLOSE, close_payload(1000))
        peer.expect_end()

    program = OPEN + INTERRUPT + CAUGHT.format(call=call) + STILL_USABLE
    with RawServer(script) as server, running("-c", program, base_url(server)) as process:
        assert finish(process) == "interrupted\nusable\n"


def test_ctrl_c_in_a_send_that_blocks_ends_the_link() -> None:
    """A part of the message is under way."""
    over = threading.Event()

    def script(peer: RawPeer) -> None:
        peer.accept()
        over.wait(GUARD_S)

    program = OPEN + INTERRUPT + CAUGHT.format(call="connection.send_raw('x' * (32 << 20))")
    program += textwrap.dedent(
        """
        try:
            connection.send_raw("x")
        except Exception as exc:
            print(exc)
        connection.close()
        """
    )
    with RawServer(script) as server, running("-c", program, base_url(server)) as process:
        output = finish(process)
        over.set()
    assert output.startswith("interrupted\nconnection closed with code 1006: sending failed")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_ctrl_c_while_connecting(host: str) -> None:
    over = threading.Event()
    program = OPEN.replace("connection =", INTERRUPT + "\nconnection =")
    with RawServer(lambda _: over.wait(GUARD_S) and None) as server:
        url = base_url(server).replace("127.0.0.1", host)
        with running("-c", program, url) as process:
            _, errors = rest_of(process)
        over.set()
    assert process.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert "Exception ignored" not in errors


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no fifos")
def test_ctrl_c_while_the_embedded_server_starts(tmp_path: Path) -> None:
    gate = tmp_path / "gate"  # which nobody opens: it is never ready
    os.mkfifo(gate)
    start = """
        import os, signal, sys, threading
        import psutil
        from realtime_sync import Local

        sys.executable, os.environ["GATE"] = sys.argv[1:]
        client = Local()
        """
    again = """
        assert psutil.Process().children() == []
        del os.environ["GATE"]
        assert client.url
        client.close()
        """
    program = textwrap.dedent(start) + INTERRUPT + CAUGHT.format(call="client.url")
    with running("-c", program + textwrap.dedent(again), STAND_IN, str(gate)) as process:
        assert finish(process) == "interrupted\n"


def test_an_uncaught_ctrl_c_shows_one_traceback() -> None:
    program = OPEN + INTERRUPT + "connection.recv()"
    with RawServer(silent) as server, running("-c", program, base_url(server)) as process:
        _, errors = rest_of(process)
    assert process.returncode == -signal.SIGINT
    assert errors.count("Traceback") == 1
    assert errors.rstrip().endswith("KeyboardInterrupt")
