"""Settings that make no sense are refused when they are given."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest

from realtime_sync import ConfigError
from realtime_sync.local.__main__ import main
from realtime_sync.local.server_settings import OPTIONS, ServerSettings


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"port": -1}, "the port is -1"),
        ({"port": 65536}, "the port is 65536"),
        ({"session_limit_s": 0.0}, "the session limit is 0"),
        ({"session_limit_s": float("nan")}, "the session limit is nan"),
        ({"session_limit_s": float("inf")}, "the session limit is inf.* give seconds, such as"),
        ({"drain_s": float("inf")}, "the drain limit is inf"),
        ({"log_level": "loud"}, "log level 'loud' is unknown"),
        ({"ping_interval_s": 0.0}, "the ping interval is 0"),
        ({"idle_timeout_s": -1.0}, "the idle timeout is -1"),
        ({"max_input_audio_s": 0.0}, "the max input audio is 0"),
        ({"request_timeout_s": -1.0}, "the request timeout is -1"),
        ({"message_timeout_s": 0.0}, "the message timeout is 0"),
        ({"max_incoming_mib": 0}, "--max-incoming-mib is 0; give a number from 1"),
        *(
            ({name: 0}, f"--{name.replace('_', '-')} is 0; give a number from 1")
            for name in ("max_sessions", "max_items", "max_item_mib", "max_stored")
        ),
        ({"max_conversation_mib": -5}, "--max-conversation-mib is -5"),
        ({"tls_key": Path("key.pem")}, "needs its certificate chain"),
        ({"allow_hosts": ("a", "b:80")}, "'b:80' is no host to allow"),
        ({"allow_origins": ("a.example",)}, "'a.example' is no origin to allow"),
        *(
            ({name: odd}, f"^{flag} has something in it that is no character; write it anew$")
            for name, flag, odd in (
                ("host", "--host", "a\0"),
                ("key", "--key", "\ud800"),
                ("grammar", "--grammar", Path("a\0")),
                ("tls_cert", "--tls-cert", Path("\ud800")),
                ("models", "--model", ("a", "b\0")),
                ("phrases", "--phrase", ("stop", "\ud800")),
            )
        ),
        ({"key": "a\n"}, "'Authorization' is not one line of printable ASCII"),
        ({"key": "é"}, "'Authorization' is not one line of printable ASCII"),
        ({"key": " "}, "^the key begins or ends with a space"),
        ({"key": "a "}, "^the key begins or ends with a space"),
    ],
)
def test_a_wrong_setting(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ServerSettings(**wrong)


def test_what_can_be_given() -> None:
    """A file's name need not be UTF-8; an empty key is none; what ends never may be endless."""
    odd = ServerSettings(grammar=Path(os.fsdecode(b"\xff")), key="", phrases=())
    assert (odd.transcriber, odd.key) == ("pocketsphinx:\udcff", None)
    assert ServerSettings(phrases=("\udcff",)).transcriber == "phrases:\udcff"
    assert ServerSettings(key="a b").key == "a b"
    endless = dict.fromkeys(("ping_interval_s", "idle_timeout_s", "max_input_audio_s"), math.inf)
    assert ServerSettings(**endless).idle_timeout_s == math.inf


def test_its_secrets_are_not_shown() -> None:
    shown = repr(ServerSettings(key="hush-hush", responder="chat:http://me:hush@h/v1?model=m"))
    assert "hush" not in shown
    assert "responder='chat:http://***@h/v1?model=m'" in shown


def test_who_may_ask() -> None:
    settings = ServerSettings(host="Desk", allow_hosts=("a",), allow_origins=("https://b",))
    rules = settings.caller_rules()
    assert [rules.refuse_host([name]) for name in ("desk:8765", "a", "localhost")] == [None] * 3
    assert rules.refuse_host(["b"])
    assert rules.refuse_origin(["https://b"], ["a"]) is None
    assert rules.refuse_origin(["http://b"], ["a"])


def test_the_command_says_so_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--tls-key", "key.pem"]) == 2
    assert capsys.readouterr().err == (
        "error: a TLS key needs its certificate chain: give that as well\n"
    )


def test_what_argparse_finds_wrong_is_a_line_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "x"]) == 2
    assert main(["--colour", "red"]) == 2
    assert capsys.readouterr().err == (
        "error: argument --port: invalid int value: 'x'\n"
        "error: unrecognized arguments: --colour red\n"
    )


def test_what_the_recogniser_listens_for() -> None:
    assert ServerSettings().transcriber == "pocketsphinx"
    assert ServerSettings(grammar=Path("a.gram")).transcriber == "pocketsphinx:a.gram"
    assert ServerSettings(phrases=("stop", "lamp on")).transcriber == "phrases:stop\nlamp on"
    assert ServerSettings(phrases=("stop now",) * 11_000)
    with pytest.raises(ConfigError, match="not both"):
        ServerSettings(grammar=Path("a.gram"), phrases=("stop",))
    with pytest.raises(ConfigError, match=r"12000 phrases are too many.*a file, one per line"):
        ServerSettings(phrases=("stop now",) * 12_000)


def test_models_of_other_names() -> None:
    usual, more = ServerSettings(), ServerSettings(models=("my-model", "test-*"))
    for name, known in {"gpt-7": True, "local": True, "my-model": False, "test-1": False}.items():
        assert usual.knows(name) == known
        assert more.knows(name)
    assert not more.knows("my-model-2")
    assert more.unknown("x") == (
        "The model 'x' does not exist. This server knows: my-model, test-*, gpt-*, local*; "
        "its option --model adds others."
    )
    assert more.listed_models()[:2] == ["my-model", "gpt-realtime"]
    assert usual.listed_models()[0] == "gpt-realtime"


def test_an_option_has_one_name_in_each_place() -> None:
    names = {option.name: (option.flag, option.keyword) for option in OPTIONS}
    assert names["session_limit_s"] == ("--session-limit", "session_limit")
    assert names["models"] == ("--model", "models")
    assert names["tls_key"] == ("--tls-key", "tls_key")
    assert names["projects"] == ("--projects", "projects")
