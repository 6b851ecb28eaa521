"""Which function answers for an agent, and how it is called."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest

from realtime_sync import ConfigError
from realtime_sync.distiller.agent_functions import ClientAgent, NoFunction, client_agents


def utility(name: str, kind: str = "CustomAgent", **config: Any) -> dict[str, Any]:
    return {"agent_name": name, "agent_class": kind, "config": config}


def agents(*utilities: Any, **functions: Any) -> dict[str, ClientAgent]:
    return client_agents({"utility_agents": list(utilities)}, functions)


def agent(functions: Any, **options: Any) -> ClientAgent:
    return ClientAgent(name="Tutor", functions=functions, **options)


def tool(name: str) -> str:
    return json.dumps({"type": "function", "function": {"name": name}})


def add(a: int, b: int = 0) -> int:
    return a + b


# -- which -----------------------------------------------------------------------------------------


def test_agents_have_the_functions_of_their_names() -> None:
    found = agents(utility("Tutor"), utility("Search", "SearchAgent"), Tutor=add)
    assert list(found) == ["Tutor"]
    assert found["Tutor"].wait_s == 600


def test_an_agent_of_a_kind_that_is_not_known_is_taken_at_its_name() -> None:
    assert "Tutor" in agents(utility("Tutor", "AgentOfTomorrow"), Tutor=add)
    assert "Tutor" in agents(Tutor=add)


@pytest.mark.parametrize("wait_time", [2, 2.5, None, "x", 0, -1, True])
def test_an_agent_may_set_how_long_a_call_takes(wait_time: Any) -> None:
    found = agents(utility("Tutor", wait_time=wait_time), Tutor=add)
    known = type(wait_time) in (int, float) and wait_time > 0
    assert found["Tutor"].wait_s == (wait_time if known else 600)


def test_a_tool_user_without_tools_of_its_own_has_all_functions() -> None:
    found = agents(utility("Tools", "ToolUseAgent", custom_tools=[tool("add")]), add=add)
    assert found["Tools"].call({"__executor__": "add", "a": 1}).content == "1"
    found = agents(utility("Tools", "ToolUseAgent"), add=add, Tools=add)
    assert found["Tools"].call({"__executor__": "add", "a": 1}).content == "1"


def test_a_tool_user_with_tools_of_its_own_has_no_others() -> None:
    found = agents(utility("Tools", "ToolUseAgent"), add=add, Tools={"plus": add})
    with pytest.raises(NoFunction, match="known are: plus"):
        found["Tools"].call({"__executor__": "add"})


def test_the_programs_dict_is_left_as_it_is() -> None:
    functions = {"add": add}
    client_agents({"utility_agents": [utility("Tools", "ToolUseAgent")]}, functions)
    assert functions == {"add": add}


def test_a_custom_tool_without_a_function_is_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"'sub'.*known are: add"):
        agents(utility("Tools", "ToolUseAgent", custom_tools=[tool("sub")]), Tools={"add": add})
    with pytest.raises(ConfigError, match="names no function"):
        agents(utility("Tools", "ToolUseAgent", custom_tools=["{"]), Tools={"add": add})


@pytest.mark.parametrize("listed", [None, 5, [None, 5, {}, {"agent_name": 3}], {}])
def test_whatever_a_configuration_holds_is_no_failure(listed: Any) -> None:
    assert list(client_agents({"utility_agents": listed}, {"Tutor": add})) == ["Tutor"]


async def later() -> None: ...


class Later:
    async def __call__(self) -> None: ...


@pytest.mark.parametrize(
    ("functions", "words"),
    [
        ([], "pass a dict"),
        ({3: add}, "names of agents"),
        ({"Tutor": "x"}, "give a function"),
        ({"Tutor": {"x": 5}}, "'x' of 'Tutor'"),
        ({"Tutor": later}, "async"),
        ({"Tutor": functools.partial(later)}, "async"),
        ({"Tutor": Later()}, "async"),
    ],
)
def test_what_is_no_function_is_refused(functions: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        client_agents({}, functions)


def test_the_server_names_one_of_several_functions() -> None:
    several = agent({"add": add, "sub": lambda a: -a})
    assert several.call({"__executor__": "sub", "a": 1}).content == "-1"
    for name in ("mul", None, 5):
        with pytest.raises(NoFunction, match="known are: add, sub"):
            several.call({"__executor__": name})
    with pytest.raises(NoFunction, match="known are: none"):
        agent({}).call({})


# -- arguments -------------------------------------------------------------------------------------


def test_a_function_gets_the_arguments_that_it_has_parameters_for() -> None:
    sent = {"query": "Oslo", "chat_history": [], "image": None}
    assert agent(lambda query: query).call(dict(sent)).content == "Oslo"
    assert agent(lambda: "x").call(dict(sent)).content == "x"
    assert json.loads(agent(lambda **rest: rest).call(dict(sent)).content) == sent
    assert agent(lambda *args: len(args)).call(dict(sent)).content == "0"
    assert agent(functools.partial(add, 1)).call({"b": 2, "c": 3}).content == "3"
    assert json.loads(agent(dict).call(dict(sent)).content) == sent  # it has no signature


def test_an_argument_that_is_missing_is_the_functions_error() -> None:
    with pytest.raises(TypeError, match="'a'"):
        agent(add).call({"b": 1})


def test_a_tool_gets_numbers_where_it_is_annotated_so() -> None:
    def scale(x: int, factor: float, name: str) -> list[Any]:
        return [x, factor, name]

    tools = agent({"scale": scale}, reads_numbers=True)
    sent = {"__executor__": "scale", "x": "3", "factor": "0.5", "name": "7"}
    assert tools.call(dict(sent)).content == '[3, 0.5, "7"]'
    assert tools.call({**sent, "x": "three"}).content == '["three", 0.5, "7"]'
    assert agent(scale).call({**sent, "x": "3"}).content == '["3", "0.5", "7"]'


def test_annotations_that_name_nothing_are_no_failure() -> None:
    def odd(x: Nowhere) -> Any:  # type: ignore[name-defined]  # noqa: F821
        return x

    assert agent({"odd": odd}, reads_numbers=True).call({"__executor__": "odd", "x": "3"})


# -- results ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "content"),
    [
        ("text", "text"),
        ({"answer": "ja", "n": 1}, '{"answer": "ja", "n": 1}'),
        ([1, 2], "[1, 2]"),
        (4, "4"),
        (None, "null"),
        ("\ud83d", "\ufffd"),
        ("x" * 200_000, "x" * 200_000),
        (b"bytes", "bytes"),
    ],
)
def test_a_result_goes_out_as_text_or_json(result: Any, content: str) -> None:
    assert agent(lambda: result).call({}).content == content


@pytest.mark.parametrize(
    ("result", "content"), [([{"score": 1}], [{"score": 1}]), ("text", "text"), (b"x", "x")]
)
def test_an_agent_that_searches_gives_values(result: Any, content: Any) -> None:
    assert agent(lambda: result, keeps_values=True).call({}).content == content
    assert agents(utility("Find", "ResearchAgent"), Find=add)["Find"].keeps_values


# -- env_variable ----------------------------------------------------------------------------------


def test_what_a_function_writes_into_env_variable_is_told() -> None:
    def work(env_variable: dict[str, Any]) -> str:
        env_variable["new"] = {"x": {1, 2} and 3}
        env_variable["list"].append(2)
        env_variable |= {"flag": True}
        env_variable["same"] = "s"
        return "done"

    sent = {"env_variable": {"list": [1], "same": "s", "flag": 1}}
    assert agent(work).call(sent).environment == {"new": {"x": 3}, "list": [1, 2], "flag": True}


@pytest.mark.parametrize("sent", [{}, {"env_variable": None}, {"env_variable": {"a": 1}}])
def test_a_function_that_writes_nothing_changes_nothing(sent: dict[str, Any]) -> None:
    assert agent(lambda **_: "x").call(sent).environment is None


def test_a_value_without_a_json_form_is_told_as_text() -> None:
    def work(env_variable: dict[str, Any]) -> None:
        env_variable["path"] = object

    written = agent(work).call({"env_variable": {}}).environment
    assert written == {"path": str(object)}
