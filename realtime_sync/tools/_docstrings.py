"""What a docstring says of a function and of each of its parameters.

Three styles are read: Google's (``Args:`` and indented entries), NumPy's (``Parameters`` over a
line of hyphens) and Sphinx's (``:param name: …``).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Literal

from attrs import field, frozen

from .._shown import shown
from ..errors import ConfigError

__all__ = ["DocstringStyle", "Documentation", "read_docstring"]

DocstringStyle = Literal["google", "numpy", "sphinx"]

_PARAMETERS = {"args", "arguments", "attributes", "keyword args", "other parameters", "parameters"}
_OTHERS = {
    "example", "examples", "note", "notes", "raises", "references", "return", "returns", "see also",
    "warning", "warnings", "warns", "yield", "yields",
}  # fmt: skip
_SPHINX = re.compile(r":(?P<field>\w+)(?:\s+(?P<what>[^:]*))?:(?P<text>.*)")
_SPHINX_PARAMETERS = {"arg", "argument", "key", "keyword", "param", "parameter"}
# ``name (type): text`` and ``name: text``
_GOOGLE_ENTRY = re.compile(r"\*{0,2}(?P<name>\w+)\s*(?:\([^)]*\))?\s*:(?P<text>.*)")
# ``name : type``, ``name: type``, ``name, other`` and ``name`` alone
_NUMPY_ENTRY = re.compile(r"(?P<names>\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?$")


@frozen
class Documentation:
    """A docstring: what stands before its first section, and a text for each parameter."""

    description: str = ""
    parameters: dict[str, str] = field(factory=dict)


_STYLES = ("google", "numpy", "sphinx")


def read_docstring(docstring: str | None, *, style: DocstringStyle | None = None) -> Documentation:
    """Return what ``docstring`` says; nothing for None.

    Args:
        docstring: of a function or a class.
        style: the only one that is looked for; each section's own by default.

    Raises:
        ConfigError: there is no such style.
    """
    if style is not None and (not isinstance(style, str) or style not in _STYLES):
        raise ConfigError(
            f"docstring_style={shown(style)} is unknown; choose 'google', 'numpy' or 'sphinx', or "
            "None for each section's own"
        )
    lines = inspect.cleandoc(docstring or "").splitlines()
    intro: list[str] = []
    parameters: dict[str, list[str]] = {}
    place = 0
    while place < len(lines):
        found, title = _section_at(lines, place, style)
        if found is None:
            if not parameters:  # what follows the parameters is no introduction
                intro.append(lines[place])
            place += 1
        elif found == "sphinx":
            place = _read_sphinx(lines, place, parameters)
        else:
            begin = place + (2 if found == "numpy" else 1)
            place = _end_of_section(lines, begin, found, style)
            if title in _PARAMETERS:
                parameters |= dict(_entries(lines[begin:place], found))
            if not parameters:
                parameters[""] = []  # the introduction is over
    texts = {name: _joined(words) for name, words in parameters.items() if name and any(words)}
    return Documentation(description="\n".join(intro).strip(), parameters=texts)


def _section_at(
    lines: list[str], place: int, only: DocstringStyle | None
) -> tuple[DocstringStyle | None, str]:
    """Return the style and the title of the section that begins at a line, if one does."""
    style, title = _any_section_at(lines, place)
    return (None, "") if only not in (None, style) else (style, title)


def _any_section_at(lines: list[str], place: int) -> tuple[DocstringStyle | None, str]:
    line = lines[place]
    title = line.strip().removesuffix(":").lower()
    known = title in _PARAMETERS | _OTHERS
    below = lines[place + 1].strip() if place + 1 < len(lines) else ""
    if known and len(below) >= 3 and set(below) == {"-"}:
        return "numpy", title
    if known and line.rstrip().endswith(":") and not line[:1].isspace():
        return "google", title
    return ("sphinx", "") if _SPHINX.match(line) else (None, "")


def _end_of_section(
    lines: list[str], begin: int, style: DocstringStyle, only: DocstringStyle | None
) -> int:
    for place in range(begin, len(lines)):
        begins_other = _section_at(lines, place, only)[0] is not None
        outside = bool(lines[place].strip()) and not lines[place][:1].isspace()
        if begins_other or (style == "google" and outside):
            return place
    return len(lines)


def _entries(lines: list[str], style: DocstringStyle) -> Iterator[tuple[str, list[str]]]:
    """Yield each entry's names and text: lines with the least indentation begin one."""
    indent = min((_indent(line) for line in lines if line.strip()), default=0)
    pattern = _NUMPY_ENTRY if style == "numpy" else _GOOGLE_ENTRY
    texts: list[list[str]] = []
    for line in lines:
        begins = pattern.match(line.strip()) if _indent(line) == indent and line.strip() else None
        if begins is None:
            for text in texts:
                text.append(line)
            continue
        found = begins.groupdict()
        names = re.findall(r"\w+", found.get("names") or found["name"])
        texts = [[found.get("text") or ""] for _ in names]
        yield from zip(names, texts, strict=True)


def _read_sphinx(lines: list[str], place: int, parameters: dict[str, list[str]]) -> int:
    """Read one field into ``parameters``; return the line after it."""
    match = _SPHINX.match(lines[place])
    assert match is not None
    text = [match["text"]]
    place += 1
    while place < len(lines) and (not lines[place].strip() or lines[place][:1].isspace()):
        text.append(lines[place])
        place += 1
    words = (match["what"] or "").split()
    is_parameter = match["field"] in _SPHINX_PARAMETERS and words
    parameters[words[-1].lstrip("*") if is_parameter else ""] = text
    return place


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _joined(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())
