"""The examples in the docstrings run, and every public name is shown in the document."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from blocks import python_blocks

from realtime_sync import app

HOMES = [f"{app.__name__}.{module.name}" for module in pkgutil.iter_modules(app.__path__)]
PAGE = Path(__file__).parents[3] / "docs" / "decorators.md"


@pytest.mark.parametrize("name", HOMES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_public_name_is_shown() -> None:
    shown = "".join(block.code for block in python_blocks(PAGE))
    assert [name for name in app.__all__ if not re.search(rf"\b{name}\b", shown)] == []


def test_the_page_tells_of_every_option() -> None:
    page = PAGE.read_text(encoding="utf-8")
    options = set(app.Realtime.__init__.__annotations__) - {"return", "model"}
    assert {option for option in options if f"`{option}" not in page} == set()
