"""The server of samples/flask_voice, as a page without a browser sees it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from embedded import question, silence
from raw_page import Visitor, voice_server
from wsgi_servers import WebServer

from realtime_sync import Local

pytestmark = pytest.mark.xdist_group("flask_voice")
SCRIPT = Path(__file__).parents[2] / "samples" / "flask_voice" / "travel.yaml"


@pytest.fixture(scope="module")
def model() -> Iterator[dict[str, str]]:
    """The embedded server as these agents' model, as the environment names it."""
    with Local(responder=f"scripted:{SCRIPT}") as client:
        with client.realtime.connect():
            pass
        yield {"OPENAI_API_KEY": client.api_key, "OPENAI_BASE_URL": client.url}


@pytest.fixture(scope="module", params=["werkzeug", "gthread"])
def server(
    request: pytest.FixtureRequest,
    model: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[WebServer]:
    folder = tmp_path_factory.mktemp("server")
    with voice_server(request.param, folder, model) as running:
        yield running


def test_a_spoken_question_is_answered(server: WebServer) -> None:
    page = Visitor(server).open()
    page.say(question("weather_paris") + silence(1000))
    page.until("audio_done")
    page.until("answer", state="ended")
    assert page.texts() == [
        ("user", "what is the weather in paris"),
        ("assistant", "It is sunny and 21 degrees in Paris."),
    ]
    page.leave()
