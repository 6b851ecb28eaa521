from __future__ import annotations

from typing import Any

import pytest
from bench import AlarmClock, Bench, Event, types

START, STOP, CLEARED = (f"output_audio_buffer.{what}" for what in ("started", "stopped", "cleared"))


class Call(Bench):
    """The session of a call."""

    def __init__(self) -> None:
        self.clock = AlarmClock()
        self._told: list[tuple[str, str]] = []
        super().__init__(line_clock=self.clock)

    def _emit(self, event: Event) -> None:
        super()._emit(event)
        if event["type"].startswith("output_audio_buffer."):
            self._told.append((event["type"], event["response_id"]))

    def answer(self, ms: int, **params: Any) -> str:
        """Have an answer generated at once that plays for so long; return its response's id."""
        self.send("response.create", response=params)
        self.say("One two three four.", ms=ms)
        self.finish()
        return self.responses[-1].id

    def told(self) -> list[tuple[str, str]]:
        """Return what was told of the buffer since the last call, and of which response."""
        told, self._told = self._told, []
        return told

    def pass_by(self, ms: float) -> list[tuple[str, str]]:
        """Return what is told while time passes."""
        self.clock.advance(ms)
        return self.told()


@pytest.fixture
def call() -> Call:
    return Call()


def test_an_answer_is_told_from_its_first_sound_to_its_last(call: Call) -> None:
    """In the order that the provider documents: behind the content part, and behind the end."""
    call.send("response.create")
    assert types(call.say("One two.", ms=500)) == [
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        START,
    ], "the sound itself goes to the caller alone"
    call.say("Three.", ms=500)
    assert call.pass_by(600) == [(START, call.responses[0].id)]
    assert "response.done" in types(call.finish())
    response_id = call.responses[0].id
    assert call.pass_by(399) == []
    assert call.pass_by(1) == [(STOP, response_id)]
    assert call.clock.alarms == []


def test_an_answer_that_was_heard_before_it_is_done_ends_when_it_is(call: Call) -> None:
    call.send("response.create")
    call.say("One.", ms=100)
    assert call.pass_by(5_000) == [(START, call.responses[0].id)]
    assert call.clock.alarms == [], "it may go on"
    assert types(call.finish())[-3:] == ["response.done", STOP, "rate_limits.updated"]


def test_a_pause_between_two_pieces_is_one_for_the_caller(call: Call) -> None:
    call.send("response.create")
    call.say("One.", ms=100)
    call.clock.advance(1_000)
    call.say("Two.", ms=100)
    call.finish()
    assert [what for what, _ in call.told()] == [START]
    assert call.pass_by(99) == []
    assert [what for what, _ in call.pass_by(1)] == [STOP]


def test_answers_are_heard_one_after_the_other(call: Call) -> None:
    """As where a tool is called while the words before it still play."""
    first = call.answer(300)
    second = call.answer(200)
    assert call.told() == [(START, first)]
    assert call.pass_by(300) == [(STOP, first), (START, second)]
    assert call.pass_by(199) == []
    assert call.pass_by(1) == [(STOP, second)]


@pytest.mark.parametrize("params", [{"output_modalities": ["text"]}, {}])
def test_what_has_no_sound_is_not_told(call: Call, params: dict[str, Any]) -> None:
    assert call.answer(0, **params)
    assert (call.told(), call.clock.alarms) == ([], [])


def test_what_is_cleared_is_cut_where_it_was_heard(call: Call) -> None:
    response_id = call.answer(1_000)
    call.clock.advance(500)
    item = call.responses[0].output[0]
    call.take()
    cleared, truncated = call.send("output_audio_buffer.clear")
    assert (cleared["type"], cleared["response_id"]) == (CLEARED, response_id)
    assert truncated["type"] == "conversation.item.truncated"
    assert (truncated["item_id"], truncated["content_index"]) == (item.id, 0)
    assert truncated["audio_end_ms"] == 500
    assert item.content[0].transcript == "One two"
    assert call.told() == [(START, response_id), (CLEARED, response_id)]
    assert call.pass_by(10_000) == []


def test_an_answer_that_has_not_begun_is_cut_at_nothing(call: Call) -> None:
    first, _ = call.answer(300), call.answer(200)
    call.clock.advance(100)
    call.take()
    events = call.send("output_audio_buffer.clear")
    assert types(events) == [CLEARED, *["conversation.item.truncated"] * 2]
    assert (events[0]["response_id"], [each["audio_end_ms"] for each in events[1:]]) == (
        first,
        [100, 0],
    )


def test_what_was_heard_is_not_cut(call: Call) -> None:
    call.answer(300)
    second = call.answer(200)
    call.clock.advance(400)
    call.take()
    cleared, truncated = call.send("output_audio_buffer.clear")
    assert (cleared["response_id"], truncated["audio_end_ms"]) == (second, 100)


def test_where_nothing_plays_nothing_is_cleared(call: Call) -> None:
    assert call.send("output_audio_buffer.clear") == []
    call.answer(100)
    call.clock.advance(100)
    call.take()
    assert call.send("output_audio_buffer.clear") == []


def test_nothing_more_is_heard_of_an_answer_that_was_cleared_while_it_was_made(call: Call) -> None:
    call.send("response.create")
    call.say("One.", ms=500)
    assert CLEARED in types(call.send("output_audio_buffer.clear"))
    call.say("Two.", ms=500)
    call.finish()
    assert call.told()
    assert call.pass_by(10_000) == []
    third = call.answer(100)
    assert call.pass_by(100) == [(START, third), (STOP, third)], "the next one is, at once"


@pytest.mark.parametrize("is_done", [True, False])
def test_the_callers_voice_interrupts_what_is_heard(call: Call, is_done: bool) -> None:
    """Also what was generated to its end long before."""
    call.listen(type="server_vad", silence_duration_ms=320)
    call.send("response.create")
    call.say("One two three four.", ms=4_000)
    if is_done:
        call.finish()
    call.clock.advance(2_000)
    events = call.hear(640, loud=True)
    ended = [] if is_done else ["response.done", "rate_limits.updated"]
    kinds = [each for each in types(events) if each.split(".")[-1] not in ("added", "delta")]
    assert kinds[0] == "input_audio_buffer.speech_started"
    assert [each for each in kinds if each in ended] == ended
    assert kinds[-2:] == [CLEARED, "conversation.item.truncated"]
    assert events[-1]["audio_end_ms"] == 2_000


def test_a_voice_that_does_not_interrupt_clears_nothing(call: Call) -> None:
    call.listen(type="server_vad", interrupt_response=False)
    call.answer(4_000)
    call.take()
    assert types(call.hear(640, loud=True)) == ["input_audio_buffer.speech_started"]


@pytest.mark.parametrize("way", ["deleted", "aside", "shorter"])
def test_what_can_not_be_cut_is_cleared_all_the_same(call: Call, way: str) -> None:
    call.answer(1_000, **({"conversation": "none"} if way == "aside" else {}))
    item_id = call.responses[0].output[0].id
    call.clock.advance(500)
    if way == "deleted":
        call.send("conversation.item.delete", item_id=item_id)
    elif way == "shorter":
        cut = {"item_id": item_id, "content_index": 0, "audio_end_ms": 400}
        call.send("conversation.item.truncate", **cut)
    call.take()
    assert types(call.send("output_audio_buffer.clear")) == [CLEARED]


def test_the_user_is_prompted_so_long_after_what_was_heard(call: Call) -> None:
    """Of 500 ms of sound 400 are heard already when the response is done."""
    call.listen(type="server_vad", idle_timeout_ms=1_000, create_response=False)
    call.send("response.create")
    call.say("Hello.", ms=500)
    call.clock.advance(400)
    call.finish()
    assert call.hear(1_000, loud=False) == []
    assert call.hear(200, loud=False)[0]["audio_start_ms"] == 100


def test_the_end_of_the_session_is_the_end_of_the_line(call: Call) -> None:
    call.answer(1_000)
    call.take()
    call.session.close()
    assert call.told()
    assert (call.clock.alarms, call.pass_by(5_000)) == ([], [])


def test_over_a_plain_websocket_the_client_holds_the_sound() -> None:
    bench = Bench()
    bench.send("response.create")
    said = bench.say("One.", ms=100)
    assert types(said)[-1] == "response.output_audio.delta"
    assert not [each for each in types([*said, *bench.finish()]) if each.startswith("output_")]
    assert (
        "over a WebSocket the client holds" in bench.error("output_audio_buffer.clear")["message"]
    )
