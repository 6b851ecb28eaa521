"""The examples in the docstrings run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from realtime_sync import distiller

HOMES = [
    f"{distiller.__name__}.{module.name}" for module in pkgutil.iter_modules(distiller.__path__)
]


@pytest.mark.parametrize("name", HOMES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
