"""The virtual sound card itself: what is said into it is heard, and a missing one is named."""

from __future__ import annotations

import math
import os
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest
import sound_card as support
from sound_card import SCRIPT, SoundCard

RATE = 24_000


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of 1 kHz."""
    path = tmp_path_factory.mktemp("tone") / "tone.wav"
    samples = np.sin(np.arange(RATE // 2) * 2 * math.pi * 1000 / RATE) * 12_000
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def loudest_hz(pcm: bytes) -> float:
    spectrum = np.abs(np.fft.rfft(np.frombuffer(pcm, "<i2")))
    return float(spectrum.argmax() * RATE / (len(pcm) // 2))


def test_what_the_speaker_plays_is_recorded(sound_card: SoundCard, tone: Path) -> None:
    with sound_card.recording(rate=RATE) as heard:
        subprocess.run(["paplay", str(tone)], check=True)
    samples = np.frombuffer(heard.pcm, "<i2")
    assert np.count_nonzero(np.abs(samples) > 100) > RATE // 4
    assert loudest_hz(heard.pcm) == pytest.approx(1000, abs=5)


def test_the_microphone_hears_what_is_spoken(
    sound_card: SoundCard, tone: Path, tmp_path: Path
) -> None:
    path = tmp_path / "heard.pcm"
    command = ["parecord", "--raw", "--format=s16le", f"--rate={RATE}", "--channels=1", str(path)]
    with subprocess.Popen(command) as recorder, sound_card.speaking(tone) as speech:
        assert speech.wait(30) == 0
        sound_card.speak(tone)
        recorder.terminate()
    assert loudest_hz(path.read_bytes()) == pytest.approx(1000, abs=5)


def test_this_process_uses_it(sound_card: SoundCard) -> None:
    import pyaudio

    assert os.environ["PULSE_SERVER"] == sound_card.env["PULSE_SERVER"]
    audio = pyaudio.PyAudio()
    try:
        assert audio.get_default_output_device_info()["maxOutputChannels"] > 0
        assert audio.get_default_input_device_info()["maxInputChannels"] > 0
    finally:
        audio.terminate()


def test_the_card_ends_with_whoever_started_it(tmp_path: Path) -> None:
    with subprocess.Popen(
        [str(SCRIPT), str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as card:
        out, _ = card.communicate(timeout=30)
    assert out.endswith("ready\n")
    assert not (tmp_path / "run" / "native").exists()


def test_without_pulseaudio_the_tests_fail_and_say_what_to_do(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(support.__file__).parent))
    monkeypatch.setenv("PATH", str(pytester.path))
    pytester.makeconftest('pytest_plugins = ["sound_card"]\n')
    pytester.makepyfile("def test_it(sound_card): pass")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*needs pulseaudio, pactl, paplay, parecord: `make test`*"])
