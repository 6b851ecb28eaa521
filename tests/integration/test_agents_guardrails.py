"""What guardrails keep from being said and heard: sessions of agents on a scripted server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from realtime_sync import ReconnectPolicy
from realtime_sync._types import JsonDict
from realtime_sync.agents import guardrail_runner
from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.events import RealtimeSessionEvent
from realtime_sync.agents.guardrails import (
    GuardrailFunctionOutput,
    InputGuardrail,
    OutputGuardrail,
    input_guardrail,
    output_guardrail,
)
from realtime_sync.agents.run_config import RealtimeRunConfig
from realtime_sync.agents.runner import RealtimeRunner
from realtime_sync.agents.session import RealtimeSession
from realtime_sync.errors import UserError
from realtime_sync.testing import (
    MemorySink,
    MemorySource,
    ScriptedClient,
    ScriptedServer,
    Step,
    VirtualClock,
    close_link,
    drop_link,
    function_call,
    spoken_answer,
    text_answer,
    user_turn,
)
from realtime_sync.voice import Interruptions

GUARD_S = 30.0
AT_ONCE = ReconnectPolicy(initial_delay=0, max_retries=3)
ORDERS = ["interleaved", "sound_first", "words_first"]
FORBIDDEN, FINE = 2000, 1000  # what each sample of an answer is
PRICE = "It costs five dollars, and that is what everybody in the whole town would pay for it."
TRIPPED = {"content": [{"type": "input_text", "text": "guardrail triggered: no_prices"}]}


@output_guardrail
def no_prices(context: Any, agent: Any, words: str) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(words, "dollars" in words)


@input_guardrail(run_in_parallel=False)
def no_homework(context: Any, agent: Any, words: str) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(words, "homework" in words)


@input_guardrail
def no_homework_beside(context: Any, agent: Any, words: str) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(words, "homework" in words)


def pcm(ms: int, value: int = FORBIDDEN) -> bytes:
    return value.to_bytes(2, "little") * (24 * ms)


def forbidden(item_id: str, ms: int = 4000, **options: Any) -> list[JsonDict]:
    return spoken_answer(PRICE, sound=pcm(ms), item_id=item_id, **options)


class Talk:
    """A session on a sink, whose events are taken as the test wants them."""

    def __init__(self, session: RealtimeSession[Any], server: ScriptedServer) -> None:
        self.session = session
        self.server = server
        self.events: list[RealtimeSessionEvent] = []

    def until(self, type: str, count: int = 1) -> Any:
        """Take events until the ``count``-th of a type has come; return it."""
        while len(self.of(type)) < count:
            self.events.append(self.session.recv(GUARD_S))
        return self.of(type)[count - 1]

    def of(self, type: str) -> list[Any]:
        return [event for event in self.events if event.type == type]

    @property
    def sent(self) -> list[str]:
        """What was sent of the conversation, in short."""
        left_out = ("session.update", "input_audio_buffer.append")
        return [short(each) for each in self.server.sent if each["type"] not in left_out]


def short(message: JsonDict) -> str:
    item = message.get("item") or {}
    text = (item.get("content") or [{}])[0].get("text") or ""
    return " ".join(
        filter(
            None,
            [
                message["type"].rsplit(".", 2)[-2] + "." + message["type"].rsplit(".", 1)[-1],
                message.get("item_id") or message.get("response_id") or text,
                str(message["audio_end_ms"]) if "audio_end_ms" in message else "",
            ],
        )
    )


@contextmanager
def talk(
    server: ScriptedServer,
    *guardrails: Any,
    sink: MemorySink | None = None,
    reconnect: ReconnectPolicy | bool | None = None,
    **config: Any,
) -> Iterator[Talk]:
    inputs = [each for each in guardrails if isinstance(each, InputGuardrail)]
    outputs = [each for each in guardrails if isinstance(each, OutputGuardrail)]
    agent = RealtimeAgent(name="Desk", output_guardrails=outputs, input_guardrails=inputs)
    run_config: RealtimeRunConfig = config  # type: ignore[assignment]  # checked when it is used
    runner = RealtimeRunner(agent, config=run_config, client=ScriptedClient(server))
    audio = None if sink is None else (MemorySource(), sink)
    with runner.run(audio=audio) as session:
        server.wait_sent("session.update")
        yield Talk(session, server)


# -- answers that are held back --------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("finished", [True, False])
def test_nothing_of_a_forbidden_answer_is_heard(order: Any, finished: bool) -> None:
    server = ScriptedServer(
        [
            forbidden("price", order=order, finished=finished, response_id="resp"),
            spoken_answer("Ask the shop.", item_id="other"),
        ]
    )
    sink = MemorySink()
    with talk(server, no_prices, sink=sink, hold_back="answer") as it:
        it.session.send_message("How much?")
        tripped = it.until("guardrail_tripped")
        assert (tripped.kind, tripped.guardrail_results[0].guardrail) == ("output", no_prices)
        it.until("audio_end")
        assert [event.item_id for event in it.of("audio_end")] == ["other"]
        assert {event.item_id for event in it.of("audio")} == {"other"}
        it.until("agent_end", 2)
        sink.wait_written(400)
        cancel = [] if finished else ["response.cancel resp"]
        assert it.sent == [
            "item.create How much?",
            "response.create",
            *cancel,
            "item.delete price",
            "item.create guardrail triggered: no_prices",
            "response.create",
        ]
    assert pcm(1) not in sink.played
    assert len(sink.heard("other")) == 400 * 48
    server.assert_complete()


@pytest.mark.parametrize("mode", ["checked", "answer"])
def test_a_program_that_plays_sound_itself_gets_none_that_is_forbidden(mode: Any) -> None:
    short = "Well. It costs five dollars."
    server = ScriptedServer(
        [spoken_answer(short, item_id="price"), spoken_answer("Ask the shop.", item_id="other")]
    )
    with talk(server, no_prices, hold_back=mode) as it:
        it.session.send_message("How much?")
        it.until("audio_end")
        assert {event.item_id for event in it.of("audio")} == {"other"}
        assert sum(len(event.audio.data) for event in it.of("audio")) == 400 * 48
        assert "item.delete price" in it.sent
    server.assert_complete()


@pytest.mark.parametrize("order", ORDERS)
def test_a_fine_answer_is_heard_to_its_end(order: Any) -> None:
    for mode in ("checked", "answer"):
        server = ScriptedServer([spoken_answer("A nice day.", audio_ms=900, order=order)])
        sink = MemorySink()
        with talk(server, no_prices, sink=sink, hold_back=mode) as it:
            it.session.send_message("How is it?")
            over = it.until("audio_end")
            sink.wait_written(900)
            assert len(sink.heard(over.item_id)) == 900 * 48


def test_of_a_forbidden_answer_only_is_heard_what_was_checked_before() -> None:
    fine = "Let me see what I can find for you about that. "
    clock, checked = VirtualClock(), threading.Semaphore(0)

    @output_guardrail(name="no_prices")
    def looked_at(context: Any, agent: Any, words: str) -> GuardrailFunctionOutput:
        checked.release()
        return no_prices.guardrail_function(context, agent, words)

    traffic = spoken_answer(fine, sound=pcm(6000), item_id="price", response_id="resp")
    begun, more = traffic[:-6], spoken_answer(PRICE, sound=b"", item_id="price", response_id="resp")
    words = [each for each in more if each["type"].endswith("transcript.delta")]
    server = ScriptedServer([begun, spoken_answer("Ask the shop.", item_id="other")])
    sink = MemorySink(clock=clock)
    with talk(server, looked_at, sink=sink, hold_back="checked") as it:
        it.session.send_message("How much?")
        free_ms = (len(fine) - 1 - 24) * 1000 // 25
        sink.wait_written(free_ms)  # as far as the first sentence, but for its last word
        clock.advance(0.5)
        server.emit(words)
        it.until("guardrail_tripped")
        it.until("agent_end")
        server.wait_sent({"item": TRIPPED})
        assert it.sent[2:5] == [
            "response.cancel resp",
            "item.truncate price 500",
            "item.create guardrail triggered: no_prices",
        ]
        it.until("agent_end", 2)
        assert len(sink.heard("price")) == 500 * 48
    server.assert_complete()


def test_without_holding_back_what_has_not_played_yet_is_cut() -> None:
    server = ScriptedServer([forbidden("price", finished=False), spoken_answer("Ask the shop.")])
    clock = VirtualClock()
    sink = MemorySink(clock=clock)
    begins = threading.Event()

    @output_guardrail(name="no_prices")
    def slow(context: Any, agent: Any, words: str) -> GuardrailFunctionOutput:
        begins.wait(GUARD_S)
        return no_prices.guardrail_function(context, agent, words)

    with talk(server, slow, sink=sink) as it:
        it.session.send_message("How much?")
        sink.wait_written(4000)
        clock.advance(0.7)
        begins.set()
        it.until("audio_interrupted")
        it.until("agent_end", 2)
        assert "item.truncate price 700" in it.sent
        print(it.sent)
        assert it.sent[-2:] == ["item.create guardrail triggered: no_prices", "response.create"]
    assert it.sent.count("response.create") == 2


def test_a_written_answer_is_cancelled() -> None:
    words = text_answer(PRICE, finished=False, response_id="resp")
    server = ScriptedServer([words, text_answer("Ask the shop.")])
    with talk(server, no_prices, guardrails_settings={"debounce_text_length": 10}) as it:
        it.session.send_message("How much?")
        it.until("agent_end", 2)
        assert it.sent[2:] == [
            "response.cancel resp",
            "item.create guardrail triggered: no_prices",
            "response.create",
        ]
    assert len(it.of("guardrail_tripped")) == 1


def test_of_several_checks_that_trip_one_counts() -> None:
    server = ScriptedServer([text_answer(PRICE + " Dollars."), text_answer("Ask the shop.")])
    with talk(server, no_prices, guardrails_settings={"debounce_text_length": 5}) as it:
        it.session.send_message("How much?")
        it.until("agent_end", 2)
    assert len(it.of("guardrail_tripped")) == 1
    assert it.sent.count("response.create") == 2


@pytest.mark.parametrize("mode", ["checked", "answer", None])
@pytest.mark.parametrize("kind", ["raises", "late"])
def test_a_guardrail_without_an_answer_forbids_what_is_held(
    mode: Any, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = threading.Event()

    @output_guardrail
    def no_answer(context: Any, agent: Any, words: str) -> GuardrailFunctionOutput:
        if kind == "raises":
            raise ValueError("nothing found")
        ends.wait(GUARD_S)
        return GuardrailFunctionOutput(None, tripwire_triggered=False)

    if kind == "late":
        monkeypatch.setattr(guardrail_runner, "_TIMEOUT_S", 0.01)
    server = ScriptedServer([spoken_answer("A nice day.", item_id="day"), text_answer("Sorry.")])
    sink = MemorySink()
    with talk(server, no_answer, sink=sink, hold_back=mode) as it:
        it.session.send_message("How is it?")
        if mode is None:
            sink.wait_written(400)
        else:
            tripped = it.until("guardrail_tripped")
            wrong = tripped.guardrail_results[0].output.output_info
            assert isinstance(wrong, Exception)
            it.until("agent_end", 2)
        ends.set()
    assert len(sink.heard("day")) == (0 if mode else 400 * 48)


@pytest.mark.parametrize("mode", ["checked", "answer"])
def test_sound_without_words_is_not_heard(mode: Any) -> None:
    traffic = [each for each in forbidden("price") if "transcript" not in each["type"]]
    server = ScriptedServer([traffic, spoken_answer("Hello.", item_id="other")])
    sink = MemorySink()
    with talk(server, no_prices, sink=sink, hold_back=mode) as it:
        it.session.send_message("How much?")
        error = it.until("error").error
        assert "4000 ms of sound of price came without words" in str(error)
        it.session.send_message("Hello?")
        it.until("audio_end")
        sink.wait_written(400)
    assert pcm(1) not in sink.played
    assert len(sink.heard("other")) == 400 * 48


@pytest.mark.parametrize("mode", ["checked", "answer"])
def test_an_answer_that_nobody_checks_is_heard_at_once(mode: Any) -> None:
    server = ScriptedServer([spoken_answer("Hello.", item_id="hello", finished=False)])
    sink = MemorySink()
    with talk(server, sink=sink, hold_back=mode) as it:
        it.session.send_message("Hello?")
        sink.wait_written(400)


@pytest.mark.parametrize("order", ORDERS)
def test_sound_beyond_the_words_of_a_cancelled_answer_is_not_heard(order: Any) -> None:
    """The server then says of words that they are complete, and they are not."""
    traffic = spoken_answer("Well, " + PRICE, sound=pcm(4000), item_id="price", order=order)
    kind = "response.output_audio_transcript.delta"
    words = [each for each in traffic if each["type"] == kind]
    cut = [each for each in traffic[:-6] if each not in words[1:]]
    server = ScriptedServer([cut, spoken_answer("Hello.", item_id="other")])
    sink = MemorySink()
    with talk(server, no_prices, sink=sink, hold_back="checked") as it:
        it.session.send_message("How much?")
        it.until("agent_start")
        it.session.send_raw({"type": "response.cancel"})
        it.until("agent_end")
        it.session.send_message("Hello?")
        it.until("agent_end", 2)
        it.until("audio_end")
    assert pcm(1) not in sink.played


@pytest.mark.parametrize("mode", ["checked", "answer"])
def test_the_user_interrupts_what_is_held(mode: Any) -> None:
    server = ScriptedServer(
        [
            forbidden("price", finished=False),
            spoken_answer("Fine.", item_id="other"),
        ]
    )
    looks = threading.Event()

    @output_guardrail(name="no_prices")
    def slow(context: Any, agent: Any, words: str) -> GuardrailFunctionOutput:
        looks.wait(GUARD_S)
        return GuardrailFunctionOutput(None, tripwire_triggered=False)

    sink = MemorySink()
    with talk(server, slow, sink=sink, hold_back=mode) as it:
        it.session.send_message("How much?")
        it.until("agent_start")
        server.emit(user_turn("Never mind."))
        server.wait_sent({"type": "conversation.item.delete", "item_id": "price"})
        looks.set()
        it.until("audio_end")
        sink.wait_written(400)
    assert pcm(1) not in sink.played
    assert len(sink.heard("other")) == 400 * 48


@pytest.mark.parametrize("mode", ["checked", "answer"])
def test_what_is_held_when_the_link_is_lost_keeps_no_later_answer(mode: Any) -> None:
    server = ScriptedServer(
        [
            [*forbidden("price", finished=False), *drop_link()],
            spoken_answer("It is me again.", item_id="again"),
        ]
    )
    sink = MemorySink()

    @output_guardrail
    def nothing(context: Any, agent: Any, words: str) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(None, tripwire_triggered=False)

    free_ms = (len(PRICE) - 24) * 1000 // 25
    with talk(server, nothing, sink=sink, hold_back=mode) as it:
        it.session.send_message("How much?")
        server.wait_opened(2)
        if mode == "checked":  # some was heard of it, so that it is not said again
            it.session.send_message("Hello?")
        while "again" not in {event.item_id for event in it.of("audio_end")}:
            it.events.append(it.session.recv(GUARD_S))
        sink.wait_written(400 + (0 if mode == "answer" else free_ms))
    assert len(sink.heard("again")) == 400 * 48
    assert len(sink.heard("price")) == (0 if mode == "answer" else free_ms * 48)


def test_a_trip_after_the_link_was_lost_deletes_what_was_restored() -> None:
    looks = threading.Event()

    @output_guardrail(name="no_prices")
    def slow(context: Any, agent: Any, words: str) -> GuardrailFunctionOutput:
        looks.wait(GUARD_S)
        return no_prices.guardrail_function(context, agent, words)

    server = ScriptedServer(
        [
            [*forbidden("price"), *drop_link()],
            text_answer("Ask the shop.", finished=False),
        ]
    )
    sink = MemorySink()
    with talk(server, slow, sink=sink, hold_back="answer") as it:
        it.session.send_message("How much?")
        server.wait_opened(2)
        server.wait_sent({"item": {"role": "assistant"}})
        looks.set()
        it.until("guardrail_tripped")
        it.until("agent_start", 2)
        assert it.sent[-3:] == [
            "item.delete price",
            "item.create guardrail triggered: no_prices",
            "response.create",
        ]
    assert pcm(1) not in sink.played


def test_the_last_answer_is_heard_though_the_server_closes_behind_it() -> None:
    looks = threading.Event()

    @output_guardrail
    def slow(context: Any, agent: Any, words: str) -> GuardrailFunctionOutput:
        looks.wait(GUARD_S)
        return GuardrailFunctionOutput(None, tripwire_triggered=False)

    server = ScriptedServer([[*spoken_answer("Goodbye.", item_id="bye"), *close_link()]])
    sink = MemorySink()
    with talk(server, slow, sink=sink, hold_back="answer") as it:
        it.session.send_message("Goodbye!")
        it.until("agent_end")
        looks.set()
        for event in it.session:
            it.events.append(event)
    assert len(sink.heard("bye")) == 400 * 48


def test_another_agent_may_need_what_the_session_has_not() -> None:
    guarded = RealtimeAgent(name="Guarded", input_guardrails=[no_homework])
    settings = {"input_audio_transcription": None}
    server = ScriptedServer([text_answer("Hello.")])
    with talk(server, model_settings=settings) as it:
        with pytest.raises(UserError, match="the input guardrails of 'Guarded'"):
            it.session.update_agent(guarded)
        assert it.session.current_agent.name == "Desk"
        it.session.send_message("Hello?")
        it.until("agent_end")


def test_so_ends_a_handoff_to_it_the_session() -> None:
    guarded = RealtimeAgent(name="Guarded", input_guardrails=[no_homework])
    agent = RealtimeAgent(name="Desk", handoffs=[guarded])
    server = ScriptedServer([function_call("transfer_to_guarded", {}, "call")])
    config: RealtimeRunConfig = {"model_settings": {"input_audio_transcription": None}}
    runner = RealtimeRunner(agent, config=config, client=ScriptedClient(server))
    with runner.run() as session:
        session.send_message("Hello?")
        with pytest.raises(UserError, match="the input guardrails of 'Guarded'"):
            for _ in session:
                pass


def test_from_a_handoff_on_the_answers_are_asked_for_after_the_check() -> None:
    guarded = RealtimeAgent(name="Guarded", input_guardrails=[no_homework])
    agent = RealtimeAgent(name="Desk", handoffs=[guarded])
    server = ScriptedServer(
        [
            function_call("transfer_to_guarded", {}, "call"),
            text_answer("It is me now."),
            text_answer("Hello."),
        ]
    )
    with RealtimeRunner(agent, client=ScriptedClient(server)).run() as session:
        it = Talk(session, server)
        session.send_message("Hello?")
        it.until("agent_end", 2)
        server.wait_sent(_asks_itself)
        server.emit(user_turn("Good morning."))
        it.until("agent_end", 3)
        assert it.sent.count("response.create") == 3
    server.assert_complete()


def _asks_itself(message: JsonDict) -> bool:
    if message["type"] != "session.update":
        return False
    heard = message["session"].get("audio", {}).get("input", {})
    return (heard.get("turn_detection") or {}).get("create_response") is False


def test_a_trip_before_the_link_is_lost_is_told_on_the_new_one() -> None:
    server = ScriptedServer(
        [
            forbidden("price", finished=False, response_id="resp"),
            Step({"type": "response.cancel"}, drop_link()),
            text_answer("Ask the shop.", finished=False),
        ]
    )
    sink = MemorySink()
    with talk(server, no_prices, sink=sink, hold_back="answer") as it:
        it.session.send_message("How much?")
        it.until("agent_start", 2)
        assert it.sent[-3:] == [
            "item.delete price",
            "item.create guardrail triggered: no_prices",
            "response.create",
        ]
    assert pcm(1) not in sink.played
    assert it.sent.count("response.create") == 2


# -- what the user says ----------------------------------------------------------------------------


def test_nobody_can_check_what_is_not_written_down() -> None:
    settings = {"input_audio_transcription": None}
    told = r"does not write it down; set audio\.input\.transcription"
    with (
        pytest.raises(UserError, match=told),
        talk(ScriptedServer(), no_homework, model_settings=settings),
    ):
        pass


def test_what_is_no_guardrail_is_refused_at_the_start() -> None:
    agent = RealtimeAgent(name="Desk", output_guardrails=[lambda *_: None])
    runner = RealtimeRunner(agent, client=ScriptedClient(ScriptedServer()))
    with pytest.raises(UserError, match="is no guardrail; decorate it with @output_guardrail"):
        runner.run().enter()


def test_an_answer_is_asked_for_when_the_words_have_passed() -> None:
    server = ScriptedServer([spoken_answer("Hello.", item_id="hello")])
    passes = threading.Event()

    @input_guardrail(run_in_parallel=False)
    def slow(context: Any, agent: Any, words: str) -> GuardrailFunctionOutput:
        passes.wait(GUARD_S)
        return GuardrailFunctionOutput(None, "Good morning." not in words)

    with talk(server, slow) as it:
        update = server.wait_sent("session.update", count=2)
        detection = update["session"]["audio"]["input"]["turn_detection"]
        assert detection["create_response"] is False
        assert detection["interrupt_response"] is True, "the server still interrupts"
        server.emit(user_turn("Good morning."))
        it.until("history_updated", 2)
        assert it.sent == []
        passes.set()
        it.until("audio_end")
        assert it.sent == ["response.create"]
    server.assert_complete()


def test_a_forbidden_turn_is_deleted_and_not_answered() -> None:
    server = ScriptedServer([spoken_answer("No way.", item_id="no")])
    with talk(server, no_homework) as it:
        server.wait_sent("session.update", count=2)
        server.emit(user_turn("Do my homework!", item_id="turn"))
        tripped = it.until("guardrail_tripped")
        assert (tripped.kind, tripped.message) == ("input", "Do my homework!")
        it.until("audio_end")
        assert it.sent == [
            "item.delete turn",
            "item.create guardrail triggered: no_homework",
            "response.create",
        ]
    server.assert_complete()


@pytest.mark.parametrize("is_finished", [True, False])
def test_the_answer_to_a_forbidden_turn_is_not_heard(is_finished: bool) -> None:
    server = ScriptedServer(
        [
            spoken_answer(
                "Of course.", sound=pcm(400), item_id="yes", response_id="r", finished=is_finished
            ),
            spoken_answer("No way.", item_id="no"),
        ]
    )
    sink = MemorySink()
    with talk(server, no_homework_beside, sink=sink) as it:
        turn = user_turn("Do my homework!", item_id="turn")
        server.emit(turn[:-2])  # the answer begins before the transcript comes
        it.until("agent_start")
        server.emit(turn[-2:])
        it.until("guardrail_tripped")
        it.until("agent_end", 2)
        sink.wait_written(400)
        assert it.sent == [
            *(["item.delete yes"] if is_finished else ["response.cancel r"]),
            "item.delete turn",
            *([] if is_finished else ["item.delete yes"]),
            "item.create guardrail triggered: no_homework_beside",
            "response.create",
        ]
    assert pcm(1) not in sink.played
    assert {event.item_id for event in it.of("audio")} == {"no"}
    server.assert_complete()


def test_the_sound_of_an_answer_waits_for_the_words_that_it_answers() -> None:
    server = ScriptedServer([spoken_answer("Good morning!", item_id="hello")])
    passes = threading.Event()

    @input_guardrail
    def slow(context: Any, agent: Any, words: str) -> GuardrailFunctionOutput:
        passes.wait(GUARD_S)
        return GuardrailFunctionOutput(None, tripwire_triggered=False)

    sink = MemorySink()
    with talk(server, slow, sink=sink) as it:
        server.emit(user_turn("Good morning."))
        it.until("agent_end")
        assert it.of("audio") == []
        assert not sink.heard("hello")
        passes.set()
        it.until("audio_end")
        sink.wait_written(400)
    assert it.sent == []


def test_the_answer_to_a_forbidden_turn_may_begin_after_the_trip() -> None:
    """The server owes it by then, and nobody is to hear it."""
    answer = spoken_answer(
        "Of course.", sound=pcm(400), item_id="yes", response_id="r", finished=False
    )
    server = ScriptedServer([[], spoken_answer("No way.", item_id="no")])
    sink = MemorySink()
    with talk(server, no_homework_beside, sink=sink) as it:
        server.emit(user_turn("Do my homework!", item_id="turn"))
        it.until("guardrail_tripped")
        server.emit(answer)
        it.until("agent_end", 2)
        sink.wait_written(400)
        assert it.sent == [
            "item.delete turn",
            "response.cancel r",
            "item.delete yes",
            "item.create guardrail triggered: no_homework_beside",
            "response.create",
        ]
    assert pcm(1) not in sink.played


def test_a_turn_that_could_not_be_written_down_is_forbidden() -> None:
    failed = {
        "type": "conversation.item.input_audio_transcription.failed",
        "item_id": "turn",
        "content_index": 0,
        "error": {"type": "server_error", "code": None, "message": "no", "param": None},
    }
    server = ScriptedServer([spoken_answer("Say that again?")])
    with talk(server, no_homework) as it:
        server.wait_sent("session.update", count=2)
        server.emit([*user_turn(None, item_id="turn"), failed])
        tripped = it.until("guardrail_tripped")
        assert (tripped.kind, tripped.message) == ("input", "")
        why = tripped.guardrail_results[0].output.output_info
        assert "could not write down" in str(why)
        it.until("audio_end")
        assert it.sent[0] == "item.delete turn"


def test_a_user_who_interrupts_is_answered_when_all_has_passed() -> None:
    server = ScriptedServer(
        [
            spoken_answer("A long story.", finished=False, response_id="story"),
            spoken_answer("Fine.", item_id="fine"),
        ]
    )
    with talk(server, no_homework) as it:
        server.wait_sent("session.update", count=2)
        server.emit(user_turn("Tell me a story."))
        it.until("agent_start")
        server.emit(user_turn("Another one, please."))
        it.until("agent_start", 2)
        assert it.sent.count("response.create") == 2
    assert not it.of("guardrail_tripped")
    server.assert_complete()


def test_where_interruptions_are_decided_here_the_answer_waits_for_the_check_as_well() -> None:
    server = ScriptedServer([spoken_answer("Hello.", item_id="hello")])
    with talk(server, no_homework, interruptions=Interruptions(resume=True)) as it:
        update = server.wait_sent("session.update", count=2)
        detection = update["session"]["audio"]["input"]["turn_detection"]
        assert (detection["create_response"], detection["interrupt_response"]) == (False, False)
        turn = user_turn("Good morning.")
        server.emit(turn[:-2])
        it.until("history_added")
        assert it.sent == []
        server.emit(turn[-2:])
        it.until("audio_end")
        assert it.sent == ["response.create"]
    server.assert_complete()


def test_a_message_is_checked_before_it_is_sent() -> None:
    server = ScriptedServer([text_answer("No way."), text_answer("Hello.")])
    with talk(server, no_homework, no_homework_beside) as it:
        it.session.send_message("Do my homework!")
        tripped = it.until("guardrail_tripped")
        assert (tripped.kind, tripped.message) == ("input", "Do my homework!")
        assert len(tripped.guardrail_results) == 2
        it.until("agent_end")
        it.session.send_message("Hello!")
        it.until("agent_end", 2)
        assert it.sent == [
            "item.create guardrail triggered: no_homework, no_homework_beside",
            "response.create",
            "item.create Hello!",
            "response.create",
        ]
    server.assert_complete()


def test_a_turn_that_the_program_ends_is_checked_before_it_is_answered() -> None:
    server = ScriptedServer([spoken_answer("Hello.", item_id="hello")])
    with talk(server, no_homework, model_settings={"turn_detection": None}) as it:
        it.session.send_audio(bytes(4800), commit=True)
        committed = next(e for e in iter(lambda: it.session.recv(GUARD_S), None) if is_item(e))
        assert it.sent == ["input_audio_buffer.commit"]
        item_id = committed.item.item_id
        server.emit(user_turn("Hello?", item_id=item_id)[-1:])
        it.until("audio_end")
        assert it.sent == ["input_audio_buffer.commit", "response.create"]
    server.assert_complete()


def is_item(event: RealtimeSessionEvent) -> bool:
    return event.type == "history_added"


def test_a_turn_whose_words_pass_on_the_new_link_is_answered_there() -> None:
    server = ScriptedServer([spoken_answer("Hello.", item_id="hello", finished=False)])
    passes = threading.Event()

    @input_guardrail(run_in_parallel=False)
    def slow(context: Any, agent: Any, words: str) -> GuardrailFunctionOutput:
        passes.wait(GUARD_S)
        return GuardrailFunctionOutput(None, tripwire_triggered=False)

    with talk(server, slow) as it:
        server.wait_sent("session.update", count=2)
        server.emit([*user_turn("Good morning."), *drop_link()])
        server.wait_opened(2)
        server.wait_sent("conversation.item.create")
        passes.set()
        it.until("agent_start")
    assert it.sent.count("response.create") == 1


def test_a_turn_that_is_lost_with_the_link_keeps_nobody_waiting() -> None:
    server = ScriptedServer([spoken_answer("Hello.", item_id="hello", finished=False)])
    with talk(server, no_homework) as it:
        server.wait_sent("session.update", count=2)
        server.emit([*user_turn(None), *drop_link()])
        server.wait_opened(2)
        it.session.send_message("Are you there?")
        it.until("agent_start")
    assert not it.of("guardrail_tripped")


def test_the_user_interrupts_an_answer_that_waits_for_words() -> None:
    server = ScriptedServer(
        [
            spoken_answer("Of course.", sound=pcm(400), item_id="yes", finished=False),
            spoken_answer("Fine.", item_id="fine"),
        ]
    )
    passes = threading.Event()

    @input_guardrail
    def slow(context: Any, agent: Any, words: str) -> GuardrailFunctionOutput:
        passes.wait(GUARD_S)
        return GuardrailFunctionOutput(None, tripwire_triggered=False)

    sink = MemorySink()
    with talk(server, slow, sink=sink) as it:
        server.emit(user_turn("Tell me a story."))
        it.until("agent_start")
        server.emit(user_turn("Never mind."))
        it.until("agent_start", 2)
        passes.set()
        it.until("audio_end")
        sink.wait_written(400)
        assert it.sent == ["item.delete yes"]
    assert pcm(1) not in sink.played
    assert {event.item_id for event in it.of("audio")} == {"fine"}
    server.assert_complete()


def test_what_answers_a_turn_that_is_lost_with_its_link_is_not_heard() -> None:
    server = ScriptedServer(
        [
            [*forbidden("lost", finished=False), *drop_link()],
            spoken_answer("Hello.", item_id="hello", finished=False),
        ]
    )
    sink = MemorySink()
    with talk(server, no_homework_beside, sink=sink) as it:
        server.emit(user_turn(None))
        server.wait_opened(2)
        it.session.send_message("Are you there?")
        sink.wait_written(400)
        assert len(sink.heard("hello")) == 400 * 48
    assert pcm(1) not in sink.played


def test_the_link_is_lost_while_an_answer_waits_for_words_that_are_known() -> None:
    server = ScriptedServer(
        [
            [*spoken_answer("Good morning!", item_id="hello"), *drop_link()],
        ]
    )
    passes = threading.Event()

    @input_guardrail
    def slow(context: Any, agent: Any, words: str) -> GuardrailFunctionOutput:
        passes.wait(GUARD_S)
        return GuardrailFunctionOutput(None, tripwire_triggered=False)

    sink = MemorySink()
    with talk(server, slow, sink=sink) as it:
        server.emit(user_turn("Good morning."))
        server.wait_opened(2)
        server.wait_sent({"item": {"role": "assistant"}})
        assert not sink.heard("hello")
        passes.set()
        sink.wait_written(400)
        assert len(sink.heard("hello")) == 400 * 48
    assert "response.create" not in it.sent
