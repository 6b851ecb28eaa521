"""The spoken sample as it was, with the published SDK, at a microphone and a speaker.

The SDK prints nothing of what is said. As ported it runs in ``tests/audio/``.
"""

from __future__ import annotations

from distiller_aloud import talk_aloud
from embedded import run_server
from peers import airefinery_python
from sound_card import SoundCard


def test_it_talks(sound_card: SoundCard) -> None:
    python = airefinery_python()
    with run_server() as server:
        printed = talk_aloud(python, "distiller_talk_before.py", server, sound_card)
    assert printed.endswith("Speak now.\nThat was all.\n")
