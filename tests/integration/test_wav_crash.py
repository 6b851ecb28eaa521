"""A recording whose program is killed: what is there can be played, to the last whole write."""

from __future__ import annotations

import random
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from guards import Guard

CHUNK = 480

RECORD = """
import sys
import numpy as np
from realtime_sync.audio import WavSink
chunk, sink = np.arange({chunk}), WavSink(sys.argv[1], pace="fast")
number = 0
while True:
    sink.write(((chunk + number) % 30_000).astype(np.int16), item_id="a")
    number += {chunk}
"""

CONVERSE = """
import sys
import numpy as np
from realtime_sync.audio import StereoRecorder, VirtualMicrophone, VirtualSpeaker
class Clock:
    now = 0.0
    def __call__(self): return self.now
    def wait(self, event, seconds): self.now += seconds
clock = Clock()
recorder = StereoRecorder(sys.argv[1], clock=clock)
line, voice = VirtualMicrophone(clock=clock), VirtualSpeaker(clock=clock)
source, sink = recorder.source(line), recorder.sink(voice)
line.say(np.full(24_000 * 600, 7, np.int16))
for chunk in source:
    sink.write(chunk, item_id="a")
"""


@pytest.mark.parametrize(
    ("program", "channels"), [(RECORD.format(chunk=CHUNK), 1), (CONVERSE, 2)], ids=["sink", "both"]
)
def test_the_file_of_a_killed_program_is_whole(
    tmp_path: Path, guard: Guard, program: str, channels: int
) -> None:
    chance = random.Random(4)
    for number in range(4):
        path = tmp_path / f"{number}.wav"
        with subprocess.Popen([sys.executable, "-c", program, str(path)]) as process:
            enough = chance.randrange(50_000, 500_000)
            guard.until(
                lambda path=path, enough=enough: path.exists() and path.stat().st_size > enough,
                "a recording that is long enough",
            )
            process.kill()
        assert process.returncode != 1
        with wave.open(str(path), "rb") as file:
            assert (file.getframerate(), file.getnchannels()) == (24_000, channels)
            promised = file.getnframes()
            samples = np.frombuffer(file.readframes(promised), "<i2").reshape(-1, channels)
        there = (path.stat().st_size - 44) // 2 // channels
        print(f"killed with {there} frames in the file, the header promises {promised}")
        assert len(samples) == promised > 0
        assert 0 <= there - promised <= 2 * CHUNK  # the write that was under way
        if channels == 1:
            assert np.array_equal(samples[:, 0], np.arange(promised) % 30_000)
        else:
            assert set(samples[:, 0]) == {7}
