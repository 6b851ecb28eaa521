"""The bridge of `samples/twilio_agent` in a process of its own, and Twilio's requests to it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from embedded import Server, question, run_server
from guards import GUARD_S, Guard
from programs import REPOSITORY
from twilio_call import SimulatedCall
from twilio_service import ACCOUNT_SID, AUTH_TOKEN, TwilioService

from realtime_sync.audio import read_wav

__all__ = ["CALLS_TOKEN", "DESK", "FROM", "KINDS", "SAMPLE", "Bridge", "bridge"]
__all__ += ["desk_server", "recording"]

KINDS = ("werkzeug", "gthread")
SAMPLE = REPOSITORY / "samples" / "twilio_agent"
CALLS_TOKEN = "the-token-of-the-clients"
FROM = "+15550100"
DESK = "+15550111"

_WERKZEUG = """
import sys
from werkzeug.serving import make_server
from samples.twilio_agent.app import app
make_server("127.0.0.1", 0, app, threaded=True, fd=int(sys.argv[1])).serve_forever()
"""
_ALARMS = ("Traceback", "ERROR", "CRITICAL", "ResourceWarning", "Exception ignored")


class Bridge:
    """A bridge that runs.

    Attributes:
        process: its server; gunicorn's arbiter.
        service: its Twilio.
        url: where it is.
        public_url: where Twilio has it.
        folder: its recordings and ``calls.db``.
        faults: words of the log that are expected.
        ending: `terminate` was called.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        service: TwilioService,
        url: str,
        public_url: str,
        folder: Path,
    ) -> None:
        self.process = process
        self.service = service
        self.url = url
        self.public_url = public_url
        self.folder = folder
        self.faults: list[str] = []
        self.ending = False
        service.route(public_url, url)

    def call(self) -> SimulatedCall:
        """Have somebody call."""
        return self.service.call_in(f"{self.public_url}/voice")

    def said(self, call: SimulatedCall, who: str) -> list[str]:
        """Return what ``"caller"`` or ``"agent"`` has said or pressed, as it is written down."""
        said = [line for line in self.lines(call) if line.get("who") == who]
        return [line.get("text") or line["key"] for line in said]

    def lines(self, call: SimulatedCall) -> list[dict[str, Any]]:
        """Return what is written down of a call."""
        path = self.folder / f"{call.sid}.jsonl"
        text = path.read_text("utf-8") if path.exists() else ""
        return [json.loads(line) for line in text.splitlines() if text.endswith("\n")]

    def wait_said(self, call: SimulatedCall, words: str) -> None:
        """Wait until the agent has said something."""
        Guard().until(
            lambda: any(words in each for each in self.said(call, "agent")),
            f"{words!r} of the agent",
        )

    def orders(self, kind: str) -> list[dict[str, list[str]]]:
        """Return the forms of what was asked of Twilio's REST API: "Status", "Twiml" or "To"."""
        return [each.form for each in self.service.requests if kind in each.form]

    def terminate(self) -> None:
        """Send SIGTERM, once."""
        if not self.ending:
            self.ending = True
            self.process.terminate()

    def is_up(self) -> bool:
        """Whether it answers; it is waited for as long as its process lives."""
        assert self.process.poll() is None, self.log()
        try:
            return self.send("/health", method="GET", timeout=1)[0] == 200
        except OSError:
            return False

    def log(self) -> str:
        """What its server has written."""
        return (self.folder.parent / "bridge.log").read_text()

    def client(
        self, method: str, path: str, body: object = None, *, key: str = ""
    ) -> tuple[int, Any]:
        """Ask as one of its clients does."""
        headers = {"Authorization": f"Bearer {CALLS_TOKEN}", "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        data = None if body is None else json.dumps(body).encode()
        status, answer = self.send(path, data, headers, method=method)
        return status, json.loads(answer)

    def send(
        self,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] = {},
        *,
        method: str = "POST",
        timeout: float = GUARD_S,
    ) -> tuple[int, str]:
        request = urllib.request.Request(self.url + path, body, dict(headers), method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as exc:
            with exc:
                return exc.code, exc.read().decode()


@contextmanager
def bridge(
    kind: str,
    folder: Path,
    provider: Server,
    service: TwilioService,
    *options: str,
    code: int = 0,
    **environment: str,
) -> Iterator[Bridge]:
    """Run a bridge; it ends at SIGTERM, and its log is to hold no alarm.

    Args:
        kind: one of `KINDS`.
        folder: for its log and its recordings.
        provider: an embedded server.
        service: its Twilio.
        options: of gunicorn.
        code: what gunicorn is to return.
        environment: further settings of the bridge.
    """
    # Bound here: no port is guessed, and Twilio's address of it is known before it runs.
    with (
        socket.create_server(("127.0.0.1", 0), backlog=128) as listener,
        (folder / "bridge.log").open("wb") as log,
    ):
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        settings = _settings(url, folder / "recordings", provider, service) | environment
        process = subprocess.Popen(
            [sys.executable, *_command(kind, listener.fileno(), options)],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": _path(), **settings},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[listener.fileno()],
        )
        running = Bridge(
            process, service, url, settings["PUBLIC_URL"], Path(settings["RECORDINGS"])
        )
        try:
            Guard().until(running.is_up, "the bridge")
            yield running
        finally:
            for call in list(service.calls.values()):
                call.hang_up()  # else they were waited for
            running.terminate()
            try:
                ended = process.wait(GUARD_S)
            finally:
                process.kill()
                process.wait()
                print(running.log())
    assert ended == (-15 if kind == "werkzeug" else code)
    said = "\n".join(
        line for line in running.log().splitlines() if not any(f in line for f in running.faults)
    )
    assert [word for word in _ALARMS if word in said] == []


@contextmanager
def desk_server(*options: str) -> Iterator[Server]:
    """Run the embedded server as the model of the bridge."""
    script = ("--responder", f"scripted:{SAMPLE / 'desk.yaml'}")
    with run_server(*script, "--grammar", str(SAMPLE / "phrases.txt"), *options) as server:
        yield server


def recording(name: str) -> bytes:
    """Return a question of the sample, or ``"goodbye"``, as PCM16 at 8 kHz."""
    if name == "goodbye":
        return question(name, hz=8000)
    return read_wav(SAMPLE / f"{name}.wav", rate=8000)


def _settings(
    url: str, recordings: Path, provider: Server, service: TwilioService
) -> dict[str, str]:
    return {
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO_FROM": FROM,
        "TWILIO_API_URL": service.api_url,
        "PUBLIC_URL": url,
        "CALLS_TOKEN": CALLS_TOKEN,
        "TRANSFER_TO": f"desk={DESK}",
        "RECORDINGS": str(recordings),
        "OPENAI_API_KEY": provider.key,
        "OPENAI_BASE_URL": provider.url,
        "NO_PROXY": "*",
    }


def _path() -> str:
    return os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(REPOSITORY)]))


def _command(kind: str, descriptor: int, options: tuple[str, ...]) -> list[str]:
    if kind == "werkzeug":
        return ["-X", "dev", "-c", _WERKZEUG, str(descriptor)]
    command = ["-m", "gunicorn", "--worker-class", "gthread", "--threads", "12"]
    command += ["--bind", f"fd://{descriptor}", "--graceful-timeout", "20", "--no-control-socket"]
    return [*command, *options, "samples.twilio_agent.app:app"]
