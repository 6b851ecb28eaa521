from __future__ import annotations

import json

from realtime_sync.distiller.spoken_lines import SpokenLines
from realtime_sync.events import parse_event


def shown(*events: dict[str, object]) -> str:
    written: list[str] = []
    lines = SpokenLines({"item_a": "Planner", "item_b": "Expert"}.get, written.append)
    for event in events:
        lines.show(parse_event(json.dumps(event)))
    lines.end_line()
    return "".join(written)


def heard(delta: str) -> dict[str, object]:
    return {
        "type": "conversation.item.input_audio_transcription.delta",
        "item_id": "item_u",
        "content_index": 0,
        "delta": delta,
    }


def understood(text: str) -> dict[str, object]:
    return {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": "item_u",
        "content_index": 0,
        "transcript": text,
    }


def said(item_id: str, delta: str) -> dict[str, object]:
    return {
        "type": "response.output_audio_transcript.delta",
        "response_id": "resp_1",
        "item_id": item_id,
        "output_index": 0,
        "content_index": 0,
        "delta": delta,
    }


def test_words_are_written_as_they_come() -> None:
    assert (
        shown(heard("hello "), heard("there"), understood("Hello there.")) == "You: hello there\n"
    )


def test_words_that_are_told_anew_are_written_once() -> None:
    assert shown(heard("hello"), heard("hello there"), understood("x")) == "You: hello there\n"


def test_words_that_only_come_whole_are_written_whole() -> None:
    assert shown(understood("Hello.")) == "You: Hello.\n"


def test_each_agent_has_a_line_of_its_own() -> None:
    lines = shown(said("item_a", "Let me "), said("item_a", "ask."), said("item_b", "Yes."))
    assert lines == "Planner: Let me ask.\nExpert: Yes.\n"


def test_an_agent_without_a_name_is_the_assistant() -> None:
    assert shown(said("item_c", "Hi.")) == "assistant: Hi.\n"
