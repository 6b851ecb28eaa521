"""The command `realtime-sync talk`, as a newcomer types it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import wave
from pathlib import Path

import psutil
from embedded import QUESTIONS
from guards import Guard

TALK = (sys.executable, "-m", "realtime_sync", "talk")


def inputs(*names: str) -> list[str]:
    return [part for name in names for part in ("--input", str(QUESTIONS / f"{name}.wav"))]


def test_recordings_are_answered_and_the_answers_kept(tmp_path: Path) -> None:
    answers = tmp_path / "answers.wav"
    run = subprocess.run(
        [*TALK, *inputs("weather"), "--output", str(answers)],
        capture_output=True,
        text=True,
        timeout=110,
    )
    print(run.stdout)
    assert (run.returncode, run.stderr) == (0, "")
    lines = run.stdout.splitlines()
    assert lines[0] == "you: what is the weather in london"
    assert 'calls get_weather {"city": "London"}' in lines
    assert "assistant: The weather in London is sunny, 21 degrees." in lines
    with wave.open(str(answers), "rb") as file:
        assert file.getnframes() > 2 * file.getframerate()


def test_ctrl_c_ends_it_quietly(tmp_path: Path) -> None:
    command = [*TALK, *inputs("story"), "--output", str(tmp_path / "a.wav")]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a terminal sends Ctrl-C to the server's process, too
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "you: please tell me a story\n"
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=Guard().seconds)
    assert (process.returncode, errors.strip()) == (130, "")
    _, alive = psutil.wait_procs(children, timeout=Guard().seconds)
    assert alive == []


def test_without_a_microphone_it_says_what_to_do(tmp_path: Path) -> None:
    config = tmp_path / "asound.conf"  # whatever sound card this machine has
    config.write_text("pcm.!default { type pulse }\nctl.!default { type pulse }\n")
    silent = {"ALSA_CONFIG_PATH": str(config), "PULSE_SERVER": f"unix:{tmp_path}/nobody"}
    run = subprocess.run(
        TALK, capture_output=True, text=True, timeout=60, env={**os.environ, **silent}
    )
    assert run.returncode == 1
    assert len(run.stderr.splitlines()) == 1
    assert "no microphone" in run.stderr
    assert "--input QUESTION.wav" in run.stderr


def test_without_a_key_it_says_what_to_do(tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if k != "OPENAI_API_KEY"}
    run = subprocess.run(
        [*TALK, "--provider", "openai", *inputs("hello"), "--output", str(tmp_path / "a.wav")],
        capture_output=True,
        text=True,
        timeout=60,
        env=env,
    )
    assert run.returncode == 1
    assert "OPENAI_API_KEY" in run.stderr
    assert "Traceback" not in run.stderr
