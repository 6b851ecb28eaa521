"""The JSON schema of a function, from its signature and its docstring."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

from attrs import evolve, frozen

from .._required import is_async, require, require_flag, require_text
from .._shown import shown
from .._types import JsonDict
from ..errors import ConfigError
from ._docstrings import DocstringStyle, read_docstring
from .annotations import Indescribable, description_in, kind_of
from .call_context import CallContext
from .constraints import as_field
from .kinds import Kind, Member, ObjectOf

if TYPE_CHECKING:
    from ..events.sessions import RealtimeFunctionToolParam
else:
    RealtimeFunctionToolParam = JsonDict  # the events take longer to load than all of this

__all__ = [
    "DocstringStyle",
    "Function",
    "Functions",
    "Tool",
    "describe",
    "describe_all",
    "function_schema",
    "take_all",
]

Function = Callable[..., Any]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # what servers take


@frozen
class Tool:
    """A function that the model may call; `describe` makes one.

    Attributes:
        name: what the model calls it.
        function: runs when the model does.
        description: what the model is told of it.
        arguments: the arguments as one object; None when the program has declared the tool
            itself, so that they are passed as they come.
        context_name: the parameter that is given the `CallContext`, or None.
        context_type: its class.
    """

    name: str
    function: Function
    description: str = ""
    arguments: ObjectOf | None = None
    context_name: str | None = None
    context_type: type = CallContext

    @classmethod
    def undeclared(cls, name: str, function: Function) -> Tool:
        """Return a tool whose schema is the program's own affair."""
        context_name, _ = _context_of(_hints_or_none(function), (CallContext,))
        return cls(name, function, context_name=context_name)

    def declaration(self) -> RealtimeFunctionToolParam:
        """Return what the session or the response is told.

        Raises:
            ConfigError: it was not described.
        """
        if self.arguments is None:
            raise ConfigError(f"the tool {self.name} has no schema; describe() makes one that has")
        declaration: RealtimeFunctionToolParam = {"type": "function", "name": self.name}
        if self.description:
            declaration["description"] = self.description
        declaration["parameters"] = self.arguments.schema()
        return declaration


Functions = Function | Tool | Mapping[str, Function | Tool] | Sequence[Function | Tool]
"""What a program gives as its tools."""


def function_schema(function: Function, *, name: str | None = None) -> RealtimeFunctionToolParam:
    """Return how a function is declared to the model: its name, description and parameters.

    The description is the docstring up to its first section. Parameters get theirs from
    ``Annotated[X, "text"]`` or from the docstring, in Google's, NumPy's or Sphinx's style. The
    schema is strict: it names every property as required and allows no others; a parameter with
    a default may be null, which means the default. Parameters of the type `CallContext` are left
    out.

    Args:
        function: annotated with ``str``, ``int``, ``float``, ``bool``, lists, tuples, sets,
            ``dict[str, X]``, ``X | None`` and other unions, ``Literal``, enums, dataclasses,
            attrs classes, TypedDicts or pydantic models, and whatever these contain; also with
            pydantic's rules, as in ``Annotated[int, Field(gt=0)]``.
        name: what the model calls it; the function's own name by default.

    Raises:
        ConfigError: a parameter can't be described; the text names it and says what to do.

    Example:
        >>> def add(a: int, b: int = 0) -> int:
        ...     '''Add two numbers.'''
        ...     return a + b
        >>> schema = function_schema(add)
        >>> schema["name"], schema["description"]
        ('add', 'Add two numbers.')
        >>> schema["parameters"]["properties"]
        {'a': {'type': 'integer'}, 'b': {'type': ['integer', 'null']}}
    """
    return describe(function, name=name).declaration()


def describe(
    function: Function,
    *,
    name: str | None = None,
    description: str | None = None,
    use_docstring: bool = True,
    docstring_style: DocstringStyle | None = None,
    strict: bool = True,
    context_types: tuple[type, ...] = (CallContext,),
) -> Tool:
    """Return a function as a tool, whose arguments are checked before it is called.

    ``tools=`` takes it, and its `Tool.declaration` is what `function_schema` returns. A parameter
    with a default keeps it where the model says null, as the declaration promises.

    Args:
        function: as for `function_schema`.
        name: as for `function_schema`.
        description: in place of that of the docstring.
        use_docstring: whether the docstring describes the function and its parameters.
        docstring_style: the only one that is looked for; each section's own by default.
        strict: False leaves parameters with a default out of the required ones, and ignores what
            the model adds.
        context_types: a parameter of one of these is the program's own: the schema leaves it out.

    Raises:
        ConfigError: as `function_schema`.

    Example:
        >>> def add(a: int, b: int = 0) -> int:
        ...     return a + b
        >>> describe(add, name="plus").declaration() == function_schema(add, name="plus")
        True
    """
    require_flag(use_docstring, "use_docstring", error=ConfigError)
    require_flag(strict, "strict", error=ConfigError)
    if description is not None:
        require_text(description, "description", error=ConfigError)
    fits = isinstance(context_types, tuple) and all(isinstance(t, type) for t in context_types)
    require(fits, "context_types must be a tuple of classes", context_types, error=ConfigError)
    name = _checked_name(function, name)
    hints = _hints(function, name)
    context_name, context_type = _context_of(hints, context_types)
    docstring = inspect.getdoc(_plain_function(function)) if use_docstring else None
    doc = read_docstring(docstring, style=docstring_style)
    parameters = [
        parameter
        for parameter in _signature(function, name).parameters.values()
        if parameter.name != context_name
    ]
    members = [_member(name, each, hints, doc.parameters, strict) for each in parameters]
    arguments = ObjectOf(tuple(members), dict, strict)
    text = doc.description if description is None else description
    return Tool(
        name, _with_defaults(function, parameters), text, arguments, context_name, context_type
    )


def describe_all(functions: Functions | None) -> dict[str, Tool]:
    """Return the tools that a program gives and has not declared: described, by name.

    Raises:
        ConfigError: as `describe`; or something is no function, has no usable name, or two have
            the same.
    """
    return {
        name: each if isinstance(each, Tool) else describe(each, name=name)
        for name, each in _by_name(functions).items()
    }


def take_all(functions: Functions | None) -> dict[str, Tool]:
    """Return the tools that a program gives and has declared itself, by name.

    The arguments of what it has described are checked; a plain function gets them as they come.

    Raises:
        ConfigError: something is no function, is async, has no usable name, or two have the same.
    """
    return {
        name: each if isinstance(each, Tool) else Tool.undeclared(name, each)
        for name, each in _by_name(functions).items()
    }


def _by_name(functions: Functions | None) -> dict[str, Function | Tool]:
    if functions is None:
        return {}
    if isinstance(functions, Mapping):
        return {name: _renamed(each, name) for name, each in functions.items()}
    if callable(functions) or isinstance(functions, Tool):
        functions = [functions]
    if not isinstance(functions, Iterable):
        raise ConfigError(
            f"tools= takes a function, a list of functions or a mapping of names to functions, not "
            f"{type(functions).__name__}"
        )
    found: dict[str, Function | Tool] = {}
    for each in functions:
        name = each.name if isinstance(each, Tool) else _checked_name(each, None)
        if name in found:
            raise ConfigError(f"two tools are called {name}; give a mapping of names to functions")
        found[name] = each
    return found


def _renamed(function: Function | Tool, name: str) -> Function | Tool:
    if isinstance(function, Tool):
        return evolve(function, name=_checked_name(function.function, name))
    _check_callable(function)
    return function


def _check_callable(function: object) -> None:
    if not callable(function):
        raise ConfigError(f"a tool is a function, not {type(function).__name__}: {shown(function)}")
    if is_async(function):
        name = getattr(function, "__name__", "a tool")
        raise ConfigError(f"{name} is async and nobody would await it; give a plain function")


def _checked_name(function: object, name: str | None) -> str:
    _check_callable(function)
    found: object = getattr(function, "__name__", None) if name is None else name
    if not isinstance(found, str) or not _NAME.fullmatch(found):
        raise ConfigError(
            f"{shown(found)} is no name for a tool; give a mapping such as "
            f"{{'look_up': function}} with "
            "names of letters, digits, _ and -, up to 64"
        )
    return found


def _member(
    tool: str,
    parameter: inspect.Parameter,
    hints: dict[str, Any],
    texts: dict[str, str],
    strict: bool,
) -> Member:
    where = f"the parameter {parameter.name!r} of {tool}"
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        raise ConfigError(f"{where} takes anything, which can't be described; name the parameters")
    if parameter.kind is parameter.POSITIONAL_ONLY:
        raise ConfigError(f"{where} can't be given by name; take the '/' out of the signature")
    if parameter.name not in hints:
        raise ConfigError(f"{where} has no annotation; write {parameter.name}: str, for example")
    annotation, _, has_default = as_field(hints[parameter.name], parameter.default)
    try:
        kind: Kind = kind_of(annotation, strict=strict)
    except Indescribable as exc:
        raise ConfigError(f"{where} can't be described: {exc}") from exc
    text = description_in(annotation) or texts.get(parameter.name, "")
    optional = has_default and parameter.default is not parameter.empty
    return Member(parameter.name, kind, optional=optional, description=text)


def _with_defaults(function: Function, parameters: list[inspect.Parameter]) -> Function:
    """Return a function whose defaults are values, where it has ``x: int = Field(default=1)``."""
    defaults = {}
    for parameter in parameters:
        _, value, has_default = as_field(parameter.annotation, parameter.default)
        if has_default and value is not parameter.default:
            defaults[parameter.name] = value
    return functools.partial(function, **defaults) if defaults else function


def _signature(function: Function, name: str) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError) as exc:
        raise ConfigError(
            f"the signature of {name} can't be read ({exc}); wrap it in a function with annotations"
        ) from exc


def _plain_function(function: Any) -> Any:
    """Return where the annotations and the docstring of something callable stand."""
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function) and not inspect.isclass(function):
        function = type(function).__call__
    return inspect.unwrap(function)


def _hints(function: Function, name: str) -> dict[str, Any]:
    try:
        return get_type_hints(_plain_function(function), include_extras=True)
    except NameError as exc:
        raise ConfigError(
            f"an annotation of {name} can't be read ({exc}); define that at the top of the module"
        ) from exc
    except TypeError as exc:
        raise ConfigError(
            f"the annotations of {name} can't be read ({exc}); wrap it in a function with "
            "annotations"
        ) from exc


def _hints_or_none(function: Function) -> dict[str, Any]:
    try:
        return get_type_hints(_plain_function(function), include_extras=True)
    except Exception:  # whatever the program's annotations are: nobody needs them
        return {}


def _context_of(hints: dict[str, Any], types: tuple[type, ...]) -> tuple[str | None, type]:
    """Return the first parameter of one of ``types``, and its class."""
    for name, hint in hints.items():
        cls = get_args(hint)[0] if get_origin(hint) is Annotated else hint
        cls = get_origin(cls) or cls  # of a generic class
        if isinstance(cls, type) and issubclass(cls, types) and name != "return":
            return name, cls
    return None, CallContext
