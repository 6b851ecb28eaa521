"""The history and the usage of sessions: on a script, and on the embedded server."""

from __future__ import annotations

from typing import Any

import pytest
from programs import Program

from realtime_sync import ConfigError
from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.items import AssistantMessageItem, UserMessageItem
from realtime_sync.agents.runner import RealtimeRunner
from realtime_sync.agents.session import RealtimeSession
from realtime_sync.testing import (
    MemorySink,
    MemorySource,
    ScriptedClient,
    ScriptedServer,
    Step,
    VirtualClock,
    drop_link,
    error,
    spoken_answer,
    text_answer,
    user_turn,
)

GUARD_S = 30.0
DESK: RealtimeAgent[Any] = RealtimeAgent("Desk")


def session_on(server: ScriptedServer, **options: Any) -> RealtimeSession[Any]:
    run_config = options.pop("config", None)
    return RealtimeRunner(DESK, client=ScriptedClient(server), config=run_config).run(**options)


def until(session: RealtimeSession[Any], kind: str, count: int = 1) -> list[Any]:
    events: list[Any] = []
    while count:
        events.append(session.recv(GUARD_S))
        count -= events[-1].type == kind
    return events


def words(session: RealtimeSession[Any]) -> list[str]:
    """Return the words of the messages, in order."""
    dumps = [item.model_dump() for item in session.history]
    return [
        part.get("text") or part.get("transcript") for item in dumps for part in item["content"]
    ]


def test_what_a_program_changes() -> None:
    with ScriptedServer([text_answer("Hello.")]) as server, session_on(server) as session:
        session.send_message("Hi!")
        until(session, "agent_end")
        first, answer = session.history
        assert isinstance(answer, AssistantMessageItem)
        assert answer.heard == "Hello."
        history = session.history
        system = {"type": "message", "role": "system"}
        system["content"] = [{"type": "input_text", "text": "Be brief."}]  # type: ignore[assignment]
        front = history.add(system, after="root")
        until(session, "history_added")
        between = history.add("And?", after=first.item_id)
        until(session, "history_added")
        assert words(session) == ["Be brief.", "Hi!", "And?", "Hello."]
        history.delete(front)
        until(session, "history_updated")
        other = history.replace(between, "Well?")
        until(session, "history_added")
        until(session, "history_updated")
        assert words(session) == ["Hi!", "Well?", "Hello."]
        assert history[1].item_id == other
        history.delete("unknown")
        until(session, "error")


def test_the_words_of_a_turn_that_come_after_the_answer() -> None:
    events = user_turn("What time is it?")
    transcript = [event for event in events if "transcription" in event["type"]]
    turn = [event for event in events if event not in transcript]
    with ScriptedServer([text_answer("Noon.")]) as server, session_on(server) as session:
        server.emit(turn)
        until(session, "agent_end")
        server.emit(transcript)
        until(session, "history_updated")
        assert words(session) == ["What time is it?", "Noon."]


def test_what_was_heard_of_an_answer_that_was_interrupted() -> None:
    clock = VirtualClock()
    sink = MemorySink(clock=clock)
    server = ScriptedServer([spoken_answer("one two three four five", audio_ms=5000)])
    with session_on(server, audio=(MemorySource(), sink)) as session:
        session.send_message("Count!")
        until(session, "audio_end")
        sink.wait_written(5000)
        clock.advance(2.0)
        assert last_of(session).heard == "one two"
        whole = session.history.export()["items"][-1]
        assert whole["content"][0]["transcript"] == "one two three four five", "it still plays"
        session.interrupt()
        assert server.wait_sent("conversation.item.truncate")["audio_end_ms"] == 2000
        until(session, "audio_interrupted")
        answer = last_of(session)
        assert answer.heard == "one two"
        assert answer.content[0].model_dump()["transcript"] == "one two three four five"
        cut = session.history.export()["items"][-1]
        assert cut["content"] == [{"type": "output_audio", "transcript": "one two"}]


def last_of(session: RealtimeSession[Any]) -> AssistantMessageItem:
    item = session.history[-1]
    assert isinstance(item, AssistantMessageItem)
    return item


def test_a_new_link_gets_what_was_imported() -> None:
    with ScriptedServer([text_answer("Hello.")]) as server, session_on(server) as session:
        session.send_message("Hi!")
        until(session, "agent_end")
        data = session.history.export()
    with ScriptedServer([]) as server, session_on(server) as session:
        session.history.import_history(data)
        until(session, "history_added", count=2)
        server.emit(drop_link())
        server.wait_opened(2)
        before = [item.item_id for item in session.history]
        assert before == [item["id"] for item in data["items"]]
        for expect in before:
            server.wait_sent({"item": {"id": expect}}, count=2)
        assert words(session) == ["Hi!", "Hello."]


def test_a_message_that_the_lost_link_has_not_confirmed_is_shown_once() -> None:
    refusal = error("of something else", event_id="nobody")  # in its place nothing confirms it
    lost = Step("conversation.item.create", [*refusal, *drop_link()])
    with ScriptedServer([lost, text_answer("Hello.")]) as server, session_on(server) as session:
        session.send_message("Hi!")
        events = until(session, "history_added")
        assert events[-1].item.content[0].text == "Hi!"
        events += until(session, "agent_end")
        *_, shown = [each.history for each in events if each.type == "history_updated"]
    said = [item.content[0].model_dump() for item in shown]
    assert [each.get("text") or each.get("transcript") for each in said] == ["Hi!", "Hello."]


def test_a_deleted_answer_that_still_plays_is_not_truncated() -> None:
    clock = VirtualClock()
    sink = MemorySink(clock=clock)
    server = ScriptedServer([spoken_answer("one two", audio_ms=1000), text_answer("Well.")])
    with session_on(server, audio=(MemorySource(), sink)) as session:
        session.send_message("Count!")
        until(session, "audio_end")
        sink.wait_written(1000)
        clock.advance(0.5)
        until(session, "agent_end")
        session.history.delete(last_of(session).item_id)
        until(session, "history_updated")
        session.interrupt()
        session.send_message("And now?")
        until(session, "agent_end")
        assert words(session) == ["Count!", "And now?", "Well."]
    assert "conversation.item.truncate" not in [event["type"] for event in server.sent]


def test_it_can_be_read_when_the_session_is_over() -> None:
    with ScriptedServer([text_answer("Hello.")]) as server:
        with session_on(server) as session:
            session.send_message("Hi!")
            until(session, "agent_end")
        assert words(session) == ["Hi!", "Hello."]
        assert session.history.export()["agent"] == "Desk"
        assert isinstance(session.history[0], UserMessageItem)


def test_what_it_costs() -> None:
    prices = {"input_text": 1_000_000.0}
    counts = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    answer: list[Any] = []
    for event in text_answer("Hello."):
        if isinstance(event, dict) and event["type"] == "response.done":
            event = {**event, "response": {**event["response"], "usage": counts}}
        answer.append(event)
    with ScriptedServer([answer]) as server:
        session = session_on(server, config={"prices": prices}).enter()
        session.send_message("Hi!")
        until(session, "agent_end")
        assert session.usage.total_tokens == 5
        result = session.talk(timeout=0)
        assert (result.cost, result.usage.requests) == (3.0, 1)
        assert [item.item_id for item in result.history] == [i.item_id for i in session.history]


def test_wrong_prices_are_told_at_the_start() -> None:
    with ScriptedServer([]) as server:
        session = session_on(server, config={"prices": {"input_txt": 1.0}})
        with pytest.raises(ConfigError, match="prices has 'input_txt'"):
            session.enter()
        assert server.urls == []


# -- another process goes on -----------------------------------------------------------------------

BEGINS = """
import json
from pathlib import Path
from realtime_sync import Local
from realtime_sync.agents import RealtimeAgent, RealtimeRunner

with Local() as client, RealtimeRunner(RealtimeAgent("Desk"), client=client).run() as session:
    session.send_message("My name is Anna.")
    for event in session:
        if event.type == "agent_end":
            break
    Path("talk.json").write_text(json.dumps(session.history.export()))
"""
GOES_ON = """
import json
from pathlib import Path
from realtime_sync import Local
from realtime_sync.agents import RealtimeAgent, RealtimeRunner

data = json.loads(Path("talk.json").read_text())
sound = 0
agent = RealtimeAgent(data["agent"])
with Local() as client, RealtimeRunner(agent, client=client).run() as session:
    session.history.import_history(data)
    session.send_message("What is my name?")
    for event in session:
        if event.type == "audio":
            sound += len(event.audio.data)
        if event.type == "agent_end":
            break
    for item in session.history:
        for part in item.content:
            print(part.text if part.type in ("input_text", "text") else part.transcript)
print("with sound" if sound else "without sound")
"""


def test_an_old_conversation_goes_on_in_another_process(program: Program) -> None:
    for name, code in (("begins.py", BEGINS), ("goes_on.py", GOES_ON)):
        (program.folder / name).write_text(code)
    program.run(program.folder / "begins.py")
    output = program.run(program.folder / "goes_on.py")
    assert output.splitlines() == [
        "My name is Anna.",
        "Nice to meet you, Anna.",
        "What is my name?",
        "Your name is Anna.",
        "with sound",
    ]
