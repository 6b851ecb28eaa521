"""Functions as the model sees them."""

from __future__ import annotations

import collections.abc
import doctest
import functools
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Generic, Literal, Optional, TypedDict, TypeVar, Union

import attrs
import pydantic
import pytest
from typing_extensions import NotRequired, Required

from realtime_sync.errors import ConfigError
from realtime_sync.tools import CallContext, function_schema, schema
from realtime_sync.tools.schema import Tool, describe, describe_all, take_all


class Unit(Enum):
    CELSIUS = "celsius"
    FAHRENHEIT = "fahrenheit"


class Odd(Enum):
    PART = 0.5


@dataclass
class Place:
    """Where.

    Attributes:
        latitude: north is positive.
    """

    latitude: float
    name: Annotated[str, "what it is called"] = ""
    seen: int = field(default=0, init=False)


@attrs.frozen
class Span:
    _first: int
    last: int = 9


class Options(TypedDict, total=False):
    a: Required[int]
    b: str


class More(Options):
    c: NotRequired[bool]
    d: bool


class Person(pydantic.BaseModel):
    age: int = pydantic.Field(ge=0, description="in years")
    name: str | None = pydantic.Field(default=None, alias="nickName")


@dataclass
class Tree:
    children: list[Tree]


@dataclass
class Vague:
    thing: Any


def parameters(function: Any) -> dict[str, Any]:
    found: dict[str, Any] = function_schema(function)["parameters"]
    return found


def properties_of(annotation: Any, **default: Any) -> dict[str, Any]:
    """Return the schema of a parameter with an annotation, in a function of its own."""

    def f(x: Any) -> None: ...

    f.__annotations__["x"] = annotation
    f.__defaults__ = (default["default"],) if default else None
    found: dict[str, Any] = parameters(f)["properties"]["x"]
    return found


def strict(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def test_a_function() -> None:
    def get_weather(city: str, days: int = 1) -> str:
        """Tell the weather."""
        return city

    assert function_schema(get_weather) == {
        "type": "function",
        "name": "get_weather",
        "description": "Tell the weather.",
        "parameters": strict({"city": {"type": "string"}, "days": {"type": ["integer", "null"]}}),
    }


def test_a_function_without_docstring_and_parameters() -> None:
    def now() -> str:
        return ""

    assert function_schema(now, name="time") == {
        "type": "function",
        "name": "time",
        "parameters": strict({}),
    }


STRING, NUMBER, INTEGER = {"type": "string"}, {"type": "number"}, {"type": "integer"}
NULL = {"type": "null"}
PLACE = strict(
    {
        "latitude": {**NUMBER, "description": "north is positive."},
        "name": {"type": ["string", "null"], "description": "what it is called"},
    }
)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (str, STRING),
        (int, INTEGER),
        (float, NUMBER),
        (bool, {"type": "boolean"}),
        (None, NULL),
        (list[str], {"type": "array", "items": STRING}),
        (set[int], {"type": "array", "items": INTEGER}),
        (frozenset[int], {"type": "array", "items": INTEGER}),
        (tuple[int, ...], {"type": "array", "items": INTEGER}),
        (collections.abc.Sequence[int], {"type": "array", "items": INTEGER}),
        (
            tuple[int, str],
            {
                "type": "array",
                "items": {"anyOf": [INTEGER, STRING]},
                "minItems": 2,
                "maxItems": 2,
            },
        ),
        (
            tuple[int, int],
            {"type": "array", "items": INTEGER, "minItems": 2, "maxItems": 2},
        ),
        (dict[str, float], {"type": "object", "additionalProperties": NUMBER}),
        (Optional[str], {"type": ["string", "null"]}),  # noqa: UP045 -- the older form as well
        (Union[int, str], {"anyOf": [INTEGER, STRING]}),  # noqa: UP007
        (int | str | None, {"anyOf": [INTEGER, STRING, NULL]}),
        (list[str] | None, {"anyOf": [{"type": "array", "items": STRING}, NULL]}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal["a", 1], {"type": ["string", "integer"], "enum": ["a", 1]}),
        (Literal["a", None], {"type": ["string", "null"], "enum": ["a", None]}),
        (Literal["a"] | None, {"type": ["string", "null"], "enum": ["a", None]}),
        (Unit, {"type": "string", "enum": ["celsius", "fahrenheit"]}),
        (Annotated[str, 1, "a text"], {"type": "string", "description": "a text"}),
        (Place, PLACE),
        (list[Place], {"type": "array", "items": PLACE}),
        (Span, strict({"first": INTEGER, "last": {"type": ["integer", "null"]}})),
        (Options, strict({"a": INTEGER, "b": {"type": ["string", "null"]}})),
        (
            More,
            strict(
                {
                    "a": INTEGER,
                    "b": {"type": ["string", "null"]},
                    "c": {"type": ["boolean", "null"]},
                    "d": {"type": "boolean"},
                }
            ),
        ),
        (
            Person,
            strict(
                {
                    "age": {**INTEGER, "description": "in years"},
                    "nickName": {"type": ["string", "null"]},
                }
            ),
        ),
    ],
    ids=str,
)
def test_annotations(annotation: Any, expected: dict[str, Any]) -> None:
    assert properties_of(annotation) == expected


@pytest.mark.parametrize(
    ("annotation", "default", "expected"),
    [
        (str, "x", {"type": ["string", "null"]}),
        (str | None, None, {"type": ["string", "null"]}),
        (
            Unit,
            Unit.CELSIUS,
            {"type": ["string", "null"], "enum": [*(u.value for u in Unit), None]},
        ),
        (Place, None, {"anyOf": [PLACE, NULL]}),
    ],
    ids=str,
)
def test_a_parameter_with_a_default_may_be_null(
    annotation: Any, default: Any, expected: dict[str, Any]
) -> None:
    assert properties_of(annotation, default=default) == expected


# -- what can't be described -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Any, "Any has no JSON schema; use str, int"),
        (object, "object has no JSON schema"),
        (list, "list has no JSON schema; use .*list\\[X\\]"),
        (dict, "dict has no JSON schema"),
        (bytes, "bytes has no JSON schema"),
        (dict[int, str], r"use dict\[str, X\]"),
        (Literal[b"x"], "Literal may have"),
        (Odd, "the values of Odd must be texts or integers"),
        (Tree, "Tree.children: Tree contains itself"),
        (Vague, "Vague.thing: .*Any has no"),
        (list[Any], "Any has no"),
    ],
    ids=str,
)
def test_what_has_no_schema(annotation: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=f"the parameter 'x' of f can't be described: .*{words}"):
        properties_of(annotation)


def test_parameters_that_nobody_can_give() -> None:
    def bare(x): ...  # type: ignore[no-untyped-def]

    def anything(**values: str) -> None: ...

    def several(*values: str) -> None: ...

    def positional(x: str, /) -> None: ...

    def lost(x: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    async def later(x: str) -> None: ...

    for function, words in (
        (bare, "the parameter 'x' of bare has no annotation; write x: str"),
        (anything, "'values' of anything takes anything"),
        (several, "'values' of several takes anything"),
        (positional, "'x' of positional can't be given by name"),
        (lost, "an annotation of lost can't be read .*Nowhere.*top of the module"),
        (later, "later is async"),
        (min, "of min can't be read"),
    ):
        with pytest.raises(ConfigError, match=words):
            function_schema(function)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["<lambda>", "a.b", "", "x" * 65, "ä"])
def test_names_that_no_server_takes(name: str) -> None:
    with pytest.raises(ConfigError, match="is no name for a tool"):
        function_schema(lambda: None, name=name)
    assert function_schema(lambda: None, name="x" * 64)["name"] == "x" * 64


# -- what is callable ------------------------------------------------------------------------------


class House:
    def light(self, on: bool) -> None:
        """Switch the light."""

    def __call__(self, room: str) -> None:
        """Enter."""


def test_methods_partials_wrappers_and_objects() -> None:
    assert parameters(House().light) == strict({"on": {"type": "boolean"}})

    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    half = functools.partial(add, b=1)
    assert function_schema(half, name="inc")["description"] == "Add."
    assert parameters_of_tool(describe(half, name="inc")) == ["a", "b"]

    @functools.wraps(add)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return add(*args, **kwargs)

    assert function_schema(wrapper) == function_schema(add)
    assert function_schema(House(), name="enter")["description"] == "Enter."
    with pytest.raises(ConfigError, match="None is no name"):
        function_schema(half)


def parameters_of_tool(tool: Tool) -> list[str]:
    assert tool.arguments is not None
    return [member.name for member in tool.arguments.members]


class OwnContext(CallContext):
    pass


def test_the_parameter_for_the_context_is_the_programs_own() -> None:
    def f(x: int, call: CallContext) -> None: ...

    def g(call: Annotated[OwnContext, "mine"], x: int) -> None: ...

    for function in (f, g):
        tool = describe(function)
        assert tool.context_name == "call"
        assert parameters_of_tool(tool) == ["x"]
        assert Tool.undeclared("f", function).context_name == "call"

    def h(call: CallContext, x: Nowhere) -> CallContext: ...  # type: ignore[name-defined]  # noqa: F821

    assert Tool.undeclared("h", h).context_name is None
    assert Tool.undeclared("min", min).context_name is None


T = TypeVar("T")


class Wrapped(Generic[T]):
    """A context of somebody else's."""


def test_the_parameter_for_another_context() -> None:
    def f(x: int, context: Wrapped[int]) -> None: ...

    def g(x: int, context: Wrapped) -> None: ...  # type: ignore[type-arg]

    for function in (f, g):
        tool = describe(function, context_types=(CallContext, Wrapped))
        assert tool.context_name == "context"
        assert parameters_of_tool(tool) == ["x"]
        with pytest.raises(ConfigError, match="'context' of"):
            describe(function)


# -- a loose schema --------------------------------------------------------------------------------


def test_a_loose_schema_asks_for_what_has_no_default() -> None:
    def f(span: Span, x: int, note: str = "", places: list[Place] | None = None) -> None: ...

    tool = describe(f, strict=False)
    assert tool.declaration()["parameters"] == {
        "type": "object",
        "properties": {
            "span": {
                "type": "object",
                "properties": {"first": {"type": "integer"}, "last": {"type": "integer"}},
                "required": ["first"],
            },
            "x": {"type": "integer"},
            "note": {"type": "string"},
            "places": {
                "anyOf": [
                    {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {
                                "latitude": {
                                    "type": "number",
                                    "description": "north is positive.",
                                },
                                "name": {"type": "string", "description": "what it is called"},
                            },
                            "required": ["latitude"],
                        },
                    },
                    {"type": "null"},
                ]
            },
        },
        "required": ["span", "x"],
    }
    assert tool.arguments is not None
    given = {"span": {"first": 1, "middle": 5}, "x": 2, "more": 3}
    assert tool.arguments.build(given, "") == {"span": Span(1), "x": 2}


# -- what a program gives --------------------------------------------------------------------------


def first(x: str) -> None: ...


def second(x: str) -> None: ...


ONE = describe(first, name="one")


@pytest.mark.parametrize("take", [take_all, describe_all])
def test_what_nobody_would_await_is_refused_wherever_tools_are_given(take: Any) -> None:
    async def later(x: str) -> str:
        return x

    async def pieces(x: str) -> Any:
        yield x

    for function in (later, pieces):
        for tools in (function, [function], {"one": function}):
            with pytest.raises(ConfigError, match=f"{function.__name__} is async and nobody"):
                take(tools)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (None, []),
        (first, ["first"]),
        ([first, second], ["first", "second"]),
        ((first,), ["first"]),
        ({"one": first}, ["one"]),
        (ONE, ["one"]),
        ([ONE, second], ["one", "second"]),
        ({"two": ONE}, ["two"]),
    ],
)
@pytest.mark.parametrize("take", [take_all, describe_all])
def test_tools_by_name(take: Any, given: Any, names: list[str]) -> None:
    tools = take(given)
    assert list(tools) == [tool.name for tool in tools.values()] == names


def test_what_is_described_is_taken_as_it_is() -> None:
    for tools in (describe_all([ONE, second]), take_all([ONE, second])):
        assert tools["one"] == ONE
    assert take_all({"two": ONE})["two"].arguments == ONE.arguments
    assert describe_all([second])["second"].arguments is not None
    assert take_all([second])["second"].arguments is None


def test_what_is_not_described_has_no_declaration() -> None:
    with pytest.raises(ConfigError, match=r"first has no schema; describe\(\) makes one"):
        Tool.undeclared("first", first).declaration()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (7, "takes a function, a list of functions or a mapping .* not int"),
        ("first", "a tool is a function, not str"),
        ([first, 7], "a tool is a function, not int: 7"),
        ({"one": "first"}, "a tool is a function, not str"),
        ([first, first], "two tools are called first"),
        ([ONE, ONE], "two tools are called one"),
        ([lambda: None], "'<lambda>' is no name"),
        ({"no name": ONE}, "'no name' is no name"),
    ],
)
@pytest.mark.parametrize("take", [take_all, describe_all])
def test_what_is_no_tool(take: Any, given: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        take(given)


# -- docstrings ------------------------------------------------------------------------------------


def google(city: str, unit: str, days: int) -> None:
    """Tell the weather.

    As it is now: not later.

    Args:
        city: where; a colon: stays,
            and goes on.
        unit (str, optional): of the temperature.
        *days: how many

    Returns:
        city: this is no parameter.
    """


def numpy(city: str, unit: str, days: int) -> None:
    """Tell the weather.

    As it is now: not later.

    Parameters
    ----------
    city : str
        where; a colon: stays,
        and goes on.
    unit
        of the temperature.
    days : int, optional
        how many

    Returns
    -------
    city : str
        this is no parameter.
    """


def sphinx(city: str, unit: str, days: int) -> None:
    """Tell the weather.

    As it is now: not later.

    :param city: where; a colon: stays,
        and goes on.
    :type city: str
    :param str unit: of the temperature.
    :arg days: how many
    :returns: nothing
    """


@pytest.mark.parametrize("function", [google, numpy, sphinx])
def test_the_styles_of_docstrings(function: Any) -> None:
    found = function_schema(function)
    assert found["description"] == "Tell the weather.\n\nAs it is now: not later."
    described = {name: p["description"] for name, p in parameters(function)["properties"].items()}
    assert described == {
        "city": "where; a colon: stays, and goes on.",
        "unit": "of the temperature.",
        "days": "how many",
    }


@pytest.mark.parametrize(
    ("function", "style"), [(google, "google"), (numpy, "numpy"), (sphinx, "sphinx")]
)
def test_only_one_style_is_looked_for(function: Any, style: Any) -> None:
    for only in ("google", "numpy", "sphinx"):
        tool = describe(function, docstring_style=only)
        assert tool.arguments is not None
        described = [member.description for member in tool.arguments.members]
        assert (described[1] == "of the temperature.") == (only == style)
        assert (tool.description == "Tell the weather.\n\nAs it is now: not later.") == (
            only == style
        )


def test_without_the_docstring() -> None:
    assert describe(google, use_docstring=False).declaration()["parameters"]["properties"] == {
        "city": {"type": "string"},
        "unit": {"type": "string"},
        "days": {"type": "integer"},
    }
    assert describe(google, use_docstring=False).description == ""
    assert describe(google, description="By hand.").description == "By hand."


def test_what_follows_the_parameters_is_none_of_them() -> None:
    def f(x: str, y: str) -> None:
        """Do it.

        Args:
            x: the first
            y: the second

        Note: this goes on.
        """

    described = parameters(f)["properties"]
    assert [p["description"] for p in described.values()] == ["the first", "the second"]
    assert function_schema(f)["description"] == "Do it."


def test_an_annotation_describes_before_the_docstring_does() -> None:
    def f(x: Annotated[str, "by hand"]) -> None:
        """Do it.

        Args:
            x: by the way.
        """

    assert parameters(f)["properties"]["x"]["description"] == "by hand"


def test_the_example_in_the_docstring() -> None:
    assert doctest.testmod(schema).failed == 0
