"""What agents say of their own accord, and who interrupts whom: sessions on a scripted server."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from embedded import Server
from guards import GUARD_S, Guard

from realtime_sync import Local
from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.function_tools import function_tool
from realtime_sync.agents.hooks import RealtimeRunHooks
from realtime_sync.agents.run_context import ToolContext
from realtime_sync.agents.runner import RealtimeRunner
from realtime_sync.agents.session import RealtimeSession
from realtime_sync.errors import (
    ConnectionClosed,
    RealtimeTimeout,
    ServerError,
    UserError,
)
from realtime_sync.testing import (
    MemorySink,
    MemorySource,
    ScriptedClient,
    ScriptedServer,
    Step,
    VirtualClock,
    drop_link,
    error,
    function_call,
    spoken_answer,
    text_answer,
    user_turn,
)
from realtime_sync.voice import IdleRule, Interruptions

FILLER = {"filler": "One moment.", "filler_after_ms": 0}
ASIDE = {"type": "response.create", "response": {"conversation": "none"}}
CANCEL = "response.cancel"
SOUND = b"\xe8\x03" * 480  # 20 ms


class Talk:
    """An agent with a slow tool, and a session with a server that follows a script."""

    def __init__(self, guard: Guard, *steps: Any, by_hand: bool = False, **run: Any) -> None:
        self.guard = guard
        self.go = threading.Event()
        self.began: queue.SimpleQueue[ToolContext[Any]] = queue.SimpleQueue()
        self.server = ScriptedServer(list(steps))
        self.source = MemorySource()
        self.sink = MemorySink(clock=run.pop("clock", None))
        tool = self.tool(needs_approval=run.pop("needs_approval", False))
        agent: RealtimeAgent[Any] = RealtimeAgent("desk", tools=[tool])
        runner = RealtimeRunner(
            agent, config=run.pop("config", {}), client=ScriptedClient(self.server)
        )
        audio = None if by_hand else (self.source, self.sink)
        self.session: RealtimeSession[Any] = runner.run(audio=audio, **run)

    def tool(self, **options: Any) -> Any:
        @function_tool(**options)
        def look(context: ToolContext[Any]) -> str:
            """Look for something, which takes its time."""
            self.began.put(context)
            self.guard.wait(self.go, "the end of the tool")
            return "found"

        return look

    def until(self, wanted: Callable[[Any], bool], count: int = 1) -> list[Any]:
        """Return the events up to the one that is wanted, with it."""
        seen: list[Any] = []
        while True:
            seen.append(self.session.recv(GUARD_S))
            if wanted(seen[-1]):
                count -= 1
            if not count:
                return seen

    def until_type(self, name: str, count: int = 1) -> list[Any]:
        return self.until(lambda event: event.type == name, count)

    def until_filler(self) -> list[Any]:
        return self.until(lambda event: _data(event, "filler"))


MakeTalk = Callable[..., Talk]


@pytest.fixture
def talk(guard: Guard) -> Iterator[MakeTalk]:
    """Makes sessions, entered; at the end their script must have come to its end."""
    talks: list[Talk] = []

    def make(*steps: Any, **options: Any) -> Talk:
        talks.append(Talk(guard, *steps, **options))
        talks[-1].session.enter()
        return talks[-1]

    yield make
    for made in talks:
        made.go.set()
        made.session.close()
        made.server.assert_complete()


def _data(event: Any, kind: str) -> bool:
    return event.type == "raw_model_event" and event.data.type == kind


def words(text: str) -> str:
    return f'Say exactly the following words, and nothing else: "{text}"'


# -- a spoken filler -------------------------------------------------------------------------------


def test_a_filler_is_heard_before_the_answer_and_is_in_no_history(talk: MakeTalk) -> None:
    made = talk(
        function_call("look", {}, "call_1"),
        spoken_answer("One moment.", audio_ms=300, item_id="fill"),
        spoken_answer("Here it is.", audio_ms=200, item_id="answer"),
        config=FILLER,
    )
    made.session.send_message("Look!")
    filler = made.until_filler()[-1].data
    assert filler.call_ids == ["call_1"]
    made.sink.wait_written(300)
    made.go.set()
    events = made.until_type("agent_end")
    assert [event.type for event in events].count("agent_start") == 1, "the filler has none"
    aside = made.server.wait_sent(ASIDE)["response"]
    assert aside["input"] == aside["tools"] == []
    assert aside["instructions"] == words("One moment.")
    assert filler.response_id not in {"", None}
    creates = [each for each in made.server.sent if each["type"] == "response.create"]
    assert [each.get("response") for each in creates] == [None, aside, None]
    made.sink.wait_written(500)
    assert (len(made.sink.heard("fill")), len(made.sink.heard("answer"))) == (14_400, 9_600)
    said = [item.item_id for item in made.session.history if item.type == "message"]
    assert "fill" not in said
    assert said[-1] == "answer"


def test_outputs_before_its_first_sound_cancel_a_filler(talk: MakeTalk) -> None:
    filler = spoken_answer("One moment.", item_id="fill", response_id="aside", finished=False)
    made = talk(
        function_call("look", {}, "call_1"),
        filler[:1],
        spoken_answer("Here it is.", item_id="answer"),
        config=FILLER,
    )
    made.session.send_message("Look!")
    made.until_filler()
    made.go.set()
    assert made.server.wait_sent(CANCEL)["response_id"] == "aside"
    made.server.emit(filler[1:])  # what was on its way
    made.sink.wait_written(400)
    assert not made.sink.heard("fill")
    assert made.sink.heard("answer")


def test_the_user_silences_a_filler_and_the_tool_learns_of_it(talk: MakeTalk) -> None:
    filler = spoken_answer("One moment.", item_id="fill", response_id="aside", finished=False)
    made = talk(
        function_call("look", {}, "call_1"),
        filler,
        text_answer("I stop."),
        config=FILLER,
        clock=VirtualClock(),
    )
    made.session.send_message("Look!")
    made.until_filler()
    made.sink.wait_written(400)
    context = made.guard.get(made.began, "the tool")
    assert not context.cancelled
    made.server.emit(user_turn("Stop!", item_id="user")[:1])
    assert made.server.wait_sent(CANCEL)["response_id"] == "aside"
    assert context.wait(GUARD_S)
    assert made.until_type("audio_interrupted")[-1].item_id == "fill"
    assert made.sink.buffered_ms == 0
    made.go.set()
    output = made.server.wait_sent({"item": {"type": "function_call_output"}})
    assert output["item"]["output"] == "found"
    made.server.emit(user_turn("Stop!", item_id="user")[1:])
    made.until_type("agent_end")
    sent = {each["type"] for each in made.server.sent}
    assert not sent & {"conversation.item.truncate", "conversation.item.delete"}


def test_a_server_without_fillers_plays_a_recording(talk: MakeTalk) -> None:
    clip = b"\x07\x00" * 2400
    made = talk(
        function_call("look", {}, "call_1"),
        Step(ASIDE, error("unknown parameter: conversation")),
        spoken_answer("Here it is.", item_id="answer"),
        config={**FILLER, "filler_clip": clip},
    )
    made.session.send_message("Look!")
    assert made.until_filler()[-1].data.response_id is None
    made.sink.wait_written(100)
    made.go.set()
    made.sink.wait_written(500)
    assert made.sink.heard("filler_clip_2") == clip
    assert len(made.sink.heard("answer")) == 400 * 48


@pytest.mark.parametrize("mode", ["checked", "answer"])
def test_a_filler_is_not_held_back(talk: MakeTalk, mode: str) -> None:
    made = talk(
        function_call("look", {}, "call_1"),
        spoken_answer("One moment.", item_id="fill"),
        text_answer("Here it is."),
        config={**FILLER, "hold_back": mode},
    )
    made.session.send_message("Look!")
    made.sink.wait_written(400)
    made.go.set()
    made.until_type("agent_end", 2)


def test_a_program_that_plays_by_itself_gets_a_filler_as_audio(talk: MakeTalk) -> None:
    made = talk(
        function_call("look", {}, "call_1"),
        spoken_answer("One moment.", audio_ms=40, item_id="fill"),
        spoken_answer("Here it is.", audio_ms=40, item_id="answer"),
        config=FILLER,
        by_hand=True,
    )
    made.session.send_message("Look!")
    made.until_type("audio_end")
    made.go.set()
    audio = [e.item_id for e in made.until_type("agent_end") if e.type == "audio"]
    assert set(audio) == {"answer"}


def test_a_written_conversation_has_no_filler(talk: MakeTalk) -> None:
    config = {**FILLER, "model_settings": {"output_modalities": ["text"]}}
    made = talk(
        function_call("look", {}, "call_1"), text_answer("Here it is."), config=config, by_hand=True
    )
    made.session.send_message("Look!")
    made.guard.get(made.began, "the tool")
    made.go.set()
    made.until_type("agent_end", 2)


def test_hooks_do_not_hear_a_filler(talk: MakeTalk) -> None:
    told: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()

    class Hooks(RealtimeRunHooks[Any]):
        def on_transcript(self, context: Any, agent: Any, role: str, text: str) -> None:
            told.put((role, text))

    made = talk(
        function_call("look", {}, "call_1"),
        spoken_answer("One moment."),
        spoken_answer("Here it is."),
        config=FILLER,
        hooks=Hooks(),
    )
    made.session.send_message("Look!")
    made.sink.wait_written(400)
    made.go.set()
    assert made.guard.get(told, "a transcript") == ("assistant", "Here it is.")


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_filler_that_keeps_the_answer_waiting_too_long_falls_silent(
    talk: MakeTalk, monkeypatch: pytest.MonkeyPatch, *, by_hand: bool
) -> None:
    monkeypatch.setattr("realtime_sync.agents.filler_output._MOST_S", 0.0)
    made = talk(
        function_call("look", {}, "call_1"),
        spoken_answer("One moment.", item_id="fill", response_id="aside", finished=False),
        spoken_answer("Here it is.", item_id="answer"),
        config=FILLER,
        by_hand=by_hand,
        clock=VirtualClock(),
    )
    made.session.send_message("Look!")
    made.until_type("audio")
    made.go.set()
    assert made.server.wait_sent(CANCEL)["response_id"] == "aside"
    seen = made.until(lambda event: event.type == "audio" and event.item_id == "answer")
    cut = next(event for event in seen if event.type == "audio_interrupted")
    assert cut.item_id == "fill"
    assert [event.item_id for event in seen[seen.index(cut) :] if event.type == "audio"] == [
        "answer"
    ]


def test_the_user_silences_a_filler_and_the_answer_behind_it(talk: MakeTalk) -> None:
    made = talk(
        function_call("look", {}, "call_1"),
        spoken_answer("One moment.", item_id="fill", response_id="aside", finished=False),
        spoken_answer("Here it is.", item_id="answer"),
        text_answer("I stop."),
        config=FILLER,
        clock=VirtualClock(),
    )
    made.session.send_message("Look!")
    made.sink.wait_written(400)
    made.go.set()
    made.until_type("agent_end", 2)
    made.server.emit(user_turn("Stop!"))
    assert made.server.wait_sent(CANCEL)["response_id"] == "aside"
    assert made.server.wait_sent("conversation.item.delete")["item_id"] == "answer"
    made.until_type("agent_end")
    assert made.sink.buffered_ms == 0
    assert not made.sink.heard("answer")
    assert "conversation.item.truncate" not in [each["type"] for each in made.server.sent]


def test_each_round_of_calls_has_its_filler(talk: MakeTalk) -> None:
    made = talk(
        function_call("look", {}, "call_1"),
        spoken_answer("One moment."),
        function_call("look", {}, "call_2"),
        spoken_answer("One moment."),
        text_answer("Here it is."),
        config=FILLER,
    )
    made.session.send_message("Look!")
    assert made.until_filler()[-1].data.call_ids == ["call_1"]
    made.sink.wait_written(400)
    first, made.go = made.go, threading.Event()
    first.set()
    assert made.until_filler()[-1].data.call_ids == ["call_2"]
    made.sink.wait_written(800)
    made.go.set()
    made.until_type("agent_end")


def test_a_call_that_waits_for_approval_has_no_filler_until_it_runs(talk: MakeTalk) -> None:
    made = talk(
        function_call("look", {}, "call_1"),
        spoken_answer("One moment."),
        text_answer("Found."),
        config=FILLER,
        needs_approval=True,
    )
    made.session.send_message("Look!")
    seen = made.until_type("tool_approval_required")
    seen += [] if "agent_end" in [event.type for event in seen] else made.until_type("agent_end")
    assert not [event for event in seen if _data(event, "filler")]
    assert made.session.approve_tool_call("call_1")
    assert made.until_filler()[-1].data.call_ids == ["call_1"]
    made.sink.wait_written(400)
    made.go.set()
    made.until_type("agent_end")


def test_a_link_that_is_lost_in_a_filler_loses_no_output(talk: MakeTalk) -> None:
    filler = spoken_answer("One moment.", response_id="aside")
    made = talk(
        function_call("look", {}, "call_1"),
        [*filler[:5], *drop_link()],
        config=FILLER,
    )
    made.session.send_message("Look!")
    made.server.wait_opened(2)
    made.until(lambda event: _data(event, "reconnected"))
    made.server.extend(text_answer("Here it is."))
    made.go.set()
    made.server.wait_sent({"item": {"type": "function_call_output", "output": "found"}})
    made.until_type("agent_end")


def test_a_filler_is_spoken_by_a_server_with_a_voice(guard: Guard, ws_server: Server) -> None:
    said, sink = threading.Event(), MemorySink()

    @function_tool
    def get_weather(city: str) -> str:
        """Tell the weather in a city."""
        guard.wait(said, "the filler")
        return f"Sunny in {city}"

    agent: RealtimeAgent[Any] = RealtimeAgent("desk", tools=[get_weather])
    config: Any = FILLER
    client = Local(url=ws_server.url, api_key=ws_server.key)
    runner = RealtimeRunner(agent, config=config, client=client)
    with client, runner.run(audio=(MemorySource(), sink)) as session:
        session.send_message("What is the weather in Paris?")
        filler = next(event for event in session if _data(event, "filler")).data
        end = next(event for event in session if _ends(event, filler.response_id)).data.data
        said.set()
        next(event for event in session if event.type == "agent_end")
        assert session.say("Good bye.", wait=True, timeout=GUARD_S)
        last: list[Any] = session.history[-2:]
    item = end["response"]["output"][0]
    assert item["content"][0]["transcript"] == "One moment."
    assert len(sink.heard(item["id"])) > 0
    assert [each.content[0].transcript for each in last] == [
        "The weather in Paris: Sunny in Paris.",
        "Good bye.",
    ]


def _ends(event: Any, response_id: str) -> bool:
    if not _data(event, "raw_server_event"):
        return False
    wire = event.data.data
    return bool(wire["type"] == "response.done" and wire["response"]["id"] == response_id)


# -- say() -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("interruptible", [True, False])
def test_words_are_said_and_enter_the_history(talk: MakeTalk, *, interruptible: bool) -> None:
    made = talk(spoken_answer("Welcome.", item_id="said"))
    heard = made.session.say("Welcome.", interruptible=interruptible, wait=True, timeout=GUARD_S)
    assert heard
    assert made.server.wait_sent("response.create")["response"]["instructions"] == words("Welcome.")
    assert len(made.sink.heard("said")) == 400 * 48
    assert [item.item_id for item in made.session.history] == ["said"]


def test_an_interruption_ends_the_wait(talk: MakeTalk) -> None:
    made = talk(spoken_answer("Welcome."), text_answer("Yes?"), clock=VirtualClock())
    heard: list[bool] = []
    waiter = threading.Thread(target=lambda: heard.append(made.session.say("Welcome.", wait=True)))
    waiter.start()
    made.sink.wait_written(400)
    made.server.emit(user_turn("Stop!"))
    made.guard.join(waiter)
    assert heard == [False]


def test_who_calls_a_tool_in_the_place_of_the_words_has_not_said_them(talk: MakeTalk) -> None:
    made = talk(function_call("look", {}, "call_1"), text_answer("Found."))
    assert not made.session.say("Welcome.", wait=True, timeout=GUARD_S)
    assert made.server.wait_sent("response.create")["response"]["tool_choice"] == "none"
    made.go.set()
    made.until_type("agent_end", count=2)


def test_who_writes_the_words_has_not_said_them(talk: MakeTalk) -> None:
    made = talk(text_answer("Welcome."))
    assert not made.session.say("Welcome.", wait=True, timeout=GUARD_S)


def test_without_a_wait_nobody_knows_yet(talk: MakeTalk) -> None:
    made = talk(spoken_answer("Welcome."))
    assert not made.session.say("Welcome.")
    made.until_type("agent_end")


def test_a_refusal_of_words_is_raised(talk: MakeTalk) -> None:
    made = talk(Step("response.create", error("no more", code="quota")))
    with pytest.raises(ServerError, match="no more"):
        made.session.say("Welcome.", wait=True, timeout=GUARD_S)


def test_words_that_are_not_heard_in_time_are_raised(talk: MakeTalk) -> None:
    made = talk(spoken_answer("Welcome.")[:1])
    with pytest.raises(RealtimeTimeout, match="within 0"):
        made.session.say("Welcome.", wait=True, timeout=0)


def test_a_session_that_ends_ends_the_wait(talk: MakeTalk) -> None:
    made = talk(spoken_answer("Welcome.")[:1])
    raised: list[BaseException] = []

    def say() -> None:
        try:
            made.session.say("Welcome.", wait=True)
        except ConnectionClosed as exc:
            raised.append(exc)

    waiter = threading.Thread(target=say)
    waiter.start()
    made.server.wait_sent("response.create")
    made.session.close()
    made.guard.join(waiter)
    assert len(raised) == 1


def test_who_may_not_interrupt_is_silent_until_all_was_heard(talk: MakeTalk) -> None:
    clock = VirtualClock()
    made = talk(spoken_answer("This call is recorded.", item_id="said"), clock=clock)
    made.session.say("This call is recorded.", interruptible=False)
    made.sink.wait_written(400)
    made.source.say(SOUND * 3)
    made.server.wait_sent("input_audio_buffer.append", count=3)
    assert bytes(made.server.heard) == bytes(3 * len(SOUND))
    made.until_type("agent_end")
    clock.advance(0.4)
    made.guard.until(lambda: not made.session._running().is_deaf, "the end of the words")
    made.source.say(SOUND)
    made.server.wait_sent("input_audio_buffer.append", count=4)
    assert bytes(made.server.heard)[-len(SOUND) :] == SOUND


@pytest.mark.parametrize(
    ("format", "silence"), [("pcm16", b"\0"), ("g711_ulaw", b"\xff"), ("g711_alaw", b"\xd5")]
)
def test_sound_that_a_program_sends_becomes_silence(
    talk: MakeTalk, format: str, silence: bytes
) -> None:
    settings = {"input_audio_format": format, "output_audio_format": format}
    made = talk(spoken_answer("Hear!")[:1], config={"model_settings": settings}, by_hand=True)
    made.session.send_audio(b"abcd")
    made.session.say("Hear!", interruptible=False)
    made.session.send_audio(b"efgh")
    assert bytes(made.server.heard) == b"abcd" + 4 * silence


def test_a_tool_may_have_words_said_and_wait(guard: Guard) -> None:
    heard: queue.SimpleQueue[bool] = queue.SimpleQueue()

    @function_tool
    def look() -> str:
        """Look for something."""
        heard.put(session.say("I look.", wait=True, timeout=GUARD_S))
        return "found"

    steps = [
        function_call("look", {}, "call_1"),
        spoken_answer("I look.", item_id="said"),
        text_answer("Found."),
    ]
    sink = MemorySink()
    with ScriptedServer(steps) as server:
        agent: RealtimeAgent[Any] = RealtimeAgent("desk", tools=[look])
        runner = RealtimeRunner(agent, client=ScriptedClient(server))
        with runner.run(audio=(MemorySource(), sink)) as session:
            session.send_message("Look!")
            assert guard.get(heard, "the words")
            server.wait_sent({"item": {"type": "function_call_output"}})
            server.wait_sent("response.create", count=3)
    assert sink.heard("said")


def test_a_tool_that_waits_for_words_does_not_hold_up_the_end(
    guard: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    raised: queue.SimpleQueue[BaseException] = queue.SimpleQueue()

    @function_tool
    def look() -> str:
        """Look for something."""
        try:
            session.say("I look.", wait=True)
        except ConnectionClosed as exc:
            raised.put(exc)
        return "found"

    steps = [function_call("look", {}, "call_1"), spoken_answer("I look.")[:1]]
    with ScriptedServer(steps) as server:
        agent: RealtimeAgent[Any] = RealtimeAgent("desk", tools=[look])
        runner = RealtimeRunner(agent, client=ScriptedClient(server))
        with runner.run(audio=(MemorySource(), MemorySink())) as session:
            session.send_message("Look!")
            server.wait_sent("response.create", count=2)
    guard.get(raised, "the end of the words")
    assert "left behind" not in caplog.text


# -- idle ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_hand", [True, False])
def test_who_says_nothing_is_asked_and_then_left(talk: MakeTalk, *, by_hand: bool) -> None:
    told: queue.SimpleQueue[float] = queue.SimpleQueue()

    class Hooks(RealtimeRunHooks[Any]):
        def on_idle(self, context: Any, silent_s: float) -> None:
            told.put(silent_s)

    rule = IdleRule(after_s=0.01, say="Are you there?", end_after_s=0.01)
    made = talk(
        spoken_answer("Are you there?", audio_ms=20),
        config={"idle": rule},
        hooks=Hooks(),
        by_hand=by_hand,
    )
    result = made.session.talk(GUARD_S)
    assert result.end_reason == "idle"
    assert result.final_output == "Are you there?"
    asked = made.server.wait_sent("response.create")
    assert asked["response"]["instructions"] == words("Are you there?")
    assert all(made.guard.get(told, "the hook") >= 0.01 for _ in range(2))


@pytest.mark.parametrize("config", [{"idle": 5}, {"interruptions": "no"}, {"filler": ""}])
def test_rules_that_are_none_are_refused_at_the_start(guard: Guard, config: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=next(iter(config))):
        Talk(guard, config=config).session.enter()


# -- interruptions ---------------------------------------------------------------------------------

TRANSCRIBED = {"input_audio_transcription": {"model": "whisper-1"}}


def test_hooks_are_called_in_the_order_of_what_happens(talk: MakeTalk) -> None:
    told: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()

    class Hooks(RealtimeRunHooks[Any]):
        def on_agent_start(self, context: Any, agent: Any) -> None:
            told.put(("start", agent.name))

        def on_agent_end(self, context: Any, agent: Any, output: Any) -> None:
            told.put(("end", output))

        def on_transcript(self, context: Any, agent: Any, role: str, text: str) -> None:
            told.put((role, text))

        def on_interruption(self, context: Any, agent: Any, item_id: str, played_ms: int) -> None:
            told.put((item_id, played_ms))

        def on_tool_start(self, context: Any, agent: Any, tool: Any) -> None:
            told.put(("tool", tool.name))

        def on_tool_end(self, context: Any, agent: Any, tool: Any, result: object) -> None:
            told.put(("result", result))

        def on_error(self, context: Any, error: Any) -> None:
            told.put(("error", error.message))

    clock = VirtualClock()
    made = talk(
        spoken_answer("A long story.", audio_ms=2000, item_id="story"),
        function_call("look", {}, "call_1"),
        text_answer("Found."),
        hooks=Hooks(),
        clock=clock,
    )
    made.server.emit(user_turn("Tell me a story.", item_id="one"))
    made.sink.wait_written(2000)
    made.until_type("agent_end")
    clock.advance(0.5)
    made.go.set()
    made.server.emit(user_turn("Look it up.", item_id="two"))
    made.until_type("agent_end", 2)
    made.server.emit(error("too loud"))
    expected: list[tuple[Any, ...]] = [
        ("user", "Tell me a story."),
        ("start", "desk"),
        ("assistant", "A long story."),
        ("end", "A long story."),
        ("story", 500),
        ("user", "Look it up."),
        ("start", "desk"),
        ("tool", "look"),
        ("end", ""),
        ("result", "found"),
        ("start", "desk"),
        ("assistant", "Found."),
        ("end", "Found."),
        ("error", "too loud"),
    ]
    got = [made.guard.get(told, "a hook") for _ in expected]
    # Whether a tool has begun before its response is over is nobody's promise.
    assert sorted(map(str, got)) == sorted(map(str, expected))
    quick = [("tool", "look"), ("result", "found")]
    order = [each for each in got if each not in quick]
    assert order == [each for each in expected if each not in quick]
    assert [each for each in got if each in quick] == quick


def test_a_user_who_speaks_tells_the_tool_and_its_output_is_sent(talk: MakeTalk) -> None:
    made = talk(function_call("look", {}, "call_1"), text_answer("Yes?"))
    made.session.send_message("Look!")
    context = made.guard.get(made.began, "the tool")
    made.until_type("agent_end")
    made.server.emit(user_turn("Wait!", item_id="user")[:1])
    assert context.wait(GUARD_S)
    made.go.set()
    made.server.wait_sent({"item": {"type": "function_call_output", "output": "found"}})
    made.server.emit(user_turn("Wait!", item_id="user")[1:])
    made.until_type("agent_end")


def test_a_program_that_interrupts_tells_the_tool(talk: MakeTalk) -> None:
    made = talk(function_call("look", {}, "call_1"), text_answer("Found."), by_hand=True)
    made.session.send_message("Look!")
    context = made.guard.get(made.began, "the tool")
    made.until_type("agent_end")
    made.session.interrupt()
    assert context.wait(GUARD_S)
    made.go.set()
    made.until_type("agent_end")


def false_interruption(made: Talk) -> None:
    made.server.emit(user_turn("Mhm.", item_id="mhm", audio_ms=300))
    seen = made.until(lambda event: _data(event, "false_interruption"))
    assert seen[-1].data.item_id == "mhm"
    assert "audio_interrupted" not in [event.type for event in seen]
    assert made.server.wait_sent("conversation.item.delete")["item_id"] == "mhm"


def test_a_false_interruption_pauses_the_sink(talk: MakeTalk) -> None:
    clock = VirtualClock()
    rules = {"interruptions": Interruptions(resume=True), "model_settings": TRANSCRIBED}
    made = talk(
        spoken_answer("A long story.", audio_ms=2000, item_id="story"), config=rules, clock=clock
    )
    made.session.send_message("Tell me a story.")
    made.sink.wait_written(2000)
    clock.advance(0.5)
    false_interruption(made)
    clock.advance(2)
    made.guard.until(lambda: len(made.sink.heard("story")) == 2000 * 48, "the end of the story")


def test_a_false_interruption_interrupts_nothing_by_hand(talk: MakeTalk) -> None:
    rules = {"interruptions": Interruptions(resume=True), "model_settings": TRANSCRIBED}
    story = spoken_answer("A long story.", audio_ms=2000, finished=False)
    made = talk(story, config=rules, by_hand=True)
    made.session.send_message("Tell me a story.")
    made.until_type("audio")
    false_interruption(made)


def test_a_real_interruption_under_the_rules_asks_for_the_answer(talk: MakeTalk) -> None:
    clock = VirtualClock()
    rules = {"interruptions": Interruptions(resume=True), "model_settings": TRANSCRIBED}
    made = talk(
        spoken_answer("A long story.", audio_ms=2000, item_id="story"),
        text_answer("I stop."),
        config=rules,
        clock=clock,
    )
    made.session.send_message("Tell me a story.")
    made.sink.wait_written(2000)
    clock.advance(0.5)
    made.server.emit(user_turn("Stop, please.", item_id="stop"))
    assert made.server.wait_sent("conversation.item.truncate")["audio_end_ms"] == 500
    made.server.wait_sent("response.create", count=2)
    assert made.until_type("audio_interrupted")[-1].item_id == "story"
    turns = made.server.wait_sent(
        lambda event: event["type"] == "session.update" and "tools" not in event["session"]
    )["session"]["audio"]["input"]["turn_detection"]
    assert (turns["create_response"], turns["interrupt_response"]) == (False, False)


@pytest.mark.parametrize("by_hand", [True, False])
def test_nobody_interrupts_what_must_be_heard(talk: MakeTalk, *, by_hand: bool) -> None:
    made = talk(
        spoken_answer("A long story.", audio_ms=40, item_id="story"),
        text_answer("And now?"),
        config={"interruptions": False},
        by_hand=by_hand,
    )
    made.session.send_message("Tell me a story.")
    made.until_type("audio")
    made.server.emit(user_turn("Stop!", item_id="stop"))
    made.server.wait_sent("response.create", count=2)
    seen = made.until_type("agent_end", 2)
    assert "audio_interrupted" not in [event.type for event in seen]
