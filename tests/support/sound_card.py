"""A virtual sound card for tests: speak into its microphone, hear what its speaker plays."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from guards import Guard

from realtime_sync.audio import portaudio

SCRIPT = Path(__file__).parents[2] / "scripts" / "virtual_audio.sh"
_TOOLS = ("pulseaudio", "pactl", "paplay", "parecord")
# What a recorder still has to receive when the last sample was played: its own latency (20 ms
# asked for) and PulseAudio's buffer, generously.
_TAIL_S = 0.3


class Recording:
    """What the speaker played while the recording ran: int16, little-endian, interleaved.

    Attributes:
        rate: samples per second and channel.
        channels: how many.
        path: the file with the raw samples.
    """

    def __init__(self, path: Path, rate: int, channels: int) -> None:
        self.path = path
        self.rate = rate
        self.channels = channels

    @property
    def pcm(self) -> bytes:
        """All samples so far."""
        return self.path.read_bytes()


class SoundCard:
    """The running card.

    Attributes:
        env: the variables that make a program use it; with the fixture `sound_card` this
            process has them already.
        daemon: the process that is the card; a test may only hurt that of a card of its own.
    """

    def __init__(self, directory: Path, env: dict[str, str], daemon: psutil.Process) -> None:
        self._directory = directory
        self._guard = Guard()
        self.env = env
        self.daemon = daemon

    @contextmanager
    def speaking(self, wav: Path) -> Iterator[subprocess.Popen[bytes]]:
        """Play ``wav`` into the microphone; yields the process, whose end is the end of the file.

        Leaving the block early stops it.
        """
        # Half a second ahead: with less, a busy machine makes pauses in what is spoken.
        with self._run("paplay", "--device=mic_feed", "--latency-msec=500", str(wav)) as process:
            yield process

    def speak(self, wav: Path) -> None:
        """Play all of ``wav`` into the microphone."""
        with self.speaking(wav) as process:
            assert process.wait(self._guard.seconds) == 0, f"paplay could not play {wav}"

    def is_heard(self) -> bool:
        """Whether some program has the microphone open."""
        (microphone,) = [index for index, name, *_ in self._list("sources") if name == "mic"]
        return any(source == microphone for _, source, *_ in self._list("source-outputs"))

    def _list(self, kind: str) -> list[list[str]]:
        """What PulseAudio tells of each thing of a kind, in columns."""
        command = ("pactl", "list", "short", kind)
        env = {**os.environ, **self.env}
        run = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        return [line.split("\t") for line in run.stdout.splitlines()]

    @contextmanager
    def recording(self, *, rate: int = 24_000, channels: int = 1) -> Iterator[Recording]:
        """Record what the speaker plays; all that was played in the block is in the recording."""
        handle, name = tempfile.mkstemp(suffix=".pcm", dir=self._directory)
        os.close(handle)
        recording = Recording(Path(name), rate, channels)
        size = lambda: recording.path.stat().st_size  # noqa: E731 -- read three times below
        command = (
            "parecord",
            "--raw",
            "--device=speaker.monitor",
            "--format=s16le",
            f"--rate={rate}",
            f"--channels={channels}",
            "--latency-msec=20",
            name,
        )
        with self._run(*command):
            self._guard.until(size, "the first recorded sample")
            yield recording
            enough = size() + int(_TAIL_S * rate) * channels * 2
            self._guard.until(lambda: size() >= enough, "the end of the recording")

    @contextmanager
    def _run(self, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen(command, env={**os.environ, **self.env})
        try:
            yield process
        finally:
            process.terminate()
            process.wait(self._guard.seconds)


@contextmanager
def started_card() -> Iterator[SoundCard]:
    """A virtual sound card that only those see who get its `SoundCard.env`."""
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.fail(
            f"the virtual sound card needs {', '.join(missing)}: `make test` installs it "
            "(the packages pulseaudio, pulseaudio-utils and libasound2-plugins)",
            pytrace=False,
        )
    # Not pytest's own folder: the path of a unix socket has at most 107 bytes.
    directory = Path(tempfile.mkdtemp(prefix="card-"))
    process = subprocess.Popen(
        [str(SCRIPT), str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        env = {}
        for line in iter(process.stdout.readline, "ready\n"):
            if not line:
                pytest.fail(process.communicate()[1], pytrace=False)
            name, _, value = line.rstrip("\n").partition("=")
            env[name] = value
        daemons = [
            child
            for child in psutil.Process(process.pid).children()
            if child.name() == "pulseaudio"
        ]
        yield SoundCard(directory, env, daemons[0])
        process.stdin.close()  # that ends the daemon
        assert process.wait(Guard().seconds) == 0
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def sound_card() -> Iterator[SoundCard]:
    """A virtual sound card for the whole run.

    From the first use on, this process and its children see it and no other one: the variables
    are set before PyAudio looks for devices, which it does each time it is initialised.
    """
    with started_card() as card, pytest.MonkeyPatch.context() as patch:
        for name, value in card.env.items():
            patch.setenv(name, value)
        yield card


@pytest.fixture
def own_card() -> Iterator[SoundCard]:
    """A card for one test, which may hurt it; only programs that get its `SoundCard.env` see it."""
    with started_card() as card:
        yield card


@contextmanager
def card_with_one_rate(rate: int) -> Iterator[None]:
    """Have this process take the virtual card for one that has two channels and only one rate.

    It takes any rate, which would leave our resampler idle. So PortAudio's answer to "do you take
    this format?" is replaced. What is then opened and played is real: the stream has the forced
    rate, and the card converts once more, to its own 48 kHz.
    """
    real = portaudio._devices_of

    def supports(_audio: object, _direction: str, _device: object, hz: int, channels: int) -> bool:
        return (hz, channels) == (rate, 2)

    def devices(audio: object) -> list[portaudio.Device]:
        return [
            portaudio.Device(
                index=each.index,
                name=each.name,
                host_api=each.host_api,
                input_channels=2,
                output_channels=2,
                rate=rate,
                default_input=each.default_input,
                default_output=each.default_output,
            )
            for each in real(audio)
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(portaudio, "_supports", supports)
        patch.setattr(portaudio, "_devices_of", devices)
        yield
