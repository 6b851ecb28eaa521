"""Microphone and speaker on the virtual sound card: what goes in comes out."""

from __future__ import annotations

import doctest
import signal
import subprocess
import sys
import threading
import wave
from pathlib import Path

import numpy as np
import pytest
from guards import Guard
from monitor import as_samples, loud_ms
from sound_card import SoundCard

from realtime_sync.audio import Microphone, Speaker, devices, play, portaudio, speaker, write_wav
from realtime_sync.errors import DeviceError

RATE = 24000
MS = RATE // 1000


def chirp(ms: int, *, rate: int = RATE, start_hz: int = 300) -> np.ndarray:
    """A tone that rises all the time: every part of it is found at one place only."""
    turns = np.arange(ms * rate // 1000) / rate
    tone = np.sin(2 * np.pi * (start_hz + 400 * turns) * turns) * 12000
    return tone.astype("<i2")


def found_in_order(heard: bytes, sent: np.ndarray, *, rate: int = RATE) -> float:
    """Return the share of ``sent`` that is in ``heard``, 50 ms at a time.

    A busy machine may make a pause anywhere, so the pieces need not touch; those that a pause
    cuts are not found. Each piece must come after the one before.
    """
    samples = np.frombuffer(heard, "<i2").astype(float)
    size, position, found = rate // 20, 0, 0
    pieces = [sent[at : at + size] for at in range(0, len(sent) - size + 1, size)]
    for piece in pieces:
        window = samples[position:]
        if len(window) < size:
            break
        at = position + int(np.correlate(window, piece.astype(float), "valid").argmax())
        if np.corrcoef(samples[at : at + size], piece)[0, 1] > 0.97:
            found += 1
            position = at + size - rate // 1000
    return found / len(pieces)


@pytest.mark.parametrize("rate", [RATE, 16000])
def test_what_is_written_is_played_whole_and_in_order(sound_card: SoundCard, rate: int) -> None:
    sent = chirp(1500, rate=rate)
    with sound_card.recording(rate=rate) as heard, Speaker(rate=rate) as speaker:
        for start in range(0, len(sent), 1000):
            speaker.write(sent[start : start + 1000].tobytes(), item_id="a")
        assert speaker.drain(Guard().seconds)
        assert speaker.played_ms("a") == speaker.handed_ms("a") == 1500
        assert speaker.buffered_ms == 0
    assert found_in_order(heard.pcm, sent, rate=rate) > 0.8


def test_a_clear_silences_and_the_position_tells_how_far_it_came(sound_card: SoundCard) -> None:
    sent = chirp(3000)
    with sound_card.recording(rate=RATE) as heard, Speaker() as speaker:
        speaker.write(sent, item_id="a")
        speaker.write(sent, item_id="b")
        Guard().until(lambda: speaker.handed_ms("a") > 500, "half a second of sound")
        speaker.clear()
        handed = speaker.handed_ms("a")
        assert speaker.drain(Guard().seconds)
        assert speaker.handed_ms("a") == handed
        assert speaker.played_ms("b") == 0
    assert found_in_order(heard.pcm, sent[: handed * MS]) > 0.7
    # In all no more was heard than was handed out, and the fade.
    blocks = np.frombuffer(heard.pcm, "<i2")[: len(heard.pcm) // 2 // MS * MS].reshape(-1, MS)
    assert np.count_nonzero(np.abs(blocks).max(axis=1) > 100) <= handed + 10


def test_the_microphone_hears_what_is_spoken(sound_card: SoundCard, tmp_path: Path) -> None:
    sent = chirp(1500)
    path = tmp_path / "spoken.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(sent.tobytes())
    with Microphone(chunk_ms=20) as microphone:
        line = iter(microphone)
        chunks = [next(line) for _ in range(5)]  # now it listens
        with sound_card.speaking(path) as speech:
            after = 0
            while after < 50:  # a second later all of it has come through
                chunks.append(next(line))
                after += speech.poll() is not None
    assert {len(chunk) for chunk in chunks} == {2 * 20 * MS}
    assert microphone.dropped_chunks == 0
    assert found_in_order(b"".join(chunks), sent) > 0.8


def test_a_muted_microphone_goes_on_with_silence(sound_card: SoundCard) -> None:
    with Microphone() as microphone:
        microphone.mute()
        chunks = iter(microphone)
        assert [next(chunks) for _ in range(5)] == [bytes(960)] * 5
        microphone.unmute()
        assert len(next(chunks)) == 960


def test_a_slow_reader_loses_the_oldest(sound_card: SoundCard) -> None:
    with Microphone(queue_ms=100) as microphone:
        Guard().until(lambda: microphone.dropped_chunks >= 3, "chunks to be dropped")
        assert microphone._queue.qsize() <= 5
        assert len(next(iter(microphone))) == 960


def test_closing_ends_the_iteration(sound_card: SoundCard, guard: Guard) -> None:
    started = threading.Event()

    def read() -> None:
        for _ in microphone:
            started.set()

    with Microphone() as microphone:
        thread = threading.Thread(target=read)
        thread.start()
        guard.wait(started, "the first chunk")
        microphone.close()
        guard.join(thread)
    assert list(microphone) == []


def test_both_share_one_portaudio_and_leave_nothing(sound_card: SoundCard) -> None:
    with Microphone() as microphone, Speaker() as speaker:
        assert portaudio._users == 2
        speaker.write(bytes(960))
        assert len(next(iter(microphone))) == 960
    assert portaudio._users == 0
    assert portaudio._instance is None
    microphone.close()
    speaker.close()


def test_devices_are_listed_and_found_by_name(sound_card: SoundCard) -> None:
    found = devices()
    default = next(device for device in found if device.default_output)
    for wanted in (default.index, default.name, default.name[1:4].upper()):
        with Speaker(device=wanted) as speaker:
            assert speaker.drain(Guard().seconds)
    for wanted in (999, "no such thing"):
        with pytest.raises(DeviceError, match=rf"{wanted}.*choose one of.*{default.name}"):
            Microphone(device=wanted).start()
    assert portaudio._users == 0


def test_what_is_not_open_says_so(sound_card: SoundCard) -> None:
    with pytest.raises(DeviceError, match="not open"):
        Speaker().write(b"ab")
    with pytest.raises(DeviceError, match="not open"):
        next(iter(Microphone()))
    with Speaker() as speaker, pytest.raises(DeviceError, match="started before"):
        speaker.start()
    with pytest.raises(DeviceError, match="closed"):
        speaker.write(b"ab")
    with Microphone() as microphone:
        pass
    with pytest.raises(DeviceError, match="started before"):
        microphone.start()


@pytest.mark.parametrize("rate", [RATE, 16000])
def test_a_whole_sound_is_heard(sound_card: SoundCard, tmp_path: Path, rate: int) -> None:
    sent = chirp(1500, rate=rate)
    path = tmp_path / "sent.wav"
    write_wav(path, sent, rate=rate)
    with sound_card.recording(rate=rate) as heard:
        play(path)
    assert found_in_order(heard.pcm, sent, rate=rate) > 0.8
    with sound_card.recording(rate=rate) as heard:
        play(sent.tobytes(), rate=rate)
    assert found_in_order(heard.pcm, sent, rate=rate) > 0.8
    assert portaudio._users == 0
    with pytest.raises(DeviceError, match="no such thing"):
        play(sent, device="no such thing")


def test_the_example_of_a_whole_sound(sound_card: SoundCard) -> None:
    assert doctest.testmod(speaker) == (0, 2)


def test_ctrl_c_ends_a_whole_sound_at_once(sound_card: SoundCard, tmp_path: Path) -> None:
    path, ms = tmp_path / "long.wav", 100_000
    write_wav(path, np.full(ms * MS, 8000, "<i2"))
    program = "import sys; from realtime_sync.audio import play; play(sys.argv[1]); print('whole')"
    with (
        sound_card.recording() as heard,
        subprocess.Popen(
            [sys.executable, "-c", program, str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as player,
    ):
        Guard().until(lambda: loud_ms(as_samples(heard.pcm)) > 200, "the sound")
        player.send_signal(signal.SIGINT)
        out, err = player.communicate(timeout=Guard().seconds)
    assert (out, player.returncode) == ("", -signal.SIGINT)
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert loud_ms(as_samples(heard.pcm)) < ms / 2
