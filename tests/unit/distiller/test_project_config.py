"""Configurations in YAML: what is read, and errors that say where."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from programs import REPOSITORY

from realtime_sync import ConfigError
from realtime_sync.distiller.project_config import (
    check_agents,
    load_project_config,
    read_project_text,
)

AGENTS = """\
speech:
  language: ${oc.env:DISTILLER_TEST_LANGUAGE,en-US}
orchestrator:
  agent_list: [{agent_name: "${utility_agents[0].agent_name}"}]
  speech_config:
    language: ${speech.language}
    voice: ${.language}-AvaNeural
utility_agents:
  - agent_class: CustomAgent
    agent_name: Assistant
    config: {}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "project.yaml"


def refused(file: Path, text: str) -> str:
    """Return the words of the refusal, without the folder."""
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_project_config(file)
    assert str(caught.value).startswith(str(file))
    return str(caught.value).removeprefix(f"{file.parent}/")


def test_a_whole_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILLER_TEST_LANGUAGE", "en-AU")
    file.write_text(AGENTS)
    assert load_project_config(file) == {
        "speech": {"language": "en-AU"},
        "orchestrator": {
            "agent_list": [{"agent_name": "Assistant"}],
            "speech_config": {"language": "en-AU", "voice": "en-AU-AvaNeural"},
        },
        "utility_agents": [{"agent_class": "CustomAgent", "agent_name": "Assistant", "config": {}}],
    }
    assert load_project_config(str(file)) == load_project_config(file)


def test_the_example_of_the_document(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TUTOR_LANGUAGE", raising=False)
    page = (REPOSITORY / "docs" / "distiller_projects.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    file.write_text(example)
    shown = load_project_config(file)["orchestrator"]
    assert shown["agent_list"] == [{"agent_name": "Tutor"}]
    assert shown["speech_config"] == {"language": "en-AU", "voice": "en-AU-WilliamNeural"}


def test_scalars_are_read_as_omegaconf_reads_them(file: Path) -> None:
    file.write_text("a: 1e3\nb: 2020-01-01\nc: 1.5\nd: yes\ne: -1.e+4\nf: 0x1f\ng: ~\n1: 2\n")
    assert load_project_config(file) == {
        "a": 1000.0,
        "b": "2020-01-01",
        "c": 1.5,
        "d": True,
        "e": -10000.0,
        "f": 31,
        "g": None,
        1: 2,
    }


def test_anchors_and_merges(file: Path) -> None:
    file.write_text("a: &a {x: 1, y: 1}\nb: {<<: *a, y: 2, z: '${b.x}'}\n")
    assert load_project_config(file)["b"] == {"x": 1, "y": 2, "z": 1}
    file.write_text("a: &a {x: 1}\nc: &c {y: 2}\nb:\n  <<: *a\n  <<: *c\n")
    assert load_project_config(file)["b"] == {"x": 1, "y": 2}


def test_a_byte_order_mark_is_none_of_the_text(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbfa: \xc3\xbc\n")
    assert load_project_config(file) == {"a": "ü"}
    assert read_project_text(file) == "a: ü\n"


def test_the_raw_text_keeps_its_interpolations(file: Path) -> None:
    file.write_text(AGENTS)
    assert read_project_text(file) == AGENTS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        # syntax
        ("a: [1\nb: 2", "project.yaml, line 2: is no YAML: while parsing a flow sequence expected"),
        ("a: 1\nb: *x", "project.yaml, line 2: is no YAML: found undefined alias 'x'"),
        ("a: 1\n\x07", "project.yaml, line 2: is no YAML: special characters are not allowed"),
        ("a: 1\nb: 1\na: 2", "project.yaml, line 3: is no YAML: the key 'a' is there twice"),
        (
            "a: 1\n? [1]\n: 2",
            "project.yaml, line 2: is no YAML: while constructing a mapping found",
        ),
        ("a: 1\n---\nb: 2", "project.yaml, line 2: is no YAML: expected a single document"),
        ("a: !!python/name:os.system ''", "project.yaml, line 1: is no YAML: could not determine"),
        ("a: !!int x", "project.yaml: is no YAML: the text of a tagged value is none: invalid"),
        ("a: !!float ''", "project.yaml: is no YAML: the text of a tagged value is none"),
        ("a: !!bool x", "project.yaml: is no YAML: the text of a tagged value is none"),
        ("a: !!timestamp x", "project.yaml: is no YAML: the text of a tagged value is none"),
        ("a: &x [*x]", "project.yaml: is nested too deeply, or holds itself"),
        ("a: " + "[" * 9999, "project.yaml: is nested too deeply, or holds itself"),
        # the root
        ("", "project.yaml, line 1: the file holds nothing; a mapping of settings is due"),
        ("# a comment", "project.yaml, line 1: the file holds nothing; a mapping"),
        ("\n- 1", "project.yaml, line 2: the file holds a list; a mapping of settings is due"),
        ("text", "project.yaml, line 1: the file holds a str; a mapping of settings is due"),
        # interpolations
        ("a: 1\nb:\n  c: [2, '${d}']\n", "project.yaml, line 3: b.c[1]: there is no 'd'"),
        ("a: 1\nb: x ${a", "project.yaml, line 2: b: this is no interpolation: '}' is missing"),
        ("a:\n  b: ${oc.env:DISTILLER_NO}", "line 2: a.b: the environment variable 'DISTILLER_NO'"),
        # agents
        (
            "a: 1\nutility_agents:",
            "project.yaml, line 2: utility_agents: is null; a list of agents",
        ),
        ("utility_agents: {a: 1}", "project.yaml, line 1: utility_agents: is {'a': 1}; a list"),
        ("utility_agents:\n- 3", "project.yaml, line 2: utility_agents[0]: is 3; a mapping"),
        (
            "utility_agents:\n- agent_name: x\n  agent_class: y\n- agent_name: z",
            "project.yaml, line 4: utility_agents[1]: agent_class is missing",
        ),
        (
            "utility_agents:\n- agent_class: x\n  agent_name:",
            "project.yaml, line 3: utility_agents[0].agent_name: is null; a string is due",
        ),
        (
            "utility_agents:\n- agent_name: ' '\n  agent_class: y",
            "project.yaml, line 2: utility_agents[0].agent_name: is ' '; a string is due",
        ),
        (
            "x: &x\n  agent_class: y\n  agent_name: 1\nutility_agents:\n- <<: *x\n  agent_name: []",
            "project.yaml, line 6: utility_agents[0].agent_name: is []; a string is due",
        ),
        (
            "x: &x\n  agent_class: y\n  agent_name: 1\nutility_agents:\n- <<: *x",
            "project.yaml, line 3: utility_agents[0].agent_name: is 1; a string is due",
        ),
    ],
)
def test_errors_say_where(file: Path, text: str, words: str) -> None:
    assert words in refused(file, text)


def test_an_error_in_what_a_reference_brings_is_told_where_it_is_used(file: Path) -> None:
    text = "name: 7\nutility_agents:\n- agent_class: x\n  agent_name: ${name}"
    assert "line 4: utility_agents[0].agent_name: is 7" in refused(file, text)


def test_files_that_can_not_be_read(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"project\.yaml: can't be read: No such file"):
        load_project_config(file)
    with pytest.raises(ConfigError, match=r"a\\nb: can't be read: No such file"):
        load_project_config("a\nb")
    file.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(ConfigError, match=r"project\.yaml, line 2: is not UTF-8"):
        load_project_config(file)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"utility_agents": []},
        {"utility_agents": [{"agent_name": "a", "agent_class": "WhateverTheServerKnows"}]},
        {"utility_agents": ({"agent_name": "a", "agent_class": "b", "config": None},)},
        {"orchestrator": 7},
    ],
)
def test_what_the_server_has_to_judge(config: dict[str, Any]) -> None:
    check_agents(config, lambda path, words: ConfigError(f"{path}: {words}"))
