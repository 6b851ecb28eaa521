"""`input_audio_buffer.append`: every accepted form gives the same message, others are refused."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from sound_files import MARKED

from realtime_sync.connection._audio_input import (
    FirstSound,
    append_message,
    audio_base64,
    check_beginning,
)
from realtime_sync.errors import FormatError

SAMPLES = np.array([0, 1, -1, 1000, -32768, 32767], dtype=np.int16)
PCM = SAMPLES.astype("<i2").tobytes()
BASE64 = base64.b64encode(PCM).decode()


@pytest.mark.parametrize(
    "audio",
    [
        BASE64,
        PCM,
        bytearray(PCM),
        memoryview(PCM),
        SAMPLES,
        SAMPLES.reshape(-1, 1),
        SAMPLES.astype(np.float32) / 32768,
    ],
    ids=["base64", "bytes", "bytearray", "memoryview", "int16", "column", "float32"],
)
def test_every_form_gives_the_same_event(audio: object) -> None:
    event = json.loads(append_message(audio_base64(audio, pcm=True), None))  # type: ignore[arg-type]
    assert event == {"type": "input_audio_buffer.append", "audio": BASE64}


def test_an_event_id_is_escaped() -> None:
    event = json.loads(append_message(audio_base64(PCM, pcm=True), 'a"b'))
    assert event["event_id"] == 'a"b'
    assert event["audio"] == BASE64


@pytest.mark.parametrize(
    ("audio", "words"),
    [
        (b"\x00\x01\x02", "half a sample"),
        ("not base64!", "not base64"),
        ('AAA"', "not base64"),
        ("AAA\\", "not base64"),
        ("AA\n=", "not base64"),
        ("ÄÄÄÄ", "not base64"),
        (np.zeros(4, dtype=np.float64), "float64"),
        (np.zeros((4, 2), dtype=np.int16), "(4, 2)"),
    ],
)
def test_other_forms_are_refused_by_name(audio: object, words: str) -> None:
    with pytest.raises(FormatError) as caught:
        audio_base64(audio, pcm=True)  # type: ignore[arg-type]
    assert words in str(caught.value)


def test_g711_may_have_an_odd_length_but_not_be_an_array() -> None:
    assert audio_base64(b"\xff", pcm=False) == b"/w=="
    with pytest.raises(FormatError, match="g711"):
        audio_base64(SAMPLES, pcm=False)


# -- how a first sound begins ----------------------------------------------------------------------


def begin(audio: object, *, pcm: bool = True) -> None:
    check_beginning(audio, audio_base64(audio, pcm=pcm))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", MARKED)
def test_a_whole_file_is_refused_in_every_form(kind: str) -> None:
    data = MARKED[kind]
    samples = np.frombuffer(data, "<i2")
    forms = (data, bytearray(data), memoryview(data), base64.b64encode(data).decode(), samples)
    for form in (*forms, samples.astype(np.float32) / 32768):
        with pytest.raises(FormatError, match=f"audio is a whole {kind} file, header and all"):
            begin(form)
    with pytest.raises(FormatError, match=f"whole {kind} file"):
        begin(data, pcm=False)


@pytest.mark.parametrize(
    "sound",
    [
        b"",
        b"RI",
        b"RIFF",
        b"RIFF" + bytes(40),
        b"WAVERIFF" + bytes(40),
        b"fLaC" + bytes(40),
        b"OggS" + bytes(40),
        b"ID3\4\0\0\0\0\2\x80" + bytes(40),
        b"ID3\xff\0\0\0\0\2\1" + bytes(40),
        b"ID3\4\0\0\0\0",
        bytes(100),
        b"\xff" * 100,
        b"\xff\xfb\x90\x00" * 20,
    ],
)
def test_sound_that_only_begins_like_a_file_is_sound(sound: bytes) -> None:
    begin(sound)
    begin(base64.b64encode(sound).decode())


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("data:audio/wav;base64,UklGRg====", "follows its comma"),
        ("https://host/a.wavs", "URL"),
        (("0123456789abcdef" * 5), r"bytes\.fromhex"),
        (("0123456789ABCDEF" * 5), r"bytes\.fromhex"),
        ("samples/question.wav", r"read_wav\(path\)"),
        ("C:\\\\Users\\\\me\\\\q1", r"read_wav\(path\)"),
        ("AAAA\nAAAA\nAA", "line breaks"),
        ("AAAA AAAA AA", "spaces"),
        ("AAA", "cut off"),
        ("-_-_-_-_", "urlsafe_b64decode"),
        ("what is this?!?!", "pass bytes"),
    ],
)
def test_text_that_is_no_base64_is_told_what_it_is(text: str, advice: str) -> None:
    with pytest.raises(FormatError, match=f"is not base64.*{advice}"):
        begin(text)


@pytest.mark.parametrize("kind", MARKED)
def test_a_file_of_odd_length_is_a_file_and_no_half_sample(kind: str) -> None:
    for data in (MARKED[kind], MARKED[kind] + b"x"):
        with pytest.raises(FormatError, match=f"whole {kind} file"):
            begin(data)


def test_base64_in_bytes_is_no_sound() -> None:
    encoded = base64.b64encode(bytes(range(200)))
    for form in (encoded, bytearray(encoded), memoryview(encoded)):
        with pytest.raises(FormatError, match=r"is base64 text in bytes: pass audio\.decode\(\)"):
            begin(form)
    begin(b"az" * 100)
    begin(encoded[:40])


@pytest.mark.parametrize("pcm", [bytes(300), b"\1\0" * 150, b"\0\1" * 150, b"\xff\xff\0\0" * 75])
def test_quiet_sound_is_not_taken_for_hexadecimal(pcm: bytes) -> None:
    begin(base64.b64encode(pcm).decode())


def test_only_the_beginning_of_text_is_looked_at() -> None:
    begin("AAAA" * 16 + "!!!!")


# -- and one that comes in pieces ------------------------------------------------------------------


def forms_of(piece: bytes) -> tuple[object, ...]:
    return piece, base64.b64encode(piece).decode(), np.frombuffer(piece, "<i2")


def add(first: FirstSound, piece: object) -> bool:
    return first.add(piece, audio_base64(piece, pcm=True))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", MARKED)
@pytest.mark.parametrize("size", [2, 6, 44])
@pytest.mark.parametrize("form", [0, 1, 2], ids=["bytes", "base64", "array"])
def test_a_file_in_pieces_is_a_file(kind: str, size: int, form: int) -> None:
    data, first = MARKED[kind], FirstSound()
    pieces = [forms_of(data[at : at + size])[form] for at in range(0, len(data), size)]
    with pytest.raises(FormatError, match=f"audio is a whole {kind} file"):
        assert not any(add(first, piece) for piece in pieces)


def test_sound_in_pieces_is_looked_at_no_longer_than_it_must_be() -> None:
    first = FirstSound()
    assert not any(add(first, piece) for piece in forms_of(bytes(20)))
    assert add(first, bytes(4))
    with pytest.raises(FormatError, match="is base64 text in bytes"):
        add(FirstSound(), base64.b64encode(bytes(range(200))))


def test_base64_that_is_none_further_on_is_the_servers_business() -> None:
    for text in ("AAAA" * 16 + "!AAA", "AAAA" * 500 + "===="):
        begin(text)
        assert not FirstSound().add(text, text.encode()[:60])
