"""The fields of a session's configuration, each weighed and written once for as long as it stays.

A session may have a thousand tools, and updates of other fields by the hundred, each of which is
answered with all of it.
"""

from __future__ import annotations

import json
from typing import Any

from ..._types import JsonDict
from .conversation_size import weight
from .wire import Written

__all__ = ["ConfigParts"]


class ConfigParts:
    """What the fields of a configuration weigh, and how they are written.

    Args:
        config: the effective configuration. No value in it is changed in its place.
        before: the parts of the one before: of a value that is still the same object, nothing is
            found out anew.
    """

    def __init__(self, config: JsonDict, before: ConfigParts | None = None) -> None:
        known = {} if before is None else before._parts
        self._parts: dict[str, _Part] = {}
        for name, value in config.items():
            part = known.get(name)
            self._parts[name] = part if part and part.value is value else _Part(value)

    @property
    def weight(self) -> int:
        """How many bytes the configuration takes."""
        return sum(part.weight for part in self._parts.values())

    def wire(self, **fields: Any) -> Written:
        """Return the ``session`` of an event: ``fields``, and behind them the configuration."""
        parts = {**{name: _Part(value) for name, value in fields.items()}, **self._parts}
        text = ",".join(f"{json.dumps(name)}:{part.text}" for name, part in parts.items())
        return Written({name: part.value for name, part in parts.items()}, f"{{{text}}}")


class _Part:
    """The value of one field."""

    __slots__ = ("_text", "value", "weight")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.weight = weight(value)
        self._text: str | None = None

    @property
    def text(self) -> str:
        """Its JSON. It is kept unless it takes much memory and little time: that of a long text."""
        if self._text is not None:
            return self._text
        text = json.dumps(self.value, separators=(",", ":"))
        if not isinstance(self.value, str):
            self._text = text
        return text
