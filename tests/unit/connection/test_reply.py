"""`Turn` knows its own events from those of others."""

from __future__ import annotations

import base64
import doctest
import json
import wave
from pathlib import Path
from typing import Any

import pytest

from realtime_sync.audio import encode_alaw, encode_ulaw, read_wav, silence
from realtime_sync.connection import reply as home
from realtime_sync.connection.reply import Reply, Turn
from realtime_sync.conversation.session import SoundFormat
from realtime_sync.errors import AudioError, FormatError, ServerError
from realtime_sync.events import ServerEvent, parse_event


def server(type: str, **fields: Any) -> ServerEvent:
    return parse_event(json.dumps({"type": type, "event_id": "event_1", **fields}))


def created(turn: Turn | None, response_id: str = "resp_1") -> ServerEvent:
    return server("response.created", response=response(turn, response_id, "in_progress"))


def done(turn: Turn | None, response_id: str = "resp_1", **fields: Any) -> ServerEvent:
    return server("response.done", response=response(turn, response_id, "completed") | fields)


def response(turn: Turn | None, response_id: str, status: str) -> dict[str, Any]:
    metadata = turn.response_create({})["response"]["metadata"] if turn else None
    return {"id": response_id, "status": status, "metadata": metadata, "output": []}


def delta(kind: str, text: str, response_id: str = "resp_1") -> ServerEvent:
    return server(
        f"response.{kind}.delta",
        response_id=response_id,
        item_id="item_a",
        output_index=0,
        content_index=0,
        delta=text,
    )


def test_a_written_answer() -> None:
    turn = Turn()
    for event in (
        created(turn),
        delta("output_text", "Hello "),
        delta("output_text", "there."),
        done(turn, usage={"total_tokens": 7}),
    ):
        assert turn.receive(event)
    reply = turn.reply()
    assert (reply.text, reply.transcript, reply.audio) == ("Hello there.", "", b"")
    assert reply.usage is not None
    assert reply.usage.total_tokens == 7


def test_a_spoken_answer() -> None:
    turn = Turn()
    turn.receive(created(turn))
    turn.receive(delta("output_audio_transcript", "Hello."))
    for piece in (b"\x01\x00", b"\x02\x00"):
        turn.receive(delta("output_audio", base64.b64encode(piece).decode()))
    turn.receive(done(turn))
    reply = turn.reply()
    assert (reply.text, reply.transcript) == ("Hello.", "Hello.")
    assert reply.audio == b"\x01\x00\x02\x00"


@pytest.mark.parametrize(
    ("type", "heard"),
    [("audio/pcm", b"\xff\1\3\4"), ("audio/pcma", b"\xff\1\2\3\4\5")],
)
def test_audio_in_pieces_of_any_size_and_kind_is_one(type: str, heard: bytes) -> None:
    turn = Turn()
    turn.sound = SoundFormat(type)
    turn.receive(created(turn))
    for piece in ("_w==", "AQI", "AA!E", "AwQF"):
        assert turn.receive(delta("output_audio", piece))
    turn.receive(done(turn))
    assert turn.reply().audio == heard, "all but the damaged one and what is left of a sample"


def test_each_part_of_an_answer_begins_with_a_whole_sample() -> None:
    turn = Turn()
    turn.receive(created(turn))
    for item_id, index, piece in (
        ("a", 0, "AQI="),
        ("a", 0, "Aw=="),
        ("a", 1, "BAU="),
        ("b", 1, "Bg=="),
    ):
        at = {"response_id": "resp_1", "item_id": item_id, "content_index": index}
        turn.receive(server("response.output_audio.delta", **at, delta=piece))
    turn.receive(done(turn))
    assert turn.reply().audio == b"\1\2\4\5"


@pytest.mark.parametrize("odd", [None, 5, [], {}, ["x"], {"id": []}, float("nan")])
def test_odd_values_cost_no_more_than_themselves(odd: Any) -> None:
    turn = Turn()
    turn.receive(created(turn))
    turn.receive(server("response.created", response={"id": odd, "metadata": odd}))
    for kind in ("output_text", "output_audio", "output_audio_transcript"):
        assert turn.receive(delta(kind, odd))
    for kind in ("conversation.item.added", "response.output_item.added"):
        turn.receive(server(kind, response_id="resp_1", item={"id": odd}))
        turn.receive(server(kind, response_id="resp_1", item=odd))
    turn.receive(delta("output_text", "Hello."))
    turn.receive(done(turn, output=odd, usage=odd, status_details=odd, metadata=odd))
    reply = turn.reply()
    assert (reply.text, reply.audio, reply.function_calls) == ("Hello.", b"", [])


def test_a_response_without_an_id_does_not_end_a_turn_that_has_none_yet() -> None:
    turn = Turn()
    assert not turn.receive(server("response.done", response={"status": "completed"}))
    assert not turn.done


def test_a_response_whose_id_can_not_be_sent_back_is_not_cancelled_by_it() -> None:
    turn = Turn()
    turn.receive(created(turn, "half \ud83d"))
    assert "response_id" not in turn.cancel()


@pytest.mark.parametrize("odd", [None, 5, "x", [], {"error": "x"}, {"error": {"message": 5}}])
def test_a_failure_with_odd_details_is_one(odd: Any) -> None:
    turn = Turn()
    turn.receive(created(turn))
    with pytest.raises(ServerError, match="server_error: the response failed"):
        turn.receive(done(turn, status="failed", status_details=odd))


def test_function_calls_are_listed() -> None:
    turn = Turn()
    turn.receive(created(turn))
    call = {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "call_1"}
    turn.receive(done(turn, output=[call]))
    assert [c.name for c in turn.reply().function_calls] == ["f"]


def test_events_of_others_are_left_alone() -> None:
    turn, other = Turn(), Turn()
    turn.receive(created(turn))
    for event in (
        created(other, "resp_2"),
        delta("output_text", "not mine", "resp_2"),
        done(other, "resp_2"),
        server("input_audio_buffer.speech_started", item_id="item_9", audio_start_ms=0),
        server("error", error={"message": "m", "type": "t", "event_id": "someone else's"}),
        server("brand.new"),
    ):
        assert not turn.receive(event)
    assert not turn.done


def test_a_server_that_echoes_no_metadata_is_taken_at_its_word() -> None:
    turn = Turn()
    assert turn.receive(created(None))
    assert not turn.receive(created(None, "resp_2"))
    assert turn.receive(done(None))


def test_its_own_items_belong_to_it() -> None:
    turn = Turn()
    item = turn.item_create({"type": "message", "role": "user", "content": []})["item"]
    assert turn.receive(server("conversation.item.added", item=item))
    assert not turn.receive(server("conversation.item.done", item={**item, "id": "item_x"}))


def test_a_refused_request_is_raised_and_ends_the_turn() -> None:
    turn = Turn()
    event_id = turn.response_create({})["event_id"]
    error = {"message": "no", "type": "invalid_request_error", "code": "c", "event_id": event_id}
    with pytest.raises(ServerError, match="c: no") as caught:
        turn.receive(server("error", error=error))
    assert caught.value.event_id == event_id
    assert turn.done


def test_a_failed_response_is_raised() -> None:
    turn = Turn()
    turn.receive(created(turn))
    details = {"type": "failed", "error": {"type": "server_error", "message": "broke", "code": "x"}}
    with pytest.raises(ServerError, match="x: broke"):
        turn.receive(done(turn, status="failed", status_details=details))


def test_an_abandoned_turn_swallows_its_events_and_keeps_nothing() -> None:
    turn = Turn()
    error = {"message": "no", "type": "t", "event_id": turn.cancel()["event_id"]}
    for event in (created(turn), delta("output_text", "late"), server("error", error=error)):
        assert turn.discard(event)
        assert not turn.done
    assert turn.discard(done(turn))
    assert turn.done
    assert turn.reply().text == ""


def test_the_callers_metadata_is_kept() -> None:
    turn = Turn()
    assert turn.response_create({"metadata": {"a": "b"}})["response"]["metadata"]["a"] == "b"


# -- the sound of a reply --------------------------------------------------------------------------

QUIET = silence(250, rate_hz=8000)


def spoken(audio: bytes, /, **reported: Any) -> Reply:
    """A reply of ``audio``, whose response reports so much of its form."""
    turn = Turn()
    turn.receive(created(turn))
    turn.receive(delta("output_audio", base64.b64encode(audio).decode()))
    turn.receive(done(turn, **reported))
    return turn.reply()


def nested(**form: Any) -> dict[str, Any]:
    return {"audio": {"output": {"format": form}}}


@pytest.mark.parametrize(
    ("audio", "reported", "ms", "rate"),
    [
        (bytes(480), {}, 10, 24_000),
        (bytes(480), nested(type="audio/pcm", rate=24_000), 10, 24_000),
        (bytes(882), nested(type="audio/pcm", rate=44_100), 10, 44_100),
        (bytes(49), nested(type="audio/pcm"), 1, 24_000),
        (bytes(480), {"output_audio_format": "pcm16"}, 10, 24_000),
        (encode_ulaw(QUIET), nested(type="audio/pcmu"), 250, 8_000),
        (encode_alaw(QUIET), nested(type="audio/pcma"), 250, 8_000),
        (encode_ulaw(QUIET), {"output_audio_format": "g711_ulaw"}, 250, 8_000),
        (bytes(480), {"audio": None}, 10, 24_000),
        (bytes(480), {"audio": {"output": {"format": ["?"]}}}, 10, 24_000),
    ],
)
def test_a_spoken_reply_becomes_a_file(
    tmp_path: Path, audio: bytes, reported: dict[str, Any], ms: int, rate: int
) -> None:
    path, reply = tmp_path / "a.wav", spoken(audio, **reported)
    assert reply.audio_ms == ms
    reply.save(path)
    with wave.open(str(path), "rb") as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (rate, 2, 1)
        assert file.getnframes() * 1000 // rate == ms


def test_g711_is_decoded_by_its_own_law(tmp_path: Path) -> None:
    path, sound = tmp_path / "a.wav", b"\x34\x12\xcc\xed" * 100
    for kind, encode in (("audio/pcmu", encode_ulaw), ("audio/pcma", encode_alaw)):
        code = encode(sound)
        spoken(code, **nested(type=kind)).save(str(path))
        assert encode(read_wav(path, rate=8000)) == code


def test_where_nothing_is_reported_it_is_what_was_asked_for() -> None:
    turn = Turn()
    turn.sound = SoundFormat("audio/pcmu", 8000)
    turn.receive(created(turn))
    turn.receive(delta("output_audio", base64.b64encode(bytes(800)).decode()))
    turn.receive(done(turn))
    assert turn.reply().audio_ms == 100


def test_a_reply_without_sound_says_so_and_leaves_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"precious")
    reply = spoken(b"", **nested(type="audio/own"))
    assert reply.audio_ms == 0
    with pytest.raises(AudioError, match=r"no audio.*'output_modalities': \['audio'\]"):
        reply.save(path)
    assert path.read_bytes() == b"precious"


def test_sound_of_a_form_of_the_servers_own_is_not_guessed(tmp_path: Path) -> None:
    reply = spoken(b"abcd", **nested(type="audio/own"))
    with pytest.raises(FormatError, match=r"'audio/own'.*'audio/pcmu'"):
        reply.save(tmp_path / "a.wav")
    with pytest.raises(FormatError, match="'audio/own'"):
        reply.audio_ms  # noqa: B018 -- the access is the test
    assert not (tmp_path / "a.wav").exists()


def test_the_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(home) == (0, 6)
