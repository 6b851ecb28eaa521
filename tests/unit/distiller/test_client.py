"""The client: what is checked before anything is sent, and whose methods are called."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from realtime_sync import ConcurrencyError, ConfigError
from realtime_sync._headers import Headers
from realtime_sync.distiller import DistillerSession
from realtime_sync.distiller.client import RealtimeDistiller
from realtime_sync.errors import NotFoundError, ProjectDownloadError
from realtime_sync.rest.request import Answer

CONFIG = {"utility_agents": [{"agent_name": "A", "agent_class": "CustomAgent"}]}
FORWARDED = [
    "cancel_response",
    "clear_audio_buffer",
    "commit_audio",
    "get_responses",
    "listen_and_respond",
    "notify_playback_started",
    "notify_playback_stopped",
    "send_audio_chunk",
    "send_text_and_respond",
    "send_text_query",
    "send_update",
]


class FakeAccount:
    """Answers every request as the test says, and notes what was sent."""

    id = "org-1"

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.answer: Callable[[], Answer] = lambda: answer(200, {"config": json.dumps(CONFIG)})

    def request(self, path: str, fields: Any, **options: Any) -> Any:
        return path, fields

    def send(self, request: Any) -> Answer:
        self.sent.append(request)
        return self.answer()

    def headers(self) -> dict[str, str]:
        return {"airefinery_account": self.id}

    def session_url(self, project: str, uuid: str) -> str:
        return f"ws://h/{project}/{uuid}"


class FakeSession:
    """Notes its calls."""

    def __init__(self, place: Any, executor_dict: Any, options: Any) -> None:
        self.place = place
        self.functions = executor_dict
        self.options = options
        self.closed = False
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **options: Any) -> str:
            self.calls.append((name, args, options))
            return f"of {name}"

        return call

    def close(self) -> None:
        self.closed = True


def answer(status: int, body: Any) -> Answer:
    return Answer(status, Headers(), json.dumps(body).encode())


@pytest.fixture
def account() -> FakeAccount:
    return FakeAccount()


@pytest.fixture
def distiller(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> RealtimeDistiller:
    opens = SimpleNamespace(open_session=FakeSession, DistillerSession=DistillerSession)
    monkeypatch.setitem(sys.modules, "realtime_sync.distiller.session", opens)  # type: ignore[arg-type]
    return RealtimeDistiller(account, {"proxy": ""})  # type: ignore[arg-type]


# -- before anything is sent -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda d: d.create_project(project="a b", json_config=CONFIG),
        lambda d: d.create_project(project="a"),
        lambda d: d.create_project(project="a", json_config={}),
        lambda d: d.create_project(project="a", json_config=[1]),
        lambda d: d.create_project(project="a", json_config=" "),
        lambda d: d.create_project(project="a", config_path="/nowhere/x.yaml"),
        lambda d: d.validate_config(),
        lambda d: d.validate_config(config={}),
        lambda d: d.validate_config(send_yaml_string=True),
        lambda d: d.download_project("a/b"),
        lambda d: d.download_project("a", "1/2"),
        lambda d: d.download_project("a", ""),
        lambda d: d.download_project("a", True),
        lambda d: d(project="a:1", uuid="u"),
        lambda d: d(project="a", uuid="u v"),
        lambda d: d(project="a", uuid=""),
        lambda d: d(project="a", uuid="u", project_version="1:2"),
    ],
)
def test_nothing_is_sent_of_what_is_wrong(
    call: Callable[[Any], Any], distiller: RealtimeDistiller, account: FakeAccount
) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 -- the type is what programs catch
        call(distiller)
    assert isinstance(caught.value, ConfigError)
    assert account.sent == []


def test_a_wrong_agent_is_named_by_its_key(distiller: RealtimeDistiller) -> None:
    with pytest.raises(
        ConfigError, match=r"^json_config: utility_agents\[0\]: agent_class is miss"
    ):
        distiller.create_project(project="a", json_config={"utility_agents": [{"agent_name": "A"}]})


# -- projects --------------------------------------------------------------------------------------


def test_the_file_wins(distiller: RealtimeDistiller, account: FakeAccount, tmp_path: Path) -> None:
    file = tmp_path / "project.yaml"
    file.write_text("a: ${b}\nb: 1\n")
    account.answer = lambda: answer(201, {"project_version": "0"})
    assert distiller.create_project(project="p", config_path=file, json_config=CONFIG) is True
    assert account.sent[0][1]["config"] == {"a": 1, "b": 1}


def test_what_is_given_is_sent_as_it_is(distiller: RealtimeDistiller, account: FakeAccount) -> None:
    account.answer = lambda: answer(201, {})
    for given in ({"a": "${b}"}, "a: ${b}"):
        assert distiller.create_project(project="p", json_config=given)
        assert distiller.validate_config(config=given) is False  # 201 is not what is due there
        assert [fields["config"] for _, fields in account.sent[-2:]] == [given, given]


def test_the_text_of_a_file(
    distiller: RealtimeDistiller, account: FakeAccount, tmp_path: Path
) -> None:
    file = tmp_path / "project.yaml"
    file.write_text("a: ${b}\nb: 1\n")
    assert distiller.validate_config(config_path=file, send_yaml_string=True) is True
    assert distiller.validate_config(config_path=file) is True
    assert account.sent == [
        ("/distiller/config/validate", {"config": "a: ${b}\nb: 1\n"}),
        ("/distiller/config/validate", {"config": {"a": 1, "b": 1}}),
    ]


@pytest.mark.parametrize(("given", "sent"), [(None, None), ("3", "3"), (3, "3"), (0, "0")])
def test_versions(
    given: Any, sent: str | None, distiller: RealtimeDistiller, account: FakeAccount
) -> None:
    assert distiller.download_project("p", given) == CONFIG
    assert distiller.download_project(project="p", project_version=given, raw=True) == {
        "config": json.dumps(CONFIG)
    }
    assert [fields["project_version"] for _, fields in account.sent] == [sent, sent]


# -- sessions --------------------------------------------------------------------------------------


def test_a_session_gets_what_it_needs(distiller: RealtimeDistiller, account: FakeAccount) -> None:
    functions = {"A": print}
    with distiller(project="p", uuid="u", executor_dict=functions, project_version=3) as session:
        place = session.place
        assert (place.url, place.account, place.full_project) == ("ws://h/p:3/u", "org-1", "p:3")
        assert (place.uuid, place.agents) == ("u", CONFIG)
        assert place.headers() == {"airefinery_account": "org-1"}
        assert (session.functions, session.options) == (functions, {"proxy": ""})
        assert not session.closed
    assert session.closed
    assert [path for path, _ in account.sent] == ["/distiller/download"]


def test_the_latest_version_and_the_older_name(distiller: RealtimeDistiller) -> None:
    gallery = {"A": print}
    with distiller(project="p", uuid="u", custom_agent_gallery=gallery) as session:
        assert (session.place.url, session.place.full_project) == ("ws://h/p/u", "p")
        assert session.functions == gallery


def test_a_project_that_can_not_be_had_leaves_no_link(
    distiller: RealtimeDistiller, account: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK connects first, and leaves the link open."""

    def missing() -> Answer:
        raise NotFoundError("no such project", 404)

    def unexpected(*args: Any, **options: Any) -> Any:
        raise AssertionError("a link was opened")

    account.answer = missing
    monkeypatch.setattr(sys.modules["realtime_sync.distiller.session"], "open_session", unexpected)
    with pytest.raises(ProjectDownloadError), distiller(project="p", uuid="u"):
        pass


@pytest.mark.parametrize("name", FORWARDED)
def test_methods_of_the_open_session(name: str, distiller: RealtimeDistiller) -> None:
    with pytest.raises(ConfigError, match="no session is open; use `with"):
        getattr(distiller, name)(1, key=2)
    with distiller(project="p", uuid="u") as session:
        assert getattr(distiller, name)(1, key=2) == f"of {name}"
        assert session.calls == [(name, (1,), {"key": 2})]
        with distiller(project="p", uuid="v"), pytest.raises(ConcurrencyError, match="several"):
            getattr(distiller, name)()
        assert getattr(distiller, name)() == f"of {name}"
    with pytest.raises(ConfigError):
        getattr(distiller, name)()


def test_methods_are_documented(distiller: RealtimeDistiller) -> None:
    for name in FORWARDED:
        method = getattr(RealtimeDistiller, name)
        assert method.__name__ == name
        assert f"DistillerSession.{name}" in method.__doc__


def test_a_session_that_has_ended_says_so_itself(distiller: RealtimeDistiller) -> None:
    """Its queue may hold events still, and its error says why it ended."""
    with distiller(project="p", uuid="u") as session:
        session.closed = True  # by the server
        assert distiller.get_responses() == "of get_responses"
        with distiller(project="p", uuid="u") as second:
            distiller.commit_audio()
            assert [name for name, _, _ in second.calls] == ["commit_audio"]


def test_sessions_without_a_block(distiller: RealtimeDistiller) -> None:
    first = distiller(project="p", uuid="u").enter()
    first.close()
    second = distiller(project="p", uuid="u").enter()
    distiller.commit_audio()
    assert second.calls
    assert not first.calls
    assert [each() for each in distiller._entered] == [second]
    second.close()


def test_a_manager_opens_one_session_at_a_time(distiller: RealtimeDistiller) -> None:
    manager = distiller(project="p", uuid="u")
    with manager as first, pytest.raises(ConcurrencyError, match="open already"):
        manager.enter()
    with manager as second:
        assert second is not first
        assert not second.closed
    assert second.closed


def test_the_manager_is_no_session(distiller: RealtimeDistiller, account: FakeAccount) -> None:
    manager = distiller(project="p", uuid="u")
    for name in {name for name in vars(DistillerSession) if not name.startswith("_")}:
        with pytest.raises(
            ConfigError, match=rf"^\.{name}: this session is not open yet; use `with"
        ):
            getattr(manager, name)
    with pytest.raises(
        ConfigError, match=r"`with client\.realtime_distiller\(\.\.\.\) as session`"
    ):
        manager.send_text_query("hello")  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="'DistillerSessionManager' object is not iterable"):
        iter(manager)  # type: ignore[call-overload]
    assert not hasattr(manager, "nothing")
    assert account.sent == []


def test_the_manager_of_an_open_session_says_where_that_is(distiller: RealtimeDistiller) -> None:
    manager = distiller(project="p", uuid="u")
    words = r"^\.get_responses: this only opens the session; use what enter\(\) returned"
    with manager, pytest.raises(ConfigError, match=words):
        manager.get_responses()  # type: ignore[attr-defined]


def test_an_error_in_the_block_closes_the_session(distiller: RealtimeDistiller) -> None:
    with pytest.raises(ZeroDivisionError), distiller(project="p", uuid="u") as session:
        raise ZeroDivisionError
    assert session.closed
    assert distiller._entered == []
