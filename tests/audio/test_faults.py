"""No device, a busy one, and one that disappears: a clear error, soon, and everything closes.

Each on a card of its own, seen by a program of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from guards import Guard
from programs import running
from sound_card import SoundCard

TRY_BOTH = """
import os
from realtime_sync.audio import Microphone, Speaker, portaudio, devices
from realtime_sync.errors import DeviceError
before = os.fstat(2)
print(len(devices()), "devices")
for device in (Microphone(), Speaker()):
    name = type(device).__name__
    try:
        device.start()
        print(name, "works")
    except DeviceError as exc:
        print(name, exc)
    device.close()
assert os.fstat(2) == before
print("closed", portaudio._users, portaudio._instance)
"""

USE_BOTH = """
import sys, threading
from realtime_sync.audio import Microphone, Speaker, portaudio
from realtime_sync.errors import DeviceError

def say(*words):
    # One write a line, since two threads say something: print writes word by word.
    sys.stdout.write(" ".join(map(str, words)) + "\\n")
    sys.stdout.flush()

def report(name, use):
    try:
        use()
    except DeviceError as exc:
        say(name, exc)

def listen():
    for number, _ in enumerate(microphone):
        if number == 5:
            listening.set()

def speak():
    while True:
        speaker.write(bytes(4800))
        if speaker.handed_ms(None) > 200:
            speaking.set()

listening, speaking = threading.Event(), threading.Event()
with Microphone() as microphone, Speaker(prebuffer_ms=0, buffer_ms=500) as speaker:
    uses = [("microphone", listen), ("speaker", speak)]
    threads = [threading.Thread(target=report, args=use) for use in uses]
    for thread in threads:
        thread.start()
    listening.wait()
    speaking.wait()
    say("ready")
    for thread in threads:
        thread.join()
    report("drain", speaker.drain)
    report("again", lambda: next(iter(microphone)))
say("closed", portaudio._users, portaudio._instance, threading.active_count())
"""


def try_both(env: dict[str, str]) -> tuple[list[str], str]:
    began = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-c", TRY_BOTH],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=True,
        timeout=Guard().seconds,
    )
    print(f"a program that tries both: {time.monotonic() - began:.2f} s")
    lines = run.stdout.splitlines()
    assert lines[-1] == "closed 0 None"
    return lines[:-1], run.stderr


def test_without_a_card_it_is_quiet_and_says_what_to_do(
    sound_card: SoundCard, tmp_path: Path
) -> None:
    # The card's configuration has nothing but PulseAudio, and that is not there.
    lines, errors = try_both({"PULSE_SERVER": f"unix:{tmp_path}/nobody"})
    assert errors == ""
    assert lines[0] == "0 devices"
    assert "no microphone" in lines[1]
    assert "WavSource" in lines[1]
    assert "no speaker" in lines[2]


def test_a_busy_speaker_says_so(own_card: SoundCard) -> None:
    """PulseAudio takes 256 streams for a sink, and no more."""
    subprocess.run(
        ["bash", "-c", "for _ in {1..256}; do pactl load-module module-sine sink=speaker; done"],
        env={**os.environ, **own_card.env},
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=Guard().seconds,
    )
    lines, errors = try_both(own_card.env)
    assert lines[1] == "Microphone works"
    assert "can't open 'default' for output: the sound system refused it" in lines[2]
    assert "no other program has it" in lines[2]
    only_portaudio_itself(errors)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_card_that_disappears_is_an_error_for_all_who_use_it(
    own_card: SoundCard, how: signal.Signals
) -> None:
    with running(USE_BOTH, own_card.env) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        killed = time.monotonic()
        own_card.daemon.send_signal(how)
        said: dict[str, str] = {}
        for line in program.stdout:
            name, _, words = line.strip().partition(" ")
            said[name] = words
            print(f"{time.monotonic() - killed:.3f} s after {how.name}: {line}", end="")
        _, errors = program.communicate(timeout=Guard().seconds)
    assert program.returncode == 0, errors
    for name in ("microphone", "speaker", "drain", "again"):
        assert "was it unplugged?" in said[name]
    assert said["closed"] == "0 None 1"
    only_portaudio_itself(errors)


FREEZE = """
from realtime_sync.audio import portaudio, microphone, speaker
portaudio._CLOSE_S = microphone._STALL_S = speaker._STALL_S = 1.0
"""


def test_a_frozen_sound_server_holds_nobody_up_for_long(own_card: SoundCard) -> None:
    """The stream itself can't be had back; but whoever closes it goes on, and the program ends."""
    with running(FREEZE + USE_BOTH, own_card.env) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        frozen = time.monotonic()
        own_card.daemon.suspend()
        try:
            out, errors = program.communicate()
        finally:
            own_card.daemon.resume()
    print(f"the program ended {time.monotonic() - frozen:.1f} s after the freeze:\n{out}{errors}")
    assert program.returncode == 0
    assert "microphone the microphone is silent" in out
    assert "speaker the speaker has asked for no audio" in out
    assert "closed" in out
    assert errors.count("a stream is left behind half closed") == 2


def only_portaudio_itself(errors: str) -> None:
    """PortAudio's own builds tell on stderr which call failed, and offer no way to stop it."""
    assert all(line.startswith("Expression '") for line in errors.splitlines()), errors
