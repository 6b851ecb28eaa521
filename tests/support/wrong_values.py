"""Every public callable with every parameter, and the wrong values that each of them gets.

The callables are found through ``__all__`` of the public packages: functions, constructors, and
methods of classes. `right_values` has what a method is called on, and what is right for the
parameters that must be given, so that one value at a time is wrong.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import ssl
import sys
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from types import UnionType
from typing import Any, Literal, Union

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from typing_extensions import Unpack, is_typeddict

__all__ = ["VALUES", "Callee", "callees", "fits", "is_value"]

PACKAGES = (
    "realtime_sync",
    "realtime_sync.audio",
    "realtime_sync.voice",
    "realtime_sync.app",
    "realtime_sync.distiller",
    "realtime_sync.events",
    "realtime_sync.tools",
    "realtime_sync.transport",
    "realtime_sync.providers",
    "realtime_sync.rest",
    "realtime_sync.connection",
    "realtime_sync.connection.resources",
    "realtime_sync.clients.base",
    "realtime_sync.local.responders",
    "realtime_sync.yandex",
    "realtime_sync.agents",
    "realtime_sync.testing",
)
# What modules import for type checkers alone.
_FOR_TYPES: dict[str, Any] = {
    "Callable": Callable,
    "Iterator": Iterator,
    "Mapping": Mapping,
    "NDArray": NDArray,
    "Sequence": Sequence,
    "Unpack": Unpack,
    "ssl": ssl,
}
for _package in (*PACKAGES, "realtime_sync.events.sessions", "realtime_sync.rest.request"):
    _module = importlib.import_module(_package)
    _FOR_TYPES.update((name, getattr(_module, name)) for name in _module.__all__)


class Plain:
    """Nothing that anybody could want."""


def nothing(*_: object, **__: object) -> None:
    """Take anything and return nothing."""


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def _endless() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["again"] = value
    return value


VALUES: dict[str, Any] = {
    "none": None,
    "a number": 7,
    "a negative number": -1,
    "a fraction": 0.5,
    "a switch": True,
    "a text": "x",
    "bytes": b"x",
    "a list": [7],
    "a dictionary": {7: Plain()},
    "an object": Plain(),
    "a class": Plain,
    "a function": nothing,
    "an array": np.zeros((2, 3)),
    "an empty text": "",
    "empty bytes": b"",
    "an empty list": [],
    "an empty dictionary": {},
    "zero": 0,
    "a huge number": 10**400,
    "more digits than Python prints": 10**5_000,
    "infinity": float("inf"),
    "minus infinity": float("-inf"),
    "no number": float("nan"),
    "a long text": "x" * 1_000_000,
    "long bytes": bytes(1_000_001),
    "half a surrogate pair": "\ud800",
    "a line break": "a\r\nb",
    "a null character": "a\0b",
    "a deep list": _nested(20_000),
    "a circle": _endless(),
}
"""One of each kind, empty ones and huge ones."""


@frozen
class Callee:
    """A public function, constructor or method.

    Attributes:
        name: such as ``audio.Speaker.write``.
        function: it takes what is right and wrong.
        parameters: that it has, without ``self`` and those of any name.
        hints: their annotations, as far as they can be read; `Any` for the others.
        owner: the class of a constructor or method.
        is_method: whether it needs an object.
    """

    name: str
    function: Any
    parameters: Mapping[str, inspect.Parameter]
    hints: Mapping[str, Any]
    owner: type | None = None
    is_method: bool = False

    @property
    def needed(self) -> list[str]:
        """The parameters that must be given."""
        return [name for name, each in self.parameters.items() if each.default is each.empty]


def callees() -> Iterator[Callee]:
    """Yield all public callables that take something, each once."""
    seen: set[int] = set()
    for package in PACKAGES:
        module = importlib.import_module(package)
        short = package.removeprefix("realtime_sync").removeprefix(".")
        for name in module.__all__:
            thing = getattr(module, name)
            if id(thing) in seen:
                continue
            seen.add(id(thing))
            label = f"{short}.{name}".removeprefix(".")
            found: Iterator[Callee] = iter(())
            if inspect.isclass(thing):
                found = _of_class(label, thing)
            elif inspect.isfunction(thing):
                found = iter([_callee(label, thing)])
            yield from (each for each in found if each.parameters)


def is_value(cls: type) -> bool:
    """Return whether a class only holds what it is given."""
    made = {"__post_init__", "__attrs_post_init__"} & set(vars(cls))
    holds = dataclasses.is_dataclass(cls) or hasattr(cls, "__attrs_attrs__")
    return holds and not made


def _of_class(label: str, cls: type) -> Iterator[Callee]:
    if is_typeddict(cls) or issubclass(cls, BaseException | Enum):
        return
    if getattr(cls, "_is_protocol", False):
        return
    if not inspect.isabstract(cls):
        yield _callee(label, cls, owner=cls)
    for name in dir(cls):
        found = inspect.getattr_static(cls, name)
        plain = found.__func__ if isinstance(found, classmethod | staticmethod) else found
        if name.startswith("_") or not inspect.isfunction(plain):
            continue
        if plain.__module__.startswith("realtime_sync"):
            yield _callee(
                f"{label}.{name}", getattr(cls, name), owner=cls, is_method=plain is found
            )


def _callee(
    name: str, function: Any, *, owner: type | None = None, is_method: bool = False
) -> Callee:
    parameters = [*inspect.signature(function).parameters.values()][is_method:]
    names = {**_FOR_TYPES, **vars(sys.modules[function.__module__])}
    found: dict[str, inspect.Parameter] = {}
    hints: dict[str, Any] = {}
    for each in parameters:
        hint = _read(each.annotation, names)
        if each.kind is each.VAR_KEYWORD:
            for option, option_hint in _options(hint):
                found[option] = inspect.Parameter(option, each.KEYWORD_ONLY, default=None)
                hints[option] = option_hint
        elif each.kind is not each.VAR_POSITIONAL:
            found[each.name], hints[each.name] = each, hint
    return Callee(name, function, found, hints, owner, is_method)


def _options(hint: Any) -> Iterator[tuple[str, Any]]:
    """Yield the names and annotations of ``**options: Unpack[SomeOptions]``."""
    for kind in typing.get_args(hint):
        if is_typeddict(kind):
            names = {**_FOR_TYPES, **vars(sys.modules[kind.__module__])}
            for name, annotation in kind.__annotations__.items():
                yield name, _read(getattr(annotation, "__forward_arg__", annotation), names)


def _read(annotation: Any, names: dict[str, Any]) -> Any:
    try:
        return eval(annotation, names) if isinstance(annotation, str) else annotation
    except Exception:  # it names what only type checkers know
        return Any


def fits(annotation: Any, value: Any) -> bool:
    """Return whether a value may be meant by an annotation; True where that can't be told."""
    if annotation is Any or annotation is inspect.Parameter.empty or isinstance(annotation, str):
        return True
    if annotation is None or annotation is type(None):
        return value is None
    origin = typing.get_origin(annotation)
    if origin in (Union, UnionType):
        return any(fits(each, value) for each in typing.get_args(annotation))
    if origin is Literal:
        plain = isinstance(value, str | int | None)
        return plain and value in typing.get_args(annotation)
    kind = dict if is_typeddict(annotation) else origin or annotation
    if not isinstance(kind, type) or getattr(kind, "_is_protocol", False):
        return True
    if kind in (int, float):
        wanted: Any = int if kind is int else int | float
        return isinstance(value, wanted) and not isinstance(value, bool)
    return isinstance(value, kind)
