"""Our names, fields and keys against the published ones of ``openai-agents``.

A ported program finds each name, may give the fields of a value by place, and every key of a
setting is known.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import types
import typing
from typing import Any

import pytest
from agents import realtime as peer
from agents.realtime import config as peer_config
from agents.realtime import events as peer_events
from agents.realtime import items as peer_items
from agents.realtime import model as peer_model
from agents.realtime import model_events as peer_model_events
from agents.realtime import model_inputs as peer_inputs
from agents.realtime import openai_realtime as peer_openai
from pydantic import BaseModel
from typing_extensions import is_typeddict

from realtime_sync import agents

PEERS = (
    peer_config, peer_events, peer_inputs, peer_items, peer_model, peer_model_events, peer_openai,
)  # fmt: skip
# The names that its programs import from its modules, since its `__all__` lacks them.
BESIDE = {
    "AssistantAudio", "InputImage", "RealtimeAudioConfig", "RealtimeAudioInputConfig",
    "RealtimeAudioOutputConfig", "RealtimeCustomVoice", "RealtimeInputAudioTimeoutTriggered",
    "RealtimeModelInputAudioTimeoutTriggeredEvent", "RealtimeModelInputImageContent",
    "RealtimeModelRawServerEvent", "RealtimeUserInputImage", "TransportConfig",
}  # fmt: skip
NAMES = sorted({*peer.__all__, *BESIDE})
# What programs of realtime agents import from other places of the package.
ELSEWHERE = {
    "agents": (
        "FunctionTool",
        "GuardrailFunctionOutput",
        "Handoff",
        "InputGuardrail",
        "InputGuardrailResult",
        "ModelBehaviorError",
        "OutputGuardrail",
        "OutputGuardrailResult",
        "RunContextWrapper",
        "Tool",
        "ToolErrorFormatter",
        "ToolErrorFormatterArgs",
        "ToolGuardrailFunctionOutput",
        "ToolInputGuardrail",
        "ToolInputGuardrailData",
        "ToolInputGuardrailTripwireTriggered",
        "ToolOutputGuardrail",
        "ToolOutputGuardrailData",
        "ToolOutputGuardrailTripwireTriggered",
        "ToolTimeoutError",
        "Usage",
        "UserError",
        "default_tool_error_function",
        "handoff",
        "tool_namespace",
    ),
    "agents.decorators": (
        "function_tool",
        "input_guardrail",
        "output_guardrail",
        "tool",
        "tool_input_guardrail",
        "tool_output_guardrail",
    ),
    "agents.extensions.handoff_prompt": ("RECOMMENDED_PROMPT_PREFIX",),
    "agents.mcp": (
        "MCPServer",
        "MCPServerStdio",
        "MCPServerStdioParams",
        "MCPServerStreamableHttp",
        "MCPServerStreamableHttpParams",
        "ToolFilter",
        "ToolFilterContext",
        "ToolFilterStatic",
        "create_static_tool_filter",
    ),
    "agents.tool": ("ToolErrorFunction",),
    "agents.tool_context": ("ToolContext",),
}


def theirs(name: str) -> Any:
    return next(getattr(home, name) for home in (peer, *PEERS) if hasattr(home, name))


DATACLASSES = [name for name in NAMES if dataclasses.is_dataclass(theirs(name))]
MODELS = [
    name for name in NAMES if isinstance(theirs(name), type) and issubclass(theirs(name), BaseModel)
]
TYPED_DICTS = [name for name in NAMES if is_typeddict(theirs(name))]


@pytest.mark.parametrize("name", agents.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(agents, name) is not None
    assert name in dir(agents)


def test_every_name_of_theirs_is_one_of_ours() -> None:
    assert set(NAMES) <= set(agents.__all__)


@pytest.mark.parametrize("home", ELSEWHERE)
def test_so_is_every_name_that_its_programs_import_from_elsewhere(home: str) -> None:
    module = importlib.import_module(home)
    for name in ELSEWHERE[home]:
        assert hasattr(module, name), f"{home} has no {name} any more"
        assert name in agents.__all__


def test_no_module_hides_a_name() -> None:
    stems = {module.name for module in pkgutil.iter_modules(agents.__path__)}
    assert stems & set(agents.__all__) == set()


OURS = ("model_extra", "heard")


def default_of(field: Any) -> Any:
    return None if field.default is dataclasses.MISSING else field.default


@pytest.mark.parametrize("name", [name for name in DATACLASSES if name != "RealtimeAgent"])
def test_a_dataclass_has_their_fields_in_their_order(name: str) -> None:
    expected = [(f.name, default_of(f)) for f in dataclasses.fields(theirs(name))]
    ours = [(f.name, default_of(f)) for f in dataclasses.fields(getattr(agents, name))]
    assert ours[: len(expected)] == expected


@pytest.mark.parametrize("name", MODELS)
def test_an_item_has_their_fields(name: str) -> None:
    expected = {n: f.is_required() for n, f in theirs(name).model_fields.items()}
    ours = {
        f.name: f.default is dataclasses.MISSING
        for f in dataclasses.fields(getattr(agents, name))
        if f.name not in OURS
    }
    assert ours == expected


@pytest.mark.parametrize("name", TYPED_DICTS)
def test_a_dictionary_has_their_keys(name: str) -> None:
    assert set(theirs(name).__annotations__) <= set(getattr(agents, name).__annotations__)


@pytest.mark.parametrize("name", ["RealtimeSessionEvent", "RealtimeModelEvent", "RealtimeItem"])
def test_a_union_has_the_same_members(name: str) -> None:
    assert names_in(getattr(agents, name)) == names_in(theirs(name))


def names_in(union: Any) -> set[str]:
    if typing.get_origin(union) is typing.Annotated:
        return names_in(union.__origin__)
    if isinstance(union, types.UnionType) or typing.get_origin(union) is typing.Union:
        return {name for member in typing.get_args(union) for name in names_in(member)}
    return {union.__name__}


def test_the_defaults_are_theirs() -> None:
    assert agents.DEFAULT_MODEL_SETTINGS == peer.DEFAULT_MODEL_SETTINGS
