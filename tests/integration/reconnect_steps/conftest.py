"""The test plays the server of each link, step by step."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scripted_links import ScriptedLinks


@pytest.fixture
def links() -> Iterator[ScriptedLinks]:
    """Links that the test plays the server of."""
    opened = ScriptedLinks()
    yield opened
    opened.close()
