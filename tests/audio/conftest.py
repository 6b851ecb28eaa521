"""Everything in here runs on the virtual sound card."""

from __future__ import annotations

import pytest
from sound_card import SoundCard


@pytest.fixture(autouse=True)
def _on_the_sound_card(sound_card: SoundCard) -> None:
    """Start it before the first test of this folder touches PyAudio."""
