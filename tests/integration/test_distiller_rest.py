"""The Distiller's REST calls over real sockets: what is sent, and what comes of each answer."""

from __future__ import annotations

import base64
import json
import logging
import pickle
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from guards import Guard
from http_recorder import Asked, HttpRecorder, Reply, raw, reply, stall
from raw_server import RawPeer

from realtime_sync import (
    AIRefinery,
    AuthenticationError,
    ConnectError,
    InternalServerError,
    Local,
    LocalProtocolError,
    NotFoundError,
    RateLimitError,
    RealtimeError,
    RealtimeTimeout,
    RemoteProtocolError,
)
from realtime_sync.distiller import TokenProvider
from realtime_sync.errors import ProjectCreationError, ProjectDownloadError

pytestmark = pytest.mark.timeout(60)

KEY = "a-key-that-nobody-may-see"
CONFIG: dict[str, Any] = {
    "orchestrator": {"agent_list": [{"agent_name": "Assistant"}]},
    "utility_agents": [{"agent_class": "CustomAgent", "agent_name": "Assistant", "config": {}}],
}
ACCOUNT = reply(200, {"organization_id": "org-1"})
CREATED = reply(201, {"project_version": "0"})
DOWNLOADED = reply(200, {"config": json.dumps(json.dumps(CONFIG)), "more": 1})


@pytest.fixture(autouse=True)
def no_pause_between_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime_sync.rest._http_retry._FIRST_DELAY_S", 0.0)


def client_of(server: HttpRecorder, **options: Any) -> AIRefinery:
    return AIRefinery(options.pop("api_key", KEY), server.base_url, **options)


def outcome(call: Any) -> Any:
    """Return what a call raises."""
    with pytest.raises(RealtimeError) as caught:
        call()
    assert KEY not in f"{caught.value}{caught.value.args}{caught.value.__dict__}"
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again)) == (type(caught.value), str(caught.value))
    return caught.value


def own_headers(asked: Asked) -> Mapping[str, str | None]:
    names = ("Authorization", "sdk_version", "Content-Type", "airefinery_account")
    return {name: asked.headers.get(name) for name in names}


# -- what is sent ----------------------------------------------------------------------------------


def test_the_account_is_asked_for_once(tmp_path: Path) -> None:
    file = tmp_path / "project.yaml"
    file.write_text(json.dumps(CONFIG))
    with HttpRecorder(ACCOUNT, CREATED, DOWNLOADED) as server, client_of(server) as client:
        assert server.asked == []  # a client that is made asks for nothing
        assert client.realtime_distiller.create_project(project="tutor", config_path=file) is True
        assert client.realtime_distiller.download_project(project="tutor") == CONFIG
        assert client.realtime_distiller.account == "org-1"
    validate, create, download = server.asked
    assert [each.method for each in server.asked] == ["POST"] * 3
    assert (validate.target, validate.body) == ("/authentication/validate", b"")
    assert (create.target, download.target) == ("/distiller/create", "/distiller/download")
    assert create.json() == {"project": "tutor", "config": CONFIG, "sdk_version": "1.33.2"}
    assert download.json() == {
        "project": "tutor",
        "project_version": None,
        "sdk_version": "1.33.2",
    }
    same = {
        "Authorization": f"Bearer {KEY}",
        "sdk_version": "1.33.2",
        "Content-Type": "application/json",
    }
    assert own_headers(validate) == {**same, "airefinery_account": None}
    assert own_headers(create) == own_headers(download) == {**same, "airefinery_account": "org-1"}


def test_threads_ask_for_the_account_once(guard: Guard) -> None:
    with HttpRecorder(ACCOUNT) as server, client_of(server) as client:
        ask = lambda: client.realtime_distiller.account  # noqa: E731
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            guard.join(thread)
    assert len(server.asked) == 1


def test_the_server_s_form_and_a_version() -> None:
    with HttpRecorder(ACCOUNT, DOWNLOADED) as server, client_of(server) as client:
        found = client.realtime_distiller.download_project("tutor", "3", raw=True)
    assert found == {"config": json.dumps(json.dumps(CONFIG)), "more": 1}
    assert server.asked[1].json()["project_version"] == "3"


def test_nothing_is_printed(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "realtime_sync")
    with HttpRecorder(ACCOUNT, CREATED) as server, client_of(server) as client:
        client.realtime_distiller.create_project(project="tutor", json_config=CONFIG)
        with HttpRecorder(ACCOUNT, reply(400, {"detail": "no"})) as other:
            outcome(
                lambda: client_of(other).realtime_distiller.create_project(
                    project="tutor", json_config=CONFIG
                )
            )
    assert capsys.readouterr() == ("", "")
    assert "project tutor was created, version 0" in caplog.text
    assert KEY not in caplog.text


def test_the_program_s_headers_are_on_every_request() -> None:
    headers = {"X-Version": "7"}
    with HttpRecorder(ACCOUNT, DOWNLOADED) as server:
        with client_of(server, default_headers=headers) as client:
            client.realtime_distiller.download_project("tutor")
        assert [each.headers["x-version"] for each in server.asked] == ["7", "7"]


def test_a_client_of_a_local_server() -> None:
    with HttpRecorder(ACCOUNT, DOWNLOADED) as server:
        local = Local(url=server.base_url, api_key=KEY)
        with local.airefinery() as client:
            assert repr(client) == f"AIRefinery(base_url='http://localhost:{server.port}')"
            assert client.realtime_distiller.download_project("tutor") == CONFIG
    assert own_headers(server.asked[1])["Authorization"] == f"Bearer {KEY}"


# -- the account -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_a_key_that_is_rejected(status: int) -> None:
    no = reply(status, {"detail": f"what is {KEY}?"})
    with HttpRecorder(no) as server, client_of(server) as client:
        error = outcome(lambda: client.realtime_distiller.download_project("tutor"))
        assert isinstance(error, AuthenticationError)
        assert (error.status, error.message) == (status, "what is ***?")
        outcome(lambda: client.realtime_distiller.account)  # is asked anew: it may be known by now
        assert len(server.asked) == 2


@pytest.mark.parametrize("body", [{}, {"organization_id": None}, {"organization_id": ""}])
def test_a_key_of_nobody(body: Any) -> None:
    with HttpRecorder(reply(200, body)) as server, client_of(server) as client:
        error = outcome(lambda: client.realtime_distiller.account)
        assert isinstance(error, AuthenticationError)
        assert "names no account" in str(error)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(404, {"detail": "Not Found"}), NotFoundError),  # another server, not another key
        (reply(429), RateLimitError),
        (reply(500), InternalServerError),
        (reply(200, b"<html>"), RemoteProtocolError),
        (reply(200, [1]), RemoteProtocolError),
        (raw(b"SSH-2.0\r\n"), RemoteProtocolError),
    ],
)
def test_other_failures_are_told_apart(answer: Reply, kind: type[RealtimeError]) -> None:
    with HttpRecorder(answer) as server, client_of(server, max_retries=0) as client:
        assert isinstance(outcome(lambda: client.realtime_distiller.account), kind)


# -- projects --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, {"detail": "agent 'X' is unknown"}, "agent 'X' is unknown"),
        (401, {"message": f"bad {KEY}"}, "bad ***"),
        (409, b"in the server's words", "in the server's words"),
        (422, {"detail": [{"loc": ["config"], "msg": "ü"}]}, '[{"loc": ["config"], "msg": "ü"}]'),
        (500, b"", "the server refused the request"),
    ],
)
def test_a_project_that_is_not_taken(status: int, body: Any, words: str) -> None:
    with HttpRecorder(ACCOUNT, reply(status, body)) as server, client_of(server) as client:
        create = client.realtime_distiller.create_project
        error = outcome(lambda: create(project="tutor", json_config=CONFIG))
        assert len(server.asked) == 2  # not tried again: it could be there twice
    assert isinstance(error, ProjectCreationError)
    assert str(error) == f"project 'tutor' was not created: {words} (http status {status})"
    assert error.status == status
    text = body.decode() if isinstance(body, bytes) else json.dumps(body).replace(KEY, "***")
    assert error.extra == {"status_code": status, "error_message": text, "project": "tutor"}


def test_an_answer_that_creates_nothing() -> None:
    with HttpRecorder(ACCOUNT, reply(200, {})) as server, client_of(server) as client:
        create = client.realtime_distiller.create_project
        error = outcome(lambda: create(project="tutor", json_config=CONFIG))
    assert isinstance(error, ProjectCreationError)
    assert error.status == 200


def test_a_project_without_a_version_in_the_answer() -> None:
    for odd in (reply(201), reply(201, [1]), reply(201, b"\xff{")):
        with HttpRecorder(ACCOUNT, odd) as server, client_of(server) as client:
            create = client.realtime_distiller.create_project
            assert create(project="tutor", json_config=CONFIG) is True


def test_a_project_that_is_not_there() -> None:
    missing = reply(404, {"detail": "no project 'tutor'"})
    with HttpRecorder(ACCOUNT, missing) as server, client_of(server) as client:
        error = outcome(lambda: client.realtime_distiller.download_project("tutor", "3"))
    assert isinstance(error, ProjectDownloadError)
    assert error.message == "project 'tutor' can't be had: no project 'tutor' (http status 404)"
    assert error.extra == {
        "status_code": 404,
        "error_message": '{"detail": "no project \'tutor\'"}',
        "project": "tutor",
        "project_version": "3",
    }


@pytest.mark.parametrize("body", [b"", b"[1]", {"config": None}, {"config": '"{'}, {}])
def test_a_project_that_can_not_be_read(body: Any) -> None:
    with HttpRecorder(ACCOUNT, reply(200, body)) as server, client_of(server) as client:
        error = outcome(lambda: client.realtime_distiller.download_project("tutor"))
    assert isinstance(error, RemoteProtocolError)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (reply(200, {"message": "good"}), True),
        (reply(200), True),
        (reply(400, {"detail": "no"}), False),
        (reply(401), False),
        (reply(500), False),
    ],
)
def test_a_configuration_is_judged(
    answer: Reply, expected: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with HttpRecorder(ACCOUNT, answer) as server, client_of(server, max_retries=0) as client:
        assert client.realtime_distiller.validate_config(config=CONFIG) is expected
    assert server.asked[1].target == "/distiller/config/validate"
    assert server.asked[1].json() == {"config": CONFIG}
    assert ("is not valid" in caplog.text) is not expected


def test_what_has_no_json_form_is_not_sent() -> None:
    with HttpRecorder(ACCOUNT) as server, client_of(server) as client:
        create = client.realtime_distiller.create_project
        error = outcome(lambda: create(project="tutor", json_config={"a": float("nan")}))
    assert isinstance(error, LocalProtocolError)
    assert [each.target for each in server.asked if "create" in each.target] == []


# -- time ------------------------------------------------------------------------------------------


def silent_clients() -> Iterator[Any]:
    """Every call against a server that is silent, at first or after it knew the account."""
    create = lambda d: d.create_project(project="p", json_config=CONFIG)  # noqa: E731
    download = lambda d: d.download_project("p")  # noqa: E731
    validate = lambda d: d.validate_config(config=CONFIG, timeout=0.2)  # noqa: E731
    session = lambda d: d(project="p", uuid="u").enter()  # noqa: E731
    for call in (create, download, validate, session):
        yield call, (ACCOUNT, stall())
    for call in (create, download, session):
        yield call, (stall(),)


@pytest.mark.parametrize(("call", "replies"), [*silent_clients()])
def test_no_call_waits_for_ever(call: Any, replies: tuple[Reply, ...]) -> None:
    options = {"timeout": 0.2, "max_retries": 0}
    with HttpRecorder(*replies) as server, client_of(server, **options) as client:
        assert isinstance(outcome(lambda: call(client.realtime_distiller)), RealtimeTimeout)


def test_what_does_no_harm_is_tried_again() -> None:
    bad = reply(502)
    replies = (bad, ACCOUNT, bad, DOWNLOADED, bad, reply(200))
    with HttpRecorder(*replies) as server, client_of(server) as client:
        assert client.realtime_distiller.download_project("tutor") == CONFIG
        assert client.realtime_distiller.validate_config(config=CONFIG) is True
    assert len(server.asked) == len(replies)


def test_a_server_that_is_not_there() -> None:
    with HttpRecorder(ACCOUNT) as server:
        port = server.port
    client = AIRefinery(KEY, f"http://localhost:{port}", max_retries=0)
    assert isinstance(outcome(lambda: client.realtime_distiller.account), ConnectError)
    client.close()


# -- tokens ----------------------------------------------------------------------------------------

SECRET = "a secret & more"


def jwt(exp: object) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": exp}).encode()).decode().rstrip("=")
    return f"e30.{claims}.c2ln"


def provider_at(server: HttpRecorder, now: list[float], **options: Any) -> TokenProvider:
    return TokenProvider(
        url=f"http://localhost:{server.port}/oauth2/token/?tenant=t",
        client_id="app",
        client_secret=SECRET,
        clock=lambda: now[0],
        **options,
    )


def test_a_token_is_kept_until_a_minute_before_its_end() -> None:
    now = [1000.0]
    first, second = jwt(2000), jwt(3000)
    with HttpRecorder(
        reply(200, {"access_token": first, "expires_in": 9}), reply(200, {"access_token": second})
    ) as server:
        provider = provider_at(server, now, extra_fields={"scope": "s/.default"})
        assert [provider.token(), provider.token()] == [first, first]
        now[0] = 1939.9
        assert provider.token() == first
        now[0] = 1940.0
        assert provider.token() == second
    assert len(server.asked) == 2
    assert server.asked[0].target == "/oauth2/token/?tenant=t"
    assert server.asked[0].headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(server.asked[0].body.decode()) == {
        "client_id": ["app"],
        "client_secret": [SECRET],
        "grant_type": ["client_credentials"],
        "scope": ["s/.default"],
    }


@pytest.mark.parametrize("token", ["opaque", "a.b.c", jwt("soon"), jwt(None), "a.W10.c"])
def test_tokens_that_do_not_tell_their_end(token: str) -> None:
    now = [1000.0]
    with HttpRecorder(reply(200, {"access_token": token, "expires_in": 100})) as server:
        provider = provider_at(server, now)
        assert [provider.token(), provider.token()] == [token, token]
        assert len(server.asked) == 1
        now[0] = 1040.0
        provider.token()
        assert len(server.asked) == 2


def test_a_token_is_asked_for_again_when_the_endpoint_fails() -> None:
    with HttpRecorder(reply(502), reply(200, {"access_token": "opaque"})) as server:
        assert provider_at(server, [1000.0]).token() == "opaque"


@pytest.mark.parametrize("lasts", [{}, {"expires_in": True}, {"expires_in": float("nan")}])
def test_a_token_of_unknown_length_is_used_once(lasts: dict[str, Any]) -> None:
    with HttpRecorder(reply(200, {"access_token": "opaque", **lasts})) as server:
        provider = provider_at(server, [1000.0])
        assert [provider.token(), provider.token()] == ["opaque", "opaque"]
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(400, {"error": "invalid_client", "hint": SECRET}), AuthenticationError),
        (reply(401, f"not {SECRET} a+secret+%26+more".encode()), AuthenticationError),
        (reply(500, SECRET.encode()), InternalServerError),
        (reply(429, SECRET.encode(), {"retry-after": "999"}), RateLimitError),
        (reply(200, {"token": SECRET}), RemoteProtocolError),
        (reply(200, {"access_token": 7}), RemoteProtocolError),
        (reply(200, b"<html>"), RemoteProtocolError),
    ],
)
def test_an_endpoint_that_gives_no_token(answer: Reply, kind: type[RealtimeError]) -> None:
    with HttpRecorder(answer) as server:
        error = outcome(provider_at(server, [0.0]).token)
    assert type(error) is kind
    shown = f"{error}{error.args}{error.__dict__}{error.__context__ if error.__cause__ else ''}"
    assert SECRET not in shown
    assert "a+secret" not in shown


def test_a_provider_is_the_key_of_a_client() -> None:
    now = [1000.0]
    tokens = [reply(200, {"access_token": jwt(end)}) for end in (2000, 3000)]
    with HttpRecorder(*tokens) as endpoint, HttpRecorder(ACCOUNT, DOWNLOADED) as server:
        provider = provider_at(endpoint, now)
        with client_of(server, api_key=provider) as client:
            client.realtime_distiller.download_project("tutor")
            now[0] = 1990.0
            client.realtime_distiller.download_project("tutor")
    keys = [each.headers["authorization"] for each in server.asked]
    assert keys == [f"Bearer {jwt(end)}" for end in (2000, 2000, 3000)]


def test_a_token_that_is_refused_is_no_fault_of_the_project() -> None:
    refused = reply(401, {"error": "invalid_client"})
    good = reply(200, {"access_token": "opaque"})
    with HttpRecorder(good, refused) as endpoint, HttpRecorder(ACCOUNT) as server:
        key = provider_at(endpoint, [0.0])
        with client_of(server, api_key=key) as client:
            error = outcome(lambda: client.realtime_distiller.download_project("tutor"))
    assert isinstance(error, AuthenticationError)
    assert error.message == "invalid_client"


def test_nothing_shows_the_secret() -> None:
    shown = repr(TokenProvider(url="http://h/?key=x", client_id="app", client_secret=SECRET))
    assert shown == "TokenProvider(url='http://h/', client_id='app')"


def test_a_token_endpoint_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime_sync.distiller.token_provider._TIMEOUT_S", 0.2)

    def once(peer: RawPeer) -> None:
        peer.expect_end()

    with HttpRecorder(once) as server:
        assert isinstance(outcome(provider_at(server, [0.0]).token), RealtimeTimeout)
