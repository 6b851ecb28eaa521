"""The options of ``model_dump`` and its like, with the meaning that they have in pydantic."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from typing import Any, Literal

from .._required import require
from .._shown import shown
from .._types import JsonDict
from .._typing import TypedDict

__all__ = [
    "DumpOptions",
    "check_no_options",
    "check_options",
    "check_update",
    "reduced",
]


class DumpOptions(TypedDict, total=False):
    """What may be said of a dump.

    Attributes:
        mode: "python" or "json"; the values are the same, always ready for JSON.
        include, exclude: names of fields; or a dictionary of them, with True for all of a field, or
            with the names within it. Numbers are places in a list, ``"__all__"`` all of them.
        by_alias, use_api_names: either way, since fields have the names of the wire.
        exclude_none: leave out what is None, at every level.
        exclude_unset: whether fields that were not received or given are left out, True by default;
            else they are None.
        warnings: either way, since there are none.
    """

    mode: Literal["python", "json"]
    include: Set[str] | Mapping[str, Any] | None
    exclude: Set[str] | Mapping[str, Any] | None
    by_alias: bool | None
    use_api_names: bool
    exclude_none: bool
    exclude_unset: bool
    warnings: bool | Literal["none", "warn", "error"]


_MOST_NAMED = 10_000  # within a dictionary; more has only one that stands within itself
_CHOICES: dict[str, tuple[object, ...]] = {
    "mode": ("python", "json"),
    "by_alias": (True, False, None),
    "use_api_names": (True, False),
    "exclude_none": (True, False),
    "exclude_unset": (True, False),
    "warnings": (True, False, "none", "warn", "error"),
}
# Of pydantic's, with what to write instead.
_NOT_HERE = {
    "context": "nothing reads it; leave it out",
    "ensure_ascii": "the text is UTF-8; json.dumps(event.to_dict()) writes ASCII alone",
    "exclude_computed_fields": "there are none; leave it out",
    "exclude_defaults": "write exclude_none=True; what was not set is left out anyway",
    "fallback": "all values are ready for JSON; leave it out",
    "polymorphic_serialization": "all fields are dumped as they are; leave it out",
    "round_trip": "a dump can always be read again; leave it out",
    "serialize_as_any": "all fields are dumped as they are; leave it out",
}


def check_options(call: str, options: Mapping[str, Any], *, error: type[Exception]) -> None:
    """Refuse an option that is not here, and a value that an option can't have.

    What is not here passes with a value that pydantic has by default: it asks for nothing.

    Args:
        call: the name of the method.
        options: as they were given.
        error: what to raise.
    """
    for name, value in options.items():
        if name in _CHOICES:
            fits = any(_is(value, each) for each in _CHOICES[name])
            require(fits, f"{name} must be {_either(_CHOICES[name])}", value, error=error)
        elif name in ("include", "exclude"):
            _check_names(name, value, error)
        elif name not in _NOT_HERE or (value is not None and value is not False):
            advice = _NOT_HERE.get(name, "see its help for those that it has")
            raise error(f"{call}() has no option {name}={shown(value)}: {advice}")


def _is(value: object, choice: object) -> bool:
    return value is choice or (isinstance(value, str) and value == choice)


def _either(values: tuple[object, ...]) -> str:
    *most, last = map(repr, values)
    return f"{', '.join(most)} or {last}"


def check_no_options(call: str, options: Mapping[str, Any], *, error: type[Exception]) -> None:
    """Refuse every option that asks for something."""
    for name, value in options.items():
        if value is not None and value is not False:
            raise error(f"{call}() has no option {name}={shown(value)}: leave it out")


def check_update(update: object, *, error: type[Exception]) -> None:
    """Refuse what is no dictionary of fields and their new values."""
    fits = isinstance(update, Mapping) and all(isinstance(name, str) for name in update)
    rule = "what model_copy() changes must be a dictionary of fields"
    require(fits, rule, update, error=error)


def _check_names(name: str, value: object, error: type[Exception]) -> None:
    if value is None:
        return
    waiting: list[object] = [value]
    for within in waiting:
        fits = isinstance(within, Set | Mapping) and len(waiting) <= _MOST_NAMED
        require(fits, f"{name} must be a set of names, or a dictionary", within, error=error)
        if isinstance(within, Mapping):
            whole = (True, False, None, ...)
            waiting += [v for v in within.values() if not any(v is each for each in whole)]


def read_json(text: str | bytes | bytearray, what: str, *, error: type[Exception]) -> Any:
    """Return what a text holds, or say that it is no JSON."""
    call = f"{what}.model_validate_json()"
    require(isinstance(text, str | bytes | bytearray), f"{call} takes JSON text", text, error=error)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as exc:
        why = "it is not UTF-8"
        if isinstance(exc, json.JSONDecodeError):
            why = f"{exc.msg} at character {exc.pos}"
        elif isinstance(exc, RecursionError):
            why = "it is nested too deeply"
        raise error(f"{call} takes JSON text, not {shown(text)}: {why}") from exc


def reduced(values: JsonDict, options: DumpOptions) -> JsonDict:
    """Return what the options leave of a dump."""
    include, exclude = options.get("include"), options.get("exclude")
    if include is not None:
        values = _cut(values, include, keep=True)
    if exclude is not None:
        values = _cut(values, exclude, keep=False)
    if options.get("exclude_none"):
        values = _without_none(values)
    return values


def _cut(value: Any, names: Any, *, keep: bool) -> Any:
    """Keep, or leave out, what is named."""
    if not isinstance(value, dict | list):
        return value
    rules = names if isinstance(names, Mapping) else dict.fromkeys(names, True)
    left = []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        rule = rules.get(key, rules.get("__all__"))
        if rule is None or rule is False:
            rule = not keep
        elif rule is True or rule is ...:
            rule = keep
        else:
            inner, rule = _cut(inner, rule, keep=keep), True
        if rule:
            left.append((key, inner))
    return dict(left) if isinstance(value, dict) else [inner for _, inner in left]


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(v) for key, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_none(v) for v in value]
    return value
