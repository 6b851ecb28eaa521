"""The SIP calls of `samples/sip_agent`: simulated callers, and the app under gunicorn."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from embedded import Server, run_server, silence
from guards import GUARD_S, Guard
from programs import REPOSITORY
from sip_calls import SECRET, SipProvider

from realtime_sync.audio.wav import read_wav

pytestmark = pytest.mark.timeout(120)

SCRIPT = REPOSITORY / "samples" / "sip_agent" / "desk.yaml"
HOOKS = REPOSITORY / "samples" / "sip_agent" / "gunicorn_hooks.py"
CALLERS = {
    "+14155550101": [r"calls hang_up\({}\)", "user: thank you and goodbye", "ended by program"],
    "+14155550102": [
        r'calls transfer_call\({"destination": "refunds"}\)',
        "ended by refer",
        r"the provider says .*'target_uri': 'tel:\+14155550199'",
    ],
    "+14155550103": ["ended by caller"],
    "+19005550100": ["ended by reject", "the provider says .*'status_code': 486"],
}


def environment(**variables: str) -> dict[str, str]:
    paths = [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "NO_PROXY": "*", **variables}


def test_the_simulated_callers() -> None:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-m", "samples.sip_agent.simulate"],
        cwd=REPOSITORY,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=GUARD_S * 3,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Traceback" not in result.stderr, result.stderr
    for number, lines in CALLERS.items():
        said = "\n".join(line for line in result.stdout.splitlines() if line.startswith(number))
        assert re.search(".*".join(lines), said, re.DOTALL), f"no {lines} in\n{said}"
        assert said.count("ended by") == 1, "its webhook has come twice"


@contextmanager
def gunicorn(server: Server, folder: Path, *options: str) -> Iterator[tuple[str, Path]]:
    """Serve the app; gives the webhook's address and the log. It ends at SIGTERM."""
    log = folder / "gunicorn.log"
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener, log.open("wb") as file:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--threads", "8"),
                *("--bind", f"fd://{listener.fileno()}", "--no-control-socket"),
                *("--config", str(HOOKS), *options, "samples.sip_agent.app:app"),
            ],
            cwd=REPOSITORY,
            env=environment(
                OPENAI_API_KEY=server.key,
                OPENAI_BASE_URL=server.url,
                OPENAI_WEBHOOK_SECRET=SECRET,
                DRAIN_S="0",
            ),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            pass_fds=[listener.fileno()],
        )
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/webhook", log
        finally:
            process.terminate()
            code = process.wait(2 * GUARD_S)
            print(log.read_text())
    assert code == 0
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["", "preload"])
def test_the_end_of_a_worker_is_the_end_of_its_calls(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Ten webhooks at once, one session; a caller who goes, and one who is there at SIGTERM."""
    phrase = ("--phrase", "where is my order")
    with run_server("--responder", f"scripted:{SCRIPT}", *phrase) as server:
        provider = SipProvider(server.url, server.key)
        with gunicorn(server, tmp_path, *options) as (url, log):
            call_id, body = provider.ring("<sip:+14155550123@example.com>")
            threads = [
                threading.Thread(target=provider.deliver, args=(url, body)) for _ in range(10)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                Guard().join(thread)
            provider.wait_for(call_id, state="active", joined=1)
            order = read_wav(str(REPOSITORY / "samples" / "agents_handoff" / "order.wav"))
            provider.say(call_id, order + silence(700))
            tool = "+14155550123: the agent calls find_order({})"
            Guard().until(lambda: tool in log.read_text(), "the agent's tool")
            provider.caller_hangs_up(call_id)
            Guard().until(lambda: "+14155550123: ended by caller" in log.read_text(), "its end")
            assert provider.state_of(call_id)["joined"] == 1
            last, body = provider.ring("<sip:+14155550124@example.com>")
            assert provider.deliver(url, body) == 200
            provider.wait_for(last, state="active", joined=1)
        assert provider.state_of(last)["ended_by"] == "hangup"
    assert "+14155550124: ended by closed" in log.read_text()
