"""Validates raw server events against the published `openai` types, and lets nothing pass.

openai's own parsing is lenient: it constructs a model from anything. Here a required field that
is missing, a field the model does not have, a wrong literal and a wrong JSON type all fail, at
every depth. Excepted are the three fields of the session that openai's WebSocket models lack.
"""

from __future__ import annotations

import json
import types
import typing
from typing import Any, get_args, get_origin

from openai.types.realtime.realtime_server_event import RealtimeServerEvent
from pydantic import BaseModel

SESSION_EXTRAS = {"id", "object", "expires_at"}


class NotTheProtocolError(AssertionError):
    """The event is not what openai's types say."""


def validate(text: str | bytes) -> dict[str, Any]:
    """Return the decoded event, or raise `NotTheProtocolError` with the path of what is wrong."""
    event = json.loads(text)
    model = _MODELS.get(event.get("type"))
    if model is None:
        raise NotTheProtocolError(f"no server event has the type {event.get('type')!r}")
    _check_model(event, model, event["type"])
    return typing.cast("dict[str, Any]", event)


def _check_model(value: Any, model: type[BaseModel], path: str) -> None:
    if not isinstance(value, dict):
        raise NotTheProtocolError(f"{path}: expected an object, got {value!r}")
    known = {field.alias or name: field for name, field in model.model_fields.items()}
    extras = (
        SESSION_EXTRAS if path in ("session.created.session", "session.updated.session") else ()
    )
    for name in value.keys() - known.keys() - set(extras):
        raise NotTheProtocolError(f"{path}.{name}: {model.__name__} has no such field")
    for name, field in known.items():
        if name in value:
            _check(value[name], field.annotation, f"{path}.{name}")
        elif field.is_required():
            raise NotTheProtocolError(f"{path}.{name}: {model.__name__} requires it")


def _check(value: Any, kind: Any, path: str) -> None:
    origin, args = get_origin(kind), get_args(kind)
    if kind is Any or kind is object:
        return
    if origin is typing.Annotated:
        _check(value, args[0], path)
    elif origin in (typing.Union, types.UnionType):
        _check_union(value, args, path)
    elif origin is typing.Literal:
        if value not in args or type(value) not in {type(arg) for arg in args}:
            raise NotTheProtocolError(f"{path}: {value!r} is none of {args}")
    elif origin is list:
        if not isinstance(value, list):
            raise NotTheProtocolError(f"{path}: expected an array, got {value!r}")
        for index, element in enumerate(value):
            _check(element, args[0], f"{path}[{index}]")
    elif origin is dict:
        if not isinstance(value, dict):
            raise NotTheProtocolError(f"{path}: expected an object, got {value!r}")
        for name, element in value.items():
            _check(element, args[1], f"{path}.{name}")
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        _check_model(value, kind, path)
    else:
        _check_scalar(value, kind, path)


def _check_scalar(value: Any, kind: Any, path: str) -> None:
    allowed = {float: (int, float), type(None): (type(None),)}.get(kind, (kind,))
    if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
        raise NotTheProtocolError(f"{path}: expected {kind.__name__}, got {value!r}")


def _check_union(value: Any, members: tuple[Any, ...], path: str) -> None:
    problems = [_problem(value, member, path) for member in members]
    if None not in problems:
        # The longest path is of the member that fits best.
        told = [problem for problem in problems if problem is not None]
        raise NotTheProtocolError(max(told, key=lambda text: len(text.partition(": ")[0])))


def _problem(value: Any, kind: Any, path: str) -> str | None:
    try:
        _check(value, kind, path)
    except NotTheProtocolError as problem:
        return str(problem)
    return None


def _models() -> dict[str, type[BaseModel]]:
    union = get_args(RealtimeServerEvent)[0]
    return {get_args(m.model_fields["type"].annotation)[0]: m for m in get_args(union)}


_MODELS = _models()
