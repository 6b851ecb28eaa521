"""What the Markdown pages of the repository say: headings, links and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from programs import REPOSITORY

__all__ = ["PAGES", "anchors", "links", "rows", "words"]

PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "CHANGELOG.md",
    *sorted((REPOSITORY / "docs").glob("**/*.md")),
    REPOSITORY / "samples" / "README.md",
]

_FENCED = re.compile(r"^( *)(```+).*?^\1\2\s*$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]+`")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
_LINK = re.compile(r"\[(?:[^][]|\[[^][]*\])*\]\(([^)\s]+)\)")


def anchors(path: Path) -> set[str]:
    """Return what follows `#` in links to the headings of a page."""
    found: set[str] = set()
    for heading in _HEADING.findall(_FENCED.sub("", path.read_text("utf-8"))):
        text = _LINK.sub(lambda match: match[0][1 : match[0].index("](")], heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        number = 0
        while (name := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(name)
    return found


def links(path: Path) -> list[str]:
    """Return where the links and pictures of a page lead."""
    text = _FENCED.sub("", path.read_text("utf-8"))
    return _LINK.findall(_CODE.sub("`code`", text))


def rows(path: Path, header: str) -> Iterator[list[str]]:
    """Yield the rows of every table of a page whose first line is ``header``."""
    lines = iter(path.read_text("utf-8").splitlines())
    for line in lines:
        if line == header:
            next(lines)  # the dashes
            for row in lines:
                if not row.startswith("|"):
                    break
                cells = re.split(r"(?<!\\)\|", row)[1:-1]
                yield [cell.strip() for cell in cells]


def words(path: Path) -> set[str]:
    """Return all names and words of a page."""
    return set(re.findall(r"\w+", path.read_text("utf-8")))
