"""Names that load their module at their first use (PEP 562).

A package whose ``__init__`` gathers names would load everything behind them. With `resolver` it
loads a module when somebody asks for a name of it. This is also how a part reaches a higher layer,
which it may not import: by name, at the moment of use.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module

__all__ = ["load", "resolver"]


def load(package: str, home: str, name: str) -> object:
    """Return what a module defines.

    Args:
        package: the package's own ``__name__``.
        home: the module below it, such as ``"connection.translation"``.
        name: what to take from it.
    """
    return getattr(import_module(f"{package}.{home}"), name)


def resolver(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return what a package binds to ``__getattr__`` and ``__dir__``.

    A home must not have the name of something public: importing it would hide that name.

    Args:
        package: the ``__name__`` of the package, which is also the one that ``homes`` are below.
        homes: the module that defines each name.
    """
    module = sys.modules[package]

    def get(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = load(package, homes[name], name)
        setattr(module, name, value)  # so that it is asked only once
        return value

    def names() -> list[str]:
        return sorted({*vars(module), *homes})

    return get, names
