"""Sound between source, session and sink: lengths to the sample, and no seams."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest

from realtime_sync.audio.g711 import decode_ulaw, encode_alaw, encode_ulaw
from realtime_sync.conversation.session import SessionFacts, SoundFormat
from realtime_sync.errors import ConfigError
from realtime_sync.voice.conversion import InputConverter, OutputConverter, check_formats

ULAW = SoundFormat("audio/pcmu", 8_000)
ALAW = SoundFormat("audio/pcma", 8_000)
PCM_24 = SoundFormat("audio/pcm", 24_000)
PCM_8 = SoundFormat("audio/pcm", 8_000)
FORMATS = [ULAW, ALAW, PCM_24, PCM_8]
RATES = [8_000, 16_000, 24_000, 44_100, 48_000]
PART, NEXT = ("a", 0), ("b", 0)
AMPLITUDE, TONE_HZ = 8_000, 440


def tone(rate: int, samples: int) -> bytes:
    wave = AMPLITUDE * np.sin(2 * np.pi * TONE_HZ * np.arange(samples) / rate)
    return np.rint(wave).astype("<i2").tobytes()


def quality_of(pcm: bytes, rate: int) -> tuple[float, float]:
    """Return the level of the tone against what went in, and against all else that came out, dB."""
    x = np.frombuffer(pcm, "<i2").astype(float)[rate // 10 : -rate // 10]
    angles = 2 * np.pi * TONE_HZ * np.arange(len(x)) / rate
    basis = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    weights = np.linalg.lstsq(basis, x, rcond=None)[0]
    rest = x - basis @ weights
    level = np.hypot(*weights)
    return 20 * np.log10(level / AMPLITUDE), 20 * np.log10(level / np.sqrt(2) / rest.std())


def cut(data: bytes, *, whole_samples: bool) -> Iterator[bytes]:
    """Cut into pieces of odd sizes, the smallest among them."""
    sizes = random.Random(7)
    unit = 2 if whole_samples else 1
    at = 0
    while at < len(data):
        size = unit * sizes.choice([1, 3, 7, 101, 333, 481, 1999])
        yield data[at : at + size]
        at += size


def sent(pcm: bytes, rate: int, told: SoundFormat) -> bytes:
    up = InputConverter(rate)
    chunks = [up.convert(chunk, told) for chunk in cut(pcm, whole_samples=True)]
    return b"".join([*chunks, up.finish()])


def played(audio: bytes, rate: int, told: SoundFormat) -> bytes:
    down = OutputConverter(rate)
    pieces = [
        p for piece in cut(audio, whole_samples=False) for p in down.convert(piece, PART, told)
    ]
    pieces += down.finish()
    assert {part for part, _ in pieces} == {PART}
    return b"".join(pcm for _, pcm in pieces)


# -- the whole way ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("told", FORMATS, ids=lambda told: f"{told.type}-{told.rate}")
def test_a_tone_survives_the_way_up_and_down(told: SoundFormat, rate: int) -> None:
    samples = rate + 37
    up = sent(tone(rate, samples), rate, told)
    bytes_each = 2 if told.is_pcm else 1
    assert len(up) % bytes_each == 0
    assert told.rate is not None
    assert abs(len(up) / bytes_each - samples * told.rate / rate) <= 0.5
    down = played(up, rate, told)
    assert abs(len(down) / 2 - len(up) / bytes_each * rate / told.rate) <= 0.5
    gain_db, purity_db = quality_of(down, rate)
    print(f"{told.type} {told.rate} Hz, {rate} Hz: {gain_db:+.2f} dB, {purity_db:.1f} dB")
    assert abs(gain_db) < 0.2
    assert purity_db > (80 if told.is_pcm else 38)  # which is the rounding of 16 bits, of 8 bits


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("told", FORMATS, ids=lambda told: f"{told.type}-{told.rate}")
def test_no_seam_where_the_sound_was_cut(told: SoundFormat, rate: int) -> None:
    pcm = tone(rate, rate)
    up = InputConverter(rate)
    whole = up.convert(pcm, told) + up.finish()
    assert sent(pcm, rate, told) == whole
    down = OutputConverter(rate)
    [(_, once), *rest] = [*down.convert(whole, PART, told), *down.finish()]
    assert played(whole, rate, told) == once + b"".join(tail for _, tail in rest)


# -- up --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [SoundFormat("audio/pcm", 16_000), SoundFormat()])
def test_what_the_session_takes_as_it_is_passes_untouched(told: SoundFormat) -> None:
    up, chunk = InputConverter(16_000), tone(16_000, 320)
    assert up.convert(chunk, told) is chunk
    assert up.finish() == b""


def test_g711_at_its_own_rate_is_only_encoded() -> None:
    chunk = tone(8_000, 160)
    up = InputConverter(8_000)
    assert up.convert(chunk, ULAW) == encode_ulaw(chunk)
    assert up.convert(chunk, SoundFormat("audio/pcma")) == encode_alaw(chunk)
    assert up.finish() == b""


def test_the_format_may_change_between_two_chunks() -> None:
    up, chunk = InputConverter(24_000), tone(24_000, 480)
    up.convert(chunk, PCM_8)
    assert up.convert(chunk, PCM_24) is chunk
    assert up.finish() == b""  # what was held in the old form went with it
    fresh = InputConverter(24_000)
    assert up.convert(chunk, ULAW) + up.finish() == fresh.convert(chunk, ULAW) + fresh.finish()


def test_an_equal_format_goes_on_with_the_stream() -> None:
    pcm = tone(24_000, 24_000)
    up = InputConverter(24_000)
    halves = [
        up.convert(half, SoundFormat("audio/pcm", 8_000)) for half in (pcm[:24_000], pcm[24_000:])
    ]
    assert b"".join(halves) + up.finish() == sent(pcm, 24_000, PCM_8)


def test_a_telephone_is_not_held_back_for_long() -> None:
    """Some 40 ms of a second; with the quality for music it would be 130."""
    second = InputConverter(48_000).convert(tone(48_000, 48_000), ULAW)
    assert len(second) > 0.94 * 8_000
    [(_, pcm)] = OutputConverter(48_000).convert(bytes(8_000), PART, ULAW)
    assert len(pcm) // 2 > 0.94 * 48_000


def test_each_turn_is_a_stream_of_its_own() -> None:
    up, pcm = InputConverter(16_000), tone(16_000, 16_001)
    turns = [up.convert(pcm, ULAW) + up.finish() for _ in range(3)]
    assert [len(turn) for turn in turns] == [8_001] * 3
    assert turns[0] == turns[1] == turns[2]


# -- down ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [PCM_24, SoundFormat()])
def test_what_the_sink_takes_as_it_is_passes_untouched(told: SoundFormat) -> None:
    down, audio = OutputConverter(24_000), tone(24_000, 480)
    [(part, pcm)] = down.convert(audio, PART, told)
    assert part == PART
    assert pcm is audio
    assert down.finish() == []


def test_a_sample_may_be_split_between_two_pieces() -> None:
    down = OutputConverter(24_000)
    assert down.convert(b"\1", PART, PCM_24) == []
    assert down.convert(b"\2\3", PART, PCM_24) == [(PART, b"\1\2")]
    assert down.convert(b"\4\5", NEXT, PCM_24) == [(NEXT, b"\4\5")]  # the 3 belongs to nothing
    assert down.convert(b"\6", NEXT, PCM_24) == []
    assert down.finish() == []
    assert down.convert(b"\7\x08", NEXT, PCM_24) == [(NEXT, b"\7\x08")]


def test_g711_comes_in_bytes() -> None:
    down = OutputConverter(8_000)
    assert down.convert(b"\1\2\3", PART, ULAW) == [(PART, decode_ulaw(b"\1\2\3"))]


def test_what_was_held_of_a_part_counts_for_that_part() -> None:
    down, audio = OutputConverter(44_100), encode_ulaw(tone(8_000, 8_000))
    lengths = {PART: 0, NEXT: 0}
    order = []
    for part in (PART, NEXT):
        for piece in cut(audio, whole_samples=False):
            for whose, pcm in down.convert(piece, part, ULAW):
                lengths[whose] += len(pcm) // 2
                order.append(whose)
    for whose, pcm in down.finish():
        lengths[whose] += len(pcm) // 2
        order.append(whose)
    assert lengths == {PART: 44_100, NEXT: 44_100}
    assert order == sorted(order)


def test_what_was_held_in_another_format_comes_first() -> None:
    down = OutputConverter(24_000)
    pieces = down.convert(tone(8_000, 8_000), PART, PCM_8)
    pieces += down.convert(b"\1\2", PART, PCM_24)
    assert pieces[-1] == (PART, b"\1\2")
    assert sum(len(pcm) for _, pcm in pieces) == 2 * 24_000 + 2


def test_an_equal_format_changes_nothing() -> None:
    down, audio = OutputConverter(24_000), tone(8_000, 8_000)
    pieces = [
        piece
        for half in (audio[:8_001], audio[8_001:])
        for piece in down.convert(half, PART, SoundFormat("audio/pcm", 8_000))
    ]
    pieces += down.finish()
    assert b"".join(pcm for _, pcm in pieces) == played(audio, 24_000, PCM_8)


def test_what_is_cleared_never_comes() -> None:
    down, audio = OutputConverter(24_000), tone(8_000, 8_001)
    expected = played(audio, 24_000, PCM_8)
    down.convert(audio[:-1], PART, PCM_8)
    down.clear()
    assert down.finish() == []
    pieces = [*down.convert(audio, PART, PCM_8), *down.finish()]
    assert b"".join(pcm for _, pcm in pieces) == expected


# -- formats ---------------------------------------------------------------------------------------


def test_pcm_of_any_rate_and_g711_can_be_spoken() -> None:
    for told in (*FORMATS, SoundFormat(), SoundFormat("audio/pcm", 44_100)):
        check_formats(SessionFacts(input=told, output=told))


@pytest.mark.parametrize("direction", ["input", "output"])
def test_other_formats_are_refused(direction: str) -> None:
    opus = SoundFormat("opus")
    with pytest.raises(ConfigError, match=rf"the session's {direction} format is 'opus'.*pcmu"):
        check_formats(SessionFacts(**{direction: opus}))


def test_a_format_that_is_none_is_refused_with_the_sound() -> None:
    opus = SoundFormat("opus")
    with pytest.raises(ConfigError, match="input format"):
        InputConverter(24_000).convert(b"", opus)
    with pytest.raises(ConfigError, match="output format"):
        OutputConverter(24_000).convert(b"", PART, opus)
