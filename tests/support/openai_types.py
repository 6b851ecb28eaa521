"""What the public names of `openai.types.realtime` are, in an environment that has the package.

Run as a program it prints them as JSON; so is made what the tests compare ours with:

    .venv/bin/python tests/support/openai_types.py > tests/unit/events/openai_types.json

A name is described by its kind. A ``model`` or a ``dictionary`` has ``fields`` (of each, whether it
is required) and ``tag``, the literals of its ``type`` and ``role``. A ``union``, also one of a
single class, has ``literals`` and ``members``: the name of a class that is public itself, or what
another one is. A ``list`` has the ``of`` that it is a list of.
"""

from __future__ import annotations

import json
import types
import typing
from typing import Any, Literal, get_args, get_origin

import typing_extensions

Description = dict[str, Any]
_WRAPPERS = (typing.Annotated, typing_extensions.Required, typing_extensions.NotRequired)
_UNIONS = (typing.Union, types.UnionType)


def unwrapped(hint: Any) -> Any:
    """Return a type without what only says how it is to be used."""
    while get_origin(hint) in _WRAPPERS:
        hint = get_args(hint)[0]
    return hint


def members(hint: Any) -> list[Any]:
    """Return the alternatives of a type; one that has none is its own."""
    hint = unwrapped(hint)
    if get_origin(hint) in _UNIONS:
        return [member for part in get_args(hint) for member in members(part)]
    return [hint]


def classes(hint: Any) -> list[Any]:
    """Return the classes among the alternatives of a type."""
    return [m for m in members(hint) if isinstance(m, type) and m is not type(None)]


def literals(hint: Any) -> list[Any]:
    """Return the literals among the alternatives of a type."""
    found = [value for m in members(hint) if get_origin(m) is Literal for value in get_args(m)]
    return sorted(found, key=str)


def public_names(package: Any) -> dict[str, Description]:
    """Return every public name of a package of types, with its description."""
    found = {
        name: value
        for name, value in sorted(vars(package).items())
        if name[0].isupper() and not isinstance(value, types.ModuleType)
    }
    names = {id(value): name for name, value in found.items() if isinstance(value, type)}
    return {name: _describe(value, names) for name, value in found.items()}


def _describe(value: Any, public: dict[int, str]) -> Description:
    value = unwrapped(value)
    if typing_extensions.is_typeddict(value):
        hints = typing_extensions.get_type_hints(value, include_extras=True)
        required = {n: get_origin(h) is typing_extensions.Required for n, h in hints.items()}
        return _class("dictionary", hints, required)
    if isinstance(value, type):  # a pydantic model
        fields: dict[str, Any] = value.model_fields  # type: ignore[attr-defined]
        hints = {name: field.annotation for name, field in fields.items()}
        return _class("model", hints, {n: f.is_required() for n, f in fields.items()})
    if get_origin(value) is list:
        return {"kind": "list", "of": _describe(get_args(value)[0], public)}
    found = [public.get(id(cls)) or _describe(cls, public) for cls in classes(value)]
    return {"kind": "union", "members": sorted(found, key=str), "literals": literals(value)}


def _class(kind: str, hints: dict[str, Any], required: dict[str, bool]) -> Description:
    tag = {key: literals(hints[key]) for key in ("type", "role") if key in hints}
    return {"kind": kind, "fields": dict(sorted(required.items())), "tag": tag}


def main() -> None:
    """Print the names of the package that is installed, each on a line of its own."""
    from openai import __version__
    from openai.types import realtime

    lines = [f'"{name}": {json.dumps(what)}' for name, what in public_names(realtime).items()]
    print(f'{{"openai": "{__version__}", "names": {{')
    print(",\n".join(lines))
    print("}}")


if __name__ == "__main__":
    main()
