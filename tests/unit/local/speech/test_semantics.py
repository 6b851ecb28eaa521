from __future__ import annotations

import pytest

from realtime_sync.local.speech.semantics import sounds_complete


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("what time is it", True),
        ("Stop!", True),
        ("yes", True),
        ("I would like a table for 2", True),
        ("", False),
        ("um", False),
        ("I would like to", False),
        ("what is the weather in", False),
        ("tell me about the", False),
        ("wait, because...", False),
        ("I'm", False),
    ],
)
def test_whether_it_sounds_complete(text: str, complete: bool) -> None:
    assert sounds_complete(text) is complete
