"""The names of `openai.types.realtime` that the tests know are those of the newest version."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from peers import REPOSITORY, openai_newest_python, versions

KNOWN = REPOSITORY / "tests" / "unit" / "events" / "openai_types.json"
SCRIPT = REPOSITORY / "tests" / "support" / "openai_types.py"


def names(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)["names"]
    return found


def difference(known: dict[str, Any], newest: dict[str, Any]) -> list[str]:
    """Return a line for each name that is new, removed or another thing than it was."""
    lines = [f"new: {name} {newest[name]}" for name in newest if name not in known]
    lines += [f"removed: {name}" for name in known if name not in newest]
    changed = [name for name in known if newest.get(name, known[name]) != known[name]]
    return [*lines, *(f"changed: {name} {known[name]} -> {newest[name]}" for name in changed)]


def test_the_known_names_are_those_of_the_newest_version() -> None:
    command = [openai_newest_python(), str(SCRIPT)]
    newest = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    versions.add(f"the type names of openai {json.loads(newest)['openai']}")
    lines = difference(names(KNOWN.read_text("utf-8")), names(newest))
    assert not lines, "make tests/unit/events/openai_types.json anew:\n" + "\n".join(lines)


@pytest.mark.parametrize(
    ("newest", "line"),
    [
        ({"A": 1, "B": 2, "C": 3}, "new: C 3"),
        ({"A": 1}, "removed: B"),
        ({"A": 1, "B": 3}, "changed: B 2 -> 3"),
    ],
)
def test_a_difference_is_told(newest: dict[str, Any], line: str) -> None:
    assert difference({"A": 1, "B": 2}, newest) == [line]
