"""The command `realtime-sync devices` on the virtual sound card."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from guards import Guard
from sound_card import SoundCard

RATE = 24_000
DEVICES = (sys.executable, "-m", "realtime_sync", "devices")


def run(*arguments: str) -> str:
    result = subprocess.run(
        [*DEVICES, *arguments], capture_output=True, text=True, timeout=Guard().seconds
    )
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def refused(*arguments: str) -> tuple[int, str]:
    result = subprocess.run(
        [*DEVICES, *arguments], capture_output=True, text=True, timeout=Guard().seconds
    )
    assert result.stdout == ""
    return result.returncode, result.stderr


def test_the_table_and_the_json_have_every_device(sound_card: SoundCard) -> None:
    listed = json.loads(run("--json"))
    assert {"index", "name", "host_api", "input_channels", "rate"} <= set(listed[0])
    assert [each["name"] for each in listed if each["default_input"]] == ["default"]
    table = run()
    assert "recording, playing" in table
    for each in listed:
        assert each["name"] in table
        assert f"{each['rate']} Hz" in table


def test_the_tone_is_heard(sound_card: SoundCard) -> None:
    with sound_card.recording(rate=RATE) as heard:
        assert run("--tone", "--device", "defau") == "played 440 Hz for 1 s\n"
    samples = np.frombuffer(heard.pcm, "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(samples))
    assert spectrum.argmax() * RATE / len(samples) == pytest.approx(440, abs=2)
    assert np.count_nonzero(np.abs(samples) > 1000) > RATE // 2


def test_the_meter_shows_what_is_spoken(sound_card: SoundCard, tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    turns = np.arange(20 * RATE) / RATE
    tone = np.sin(2 * np.pi * 500 * turns) * 32767 * 10 ** (-17 / 20)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(tone.astype("<i2").tobytes())
    with sound_card.speaking(path):
        lines = run("--meter", "2").splitlines()
    assert len(lines) == 2
    assert lines[-1].split()[-1] == "dBFS"
    assert int(lines[-1].split()[-2]) == pytest.approx(
        -20, abs=2
    )  # a sine's level is its peak's -3


def test_wrong_options_are_explained(sound_card: SoundCard) -> None:
    for arguments in (["--json", "--tone"], ["--device", "0"], ["--meter", "0"]):
        code, words = refused(*arguments)
        assert code == 2
        assert arguments[-1 if arguments[-1] == "--tone" else 0] in words
    code, words = refused("--tone", "--device", "no such thing")
    assert code == 1
    assert "choose one of: 0 'default'" in words
    assert len(words.splitlines()) == 1
