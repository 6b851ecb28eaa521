"""Names of projects, and what a downloaded one holds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from realtime_sync import ConfigError, RemoteProtocolError
from realtime_sync.distiller.projects import check_name, decoded_config, speech_hz

CONFIG = {"utility_agents": [{"agent_name": "Ü", "agent_class": "CustomAgent"}]}


@pytest.mark.parametrize("name", ["a", "A-1_b", "-", "0"])
def test_names(name: str) -> None:
    assert check_name("project", name) == name


@pytest.mark.parametrize("name", ["", " ", "a b", "a/b", "a:1", "..", "ü", "a\n", "a\0", None, 7])
def test_what_is_no_name(name: Any) -> None:
    with pytest.raises(ValueError, match=r"^uuid is .*; use the letters a to z and A to Z, digits"):
        check_name("uuid", name)
    with pytest.raises(ConfigError):
        check_name("project", name)


@pytest.mark.parametrize(
    "config", [CONFIG, json.dumps(CONFIG), json.dumps(json.dumps(CONFIG))], ids=lambda c: str(c)[:9]
)
def test_a_configuration_within_json(config: Any) -> None:
    assert decoded_config({"config": config, "more": 1}) == CONFIG


@pytest.mark.parametrize("config", [None, "", "{", "[1]", 7, json.dumps("{"), '"' * 3, "[" * 99999])
def test_what_is_no_configuration(config: Any) -> None:
    with pytest.raises(RemoteProtocolError, match="without a readable configuration"):
        decoded_config({"config": config})


def test_an_answer_without_one() -> None:
    with pytest.raises(RemoteProtocolError):
        decoded_config({})


@pytest.mark.parametrize(
    ("config", "hz"),
    [
        ({"orchestrator": {"speech_config": {"sample_rate": 24_000}}}, 24_000),
        ({"speech_config": {"sample_rate": 8_000}}, 8_000),
        ({"orchestrator": {"speech_config": {"voice": "x"}}}, 16_000),
        ({"orchestrator": None, "speech_config": {"sample_rate": "fast"}}, 16_000),
        ({"speech_config": {"sample_rate": True}}, 16_000),
        ({"speech_config": {"sample_rate": 0}}, 16_000),
        ({"speech_config": {"sample_rate": float("nan")}}, 16_000),
        ({"speech_config": {"sample_rate": 24_000.0}}, 24_000),
        ({}, 16_000),
    ],
)
def test_the_rate_of_the_answers_is_that_of_the_configuration(
    config: dict[str, Any], hz: int
) -> None:
    assert speech_hz(config) == hz
