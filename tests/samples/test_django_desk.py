"""The sample `django_desk`: its own tests, and its page under gunicorn, on both databases."""

from __future__ import annotations

import io
import json
import re
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import postgres
import pytest
import soundfile
from django.core.exceptions import ImproperlyConfigured
from django_desk import Desk, Teller, desk, manage, telling
from guards import GUARD_S, Guard
from programs import REPOSITORY

from realtime_sync import Local
from realtime_sync.audio import read_wav
from samples.django_desk.database import database
from samples.django_desk.desk.visitor import Visitor, events_in, lines_of

# Two workers each, and recognisers: not beside each other.
pytestmark = pytest.mark.xdist_group("django_desk")
QUESTION = REPOSITORY / "samples" / "questions" / "weather.wav"
STORY = {"text": "Tell me a story."}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database server; SQLite needs none."""
    if request.param == "sqlite":
        yield ""
        return
    with postgres.cluster() as url:
        yield url


@pytest.fixture(scope="module")
def teller() -> Iterator[Teller]:
    with telling() as model:
        yield model


@pytest.fixture(scope="module")
def provider(teller: Teller) -> Iterator[Local]:
    with Local(responder=teller.responder) as server:
        assert server.url
        yield server


@pytest.fixture(scope="module")
def running(
    database_url: str, provider: Local, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """The desk with two sync workers, each of which answers one visitor at a time."""
    environment = {
        "DJANGO_SECRET_KEY": "of the tests",
        "DATABASE_URL": database_url,
        "DESK_DATA": str(tmp_path_factory.mktemp("desk")),
        "DESK_HEARTBEAT_S": "0.1",
        "OPENAI_API_KEY": provider.api_key,
        "OPENAI_BASE_URL": provider.url,
    }
    with desk(environment, "--workers", "2") as server:
        yield server


@pytest.fixture
def visitor(running: Desk) -> Iterator[Visitor]:
    person = Visitor(running.url)
    yield person
    person.close()


def sessions(provider: Local) -> int:
    """How many conversations the provider has open."""
    address = provider.url.removesuffix("/v1") + "/healthz"
    with urllib.request.urlopen(address, timeout=GUARD_S) as answer:
        count: int = json.load(answer)["sessions"]
        return count


def test_its_own_tests(database_url: str, tmp_path: Path) -> None:
    environment = {
        "DJANGO_DEBUG": "1",
        "DATABASE_URL": database_url,
        "DESK_DATA": str(tmp_path),
    }
    ran = manage("test", "samples.django_desk.desk.tests", environment=environment)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"^Ran \d\d tests in .*\n\nOK$", ran.stderr, re.MULTILINE), "none is skipped"


def test_the_log_has_the_tables_of_its_models(tmp_path: Path) -> None:
    environment = {"DJANGO_DEBUG": "1", "DESK_DATA": str(tmp_path)}
    ran = manage("makemigrations", "--check", environment=environment)
    assert (ran.returncode, ran.stdout) == (0, "No changes detected\n")


def test_it_wants_a_secret_key(tmp_path: Path) -> None:
    ran = manage("check", environment={"DESK_DATA": str(tmp_path)})
    assert ran.returncode == 1
    assert "DJANGO_SECRET_KEY is not set" in ran.stderr


def test_an_answer_comes_as_it_is_written(visitor: Visitor, teller: Teller, guard: Guard) -> None:
    """The first words are here while the model has not found the others."""
    with visitor.post("/ask/", data=STORY, stream=True) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        events = events_in(lines_of(answer))
        assert next(events)[0] == "start"
        assert next(events) == ("delta", {"text": "Once "})
        guard.get(teller.begun, "the first half")
        teller.go_on.release()
        *rest, (last, _) = events
    assert rest == [("delta", {"text": "upon a time."})]
    assert last == "done"


def test_who_leaves_is_noticed(
    running: Desk, visitor: Visitor, teller: Teller, provider: Local, guard: Guard
) -> None:
    """By a heartbeat: the provider's session ends, and the worker is free."""
    with visitor.post("/ask/", data=STORY, stream=True) as answer:
        assert next(line for line in lines_of(answer) if line == ": heartbeat")
        guard.get(teller.begun, "the first half")
        assert sessions(provider) == 1
    guard.until(lambda: sessions(provider) == 0, "the end of the provider's session")
    guard.until(lambda: "the visitor left" in running.log(), "a line of the log")
    teller.go_on.release()
    assert "You left before the end." in guard.until(visitor.page, "the page")


def test_three_at_once(running: Desk, teller: Teller, provider: Local, guard: Guard) -> None:
    """Two are answered, the third waits for a worker; none gets another's answer."""
    visitors = [Visitor(running.url) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        answers = [
            pool.submit(visitor.events, "/ask/", data={"text": f"Tell me story {number}."})
            for number, visitor in enumerate(visitors)
        ]
        begun = {guard.get(teller.begun, "a story") for _ in range(2)}
        assert sessions(provider) == 2
        teller.go_on.release(3)
        begun.add(guard.get(teller.begun, "the third story"))
        ended = [answer.result(GUARD_S)[-1][0] for answer in answers]
    assert begun == {f"Tell me story {number}." for number in range(3)}
    assert ended == ["done"] * 3
    for number, visitor in enumerate(visitors):
        page = visitor.page()
        assert re.findall(r"Tell me story \d", page) == [f"Tell me story {number}"]
        visitor.close()


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
def test_a_recording_of_each_kind(visitor: Visitor, kind: str) -> None:
    file = io.BytesIO()
    pcm = np.frombuffer(read_wav(QUESTION, rate=24_000), "<i2")
    soundfile.write(file, pcm, 24_000, format=kind)
    events = dict(visitor.events("/recordings/", files={"recording": ("a", file.getvalue())}))
    assert "weather" in events["heard"]["text"]
    assert len(visitor.get(events["done"]["sound"]).content) > 24_000


def test_a_terminal_and_the_admin_share_the_log(running: Desk, visitor: Visitor) -> None:
    assert running.manage("ask", "Are you there?") == "I have heard you.\n"
    running.manage(
        "createsuperuser",
        "--noinput",
        DJANGO_SUPERUSER_USERNAME="ada",
        DJANGO_SUPERUSER_EMAIL="ada@example.org",
        DJANGO_SUPERUSER_PASSWORD="of the tests",
    )
    visitor.get("/admin/login/")
    login = {"username": "ada", "password": "of the tests", "next": "/admin/desk/turn/"}
    page = visitor.post("/admin/login/?next=/admin/desk/turn/", script=False, data=login)
    assert page.url == f"{running.url}/admin/desk/turn/"
    assert "Are you there?" in page.text
    assert "I have heard you." in visitor.get("/admin/desk/turn/?q=heard&who__exact=assistant").text


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        ("", {"NAME": "/data/desk.sqlite3"}),
        ("sqlite:///srv/log.sqlite3", {"NAME": "/srv/log.sqlite3"}),
        (
            "postgres://ada:p%40ss@db.example:6432/desk",
            {
                "NAME": "desk",
                "HOST": "db.example",
                "PORT": "6432",
                "USER": "ada",
                "PASSWORD": "p@ss",
            },
        ),
        (
            "postgresql:///desk?host=/run/postgresql&user=ada",
            {"NAME": "desk", "HOST": "/run/postgresql", "PORT": "", "USER": "ada", "PASSWORD": ""},
        ),
    ],
)
def test_the_database_is_that_of_the_url(url: str, settings: dict[str, str]) -> None:
    found = database(url, Path("/data"))
    engine = "sqlite3" if "sqlite" in settings["NAME"] else "postgresql"
    assert found.pop("ENGINE") == f"django.db.backends.{engine}"
    assert {name: found[name] for name in settings} == settings


@pytest.mark.parametrize("url", ["mysql://me:hush@host/desk", "postgres://me:hush@host", "desk"])
def test_another_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="give postgres://user") as caught:
        database(url, Path("/data"))
    assert "hush" not in str(caught.value)
