"""On the sound card: what the speaker tells of its blocks, and talking with a button."""

from __future__ import annotations

import os
import queue
import subprocess
import sys

import numpy as np
from embedded import QUESTIONS, question
from guards import Guard
from sound_card import SoundCard

from realtime_sync.audio import Speaker


def test_the_speaker_tells_what_it_hands_to_the_device(sound_card: SoundCard) -> None:
    blocks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    said = question("hello")
    with Speaker() as speaker:
        assert speaker.listen(blocks.put) == 24_000
        speaker.write(said, item_id="a")
        assert speaker.drain(Guard().seconds)
    told = b"".join(blocks.get() for _ in range(blocks.qsize()))
    loud = np.flatnonzero(np.frombuffer(said, "<i2"))
    sound = np.frombuffer(told, "<i2")
    begin = int(np.flatnonzero(sound)[0])
    first, last = int(loud[0]), int(loud[-1])
    heard = sound[begin : begin + last - first + 1]
    # A busy machine may make a pause in it; the beginning is whole.
    assert (heard[:2400] == np.frombuffer(said, "<i2")[first : first + 2400]).all()


def test_a_turn_with_a_button_at_the_command_line(sound_card: SoundCard) -> None:
    command = [sys.executable, "-m", "realtime_sync", "talk", "--push-to-talk"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
        env=os.environ | sound_card.env | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert "press space or enter" in process.stdout.readline()
            process.stdin.write("\n")
            assert process.stdout.readline() == "you talk\n"
            sound_card.speak(QUESTIONS / "hello.wav")
            process.stdin.write("\n")
            heard = process.stdout.readline()
            assert heard.startswith("you: "), heard
            while not (line := process.stdout.readline()).startswith("assistant: "):
                assert line, "it ended before the answer"
        finally:
            process.terminate()
            process.communicate(timeout=Guard().seconds)


def test_a_microphone_without_sound_is_told_and_is_no_success(sound_card: SoundCard) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "realtime_sync", "talk", "--idle", "5.5", "--hang-up", "0.1"],
        capture_output=True,
        text=True,
        timeout=4 * Guard().seconds,
        env=os.environ | sound_card.env,
    )
    silent = "the microphone has delivered nothing but silence so far: see that it is not muted"
    assert [line[: len(silent)] for line in run.stdout.splitlines()].count(silent) == 1
    assert "nobody has spoken for" in run.stdout
    assert run.returncode == 1
    assert run.stderr == "error: nothing but silence has come from the microphone\n"
