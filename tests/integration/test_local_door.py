"""Who gets into the embedded server: keys, models, paths, and how sessions end."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from typing import Any

import psutil
import pytest
import requests
from embedded import Server, run_server
from guards import Guard
from raw_client import raw_client
from websockets.exceptions import ConnectionClosedOK, InvalidStatus

from realtime_sync.local.server_settings import ServerSettings
from realtime_sync.local.web.uvicorn_server import bind

pytestmark = pytest.mark.timeout(30)

MODEL = "model=gpt-realtime"


def refusal(server: Server, query: str = MODEL, **options: Any) -> tuple[int, dict[str, Any]]:
    """Return the status and the error of an upgrade that must fail."""
    with pytest.raises(InvalidStatus) as caught, raw_client(server, query, **options):
        pass
    response = caught.value.response
    assert response.headers["Content-Type"] == "application/json"
    return response.status_code, json.loads(response.body or b"")["error"]


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}, {"api-key": ""}],
)
def test_wrong_key(ws_server: Server, headers: dict[str, str]) -> None:
    status, error = refusal(ws_server, additional_headers=headers)
    assert status == 401
    assert error["type"] == "invalid_request_error"
    assert error["code"] == "invalid_api_key"
    assert error["param"] is None
    assert error["message"].startswith("Incorrect API key provided")


def test_key_in_other_places(ws_server: Server) -> None:
    with raw_client(ws_server, additional_headers={"api-key": ws_server.key}) as client:
        assert client.next()["type"] == "session.created"
        assert client.socket.subprotocol is None
    browser = ["realtime", f"openai-insecure-api-key.{ws_server.key}"]
    with raw_client(ws_server, additional_headers={}, subprotocols=browser) as client:
        assert client.socket.subprotocol == "realtime"
        assert client.next()["type"] == "session.created"


def test_wrong_query(ws_server: Server) -> None:
    status, error = refusal(ws_server, "model=other-model")
    assert (status, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert "other-model" in error["message"]
    status, error = refusal(ws_server, "")
    assert (status, error["code"]) == (400, "missing_required_parameter")
    status, error = refusal(ws_server, "call_id=rtc_1")
    assert (status, error["code"]) == (404, "call_not_found")


def test_plain_http(ws_server: Server) -> None:
    root = ws_server.url.removesuffix("/v1")
    key = {"Authorization": f"Bearer {ws_server.key}"}
    with requests.Session() as http:
        health = http.get(f"{root}/healthz")
        assert health.status_code == 200
        assert health.json()["status"] == "ok"
        assert health.json()["workers"] == {"transcribe": 1, "synthesize": 1}
        models = http.get(f"{root}/v1/models", headers=key).json()["data"]
        assert "gpt-realtime" in [model["id"] for model in models]
        assert http.get(f"{root}/v1/models").status_code == 401
        assert http.get(f"{root}/v1/realtime?{MODEL}", headers=key).status_code == 426
        missing = http.post(f"{root}/v1/nothing", headers=key)
        assert missing.status_code == 404
        assert "/v1/nothing" in missing.json()["error"]["message"]


def test_session_expires() -> None:
    with run_server("--session-limit", "0.6") as server, raw_client(server) as client:
        session = client.next()["session"]
        assert session["object"] == "realtime.session"
        assert session["id"].startswith("sess_")
        assert session["expires_at"] > 0
        error = client.error()
        assert error["code"] == "session_expired"
        with pytest.raises(ConnectionClosedOK) as caught:
            client.next()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1001
        assert "maximum duration of 0.01 minutes" in caught.value.rcvd.reason


def test_child_ends_with_its_input_in_the_middle_of_an_answer(guard: Guard) -> None:
    with run_server() as server, raw_client(server) as client:
        client.write("repeat after me " + "one two three " * 500)
        client.send("response.create")
        client.until("response.output_audio.delta")
        workers = psutil.Process(server.process.pid).children(recursive=True)
        assert len(workers) == 2, "one listens and one speaks"
        assert server.process.stdin is not None
        server.process.stdin.close()
        with pytest.raises(ConnectionClosedOK, match=r"1001 .* the server is shutting down"):
            client.until("response.done")
        guard.until(lambda: not any(w.is_running() for w in workers), "the workers' end")


def test_small_events_do_not_wait_for_acknowledgements() -> None:
    with (
        bind(ServerSettings()) as listener,
        socket.create_connection(listener.getsockname()) as client,
    ):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert client.getpeername() == listener.getsockname()


def test_a_port_in_use_is_a_plain_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "realtime_sync.local", "--port", str(port)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: can't serve on 127.0.0.1:{port}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--phrase", "stop", "--phrase", "open zzyzx"), "Error: the pronouncing dictionary lacks"),
        (("--phrase", "stop", "--grammar", __file__), "Error: give the grammar's file or its"),
    ],
)
def test_serve_refuses_what_can_not_be_listened_for(options: tuple[str, ...], problem: str) -> None:
    command = [sys.executable, "-m", "realtime_sync", "serve", "--port", "0", *options]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert result.stderr.startswith(problem)
    assert result.stderr.count("\n") == 1


def test_serve_for_people(guard: Guard) -> None:
    command = [sys.executable, "-m", "realtime_sync", "serve", "--port", "0", "--responder", "echo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("serving the realtime protocol on http://127.0.0.1:")
        (url,) = [word for word in line.split() if word.startswith("http")]
        with raw_client(Server(url, "any", process)) as client:
            assert client.next()["type"] == "session.created", "without a key, any will do"
        process.send_signal(signal.SIGINT)
        assert process.wait(guard.seconds) == 0
        assert process.stdout.read() == ""
