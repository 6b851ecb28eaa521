"""The examples in the docstrings run, and every public name has one, there or in the documents."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from blocks import python_blocks

from realtime_sync import voice
from realtime_sync.conversation import history_item

HOMES = [history_item.__name__]
HOMES += [f"{voice.__name__}.{module.name}" for module in pkgutil.iter_modules(voice.__path__)]
PAGE = Path(__file__).parents[3] / "docs" / "audio.md"


@pytest.mark.parametrize("name", HOMES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def examples() -> str:
    """All code that is shown to users and runs in the tests."""
    finder = doctest.DocTestFinder()
    shown = [test.examples for name in HOMES for test in finder.find(importlib.import_module(name))]
    lines = [example.source for each in shown for example in each]
    return "".join([*lines, *(b.code for b in python_blocks(PAGE) if b.not_run is None)])


def missing_from(shown: str) -> list[str]:
    return [name for name in voice.__all__ if not re.search(rf"\b{name}\b", shown)]


def test_every_public_name_is_shown() -> None:
    assert missing_from(examples()) == []


def test_the_check_sees_a_name_that_is_not_shown() -> None:
    assert missing_from(examples().replace("TurnLost", "")) == ["TurnLost"]


def options_of(name: str) -> set[str]:
    home = voice.VoiceLoop if name == "VoiceLoop" else voice.Interruptions
    return set(home.__init__.__annotations__) - {"return", "connection", "source", "sink", "clock"}


@pytest.mark.parametrize("name", ["VoiceLoop", "Interruptions"])
def test_the_page_tells_of_every_option(name: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert {option for option in options_of(name) if f"`{option}" not in page} == set()


def test_the_page_tells_of_every_event_and_all_its_fields() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name in voice.__all__:
        fields = getattr(getattr(voice, name), "__attrs_attrs__", ())
        types = [field.default for field in fields if field.name == "type"]
        if not types or not str(types[0]).startswith("voice."):
            continue
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{types[0]}` ")]
        assert f"| `{name}` |" in row
        missing = [f.name for f in fields if f.name != "type" and f"`{f.name}`" not in row]
        assert missing == [], row
