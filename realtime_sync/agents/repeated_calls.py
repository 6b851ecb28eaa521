"""Calls that come once more under an id that was used before. Pure."""

from __future__ import annotations

from .._latest import keep_latest
from .._types import JsonDict
from ..errors import ModelBehaviorError
from ..events.wire_values import as_id, as_text

__all__ = ["RepeatedCalls"]

_MOST = 1024


class RepeatedCalls:
    """Tells a call that is only delivered twice from another one with the same id.

    `ToolCalls` answers the first and ignores all others. That is right for a repetition; of another
    call the program should know.

    Threads: one at a time.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, str]] = {}

    def called(self, item: JsonDict) -> ModelBehaviorError | None:
        """Take an item that is complete; return what is wrong with it, if that is a call.

        Args:
            item: in wire form.
        """
        call_id = as_id(item.get("call_id"))
        if item.get("type") != "function_call" or call_id is None:
            return None
        call = as_text(item.get("name")) or "", as_text(item.get("arguments")) or ""
        if self._known.setdefault(call_id, call) != call:
            return ModelBehaviorError(
                f"the model has called {call[0]!r} under the id {call_id!r}, which another call of "
                f"{self._known[call_id][0]!r} has already; it gets no output"
            )
        keep_latest(self._known, _MOST)
        return None
