"""What senders may give."""

from __future__ import annotations

import io
import wave
from base64 import b64decode
from typing import Any

import numpy as np
import pytest
import soundfile

from realtime_sync.app.outgoing import SoundInput, read_message, split_tools, user_item
from realtime_sync.audio import Sound, encode_alaw, encode_ulaw
from realtime_sync.conversation.session import SoundFormat
from realtime_sync.errors import ConfigError, FormatError

PCM = SoundFormat()
TONE = (np.sin(np.arange(4800) / 8) * 8000).astype("<i2").tobytes()


def wav(pcm: bytes = TONE, rate: int = 24_000, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(pcm)
    return file.getvalue()


@pytest.mark.parametrize("nothing", [None, "", b"", io.BytesIO(), Sound(b""), wav(b"")])
def test_nothing(nothing: Any) -> None:
    assert read_message(nothing) is None


def test_text_and_raw_sound_pass() -> None:
    assert read_message("Hello.") == "Hello."
    for given in (TONE, bytearray(TONE), memoryview(TONE), io.BytesIO(TONE)):
        assert read_message(given) == TONE


def test_a_wav_file_knows_its_rate() -> None:
    assert read_message(wav(rate=16_000)) == Sound(TONE, 16_000)
    file = io.BytesIO(wav())
    file.seek(0, io.SEEK_END)
    assert read_message(file) == Sound(TONE), "wherever the file stands"
    stereo = np.repeat(np.frombuffer(TONE, "<i2"), 2).tobytes()
    assert read_message(wav(stereo, channels=2)) == Sound(TONE)


@pytest.mark.parametrize("wrong", [7, ["Hello."], object(), {"text": "Hello."}])
def test_what_is_no_message(wrong: Any) -> None:
    with pytest.raises(ConfigError, match=r"a sender gave .*; it gives text, PCM or a sound file"):
        read_message(wrong)


def test_a_file_of_another_format_knows_its_rate() -> None:
    flac = io.BytesIO()
    soundfile.write(flac, np.frombuffer(TONE, "<i2"), 16_000, format="FLAC")
    assert read_message(flac) == Sound(TONE, 16_000)


def test_a_broken_wav_file() -> None:
    with pytest.raises(FormatError):
        read_message(b"RIFF\0\0\0\0WAVEnonsense")


def test_tools_beside_a_value() -> None:
    assert split_tools("Hello.") == ("Hello.", None)
    assert split_tools(("Hello.", [print])) == ("Hello.", [print])
    assert split_tools(("Hello.", [])) == ("Hello.", [])
    for wrong in ((), ("a",), ("a", "b"), ("a", [], 1)):
        with pytest.raises(ConfigError, match=r"give \(value, \[tools\]\)"):
            split_tools(wrong)


def test_an_item_of_text() -> None:
    content = {"type": "input_text", "text": "Hi."}
    assert user_item("Hi.", PCM) == {"type": "message", "role": "user", "content": [content]}


def sound_of(item: dict[str, Any]) -> bytes:
    return b64decode(item["content"][0]["audio"])


def test_an_item_of_sound() -> None:
    assert sound_of(user_item(TONE, PCM)) == TONE
    assert sound_of(user_item(Sound(TONE), PCM)) == TONE
    assert len(sound_of(user_item(Sound(TONE, 16_000), PCM))) == len(TONE) * 3 // 2
    assert len(sound_of(user_item(Sound(TONE), SoundFormat("audio/pcm", 16_000)))) == 6400


@pytest.mark.parametrize(
    ("kind", "encode"), [("audio/pcmu", encode_ulaw), ("audio/pcma", encode_alaw)]
)
def test_an_item_of_a_telephone_session(kind: str, encode: Any) -> None:
    form = SoundFormat(kind, 8000)
    assert sound_of(user_item(Sound(TONE, 8000), form)) == encode(TONE)
    assert sound_of(user_item(b"\x55\x55\x55", form)) == b"\x55\x55\x55", "encoded already"


def test_an_encoding_of_the_servers_own() -> None:
    form = SoundFormat("audio/strange")
    assert sound_of(user_item(b"\x55", form)) == b"\x55"
    with pytest.raises(FormatError, match="strange"):
        user_item(Sound(TONE), form)


def test_half_a_sample() -> None:
    with pytest.raises(FormatError, match="half a sample"):
        user_item(TONE + b"\0", PCM)


def test_the_pieces_of_a_recording_are_converted_as_one() -> None:
    whole = sound_of(user_item(Sound(TONE, 16_000), PCM))
    recording = SoundInput(PCM)
    pieces = [recording.take(Sound(TONE[at : at + 1000], 16_000)) for at in range(0, 9600, 1000)]
    assert b"".join([*pieces, recording.rest()]) == whole


def test_pcm_may_be_cut_within_a_sample() -> None:
    recording = SoundInput(PCM)
    pieces = [recording.take(TONE[at : at + 801]) for at in range(0, len(TONE), 801)]
    assert b"".join([*pieces, recording.rest()]) == TONE
    assert all(len(piece) % 2 == 0 for piece in pieces)


@pytest.mark.parametrize("after", [[], [Sound(TONE)]])
def test_a_recording_of_half_a_sample(after: list[Sound]) -> None:
    recording = SoundInput(PCM)
    assert recording.take(b"\1\0\2") == b"\1\0"
    with pytest.raises(FormatError, match="half a sample"):
        [*map(recording.take, after), recording.rest()]


def test_a_recording_whose_rate_changes_loses_nothing() -> None:
    recording = SoundInput(PCM)
    taken = recording.take(Sound(TONE, 16_000)) + recording.take(Sound(TONE, 24_000))
    taken += recording.take(TONE) + recording.rest()
    assert abs(len(taken) - len(TONE) * 3.5) <= 4
