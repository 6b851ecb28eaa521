"""Settings that make no sense are refused when they are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from realtime_sync import ConfigError
from realtime_sync.local.__main__ import main
from realtime_sync.local.server_settings import ServerSettings, recogniser_spec


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"port": -1}, "the port is -1"),
        ({"port": 65536}, "the port is 65536"),
        ({"session_limit_s": 0.0}, "the session limit is 0"),
        ({"session_limit_s": float("nan")}, "the session limit is nan"),
        ({"ping_interval_s": 0.0}, "the ping interval is 0"),
        ({"idle_timeout_s": -1.0}, "the idle timeout is -1"),
        ({"tls_key": Path("key.pem")}, "needs its certificate chain"),
        ({"allow_hosts": ("a", "b:80")}, "'b:80' is no host to allow"),
        ({"allow_origins": ("a.example",)}, "'a.example' is no origin to allow"),
    ],
)
def test_a_wrong_setting(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ServerSettings(**wrong)


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


def test_what_the_recogniser_listens_for() -> None:
    assert recogniser_spec(None, ()) == "pocketsphinx"
    assert recogniser_spec(Path("a.gram"), []) == "pocketsphinx:a.gram"
    assert recogniser_spec(None, ["stop", "lamp on"]) == "phrases:stop\nlamp on"
    assert recogniser_spec(None, ["stop now"] * 11_000)
    with pytest.raises(ConfigError, match="not both"):
        recogniser_spec(Path("a.gram"), ["stop"])
    with pytest.raises(ConfigError, match=r"12000 phrases are too many.*a file, one per line"):
        recogniser_spec(None, ["stop now"] * 12_000)
