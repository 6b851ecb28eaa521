"""A user's program on `realtime_sync.agents`, as mypy and pyright see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from typing_extensions import assert_never, assert_type

from realtime_sync import Local
from realtime_sync.agents import (
    AssistantMessageItem,
    FunctionTool,
    GuardrailFunctionOutput,
    Handoff,
    InputGuardrail,
    OpenAIRealtimeSIPModel,
    OpenAIRealtimeWebSocketModel,
    OutputGuardrail,
    RealtimeAgent,
    RealtimeItem,
    RealtimeModelConfig,
    RealtimeModelSendRawMessage,
    RealtimeModelUsageEvent,
    RealtimePlaybackTracker,
    RealtimeResult,
    RealtimeRunConfig,
    RealtimeRunHooks,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionEvent,
    RealtimeUserInputMessage,
    RunContextWrapper,
    SystemMessageItem,
    ToolContext,
    ToolErrorFormatterArgs,
    Usage,
    UserMessageItem,
    function_tool,
    input_guardrail,
    output_guardrail,
    realtime_handoff,
    tool,
)
from realtime_sync.audio import WavSink, WavSource
from realtime_sync.voice import IdleRule, Interruptions


@dataclass
class Guest:
    name: str
    room: int | None = None


# -- agents ----------------------------------------------------------------------------------------


@function_tool
def look_up(context: ToolContext[Guest], subject: str) -> str:
    """Find out about the house."""
    return f"{subject} for {context.context.name}"


@tool(needs_approval=True, timeout=5.0)
def change_room(context: RunContextWrapper[Guest], room: int) -> str:
    """Give the guest another room."""
    context.context.room = room
    return f"room {room}"


@output_guardrail
def polite(
    context: RunContextWrapper[Any], agent: RealtimeAgent[Any], text: str
) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(output_info=agent.name, tripwire_triggered="damn" in text)


@input_guardrail(name="no cards", run_in_parallel=False)
def no_cards(
    context: RunContextWrapper[Any], agent: RealtimeAgent[Any], text: Any
) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered="card" in str(text))


assert_type(polite, OutputGuardrail[Any])
assert_type(no_cards, InputGuardrail[Any])


def instructions(context: RunContextWrapper[Guest], agent: RealtimeAgent[Guest]) -> str:
    return f"You are {agent.name}. The guest is {context.context.name}."


def agents() -> RealtimeAgent[Guest]:
    rooms = RealtimeAgent[Guest](
        name="Rooms", instructions=instructions, tools=[change_room], voice="cedar"
    )
    desk = RealtimeAgent[Guest](
        name="Desk",
        instructions=instructions,
        tools=[look_up],
        handoffs=[realtime_handoff(rooms, tool_name_override="ask_for_rooms")],
        output_guardrails=[polite],
        input_guardrails=[no_cards],
    )
    assert_type(realtime_handoff(desk), Handoff[Guest, RealtimeAgent[Guest]])
    assert_type(desk.clone(name="Other desk"), RealtimeAgent[Guest])
    return desk


def without_a_context() -> RealtimeAgent:
    plain = RealtimeAgent(name="Plain", instructions="You are brief.")
    assert_type(plain, RealtimeAgent[Any])
    plain.handoffs.append(realtime_handoff(plain))
    return plain


# -- runs ------------------------------------------------------------------------------------------


def refusal(args: ToolErrorFormatterArgs[Any]) -> str | None:
    return f"{args.tool_name} was not allowed"


CONFIG: RealtimeRunConfig = {
    "model_settings": {
        "model_name": "gpt-realtime-2.1",
        "audio": {
            "input": {"format": "pcm16", "turn_detection": {"type": "semantic_vad"}},
            "output": {"voice": "marin", "speed": 1.1},
        },
    },
    "output_guardrails": [polite],
    "input_guardrails": [no_cards],
    "guardrails_settings": {"debounce_text_length": 50},
    "hold_back": "answer",
    "interruptions": Interruptions(min_ms=200),
    "idle": IdleRule(after_s=10, say="Are you still there?"),
    "tool_error_formatter": refusal,
    "filler": "Say that it takes a moment.",
    "filler_after_ms": 700,
}


class Log(RealtimeRunHooks[Guest]):
    def on_handoff(
        self,
        context: RunContextWrapper[Guest],
        from_agent: RealtimeAgent[Any],
        to_agent: RealtimeAgent[Any],
    ) -> None:
        print(context.context.name, from_agent.name, to_agent.name)


def sessions() -> Iterator[RealtimeSession[Any]]:
    tracker = RealtimePlaybackTracker()
    model: RealtimeModelConfig = {
        "api_key": lambda: "k",
        "playback_tracker": tracker,
        "initial_model_settings": {"turn_detection": None},
    }
    runner = RealtimeRunner(agents(), config=CONFIG)
    session = runner.run(context=Guest("Ada"), model_config=model, hooks=Log())
    assert_type(session, RealtimeSession[Any])
    yield session
    link = OpenAIRealtimeWebSocketModel(transport_config={"ping_interval": 20.0})
    yield RealtimeRunner(agents(), model=link, client=Local()).run(events=False)
    yield RealtimeSession(OpenAIRealtimeSIPModel(), agents(), Guest("Bo"), {"call_id": "rtc_1"})


def to_the_end() -> RealtimeResult:
    sound = (WavSource("question.wav"), WavSink("answer.wav"))
    result = RealtimeRunner(agents()).run(context=Guest("Ada"), audio=sound).talk(timeout=60)
    assert_type(result, RealtimeResult)
    configured = RealtimeSession[Guest](audio="default")
    again = RealtimeRunner.run(agents(), session=configured, context=Guest("Bo"), hooks=Log())
    assert_type(again, RealtimeResult)
    assert_type(again.final_output, str | None)
    for item in again.history:
        assert_type(item, RealtimeItem)
    assert_type(again.usage, Usage)
    return again


def wrong_runs() -> None:
    config: RealtimeRunConfig = {"output_guardrails": [no_cards]}  # type: ignore[list-item]
    RealtimeRunner(agents(), config=config)
    RealtimeRunner.run("nobody")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    RealtimeRunner(agents()).run(loud=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


# -- events ----------------------------------------------------------------------------------------


def hold(session: RealtimeSession[Guest]) -> None:
    message: RealtimeUserInputMessage = {
        "type": "message",
        "role": "user",
        "content": [
            {"type": "input_text", "text": "What is that?"},
            {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "high"},
        ],
    }
    with session:
        session.send_message(message)
        session.send_audio(bytes(4800), commit=True)
        session.model.send_event(RealtimeModelSendRawMessage({"type": "response.create"}))
        for event in session:
            print(told(session, event))


def told(session: RealtimeSession[Guest], event: RealtimeSessionEvent) -> str:
    """Every event has a branch, or the type checkers complain."""
    if event.type == "agent_start" or event.type == "agent_end":
        return event.agent.name
    if event.type == "handoff":
        return f"{event.from_agent.name} {event.to_agent.name}"
    if event.type == "tool_start":
        assert_type(event.tool, FunctionTool)
        return f"{event.tool.name} {event.arguments}"
    if event.type == "tool_end":
        return f"{event.tool.name} {event.output}"
    if event.type == "tool_approval_required":
        assert_type(session.approve_tool_call(event.call_id, always=True), bool)
        return event.call_id
    if event.type == "audio":
        assert_type(event.audio.data, bytes)
        return f"{event.item_id} {event.content_index}"
    if event.type == "audio_end" or event.type == "audio_interrupted":
        return event.item_id
    if event.type == "error":
        return str(event.error)
    if event.type == "history_updated":
        return ", ".join(words(item) for item in event.history)
    if event.type == "history_added":
        return words(event.item)
    if event.type == "guardrail_tripped":
        names = [result.guardrail.get_name() for result in event.guardrail_results]
        return f"{event.kind} {event.message} {names}"
    if event.type == "input_audio_timeout_triggered":
        return "still there?"
    if event.type == "raw_model_event":
        if isinstance(event.data, RealtimeModelUsageEvent) and event.data.input_tokens_details:
            return str(asdict(event.data.input_tokens_details))
        return event.data.type
    assert_never(event)


def words(item: RealtimeItem) -> str:
    if isinstance(item, AssistantMessageItem):
        return " ".join(
            c.text or "" if c.type == "text" else c.transcript or "" for c in item.content
        )
    if isinstance(item, UserMessageItem):
        return f"{item.item_id}: {len(item.content)} parts"
    if isinstance(item, SystemMessageItem):
        return item.content[0].text or ""
    return f"{item.name}({item.arguments}) = {item.output}"
