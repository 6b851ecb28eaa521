"""Which calls of the model's are open, and when the response to their outputs is to be asked for.

Every call gets one output: a call that is delivered twice runs once, and a name that the model made
up is told so. When all outputs of a response are in, and it is over, the next one is owed. A call
that does not name its response came in the one that ends next. A call that waits for a person's
approval holds nobody back: it is set aside, and its output is news of its own when it comes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any

from attrs import define, field, frozen

from .._latest import keep_latest
from .._types import JsonDict
from ..events.base import plain
from ..events.wire_values import as_id, as_object, as_text

__all__ = ["OpenCall", "ToolCalls", "declared_functions"]

# So many calls are known again, should they be delivered once more.
_MAX_CALLS = 1024
_MAX_RESPONSES = 64
_LONGEST_NAME = 200  # characters of a made-up name that the model is told again


@frozen
class OpenCall:
    """A call that is to be answered.

    Attributes:
        arguments: JSON text.
        failure: the output to be sent, where there is nothing to run; else None.
    """

    call_id: str
    name: str
    arguments: str
    failure: str | None = None


@define
class _Round:
    """The calls of one response.

    Attributes:
        over: the response is.
        owes_none: no response follows: it was interrupted, or the output of a call was lost.
        answered: an output is in, so that there is something to go on with.
        open: the ``call_id`` of each that has no output yet and is not set aside.
    """

    over: bool = False
    owes_none: bool = False
    answered: bool = False
    open: set[str] = field(factory=set)


class ToolCalls:
    """Follows the function calls of one conversation.

    Args:
        ours: names of the tools that are ours to answer; `set_ours` replaces them.
        declared: returns the names that the effective session declares, and those of the server's
            own tools: calls of them that are not ours, and never were, are left to whoever
            declared them.
        leave_unknown: leave all that are not ours, for a program beside another one that declares
            tools unseen.

    Threads: one at a time.
    """

    def __init__(
        self,
        ours: Collection[str],
        *,
        declared: Callable[[], Collection[str]],
        leave_unknown: bool = False,
    ) -> None:
        self._ours = frozenset(ours)
        self._once_ours: frozenset[str] = frozenset()  # and not any more
        self._declared = declared
        self._leave_unknown = leave_unknown
        self._rounds: dict[str, _Round] = {}  # those that are not settled
        self._over: dict[str, bool] = {}  # the latest that are over: whether interrupted
        self._known: dict[str, None] = {}  # the call_id of each of the latest calls
        self._aside: dict[str, str] = {}  # each call that is set aside: its response

    def set_ours(self, ours: Collection[str]) -> None:
        """Replace the names of the tools that are ours, for the calls that come from now on.

        A session may declare former ones for a while, or again on a new link. Nobody else answers
        calls of them: the model is told that there is no such tool.
        """
        before, self._ours = self._ours, frozenset(ours)
        self._once_ours = (self._once_ours | before) - self._ours

    @property
    def running(self) -> bool:
        """Whether an output is still to come; those of calls that are set aside do not count."""
        return any(group.open for group in self._rounds.values())

    @property
    def awaited(self) -> frozenset[str]:
        """The ``call_id`` of each call whose output holds the next response back."""
        return frozenset[str]().union(*(group.open for group in self._rounds.values()))

    @property
    def open_calls(self) -> frozenset[str]:
        """The ``call_id`` of each call without an output, also of those that are set aside."""
        return self.awaited | self._aside.keys()

    def unmatched(self, declared: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return which of the ``declared`` functions are not ours, and which of ours are not there.

        For a program beside another one the former are nobody's affair.
        """
        others = () if self._leave_unknown else sorted(set(declared) - self._ours)
        return tuple(others), tuple(sorted(self._ours - set(declared)))

    def called(self, response_id: object, item: JsonDict) -> OpenCall | None:
        """Take an item that is complete; return the call if it is ours to answer.

        Args:
            response_id: as it came in ``response.output_item.done``.
            item: in wire form.
        """
        call_id, name = _complete_call(item), as_text(item.get("name"))
        if call_id is None or call_id in self._known or self.is_left(item):
            return None
        failure = None if name in self._ours else self._failure(name)
        self._known[call_id] = None
        keep_latest(self._known, _MAX_CALLS)
        self._round(response_id).open.add(call_id)
        return OpenCall(call_id, name or "", _arguments(item.get("arguments")), failure)

    def is_left(self, item: JsonDict) -> bool:
        """Whether an item is a call that is left to whoever declared its function."""
        name = as_text(item.get("name"))
        if _complete_call(item) is None or name in self._ours:
            return False
        return self._leave_unknown or name in self._others()

    def _others(self) -> frozenset[str]:
        """Return the names that are declared, and somebody else's to answer."""
        return frozenset(self._declared()) - self._ours - self._once_ours

    def _failure(self, name: str | None) -> str:
        """Return what the model is told of a name that nobody has declared."""
        tools = ", ".join(sorted(self._ours | self._others())) or "none"
        shown = (name or "")[:_LONGEST_NAME]
        return json.dumps({"error": f"there is no tool {shown!r}; the tools are: {tools}"})

    def _round(self, response_id: object) -> _Round:
        key = as_text(response_id) or ""
        if key not in self._rounds:
            self._rounds[key] = _Round(key in self._over, self._over.get(key, False))
            keep_latest(self._rounds, _MAX_RESPONSES)
        return self._rounds[key]

    def set_aside(self, call_id: str) -> bool:
        """Take that a call waits for approval; return whether a response is owed now.

        It holds the response to the other outputs back no longer. Its own output, when it is
        `finished`, owes a response: together with the others that are still open, or at once
        when there are none. So it does after an interruption, too, since the user's turn may
        have had its answer long before.
        """
        for key, group in list(self._rounds.items()):
            if call_id in group.open:
                group.open.remove(call_id)
                self._aside[call_id] = key
                keep_latest(self._aside, _MAX_CALLS)
                return self._settle(key, group)
        return False

    def finished(self, call_id: str) -> bool:
        """Take that a call has its output; return whether a response is owed now."""
        if call_id in self._aside:
            return self._finish_aside(call_id)
        for key, group in list(self._rounds.items()):
            if call_id in group.open:
                group.open.remove(call_id)
                group.answered = True
                return self._settle(key, group)
        return False

    def _finish_aside(self, call_id: str) -> bool:
        group = self._rounds.get(self._aside.pop(call_id))
        if group is None or (group.over and group.owes_none):
            return True  # nothing else will bring the response
        group.answered = True
        return False

    def lost(self, call_id: str) -> None:
        """Take that the output of a call could not be sent, so that no response is owed for it."""
        if self._aside.pop(call_id, None) is not None:
            return
        for group in self._rounds.values():
            if call_id in group.open:
                group.owes_none = True
        self.finished(call_id)

    def over(self, response_id: object, *, interrupted: bool = False) -> bool:
        """Take that a response is over; return whether the next one is owed now.

        Args:
            response_id: as it came in ``response.done``.
            interrupted: the user has interrupted it. The outputs of its calls are sent, and the
                user's next turn brings the answer.
        """
        key = as_text(response_id) or ""
        if key:
            self._over[key] = interrupted
            keep_latest(self._over, _MAX_RESPONSES)
            self._adopt_unnamed(key)
        group = self._rounds.get(key)
        if group is None:
            return False
        group.over, group.owes_none = True, group.owes_none or interrupted
        return self._settle(key, group)

    def _adopt_unnamed(self, key: str) -> None:
        """Take the calls that named no response for those of the one that is over now.

        They came while it was running, since there is one at a time.
        """
        unnamed = self._rounds.pop("", None)
        if unnamed is not None:
            group = self._round(key)
            group.open |= unnamed.open
            group.owes_none = group.owes_none or unnamed.owes_none
            group.answered = group.answered or unnamed.answered
            self._aside = {call_id: of or key for call_id, of in self._aside.items()}

    def link_lost(self) -> bool:
        """Take that no more comes of any response; return whether the next one is owed now."""
        owed = [self.over(key) for key in list(self._rounds)]
        return any(owed)

    def _settle(self, key: str, group: _Round) -> bool:
        if not group.over or group.open:
            return False
        del self._rounds[key]
        return group.answered and not group.owes_none


def _complete_call(item: JsonDict) -> str | None:
    """Return the ``call_id`` of a call that can be answered, None for any other item."""
    if item.get("type") != "function_call" or item.get("status") == "incomplete":
        return None
    return as_id(item.get("call_id"))


def declared_functions(tools: Any) -> frozenset[str]:
    """Return the names of the functions among the tools of a session or a response."""
    tools = plain(tools)
    declared = [as_object(tool) for tool in tools] if isinstance(tools, list) else []
    names = (as_text(tool.get("name")) for tool in declared if tool.get("type") != "mcp")
    return frozenset(filter(None, names))


def _arguments(value: Any) -> str:
    """Return the arguments as JSON text; some servers send the object itself."""
    if value is None or isinstance(value, str):
        return value or ""
    try:
        return json.dumps(value)
    except RecursionError:
        return "nested too deeply"  # no JSON, of which the model is told
