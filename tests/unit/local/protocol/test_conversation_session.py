from __future__ import annotations

import base64
import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from bench import Bench, types

from realtime_sync.audio import encode_ulaw
from realtime_sync.errors import AudioError
from realtime_sync.local.protocol.conversation_config import default_session
from realtime_sync.local.protocol.response_builder import ResponseBuilder

VAD = {"type": "server_vad", "silence_duration_ms": 320, "prefix_padding_ms": 0}
TURN = [
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_greeting(bench: Bench) -> None:
    bench.session.open()
    (event,) = bench.take()
    session = event["session"]
    assert event["type"] == "session.created"
    assert session == {
        "id": bench.session.id,
        "object": "realtime.session",
        "expires_at": 1_700_000_000,
        **default_session("realtime", model="gpt-realtime"),
    }


# -- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize("request_", [None, 7, "text", [], [{"type": "session.update"}]])
def test_what_is_no_object(bench: Bench, request_: Any) -> None:
    (event,) = bench.send_raw(request_)
    assert event["error"]["code"] == "invalid_type"


@pytest.mark.parametrize(
    ("request_", "code", "param"),
    [
        ({}, "missing_required_parameter", "type"),
        ({"type": None}, "missing_required_parameter", "type"),
        ({"type": 7}, "invalid_value", "type"),
        ({"type": ["session.update"]}, "invalid_value", "type"),
        ({"type": "session.delete"}, "invalid_value", "type"),
        ({"type": "output_audio_buffer.clear"}, "invalid_value", "type"),
        ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
        ({"type": "input_audio_buffer.append", "audio": 7}, "invalid_type", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "?"}, "invalid_value", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "é"}, "invalid_value", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "AAAA"}, "invalid_value", "audio"),
        ({"type": "input_audio_buffer.commit", "now": True}, "unknown_parameter", "now"),
        ({"type": "conversation.item.delete", "item_id": 1}, "invalid_type", "item_id"),
        ({"type": "response.create", "response": []}, "invalid_type", "response"),
        ({"type": "session.update"}, "missing_required_parameter", "session"),
    ],
)
def test_bad_requests_name_the_parameter(
    bench: Bench, request_: dict[str, Any], code: str, param: str
) -> None:
    (event,) = bench.send_raw({**request_, "event_id": "mine"})
    error = event["error"]
    assert (error["code"], error["param"], error["event_id"]) == (code, param, "mine")
    assert error["type"] == "invalid_request_error"
    assert error["message"]


def test_an_event_id_that_is_none_is_not_handed_back(bench: Bench) -> None:
    (event,) = bench.send_raw({"type": "input_audio_buffer.clear", "event_id": 7})
    assert event["error"]["param"] == "event_id"
    assert event["error"]["event_id"] is None


def test_an_unknown_event_is_told_what_there_is(bench: Bench) -> None:
    error = bench.error("session.delete")
    assert "'session.delete'" in error["message"]
    assert "'session.update'" in error["message"]


def test_what_is_nested_too_deep(bench: Bench) -> None:
    deep: Any = {}
    for _ in range(500):
        deep = {"deep": [deep]}
    tool = {"type": "function", "name": "f", "parameters": deep}
    error = bench.error("session.update", session={"type": "realtime", "tools": [tool]})
    assert "deeper than 64 levels" in error["message"]
    assert bench.update(instructions="Fine.")["tools"] == []


class BrokenBench(Bench):
    def start(self, response: ResponseBuilder) -> None:
        raise RuntimeError("out of order")


def test_an_error_of_ours_does_not_end_the_session(caplog: pytest.LogCaptureFixture) -> None:
    bench = BrokenBench()
    error = bench.send("response.create", event_id="r1")[-1]["error"]
    assert (error["type"], error["event_id"]) == ("server_error", "r1")
    assert "out of order" in error["message"]
    assert "out of order" in caplog.text
    assert bench.update(instructions="Fine.")["instructions"] == "Fine."


# -- the buffer ----------------------------------------------------------------------------------


def test_manual_commit(bench: Bench) -> None:
    bench.listen()
    error = bench.error("input_audio_buffer.commit", event_id="c1")
    assert error["code"] == "input_audio_buffer_commit_empty"
    assert "only has 0.00ms" in error["message"]
    assert error["event_id"] == "c1"
    bench.hear(99, loud=True)
    assert "99.00ms" in bench.error("input_audio_buffer.commit")["message"]
    bench.hear(1, loud=True)
    events = bench.send("input_audio_buffer.commit")
    assert types(events) == TURN[1:]
    item = events[1]["item"]
    assert item["id"] == events[0]["item_id"]
    assert item["content"] == [{"type": "input_audio", "transcript": None}]
    assert bench.responses == [], "a commit asks for no answer"
    assert bench.unheard[0][0].audio_ticks == 2_400
    assert bench.error("input_audio_buffer.commit")["code"] == "input_audio_buffer_commit_empty"


def test_clear(bench: Bench) -> None:
    bench.listen()
    bench.hear(500, loud=True)
    assert types(bench.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert bench.error("input_audio_buffer.commit")["code"] == "input_audio_buffer_commit_empty"


def test_a_turn_by_server_vad(bench: Bench) -> None:
    bench.listen(**VAD)
    assert bench.hear(640, loud=False) == []
    (started,) = bench.hear(640, loud=True)
    assert started["type"] == "input_audio_buffer.speech_started"
    assert started["audio_start_ms"] == pytest.approx(640, abs=32)
    events = bench.hear(640, loud=False)
    assert types(events) == [*TURN, "response.created"]
    assert {e.get("item_id", started["item_id"]) for e in events} == {started["item_id"]}
    stopped = events[0]["audio_end_ms"]
    assert stopped == pytest.approx(1_280 + 320, abs=64)
    (response,) = bench.responses
    assert [item.id for item in response.context] == [started["item_id"]]
    taken = response.context[0].content[0].audio_ticks
    assert taken == (stopped - started["audio_start_ms"]) * 24


def test_turns_without_answers_and_answers_without_interruption(bench: Bench) -> None:
    bench.listen(**VAD, create_response=False)
    bench.hear(640, loud=True)
    assert types(bench.hear(640, loud=False)) == TURN
    bench.listen(**VAD, create_response=True, interrupt_response=False)
    bench.send("response.create")
    assert types(bench.hear(640, loud=True)) == ["input_audio_buffer.speech_started"]
    events = bench.hear(640, loud=False)
    assert types(events) == [*TURN, "error"]
    assert events[-1]["error"]["code"] == "conversation_already_has_active_response"
    assert bench.stopped == []


def test_a_response_that_is_asked_for_while_the_user_speaks(bench: Bench) -> None:
    bench.listen(**VAD)
    bench.send("response.create", response={"conversation": "none"})
    bench.hear(640, loud=True)
    bench.send("response.create")
    events = bench.hear(640, loud=False)
    assert types(events) == [*TURN, "error"]
    error = events[-1]["error"]
    assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", None)
    assert bench.responses[1].id in error["message"]
    assert bench.stopped == [], "nor was the one beside the conversation interrupted"
    bench.finish()
    bench.send("response.create")
    turn = events[0]["item_id"]
    assert [item.id for item in bench.responses[-1].context] == [turn]


def test_speech_starts_while_the_turn_before_is_still_recognised(bench: Bench) -> None:
    bench.listen(**VAD)
    bench.hear(640, loud=True)
    bench.hear(640, loud=False)
    assert len(bench.unheard) == 1
    events = bench.hear(640, loud=True)
    assert types(events)[0] == "input_audio_buffer.speech_started"
    assert events[-2]["response"]["status_details"]["reason"] == "turn_detected"
    assert len(bench.unheard) == 1, "nothing was recognised meanwhile"


def test_a_commit_in_the_middle_of_a_turn(bench: Bench) -> None:
    bench.listen(**VAD)
    (started,) = bench.hear(640, loud=True)
    events = bench.send("input_audio_buffer.commit")
    assert events[0]["item_id"] == started["item_id"]
    assert bench.hear(3_200, loud=False) == [], "the turn was committed"


def test_idle_timeout_commits_silence_and_answers(bench: Bench) -> None:
    bench.listen(**VAD, idle_timeout_ms=1_000, create_response=False)
    bench.write("Hello")
    bench.send("response.create")
    bench.say("Hello.", ms=500)
    bench.finish()
    assert bench.hear(1_400, loud=False) == []
    events = bench.hear(200, loud=False)
    assert types(events) == [
        "input_audio_buffer.timeout_triggered",
        *TURN[1:],
        "response.created",
    ]
    timeout = events[0]
    assert timeout["audio_start_ms"] == 500
    assert timeout["audio_end_ms"] == pytest.approx(1_500, abs=64)
    assert timeout["item_id"] == events[1]["item_id"]
    assert bench.unheard == [], "silence has no words"
    assert bench.responses[-1].context[-1].content[0].heard == ""


def test_an_answer_beside_the_conversation_does_not_stop_the_idle_timeout(bench: Bench) -> None:
    bench.listen(**VAD, idle_timeout_ms=1_000)
    bench.send("response.create")
    bench.finish()
    bench.send("response.create", response={"conversation": "none"})
    events = bench.hear(1_100, loud=False)
    assert events[0]["type"] == "input_audio_buffer.timeout_triggered"


def test_semantic_vad_looks_at_the_words(bench: Bench) -> None:
    bench.listen(type="semantic_vad", eagerness="high")
    bench.update(audio={"input": {"transcription": {"model": "gpt-4o-transcribe"}}})
    bench.hear(640, loud=True)
    assert bench.hear(640, loud=False) == []
    assert bench.recognised("what is the weather in") == [], "it waits for the city"
    bench.hear(320, loud=True)
    assert bench.hear(640, loud=False) == []
    events = bench.recognised("what is the weather in london")
    assert types(events)[:4] == TURN
    assert events[-2]["transcript"] == "what is the weather in london"
    assert events[-1]["type"] == "response.created"
    assert bench.unheard == [], "the words are known already"


def test_a_probe_is_dropped_when_the_user_speaks_on(bench: Bench) -> None:
    bench.listen(type="semantic_vad", eagerness="high")
    bench.hear(640, loud=True)
    bench.hear(640, loud=False)
    (first,) = bench.unheard
    bench.hear(320, loud=True)
    assert bench.unheard == []
    bench.hear(640, loud=False)
    (second,) = bench.unheard
    assert len(second[0].audio or b"") > len(first[0].audio or b""), "all words of the turn so far"
    events = bench.recognised("what is the weather in london")
    assert types(events) == [*TURN, "response.created"]


@pytest.mark.parametrize(
    "end",
    [
        lambda bench: bench.send("input_audio_buffer.clear"),
        lambda bench: bench.send("input_audio_buffer.commit"),
        lambda bench: bench.hear(4_000, loud=False),
        lambda bench: bench.listen(),
    ],
    ids=["clear", "commit", "timeout", "no detection"],
)
def test_a_probe_is_dropped_with_its_turn(bench: Bench, end: Callable[[Bench], Any]) -> None:
    bench.listen(type="semantic_vad", eagerness="high")
    bench.hear(640, loud=True)
    bench.hear(640, loud=False)
    (probe,) = bench.unheard
    end(bench)
    assert probe not in bench.unheard


def test_changing_the_format_starts_the_buffer_anew(bench: Bench) -> None:
    bench.listen(**VAD)
    bench.hear(640, loud=True)
    bench.update(audio={"input": {"format": {"type": "audio/pcmu"}}})
    assert bench.error("input_audio_buffer.commit")["code"] == "input_audio_buffer_commit_empty"
    silence = base64.b64encode(encode_ulaw(bytes(16 * 640))).decode()
    assert bench.send("input_audio_buffer.append", audio=silence) == []
    loud = base64.b64encode(encode_ulaw((8_000).to_bytes(2, "little") * 8 * 640)).decode()
    (started,) = bench.send("input_audio_buffer.append", audio=loud)
    assert started["audio_start_ms"] == pytest.approx(1_280, abs=64)
    bench.send("input_audio_buffer.append", audio=silence)
    part = bench.responses[-1].context[-1].content[0]
    assert part.audio is not None
    assert part.audio_ticks == len(part.audio) * 3


# -- transcripts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["whisper-1", "gpt-4o-transcribe"])
def test_transcription(bench: Bench, model: str) -> None:
    bench.update(audio={"input": {"turn_detection": None, "transcription": {"model": model}}})
    bench.hear(1_000, loud=True)
    item_id = bench.send("input_audio_buffer.commit")[0]["item_id"]
    events = bench.recognised("two words")
    assert [e["delta"] for e in events[:-1]] == ["two ", "words"]
    completed = events[-1]
    assert completed["transcript"] == "two words"
    assert completed["item_id"] == item_id
    if model == "whisper-1":
        assert completed["usage"] == {"type": "duration", "seconds": 1.0}
    else:
        assert completed["usage"]["input_tokens"] == 10
        assert completed["usage"]["output_tokens"] == 2
    (event,) = bench.send("conversation.item.retrieve", item_id=item_id)
    assert event["item"]["content"][0]["transcript"] == "two words"


def test_failed_transcription(bench: Bench) -> None:
    bench.update(audio={"input": {"turn_detection": None, "transcription": {"model": "m"}}})
    bench.hear(1_000, loud=True)
    bench.send("input_audio_buffer.commit")
    (event,) = bench.recognised(RuntimeError("no model"))
    assert event["type"] == "conversation.item.input_audio_transcription.failed"
    assert event["error"]["message"] == "RuntimeError: no model"
    assert event["error"]["code"] == "audio_unintelligible"
    bench.hear(1_000, loud=True)
    bench.send("input_audio_buffer.commit")
    (event,) = bench.recognised(AudioError("the worker died"))
    assert event["error"]["code"] == "speech_failed"


def test_without_transcription_only_the_responder_knows_the_words(bench: Bench) -> None:
    bench.listen()
    bench.hear(1_000, loud=True)
    item_id = bench.send("input_audio_buffer.commit")[0]["item_id"]
    assert bench.recognised("two words") == []
    (event,) = bench.send("conversation.item.retrieve", item_id=item_id)
    assert event["item"]["content"][0]["transcript"] is None
    bench.send("response.create")
    content = bench.responses[0].context[0].for_prompt()["content"]
    assert content == [{"type": "input_audio", "transcript": "two words"}]


def test_a_turn_that_is_deleted_is_neither_recognised_nor_answered(bench: Bench) -> None:
    bench.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
    bench.listen(**VAD)
    bench.hear(640, loud=True)
    item_id = bench.hear(640, loud=False)[0]["item_id"]
    assert len(bench.unheard) == 1
    events = bench.send("conversation.item.delete", item_id=item_id)
    assert types(events) == ["conversation.item.deleted", "response.done", "rate_limits.updated"]
    assert bench.unheard == []
    assert bench.stopped == bench.responses


def test_transcription_session() -> None:
    bench = Bench("transcription", None)
    bench.session.open()
    assert bench.take()[0]["session"]["type"] == "transcription"
    bench.hear(640, loud=True)
    assert types(bench.hear(640, loud=False)) == TURN
    assert bench.recognised("words")[-1]["transcript"] == "words"
    assert bench.error("response.create")["code"] == "invalid_session_type"


def test_a_session_that_ends_gives_back_its_detector_and_all_memory_at_once() -> None:
    bench = Bench()
    bench.session.open()
    assert bench.detectors.idle == 1
    bench.hear(500, loud=False)
    assert bench.detectors.idle == 0
    session = weakref.ref(bench.session)
    gc.disable()
    try:
        bench.session.close()
        assert bench.detectors.idle == 1
        del bench.session
        assert session() is None, "no cycle of references keeps it"
    finally:
        gc.enable()
