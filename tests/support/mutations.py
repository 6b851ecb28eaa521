"""Everything that a server may get wrong in one field: events that are valid but for that field.

Examples of every server event are made of the annotations of its class, once for each class of its
items and parts; then each field, nested ones too, is left out, or takes each of the odd values. A
mutation is JSON text, because much of it can't be said in Python's own values.

One way of taking events gets all of them; a `sample` is enough for another way of doing the same.
"""

from __future__ import annotations

import json
import typing
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from types import UnionType
from typing import Any, Literal, NamedTuple, get_args, get_origin

from realtime_sync.events import SERVER_EVENTS, Model, UnknownItem

__all__ = [
    "BETA_TYPES",
    "TYPES",
    "Mutation",
    "all_odd_versions",
    "examples",
    "mutations",
    "odd_versions",
    "sample",
]

TYPES = sorted(SERVER_EVENTS)
# Names that only the beta has, and the GA types that their examples are made of.
BETA_TYPES = {
    "response.audio.delta": "response.output_audio.delta",
    "response.text.delta": "response.output_text.delta",
    "transcription_session.created": "session.created",
    "transcription_session.updated": "session.updated",
}

Path = tuple[str | int, ...]

_ALMOST_TOO_DEEP, _DEEP, _FAR_TOO_DEEP, _LONG = 250, 500, 100_000, 100_000
_MARK = "the odd value stands here"
# By name, as JSON.
ODD = {
    "null": "null",
    "true": "true",
    "zero": "0",
    "negative": "-7",
    "fraction": "1.5",
    "huge": "9" * 400,
    "overflow": "1e999",
    "nan": "NaN",
    "infinity": "-Infinity",
    "empty text": '""',
    "text": '"odd"',
    "surrogate": r'"\ud83d"',
    "empty list": "[]",
    "list": '[null, 7, "odd", [], {"id": ["a"], "type": {}}]',
    "empty object": "{}",
    "object": r'{"id": {"a": 1}, "type": ["x"], "role": 5, "\ud83d": NaN, "extra": 1, "raw": 2}',
    "audible": '"AA!E"',
    "too deep": "[" * _DEEP + "]" * _DEEP,
}
# Large ones, which only the event's own fields take.
LARGE = {
    "deep list": "[" * _ALMOST_TOO_DEEP + "]" * _ALMOST_TOO_DEEP,
    "deep object": '{"a":' * _ALMOST_TOO_DEEP + "1" + "}" * _ALMOST_TOO_DEEP,
    "long": '"' + "A" * _LONG + '"',
    "far too deep": "[" * _FAR_TOO_DEEP + "]" * _FAR_TOO_DEEP,
}

# What the values of a conversation have to fit together.
_TEXTS = {
    "event_id": "event_1",
    "response_id": "resp_1",
    "item_id": "item_1",
    "delta": b64encode(bytes(480)).decode(),
    "arguments": "{}",
    "call_id": "call_1",
    "name": "tool",
    "previous_item_id": "item_0",
}


class Mutation(NamedTuple):
    """One wrong event.

    ``name`` says which field it is and what stands there; ``text`` is the message.
    """

    name: str
    text: str


@lru_cache(maxsize=1)  # a type's are several MB
def mutations(type: str) -> tuple[Mutation, ...]:
    """Return all mutations of a server event, by its GA or beta name."""
    found: dict[str, str] = {}
    for event, path in _fields(type):
        found.update(_mutated(event, path))
    return tuple(Mutation(name, text) for name, text in found.items())


def sample(type: str, number: int) -> list[Mutation]:
    """Return some of the mutations of a type.

    The samples of all types with one ``number`` have each field together with each odd value once;
    another number has them in another type, or in another place of it.
    """
    turns = _turns()[type]
    return [each for each in mutations(type) if number % turns[each.name].of == turns[each.name].at]


class _Turn(NamedTuple):
    """Which of the mutations of one field by one value it is, and of how many."""

    at: int
    of: int


@cache
def _turns() -> dict[str, dict[str, _Turn]]:
    """Return each type's mutations by name, with their turns."""
    alike: dict[str, list[tuple[str, str]]] = {}
    turns: dict[str, dict[str, _Turn]] = {}
    for each in (*TYPES, *BETA_TYPES):
        turns[each] = {}
        names = {f"{_place(p)} {kind}": None for _, p in _fields(each) for kind in _kinds(p)}
        for name in names:
            alike.setdefault(name.rpartition(".")[2], []).append((each, name))
    # Shifted by one from each odd value to the next, so that no place gets all values of a field.
    for shift, group in enumerate(alike.values()):
        for at, (each, name) in enumerate(group, shift):
            turns[each][name] = _Turn(at % len(group), len(group))
    return turns


def odd_versions(event: dict[str, Any], kinds: Iterable[str]) -> Iterator[str]:
    """Yield an event of the caller's own with each of its fields replaced, as JSON.

    Args:
        event: a valid one.
        kinds: the names of the odd values.
    """
    for path in _paths(event):
        marked = json.dumps(_with(event, path))
        yield from (marked.replace(f'"{_MARK}"', ODD[kind]) for kind in kinds)


def all_odd_versions(event: dict[str, Any]) -> list[str]:
    """Return every mutation of an event of the caller's own, as JSON."""
    return [text for path in _paths(event) for _, text in _mutated(event, path)]


def examples(type: str) -> list[dict[str, Any]]:
    """Return valid events of a type."""
    cls = SERVER_EVENTS[BETA_TYPES.get(type, type)]
    return [{**values, "type": type} for values in _models(cls)]


def _fields(type: str) -> Iterator[tuple[dict[str, Any], Path]]:
    """Yield each field of each example, as the example and the path to it."""
    for event in examples(type):
        for path in _paths(event):
            if path != ("type",):
                yield event, path


def _place(path: Path) -> str:
    return ".".join(map(str, path))


def _kinds(path: Path) -> list[str]:
    """Return the names of what is done to a field."""
    missing = ["missing"] if isinstance(path[-1], str) else []
    return [*missing, *ODD, *(LARGE if len(path) == 1 else ())]


def _mutated(event: dict[str, Any], path: Path) -> Iterator[tuple[str, str]]:
    marked = json.dumps(_with(event, path))
    for kind in _kinds(path):
        name = f"{_place(path)} {kind}"
        if kind == "missing":
            yield name, json.dumps(_with(event, path, remove=True))
        else:
            yield name, marked.replace(f'"{_MARK}"', {**ODD, **LARGE}[kind])


def _with(event: dict[str, Any], path: Path, *, remove: bool = False) -> dict[str, Any]:
    changed = json.loads(json.dumps(event))
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    if remove:
        del inner[path[-1]]
    else:
        inner[path[-1]] = _MARK
    return changed  # type: ignore[no-any-return]


def _paths(value: Any, start: Path = ()) -> Iterator[Path]:
    steps: Any = value.items() if isinstance(value, dict) else enumerate(value)
    for step, inner in steps:
        yield (*start, step)
        if isinstance(inner, dict | list):
            yield from _paths(inner, (*start, step))


# -- examples --------------------------------------------------------------------------------------


def _models(cls: type[Model]) -> list[dict[str, Any]]:
    """Return one example for each alternative that one of the fields has."""
    fields = {
        name: _values(name, hint)
        for name, hint in typing.get_type_hints(cls).items()
        if name in cls._wire
    }
    first = {name: values[0] for name, values in fields.items()}
    others = [{**first, name: value} for name, values in fields.items() for value in values[1:]]
    return [first, *others]


def _values(name: str, hint: Any) -> list[Any]:
    origin = get_origin(hint)
    if origin is Literal:
        return [get_args(hint)[0]]
    if origin in (typing.Union, UnionType):
        members = [each for each in get_args(hint) if each not in (type(None), UnknownItem)]
        alternatives = [value for each in members for value in _values(name, each)]
        return alternatives if any(isinstance(v, dict) for v in alternatives) else alternatives[:1]
    if origin is list:
        return [[value] for value in _values(name, get_args(hint)[0])]
    if origin is dict:
        return [{"key": "value"}]
    if isinstance(hint, type) and issubclass(hint, Model):
        return list(_models(hint))
    plain: dict[Any, Any] = {int: 1, float: 0.5, bool: True, str: _TEXTS.get(name, "text")}
    return [plain.get(hint, "anything")]
