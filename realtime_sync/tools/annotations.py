"""The kind of an annotation: from ``list[str]`` to what describes and builds lists of texts."""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import functools
import types
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import attrs

from .._shown import shown
from ._docstrings import read_docstring
from .constraints import constrained, words_of
from .kinds import PLAIN, AnyOf, ArrayOf, Kind, MappingOf, Member, ObjectOf, OneOf, TupleOf

__all__ = ["Indescribable", "description_in", "kind_of"]


class Indescribable(Exception):  # noqa: N818 -- becomes a ConfigError, which names the place
    """An annotation has no JSON schema; the text says what to do."""


_ARRAYS: dict[Any, Callable[[Iterable[Any]], Any]] = {
    list: list,
    set: set,
    frozenset: frozenset,
    collections.abc.Collection: list,
    collections.abc.Iterable: list,
    collections.abc.MutableSequence: list,
    collections.abc.Sequence: list,
    collections.abc.Set: set,
}
_NO = dataclasses.MISSING
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_LITERALS = (str, int, bool, type(None))
_WHAT_TO_DO = (
    "use str, int, float, bool, list[X], tuple[X, ...], set[X], dict[str, X], X | None, a Literal, "
    "an Enum, a dataclass, an attrs class, a TypedDict or a pydantic model"
)


def kind_of(annotation: Any, outer: tuple[Any, ...] = (), *, strict: bool = True) -> Kind:
    """Return the kind of an annotation's values.

    Args:
        annotation: evaluated, not text.
        outer: the classes that it stands inside of.
        strict: the form of the schema of objects; see `ObjectOf`.

    Raises:
        Indescribable: it has none.
    """
    inner = functools.partial(kind_of, outer=outer, strict=strict)
    origin, args = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type | None) and annotation in PLAIN:
        return PLAIN[annotation]
    if origin is Annotated:
        return _constrained(inner(args[0]), annotation)
    if origin is Union or origin is types.UnionType:
        return AnyOf(tuple(inner(arg) for arg in args))
    if origin is Literal:
        return _literal(args)
    if origin is tuple and args and args[-1:] != (...,):
        return TupleOf(tuple(inner(arg) for arg in args))
    if origin in (*_ARRAYS, tuple) and args:
        return ArrayOf(inner(args[0]), _ARRAYS.get(origin, tuple))
    if origin in _MAPPINGS and args:
        if args[0] is not str:
            raise Indescribable("the keys of JSON objects are texts; use dict[str, X]")
        return MappingOf(inner(args[1]))
    if isinstance(annotation, type):
        return _class(annotation, outer, strict)
    raise Indescribable(f"{_name(annotation)} has no JSON schema; {_WHAT_TO_DO}")


def description_in(annotation: Any) -> str:
    """Return the text in ``Annotated[…, "text"]``, or in its ``Field``; empty without one."""
    if get_origin(annotation) is not Annotated:
        return ""
    extras = get_args(annotation)[1:]
    texts = [x if isinstance(x, str) else getattr(x, "description", None) for x in extras]
    return next((text for text in texts if text and isinstance(text, str)), "")


def _constrained(kind: Kind, annotation: Any) -> Kind:
    try:
        return constrained(kind, annotation)
    except ValueError as exc:
        raise Indescribable(str(exc)) from exc


def _literal(values: tuple[Any, ...]) -> Kind:
    if not all(type(value) in _LITERALS for value in values):
        raise Indescribable("a Literal may have texts, integers, true, false and None")
    return OneOf(tuple((value, value) for value in values))


def _class(cls: type, outer: tuple[Any, ...], strict: bool) -> Kind:
    if issubclass(cls, enum.Enum):
        choices = tuple((member.value, member) for member in cls)
        if not choices or not all(type(value) in (str, int) for value, _ in choices):
            raise Indescribable(f"the values of {cls.__name__} must be texts or integers")
        return OneOf(choices)
    if cls in outer:
        raise Indescribable(f"{cls.__name__} contains itself, which has no end; use a flat list")
    members, make = _parts_of(cls)
    texts = read_docstring(cls.__doc__).parameters
    kinds = tuple(_member(cls, part, texts, outer, strict) for part in members)
    return ObjectOf(kinds, make, strict)


class _Member(NamedTuple):
    """A member of a class before its annotation is understood."""

    name: str
    annotation: Any
    optional: bool
    description: str = ""


def _member(
    cls: type, part: _Member, texts: dict[str, str], outer: tuple[Any, ...], strict: bool
) -> Member:
    try:
        kind = kind_of(part.annotation, (*outer, cls), strict=strict)
    except Indescribable as exc:
        raise Indescribable(f"{cls.__name__}.{part.name}: {exc}") from exc
    text = part.description or description_in(part.annotation) or texts.get(part.name, "")
    return Member(part.name, kind, optional=part.optional, description=text)


def _parts_of(cls: Any) -> tuple[list[_Member], Callable[..., Any]]:
    """Return what a class is made of, and what makes an object of it."""
    if hasattr(cls, "model_fields") and hasattr(cls, "model_validate"):
        return _pydantic_parts(cls), _validating(cls)
    try:
        hints = get_type_hints(cls, include_extras=True)
    except NameError as exc:
        raise Indescribable(
            f"an annotation of {cls.__name__} can't be read ({exc}); define that at the top of "
            "the module"
        ) from exc
    make: Callable[..., Any] = cls
    if dataclasses.is_dataclass(cls):
        return [
            _Member(f.name, hints[f.name], f.default is not _NO or f.default_factory is not _NO)
            for f in dataclasses.fields(cls)
            if f.init
        ], make
    if attrs.has(cls):
        return [
            _Member(f.alias or f.name, hints.get(f.name), f.default is not attrs.NOTHING)
            for f in attrs.fields(cls)
            if f.init
        ], make
    if issubclass(cls, dict) and hasattr(cls, "__required_keys__"):
        return [_typed_dict_part(cls, name, hint) for name, hint in hints.items()], dict
    raise Indescribable(f"{_name(cls)} has no JSON schema; {_WHAT_TO_DO}")


def _typed_dict_part(cls: Any, name: str, hint: Any) -> _Member:
    """Read ``Required`` and ``NotRequired``, which the class does not see in a text."""
    required = name in cls.__required_keys__
    form = getattr(get_origin(hint), "_name", None)
    if form in ("Required", "NotRequired"):
        required, hint = form == "Required", get_args(hint)[0]
    return _Member(name, hint, not required)


def _pydantic_parts(cls: Any) -> list[_Member]:
    parts = []
    for name, info in cls.model_fields.items():
        alias = info.validation_alias if isinstance(info.validation_alias, str) else info.alias
        text = info.description or next((m for m in info.metadata if isinstance(m, str)), "")
        parts.append(_Member(alias or name, info.annotation, not info.is_required(), text))
    return parts


def _validating(cls: Any) -> Callable[..., Any]:
    """Return what makes a pydantic model, with pydantic's rules and without its long messages."""

    def make(**values: Any) -> Any:
        try:
            return cls.model_validate(values)
        except ValueError as exc:
            raise ValueError(words_of(exc)) from exc

    return make


def _name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else shown(annotation)
