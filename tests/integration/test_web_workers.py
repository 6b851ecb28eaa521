"""The web sample under gunicorn, with each kind of worker, against one embedded server."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError

import pytest
from embedded import Server
from guards import GUARD_S
from programs import REPOSITORY

REQUESTS = 20
KINDS = {
    "sync": ("--worker-class", "sync", "--workers", "2"),
    "gthread": ("--worker-class", "gthread", "--workers", "2", "--threads", "10"),
    "gevent": ("--worker-class", "gevent", "--workers", "1"),
}


@contextmanager
def gunicorn(server: Server, log: Path, *arguments: str) -> Iterator[str]:
    """Run the sample; yields its URL. Its log is to hold no traceback."""
    # Bound here: requests wait in its queue until the workers are up, and no port is guessed.
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as file:
        command = [sys.executable, "-m", "gunicorn", *arguments]
        command += ["--bind", f"fd://{listener.fileno()}", "--timeout", "60"]
        command += ["--graceful-timeout", "5", "--no-control-socket", "samples.web.flask_app:app"]
        process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env={
                **os.environ,
                "OPENAI_API_KEY": server.key,
                "OPENAI_BASE_URL": server.url,
                "NO_PROXY": "*",
                "PYTHONWARNINGS": "",
            },
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            pass_fds=[listener.fileno()],
        )
        port = listener.getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            code = process.wait(GUARD_S)
    said = log.read_text()
    print(said)
    assert code == 0
    for word in ("Traceback", "ERROR", "CRITICAL", "ResourceWarning", "Exception ignored"):
        assert word not in said


def post(url: str, body: object) -> tuple[int, dict[str, str]]:
    request = urllib.request.Request(
        f"{url}/ask",
        body if isinstance(body, bytes) else json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=GUARD_S) as answer:
            return answer.status, json.load(answer)
    except HTTPError as exc:
        with exc:
            return exc.code, json.load(exc)


@pytest.mark.parametrize("kind", KINDS)
def test_parallel_conversations(kind: str, ws_server: Server, tmp_path: Path) -> None:
    with gunicorn(ws_server, tmp_path / "log", *KINDS[kind]) as url:
        questions = ["What time is it?", "Hello, how are you?"] * (REQUESTS // 2)
        with ThreadPoolExecutor(REQUESTS) as pool:
            answers = list(pool.map(lambda text: post(url, {"text": text}), questions))
        assert {status for status, _ in answers} == {200}
        texts = [body["text"] for _, body in answers]
        assert all(texts)
        assert texts[0] != texts[1]
        assert len(set(texts[1::2])) == 1, "each request had its own conversation"
        for wrong in ({"text": ""}, b"[" * 60_000, b"{"):
            assert post(url, wrong) == (400, {"error": 'send {"text": "..."}'})
