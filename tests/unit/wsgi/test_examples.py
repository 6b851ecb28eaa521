"""The examples in the docstrings run, and every public name and option is in the document."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest
from blocks import python_blocks

from realtime_sync import wsgi

HOMES = [f"{wsgi.__name__}.{module.name}" for module in pkgutil.iter_modules(wsgi.__path__)]
PAGE = Path(__file__).parents[3] / "docs" / "wsgi.md"


@pytest.mark.parametrize("name", HOMES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_public_name_is_shown() -> None:
    shown = "".join(block.code for block in python_blocks(PAGE))
    assert [name for name in wsgi.__all__ if not re.search(rf"\b{name}\b", shown)] == []


def test_the_page_tells_of_every_option_and_method() -> None:
    page = PAGE.read_text(encoding="utf-8")
    told = set(inspect.signature(wsgi.accept).parameters) - {"environ"}
    for cls in (wsgi.WebSocket, wsgi.WebSocketLimit):
        told |= {name for name in vars(cls) if not name.startswith("_")}
    told -= {"open", "refuses_new"}  # for the log
    assert {name for name in told if not re.search(rf"`[^`]*\b{name}\b", page)} == set()


def test_the_page_has_the_defaults() -> None:
    page = PAGE.read_text(encoding="utf-8")
    default = {
        name: option.default for name, option in inspect.signature(wsgi.accept).parameters.items()
    }
    assert f"| `send_timeout` | {default['send_timeout']:g} s |" in page
    assert f"| `close_timeout` | {default['close_timeout']:g} s |" in page
    assert f"| {default['ping_interval']:g} s, {default['ping_timeout']:g} s |" in page
    assert default["max_size"] == 1 << 20
