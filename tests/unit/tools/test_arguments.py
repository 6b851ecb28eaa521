"""From the model's text to a function's arguments, and what the model is told when it errs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, TypedDict

import attrs
import pydantic
import pytest

from realtime_sync.tools.arguments import bind, read_arguments
from realtime_sync.tools.call_context import CallContext
from realtime_sync.tools.kinds import ArgumentError
from realtime_sync.tools.schema import Tool, describe


class Unit(Enum):
    CELSIUS = "celsius"
    KELVIN = "kelvin"


class Level(Enum):
    LOW = 1


@dataclass
class Place:
    latitude: float
    name: str = "here"

    def __post_init__(self) -> None:
        if self.latitude > 90:
            raise ValueError("the pole is at 90")


@attrs.frozen
class Span:
    _first: int
    places: tuple[Place, ...] = ()


class Options(TypedDict, total=False):
    a: int


class Person(pydantic.BaseModel):
    age: int = pydantic.Field(ge=0)
    name: str | None = None


def build(annotation: Any, value: str, **default: Any) -> Any:
    """Return what a parameter ``x`` gets for a JSON value; KeyError when its default stays."""

    def f(x: Any) -> None: ...

    f.__annotations__["x"] = annotation
    f.__defaults__ = (default["default"],) if default else None
    return bind(describe(f), call(f'{{"x": {value}}}'))["x"]


def call(arguments: object) -> CallContext:
    return CallContext(name="f", call_id="call_1", arguments=arguments)


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (str, '"a"', "a"),
        (int, "3", 3),
        (int, "3.0", 3),
        (float, "3", 3.0),
        (float, "1e3", 1000.0),
        (bool, "true", True),
        (str | None, "null", None),
        (int | str, '"3"', "3"),
        (list[int], "[1, 2]", [1, 2]),
        (set[int], "[1, 1]", {1}),
        (frozenset[str], '["a"]', frozenset("a")),
        (tuple[int, ...], "[1]", (1,)),
        (tuple[int, str], '[1, "a"]', (1, "a")),
        (dict[str, list[int]], '{"k": [1]}', {"k": [1]}),
        (Unit, '"kelvin"', Unit.KELVIN),
        (Level, "1", Level.LOW),
        (Literal["a", 1], "1", 1),
        (Place, '{"latitude": 1}', Place(1.0)),
        (Place, '{"latitude": 1, "name": null}', Place(1.0)),
        (Place | None, "null", None),
        (Span, '{"first": 1, "places": [{"latitude": 2}]}', Span(1, (Place(2.0),))),
        (Options, '{"a": null}', {}),
        (Person, '{"age": 1, "name": null}', Person(age=1)),
    ],
    ids=str,
)
def test_values_are_built(annotation: Any, value: str, expected: Any) -> None:
    found = build(annotation, value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("annotation", "value", "words"),
    [
        (str, "1", "x must be a string, not 1"),
        (int, '"1"', "x must be an integer, not a string"),
        (int, "1.5", "x must be an integer, not 1.5"),
        (int, "true", "x must be an integer, not true"),
        (int, "1e999", "x must be an integer, not a number out of range"),
        (float, "1e999", "x must be a number, not a number out of range"),
        (float, "1" + "0" * 400, "x must be a number, not a number out of range"),
        (float, "false", "x must be a number, not false"),
        (bool, "1", "x must be true or false, not 1"),
        (str, "null", "x must be a string, not null"),
        (str, "{}", "x must be a string, not an object"),
        (int | str, "[]", "x must be an integer or a string, not an array"),
        (list[int], '[1, "a"]', r"x\[1\] must be an integer, not a string"),
        (list[int], "{}", "x must be an array, not an object"),
        (set[int], "1", "x must be an array, not 1"),
        (tuple[int, int], "[1]", "x must be an array of 2, not of 1"),
        (tuple[int, int], "[1, 2, 3]", "x must be an array of 2, not of 3"),
        (tuple[int, int], "1", "x must be an array of 2, not 1"),
        (dict[str, int], '{"k": []}', "x.k must be an integer, not an array"),
        (dict[str, int], "[]", "x must be an object, not an array"),
        (Unit, '"f"', 'x must be one of "celsius", "kelvin", not "f"'),
        (Level, "true", "x must be 1, not true"),
        (Level, "[]", "x must be 1, not an array"),
        (Place, "[]", "x must be an object, not an array"),
        (Place, "{}", "x.latitude is missing"),
        (Place | None, '{"latitude": "a"}', "x.latitude must be a number, not a string"),
        (Place, '{"latitude": 1, "z": 1}', "there is no x.z; known are: latitude, name"),
        (Place, '{"latitude": 91}', "x: the pole is at 90"),
        (Span, '{"first": 1, "places": [{}]}', r"x.places\[0\].latitude is missing"),
        (Person, '{"age": -1}', "x: age: Input should be greater than or equal to 0"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_in_words(annotation: Any, value: str, words: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{words}$"):
        build(annotation, value)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    def f(a: int, b: str, c: bool = True) -> None: ...

    with pytest.raises(ArgumentError) as caught:
        bind(describe(f), call('{"a": "1", "d": 1, "c": 2}'))
    assert str(caught.value) == (
        "there is no d; known are: a, b, c; a must be an integer, not a string; b is missing; "
        "c must be true or false, not 2"
    )


@pytest.mark.parametrize("given", ["{}", '{"x": null}', "", "  "])
def test_a_default_stays(given: str) -> None:
    def f(x: int = 7) -> None: ...

    assert bind(describe(f), call(given)) == {}


def test_null_is_a_value_where_the_parameter_takes_it() -> None:
    assert build(int | None, "null", default=7) is None
    with pytest.raises(KeyError):
        build(int, "null", default=7)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "are not JSON: Expecting property name"),
        ("null", "must be an object, not null"),
        ('["a"]', "must be an object, not an array"),
        ('{"x": NaN}', "are not JSON: NaN is no JSON number"),
        ('{"x": -Infinity}', "are not JSON: -Infinity"),
        ('{"x": ' + "9" * 5000 + "}", "are not JSON: Exceeds the limit"),
        ("[" * 100_000, "are not JSON: maximum recursion"),
        (None, "must be the text of a JSON object"),
        ({"x": 1}, "must be the text of a JSON object"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_texts_that_are_no_object(text: object, words: str) -> None:
    with pytest.raises(ArgumentError, match=f"the arguments {words}"):
        read_arguments(text)


def test_a_context_is_given_to_who_wants_it() -> None:
    def f(x: int, context: CallContext) -> None: ...

    given = call('{"x": 1}')
    assert bind(describe(f), given) == {"x": 1, "context": given}
    with pytest.raises(ArgumentError, match="there is no context; known are: x"):
        bind(describe(f), call('{"x": 1, "context": 2}'))


def test_what_the_program_declared_itself_is_passed_as_it_comes() -> None:
    def f(x: int) -> None: ...

    assert bind(Tool.undeclared("f", f), call('{"x": "1", "y": [2]}')) == {"x": "1", "y": [2]}
