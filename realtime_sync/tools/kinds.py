"""Kinds of values: how each is described to the model, and built of the JSON that comes back.

A kind has both directions, so that what is described and what is accepted can't differ.
"""

# ruff: noqa: D102  # what the methods of a kind do stands at `Kind`

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from attrs import field, frozen

from .._types import JsonDict

__all__ = [
    "NULL",
    "PLAIN",
    "AnyOf",
    "ArgumentError",
    "ArrayOf",
    "Kind",
    "MappingOf",
    "Member",
    "ObjectOf",
    "OneOf",
    "TupleOf",
    "words_for",
]


class ArgumentError(Exception):
    """A value of the model's breaks a rule; the text tells the model which."""


class Kind(ABC):
    """One kind of values."""

    @abstractmethod
    def words(self) -> str:
        """Return what the values are called in a sentence."""

    def takes_null(self) -> bool:
        """Return whether null is one of them."""
        return False

    @abstractmethod
    def schema(self) -> JsonDict:
        """Return the JSON schema."""

    @abstractmethod
    def build(self, value: Any, where: str) -> Any:
        """Return what the function gets for a JSON value.

        Raises:
            ArgumentError: the value is none of this kind.
        """

    def refuse(self, value: Any, where: str) -> ArgumentError:
        """Return the error that ``value`` at ``where`` is none of this kind."""
        return ArgumentError(f"{where} must be {self.words()}, not {words_for(value)}")


# -- plain values ----------------------------------------------------------------------------------


@frozen
class Plain(Kind):
    """Texts, numbers, true and false, null."""

    type: str
    name: str
    accepts: Callable[[Any], bool]
    make: Callable[[Any], Any] = field(default=lambda value: value)

    def words(self) -> str:
        return self.name

    def takes_null(self) -> bool:
        return self.type == "null"

    def schema(self) -> JsonDict:
        return {"type": self.type}

    def build(self, value: Any, where: str) -> Any:
        if not self.accepts(value):
            raise self.refuse(value, where)
        return self.make(value)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that no float can hold
        return False


def _is_integer(value: Any) -> bool:
    """Whether JSON calls it an integer, as it does 3.0."""
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, int) and not isinstance(value, bool)


NULL = Plain("null", "null", lambda value: value is None)
PLAIN: dict[Any, Kind] = {
    str: Plain("string", "a string", lambda value: isinstance(value, str)),
    int: Plain("integer", "an integer", _is_integer, int),
    float: Plain("number", "a number", _is_number, float),
    bool: Plain("boolean", "true or false", lambda value: isinstance(value, bool)),
    None: NULL,
    type(None): NULL,
}


@frozen
class OneOf(Kind):
    """Values that are listed: a ``Literal`` or an ``Enum``.

    Args:
        choices: JSON values, and what the function gets for each.
    """

    choices: tuple[tuple[Any, Any], ...]

    def words(self) -> str:
        texts = [json.dumps(value, ensure_ascii=False) for value, _ in self.choices]
        return texts[0] if len(texts) == 1 else f"one of {', '.join(texts)}"

    def takes_null(self) -> bool:
        return any(value is None for value, _ in self.choices)

    def schema(self) -> JsonDict:
        values = [value for value, _ in self.choices]
        kinds = list(dict.fromkeys(str(PLAIN[type(value)].schema()["type"]) for value in values))
        return {"type": kinds[0] if len(kinds) == 1 else kinds, "enum": values}

    def build(self, value: Any, where: str) -> Any:
        for choice, member in self.choices:
            if type(choice) is type(value) and choice == value:  # True is no 1
                return member
        raise self.refuse(value, where)

    def refuse(self, value: Any, where: str) -> ArgumentError:
        simple = value is None or isinstance(value, bool | int | float | str)
        shown = json.dumps(value, ensure_ascii=False)[:100] if simple else words_for(value)
        return ArgumentError(f"{where} must be {self.words()}, not {shown}")


@frozen
class AnyOf(Kind):
    """Values of several kinds: a ``Union``, or ``X | None``."""

    kinds: tuple[Kind, ...]

    def words(self) -> str:
        return " or ".join(kind.words() for kind in self.kinds)

    def takes_null(self) -> bool:
        return any(kind.takes_null() for kind in self.kinds)

    def schema(self) -> JsonDict:
        others = [kind.schema() for kind in self.kinds if kind is not NULL]
        schema = others[0] if len(others) == 1 else {"anyOf": others}
        return nullable(schema) if NULL in self.kinds else schema

    def build(self, value: Any, where: str) -> Any:
        errors = []
        for kind in self.kinds:
            try:
                return kind.build(value, where)
            except ArgumentError as exc:  # noqa: PERF203 -- the next kind is tried
                errors.append(exc)
        if len(self.kinds) - (NULL in self.kinds) == 1:
            raise errors[-1 if self.kinds[0] is NULL else 0]  # says more about what is inside
        raise self.refuse(value, where)


def nullable(schema: JsonDict) -> JsonDict:
    """Return a schema that also takes null."""
    if "enum" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        return {**schema, "type": [*kinds, "null"], "enum": [*schema["enum"], None]}
    if set(schema) == {"type"}:
        return {"type": [schema["type"], "null"]}
    return {"anyOf": [*schema.get("anyOf", [schema]), {"type": "null"}]}


# -- containers ------------------------------------------------------------------------------------


@frozen
class ArrayOf(Kind):
    """Any number of values of one kind: a list, a set, ``tuple[X, ...]``."""

    item: Kind
    make: Callable[[Iterable[Any]], Any]

    def words(self) -> str:
        return "an array"

    def schema(self) -> JsonDict:
        return {"type": "array", "items": self.item.schema()}

    def build(self, value: Any, where: str) -> Any:
        if not isinstance(value, list):
            raise self.refuse(value, where)
        items = [self.item.build(item, f"{where}[{n}]") for n, item in enumerate(value)]
        return _made(self.make, items, where)


@frozen
class TupleOf(Kind):
    """A fixed number of values, each of its own kind: ``tuple[X, Y]``."""

    items: tuple[Kind, ...]

    def words(self) -> str:
        return f"an array of {len(self.items)}"

    def schema(self) -> JsonDict:
        kinds: list[JsonDict] = []
        for item in self.items:
            if (schema := item.schema()) not in kinds:
                kinds.append(schema)
        size = len(self.items)
        items = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
        return {"type": "array", "items": items, "minItems": size, "maxItems": size}

    def build(self, value: Any, where: str) -> Any:
        if not isinstance(value, list):
            raise self.refuse(value, where)
        if len(value) != len(self.items):
            raise ArgumentError(f"{where} must be {self.words()}, not of {len(value)}")
        pairs = zip(self.items, value, strict=True)
        return tuple(kind.build(item, f"{where}[{n}]") for n, (kind, item) in enumerate(pairs))


@frozen
class MappingOf(Kind):
    """Texts to values of one kind: ``dict[str, X]``."""

    value: Kind

    def words(self) -> str:
        return "an object"

    def schema(self) -> JsonDict:
        return {"type": "object", "additionalProperties": self.value.schema()}

    def build(self, value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            raise self.refuse(value, where)
        return {key: self.value.build(item, f"{where}.{key}") for key, item in value.items()}


@frozen
class Member:
    """A named value of an object, or a parameter of a function.

    Attributes:
        optional: it has a default, which it keeps where the model says null.
    """

    name: str
    kind: Kind
    optional: bool = False
    description: str = ""

    def schema(self, *, strict: bool) -> JsonDict:
        """Return the schema, with the description."""
        schema = self.kind.schema()
        if strict and self.optional and not self.kind.takes_null():
            schema = nullable(schema)
        return {**schema, "description": self.description} if self.description else schema

    def is_left_out(self, values: JsonDict) -> bool:
        """Whether the default stays."""
        if not self.optional:
            return False
        missing = self.name not in values
        return missing or (values[self.name] is None and not self.kind.takes_null())

    def build(self, values: JsonDict, inside: str) -> Any:
        """Return the value among ``values``, which stand ``inside`` an object."""
        if self.name not in values:
            raise ArgumentError(f"{inside}{self.name} is missing")
        return self.kind.build(values[self.name], inside + self.name)


@frozen
class ObjectOf(Kind):
    """Named values: a dataclass, an attrs class, a TypedDict, a pydantic model, the arguments.

    Args:
        members: what it has.
        make: is called with the members as keywords.
        strict: whether the model must name every member, and no others; a member with a default
            may then be null.
    """

    members: tuple[Member, ...]
    make: Callable[..., Any]
    strict: bool = True

    def words(self) -> str:
        return "an object"

    def schema(self) -> JsonDict:
        """Return the schema; in its strict form every property is required, and no others."""
        members = self.members
        schema: JsonDict = {
            "type": "object",
            "properties": {member.name: member.schema(strict=self.strict) for member in members},
            "required": [m.name for m in members if self.strict or not m.optional],
        }
        return {**schema, "additionalProperties": False} if self.strict else schema

    def build(self, value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            raise self.refuse(value, where or "the arguments")
        inside = f"{where}." if where else ""
        errors = list(self._unknown(value, inside))
        values: dict[str, Any] = {}
        for member in self.members:
            try:
                if not member.is_left_out(value):
                    values[member.name] = member.build(value, inside)
            except ArgumentError as exc:  # noqa: PERF203 -- the others are looked at, too
                errors.append(str(exc))
        if errors:  # all of them, so that the model can mend them at once
            raise ArgumentError("; ".join(errors))
        return _made(lambda found: self.make(**found), values, where or "the arguments")

    def _unknown(self, value: JsonDict, inside: str) -> Iterator[str]:
        if not self.strict:
            return
        names = [member.name for member in self.members]
        known = ", ".join(names) or "none"
        for key in value:
            if key not in names:
                yield f"there is no {inside}{key[:100]}; known are: {known}"


def _made(make: Callable[[Any], Any], values: Any, where: str) -> Any:
    """Call the program's own class, which may have rules of its own."""
    try:
        return make(values)
    except Exception as exc:
        raise ArgumentError(f"{where}: {exc}") from exc


def words_for(value: Any) -> str:
    """Return what a JSON value is called in a sentence."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return json.dumps(value)[:100] if _is_number(value) else "a number out of range"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"
