"""The annotations of the ``__init__`` that attrs makes, so that they can be read at run time."""

from __future__ import annotations

from functools import cache
from inspect import get_annotations
from typing import Any, get_type_hints

import attrs

__all__ = ["bind_init_hints"]

_hints_of = cache(get_type_hints)


def bind_init_hints(cls: type) -> None:
    """Give ``__init__`` the types of inherited and of converted fields as values.

    attrs copies them as texts, from the base or from the converter, and a text names what that
    module has imported: not always what the module of the class has.

    Args:
        cls: an attrs class, as ``__attrs_init_subclass__`` is called with it.
    """
    hints: dict[str, Any] = cls.__init__.__annotations__  # type: ignore[misc]  # attrs' own
    own = get_annotations(cls).keys()
    for base in reversed(cls.__mro__[1:-1]):  # the nearest has the last word
        for name in get_annotations(base).keys() & hints.keys() - own:
            hints[name] = _hints_of(base)[name]
    for field in attrs.fields(cls):
        if field.converter is not None and field.alias in hints:
            hints[field.alias] = next(iter(_hints_of(field.converter).values()))
