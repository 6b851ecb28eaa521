"""Spoken turns with a Distiller on a microphone and a speaker: question aloud, answer aloud."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from embedded import QUESTIONS, Server, run_server
from guards import Guard
from monitor import as_samples, loud_ms
from programs import REPOSITORY, running
from raw_distiller import agent, project
from sound_card import Recording, SoundCard, card_with_one_rate

from realtime_sync import AIRefinery
from realtime_sync.audio.microphone import Microphone
from realtime_sync.distiller import audio_loop


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with run_server() as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[AIRefinery]:
    with AIRefinery(server.key, base_url=server.url) as client:
        distiller = client.realtime_distiller
        distiller.create_project(project="desk", json_config=project(agent("Clerk"), hz=24_000))
        distiller.create_project(
            project="open", json_config=project(agent("Clerk"), barge_in=True, hz=24_000)
        )
        yield client


def environment(server: Server) -> dict[str, str]:
    """What a program sees that talks to the server."""
    return {
        **os.environ,
        "API_KEY": server.key,
        "AIR_BASE_URL": server.url,
        "PYTHONPATH": str(REPOSITORY),
    }


def loud(recording: Recording) -> float:
    return loud_ms(as_samples(recording.pcm))


@pytest.fixture
def microphones(monkeypatch: pytest.MonkeyPatch) -> list[Microphone]:
    """Those that `listen_and_respond` has opened."""
    opened: list[Microphone] = []

    class Watched(Microphone):
        def __init__(self, *, rate: int) -> None:
            super().__init__(rate=rate)
            opened.append(self)

    monkeypatch.setattr(audio_loop, "Microphone", Watched)
    return opened


def rate_of(device: Microphone) -> int:
    """What the device has, whatever it gives."""
    assert device._stream is not None
    return device._stream.rate


@pytest.mark.parametrize("device_hz", [None, 48_000])
def test_a_question_is_answered_aloud_and_the_microphone_is_closed_meanwhile(
    sound_card: SoundCard,
    client: AIRefinery,
    capsys: pytest.CaptureFixture[str],
    microphones: list[Microphone],
    device_hz: int | None,
) -> None:
    rates: list[int] = []
    open_at_loud: list[bool] = []
    with (
        nullcontext() if device_hz is None else card_with_one_rate(device_hz),
        client.realtime_distiller(project="desk", uuid="device") as session,
        sound_card.recording() as heard,
    ):

        def ask() -> None:
            Guard().until(lambda: bool(microphones and microphones[0].is_open), "the microphone")
            rates.append(rate_of(microphones[0]))
            sound_card.speak(QUESTIONS / "weather.wav")
            Guard().until(lambda: loud(heard) > 300, "the answer aloud")
            open_at_loud.append(microphones[0].is_open)

        asking = threading.Thread(target=ask)
        asking.start()
        session.listen_and_respond(sample_rate=24_000)
        asking.join()
    assert "You: what is the weather in london\nClerk: " in capsys.readouterr().out
    assert loud(heard) > 500
    assert open_at_loud == [False]
    assert rates == [device_hz or 16_000]


LISTEN = """
import threading
from realtime_sync import AIRefinery
from realtime_sync.audio import Microphone, portaudio
from realtime_sync.distiller import audio_loop
from realtime_sync.errors import DeviceError

class Told(Microphone):
    def __iter__(self):
        chunks = super().__iter__()
        yield next(chunks)
        print("hears")
        yield from chunks

audio_loop.Microphone = Told
with AIRefinery() as client, client.realtime_distiller(project="desk", uuid="killed") as session:
    try:
        session.listen_and_respond(sample_rate=24_000)
    except DeviceError as exc:
        print("device:", exc)
    print("session open:", not session.closed)
print("left:", portaudio._users, portaudio._instance, threading.active_count())
"""


@pytest.mark.parametrize("when", ["listening", "answering"])
@pytest.mark.usefixtures("client")
def test_a_card_that_is_killed_is_an_error_and_leaves_nothing_open(
    own_card: SoundCard, server: Server, when: str
) -> None:
    """The session is still there after it, and ends as ever."""
    with running(LISTEN, {**environment(server), **own_card.env}) as program:
        assert program.stdout is not None
        said = program.stdout.readline()
        assert said == "hears\n"
        if when == "answering":
            own_card.speak(QUESTIONS / "story.wav")  # the answer lasts for half a minute
            while not said.endswith("Clerk: "):  # by then the microphone is closed
                said += program.stdout.read(1)
        own_card.daemon.kill()
        output, errors = program.communicate()
    print(said + output)
    assert program.returncode == 0, errors
    device, session, left = output.splitlines()[-3:]
    assert device.startswith("device: ")
    assert "was it unplugged?" in device
    assert session == "session open: True"
    assert left == "left: 0 None 1"
    assert "Traceback" not in errors


def test_speaking_interrupts_an_answer_where_the_server_hears_it(
    sound_card: SoundCard, client: AIRefinery, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        client.realtime_distiller(project="open", uuid="device") as session,
        sound_card.recording() as heard,
    ):

        def talk() -> None:
            sound_card.speak(QUESTIONS / "story.wav")
            Guard().until(lambda: loud(heard) > 500, "the story aloud")
            sound_card.speak(QUESTIONS / "interrupt.wav")

        talking = threading.Thread(target=talk)
        talking.start()
        session.listen_and_respond(sample_rate=24_000)
        talking.join()
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["You", "Clerk", "You", "Clerk"]
    assert "stop" in lines[2]
    assert loud(heard) < 12_000, "the story is half a minute long"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_the_sample_talks_until_ctrl_c(sound_card: SoundCard, server: Server) -> None:
    command = [sys.executable, "-u", str(REPOSITORY / "samples" / "distiller_talk.py")]
    with (
        subprocess.Popen(
            command,
            env=environment(server),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
        sound_card.recording() as heard,
    ):
        assert process.stdout is not None
        assert "speak whenever you like" in process.stdout.readline()
        Guard().until(sound_card.is_heard, "the microphone")
        sound_card.speak(QUESTIONS / "weather.wav")
        assert process.stdout.readline() == "You: what is the weather in london\n"
        Guard().until(lambda: loud(heard) > 300, "the answer aloud")
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=Guard().seconds)
    assert (process.returncode, output.endswith("goodbye\n")) == (0, True), output
    assert "Traceback" not in errors


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.usefixtures("client")
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("desk", "speak when no answer plays: this project hears nobody meanwhile\n"),
        ("open", "speak whenever you like; with headphones, or with --echo gate\n"),
    ],
)
def test_the_command_says_when_a_project_hears(
    sound_card: SoundCard, server: Server, name: str, hint: str
) -> None:
    with talking(server, name) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == hint
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=Guard().seconds) == ("", "\n")
    assert process.returncode == 130


def test_the_command_says_nothing_of_it_before_it_has_a_session(
    sound_card: SoundCard, server: Server
) -> None:
    with talking(server, "nobody") as process:
        output, errors = process.communicate(timeout=Guard().seconds)
    assert (process.returncode, output) == (1, "")
    assert "project 'nobody' can't be had" in errors


def talking(server: Server, name: str) -> subprocess.Popen[str]:
    """Talk to a project at the command line."""
    command = ("talk", "--provider", "airefinery", "--project", name)
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "realtime_sync", *command],
        env=environment(server),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
