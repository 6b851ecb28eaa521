"""The ported telephone programs: called by a phone of Twilio's, and by SIP."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from embedded import Server, question, run_server, silence
from guards import Guard
from monitor import as_samples
from served_apps import App, gunicorn
from sip_calls import SECRET, SipProvider
from twilio_phone import CALL_SID, TwilioPhone

pytestmark = pytest.mark.timeout(120)

HZ = 8_000
SCRIPT = r"""
rules:
  - instructions: "^Say exactly '(?P<words>.*)' now"
    reply: "{words}"
default: "I heard: {text}."
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with run_server() as server:
        yield server


@pytest.fixture
def app(server: Server, tmp_path: Path) -> Iterator[App]:
    variables = {"OPENAI_API_KEY": server.key, "OPENAI_BASE_URL": server.url}
    with gunicorn("samples.ported.agents_twilio:app", tmp_path, **variables) as app:
        yield app


def page(app: App, path: str, *, body: bytes | None = None) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{app.address}{path}", body, timeout=Guard().seconds) as answer:
        text: str = answer.read().decode()
        return text


def test_a_call_of_twilios(app: App) -> None:
    """A question in the band of a telephone, a tool, and an answer that is heard until a cut."""
    assert "media streams" in page(app, "/")
    for body in (None, b"CallSid=CA1"):
        twiml = page(app, "/incoming-call", body=body)
        assert f'<Connect><Stream url="wss://{app.address}/media-stream"/></Connect>' in twiml
    with TwilioPhone(f"ws://{app.address}/media-stream") as phone:
        phone.limit = 50  # it plays a second of the answer, and stalls until the interruption
        phone.say(question("weather", hz=HZ))
        app.wait_for("get_weather returns It is sunny in London.")
        phone.wait_for(lambda: phone.played == 50, "a second of the answer")
        assert np.abs(as_samples(phone.heard())).max() > 3000
        phone.say(question("stop", hz=HZ))
        app.wait_for("interrupted: 1000 ms were heard")
        phone.wait_for(lambda: phone.played_at_clears, "clear")
        assert phone.played_at_clears == [50]
        phone.hang_up()
        app.wait_for(f"{CALL_SID} was ended by stop")
    assert "assistant: The weather in London" in app.log()


def test_a_call_by_sip(tmp_path: Path) -> None:
    """The agents of the ported sample, greeted raw; three webhooks make one session."""
    script = tmp_path / "service.yaml"
    script.write_text(SCRIPT)
    with run_server("--responder", f"scripted:{script}") as server:
        provider = SipProvider(server.url, server.key)
        variables = {"OPENAI_API_KEY": server.key, "OPENAI_BASE_URL": server.url}
        variables["OPENAI_WEBHOOK_SECRET"] = SECRET
        with gunicorn("samples.ported.agents_twilio_sip:app", tmp_path, **variables) as app:
            assert '"ok"' in page(app, "/")
            call_id, body = provider.ring()
            url = f"http://{app.address}/openai/webhook"
            assert [provider.deliver(url, body) for _ in range(3)] == [200] * 3
            app.wait_for(f"{call_id}: assistant says something")
            provider.say(call_id, question("hello") + silence(700))
            Guard().until(lambda: app.log().count("says something") == 2, "the answer")
            provider.caller_hangs_up(call_id)
            app.wait_for(f"{call_id} was ended by caller")
            assert provider.state_of(call_id)["joined"] == 1
            assert provider.deliver(url, body, {}) == 400
