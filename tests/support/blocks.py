"""The blocks of Markdown files: Python programs, and commands for a shell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>```+)(?P<language>\w*)\s*$")
_PRINTS = re.compile(r"^\s*<!-- prints -->\s*$")
_REMARK = re.compile(r"\s+# .*$")
_NOT_RUN = re.compile(r"^\s*<!-- not run: (?P<reason>.+?) -->\s*$")


@dataclass(frozen=True)
class Block:
    """One ``python`` block.

    Attributes:
        path: the document.
        line: the number of its first line of code.
        code: the program, with empty lines in front so that line numbers are the document's.
        not_run: why it is only compiled (the comment in front of it), or None.
        prints: what it prints, if the document says so.
    """

    path: Path
    line: int
    code: str
    not_run: str | None
    prints: str | None = None

    def __str__(self) -> str:
        return f"{self.path.name}:{self.line}"


@dataclass(frozen=True)
class Command:
    """One command of a ``console`` or ``sh`` block.

    Attributes:
        path: the document.
        line: its number there.
        text: the command, without a remark at its end.
        prints: what the document shows below it; empty where it shows nothing.
    """

    path: Path
    line: int
    text: str
    prints: str = ""

    def __str__(self) -> str:
        return f"{self.path.name}:{self.line}"


def python_blocks(path: Path) -> Iterator[Block]:
    """Yield the Python blocks of one document.

    ``<!-- not run: REASON -->`` on the last line before a block that is not empty marks it.
    ``<!-- prints -->`` there marks a block that has what the Python block before it prints.
    """
    blocks: list[Block] = []
    for language, first, text, mark in _blocks(path):
        if language == "python":
            not_run = _NOT_RUN.match(mark)
            reason = not_run["reason"] if not_run else None
            blocks.append(Block(path, first + 1, "\n" * first + text, reason))
        elif _PRINTS.match(mark):
            blocks[-1] = replace(blocks[-1], prints=text)
    yield from blocks


def command_blocks(path: Path) -> Iterator[list[Command]]:
    """Yield the commands of each block for a shell, of one document.

    In a ``console`` block they stand behind a ``$``, and below what they print; in one of ``sh``
    each line is one.
    """
    for language, first, text, _ in _blocks(path):
        if language not in ("console", "sh"):
            continue
        commands: list[Command] = []
        for number, line in enumerate(text.splitlines(), first + 1):
            if language == "sh" or line.startswith("$ "):
                command = _REMARK.sub("", line.removeprefix("$ "))
                commands.append(Command(path, number, command))
            else:
                last = commands[-1]
                commands[-1] = replace(last, prints=f"{last.prints}{line}\n")
        yield commands


def _blocks(path: Path) -> Iterator[tuple[str, int, str, str]]:
    """Yield the language, the lines before the text, the text, and the last line before each."""
    lines = path.read_text(encoding="utf-8").splitlines()
    opening: re.Match[str] | None = None
    first = 0
    mark = ""
    for number, line in enumerate(lines):
        if opening is None:
            if opening := _FENCE.match(line):
                first = number + 1
            elif line.strip():
                mark = line
        elif line.strip() == opening["fence"]:
            indent = len(opening["indent"])
            text = "".join(f"{text[indent:]}\n" for text in lines[first:number])
            yield opening["language"], first, text, mark
            opening, mark = None, ""
    if opening is not None:
        raise ValueError(f"{path}:{first}: this code block is not closed")
