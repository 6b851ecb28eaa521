"""What a project's configuration says, and which words its mistakes get."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync import ServerError
from realtime_sync.local.distiller.voice_project import (
    TeamAgent,
    VoiceProject,
    parse_config,
    read_project,
)

ADD = {"name": "add", "description": "Add.", "parameters": {"type": "object", "properties": {}}}


def agent(name: str = "A", kind: str = "SearchAgent", **more: Any) -> dict[str, Any]:
    return {"agent_name": name, "agent_class": kind, **more}


def test_the_agents_of_the_list_in_its_order() -> None:
    project = read_project(
        {
            "orchestrator": {"agent_list": [{"agent_name": "B"}, {"agent_name": "A"}]},
            "utility_agents": [
                agent("A", agent_description="Finds."),
                agent("B", "CustomAgent", config=None),
                agent("C"),
            ],
        }
    )
    assert project.agents == (
        TeamAgent("B", "CustomAgent"),
        TeamAgent("A", "SearchAgent", "Finds."),
    )


def test_super_agents_may_be_listed() -> None:
    project = read_project(
        {
            "orchestrator": {"agent_list": [{"agent_name": "S"}]},
            "super_agents": [agent("S", "BaseSuperAgent")],
        }
    )
    assert [each.name for each in project.agents] == ["S"]


@pytest.mark.parametrize("orchestrator", [{}, {"agent_list": []}, {"agent_list": None}, None])
def test_without_a_list_all_answer(orchestrator: Any) -> None:
    config = {"orchestrator": orchestrator, "utility_agents": [agent("A"), agent("B")]}
    assert [each.name for each in read_project(config).agents] == ["A", "B"]


def test_somebody_always_answers() -> None:
    assert read_project({}) == VoiceProject(agents=(TeamAgent("Assistant"),))
    assert read_project({}).speech_hz == 16_000


@pytest.mark.parametrize("place", ["orchestrator", None])
def test_voice_settings_at_either_place(place: str | None) -> None:
    settings = {
        "speech_config": {"voice": "en-AU-WilliamNeural", "sample_rate": 24_000, "model": "x"},
        "audio_config": {"vad": {}},
    }
    project = read_project({place: settings} if place else settings)
    assert (project.voice, project.speech_hz, project.barge_in) == (
        "en-AU-WilliamNeural",
        24_000,
        True,
    )


@pytest.mark.parametrize("audio_config", [None, {}, {"vad": None}, {"codec": 1}])
def test_no_barge_in_without_a_vad_block(audio_config: Any) -> None:
    assert not read_project({"orchestrator": {"audio_config": audio_config}}).barge_in


@pytest.mark.parametrize("tool", [{"type": "function", "function": ADD}, ADD])
def test_tools_are_json_texts(tool: Any) -> None:
    config = {"custom_tools": [json.dumps(tool)]}
    project = read_project({"utility_agents": [agent("T", "ToolUseAgent", config=config)]})
    assert project.agents[0].tools == [{"type": "function", **ADD}]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"utility_agents": {}}, "'utility_agents': expected an array, but got an object"),
        ({"utility_agents": ["A"]}, r"'utility_agents\[0\]': expected an object"),
        (
            {"utility_agents": [agent(), {"agent_name": "B"}]},
            r"parameter: 'utility_agents\[1\].agent_class'",
        ),
        ({"utility_agents": [agent(" ")]}, r"parameter: 'utility_agents\[0\].agent_name'"),
        ({"utility_agents": [agent(1)]}, r"'utility_agents\[0\].agent_name': expected a string"),  # type: ignore[arg-type]
        ({"utility_agents": [agent(), agent()]}, "there are two agents 'A'"),
        ({"utility_agents": [agent(config=3)]}, r"'utility_agents\[0\].config'"),
        ({"utility_agents": [agent(config={"custom_tools": 3})]}, "custom_tools': expected an arr"),
        ({"utility_agents": [agent(config={"custom_tools": ["{"]})]}, r"custom_tools\[0\]': exp"),
        ({"utility_agents": [agent(config={"custom_tools": ["{}"]})]}, "with a 'name'"),
        ({"utility_agents": [agent(config={"custom_tools": [{}]})]}, "the JSON text of a function"),
        (
            {"orchestrator": {"agent_list": [{"agent_name": "X"}]}},
            r"'orchestrator.agent_list\[0\].agent_name': 'X' is none of the utility_agents",
        ),
        ({"orchestrator": []}, "'orchestrator': expected an object, but got a decimal|array"),
        ({"orchestrator": {"speech_config": 1}}, "'orchestrator.speech_config': expected an obj"),
        ({"speech_config": {"sample_rate": "24000"}}, "sample_rate': expected an integer"),
        ({"speech_config": {"sample_rate": True}}, "sample_rate': expected an integer"),
        ({"speech_config": {"sample_rate": 7_999}}, "expected 8000 to 48000"),
        ({"speech_config": {"sample_rate": 48_001}}, "but got 48001"),
        ({"speech_config": {"voice": 3}}, "'speech_config.voice': expected a string"),
    ],
)
def test_mistakes(config: Any, words: str) -> None:
    with pytest.raises(ServerError, match=words):
        read_project(config)


@pytest.mark.parametrize("hz", [8_000, 48_000])
def test_the_slowest_and_the_fastest_rate(hz: int) -> None:
    assert read_project({"speech_config": {"sample_rate": hz}}).speech_hz == hz


def test_yaml_text() -> None:
    assert parse_config("a: {b: [1, '${oc.env:X}']}") == {"a": {"b": [1, "${oc.env:X}"]}}
    assert parse_config({"a": 1}) == {"a": 1}
    assert parse_config("1: [null, true, 0.5, '2020-01-31']") == {
        1: [None, True, 0.5, "2020-01-31"]
    }


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "'config': expected an object, but got null"),
        ("[1]", "'config': expected an object"),
        ("a: [", r"not valid YAML.*line \d"),
        ("a: !!python/object:x.Y {}", "not valid YAML"),
        ("a: &a [*a]", "more than 600000 values"),
        ("a: [b, 2020-01-31]", "has '2020-01-31', which is no value of JSON's: write it as a text"),
        ("2020-01-31: a", "has '2020-01-31'"),
        ("a: !!binary AAAA", "no value of JSON's"),
        ("a: !!set {b}", "no value of JSON's"),
        ("a: {b: -.inf}", "has '-inf'"),
        ("a: .nan", "has 'nan'"),
    ],
)
def test_what_is_no_configuration(given: Any, words: str) -> None:
    with pytest.raises(ServerError, match=f"(?s){words}"):
        parse_config(given)


def test_a_few_lines_that_stand_for_billions_of_values() -> None:
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(ServerError, match="more than 600000 values"):
        parse_config("\n".join(lines))


def test_a_deep_one() -> None:
    deep: Any = {}
    for _ in range(70):
        deep = {"a": deep}
    with pytest.raises(ServerError, match="The configuration is nested deeper than 64 levels"):
        parse_config(deep)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("orchestrator", "agent_list", "utility_agents", "agent_name", "agent_class"),
                    *(
                        "config",
                        "custom_tools",
                        "speech_config",
                        "audio_config",
                        "vad",
                        "sample_rate",
                    ),
                ]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_comes_is_read_or_refused(given_: Any) -> None:
    with suppress(ServerError):
        assert read_project(parse_config(given_)).agents
