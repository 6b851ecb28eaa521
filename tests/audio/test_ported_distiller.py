"""The spoken program on the Distiller, ported, at a microphone and a speaker.

What it was runs in ``tests/peers/``.
"""

from __future__ import annotations

import sys

from distiller_aloud import talk_aloud
from embedded import run_server
from sound_card import SoundCard


def test_it_talks(sound_card: SoundCard) -> None:
    with run_server() as server:
        printed = talk_aloud(sys.executable, "distiller_talk.py", server, sound_card)
    assert printed == (
        "Tutor: Hello! How can I help you?\n"
        "Speak now.\n"
        "You: what is the weather in london\n"
        "Tutor: I can't look up the weather in London: this session has no tool for it.\n"
        "That was all.\n"
    )
