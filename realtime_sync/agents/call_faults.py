"""What a program should know of its model's calls that no tool answers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection

from .._latest import keep_latest
from .._types import JsonDict
from ..errors import ModelBehaviorError
from ..events.wire_values import as_id, as_text

__all__ = ["CallFaults"]

_MOST = 1024


class CallFaults:
    """Tells of calls of unknown tools, and of those with the id of another one.

    `ToolCalls` answers the former and ignores all that come under an id that it knows. That is
    right where a call is only delivered twice; of another call the program should know.

    Args:
        is_left: whether an item is a call that is left to whoever has declared its function.

    Threads: one at a time.
    """

    def __init__(self, is_left: Callable[[JsonDict], bool]) -> None:
        self._is_left = is_left
        self._known: dict[str, tuple[str, str]] = {}  # name and arguments by call id

    def called(self, item: JsonDict, names: Collection[str]) -> ModelBehaviorError | None:
        """Take an item that is complete; return what is wrong with it, if that is a call.

        Args:
            item: in wire form.
            names: what the model may call.
        """
        call_id = as_id(item.get("call_id"))
        if item.get("type") != "function_call" or call_id is None or self._is_left(item):
            return None
        call = name, _ = as_text(item.get("name")) or "", as_text(item.get("arguments")) or ""
        if call_id in self._known:
            return None if self._known[call_id] == call else self._doubled(call_id, name)
        self._known[call_id] = call
        keep_latest(self._known, _MOST)
        if name in names:
            return None
        return ModelBehaviorError(f"the model has called {name!r}, which is none of its tools")

    def _doubled(self, call_id: str, name: str) -> ModelBehaviorError:
        return ModelBehaviorError(
            f"the model has called {name!r} under the id {call_id!r}, which another call of "
            f"{self._known[call_id][0]!r} has already; it gets no output"
        )
