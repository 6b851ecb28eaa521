"""Spoken turns with a Distiller on a microphone and a speaker: question aloud, answer aloud."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from embedded import QUESTIONS, Server, run_server
from guards import Guard
from monitor import as_samples, loud_ms
from programs import REPOSITORY
from raw_distiller import agent, project
from sound_card import Recording, SoundCard

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


def loud(recording: Recording) -> float:
    return loud_ms(as_samples(recording.pcm))


def test_a_question_is_answered_aloud_and_the_microphone_is_closed_meanwhile(
    sound_card: SoundCard,
    client: AIRefinery,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    microphones: list[Microphone] = []
    open_at_loud: list[bool] = []

    class Watched(Microphone):
        def __init__(self, *, rate: int) -> None:
            super().__init__(rate=rate)
            microphones.append(self)

    monkeypatch.setattr(audio_loop, "Microphone", Watched)
    with (
        client.realtime_distiller(project="desk", uuid="device") as session,
        sound_card.recording() as heard,
    ):

        def ask() -> None:
            Guard().until(lambda: bool(microphones and microphones[0].is_open), "the microphone")
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
    environment = {
        **os.environ,
        "API_KEY": server.key,
        "AIR_BASE_URL": server.url,
        "PYTHONPATH": str(REPOSITORY),
    }
    command = [sys.executable, "-u", str(REPOSITORY / "samples" / "distiller_talk.py")]
    with (
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process,
        sound_card.recording() as heard,
    ):
        assert process.stdout is not None
        assert "speak whenever you like" in process.stdout.readline()
        sound_card.speak(QUESTIONS / "weather.wav")
        assert process.stdout.readline() == "You: what is the weather in london\n"
        Guard().until(lambda: loud(heard) > 300, "the answer aloud")
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=Guard().seconds)
    assert (process.returncode, output.endswith("goodbye\n")) == (0, True), output
    assert "Traceback" not in errors
