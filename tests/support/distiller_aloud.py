"""Running the spoken program on the Distiller, ours or the SDK's, at a microphone and a speaker."""

from __future__ import annotations

import os
import subprocess

from embedded import QUESTIONS, Server
from guards import Guard
from monitor import as_samples, loud_ms
from port_rule import PORTED
from programs import REPOSITORY
from sound_card import SoundCard


def talk_aloud(python: str, name: str, server: Server, card: SoundCard) -> str:
    """Run a program that is spoken to once; return what it prints. Both answers are heard."""
    environment = {
        **os.environ,
        "API_KEY": server.key,
        "AIR_BASE_URL": server.url.removesuffix("/v1"),
        "PYTHONPATH": str(REPOSITORY),
    }
    with (
        subprocess.Popen(
            [python, "-u", str(PORTED / name), "Hello!"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
        card.recording() as heard,
    ):
        assert process.stdout is not None
        printed = ""
        while not printed.endswith("Speak now.\n"):
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            printed += line
        Guard().until(lambda: loud_ms(as_samples(heard.pcm)) > 500, "the written question's answer")
        before = loud_ms(as_samples(heard.pcm))
        card.speak(QUESTIONS / "weather.wav")
        output, errors = process.communicate(timeout=Guard().seconds)
        assert process.returncode == 0, errors
        Guard().until(lambda: loud_ms(as_samples(heard.pcm)) > before + 1_500, "the second answer")
    return printed + output
