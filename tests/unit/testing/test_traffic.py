from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest

from realtime_sync.events import (
    BETA_ALIASES,
    SERVER_EVENTS,
    ConversationItemInputAudioTranscriptionCompleted,
    ErrorEvent,
    UnknownEvent,
)
from realtime_sync.testing import (
    LinkEnd,
    ScriptError,
    Traffic,
    close_link,
    drop_link,
    error,
    function_call,
    one_response,
    parsed,
    session_created,
    spoken_answer,
    text_answer,
    user_turn,
)
from realtime_sync.testing.traffic import Order, check_traffic

WORDS = "response.output_audio_transcript.delta"
SOUND = "response.output_audio.delta"
TEXT = "response.output_text.delta"
PART = "response.content_part"
PLACE = {"response_id": "r", "item_id": "a", "output_index": 0, "content_index": 0}
EVERYTHING = {
    **PLACE,
    "delta": "a",
    "error": {},
    "item": {"id": "a"},
    "part": {"type": "text"},
    "response": {"id": "r"},
    "session": {},
}
DEEP: list[Any] = []
for _ in range(20_000):
    DEEP = [DEEP]


def types(events: Traffic) -> list[str]:
    return [event["type"] for event in events if not isinstance(event, LinkEnd)]


def deltas(events: list[dict[str, Any]], type: str) -> list[str]:
    return [event["delta"] for event in events if event["type"] == type]


@pytest.mark.parametrize(
    "traffic",
    [
        session_created(),
        user_turn("Hi."),
        spoken_answer("Hello you."),
        text_answer("Hello."),
        function_call("a"),
        error("no"),
        one_response(text_answer("Hello."), function_call("a")),
    ],
)
def test_all_of_it_is_known_to_the_client(traffic: Traffic) -> None:
    assert not any(isinstance(event, UnknownEvent) for event in parsed(traffic))


def test_the_end_of_a_link_is_no_event() -> None:
    assert parsed(drop_link()) == []
    assert drop_link()[0].code == 1006
    assert close_link(1011, "why") == [LinkEnd(1011, "why")]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("interleaved", [WORDS, SOUND, WORDS, SOUND]),
        ("words_first", [WORDS, WORDS, SOUND, SOUND]),
        ("sound_first", [SOUND, SOUND, WORDS, WORDS]),
    ],
)
def test_words_and_sound_come_in_the_order_that_is_asked_for(
    order: Order, expected: list[str]
) -> None:
    answer = spoken_answer("Hello you.", order=order)
    assert [kind for kind in types(answer) if kind in (WORDS, SOUND)] == expected


def test_another_order_is_refused() -> None:
    with pytest.raises(ScriptError, match=r"order must be 'interleaved' or .*, not 'backwards'"):
        spoken_answer("Hi.", order="backwards")  # type: ignore[arg-type]  # that is the test


@pytest.mark.parametrize("text", ["Hello you there.", " odd  spaces ", "", "one"])
def test_nothing_of_it_is_lost(text: str) -> None:
    answer = spoken_answer(text, audio_ms=100)
    assert "".join(deltas(answer, WORDS)) == (text if text.strip() else "")
    sound = [b64decode(piece) for piece in deltas(answer, SOUND)]
    assert len(b"".join(sound)) == 4800
    assert not any(len(piece) % 2 for piece in sound)
    assert answer[-1]["response"]["output"][0]["content"][0]["transcript"] == text


def test_the_sound_may_be_given() -> None:
    assert b64decode(deltas(spoken_answer("Hi.", sound=b"\xff" * 160), SOUND)[0]) == b"\xff" * 160
    assert deltas(spoken_answer("Hi.", audio_ms=0), SOUND) == []


@pytest.mark.parametrize("answer", [spoken_answer, text_answer])
def test_an_answer_may_run_on(answer: Any) -> None:
    assert not [kind for kind in types(answer("Hi.", finished=False)) if kind.endswith(".done")]


def test_ids_may_be_given() -> None:
    for answer in (
        spoken_answer("Hi.", item_id="item_a", response_id="resp_a"),
        text_answer("Hi.", item_id="item_a", response_id="resp_a"),
        function_call("f", item_id="item_a", response_id="resp_a"),
    ):
        assert answer[-1]["response"]["id"] == "resp_a"
        assert answer[-1]["response"]["output"][0]["id"] == "item_a"
    assert user_turn("Hi.", item_id="item_a")[0]["item_id"] == "item_a"


def test_without_they_are_fresh() -> None:
    ids = {text_answer("Hi.")[0]["response"]["id"] for _ in range(3)}
    assert len(ids) == 3


def test_arguments_may_be_what_no_json_is() -> None:
    call = function_call("f", "{oops", "call_a")[-1]["response"]["output"][0]
    assert (call["arguments"], call["call_id"]) == ("{oops", "call_a")


def test_several_answers_become_one_response() -> None:
    whole = one_response(
        spoken_answer("Wait.", item_id="item_a", response_id="resp_a"),
        function_call("f", item_id="item_b"),
        function_call("g", item_id="item_c"),
    )
    assert types(whole).count("response.created") == types(whole).count("response.done") == 1
    assert {event["response_id"] for event in whole if "response_id" in event} == {"resp_a"}
    output = whole[-1]["response"]["output"]
    assert [item["id"] for item in output] == ["item_a", "item_b", "item_c"]
    places = {
        event["item"]["id"]: event["output_index"]
        for event in whole
        if event["type"] == "response.output_item.done"
    }
    assert places == {"item_a": 0, "item_b": 1, "item_c": 2}


def test_one_response_may_run_on() -> None:
    whole = one_response(function_call("f"), text_answer("And", finished=False))
    assert "response.done" not in types(whole)


def test_a_turn_has_its_words_and_its_place() -> None:
    *_, told = parsed(user_turn("Hi.", start_ms=500, audio_ms=250))
    assert isinstance(told, ConversationItemInputAudioTranscriptionCompleted)
    assert told.transcript == "Hi."
    started, stopped, *_ = user_turn(None, start_ms=500, audio_ms=250)
    assert (started["audio_start_ms"], stopped["audio_end_ms"]) == (500, 750)
    assert types(user_turn(None))[-1] == "conversation.item.done"


def test_an_error_says_what_it_refuses() -> None:
    (event,) = parsed(error("no", code="bad", param="a.b", event_id="event_a"))
    assert isinstance(event, ErrorEvent)
    assert (event.error.code, event.error.param, event.error.event_id) == ("bad", "a.b", "event_a")
    assert "event_id" not in error("no")[0]["error"]
    assert error("no", event_id=None)[0]["error"]["event_id"] is None


# -- what no server sends --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("traffic", "words"),
    [
        ({"type": "error"}, "in a list, not {'type': 'error'}"),
        ([7], "a server sends events, .* not 7"),
        ([{"delta": "a"}], "dictionaries with a type, .* not {'delta': 'a'}"),
        ([{"type": 7}], "dictionaries with a type, .* not {'type': 7}"),
        ([{"type": "error"}], "error has 'error', not "),
        ([{"type": "error", "error": "no"}], "error has 'error', not "),
        ([{"type": "session.updated", "session": []}], r"session\.updated has 'session', not "),
        ([{"type": "response.created"}], r"response\.created has 'response\.id', not "),
        ([{"type": "response.done", "response": {"id": 7}}], r"has 'response\.id', not "),
        ([{"type": "conversation.item.added", "item": {}}], r"has 'item\.id', not "),
        ([{"type": "conversation.item.done", "item": "a"}], r"has 'item\.id', not "),
        ([{"type": "input_audio_buffer.committed"}], "has 'item_id', not "),
        (
            [{"type": "response.output_item.done", "item": {"id": "a"}, "output_index": "0"}],
            "has 'output_index', not ",
        ),
        ([{"type": "a", "b": {1}}], "can't be written as JSON: .*set"),
        ([{"type": "a", "b": DEEP}], "can't be written as JSON: "),
        (
            [{"type": "respnse.done"}],
            "no server sends 'respnse.done'; did you mean 'response.done'",
        ),
        ([{"type": "conversation.item.create"}], "did you mean 'conversation.item.created'"),
        ([{"type": "response.text.dleta"}], "did you mean 'response.text.delta'"),
        ([{"type": WORDS, "item_id": "a", "content_index": 0}], "has 'delta', not "),
        ([{"type": WORDS, "delta": "a", "content_index": 0}], "has 'item_id', not "),
        ([{"type": TEXT, "item_id": "a", "content_index": 0}], "has 'delta', not "),
        ([{"type": TEXT, "item_id": "a", "delta": "a"}], "has 'content_index', not "),
        ([{"type": f"{PART}.done", "item_id": "a"}], "has 'content_index', not "),
        ([{"type": f"{PART}.added", **PLACE, "part": {}}], r"has 'part\.type', not "),
        ([{"type": "a", "previous_item_id": []}], "a has 'previous_item_id', not "),
        ([{"type": "response.a.b.c", "response_id": {}}], "has 'response_id', not "),
        ([*text_answer("Fine."), {}], "dictionaries with a type"),
    ],
)
def test_what_no_server_sends_is_refused(traffic: Any, words: str) -> None:
    with pytest.raises(ScriptError, match=words):
        check_traffic(traffic)


def test_what_a_server_sends_passes() -> None:
    check_traffic([])
    check_traffic((*user_turn("Hi."), *spoken_answer("Hi."), *error("no"), *drop_link()))
    check_traffic([*session_created(), *function_call("a"), {"type": "of the server's own"}])
    check_traffic([{"type": "a", "previous_item_id": None, "response_id": None}])


@pytest.mark.parametrize(
    "name", [*SERVER_EVENTS, *BETA_ALIASES, "transcription_session.created", "a", ""]
)
def test_a_type_that_is_known_is_no_slip_of_the_pen(name: str) -> None:
    check_traffic([{"type": name, **EVERYTHING}])


@pytest.mark.parametrize("name", ["response.output_image.delta", "response.paused", "Err"])
def test_a_server_may_be_newer_or_have_types_of_its_own(name: str) -> None:
    check_traffic([{"type": name}])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"code": 999}, "a close code is from 1000 to 4999, not 999"),
        ({"code": 5000}, "a close code is from 1000 to 4999, not 5000"),
        ({"code": "1000"}, "a close code is from 1000 to 4999, not '1000'"),
        ({"code": 1000, "reason": b"no"}, "the reason of a close must be a text, not b'no'"),
        ({"code": 1000, "reason": "é" * 62}, "the reason of a close has 123 bytes at most, not 'é"),
    ],
)
def test_no_link_ends_like_that(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ScriptError, match=words):
        LinkEnd(**fields)
    assert LinkEnd(4999, "é" * 61).code == 4999


def test_one_response_is_made_of_answers() -> None:
    with pytest.raises(ScriptError, match="takes answers"):
        one_response()
    with pytest.raises(ScriptError, match="an answer is what"):
        one_response(text_answer("Fine."), user_turn("No."))
    with pytest.raises(ScriptError, match="an answer is what"):
        one_response([])
    with pytest.raises(ScriptError, match="an answer is what"):
        one_response([*text_answer("Cut.")[:4], *drop_link()])  # type: ignore[list-item]
    with pytest.raises(ScriptError, match="an answer is what"):
        one_response(drop_link())  # type: ignore[arg-type]  # that is the test
    (created,) = one_response([{"type": "response.created", "response": {"id": "resp_a"}}])
    assert created["response"]["id"] == "resp_a"


OPTIONS: dict[str, tuple[Any, str]] = {
    "finished": (lambda bad: text_answer("a", finished=bad), "must be True or False, not 7"),
    "item_id": (lambda bad: spoken_answer("a", item_id=bad), "item_id must be a text, not 7"),
    "response_id": (lambda bad: text_answer("a", response_id=bad), "response_id must be a text"),
    "call_id": (lambda bad: function_call("a", call_id=bad), "call_id must be a text, not 7"),
    "a call's item": (lambda bad: function_call("a", item_id=bad), "item_id must be a text"),
    "a turn's item": (lambda bad: user_turn("a", item_id=bad), "item_id must be a text, not 7"),
    "type": (lambda bad: error("a", type=bad), "type must be a text, not 7"),
    "code": (lambda bad: error("a", code=bad), "code must be a text, not 7"),
    "param": (lambda bad: error("a", param=bad), "param must be a text, not 7"),
    "event_id": (lambda bad: error("a", event_id=bad), "event_id must be a text, not 7"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_what_is_no_option_is_told_at_the_call(name: str) -> None:
    attempt, words = OPTIONS[name]
    with pytest.raises(ScriptError, match=words):
        attempt(7)


def test_an_empty_id_names_nothing() -> None:
    with pytest.raises(ScriptError, match="item_id must not be empty; leave it out, not ''"):
        text_answer("a", item_id="")


@pytest.mark.parametrize("ms", [-1, 3_600_001, 10**400, True, 0.5])
def test_no_sound_lasts_longer_than_a_session(ms: Any) -> None:
    for attempt in (
        lambda: spoken_answer("a", audio_ms=ms),
        lambda: user_turn("a", audio_ms=ms),
        lambda: user_turn("a", start_ms=ms),
    ):
        with pytest.raises(ScriptError, match="_ms must be whole milliseconds from 0 to 3600000"):
            attempt()
    assert user_turn("a", start_ms=3_600_000)[0]["audio_start_ms"] == 3_600_000


def test_a_session_has_a_json_form() -> None:
    with pytest.raises(ScriptError, match="can't be written as JSON"):
        session_created(voice=object())
