"""Rules beside a type: ``Annotated[int, Field(gt=0)]``, where a program uses pydantic.

Nothing here imports it: whoever has no pydantic has no such rules either.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any, get_args

from attrs import frozen

from .._types import JsonDict
from .kinds import ArgumentError, Kind

__all__ = ["Constrained", "as_field", "constrained", "words_of"]

_PACKAGES = ("pydantic", "annotated_types")
_KEYWORDS = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
    "maxLength", "pattern", "minItems", "maxItems",
)  # fmt: skip


@frozen
class Constrained(Kind):
    """Values of a kind that keep further rules.

    Args:
        kind: without the rules.
        rules: as far as a JSON schema can say them.
        check: returns a value, perhaps another one, or raises ValueError.
    """

    kind: Kind
    rules: JsonDict
    check: Callable[[Any], Any]

    def words(self) -> str:  # noqa: D102 -- what the methods of a kind do stands at `Kind`
        return self.kind.words()

    def takes_null(self) -> bool:  # noqa: D102
        return self.kind.takes_null()

    def schema(self) -> JsonDict:  # noqa: D102
        return {**self.kind.schema(), **self.rules}

    def build(self, value: Any, where: str) -> Any:  # noqa: D102
        built = self.kind.build(value, where)
        try:
            return self.check(built)
        except ValueError as exc:
            raise ArgumentError(f"{where}: {words_of(exc)}") from exc


def constrained(kind: Kind, annotation: Any) -> Kind:
    """Return ``kind`` with the rules that stand in ``Annotated[…]``, if there are any.

    Raises:
        ValueError: pydantic can't apply them; the text says why.
    """
    pydantic = sys.modules.get("pydantic")
    extras = get_args(annotation)[1:]
    if pydantic is None or not any(_is_rule(extra) for extra in extras):
        return kind
    try:
        adapter = pydantic.TypeAdapter(annotation)
        schema = adapter.json_schema()
    except Exception as exc:
        raise ValueError(f"pydantic can't apply these rules: {exc}") from exc
    rules = {key: schema[key] for key in _KEYWORDS if key in schema}
    return Constrained(kind, rules, adapter.validate_python)


def as_field(annotation: Any, default: object) -> tuple[Any, Any, bool]:
    """Take ``x: int = Field(gt=0)`` apart.

    Args:
        annotation: of the parameter.
        default: of the parameter.

    Returns:
        The annotation with the rules, the real default, and whether there is one; as they were
        when ``default`` is no ``Field``.
    """
    fields = sys.modules.get("pydantic.fields")
    if fields is None or not isinstance(default, fields.FieldInfo):
        return annotation, default, True
    required = default.is_required()
    real = None if required else default.get_default(call_default_factory=True)
    return Annotated[annotation, default], real, not required


def words_of(error: ValueError) -> str:
    """Return what pydantic has against a value, without its long messages."""
    details = error.errors() if hasattr(error, "errors") else []
    texts = [
        f"{'.'.join(map(str, d['loc']))}: {d['msg']}" if d["loc"] else d["msg"] for d in details
    ]
    return "; ".join(texts) or str(error)


def _is_rule(extra: object) -> bool:
    return type(extra).__module__.partition(".")[0] in _PACKAGES
