"""What clients send is checked against strict models; a breach becomes the protocol's own error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError, PydanticKnownError

from ..._types import JsonDict
from ...errors import ServerError
from .wire import fault

__all__ = ["Strict", "check", "not_among", "refuse", "require_shallow", "wrong_type"]

# Far above any schema of a tool; what is deeper breaks what copies and encodes it.
_MAX_DEPTH = 64


class Strict(BaseModel):
    """A model that converts nothing and accepts no field it does not know."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def refuse(rule: str) -> PydanticCustomError:
    """Return the exception with which a validator names the rule that a value breaks."""
    return PydanticCustomError("rule", "{rule}", {"rule": rule})


def not_among(supported: Sequence[str]) -> PydanticKnownError:
    """Return the exception for a text that is none of ``supported``."""
    return PydanticKnownError("literal_error", {"expected": ", ".join(map(repr, supported))})


def check(model: type[BaseModel], data: Any, where: str) -> JsonDict:
    """Return ``data`` as checked by ``model``, only with the fields that are present.

    Args:
        model: what the data must look like.
        data: decoded JSON.
        where: the path of ``data`` in the client's event, such as ``"session"``; ``""`` for the
            event itself.

    Raises:
        ServerError: the data breaks a rule; ``param`` is the path of the field at fault.
    """
    if not isinstance(data, dict):
        raise wrong_type(where, "an object", data)
    try:
        checked = model.model_validate(data)
    except ValidationError as exc:
        raise _translate(exc.errors(include_url=False)[0], data, where) from exc
    fields: JsonDict = checked.model_dump(exclude_unset=True)
    return fields


def require_shallow(value: Any, what: str) -> None:
    """Raise `ServerError` when ``value`` is nested too deep to be copied and encoded.

    Args:
        value: decoded JSON.
        what: how to call it, at the beginning of a sentence.
    """
    if not _is_shallow(value, _MAX_DEPTH):
        raise fault(f"{what} is nested deeper than {_MAX_DEPTH} levels.", code="invalid_value")


def wrong_type(param: str, expected: str, got: Any) -> ServerError:
    """Return the error for a value of the wrong JSON type."""
    return fault(
        f"Invalid type for '{param}': expected {expected}, but got {_json_type(got)} instead.",
        code="invalid_type",
        param=param,
    )


_EXPECTED = {
    "bool_type": "a boolean",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "float_type": "a number",
    "int_type": "an integer",
    "list_type": "an array",
    "string_type": "a string",
}

# pydantic's name of a broken limit -> the protocol's, how to say it, and the key of the limit
_LIMITS = {
    "greater_than_equal": ("below_min_value", "below minimum value", ">=", "ge"),
    "less_than_equal": ("above_max_value", "above maximum value", "<=", "le"),
}


def _translate(error: ErrorDetails, data: JsonDict, where: str) -> ServerError:
    kind, got = error["type"], error["input"]
    param = _path(error, data, where)
    context: Mapping[str, Any] = error.get("ctx", {})
    if kind == "missing":
        return fault(
            f"Missing required parameter: '{param}'.",
            code="missing_required_parameter",
            param=param,
        )
    if kind == "extra_forbidden":
        return fault(f"Unknown parameter: '{param}'.", code="unknown_parameter", param=param)
    if kind == "union_tag_not_found":
        tag = f"{param}.{_bare(context['discriminator'])}"
        return fault(
            f"Missing required parameter: '{tag}'.", code="missing_required_parameter", param=tag
        )
    if kind == "union_tag_invalid":
        tag = f"{param}.{_bare(context['discriminator'])}"
        return _not_supported(tag, context["tag"], context["expected_tags"])
    if kind == "literal_error":
        return _not_supported(param, got, context["expected"])
    if kind in _EXPECTED:
        return wrong_type(param, _EXPECTED[kind], got)
    if kind == "string_too_long":
        return fault(
            f"Invalid '{param}': string too long. Expected a string with maximum length "
            f"{context['max_length']}, but got a string with length {len(got)} instead.",
            code="string_above_max_length",
            param=param,
        )
    if kind == "too_long":
        return fault(
            f"Invalid '{param}': array too long. Expected an array with maximum length "
            f"{context['max_length']}, but got an array with length {len(got)} instead.",
            code="array_above_max_length",
            param=param,
        )
    if kind in _LIMITS:
        return _out_of_range(param, got, kind, context)
    rule = context.get("rule", error["msg"])
    return fault(
        f"Invalid '{param}': {rule}, but got {_short(got)}.", code="invalid_value", param=param
    )


def _out_of_range(param: str, got: Any, kind: str, context: Mapping[str, Any]) -> ServerError:
    code, words, sign, key = _LIMITS[kind]
    number = "integer" if isinstance(got, int) else "decimal"
    return fault(
        f"Invalid '{param}': {number} {words}. "
        f"Expected a value {sign} {context[key]}, but got {got} instead.",
        code=f"{number}_{code}",
        param=param,
    )


def _not_supported(param: str, got: Any, supported: str) -> ServerError:
    return fault(
        f"Invalid value for '{param}': {_short(got)}. Supported values are: {supported}.",
        code="invalid_value",
        param=param,
    )


def _path(error: ErrorDetails, data: Any, where: str) -> str:
    """Return the field at fault in the protocol's notation: ``session.tools[0].name``.

    pydantic puts the tag of a chosen union member among the keys; such a step leads nowhere in
    the data and is left out.
    """
    path = where
    steps = error["loc"]
    for index, step in enumerate(steps):
        if isinstance(step, int):
            path += f"[{step}]"
            data = data[step] if isinstance(data, list) and step < len(data) else None
        elif isinstance(data, dict) and step in data:
            path += f".{step}"
            data = data[step]
        elif error["type"] == "missing" and index == len(steps) - 1:
            path += f".{step}"
    return path.removeprefix(".")


def _bare(discriminator: str) -> str:
    return discriminator.strip("'")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names = {dict: "an object", list: "an array", str: "a string", int: "an integer"}
    return names.get(type(value), "a decimal")


def _is_shallow(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        return levels > 0 and all(_is_shallow(inner, levels - 1) for inner in value.values())
    if isinstance(value, list):
        return levels > 0 and all(_is_shallow(inner, levels - 1) for inner in value)
    return True
