"""What must not run side by side in a parallel run."""

from __future__ import annotations

import pytest


# First, for pytest-xdist writes the groups that it finds into the names of the tests.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one worker have all tests of the sound card.

    It begins with them, the largest group; the unit tests, which are short, come last. So no
    worker is left alone with a long test in the end.
    """
    for item in items:
        # Two cards at once would make pauses in each other's sound.
        if "sound_card" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("sound_card"))
