"""Wrong values: whatever a program gives, the error is one of ours, and says what was wrong."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from typing_extensions import is_typeddict

from realtime_sync import RealtimeError, agents, testing
from realtime_sync.agents import (
    FunctionTool,
    Handoff,
    InputGuardrail,
    InputText,
    MCPServerStdio,
    MCPServerStreamableHttp,
    OpenAIRealtimeSIPModel,
    OpenAIRealtimeWebSocketModel,
    OutputGuardrail,
    RealtimeAgent,
    RealtimeModelSendAudio,
    RealtimeModelSendInterrupt,
    RealtimeModelSendRawMessage,
    RealtimeModelSendSessionUpdate,
    RealtimeModelSendToolOutput,
    RealtimeModelSendUserInput,
    RealtimePlaybackTracker,
    RealtimeRunner,
    RealtimeSession,
    RunContextWrapper,
    ToolContext,
    ToolGuardrailFunctionOutput,
    ToolInputGuardrail,
    ToolOutputGuardrail,
    Usage,
    UserMessageItem,
    create_static_tool_filter,
    function_tool,
    get_api_key,
    input_guardrail,
    output_guardrail,
    realtime_handoff,
    tool_input_guardrail,
    tool_namespace,
    tool_output_guardrail,
)
from realtime_sync.testing import (
    LinkEnd,
    MemorySink,
    MemorySource,
    ScriptedClient,
    ScriptedServer,
    ScriptError,
    Step,
    VirtualClock,
    close_link,
    error,
    function_call,
    one_response,
    parsed,
    spoken_answer,
    text_answer,
    user_turn,
)

NO_TEXT = (None, 7, [], {}, b"x", object())
NO_TEXT_OR_NONE = NO_TEXT[1:]
NO_NAME = (7, b"x", object())  # what is empty is none at all: the function's own counts
NO_DICT = (7, [], "x", object())
NO_LIST = (7, "x", {}, object())
NO_TIME = ("x", [], -1.0, float("nan"), True)
NO_NUMBER = (None, "x", [], float("nan"), float("inf"), -1)
NO_COUNT = (None, "x", [], 1.5, -1)
NO_BYTES = (None, 7, "x", [], {}, object())
NO_FUNCTION = (7, "x", [], {}, object())
NO_OBJECT_OF_OURS = (7, "x", [], {}, object())

AGENT = RealtimeAgent[Any](name="Desk")
CONTEXT = RunContextWrapper[Any](None)


def plain() -> str:
    """Do nothing."""
    return ""


def of_two(context: object, agent: object) -> str:
    """Do nothing."""
    return ""


def called_by_hand() -> ToolContext[Any]:
    """Return the context of a call."""
    context = ToolContext[Any](None)
    assert not context.call.cancelled
    return context


def entered(**options: Any) -> None:
    """Make a session with wrong options and enter it; nothing is connected."""
    given: dict[str, Any] = {"agent": AGENT, "client": ScriptedClient(ScriptedServer())} | options
    with RealtimeSession(**given):
        pass


def run_with(**options: Any) -> None:
    """Have a runner make a session with wrong options, and enter it."""
    of_runner = {"config": options.pop("config")} if "config" in options else {}
    runner = RealtimeRunner(AGENT, client=ScriptedClient(ScriptedServer()), **of_runner)
    with runner.run(**options):
        pass


Case = tuple[Callable[[Any], object], tuple[Any, ...]]

OF_AGENTS: dict[str, Case] = {
    # -- agents and what they are made of
    "RealtimeAgent.name": (lambda bad: RealtimeAgent(name=bad), NO_TEXT),
    "RealtimeAgent.handoff_description": (
        lambda bad: RealtimeAgent(name="a", handoff_description=bad),
        NO_TEXT_OR_NONE,
    ),
    "RealtimeAgent.tools": (lambda bad: RealtimeAgent(name="a", tools=bad), NO_LIST),
    "RealtimeAgent.handoffs": (lambda bad: RealtimeAgent(name="a", handoffs=bad), NO_LIST),
    "RealtimeAgent.mcp_servers": (lambda bad: RealtimeAgent(name="a", mcp_servers=bad), NO_LIST),
    "RealtimeAgent.mcp_config": (lambda bad: RealtimeAgent(name="a", mcp_config=bad), NO_DICT),
    "RealtimeAgent.instructions": (
        lambda bad: RealtimeAgent(name="a", instructions=bad),
        (7, [], {}, object()),
    ),
    "RealtimeAgent.hooks": (
        lambda bad: entered(agent=RealtimeAgent(name="a", hooks=bad)),
        (7, "x", object(), agents.RealtimeAgentHooks),
    ),
    "RealtimeAgent.prompt": (
        lambda bad: entered(agent=RealtimeAgent(name="a", prompt=bad)),
        NO_DICT,
    ),
    "RealtimeAgent.voice": (
        lambda bad: entered(agent=RealtimeAgent(name="a", voice=bad)),
        (7, [], {}, ""),
    ),
    "RealtimeAgent.output_guardrails": (
        lambda bad: RealtimeAgent(name="a", output_guardrails=bad),
        NO_LIST,
    ),
    "RealtimeAgent.input_guardrails": (
        lambda bad: RealtimeAgent(name="a", input_guardrails=bad),
        NO_LIST,
    ),
    "RealtimeAgent.clone": (lambda bad: AGENT.clone(**bad), ({"name": 7},)),
    "each of the tools": (
        lambda bad: entered(agent=RealtimeAgent(name="a", tools=[bad])),
        (*NO_OBJECT_OF_OURS, None, plain),
    ),
    "each of the handoffs": (
        lambda bad: entered(agent=RealtimeAgent(name="a", handoffs=[bad])),
        (*NO_OBJECT_OF_OURS, None),
    ),
    "each of the mcp_servers": (
        lambda bad: entered(agent=RealtimeAgent(name="a", mcp_servers=[bad])),
        (*NO_OBJECT_OF_OURS, None),
    ),
    "each of the output_guardrails": (
        lambda bad: entered(agent=RealtimeAgent(name="a", output_guardrails=[bad])),
        (*NO_OBJECT_OF_OURS, None, of_two),
    ),
    "each of the input_guardrails": (
        lambda bad: entered(agent=RealtimeAgent(name="a", input_guardrails=[bad])),
        (*NO_OBJECT_OF_OURS, None, of_two),
    ),
    # -- tools
    "function_tool": (function_tool, NO_FUNCTION),
    "function_tool name_override": (
        lambda bad: function_tool(plain, name_override=bad),
        (7, [], {}, b"x", "no name"),
    ),
    "function_tool description_override": (
        lambda bad: function_tool(plain, description_override=bad),
        NO_TEXT_OR_NONE,
    ),
    "function_tool docstring_style": (
        lambda bad: function_tool(plain, docstring_style=bad),
        (7, "x", [], {}),
    ),
    "function_tool failure_error_function": (
        lambda bad: function_tool(plain, failure_error_function=bad),
        NO_FUNCTION,
    ),
    "function_tool timeout": (
        lambda bad: function_tool(plain, timeout=bad),
        (*NO_TIME, 0),
    ),
    "FunctionTool.name": (lambda bad: FunctionTool(bad, "", {}, of_two), NO_TEXT),
    "FunctionTool.description": (lambda bad: FunctionTool("a", bad, {}, of_two), NO_TEXT),
    "FunctionTool.params_json_schema": (
        lambda bad: FunctionTool("a", "", bad, of_two),
        (None, *NO_DICT),
    ),
    "FunctionTool.on_invoke_tool": (lambda bad: FunctionTool("a", "", {}, bad), NO_FUNCTION),
    "FunctionTool.is_enabled": (
        lambda bad: FunctionTool("a", "", {}, of_two, is_enabled=bad),
        (None, *NO_FUNCTION),
    ),
    "FunctionTool.needs_approval": (
        lambda bad: FunctionTool("a", "", {}, of_two, needs_approval=bad),
        (None, *NO_FUNCTION),
    ),
    "FunctionTool.timeout_seconds": (
        lambda bad: FunctionTool("a", "", {}, of_two, timeout_seconds=bad),
        (*NO_TIME, 0),
    ),
    "FunctionTool.timeout_behavior": (
        lambda bad: FunctionTool("a", "", {}, of_two, timeout_behavior=bad),
        (None, *NO_OBJECT_OF_OURS),
    ),
    "FunctionTool.timeout_error_function": (
        lambda bad: FunctionTool("a", "", {}, of_two, timeout_error_function=bad),
        NO_FUNCTION,
    ),
    "FunctionTool.tool_input_guardrails": (
        lambda bad: FunctionTool("a", "", {}, of_two, tool_input_guardrails=bad),
        (7, "x", {}, [7], [of_two]),
    ),
    "FunctionTool.tool_output_guardrails": (
        lambda bad: FunctionTool("a", "", {}, of_two, tool_output_guardrails=bad),
        (7, "x", {}, [7], [of_two]),
    ),
    "tool_namespace name": (
        lambda bad: tool_namespace(name=bad, description="d", tools=[]),
        (*NO_TEXT, " "),
    ),
    "tool_namespace description": (
        lambda bad: tool_namespace(name="n", description=bad, tools=[]),
        (*NO_TEXT, " "),
    ),
    "tool_namespace tools": (
        lambda bad: tool_namespace(name="n", description="d", tools=bad),
        (None, 7, "x", [7]),
    ),
    "tool_input_guardrail": (tool_input_guardrail, NO_FUNCTION),
    "tool_output_guardrail": (tool_output_guardrail, NO_FUNCTION),
    "tool_input_guardrail name": (
        lambda bad: tool_input_guardrail(name=bad)(plain),  # type: ignore[arg-type]
        NO_NAME,
    ),
    "tool_output_guardrail name": (
        lambda bad: tool_output_guardrail(name=bad)(plain),  # type: ignore[arg-type]
        NO_NAME,
    ),
    "ToolInputGuardrail": (ToolInputGuardrail, (None, *NO_FUNCTION)),
    "ToolOutputGuardrail": (ToolOutputGuardrail, (None, *NO_FUNCTION)),
    "ToolGuardrailFunctionOutput.reject_content": (
        ToolGuardrailFunctionOutput.reject_content,
        NO_TEXT,
    ),
    "ToolContext.wait": (lambda bad: called_by_hand().wait(bad), NO_TIME),
    # -- guardrails
    "input_guardrail": (input_guardrail, NO_FUNCTION),
    "output_guardrail": (output_guardrail, NO_FUNCTION),
    "input_guardrail name": (lambda bad: input_guardrail(name=bad)(of_two), NO_NAME),  # type: ignore[arg-type]
    "output_guardrail name": (lambda bad: output_guardrail(name=bad)(of_two), NO_NAME),  # type: ignore[arg-type]
    "InputGuardrail": (InputGuardrail, (None, *NO_FUNCTION)),
    "OutputGuardrail": (OutputGuardrail, (None, *NO_FUNCTION)),
    # -- handoffs
    "realtime_handoff": (realtime_handoff, (None, *NO_OBJECT_OF_OURS)),
    "realtime_handoff tool_name_override": (
        lambda bad: realtime_handoff(AGENT, tool_name_override=bad),
        (7, b"x", object(), "no name"),
    ),
    "realtime_handoff tool_description_override": (
        lambda bad: realtime_handoff(AGENT, tool_description_override=bad),
        (7, b"x", object()),
    ),
    "realtime_handoff on_handoff": (
        lambda bad: realtime_handoff(AGENT, on_handoff=bad),
        (*NO_FUNCTION, of_two),
    ),
    "realtime_handoff input_type": (
        lambda bad: realtime_handoff(AGENT, on_handoff=of_two, input_type=bad),
        (7, "x", [], {}, object(), int),
    ),
    "realtime_handoff is_enabled": (
        lambda bad: realtime_handoff(AGENT, is_enabled=bad),
        (None, *NO_FUNCTION),
    ),
    "Handoff.tool_name": (lambda bad: Handoff(bad, "", {}, of_two, "a"), NO_TEXT),
    "Handoff.tool_description": (lambda bad: Handoff("a", bad, {}, of_two, "a"), NO_TEXT),
    "Handoff.input_json_schema": (
        lambda bad: Handoff("a", "", bad, of_two, "a"),
        (None, *NO_DICT),
    ),
    "Handoff.on_invoke_handoff": (lambda bad: Handoff("a", "", {}, bad, "a"), NO_FUNCTION),
    "Handoff.default_tool_name": (Handoff.default_tool_name, NO_OBJECT_OF_OURS),
    "Handoff.default_tool_description": (Handoff.default_tool_description, NO_OBJECT_OF_OURS),
    "Handoff.get_transfer_message": (
        lambda bad: realtime_handoff(AGENT).get_transfer_message(bad),
        NO_OBJECT_OF_OURS,
    ),
    # -- MCP
    "MCPServerStdio": (MCPServerStdio, (None, *NO_OBJECT_OF_OURS)),
    "MCPServerStdio command": (lambda bad: MCPServerStdio({"command": bad}), NO_TEXT),
    "MCPServerStdio args": (
        lambda bad: MCPServerStdio({"command": "x", "args": bad}),
        (7, "x", {}, [7]),
    ),
    "MCPServerStdio env": (
        lambda bad: MCPServerStdio({"command": "x", "env": bad}),
        (7, "x", [], {"A": 7}),
    ),
    "MCPServerStdio cwd": (
        lambda bad: MCPServerStdio({"command": "x", "cwd": bad}),
        (7, [], {}),
    ),
    "MCPServerStdio encoding": (
        lambda bad: MCPServerStdio({"command": "x", "encoding": bad}),
        (7, [], {}),
    ),
    "MCPServerStdio encoding_error_handler": (
        lambda bad: MCPServerStdio({"command": "x", "encoding_error_handler": bad}),
        (7, [], {}, "x"),
    ),
    "MCPServerStreamableHttp url": (lambda bad: MCPServerStreamableHttp({"url": bad}), NO_TEXT),
    "MCPServerStreamableHttp headers": (
        lambda bad: MCPServerStreamableHttp({"url": "http://a", "headers": bad}),
        (7, "x", [], {"A": 7}),
    ),
    "MCPServerStreamableHttp timeout": (
        lambda bad: MCPServerStreamableHttp({"url": "http://a", "timeout": bad}),
        (None, *NO_TIME, 0),
    ),
    "MCPServer name": (lambda bad: MCPServerStdio({"command": "x"}, name=bad), (7, object())),
    "MCPServer client_session_timeout_seconds": (
        lambda bad: MCPServerStdio({"command": "x"}, client_session_timeout_seconds=bad),
        ("x", -1.0, float("nan"), [7], True),
    ),
    "MCPServer tool_filter": (
        lambda bad: MCPServerStdio({"command": "x"}, tool_filter=bad),
        (7, "x", [], {"a": []}, {"allowed_tool_names": 7}, object()),
    ),
    "MCPServer require_approval": (
        lambda bad: MCPServerStdio({"command": "x"}, require_approval=bad),
        (7, "x", [], {"a": 7}, {"always": {"tool_names": "x"}}, object()),
    ),
    "MCPServer failure_error_function": (
        lambda bad: MCPServerStdio({"command": "x"}, failure_error_function=bad),
        NO_FUNCTION,
    ),
    "MCPServer tool_input_guardrails": (
        lambda bad: MCPServerStdio({"command": "x"}, tool_input_guardrails=bad),
        (7, "x", {}, [7]),
    ),
    "MCPServer tool_output_guardrails": (
        lambda bad: MCPServerStdio({"command": "x"}, tool_output_guardrails=bad),
        (7, "x", {}, [7]),
    ),
    "MCPServer.call_tool": (MCPServerStdio({"command": "x"}).call_tool, NO_TEXT),
    "MCPServer.call_tool arguments": (
        lambda bad: MCPServerStdio({"command": "x"}).call_tool("a", bad),
        NO_DICT,
    ),
    "create_static_tool_filter allowed": (create_static_tool_filter, (7, "x", {}, [7])),
    "create_static_tool_filter blocked": (
        lambda bad: create_static_tool_filter(None, bad),
        (7, "x", {}, [7]),
    ),
    # -- the run
    "RealtimeRunner starting_agent": (RealtimeRunner, (None, *NO_OBJECT_OF_OURS)),
    "RealtimeRunner model": (
        lambda bad: RealtimeRunner(AGENT, model=bad).run(),
        NO_OBJECT_OF_OURS,
    ),
    "RealtimeRunner config": (lambda bad: RealtimeRunner(AGENT, config=bad).run(), NO_DICT),
    "RealtimeRunner client": (
        lambda bad: entered(client=bad),
        (7, "x", [7], object()),
    ),
    "run model_config": (lambda bad: run_with(model_config=bad), NO_DICT),
    "run client": (lambda bad: run_with(client=bad), (7, "x", object())),
    "run audio": (
        lambda bad: run_with(audio=bad),
        (7, "x", [], {}, object(), (1, 2), (MemorySource(), 7), (7, MemorySink())),
    ),
    "run hooks": (
        lambda bad: run_with(hooks=bad),
        (7, "x", [7], object(), agents.RealtimeRunHooks),
    ),
    "RealtimeRunner.run agent": (
        lambda bad: RealtimeRunner.run(bad, session=RealtimeSession()),
        (None, *NO_OBJECT_OF_OURS),
    ),
    "RealtimeRunner.run session": (
        lambda bad: RealtimeRunner.run(AGENT, session=bad),
        NO_OBJECT_OF_OURS,
    ),
    "RealtimeRunner.run config": (
        lambda bad: RealtimeRunner.run(AGENT, session=RealtimeSession(), config=bad),
        NO_DICT,
    ),
    "RealtimeSession agent": (lambda bad: entered(agent=bad), (None, *NO_OBJECT_OF_OURS)),
    "RealtimeSession clock": (lambda bad: entered(clock=bad), NO_FUNCTION),
    "RealtimeSession.bind, before": (lambda bad: RealtimeSession().bind(bad), NO_OBJECT_OF_OURS),
    "config model_settings": (lambda bad: run_with(config={"model_settings": bad}), NO_DICT),
    "config output_guardrails": (
        lambda bad: run_with(config={"output_guardrails": bad}),
        (7, "x", [7], object()),
    ),
    "config input_guardrails": (
        lambda bad: run_with(config={"input_guardrails": bad}),
        (7, "x", [7], object()),
    ),
    "config guardrails_settings": (
        lambda bad: run_with(config={"guardrails_settings": bad}),
        (*NO_DICT, {"debounce_text_length": "x"}, {"debounce_text_length": 0}),
    ),
    "config hold_back": (lambda bad: run_with(config={"hold_back": bad}), NO_OBJECT_OF_OURS),
    "config tool_error_formatter": (
        lambda bad: run_with(config={"tool_error_formatter": bad}),
        NO_FUNCTION,
    ),
    "config tool_execution": (lambda bad: run_with(config={"tool_execution": bad}), NO_DICT),
    "config interruptions": (
        lambda bad: run_with(config={"interruptions": bad}),
        NO_OBJECT_OF_OURS,
    ),
    "config idle": (lambda bad: run_with(config={"idle": bad}), NO_OBJECT_OF_OURS),
    "config filler": (lambda bad: run_with(config={"filler": bad}), (7, [], {}, "", object())),
    "config filler_after_ms": (
        lambda bad: run_with(config={"filler": "x", "filler_after_ms": bad}),
        NO_NUMBER,
    ),
    "config filler_clip": (
        lambda bad: run_with(config={"filler_clip": bad}),
        (7, "x", [], b"odd", object()),
    ),
    "config prices": (
        lambda bad: run_with(config={"prices": bad}),
        (7, "x", [], {"a": 1}, {"input_text": "x"}),
    ),
    "config hooks": (lambda bad: run_with(config={"hooks": bad}), (7, "x", object())),
    "config, unknown": (lambda bad: run_with(config={bad: 1}), ("unheard_of", 7)),
    "model_config, unknown": (lambda bad: run_with(model_config={bad: 1}), ("unheard_of", 7)),
    "model_config api_key": (lambda bad: run_with(model_config={"api_key": bad}), (7, [], {})),
    "model_config url": (lambda bad: run_with(model_config={"url": bad}), (7, [], {}, "x")),
    "model_config headers": (
        lambda bad: run_with(model_config={"headers": bad}),
        (7, "x", [], {"A": 7}),
    ),
    "model_config call_id": (lambda bad: run_with(model_config={"call_id": bad}), (7, [], {})),
    "model_config playback_tracker": (
        lambda bad: run_with(model_config={"playback_tracker": bad}),
        NO_OBJECT_OF_OURS,
    ),
    "model_config initial_model_settings": (
        lambda bad: run_with(model_config={"initial_model_settings": bad}),
        NO_DICT,
    ),
    # -- the model
    "OpenAIRealtimeWebSocketModel transport_config": (
        lambda bad: entered(model=OpenAIRealtimeWebSocketModel(transport_config=bad)),
        (
            *NO_DICT,
            {"unheard_of": 1},
            {"ping_interval": "x"},
            {"ping_timeout": []},
            {"handshake_timeout": "x"},
            {"handshake_timeout": None},
            {"max_size": "x"},
            {"max_size": -1},
        ),
    ),
    "OpenAIRealtimeWebSocketModel.add_listener": (
        OpenAIRealtimeWebSocketModel().add_listener,
        (None, *NO_OBJECT_OF_OURS, plain),
    ),
    "OpenAIRealtimeWebSocketModel.connect": (OpenAIRealtimeWebSocketModel().connect, (None, 7)),
    "OpenAIRealtimeSIPModel.check": (OpenAIRealtimeSIPModel().check, (None, 7, {}, {"call_id": 7})),
    "OpenAIRealtimeSIPModel.build_initial_session_payload agent": (
        OpenAIRealtimeSIPModel.build_initial_session_payload,
        (None, *NO_OBJECT_OF_OURS),
    ),
    "OpenAIRealtimeSIPModel.build_initial_session_payload model_config": (
        lambda bad: OpenAIRealtimeSIPModel.build_initial_session_payload(AGENT, model_config=bad),
        NO_DICT,
    ),
    "OpenAIRealtimeSIPModel.build_initial_session_payload run_config": (
        lambda bad: OpenAIRealtimeSIPModel.build_initial_session_payload(AGENT, run_config=bad),
        NO_DICT,
    ),
    "OpenAIRealtimeSIPModel.build_initial_session_payload overrides": (
        lambda bad: OpenAIRealtimeSIPModel.build_initial_session_payload(AGENT, overrides=bad),
        NO_DICT,
    ),
    "RealtimePlaybackTracker.on_play_bytes item_id": (
        lambda bad: RealtimePlaybackTracker().on_play_bytes(bad, 0, b""),
        NO_TEXT,
    ),
    "RealtimePlaybackTracker.on_play_bytes item_content_index": (
        lambda bad: RealtimePlaybackTracker().on_play_bytes("a", bad, b""),
        NO_COUNT,
    ),
    "RealtimePlaybackTracker.on_play_bytes bytes": (
        lambda bad: RealtimePlaybackTracker().on_play_bytes("a", 0, bad),
        NO_BYTES,
    ),
    "RealtimePlaybackTracker.on_play_ms item_id": (
        lambda bad: RealtimePlaybackTracker().on_play_ms(bad, 0, 1),
        NO_TEXT,
    ),
    "RealtimePlaybackTracker.on_play_ms item_content_index": (
        lambda bad: RealtimePlaybackTracker().on_play_ms("a", bad, 1),
        NO_COUNT,
    ),
    "RealtimePlaybackTracker.on_play_ms ms": (
        lambda bad: RealtimePlaybackTracker().on_play_ms("a", 0, bad),
        NO_NUMBER,
    ),
    "get_api_key": (get_api_key, (7, [], {}, object(), lambda: 7)),
    # -- history, items, usage
    "Usage.add": (lambda bad: Usage().add(bad), (None, *NO_OBJECT_OF_OURS)),
    "Usage.cost": (
        lambda bad: Usage().cost(bad),
        (None, *NO_DICT, {"a": 1.0}, {7: 1.0}, {"input_text": "x"}, {"input_text": float("nan")}),
    ),
    "UserMessageItem.model_validate": (
        UserMessageItem.model_validate,
        (None, *NO_DICT, {}, {"item_id": "a", "content": 7}, {"item_id": "a", "content": [7]}),
    ),
    "UserMessageItem.model_copy": (
        lambda bad: UserMessageItem(item_id="a", content=[]).model_copy(update=bad),
        NO_DICT,
    ),
    "InputText.model_dump_json": (
        lambda bad: InputText(text="a").model_dump_json(indent=bad),
        ("x", [], 1.5),
    ),
}


@pytest.mark.parametrize("name", OF_AGENTS)
def test_agents_say_what_is_wrong(name: str) -> None:
    attempt, values = OF_AGENTS[name]
    _check(attempt, values)


def _wrong(attempt: Callable[[Any], object], bad: object) -> str | None:
    """Return what is wrong with how a wrong value is met; None for an error of ours, with words."""
    try:
        attempt(bad)
    except (RealtimeError, ScriptError) as exc:
        return None if str(exc) else f"{bad!r} brings {type(exc).__name__} without words"
    except Exception as exc:
        return f"{bad!r} brings {exc!r}"
    return f"{bad!r} is taken"


def _check(attempt: Callable[[Any], object], values: Iterable[object]) -> None:
    found = [wrong for bad in values if (wrong := _wrong(attempt, bad)) is not None]
    assert not found, "\n".join(found)


# -- a session that runs ---------------------------------------------------------------------------

OF_SESSIONS: dict[str, tuple[Callable[[RealtimeSession[Any], Any], object], tuple[Any, ...]]] = {
    "RealtimeSession.recv": (lambda session, bad: session.recv(timeout=bad), NO_TIME),
    "RealtimeSession.send_message": (
        lambda session, bad: session.send_message(bad),
        (
            *NO_TEXT,
            {"content": 7},
            {"content": [7]},
            {"content": ["x"]},
            {"content": [{}]},
            {"content": [{"type": 7}]},
            {"content": [{"type": "input_text", "text": object()}]},
            {"content": [{"type": "input_text", "text": float("nan")}]},
            "\ud800",
        ),
    ),
    "RealtimeSession.send_audio": (
        lambda session, bad: session.send_audio(bad),
        (*NO_BYTES, b"odd"),
    ),
    "RealtimeSession.ask": (lambda session, bad: session.ask(bad), (*NO_TEXT, "", " ")),
    "RealtimeSession.ask timeout": (
        lambda session, bad: session.ask("Hello?", timeout=bad),
        NO_TIME,
    ),
    "RealtimeSession.say": (lambda session, bad: session.say(bad), (*NO_TEXT, "", " ", "\ud800")),
    "RealtimeSession.say timeout": (
        lambda session, bad: session.say("x", wait=True, timeout=bad),
        NO_TIME,
    ),
    "RealtimeSession.wait_spoken": (
        lambda session, bad: session.wait_spoken(timeout=bad),
        NO_TIME,
    ),
    "RealtimeSession.update_agent": (
        lambda session, bad: session.update_agent(bad),
        (
            None,
            *NO_OBJECT_OF_OURS,
            RealtimeAgent[Any](name="a", tools=[7]),  # type: ignore[list-item]
            RealtimeAgent[Any](name="a", handoffs=[7]),
            RealtimeAgent[Any](name="a", output_guardrails=[7]),
            RealtimeAgent[Any](name="a", hooks=7),
            RealtimeAgent[Any](name="a", voice=7),  # type: ignore[arg-type]
        ),
    ),
    "RealtimeSession.approve_tool_call": (
        lambda session, bad: session.approve_tool_call(bad),
        NO_TEXT,
    ),
    "RealtimeSession.reject_tool_call": (
        lambda session, bad: session.reject_tool_call(bad),
        NO_TEXT,
    ),
    "RealtimeSession.reject_tool_call rejection_message": (
        lambda session, bad: session.reject_tool_call("a", rejection_message=bad),
        NO_TEXT_OR_NONE,
    ),
    "RealtimeSession.send_raw": (
        lambda session, bad: session.send_raw(bad),
        (None, *NO_OBJECT_OF_OURS, {"type": 7}, {"type": "a", "b": object()}),
    ),
    "RealtimeSession.send_output call_id": (
        lambda session, bad: session.send_output(bad, "x"),
        NO_TEXT,
    ),
    "RealtimeSession.send_output output": (
        lambda session, bad: session.send_output("a", bad),
        NO_TEXT,
    ),
    "RealtimeSession.update_settings": (
        lambda session, bad: session.update_settings(bad),
        (None, *NO_OBJECT_OF_OURS[:3], object(), {"unheard_of": 7}, {"voice": 7}, {7: 7}),
    ),
    "RealtimeSession.talk": (lambda session, bad: session.talk(timeout=bad), ("x", [], -1.0, True)),
    "OpenAIRealtimeWebSocketModel.send_event": (
        lambda session, bad: session.model.send_event(bad),
        (
            None,
            *NO_OBJECT_OF_OURS,
            RealtimeModelSendRawMessage(7),  # type: ignore[arg-type]
            RealtimeModelSendRawMessage({"type": 7}),  # type: ignore[typeddict-item]
            RealtimeModelSendRawMessage({"type": "a", "other_data": 7}),  # type: ignore[typeddict-item]
            RealtimeModelSendUserInput(7),  # type: ignore[arg-type]
            RealtimeModelSendAudio("x"),  # type: ignore[arg-type]
            RealtimeModelSendToolOutput(7, "x", start_response=True),  # type: ignore[arg-type]
            RealtimeModelSendSessionUpdate(7),  # type: ignore[arg-type]
            RealtimeModelSendInterrupt(playback_only=True),
            RealtimeModelSendInterrupt(response_id=7, cancel_response_only=True),  # type: ignore[arg-type]
        ),
    ),
    "OpenAIRealtimeWebSocketModel.send_event_if": (
        lambda session, bad: session.model.send_event_if(RealtimeModelSendInterrupt(), bad),
        (None, *NO_FUNCTION),
    ),
    "OpenAIRealtimeWebSocketModel.bind": (lambda session, bad: session.model.bind(bad), (7,)),
    "RealtimeSession.bind": (lambda session, bad: session.bind(bad), (AGENT, 7)),
    "SessionHistory.heard": (lambda session, bad: session.history.heard(bad), NO_TEXT),
    "SessionHistory.add": (
        lambda session, bad: session.history.add(bad),
        (
            None,
            *NO_OBJECT_OF_OURS[:1],
            "",
            [],
            {},
            object(),
            {"type": 7},
            {"type": "message", "role": 7},
            {"type": "message", "role": "user", "content": object()},
            UserMessageItem(item_id="a", content=[]),
            UserMessageItem(item_id="a", content=[7]),  # type: ignore[list-item]
            UserMessageItem(item_id="a", content=7),  # type: ignore[arg-type]
            "\ud800",
        ),
    ),
    "SessionHistory.add after": (
        lambda session, bad: session.history.add("x", bad),
        NO_TEXT_OR_NONE,
    ),
    "SessionHistory.delete": (lambda session, bad: session.history.delete(bad), NO_TEXT),
    "SessionHistory.replace item_id": (
        lambda session, bad: session.history.replace(bad, "x"),
        NO_TEXT,
    ),
    "SessionHistory.replace item": (
        lambda session, bad: session.history.replace("a", bad),
        (None, 7, ""),
    ),
    "SessionHistory.import_history": (
        lambda session, bad: session.history.import_history(bad),
        (None, *NO_OBJECT_OF_OURS, {"version": 7}, {"version": 1, "items": 7}),
    ),
}


@pytest.mark.parametrize("name", OF_SESSIONS)
def test_a_session_says_what_is_wrong_and_goes_on(name: str) -> None:
    attempt, values = OF_SESSIONS[name]
    server = ScriptedServer([text_answer("Here I am.")])
    with RealtimeRunner(AGENT, client=ScriptedClient(server)).run() as session:
        sent = len(server.sent)
        _check(lambda bad: attempt(session, bad), values)
        assert server.sent[sent:] == []
        if name == "RealtimeSession.talk":
            return  # it closes, whatever becomes of it
        session.send_message("Hello?")
        for event in session:
            if event.type == "agent_end":
                break


# -- the test kit ----------------------------------------------------------------------------------

NO_TRAFFIC = (
    None,
    7,
    "x",
    {},
    [7],
    [{}],
    [{"type": 7}],
    [{"type": "response.created"}],
    [{"type": "response.done", "response": {}}],
    [{"type": "response.done", "response": 7}],
    [{"type": "conversation.item.added"}],
    [{"type": "conversation.item.done", "item": {}}],
    [{"type": "input_audio_buffer.committed"}],
    [{"type": "error"}],
    [{"type": "error", "error": 7}],
    [{"type": "session.updated"}],
    [
        {"type": "response.created", "response": {"id": "r"}},
        {"type": "response.output_item.added", "response_id": "r"},
    ],
    [
        {"type": "response.created", "response": {"id": "r"}},
        {"type": "response.content_part.added", "response_id": "r"},
    ],
    [{"type": "a", "b": object()}],
    object(),
)


def with_link(attempt: Callable[[ScriptedServer, Any], object]) -> Callable[[Any], object]:
    """Return a function of the wrong value alone; each gets a server with a link that is open."""

    def run(bad: Any) -> None:
        server = ScriptedServer()
        with ScriptedClient(server).realtime.connect():
            attempt(server, bad)

    return run


OF_TESTING: dict[str, Case] = {
    "ScriptedServer steps": (ScriptedServer, (None, 7, "x", [7], [[7]], [[{}]])),
    "ScriptedServer session": (lambda bad: ScriptedServer(session=bad), NO_DICT),
    "ScriptedServer.extend": (lambda bad: ScriptedServer().extend(bad), NO_TRAFFIC),
    "ScriptedServer.emit": (with_link(lambda server, bad: server.emit(bad)), NO_TRAFFIC),
    "ScriptedServer.refuse": (ScriptedServer().refuse, (7, "x", object())),
    "ScriptedServer.wait_sent": (
        lambda bad: ScriptedServer().wait_sent(bad, timeout=0),
        (None, 7, [], object()),
    ),
    "ScriptedServer.wait_sent count": (
        lambda bad: ScriptedServer().wait_sent("a", count=bad, timeout=0),
        (*NO_COUNT, 0),
    ),
    "ScriptedServer.wait_sent timeout": (
        lambda bad: ScriptedServer().wait_sent("a", timeout=bad),
        NO_TIME,
    ),
    "ScriptedServer.wait_opened": (
        lambda bad: ScriptedServer().wait_opened(bad, timeout=0),
        NO_COUNT,
    ),
    "ScriptedServer.wait_opened timeout": (
        lambda bad: ScriptedServer().wait_opened(1, timeout=bad),
        NO_TIME,
    ),
    "ScriptedServer.assert_complete timeout": (
        lambda bad: ScriptedServer().assert_complete(timeout=bad),
        NO_TIME,
    ),
    "ScriptedClient": (ScriptedClient, (None, *NO_OBJECT_OF_OURS)),
    "Step expect": (Step, (None, 7, [], object())),
    "Step emit": (lambda bad: Step("a", bad), NO_TRAFFIC),
    "MemorySource rate": (lambda bad: MemorySource(rate=bad), (None, "x", [], 0, -1, 1.5)),
    "MemorySource.say": (MemorySource().say, (None, 7, "x", b"odd", object())),
    "MemorySink rate": (lambda bad: MemorySink(rate=bad), (None, "x", [], 0, -1, 1.5)),
    "MemorySink clock": (lambda bad: MemorySink(clock=bad), NO_FUNCTION),
    "MemorySink.write": (MemorySink().write, (None, 7, "x", b"odd", object())),
    "MemorySink.heard": (MemorySink().heard, (7, [], {}, b"x")),
    "MemorySink.heard content_index": (lambda bad: MemorySink().heard("a", bad), NO_COUNT),
    "MemorySink.wait_written": (lambda bad: MemorySink().wait_written(bad, timeout=0), NO_NUMBER),
    "MemorySink.wait_written timeout": (
        lambda bad: MemorySink().wait_written(7, timeout=bad),
        NO_TIME,
    ),
    "VirtualClock": (VirtualClock, (None, "x", [], float("nan"))),
    "VirtualClock.advance": (VirtualClock().advance, NO_NUMBER),
    "LinkEnd": (LinkEnd, (None, "x", [])),
    "close_link": (close_link, (None, "x", [], 7, 70000)),
    "close_link reason": (lambda bad: close_link(1000, bad), NO_TEXT),
    "error": (error, NO_TEXT),
    "function_call name": (function_call, NO_TEXT),
    "function_call arguments": (lambda bad: function_call("a", bad), (None, 7, [], object())),
    "function_call call_id": (lambda bad: function_call("a", "{}", bad), (7, [], {}, object())),
    "one_response": (one_response, NO_TRAFFIC),
    "parsed": (parsed, (None, 7, "x", {}, [7], [{}], [{"type": 7}], object())),
    "spoken_answer": (spoken_answer, NO_TEXT),
    "spoken_answer audio_ms": (lambda bad: spoken_answer("a", audio_ms=bad), NO_COUNT),
    "spoken_answer order": (lambda bad: spoken_answer("a", order=bad), NO_OBJECT_OF_OURS),
    "spoken_answer sound": (lambda bad: spoken_answer("a", sound=bad), (7, "x", [], object())),
    "text_answer": (text_answer, NO_TEXT),
    "user_turn": (user_turn, NO_TEXT_OR_NONE),
    "user_turn audio_ms": (lambda bad: user_turn("a", audio_ms=bad), NO_COUNT),
    "user_turn start_ms": (lambda bad: user_turn("a", start_ms=bad), NO_COUNT),
}


@pytest.mark.parametrize("name", OF_TESTING)
def test_the_test_kit_says_what_is_wrong(name: str) -> None:
    attempt, values = OF_TESTING[name]
    _check(attempt, values)


# -- nothing is forgotten --------------------------------------------------------------------------

# Methods whose arguments only the library gives, or that take whatever there is.
NOT_TO_CHECK = {
    "MCPServer.list_tools": "what is given goes to the filter",
    "MCPServer.needs_approval": "what is given goes to the program's rule",
    "RealtimeModelRawServerEvent.of": "the session calls it",
    "ScriptedServer.open": "a connection calls it",
    "Step.reaction": "the server calls it",
    "VirtualClock.wait": "what has the clock calls it",
    "session_created": "takes anything",
    "InputGuardrail.run": "the session calls it",
    "OutputGuardrail.run": "the session calls it",
    "OpenAIRealtimeWebSocketModel.check": "the session calls it; anything is fine",
    "OpenAIRealtimeWebSocketModel.remove_listener": "of what is no listener none is removed",
    "OpenAIRealtimeWebSocketModel.tell": "the session calls it",
    "RealtimeAgent.get_all_tools": "takes the context of a session",
    "RealtimeAgent.get_mcp_tools": "takes the context of a session",
    "RealtimeAgent.get_system_prompt": "takes the context of a session",
    "RealtimePlaybackTracker.played_ms": "the session calls it",
    "RealtimePlaybackTracker.set_audio_format": "the session calls it; PCM16 for what is none",
    "SessionHistory": "the session makes it",
    "ToolGuardrailFunctionOutput.allow": "takes anything",
    "ToolGuardrailFunctionOutput.raise_exception": "takes anything",
    "Usage.from_wire": "what is no count is 0",
    "default_tool_error_function": "takes anything",
}


def _public(module: Any) -> set[str]:
    """Return the public functions, constructors and methods of a module that take something."""
    found = set()
    for name in module.__all__:
        thing = getattr(module, name)
        if inspect.isfunction(thing) and thing.__name__ == name and _takes(thing):
            found.add(name)
        if not inspect.isclass(thing) or is_typeddict(thing):
            continue
        if inspect.isabstract(thing) or issubclass(thing, Exception):
            continue
        if not _is_value(thing) and inspect.signature(thing).parameters:
            found.add(name)
        if "Hooks" not in name:  # a program's methods, which the session calls
            found |= {f"{name}.{each}" for each, method in vars(thing).items() if _takes(method)}
    return {name for name in found if not name.split(".")[-1].startswith("_")}


def _is_value(cls: type) -> bool:
    """Whether a class only holds what it is given, mostly by the library."""
    holds = dataclasses.is_dataclass(cls) or hasattr(cls, "__attrs_attrs__")
    return holds and not hasattr(cls, "__post_init__")


def _takes(method: object) -> bool:
    plain = method.__func__ if isinstance(method, classmethod | staticmethod) else method
    if not inspect.isfunction(plain):
        return False
    return bool(set(inspect.signature(plain).parameters) - {"self", "cls"})


@pytest.mark.parametrize("module", [agents, testing])
def test_every_function_has_a_row(module: Any) -> None:
    rows = {re.split(r"[ ,]", key)[0] for key in (*OF_AGENTS, *OF_SESSIONS, *OF_TESTING)}
    rows |= {row.split(".")[0] for row in rows}
    missing = {name for name in _public(module) if name not in rows and name not in NOT_TO_CHECK}
    assert missing == set()
