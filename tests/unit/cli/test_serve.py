"""``realtime-sync serve``: its options become the server's settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from programs import REPOSITORY

from realtime_sync.cli.serve import serve
from realtime_sync.local.__main__ import settings_of
from realtime_sync.local.server_settings import OPTIONS, ServerOption, ServerSettings
from realtime_sync.local.web import uvicorn_server

VALUES: dict[Any, str] = {str: "a b", Path: "a.pem", int: "1234", float: "2.5"}
SPECIAL = {"allow_hosts": "a.example", "allow_origins": "https://a.example", "log_level": "info"}


def value_of(option: ServerOption) -> str:
    return SPECIAL.get(option.name, VALUES[option.type])


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[ServerSettings]:
    """What was to be served, without serving it."""
    settings: list[ServerSettings] = []
    monkeypatch.setattr(uvicorn_server, "serve", settings.append)
    return settings


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(serve, arguments, env=environment)


def test_it_has_the_options_of_a_child_process(served: list[ServerSettings]) -> None:
    arguments = [
        each
        for option in OPTIONS
        if option.name != "phrases"  # instead of the grammar
        for each in [f"{option.flag}={value_of(option)}"] * (1 + option.repeatable)
    ]
    assert run(*arguments).exit_code == 0
    assert served == [settings_of(arguments)[0]]
    assert served[0].models == ("a b", "a b")
    assert all(
        getattr(served[0], option.name) not in (option.default, None)
        for option in OPTIONS
        if option.name != "phrases"
    )


def test_what_is_not_given(served: list[ServerSettings]) -> None:
    assert run().exit_code == 0
    assert run(REALTIME_SYNC_LOCAL_KEY="secret").exit_code == 0
    assert served == [ServerSettings(port=8765), ServerSettings(port=8765, key="secret")]


@pytest.mark.parametrize("key", ["", "secret"])
def test_a_server_for_everybody(served: list[ServerSettings], key: str) -> None:
    told = "anybody may use this server" in run("--host", "0.0.0.0", "--key", key).output
    assert told == (not key)
    assert served[0].key == (key or None)


def test_a_wrong_value_is_one_sentence(served: list[ServerSettings]) -> None:
    result = run("--tls-key", "key.pem")
    assert result.exit_code == 1
    assert result.output == ("Error: a TLS key needs its certificate chain: give that as well\n")
    assert not served


def test_the_document_has_every_option() -> None:
    document = (REPOSITORY / "docs" / "local_server.md").read_text()
    table = "".join(line for line in document.splitlines() if line.startswith("| `--"))
    assert [option.flag for option in OPTIONS if f"`{option.flag}`" not in table] == []


def test_a_responder_from_the_environment() -> None:
    url = "chat:http://me:hush@localhost/v1?modle=a"
    result = run("--port", "0", REALTIME_SYNC_LOCAL_RESPONDER=url)
    assert result.exit_code == 1
    assert result.output.startswith("Error: the chat URL has the unknown option 'modle'")
    assert "hush" not in result.output
    result = run("--port=0", "--responder=nobody", REALTIME_SYNC_LOCAL_RESPONDER=url)
    assert "responder 'nobody' is unknown" in result.output
