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
        ({"max_input_audio_s": 0.0}, "the max input audio is 0"),
        ({"request_timeout_s": -1.0}, "the request timeout is -1"),
        *(
            ({name: 0}, f"--{name.replace('_', '-')} is 0; give a number from 1")
            for name in ("max_sessions", "max_items", "max_item_mib", "max_stored")
        ),
        ({"max_conversation_mib": -5}, "--max-conversation-mib is -5"),
        ({"tls_key": Path("key.pem")}, "needs its certificate chain"),
    ],
)
def test_a_wrong_setting(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ServerSettings(**wrong)


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
