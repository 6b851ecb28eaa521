"""Programs on the Distiller at a microphone and a speaker: the ported sample, the page's own.

What the sample was runs in ``tests/peers/``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from blocks import python_blocks
from distiller_aloud import running, talk_aloud
from embedded import QUESTIONS, Server, run_server
from guards import Guard
from monitor import as_samples, is_over
from programs import REPOSITORY
from raw_distiller import agent, create, project
from sound_card import SoundCard


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with run_server() as running:
        yield running


def test_the_ported_sample_talks(sound_card: SoundCard, server: Server) -> None:
    assert talk_aloud(sys.executable, "distiller_talk.py", server, sound_card) == (
        "Tutor: Hello! How can I help you?\n"
        "Speak now.\n"
        "You: what is the weather in london\n"
        "Tutor: I can't look up the weather in London: this session has no tool for it.\n"
        "That was all.\n"
    )


def test_the_program_of_the_document_talks(
    sound_card: SoundCard, server: Server, tmp_path: Path
) -> None:
    blocks = python_blocks(REPOSITORY / "docs" / "distiller.md")
    (block,) = [block for block in blocks if Path(__file__).name in (block.not_run or "")]
    file = tmp_path / "talk.py"
    file.write_text(block.code, encoding="utf-8")
    create(server, "tutor", project(agent("Tutor"), hz=24_000))
    with running(sys.executable, file, server) as program, sound_card.recording() as answer:
        Guard().until(sound_card.is_heard, "the microphone")
        sound_card.speak(QUESTIONS / "weather.wav")
        program.read_to("You: what is the weather in london")
        program.read_to("Tutor: ")
        Guard().until(lambda: is_over(as_samples(answer.pcm)), "the answer")
