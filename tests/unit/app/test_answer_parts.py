"""From events to what receivers get."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from realtime_sync.app.answer_parts import KINDS, AnswerParts
from realtime_sync.audio import Sound, encode_ulaw
from realtime_sync.conversation.session import SoundFormat
from realtime_sync.events import Reconnected
from realtime_sync.testing import parsed, spoken_answer, text_answer

PCM = SoundFormat()


def received(traffic: list[Any], *kinds: Any, form: SoundFormat = PCM) -> list[tuple[Any, Any]]:
    parts = AnswerParts(kinds, lambda: form)
    return [(d.kind, d.value) for event in parsed(traffic) for d in parts.receive(event)]


def test_text_whole_and_in_pieces() -> None:
    traffic = text_answer("Hello there.")
    assert received(traffic, "text") == [("text", "Hello there.")]
    chunks = [value for _, value in received(traffic, "text_chunk")]
    assert [chunk["delta"] for chunk in chunks] == ["Hello", " there."]
    assert {chunk["type"] for chunk in chunks} == {"response.output_text.delta"}


def test_speech_and_its_words() -> None:
    traffic = spoken_answer("Hello there.", audio_ms=100)
    found = dict(received(traffic, "audio", "audio_transcript"))
    assert found["audio_transcript"] == "Hello there."
    assert found["audio"] == Sound((1000).to_bytes(2, "little") * 2400, 24_000)
    assert len(received(traffic, "audio_chunk")) == len(received(traffic, "audio_transcript_chunk"))


def test_a_piece_may_end_in_half_a_sample() -> None:
    traffic = spoken_answer("one two", sound=bytes(range(100)))
    deltas = [each for each in traffic if each["type"] == "response.output_audio.delta"]
    deltas[0]["delta"] = b64encode(bytes(range(49))).decode()
    deltas[1]["delta"] = b64encode(bytes(range(49, 100))).decode()
    assert received(traffic, "audio") == [("audio", Sound(bytes(range(100))))]


def test_telephone_sound_is_decoded() -> None:
    pcm = (4000).to_bytes(2, "little") * 80
    traffic = spoken_answer("Hello.", sound=encode_ulaw(pcm))
    [(_, sound)] = received(traffic, "audio", form=SoundFormat("audio/pcmu", 8000))
    assert sound.rate == 8000
    assert len(sound.pcm) == 160


def test_a_second_part_of_a_response_repeats_nothing() -> None:
    first, second = text_answer("First."), text_answer("Second.")
    item, response = second[1]["item"]["id"], first[0]["response"]["id"]
    for each in second:
        if "response_id" in each:
            each["response_id"] = response
    assert item
    traffic = [*first[:-1], *second[1:-1], first[-1]]
    assert received(traffic, "text") == [("text", "First."), ("text", "Second.")]


def test_parts_that_run_side_by_side() -> None:
    one, two = text_answer("one two"), text_answer("three four")
    mixed = [event for pair in zip(one, two, strict=True) for event in pair]
    assert received(mixed, "text") == [("text", "one two"), ("text", "three four")]


def test_an_end_that_got_lost() -> None:
    traffic = [e for e in text_answer("Hello.") if e["type"] != "response.output_text.done"]
    assert received(traffic, "text") == [("text", "Hello.")]


@pytest.mark.parametrize("status", ["cancelled", "failed"])
def test_what_was_cut_off_is_forgotten(status: str) -> None:
    traffic = [e for e in text_answer("Hello.") if e["type"] != "response.output_text.done"]
    traffic[-1]["response"]["status"] = status
    parts = AnswerParts(["text"], lambda: PCM)
    assert [d for event in parsed(traffic) for d in parts.receive(event)] == []
    assert parts._pieces == {}


def test_what_a_lost_link_cut_off_is_forgotten() -> None:
    traffic = [e for e in text_answer("Hello.") if e["type"] != "response.output_text.done"]
    parts = AnswerParts(["text"], lambda: PCM)
    assert [d for event in parsed(traffic[:-1]) for d in parts.receive(event)] == []
    assert parts._pieces != {}
    reconnected = Reconnected(code=1006, attempts=1, lost=[], lost_items=[])
    assert [*parts.receive(reconnected)] == []
    assert parts._pieces == {}


def test_nothing_is_kept_for_nobody() -> None:
    parts = AnswerParts(["tool"], lambda: PCM)
    for event in parsed(spoken_answer("Hello there.")[:-1]):
        assert [*parts.receive(event)] == []
    assert parts._pieces == {}


def test_every_event_for_those_who_want_all() -> None:
    traffic = text_answer("Hello.")
    found = received(traffic, None)
    assert [value["type"] for _, value in found] == [event["type"] for event in traffic]


def test_sound_that_is_no_base64_is_left_out() -> None:
    traffic = spoken_answer("one two", audio_ms=100)
    delta = next(each for each in traffic if each["type"] == "response.output_audio.delta")
    delta["delta"] = "!"
    [(_, sound)] = received(traffic, "audio")
    assert 0 < len(sound.pcm) < 4800


def test_a_delivery_knows_its_size() -> None:
    parts = AnswerParts(KINDS, lambda: PCM)
    for event in parsed(spoken_answer("Hello there.", audio_ms=100)):
        for delivery in parts.receive(event):
            assert delivery.size >= (4800 if delivery.kind == "audio" else 1)
