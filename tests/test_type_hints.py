"""Public type hints hold at run time: for FastAPI, pydantic, dependency injection and tools."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import pydantic
import pytest
import typing_extensions

import realtime_sync
from realtime_sync import events
from realtime_sync.agents import UserError, function_tool

MODULES = [
    module.name
    for module in pkgutil.walk_packages(realtime_sync.__path__, "realtime_sync.")
    if not any(part.startswith("_") for part in module.name.split("."))
]


def promised(module: str) -> Iterator[Any]:
    """The classes and functions that a module's ``__all__`` names."""
    home = importlib.import_module(module)
    for name in getattr(home, "__all__", ()):
        value = getattr(home, name)
        whose = getattr(value, "__module__", None) or ""
        if whose.startswith("realtime_sync") and (
            inspect.isclass(value) or inspect.isroutine(value)
        ):
            yield value


def with_methods(value: Any) -> Iterator[Any]:
    """What is promised itself, then its methods and what its properties call."""
    yield value
    for cls in value.__mro__ if inspect.isclass(value) else ():
        if not cls.__module__.startswith("realtime_sync"):
            continue
        for name, member in [*vars(cls).items()]:
            if name.startswith("_") and not name.startswith("__"):
                continue
            if isinstance(member, property):
                member = member.fget
            elif isinstance(member, functools.cached_property):
                member = member.func
            member = getattr(member, "__func__", member)
            if inspect.isfunction(member) and member.__module__.startswith("realtime_sync"):
                yield member


def unreadable(value: Any) -> str | None:
    try:
        typing.get_type_hints(value, include_extras=True)
    except Exception as exc:
        return f"{value.__module__}.{value.__qualname__}: {exc!r}"
    return None


@pytest.mark.parametrize("module", MODULES)
def test_every_public_hint_can_be_read(module: str) -> None:
    values = [each for value in promised(module) for each in with_methods(value)]
    assert [words for words in map(unreadable, values) if words] == []


def test_the_check_sees_a_hint_that_can_not_be_read() -> None:
    class Wrong:
        def method(self, value: NoSuchType) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    assert [unreadable(each) is None for each in with_methods(Wrong)] == [True]  # not of ours
    assert "NoSuchType" in (unreadable(Wrong.method) or "")


# -- the dictionaries ------------------------------------------------------------------------------

DICTIONARIES = sorted(
    {
        value
        for module in MODULES
        for value in promised(module)
        if typing_extensions.is_typeddict(value)
    },
    key=lambda cls: (cls.__module__, cls.__name__),
)
EVENT_DICTIONARIES = [cls for cls in DICTIONARIES if cls.__module__.startswith(events.__name__)]


def test_there_are_dictionaries() -> None:
    assert len(DICTIONARIES) > 80
    assert {"SessionUpdateEventParam", "RealtimeRunConfig", "ServerOptions"} <= {
        cls.__name__ for cls in DICTIONARIES
    }


def is_required(cls: Any, name: str) -> bool:
    hint = typing.get_type_hints(cls, include_extras=True)[name]
    form = typing.get_origin(hint)
    return name in cls.__required_keys__ if form is None else form is typing_extensions.Required


@pytest.mark.parametrize("cls", EVENT_DICTIONARIES, ids=lambda cls: cls.__name__)
def test_pydantic_takes_them(cls: Any) -> None:
    schema = pydantic.TypeAdapter(cls).json_schema()
    if "$ref" in schema:
        schema = schema["$defs"][cls.__name__]
    assert schema["properties"].keys() == cls.__annotations__.keys()


def test_pydantic_asks_for_what_is_required() -> None:
    adapter = pydantic.TypeAdapter(events.SessionUpdateEventParam)
    update = {"type": "session.update", "session": {"type": "realtime"}}
    assert adapter.validate_python(update) == update
    for wrong in ({"type": "session.update"}, {**update, "type": "session.updated"}):
        with pytest.raises(pydantic.ValidationError):
            adapter.validate_python(wrong)
    assert adapter.json_schema()["$defs"]["ServerVadParam"]["required"] == ["type"]


# -- as parameters of tools, and of what attrs makes -----------------------------------------------


def configure(
    transcription: events.RealtimeTranscriptionSessionCreateRequestParam,
    vad: events.ServerVadParam,
) -> str:
    """Configure."""
    return f"{transcription['type']} {vad['type']}"


def test_a_tool_takes_them() -> None:
    tool = function_tool(configure, strict_mode=False)
    assert tool.params_json_schema["required"] == ["transcription", "vad"]
    vad = tool.params_json_schema["properties"]["vad"]
    assert vad["required"] == ["type"]
    assert vad["properties"]["type"]["enum"] == ["server_vad"]


def any_in(hint: Any) -> bool:
    """Whether a hint leaves a value, however deep within, open: what no schema can say."""
    if typing_extensions.is_typeddict(hint):
        return any(map(any_in, typing.get_type_hints(hint).values()))
    return hint in (Any, object) or any(map(any_in, typing.get_args(hint)))


@pytest.mark.parametrize("cls", EVENT_DICTIONARIES, ids=lambda cls: cls.__name__)
def test_a_tool_describes_each(cls: Any) -> None:
    def take(value: Any) -> str:
        """Take a value."""
        return ""

    take.__annotations__["value"] = cls
    if any_in(cls):
        with pytest.raises(UserError, match="Any has no JSON schema"):
            function_tool(take, strict_mode=False)
        return
    described = function_tool(take, strict_mode=False).params_json_schema["properties"]["value"]
    assert described["properties"].keys() == cls.__annotations__.keys()
    required = {name for name in cls.__annotations__ if is_required(cls, name)}
    assert set(described["required"]) == required


def test_what_is_inherited_is_the_type_and_not_a_text() -> None:
    hints = inspect.get_annotations(events.ErrorEvent.__init__)
    assert hints["extra"] == Mapping[str, Any]
    hints = inspect.get_annotations(events.SessionUpdate.__init__)
    assert hints["event_id"] == (str | None)
    assert typing.get_type_hints(events.SessionUpdated.__init__)["session"] == (
        events.SessionConfig | Mapping[str, Any]
    )
