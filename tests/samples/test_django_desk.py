"""The sample `django_desk`: its own tests, and its page under gunicorn, on both databases."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
import postgres
import pytest
import soundfile
from django.core.exceptions import ImproperlyConfigured
from django_desk import MANAGE, Desk, Teller, asking, desk, manage, telling
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


def beside(visitor: Visitor, url: str) -> Visitor:
    """Another tab in the browser of a visitor, who has seen the page."""
    tab = Visitor(url)
    tab.cookies.update(visitor.cookies)
    return tab


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


def test_gunicorn_gives_an_answer_its_time() -> None:
    """It kills a sync worker after that, whatever the worker writes."""
    sample = MANAGE.parent
    (answer_s,) = re.findall(
        r'"DESK_ANSWER_S", "(\d+)"', (sample / "settings.py").read_text("utf-8")
    )
    for page in (sample / "README.md", REPOSITORY / "docs" / "web_django.md"):
        commands = re.findall(r"gunicorn .*django_desk\.wsgi\S*", page.read_text("utf-8"))
        (given,) = [re.findall(r"--timeout (\d+) ", command) for command in commands]
        # For the provider's link to open, and for a database that is locked.
        assert int(*given) > int(answer_s) + 10 + 20


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


def test_first_questions_of_several_tabs(
    running: Desk, visitor: Visitor, teller: Teller, guard: Guard
) -> None:
    """They are one conversation, though none knows of the other when it is asked."""
    tabs = [beside(visitor, running.url) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(tab.events, "/ask/", data=STORY) for tab in tabs]
        for _ in tabs:
            guard.get(teller.begun, "a story")
        teller.go_on.release(2)
        assert [answer.result(GUARD_S)[-1][0] for answer in answers] == ["done"] * 2
    assert visitor.page().count("Once upon a time.") == 2
    for tab in tabs:
        tab.close()


def test_words_that_no_database_takes(visitor: Visitor) -> None:
    """The provider may say what it likes: the page has it all, and the log what it can keep."""
    events = visitor.events("/ask/", data={"text": "Show me the cipher."})
    assert [kind for kind, _ in events] == ["start", "delta", "done"]
    assert "It begins with \N{REPLACEMENT CHARACTER}." in visitor.page()


def test_a_database_that_is_restarted(
    visitor: Visitor, teller: Teller, database_url: str, guard: Guard
) -> None:
    """While the model speaks: nobody needs it meanwhile, and the answer is in the log."""
    with visitor.post("/ask/", data=STORY, stream=True) as answer:
        events = events_in(lines_of(answer))
        guard.get(teller.begun, "the first half")
        assert [next(events)[0], next(events)[0]] == ["start", "delta"]
        if database_url:  # a file needs no server
            postgres.restart(database_url)
        teller.go_on.release()
        assert [kind for kind, _ in events] == ["delta", "done"]
    assert "Once upon a time." in visitor.page()


def test_a_form_of_another_charset(visitor: Visitor) -> None:
    """It is refused as a whole. Without a traceback, for which the log is searched in the end."""
    kinds = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x")
    charsets = ("utf-16", "unicode_escape", "base64")  # the last is Python's, and no charset
    for kind, charset in product(kinds, charsets):
        headers = {"Content-Type": f"{kind}; charset={charset}"}
        answer = visitor.post("/ask/", data=STORY, headers=headers)
        assert (answer.status_code, answer.text) == (400, "Forms are read in UTF-8 alone.")


def test_a_nul_in_a_request(visitor: Visitor) -> None:
    """PostgreSQL can't be asked for one."""
    for path, cookies in (
        ("/", r'sessionid="\000 with which a session might begin"'),
        ("/admin/login/?next=%00", ""),
        ("/?one=more&one=%00", ""),
    ):
        answer = visitor.get(path, Cookie=cookies)
        assert (answer.status_code, answer.text) == (
            400,
            "A parameter or a cookie has a NUL in it.",
        )
    answer = visitor.post("/ask/", data={"text": "a\0b"})
    assert answer.json() == {"error": "Null characters are not allowed."}


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


def test_a_terminal_that_goes(running: Desk, teller: Teller, guard: Guard) -> None:
    """By Ctrl-C, or as `| head` does it: in order, and the log says so."""
    for end in ("a pipe that is closed", "Ctrl-C"):
        reader, writer = os.pipe()
        with asking(running, STORY["text"], writer) as command:
            os.close(writer)
            guard.get(teller.begun, "the first half")
            assert os.read(reader, 100) == b"Once "
            if end == "Ctrl-C":
                command.send_signal(signal.SIGINT)
            os.close(reader)
            teller.go_on.release()
            _, told = command.communicate(timeout=GUARD_S)
        assert "Traceback" not in told
        assert "Exception ignored" not in told
        assert "the visitor left" in told
        if end == "Ctrl-C":
            assert command.returncode == 130
            assert told.endswith("CommandError: You stopped the answer.\n")
        else:
            assert command.returncode == 1


def test_a_terminal_without_the_letters(tmp_path: Path) -> None:
    """They are replaced; and a key that is set to nothing is none."""
    environment = {
        "DJANGO_DEBUG": "1",
        "DESK_DATA": str(tmp_path),
        "PYTHONIOENCODING": "ascii",
        "OPENAI_API_KEY": "",
    }
    too_early = manage("ask", "Hello!", environment=environment)
    assert too_early.returncode == 1
    assert too_early.stderr.startswith("CommandError: The log can't be written: no such table")
    assert manage("migrate", environment=environment).returncode == 0
    ran = manage("ask", "Repeat after me: naïve.", environment=environment)
    assert (ran.returncode, ran.stdout) == (0, "Na?ve.\n")


@pytest.mark.parametrize("seconds", ["soon", "0", "nan", "inf"])
def test_seconds_that_are_none(tmp_path: Path, seconds: str) -> None:
    environment = {"DJANGO_DEBUG": "1", "DESK_DATA": str(tmp_path), "DESK_HEARTBEAT_S": seconds}
    ran = manage("check", environment=environment)
    assert ran.returncode == 1
    assert f"DESK_HEARTBEAT_S is '{seconds}'; give it a number of seconds above 0" in ran.stderr


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


@pytest.mark.parametrize(
    "url", ["postgres://me:hush/hush@host/desk", "postgres://me:hush@[::1/d", "postgres://h:x/d"]
)
def test_a_damaged_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="in percent, such as %2F for /") as caught:
        database(url, Path("/data"))
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None
