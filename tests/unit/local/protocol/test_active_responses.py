from __future__ import annotations

import base64
from typing import Any

import pytest
from bench import Bench, types

from realtime_sync.audio import decode_ulaw

TOOL = {"type": "function", "name": "f", "parameters": {"type": "object"}}
ASIDE = {"conversation": "none", "output_modalities": ["text"]}


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_events_of_an_audio_answer(bench: Bench) -> None:
    (created,) = bench.send("response.create")
    assert created["response"]["status"] == "in_progress"
    assert created["response"]["output"] == []
    assert created["response"]["usage"] is None
    assert types(bench.say("Hello ", ms=200)) == [
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
    ]
    assert types(bench.say("there.", ms=200)) == [
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
    ]
    assert types(bench.say("", ms=200)) == ["response.output_audio.delta"]
    events = bench.finish()
    assert types(events) == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
        "rate_limits.updated",
    ]
    response = events[-2]["response"]
    assert response["status"] == "completed"
    assert response["status_details"] is None
    assert response["output"][0]["content"] == [
        {"type": "output_audio", "transcript": "Hello there."}
    ]
    assert response["usage"]["output_token_details"] == {"text_tokens": 2, "audio_tokens": 12}


def test_a_message_and_two_calls_in_one_answer(bench: Bench) -> None:
    bench.update(output_modalities=["text"], tools=[TOOL])
    bench.send("response.create")
    bench.say("Let me ")
    bench.say("look.")
    responses, response = bench.session.responses, bench.responses[0]
    arguments = '{"city": "' + "x" * 60 + '"}'
    responses.progress(response, response.add_call("f", arguments))
    responses.progress(response, response.add_call("f", ""))
    events = bench.take() + bench.finish()
    deltas = [e["delta"] for e in events if e["type"].endswith("arguments.delta")]
    assert len(deltas) == 3
    assert "".join(deltas) == arguments
    done = [e for e in events if e["type"] == "response.function_call_arguments.done"]
    assert [(e["name"], e["arguments"], e["output_index"]) for e in done] == [
        ("f", arguments, 1),
        ("f", "", 2),
    ]
    output = events[-2]["response"]["output"]
    assert [item["type"] for item in output] == ["message", "function_call", "function_call"]
    assert output[0]["content"][0]["text"] == "Let me look."
    assert output[1]["call_id"] != output[2]["call_id"]
    assert [item.id for item in bench.session._conversation] == [item["id"] for item in output]


def test_settings_of_one_answer(bench: Bench) -> None:
    bench.update(instructions="Session.", tools=[TOOL])
    bench.send(
        "response.create",
        response={
            "instructions": "Response.",
            "tools": [],
            "tool_choice": "none",
            "max_output_tokens": 9,
            "metadata": {"a": "b"},
            "audio": {"output": {"voice": "marin", "format": {"type": "audio/pcmu"}}},
        },
    )
    settings = bench.responses[0].settings
    assert settings.instructions == "Response."
    assert settings.tools == []
    assert settings.tool_choice == "none"
    assert settings.max_output_tokens == 9
    assert settings.voice == "marin"
    assert settings.format.type == "audio/pcmu"
    audio = bench.say("Hi", ms=100)[-1]["delta"]
    assert len(decode_ulaw(base64.b64decode(audio))) == 1_600
    response = bench.finish()[-2]["response"]
    assert response["metadata"] == {"a": "b"}
    assert response["audio"]["output"] == {"voice": "marin", "format": {"type": "audio/pcmu"}}
    bench.send("response.create")
    assert bench.responses[1].settings.instructions == "Session.", "for that answer only"


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"conversation": "other"}, "invalid_value", "response.conversation"),
        ({"modalities": []}, "unknown_parameter", "response.modalities"),
        ({"metadata": {"a": 1}}, "invalid_type", "response.metadata.a"),
        ({"metadata": {str(n): "" for n in range(17)}}, "invalid_value", "response.metadata"),
        ({"input": "text"}, "invalid_type", "response.input"),
        ({"input": [{"type": "x"}] * 1_001}, "array_above_max_length", "response.input"),
        (
            {"tools": [{"type": "function", "name": "f"}] * 1_001},
            *("array_above_max_length", "response.tools"),
        ),
        ({"input": [{"type": "x"}]}, "invalid_value", "response.input[0].type"),
        ({"input": [{"type": "item_reference"}]}, "invalid_type", "response.input[0].id"),
        (
            {"input": [{"type": "item_reference", "id": "x"}]},
            "item_reference_invalid_item_id",
            "response.input[0].id",
        ),
        ({"max_output_tokens": 0}, "invalid_value", "response.max_output_tokens"),
        ({"audio": {"output": {"speed": 1.0}}}, "unknown_parameter", "response.audio.output.speed"),
    ],
)
def test_bad_parameters(bench: Bench, params: Any, code: str, param: str) -> None:
    error = bench.error("response.create", response=params, event_id="r1")
    assert (error["code"], error["param"], error["event_id"]) == (code, param, "r1")
    assert bench.responses == []


def test_one_answer_at_a_time_in_the_conversation_and_others_beside_it(bench: Bench) -> None:
    bench.send("response.create")
    error = bench.error("response.create", event_id="r2")
    assert error["code"] == "conversation_already_has_active_response"
    assert bench.responses[0].id in error["message"]
    bench.send("response.create", response={**ASIDE, "metadata": {"topic": "a"}})
    bench.send("response.create", response={**ASIDE, "metadata": {"topic": "b"}})
    assert len(bench.responses) == 3
    assert types(bench.say("Aside")) == [
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
    ]
    done = bench.finish()[-2]["response"]
    assert done["metadata"] == {"topic": "b"}
    assert done["conversation_id"] is None
    assert len(bench.session._conversation) == 0


def test_input_replaces_the_context(bench: Bench) -> None:
    bench.write("First", id="one")
    bench.write("Second", id="two")
    message = {"type": "message", "role": "user"}
    content = [{"type": "input_text", "text": "Own"}]
    bench.send(
        "response.create",
        response={
            "input": [{"type": "item_reference", "id": "one"}, {**message, "content": content}]
        },
    )
    texts = [item.content[0].text for item in bench.responses[0].context]
    assert texts == ["First", "Own"]
    bench.finish()
    bench.send("response.create", response={"input": []})
    assert bench.responses[1].context == []
    assert len(bench.session._conversation) == 2


def test_cancel(bench: Bench) -> None:
    error = bench.error("response.cancel", event_id="c1")
    assert (error["code"], error["event_id"]) == ("response_cancel_not_active", "c1")
    bench.send("response.create")
    bench.say("Half a", ms=100)
    events = bench.send("response.cancel", response_id=bench.responses[0].id)
    response = events[-2]["response"]
    assert response["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert response["output"][0]["status"] == "incomplete"
    assert response["output"][0]["content"][0]["transcript"] == "Half a"
    assert response["usage"]["output_tokens"] == 4
    assert bench.stopped == bench.responses
    error = bench.error("response.cancel", response_id=bench.responses[0].id)
    assert error["param"] == "response_id"
    bench.send("response.create", response=ASIDE)
    assert bench.error("response.cancel")["code"] == "response_cancel_not_active"
    assert bench.send("response.cancel", response_id=bench.responses[1].id)


def delete(bench: Bench, *item_ids: str) -> list[Any]:
    """Delete items and return the events of the last deletion."""
    return [bench.send("conversation.item.delete", item_id=item_id) for item_id in item_ids][-1]


OVER = ["conversation.item.deleted", "response.done", "rate_limits.updated"]


def called(bench: Bench, *call_ids: str) -> None:
    """Add calls and their outputs; an output's item is called as the call."""
    for call_id in call_ids:
        item = {"type": "function_call", "name": "f", "arguments": "{}", "call_id": call_id}
        bench.send("conversation.item.create", item=item)
    for call_id in call_ids:
        output = {"type": "function_call_output", "call_id": call_id, "output": "1"}
        bench.send("conversation.item.create", item={**output, "id": call_id})


def test_a_response_is_over_with_all_that_it_would_have_answered(bench: Bench) -> None:
    bench.write("First", id="one")
    bench.write("Second", id="two")
    bench.send("response.create")
    assert types(delete(bench, "two")) == OVER[:1], "one is still to be answered"
    events = delete(bench, "one")
    assert types(events) == OVER
    details = events[1]["response"]["status_details"]
    assert details == {"type": "cancelled", "reason": "client_cancelled"}
    assert bench.stopped == bench.responses
    bench.send("response.create")
    assert len(bench.responses) == 2, "nothing is in the way of the next one"


def test_only_what_came_since_the_last_answer_is_asked(bench: Bench) -> None:
    bench.write("First", id="one")
    bench.send("response.create")
    bench.say("Fine", ms=100)
    bench.finish()
    bench.send("response.create")
    assert types(delete(bench, "one")) == OVER[:1], "it was answered, and more is to be said"
    bench.finish()
    bench.write("Second", id="two")
    bench.send("response.create")
    assert types(delete(bench, "two")) == OVER


def test_outputs_of_functions_that_are_deleted(bench: Bench) -> None:
    bench.write("Question")
    called(bench, "a", "b")
    bench.send("response.create")
    assert types(delete(bench, "a")) == OVER[:1]
    assert types(delete(bench, "b")) == OVER, "the question was answered by the calls"


def test_items_of_ones_own_input_that_are_deleted(bench: Bench) -> None:
    bench.write("First", id="one")
    reference = {"type": "item_reference", "id": "one"}
    content = [{"type": "input_text", "text": "Own"}]
    own = {"type": "message", "role": "user", "content": content, "id": "one"}
    for given in ([reference], [own], [reference, own]):
        bench.send("response.create", response={**ASIDE, "input": given})
    events = delete(bench, "one")
    assert types(events) == OVER
    assert events[1]["response"]["id"] == bench.responses[0].id
    assert [item.deleted for item in bench.responses[2].context] == [True, False]


@pytest.mark.parametrize("begun", [True, False], ids=["begun", "with instructions"])
def test_a_response_that_goes_on_without_what_is_deleted(bench: Bench, begun: bool) -> None:
    bench.write("First", id="one")
    bench.send("response.create", response={} if begun else {"instructions": "Say goodbye."})
    if begun:
        bench.say("Fine", ms=100)
    assert types(delete(bench, "one")) == OVER[:1]
    assert bench.finish()[-2]["response"]["status"] == "completed"


def test_failed_and_incomplete(bench: Bench) -> None:
    bench.send("response.create")
    bench.say("Half", ms=100)
    events = bench.finish("incomplete", reason="max_output_tokens")
    response = events[-2]["response"]
    assert response["status"] == "incomplete"
    assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert response["output"][0]["status"] == "incomplete"
    bench.send("response.create")
    events = bench.finish("failed", error={"type": "server_error", "message": "broken"})
    assert events[-2]["response"]["status_details"]["error"]["message"] == "broken"


def test_voice_after_the_first_sound(bench: Bench) -> None:
    bench.update(audio={"output": {"voice": "marin"}})
    bench.send("response.create")
    bench.say("Hi", ms=100)
    bench.finish()
    session = {"type": "realtime", "audio": {"output": {"voice": "ash"}}}
    assert bench.error("session.update", session=session)["code"] == "cannot_update_voice"
    params = {"audio": {"output": {"voice": "ash"}}}
    assert bench.error("response.create", response=params)["code"] == "cannot_update_voice"
    bench.update(audio={"output": {"voice": "marin", "speed": 1.1}})


def test_a_voice_that_there_is_not(bench: Bench) -> None:
    error = bench.error("response.create", response={"audio": {"output": {"voice": "Ash"}}})
    assert (error["code"], error["param"]) == ("invalid_value", "response.audio.output.voice")
    custom = {"audio": {"output": {"voice": {"id": "voice_1"}}}}
    bench.send("response.create", response=custom)
    assert bench.responses[0].settings.voice == "voice_1", "the synthesizer gets to see it"


def test_usage_counts_what_the_answer_was_given(bench: Bench) -> None:
    bench.listen()
    bench.update(instructions="Be very brief.")
    bench.write("Two words")
    bench.hear(1_000, loud=True)
    bench.send("input_audio_buffer.commit")
    bench.send("response.create", response={"output_modalities": ["text"]})
    (response,) = bench.responses
    given = [response.give(item) for item in response.context]
    assert [item["role"] for item in given] == ["user", "user"]
    bench.say("Fine")
    usage = bench.finish()[-2]["response"]["usage"]
    assert usage["input_token_details"]["text_tokens"] == 5
    assert usage["input_token_details"]["audio_tokens"] == 10
    assert usage["output_token_details"] == {"text_tokens": 1, "audio_tokens": 0}
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] == 16
