"""Rules of pydantic's beside a type: told to the model, and kept."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import annotated_types
import attrs
import pytest
from pydantic import AfterValidator, Field

from realtime_sync.errors import ConfigError
from realtime_sync.tools.arguments import bind
from realtime_sync.tools.call_context import CallContext
from realtime_sync.tools.kinds import ArgumentError
from realtime_sync.tools.schema import describe


def made(function: Any, arguments: str) -> Any:
    tool = describe(function)
    call = CallContext(name="f", call_id="c1", arguments=arguments)
    return tool.function(**bind(tool, call))


def schema(function: Any) -> Any:
    return describe(function).declaration()["parameters"]["properties"]


@pytest.mark.parametrize(
    ("annotation", "rules", "good", "bad"),
    [
        (Annotated[int, Field(gt=1, le=9)], {"exclusiveMinimum": 1, "maximum": 9}, "9", "1"),
        (Annotated[int, annotated_types.Ge(2)], {"minimum": 2}, "2", "1"),
        (Annotated[float, Field(lt=2.5)], {"exclusiveMaximum": 2.5}, "2.4", "2.5"),
        (Annotated[int, Field(multiple_of=3)], {"multipleOf": 3}, "6", "7"),
        (Annotated[str, Field(min_length=2, max_length=3, pattern="^a")],
         {"minLength": 2, "maxLength": 3, "pattern": "^a"}, '"ab"', '"b"'),
        (Annotated[list[int], Field(min_length=1, max_length=2)],
         {"items": {"type": "integer"}, "minItems": 1, "maxItems": 2}, "[1]", "[]"),
    ],
)  # fmt: skip
def test_rules(annotation: Any, rules: dict[str, Any], good: str, bad: str) -> None:
    def f(x: Any) -> Any:
        return x

    f.__annotations__["x"] = annotation
    found = schema(f)["x"]
    assert {key: value for key, value in found.items() if key != "type"} == rules
    assert str(made(f, f'{{"x": {good}}}')) == good.strip('"')
    with pytest.raises(ArgumentError, match=r"^x: "):
        made(f, f'{{"x": {bad}}}')
    with pytest.raises(ArgumentError, match=r"^x must be "):
        made(f, '{"x": {}}')


def test_a_field_as_a_default() -> None:
    def f(
        n: int = Field(..., gt=10, description="how many"),
        name: str = Field(default="hello", max_length=5),
        more: list[int] = Field(default_factory=list),  # noqa: B008 -- that is how programs write it
    ) -> Any:
        return n, name, more

    assert schema(f)["n"] == {"type": "integer", "exclusiveMinimum": 10, "description": "how many"}
    assert schema(f)["name"] == {"anyOf": [{"type": "string", "maxLength": 5}, {"type": "null"}]}
    assert made(f, '{"n": 11, "name": null}') == (11, "hello", [])
    assert made(f, '{"n": 11, "name": "you", "more": [1]}') == (11, "you", [1])
    with pytest.raises(ArgumentError, match=r"^n is missing$"):
        made(f, "{}")
    with pytest.raises(ArgumentError, match=r"^n: .*greater than 10; name: .*at most 5"):
        made(f, '{"n": 10, "name": "too long"}')


def test_a_rule_may_be_a_function() -> None:
    def even(n: int) -> int:
        if n % 2:
            raise ValueError("odd")
        return n // 2

    def f(x: Any) -> Any:
        return x

    f.__annotations__["x"] = Annotated[int | None, AfterValidator(lambda n: n and even(n))]
    assert schema(f)["x"] == {"type": ["integer", "null"]}
    assert made(f, '{"x": 8}') == 4
    assert made(f, '{"x": null}') is None
    with pytest.raises(ArgumentError, match=r"^x: .*odd$"):
        made(f, '{"x": 7}')


@attrs.frozen
class Unknown:
    x: int


def test_rules_that_pydantic_can_not_apply() -> None:
    def f(x: Annotated[Unknown, Field(gt=1)]) -> None: ...

    with pytest.raises(ConfigError, match="'x' of f can't be described: pydantic can't apply"):
        describe(f)


def test_without_pydantic_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(x: Annotated[int, Field(gt=1)], y: int = 1) -> Any:
        return x, y

    for name in ("pydantic", "pydantic.fields"):
        monkeypatch.delitem(sys.modules, name)
    assert schema(f)["x"] == {"type": "integer"}
    assert made(f, '{"x": 0, "y": null}') == (0, 1)
