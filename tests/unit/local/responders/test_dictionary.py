from __future__ import annotations

import pytest

from realtime_sync.local.responders.dictionary import translate


@pytest.mark.parametrize(
    ("text", "language", "said"),
    [
        ("Hello", "fr", "bonjour"),
        ("tell me a zebra", "es-MX", "cuenta me una zebra"),
        ("Hello", "ja", "Hello"),
        ("", "de", ""),
    ],
)
def test_what_it_knows(text: str, language: str, said: str) -> None:
    assert translate(text, language) == said
