"""How the embedded server ends: signals, sessions that may go on, and what it says of it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from attrs import define
from embedded import KEY, Server, run_server
from guards import GUARD_S, Guard
from raw_client import raw_client
from websockets.exceptions import ConnectionClosed, InvalidStatus

from realtime_sync import Local

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has other signals"),
]

GONE = "the server is shutting down"
PATIENT = str(Path(__file__).parent / "programs" / "patient_server.py")


@define
class Serving:
    """``realtime-sync serve`` in a process of its own."""

    process: subprocess.Popen[str]

    def ready(self) -> Server:
        """Wait until it takes connections."""
        assert self.process.stdout is not None
        url = self.process.stdout.readline().split(" on ")[1].split()[0]
        return Server(url, KEY, self.process)

    def tell_all(self, number: signal.Signals) -> None:
        """Signal each process, as a service manager does."""
        server = psutil.Process(self.process.pid)
        for each in [server, *server.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                each.send_signal(number)

    def finish(self) -> str:
        """Wait for its end, which must be a good one; return what it has logged."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        output, errors = self.process.stdout.read(), self.process.stderr.read()
        assert (self.process.wait(GUARD_S), output) == (0, ""), errors
        return errors


@contextmanager
def serving(
    *options: str, program: Sequence[str] = ("-m", "realtime_sync"), shell: str = ":"
) -> Iterator[Serving]:
    """Run it, after a command of a shell; no process of it may be left afterwards."""
    command = [sys.executable, *program, "serve", "--port", "0", *options]
    with subprocess.Popen(
        ["sh", "-c", f'{shell} && exec "$@"', "sh", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "REALTIME_SYNC_LOCAL_KEY": KEY},
    ) as process:
        family = psutil.Process(process.pid)
        try:
            yield Serving(process)
            assert not family.is_running()
        finally:
            with suppress(psutil.NoSuchProcess):
                for each in [*family.children(recursive=True), family]:
                    each.kill()


def asked(server: Server, method: str, path: str, **options: Any) -> tuple[int, Any]:
    """Return the status and the JSON of a REST request."""
    root = server.url.removesuffix("/v1")
    key = {"Authorization": f"Bearer {server.key}"}
    with requests.Session() as http:
        answer = http.request(method, root + path, headers=key, timeout=GUARD_S, **options)
        return answer.status_code, answer.json() if answer.content else None


def answers_healthz(server: Server) -> bool:
    """Ask whether it serves."""
    try:
        return asked(server, "GET", "/healthz")[0] == 200
    except requests.ConnectionError:
        return False


def answers(client: Any, words: str) -> None:
    """Have a response given."""
    client.write(words)
    client.send("response.create", response={"output_modalities": ["text"]})
    assert client.until("response.done")["response"]["status"] == "completed"


def close_of(client: Any) -> tuple[int, str]:
    """Receive up to the close."""
    with pytest.raises(ConnectionClosed) as caught:
        client.until("nothing like it")
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


def test_at_sigterm_open_sessions_go_on_and_no_others_begin(guard: Guard) -> None:
    with serving("--drain", "600") as serves:
        server = serves.ready()
        workers = psutil.Process(server.process.pid).children()
        call = requests.post(
            f"{server.url}/realtime/calls",
            data="v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
            "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n",
            headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/sdp"},
            timeout=GUARD_S,
        )
        assert call.status_code == 201, call.text
        with raw_client(server) as client, raw_client(server) as other:
            assert client.next()["type"] == "session.created"
            assert asked(server, "GET", "/healthz") == (
                200,
                {"status": "ok", "sessions": 2, "workers": {"transcribe": 1, "synthesize": 1}},
            )
            serves.tell_all(signal.SIGTERM)
            guard.until(lambda: asked(server, "GET", "/healthz")[0] == 503, "the draining")
            assert asked(server, "GET", "/healthz")[1]["status"] == "draining"
            with pytest.raises(InvalidStatus) as caught, raw_client(server):
                pass
            refused = [(503, json.loads(caught.value.response.body or b""))]
            assert caught.value.response.status_code == 503
            paths = ("/v1/realtime/client_secrets", "/v1/realtime/calls", "/distiller/create")
            refused += (asked(server, "POST", path, json={}) for path in paths)
            for status, answer in refused:
                assert status == 503
                assert answer["error"]["code"] == "server_shutting_down"
                assert answer["error"]["message"].startswith("This server is shutting down")
            hangup = call.headers["Location"] + "/hangup"
            assert asked(server, "POST", hangup, json={})[0] == 200
            other.socket.close()
            answers(client, "Hello!")
            # With sound: the workers, which were told to end as well, are still there.
            client.send("response.create")
            assert client.until("response.done")["response"]["status"] == "completed"
        assert serves.finish() == ""
    assert not any(worker.is_running() for worker in workers)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_the_signals_of_a_terminal_end_sessions_at_once(number: signal.Signals) -> None:
    with serving("--drain", "600") as serves, raw_client(serves.ready()) as client:
        assert client.next()["type"] == "session.created"
        serves.tell_all(number)
        assert close_of(client) == (1001, GONE)
        assert serves.finish() == ""


def test_the_limit_and_the_second_signal() -> None:
    with serving("--drain", "0.01") as serves, raw_client(serves.ready()) as client:
        assert client.next()["type"] == "session.created"
        serves.tell_all(signal.SIGTERM)
        assert close_of(client) == (1001, GONE)
        assert serves.finish().endswith(
            " WARNING realtime_sync.local: the limit of 0.01 s is over: 1 sessions are closed\n"
        )
    with serving("--drain", "600") as serves, raw_client(serves.ready()) as client:
        assert client.next()["type"] == "session.created"
        serves.tell_all(signal.SIGTERM)
        serves.tell_all(signal.SIGTERM)
        assert close_of(client) == (1001, GONE)
        assert serves.finish() == ""


@pytest.mark.parametrize("hurry", [False, True])
def test_nobody_holds_up_the_end(hurry: bool) -> None:
    """Not who does not answer the close, and not who is in the middle of a request."""
    program = [PATIENT] if hurry else ["-m", "realtime_sync"]
    with serving("--drain", "600", program=program) as serves:
        server = serves.ready()
        host, port = server.url.split("/")[2].split(":")
        key = f"Host: {host}\r\nAuthorization: Bearer {KEY}\r\n"
        upgrade = (
            f"GET /v1/realtime?model=local HTTP/1.1\r\n{key}Connection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        half = f"POST /v1/realtime/client_secrets HTTP/1.1\r\n{key}Content-Length: 10\r\n\r\n{{"
        with (
            socket.create_connection((host, int(port)), GUARD_S) as mute,
            socket.create_connection((host, int(port)), GUARD_S) as slow,
            raw_client(server) as reader,
        ):
            mute.sendall(upgrade.encode())
            assert mute.recv(12) == b"HTTP/1.1 101"
            slow.sendall(half.encode())
            assert reader.next()["type"] == "session.created"
            serves.tell_all(signal.SIGINT)
            assert close_of(reader) == (1001, GONE)
            if hurry:
                serves.tell_all(signal.SIGINT)
            assert serves.finish() == ""


def test_without_sessions_there_is_nothing_to_wait_for() -> None:
    with serving("--drain", "0") as serves:
        serves.ready()
        serves.tell_all(signal.SIGTERM)
        assert serves.finish() == ""


@pytest.mark.parametrize("shell", ["exec >/dev/full", "exec >&-", "exec <&- >&-"])
def test_nobody_reads_where_it_is(shell: str, guard: Guard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with serving("--port", str(port), shell=shell) as serves:
        server = Server(f"http://127.0.0.1:{port}/v1", KEY, serves.process)
        guard.until(lambda: answers_healthz(server), "its start")
        with raw_client(server) as client:
            answers(client, "Hello!")
        serves.tell_all(signal.SIGTERM)
        log = serves.finish()
    full = "WARNING realtime_sync.local: standard output takes nothing: No space left on device\n"
    assert log[log.find("WARNING") :] == full if "full" in shell else log == ""


def test_few_file_descriptors(guard: Guard) -> None:
    """Who finds no room is told so, and the server keeps what it needs for itself."""
    with serving(shell="ulimit -n 64") as serves, ExitStack() as clients:
        server = serves.ready()
        address = urlsplit(server.url)
        assert address.port is not None
        for _ in range(100):  # clients that say nothing
            clients.enter_context(socket.create_connection(("127.0.0.1", address.port)))
        for _ in range(18):
            clients.enter_context(raw_client(server))
        with pytest.raises(InvalidStatus) as refused, raw_client(server):
            pass
        assert refused.value.response.status_code == 429
        process = psutil.Process(serves.process.pid)
        killed = {worker.pid for worker in process.children()}
        for worker in process.children():
            worker.kill()
        guard.until(
            lambda: (
                len({worker.pid for worker in process.children()} - killed) == 2
                and answers_healthz(server)
            ),
            "the next workers",
        )
        serves.tell_all(signal.SIGINT)
        log = serves.finish()
    told = [line.partition("WARNING realtime_sync.local: ")[2] for line in log.splitlines()]
    assert told[0].startswith("this process may open 64 files, which is enough for 18 sessions")
    assert sum("ended unexpectedly" in line for line in told) == 2, log
    # A crowd is taken from the queue at once, before the first of it is given up.
    assert len(told) == 3 + sum("no client is let in until others go" in line for line in told), log
    assert len(told) <= 4, log


def test_a_signal_during_the_start(guard: Guard) -> None:
    with serving() as serves:
        process = psutil.Process(serves.process.pid)
        guard.until(lambda: len(process.children()) == 2, "the workers' start")
        serves.tell_all(signal.SIGTERM)
        assert serves.finish() == ""


def test_the_log_has_neither_keys_nor_words() -> None:
    with serving("--log-level", "debug", "--responder", "chat:http://127.0.0.1:9/v1?model=m") as s:
        server = s.ready()
        secret = "sk-in-the-query"
        with raw_client(server, f"model=gpt-realtime&api_key={secret}") as client:
            client.write("my word is marmalade")
            client.send("response.create")
            assert client.until("response.done")["response"]["status"] == "failed"
        wrong = {"Authorization": "Bearer sk-wrong"}
        with pytest.raises(InvalidStatus), raw_client(server, additional_headers=wrong):
            pass
        assert asked(server, "GET", "/healthz")[0] == 200
        s.tell_all(signal.SIGINT)
        log = s.finish()
    for hidden in (secret, KEY, "sk-wrong", "marmalade"):
        assert hidden not in log
    lines = [re.sub(r"^\S+ \S+ |127\.0\.0\.1:\d+|\d+\.\d s", "", line) for line in log.splitlines()]
    wanted = [
        "INFO realtime_sync.local: session 1 opened: '/v1/realtime' from  (1 open)",
        "WARNING realtime_sync.local: a response failed",
        "INFO realtime_sync.local: session 1 closed with 1000 after  (0 open)",
        "INFO realtime_sync.local: answered 401: WebSocket '/v1/realtime' from ",
        "DEBUG realtime_sync.local: answered 200: GET '/healthz' from ",
        "INFO realtime_sync.local: stopping, with 0 open sessions",
    ]
    assert [line for line in lines if line in wanted] == wanted
    assert all(" realtime_sync.local: " in line for line in lines if re.match("[A-Z]+ ", line))


def test_at_sigterm_the_server_of_a_program_serves_it_to_the_end() -> None:
    with Local() as client, client.realtime.connect() as connection:
        assert client._process is not None
        server = psutil.Process(client._process.pid)
        for each in [server, *server.children()]:
            each.terminate()
        text = {"output_modalities": ["text"]}
        assert connection.ask("Hello!", response=text).text
        assert connection.ask("Hello!", response=text).text
        client.close()
        assert not server.is_running()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--synthesizer", "x"), "synthesizer 'x' is unknown; choose 'espeak' or 'flite'"),
        (("--responder", "x"), "responder 'x' is unknown; choose "),
        (("--log-level", "loud"), "log level 'loud' is unknown; choose debug, info, warning"),
        (("--drain", "-1"), "the drain limit is -1; give seconds"),
        (("--host", "a" * 99), f"can't serve on {'a' * 99}:0: "),
        (("--host", "\udcff"), "can't serve on "),
    ],
)
def test_a_wrong_option_is_one_sentence(options: tuple[str, ...], words: str) -> None:
    command = [sys.executable, "-m", "realtime_sync", "serve", "--port", "0", *options]
    environment = {**os.environ, "REALTIME_SYNC_LOCAL_KEY": KEY}
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert result.returncode == 1
    assert result.stderr.startswith(f"Error: {words}")
    assert result.stderr.count("\n") == 1
    assert "worker" not in result.stderr


def test_healthz_counts_the_workers(guard: Guard) -> None:
    with run_server() as server:
        (speaker,) = [
            each
            for each in psutil.Process(server.process.pid).children()
            if "synthesize" in each.cmdline()
        ]
        speaker.kill()
        guard.until(
            lambda: (
                asked(server, "GET", "/healthz")
                == (
                    503,
                    {
                        "status": "failing",
                        "sessions": 0,
                        "workers": {"transcribe": 1, "synthesize": 0},
                    },
                )
            ),
            "the failure",
        )
        guard.until(lambda: asked(server, "GET", "/healthz")[0] == 200, "the next worker")
