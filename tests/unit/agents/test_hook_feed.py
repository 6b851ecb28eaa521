"""Which hook is called for what happens."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from scripted_voice import done, event

from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.function_tools import function_tool
from realtime_sync.agents.hook_feed import HookFeed
from realtime_sync.agents.notes import AgentDone, AgentSpeaks, Fault, Switched, ToolBegan, ToolOver
from realtime_sync.agents.run_context import RunContextWrapper, ToolContext
from realtime_sync.errors import AgentError, RemoteProtocolError
from realtime_sync.events import ServerEvent
from realtime_sync.voice.events import IdleEnded, IdlePrompted, Interrupted, UnreadableMessage

CONTEXT = RunContextWrapper("mine")
FRONT: RealtimeAgent[Any] = RealtimeAgent("front", instructions="Be brief.")
BACK: RealtimeAgent[Any] = RealtimeAgent("back", instructions=lambda context, agent: "Be long.")


class Runner:
    """Notes what is to be called."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def tell(self, name: str, *arguments: Any) -> None:
        if name != "on_raw":
            self.calls.append((name, *arguments))

    def agent_start(self, *arguments: Any) -> None:
        self.calls.append(("start", *arguments))

    def agent_end(self, *arguments: Any) -> None:
        self.calls.append(("end", *arguments))

    def handoff(self, *arguments: Any) -> None:
        self.calls.append(("handoff", *arguments))


class Bench:
    def __init__(self) -> None:
        self.runner = Runner()
        self.feed = HookFeed(
            self.runner,  # type: ignore[arg-type]  # as much of it as is asked for
            CONTEXT,
            lambda: FRONT,
            lambda response_id: response_id == "aside",
        )

    def take(self, *happened: Any) -> list[tuple[Any, ...]]:
        self.runner.calls.clear()
        for each in happened:
            self.feed.take(each)
        return self.runner.calls


@pytest.fixture
def bench() -> Bench:
    return Bench()


def spoken(text: str, response: str = "r") -> ServerEvent:
    place = {"item_id": "i", "output_index": 0, "content_index": 0}
    return event(
        "response.output_audio_transcript.done", response_id=response, transcript=text, **place
    )


def written(text: str, response: str = "r") -> ServerEvent:
    place = {"item_id": "i", "output_index": 0, "content_index": 0}
    return event("response.output_text.done", response_id=response, text=text, **place)


def heard(text: str) -> ServerEvent:
    return event(
        "conversation.item.input_audio_transcription.completed",
        item_id="u",
        content_index=0,
        transcript=text,
    )


def test_each_event_of_the_server_is_told() -> None:
    told: list[Any] = []
    runner: Any = SimpleNamespace(tell=lambda name, *rest: told.append((name, rest[-1])))
    feed = HookFeed(runner, CONTEXT, lambda: FRONT, lambda _: False)
    one = event("rate_limits.updated", rate_limits=[])
    feed.take(one)
    feed.take(Interrupted(item_id="i", content_index=0, audio_end_ms=5, deleted=()))
    assert told == [("on_raw", one), ("on_interruption", 5)]


@pytest.mark.parametrize(("agent", "prompt"), [(FRONT, "Be brief."), (BACK, None)])
def test_an_agent_begins(bench: Bench, agent: RealtimeAgent[Any], prompt: str | None) -> None:
    assert bench.take(AgentSpeaks(agent)) == [
        ("start", CONTEXT, agent),
        ("on_llm_start", CONTEXT, agent, prompt, []),
    ]


def test_an_agent_ends_with_all_that_it_has_said(bench: Bench) -> None:
    bench.take(AgentSpeaks(BACK), spoken("One."), written("Two."), done("r"))
    response = {"id": "r", "status": "completed"}
    assert bench.take(AgentDone(BACK)) == [
        ("on_llm_end", CONTEXT, BACK, response),
        ("end", CONTEXT, BACK, "One. Two."),
    ]
    bench.take(AgentSpeaks(FRONT))
    assert bench.take(AgentDone(FRONT))[1] == ("end", CONTEXT, FRONT, "")


def test_words_are_told_when_they_are_complete(bench: Bench) -> None:
    assert bench.take(heard("Hi."), spoken("Hello.")) == [
        ("on_transcript", CONTEXT, FRONT, "user", "Hi."),
        ("on_transcript", CONTEXT, FRONT, "assistant", "Hello."),
    ]


def test_what_is_said_beside_the_conversation_is_nobody_s(bench: Bench) -> None:
    assert bench.take(spoken("One moment.", "aside"), written("Hm.", "aside")) == []
    assert bench.take(AgentDone(FRONT))[1] == ("end", CONTEXT, FRONT, "")


@pytest.mark.parametrize(
    ("item_id", "deleted", "told"),
    [("i", ("j",), "i"), (None, ("j", "k"), "j"), (None, (), "")],
)
def test_an_interruption_names_the_item_that_was_cut(
    bench: Bench, item_id: str | None, deleted: tuple[str, ...], told: str
) -> None:
    cut = Interrupted(item_id=item_id, content_index=0, audio_end_ms=40, deleted=deleted)
    assert bench.take(cut) == [("on_interruption", CONTEXT, FRONT, told, 40)]


@pytest.mark.parametrize("report", [IdlePrompted(silent_s=7.5), IdleEnded(silent_s=7.5)])
def test_silence_is_told(bench: Bench, report: IdlePrompted | IdleEnded) -> None:
    assert bench.take(report) == [("on_idle", CONTEXT, FRONT, 7.5)]


def test_errors_are_told(bench: Bench) -> None:
    fault = AgentError("wrong")
    refused = event("error", error={"message": "no", "type": "invalid_request_error"})
    (ours, theirs) = bench.take(Fault(fault), refused)
    assert ours == ("on_error", CONTEXT, FRONT, fault)
    assert theirs[:3] == ("on_error", CONTEXT, FRONT)
    assert theirs[3].message == "no"
    damaged = RemoteProtocolError("no JSON")
    told = bench.take(UnreadableMessage(error=damaged))
    assert told == [("on_error", CONTEXT, FRONT, damaged)]


def test_what_is_the_case_anyway_is_no_error(bench: Bench) -> None:
    benign = {"type": "invalid_request_error", "code": "response_cancel_not_active"}
    assert bench.take(event("error", error={"message": "Cancellation failed", **benign})) == []


def test_handoffs_and_tools_are_told(bench: Bench) -> None:
    tool = function_tool(lambda: "x", name_override="look")
    context = ToolContext("mine", tool_name="look", tool_call_id="c", agent=BACK)
    began, over = ToolBegan(context, tool), ToolOver(context, tool, 7, "7")
    assert bench.take(Switched(FRONT, BACK), began, over) == [
        ("handoff", CONTEXT, FRONT, BACK),
        ("on_tool_start", context, BACK, tool),
        ("on_tool_end", context, BACK, tool, 7),
    ]


def test_what_no_hook_is_for_calls_none(bench: Bench) -> None:
    assert bench.take(object(), event("input_audio_buffer.cleared")) == []
