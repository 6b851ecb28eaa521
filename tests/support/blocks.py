"""The Python blocks of Markdown files, as programs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>```+)(?P<language>\w*)\s*$")
_NOT_RUN = re.compile(r"^\s*<!-- not run: (?P<reason>.+?) -->\s*$")


@dataclass(frozen=True)
class Block:
    """One ``python`` block.

    Attributes:
        path: the document.
        line: the number of its first line of code.
        code: the program, with empty lines in front so that line numbers are the document's.
        not_run: why it is only compiled (the comment in front of it), or None.
    """

    path: Path
    line: int
    code: str
    not_run: str | None

    def __str__(self) -> str:
        return f"{self.path.name}:{self.line}"


def python_blocks(path: Path) -> Iterator[Block]:
    """Yield the blocks of one document.

    ``<!-- not run: REASON -->`` on the last line before a block that is not empty marks it.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    opening: re.Match[str] | None = None
    first = 0
    reason: str | None = None
    for number, line in enumerate(lines):
        if opening is None:
            if opening := _FENCE.match(line):
                first = number + 1
            elif line.strip():
                marked = _NOT_RUN.match(line)
                reason = marked["reason"] if marked else None
        elif line.strip() == opening["fence"]:
            if opening["language"] == "python":
                indent = len(opening["indent"])
                code = "\n" * first + "".join(f"{text[indent:]}\n" for text in lines[first:number])
                yield Block(path, first + 1, code, reason)
            opening, reason = None, None
    if opening is not None:
        raise ValueError(f"{path}:{first}: this code block is not closed")
