"""When an agent has taken its leave: what counts as its last words, and what takes them back."""

from __future__ import annotations

import queue
from typing import Any

import pytest

from realtime_sync import (
    ConfigError,
    ConnectionClosedError,
    ConnectionClosedOK,
    RealtimeTimeout,
)
from realtime_sync.agents import (
    AssistantMessageItem,
    RealtimeAgent,
    RealtimeAgentEndEvent,
    RealtimeAgentStartEvent,
    RealtimeAudioInterrupted,
    RealtimeEventInfo,
    RealtimeHandoffEvent,
    RealtimeHistoryAdded,
    RealtimeModelFalseInterruptionEvent,
    RealtimeModelRawServerEvent,
    RealtimeModelReconnectedEvent,
    RealtimeModelReconnectingEvent,
    RealtimeRawModelEvent,
    RealtimeToolCallItem,
    RealtimeToolEnd,
    RunContextWrapper,
    UserMessageItem,
    function_tool,
)
from realtime_sync.errors import ToolError
from realtime_sync.telephony import Goodbye
from realtime_sync.testing import MemorySink


@function_tool
def hang_up() -> str:
    """End the call."""
    return "Say goodbye."


@function_tool
def note() -> str:
    """Write something down."""
    return "done"


INFO = RealtimeEventInfo(RunContextWrapper(None))
DESK, BILLING = RealtimeAgent[Any](name="Desk"), RealtimeAgent[Any](name="Billing")


def returned(tool: Any, *, failed: bool = False) -> Any:
    return RealtimeToolEnd(DESK, tool, "{}", "Say goodbye.", INFO, failed=failed)


def added(item: Any) -> Any:
    return RealtimeHistoryAdded(item, INFO)


def called(name: str) -> Any:
    """The model calls a tool in the answer that it is giving."""
    return added(
        RealtimeToolCallItem(
            item_id="i", call_id="c", name=name, arguments="{}", status="in_progress"
        )
    )


def raw(data: Any) -> Any:
    return RealtimeRawModelEvent(data, INFO)


LEAVES = returned(hang_up)
BEGINS, ENDS = RealtimeAgentStartEvent(DESK, INFO), RealtimeAgentEndEvent(DESK, INFO)
CUT = RealtimeAudioInterrupted(INFO, "item_a", 0)
HANDED_OVER = RealtimeHandoffEvent(DESK, BILLING, INFO)
TALKS = raw(RealtimeModelRawServerEvent({"type": "input_audio_buffer.speech_started"}))
STOPS = raw(RealtimeModelRawServerEvent({"type": "input_audio_buffer.speech_stopped"}))
COUGHED = raw(RealtimeModelFalseInterruptionEvent("item_u", "", 300))
USER = added(UserMessageItem(item_id="item_u", content=[]))
WORDS = added(AssistantMessageItem(item_id="item_a", content=[]))
LINK_LOST = raw(RealtimeModelReconnectingEvent(1, 0.1, 1006))
LINK_MADE = raw(RealtimeModelReconnectedEvent(attempts=1, lost_items=[]))


@pytest.mark.parametrize(
    "events",
    [
        [LEAVES, BEGINS, WORDS, ENDS],
        # The answer that has called the tool may end after it; the goodbye is the next.
        [BEGINS, called("hang_up"), LEAVES, ENDS, BEGINS, ENDS],
        [BEGINS, called("hang_up"), ENDS, LEAVES, BEGINS, ENDS],
        # Said by the caller before: it is what the tool was called for.
        [TALKS, STOPS, USER, BEGINS, LEAVES, ENDS, BEGINS, ENDS],
        # Called twice: at once, and once more beside the goodbye.
        [LEAVES, LEAVES, BEGINS, ENDS],
        [LEAVES, BEGINS, called("hang_up"), LEAVES, ENDS],
        # There is something to be done before the goodbye.
        [LEAVES, BEGINS, called("note"), ENDS, returned(note), BEGINS, WORDS, ENDS],
        [LEAVES, BEGINS, called("note"), returned(note), ENDS, BEGINS, ENDS],
        # It was no word that was heard.
        [LEAVES, BEGINS, TALKS, ENDS, STOPS, USER, COUGHED],
        [LEAVES, TALKS, COUGHED, BEGINS, ENDS],
        # The tool is called anew when the caller has had a last word.
        [LEAVES, BEGINS, CUT, ENDS, USER, BEGINS, LEAVES, ENDS, BEGINS, ENDS],
        # The link was lost while it was said, and it is said anew.
        [LEAVES, BEGINS, LINK_LOST, LINK_MADE, ENDS, BEGINS, ENDS],
    ],
)
def test_a_goodbye_is_said_at_the_end_of_the_answer(events: list[Any]) -> None:
    goodbye = Goodbye()
    assert not goodbye.said
    before = [goodbye.take(event) for event in events[:-1]]
    assert goodbye.take(events[-1]) is goodbye.said is True
    if LINK_LOST not in events:
        assert not any(before)


@pytest.mark.parametrize(
    "events",
    [
        [BEGINS, ENDS, BEGINS, ENDS],
        [returned(note), BEGINS, ENDS],
        [returned(hang_up, failed=True), BEGINS, ENDS],
        [LEAVES],
        [LEAVES, ENDS],
        [LEAVES, BEGINS],
        # The caller still has something to say: while it is said, and behind it; before it, by
        # voice or by a message; while the tool runs; and where no sound of it had come yet.
        [LEAVES, BEGINS, CUT, ENDS, BEGINS, ENDS],
        [LEAVES, BEGINS, ENDS, CUT],
        [LEAVES, TALKS, STOPS, USER, BEGINS, ENDS],
        [LEAVES, USER, BEGINS, ENDS, BEGINS, ENDS],
        [TALKS, LEAVES, STOPS, USER, BEGINS, ENDS],
        [LEAVES, BEGINS, TALKS, ENDS],
        [LEAVES, BEGINS, TALKS, ENDS, STOPS, USER, BEGINS, ENDS],
        # Another agent has the word.
        [LEAVES, HANDED_OVER, BEGINS, ENDS],
        [LEAVES, BEGINS, called("transfer_to_billing"), HANDED_OVER, ENDS, BEGINS, ENDS],
    ],
)
def test_what_is_no_goodbye(events: list[Any]) -> None:
    goodbye = Goodbye()
    assert not [event for event in events[:-1] if goodbye.take(event) and event is not ENDS]
    assert goodbye.take(events[-1]) is goodbye.said is False


def test_the_tool_may_have_another_name() -> None:
    goodbye = Goodbye("note")
    assert [goodbye.take(event) for event in (LEAVES, BEGINS, ENDS)] == [False] * 3
    assert [goodbye.take(event) for event in (returned(note), BEGINS, ENDS)][-1] is True


@pytest.mark.parametrize("tool", ["", " ", None, hang_up])
def test_a_tool_is_named(tool: Any) -> None:
    with pytest.raises(ConfigError, match="the tool of a Goodbye must be a text"):
        Goodbye(tool)


# -- heard -----------------------------------------------------------------------------------------


class Script:
    """A session: what it returns next, or raises."""

    def __init__(self, *events: Any) -> None:
        self.events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.timeouts: list[float | None] = []
        for event in events:
            self.events.put(event)

    def recv(self, timeout: float | None = None) -> Any:
        self.timeouts.append(timeout)
        event = self.events.get(timeout=0)
        if isinstance(event, Exception):
            raise event
        return event


class Sink(MemorySink):
    def __init__(self) -> None:
        super().__init__()
        self.drained: list[float | None] = []

    def drain(self, timeout: float | None = None) -> bool:
        self.drained.append(timeout)
        return True


def said() -> Goodbye:
    goodbye = Goodbye()
    assert [goodbye.take(event) for event in (LEAVES, BEGINS, ENDS)][-1]
    return goodbye


NOTHING = RealtimeTimeout("nothing has happened")


@pytest.mark.parametrize(
    ("events", "heard"),
    [
        ([NOTHING], True),
        ([WORDS, LINK_LOST, NOTHING], True),
        ([ConnectionClosedOK()], True),
        ([ConnectionClosedError(1008, "no")], True),
        ([CUT], False),
        ([WORDS, TALKS], False),
        ([USER], False),
        ([BEGINS], False),  # it goes on to speak
    ],
)
def test_the_last_words_are_heard_unless_the_caller_has_some(
    events: list[Any], heard: bool
) -> None:
    goodbye, script, sink = said(), Script(*events, KeyError("too far")), Sink()
    assert goodbye.wait_heard(script, sink, timeout=7) is heard  # type: ignore[arg-type]
    assert goodbye.said is heard
    assert sink.drained == [7]
    assert script.events.qsize() == 1
    assert all(script.timeouts)


def test_twenty_seconds_are_enough_for_a_goodbye() -> None:
    sink = Sink()
    assert said().wait_heard(Script(NOTHING), sink)  # type: ignore[arg-type]
    assert sink.drained == [20.0]


def test_what_ends_a_session_meanwhile_is_raised() -> None:
    with pytest.raises(ToolError):
        said().wait_heard(Script(ToolError("broken")), Sink())  # type: ignore[arg-type]


def test_a_goodbye_that_was_cut_is_followed_anew() -> None:
    goodbye = said()
    assert not goodbye.wait_heard(Script(TALKS), Sink())  # type: ignore[arg-type]
    for event in (STOPS, USER, BEGINS, ENDS):
        assert not goodbye.take(event)
    assert [goodbye.take(event) for event in (LEAVES, BEGINS, ENDS)] == [False, False, True]
