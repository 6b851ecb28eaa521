"""Tools of an app: functions and classes that the model calls, and each call as an object."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, get_origin

from attrs import frozen

from .._required import is_async
from .._types import JsonDict
from ..errors import ConfigError
from ..tools.annotations import Indescribable, kind_of
from ..tools.arguments import bind
from ..tools.call_context import CallContext
from ..tools.kinds import ArgumentError, ObjectOf
from ..tools.outputs import exception_text
from ..tools.schema import Tool, describe

__all__ = ["AppTool", "OpenAIRealtimeTool", "RealtimeTool", "ToolLike", "as_app_tool"]

_OWN = frozenset({"args", "call", "tool_call"})  # no argument takes their place


class RealtimeTool:
    """One call of a tool: what ``receiver("tool")`` and ``function_call`` get.

    The arguments are its attributes, and `call` does what the tool does. A tool may also be written
    as a class: annotated fields are its arguments, the docstring tells the model about it.

    Attributes:
        args: the arguments by name, as the model gave them.
        tool_call: ``{"call_id": …, "name": …, "arguments": …}``; the last is JSON text.

    Threads:
        Any thread may call `call`; the work is done once, and everybody gets its result.

    Example:
        >>> class FormatBook(RealtimeTool):
        ...     '''Write a book's title and author in one line.'''
        ...
        ...     title: str
        ...     author: str = "unknown"
        ...
        ...     def call(self) -> str:
        ...         return f"{self.title} by {self.author}"
        >>> FormatBook(title="Emma").call()
        'Emma by unknown'
    """

    args: dict[str, Any]
    tool_call: JsonDict

    def __init__(self, **args: Any) -> None:
        self.args = args
        self.tool_call = {"call_id": "", "name": type(self).__name__, "arguments": "{}"}
        vars(self).update((name, value) for name, value in args.items() if name not in _OWN)

    def __init_subclass__(cls) -> None:
        # What `describe` reads, and so the form in which the class is told to the model.
        cls.__signature__ = inspect.Signature(_fields(cls))  # type: ignore[attr-defined]

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def call(self) -> Any:
        """Do what the tool does, the first time; return the result, every time.

        Raises:
            Exception: what the tool has raised.
        """
        raise NotImplementedError(f"{self._name()} says nowhere what it does; write call()")

    def _name(self) -> str:
        """Return the tool's name, as the model knows it."""
        return str(self.tool_call["name"])

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.args.items())
        return f"{self._name()}({shown})"


OpenAIRealtimeTool = RealtimeTool


def _fields(cls: type) -> list[inspect.Parameter]:
    """Return the annotated fields of a tool's class, those of its bases first."""
    found: dict[str, inspect.Parameter] = {}
    for base in reversed(cls.__mro__[: cls.__mro__.index(RealtimeTool)]):
        for name, annotation in inspect.get_annotations(base).items():
            if not name.startswith("_") and not _is_class_variable(annotation):
                default = getattr(cls, name, inspect.Parameter.empty)
                kind = inspect.Parameter.KEYWORD_ONLY
                found[name] = inspect.Parameter(name, kind, default=default)
    return list(found.values())


def _is_class_variable(annotation: object) -> bool:
    if isinstance(annotation, str):
        return annotation.startswith(("ClassVar", "typing.ClassVar"))
    return annotation is ClassVar or get_origin(annotation) is ClassVar


@frozen
class AppTool:
    """A tool as it is declared and called.

    Attributes:
        tool: its name, its schema and its function.
        model: makes the object whose ``call()`` does the work; None for a function, which does it.
    """

    tool: Tool
    model: Callable[..., Any] | None = None

    @property
    def name(self) -> str:
        """What the model calls it."""
        return self.tool.name

    def declaration(self) -> JsonDict:
        """Return what the session or the response is told."""
        return {**self.tool.declaration()}

    def instance(self, call: CallContext) -> RealtimeTool:
        """Return a call of the model's as an object.

        Raises:
            ArgumentError: the arguments are wrong; the text tells the model why.
        """
        arguments = bind(self.tool, call)
        shown = {name: each for name, each in arguments.items() if name != self.tool.context_name}
        work: Callable[[], Any] = partial(self.tool.function, **arguments)
        made = RealtimeTool(**shown)
        if self.model is not None:
            model = self._model_of(shown)
            work = getattr(model, "call", made.call)
            made = model if isinstance(model, RealtimeTool) else made
        arguments_text = call.arguments if isinstance(call.arguments, str) else ""
        made.tool_call = {"call_id": call.call_id, "name": self.name, "arguments": arguments_text}
        vars(made)["call"] = _Once(work)
        return made

    def _model_of(self, arguments: dict[str, Any]) -> Any:
        assert self.model is not None
        try:
            return self.model(**arguments)
        except Exception as exc:  # the program's own class has rules of its own
            raise ArgumentError(exception_text(exc)) from exc


ToolLike = Callable[..., Any] | type | Tool | AppTool
"""A function; a class with fields for arguments and a ``call()`` for the work; one described."""


def as_app_tool(tool: ToolLike) -> AppTool:
    """Return a program's tool, described.

    Raises:
        ConfigError: it is none, or can't be described; the text says what to do.
    """
    if isinstance(tool, AppTool):
        return tool
    if isinstance(tool, Tool):
        return AppTool(tool)
    if not isinstance(tool, type):
        return AppTool(describe(tool))
    if is_async(getattr(tool, "call", None)):
        raise ConfigError(f"{tool.__name__}.call is async and nobody would await it; delete async")
    if issubclass(tool, RealtimeTool):
        has_own = bool(tool.__doc__)
        described = describe(tool, description=None if has_own else "", use_docstring=has_own)
        return AppTool(described, model=described.function)
    return _from_model(tool)


def _from_model(cls: type) -> AppTool:
    """Return a pydantic model, a dataclass or an attrs class as a tool."""
    try:
        kind = kind_of(cls)
    except Indescribable as exc:
        raise ConfigError(f"{cls.__name__} can't be a tool: {exc}") from exc
    if not isinstance(kind, ObjectOf):
        raise ConfigError(f"{cls.__name__} has no fields that could be arguments; give a function")
    arguments = ObjectOf(kind.members, dict, kind.strict)
    return AppTool(Tool(cls.__name__, cls, _description_of(cls), arguments), model=kind.make)


def _description_of(cls: type) -> str:
    """Return what the docstring that somebody wrote for this class tells the model."""

    def documented() -> None: ...

    doc = cls.__doc__ or ""
    # A dataclass without one writes its signature there.
    documented.__doc__ = "" if doc.startswith(f"{cls.__name__}(") else doc
    return describe(documented).description


class _Once:
    """Does some work once, for whoever is the first to ask; all get what came of it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._lock = threading.Lock()  # guards the one below; held while the work is done
        self._outcome: tuple[Any, BaseException | None] | None = None

    def __call__(self) -> Any:
        with self._lock:
            if self._outcome is None:
                self._outcome = self._do()
        result, error = self._outcome
        if error is not None:
            raise error
        return result

    def _do(self) -> tuple[Any, BaseException | None]:
        try:
            return self._work(), None
        except BaseException as exc:
            return None, exc
