"""`Local` takes the options of ``serve``, and hands them to its server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from realtime_sync import ConfigError, Local
from realtime_sync.clients.local import ServerOptions
from realtime_sync.local.__main__ import settings_of
from realtime_sync.local.server_settings import OPTIONS, ServerOption, ServerSettings

# What `Local` has under another name: its key, and the phrases as a form of the grammar.
ELSEWHERE = {"key", "phrases"}
SHARED = [option for option in OPTIONS if option.name not in ELSEWHERE]
VALUES: dict[Any, Any] = {str: "a 'b'", Path: Path("a b"), int: 1234, float: 2.5}
SPECIAL = {"allow_hosts": "a.example", "allow_origins": "https://a.example", "log_level": "info"}


def settings(**options: Any) -> ServerSettings:
    """Return those of the server that `Local` would start."""
    return settings_of(Local(**options)._arguments)[0]


def test_it_takes_every_option_of_serve() -> None:
    missing = {option.keyword for option in SHARED} ^ set(ServerOptions.__annotations__)
    assert not missing, f"{missing}: make ServerOptions have what OPTIONS of the server have"


@pytest.mark.parametrize("option", SHARED, ids=lambda option: option.keyword)
def test_the_server_gets_it(option: ServerOption) -> None:
    value = SPECIAL.get(option.name, VALUES[option.type])
    given = [value, f"{value}-2"] if option.repeatable else value
    with_it = {"tls_cert": "cert.pem"} if option.name == "tls_key" else {}
    got = getattr(settings(**{option.keyword: given}, **with_it), option.name)
    assert got == (tuple(given) if option.repeatable else given)


def test_a_grammar_is_phrases_or_a_file() -> None:
    assert settings(grammar=["stop", "-lamp on"]).phrases == ("stop", "-lamp on")
    assert settings(grammar="a.gram").grammar == Path("a.gram")
    assert settings(grammar=Path("a.gram")).grammar == Path("a.gram")


def test_none_leaves_an_option_out() -> None:
    assert settings(responder=None, grammar=None, port=None) == settings()
    assert Local(url="http://127.0.0.1:1/v1", responder=None).url


@pytest.mark.parametrize("value", ["gpt", [], [""], [3], 5])
def test_models_are_a_list_of_names(value: Any) -> None:
    with pytest.raises(
        ConfigError, match=r"^models=.* is wrong; give a list of names such as \['my-model'"
    ):
        Local(models=value)


def test_an_option_that_there_is_not() -> None:
    wrong: dict[str, Any] = {"session_limits": 3}
    with pytest.raises(TypeError, match=r"^Local\(\) got an unexpected keyword argument 'sess"):
        Local(**wrong)


@pytest.mark.parametrize("name", ["port", "models"])
def test_the_options_are_those_of_a_server_of_our_own(name: str) -> None:
    options: dict[str, Any] = {name: ["x"] if name == "models" else 1}
    with pytest.raises(ConfigError, match=f"^{name} belongs to a server of our own; leave out url"):
        Local(url="http://127.0.0.1:1/v1", **options)
