"""What is read of a Markdown page."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import anchors, links, rows, words

PAGE = """\
# A page, with `code` & more

See [one](one.md), [`two`](two.md#there "title") and ![a picture](three.svg), not `[four](four.md)`.

| name | value |
|---|---|
| a | `x \\| y` |
| b | |

```python
# no heading
"[five](five.md)"
```

## Again

## Again
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(PAGE.replace(' "title"', ""), encoding="utf-8")
    return path


def test_headings_are_anchors_as_github_makes_them(page: Path) -> None:
    assert anchors(page) == {"a-page-with-code--more", "again", "again-1"}


def test_links_and_pictures_outside_of_code(page: Path) -> None:
    assert links(page) == ["one.md", "two.md#there", "three.svg"]


def test_the_rows_of_a_table(page: Path) -> None:
    assert list(rows(page, "| name | value |")) == [["a", "`x \\| y`"], ["b", ""]]
    assert list(rows(page, "| another |")) == []


def test_words(page: Path) -> None:
    assert {"page", "code", "five"} <= words(page)
