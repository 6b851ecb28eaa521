"""The SIP calls of `samples/sip_agent`: simulated callers, and the app under gunicorn."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
from embedded import Server, run_server, silence
from guards import GUARD_S, Guard
from programs import REPOSITORY
from served_apps import gunicorn, with_paths
from sip_calls import SECRET, SipProvider

from realtime_sync.audio.wav import read_wav

pytestmark = pytest.mark.timeout(120)

APP = "samples.sip_agent.app:app"
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


def test_the_simulated_callers() -> None:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-m", "samples.sip_agent.simulate"],
        cwd=REPOSITORY,
        env=with_paths(),
        capture_output=True,
        text=True,
        timeout=GUARD_S * 3,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Traceback" not in result.stderr, result.stderr
    for number, patterns in CALLERS.items():
        said = "\n".join(line for line in result.stdout.splitlines() if line.startswith(number))
        for pattern in patterns:  # app and provider print at once, in no order
            assert re.search(pattern, said), f"no {pattern} in\n{said}"
        assert said.count("ended by") == 1, "its webhook has come twice"


def variables(server: Server) -> dict[str, str]:
    """Return what the app finds in its environment."""
    key = {"OPENAI_API_KEY": server.key, "OPENAI_BASE_URL": server.url}
    return {**key, "OPENAI_WEBHOOK_SECRET": SECRET, "DRAIN_S": "0"}


def status_of_huge(address: str) -> int:
    """Return what a body is answered that is too large to be read."""
    with closing(HTTPConnection(address, timeout=GUARD_S)) as link:
        link.putrequest("POST", "/webhook")
        link.putheader("Content-Length", str(1 << 30))
        link.endheaders()
        return link.getresponse().status


@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["", "preload"])
def test_the_end_of_a_worker_is_the_end_of_its_calls(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Ten webhooks at once, one session; a caller who goes, and one who is there at SIGTERM."""
    phrase = ("--phrase", "where is my order")
    with run_server("--responder", f"scripted:{SCRIPT}", *phrase) as server:
        provider = SipProvider(server.url, server.key)
        options = ("--config", str(HOOKS), *options)
        with gunicorn(APP, tmp_path, *options, **variables(server)) as app:
            url = f"http://{app.address}/webhook"
            assert status_of_huge(app.address) == 413
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
            app.wait_for("+14155550123: the agent calls find_order({})")
            provider.caller_hangs_up(call_id)
            app.wait_for("+14155550123: ended by caller")
            assert provider.state_of(call_id)["joined"] == 1
            last, body = provider.ring("<sip:+14155550124@example.com>")
            assert provider.deliver(url, body) == 200
            provider.wait_for(last, state="active", joined=1)
        assert provider.state_of(last)["ended_by"] == "hangup"
    assert "+14155550124: ended by closed" in app.log()
