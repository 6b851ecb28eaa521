from __future__ import annotations

import pytest
from bench import LOUD, LoudnessDetector

from realtime_sync.errors import ServerError
from realtime_sync.local.protocol.input_buffer import InputBuffer
from realtime_sync.local.protocol.turn_detection import SpeechStarted
from realtime_sync.local.protocol.wire_formats import WireFormat, format_of
from realtime_sync.local.speech.voice_detector import DetectorPool

PCM = format_of({"type": "audio/pcm", "rate": 24000})
ULAW = format_of({"type": "audio/pcmu"})
ALAW = format_of({"type": "audio/pcma"})
VAD = {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 0, "silence_duration_ms": 320}


def test_positions_count_from_the_sessions_start() -> None:
    buffer = InputBuffer(PCM, None, DetectorPool(LoudnessDetector), max_s=900)
    list(buffer.append(bytes(48 * 1_000)))
    assert len(buffer.take_all()) == 48 * 1_000
    list(buffer.append(bytes(range(48)) * 200))
    assert buffer.position_ms == 1_200
    assert buffer.peek(1_000, 1_001) == bytes(range(48))
    assert buffer.peek(0, 99_999) == bytes(range(48)) * 200, "what is gone is gone"
    assert len(buffer.take(1_050, 1_100)) == 48 * 50
    assert len(buffer.take_all()) == 48 * 100, "what was before is dropped, the rest stays"


@pytest.mark.parametrize("telephone", [ULAW, ALAW], ids=lambda f: f.type)
def test_telephone_formats_count_the_same_time(telephone: WireFormat) -> None:
    buffer = InputBuffer(telephone, None, DetectorPool(LoudnessDetector), max_s=900)
    list(buffer.append(bytes(8 * 500)))
    assert buffer.position_ms == 500
    buffer.configure(PCM, None)
    assert buffer.position_ms == 500
    list(buffer.append(bytes(48 * 500)))
    assert buffer.position_ms == 1_000
    assert len(buffer.take_all()) == 48 * 500, "what came in another format is not mixed in"


def test_silence_is_not_kept_for_ever() -> None:
    buffer = InputBuffer(PCM, VAD, DetectorPool(LoudnessDetector), max_s=900)
    for _ in range(130):
        assert list(buffer.append(bytes(48 * 500))) == []
    assert len(buffer.take_all()) == 48 * 60_000
    assert buffer.position_ms == 65_000


def test_the_buffer_has_an_end() -> None:
    buffer = InputBuffer(PCM, None, DetectorPool(LoudnessDetector), max_s=900)
    minute = bytes(48 * 60_000)
    for _ in range(15):
        buffer.check(minute)
        list(buffer.append(minute))
    with pytest.raises(
        ServerError, match=r"would hold 900\.0 s of sound, and may hold 900 \(--max-input-audio\)"
    ):
        buffer.check(bytes(48))
    buffer.clear()
    buffer.check(minute)


def test_turn_detection_switched_on_starts_where_the_audio_is() -> None:
    buffer = InputBuffer(PCM, None, DetectorPool(LoudnessDetector), max_s=900)
    loud = LOUD.to_bytes(2, "little") * 24
    list(buffer.append(loud * 1_000))
    buffer.configure(PCM, VAD)
    (started,) = buffer.append(loud * 500)
    assert isinstance(started, SpeechStarted)
    assert started.start_ms == pytest.approx(1_000, abs=64)


def test_a_detector_is_borrowed_for_sound_that_is_judged_and_given_back() -> None:
    detectors = DetectorPool(LoudnessDetector)
    buffer = InputBuffer(PCM, VAD, detectors, max_s=900)
    assert detectors.idle == 1, "nobody has spoken"
    list(buffer.append(bytes(48)))
    assert detectors.idle == 0
    buffer.configure(PCM, None)
    assert detectors.idle == 1, "turns are made by hand from now on"
    list(buffer.append(bytes(48 * 500)))
    assert detectors.idle == 1
    buffer.configure(PCM, VAD)
    list(buffer.append(bytes(48 * 500)))
    assert detectors.idle == 0
    buffer.close()
    assert detectors.idle == 1
    buffer.close()
    assert detectors.idle == 1, "it is given back once"
