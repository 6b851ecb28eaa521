"""Turns in which the model calls functions of the program: asked on until the final answer."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from .._deadline import Deadline
from .._types import JsonDict, Samples
from ..conversation.tool_calls import OpenCall, ToolCalls, declared_functions
from ..errors import ConnectionClosed, LocalProtocolError, QueueFullError, RealtimeTimeout
from ..events import ServerEvent
from ._turn_runner import TurnRunner, check_response, user_items
from .link.queue import EventQueue
from .link.sender import Sender
from .reply import Reply
from .state import ConnectionState

if TYPE_CHECKING:  # and at run time only where a turn has tools
    from ..tools.pool import ToolPool
    from ..tools.schema import Tool

__all__ = ["ToolRounds"]

# How soon the end of the connection is noticed while functions run.
_LOOK_S = 0.2
_CANCELLED = "the call was cancelled: the program waits for it no longer"


class ToolRounds:
    """What `ask` and `stream` do: a turn, the calls in its answer, another turn with the outputs.

    Without tools, or without calls of them, it is one turn.

    Args:
        turns: runs each turn.
        events: the connection's queue, of which the end matters.
        sender: sends the outputs that no turn waits for.
        state: knows the session's own tools.
        pool: runs the calls; None where there are no tools.
        tools: the functions that are declared for these turns and answered here.

    Threads: the consumer's alone; a signal handler's exception may strike it.
    """

    def __init__(
        self,
        turns: TurnRunner,
        events: EventQueue,
        sender: Sender,
        state: ConnectionState,
        *,
        pool: ToolPool | None,
        tools: Mapping[str, Tool],
    ) -> None:
        self._turns = turns
        self._events = events
        self._sender = sender
        self._state = state
        self._pool = pool
        self._tools = tools
        dialect = sender.dialect
        self._servers = frozenset() if dialect is None else dialect.server_tools
        self._foreign: frozenset[str] = frozenset()  # names of tools that the program answers
        self._calls = ToolCalls(tools, declared=lambda: self._foreign | self._servers)
        self._answered: list[str] = []  # ids of calls
        self._turn = turns.new()

    def run(
        self,
        text: str | None,
        audio: str | bytes | Samples | None,
        response: Mapping[str, Any] | None,
        deadline: Deadline,
    ) -> Iterator[ServerEvent]:
        """Say something, then yield the events of all turns until the final answer."""
        items = user_items(text, audio, pcm=self._state.input_is_pcm)
        check_response(response)
        params = self._with_tools(response)
        while True:
            yield from self._turns.run(self._turn, items, params, deadline)
            calls = self._called()
            if not calls:
                return
            items = self._outputs(calls, deadline)
            # Outputs that the program has to give before the model can go on.
            if any(map(self._is_left, self._turn.calls)):
                self._post(items)
                return
            # A choice that forced this call would force the next, and an input of its own would
            # lack the outputs.
            params = {**params, "tool_choice": "auto"}
            params.pop("input", None)
            self._turn = self._turns.new()

    def reply(self) -> Reply:
        """Return the final answer; only after the end of `run`."""
        reply = self._turn.reply()
        left = [
            call
            for call in reply.function_calls
            if call.call_id not in self._answered and call.name not in self._servers
        ]
        return attrs.evolve(reply, function_calls=left)

    def _with_tools(self, response: Mapping[str, Any] | None) -> JsonDict:
        """Return the settings of the responses, with the tools of the session and ours."""
        params = dict(response or {})
        if not self._tools:
            return params
        if params.get("conversation") == "none":
            raise LocalProtocolError(
                "a response outside of the conversation can't be told what its functions return; "
                "leave out conversation='none', or ask without tools="
            )
        # A response's tools stand instead of the session's.
        given = params.get("tools", self._state.session.tools)
        others = [
            tool
            for tool in (given if isinstance(given, list | tuple) else ())
            if _name_of(tool) not in self._tools
        ]
        self._foreign = declared_functions(others)
        params["tools"] = [*others, *(tool.declaration() for tool in self._tools.values())]
        return params

    def _is_left(self, item: JsonDict) -> bool:
        """Whether a call is the program's to answer, and not the server's own."""
        return self._calls.is_left(item) and _name_of(item) not in self._servers

    def _called(self) -> list[OpenCall]:
        """Return the calls to answer here, of names that nobody has declared as well."""
        turn = self._turn
        if not self._tools or turn.response is None or turn.response.status == "cancelled":
            return []
        found = [self._calls.called(turn.response_id, item) for item in turn.calls]
        self._calls.over(turn.response_id)
        return [call for call in found if call is not None]

    def _outputs(self, calls: list[OpenCall], deadline: Deadline) -> list[JsonDict]:
        """Run the calls; return their outputs as items, when all are in."""
        pool = self._pool
        assert pool is not None  # there are tools
        # One that no output comes for, because this is left early, is told so.
        from ..tools.outputs import error_text

        outputs = {call.call_id: error_text(_CANCELLED) for call in calls}
        came: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        try:
            self._start(calls, pool, came)
            self._collect(outputs, calls, came, deadline)
        except BaseException:  # a signal handler's as well: the model still waits for outputs
            pool.cancel("the program waits for the call no longer", outputs)
            while not came.empty():
                call_id, outputs[call_id] = came.get()
            self._post(_items(outputs))
            raise
        self._answered += outputs
        return _items(outputs)

    def _start(
        self, calls: list[OpenCall], pool: ToolPool, came: queue.SimpleQueue[tuple[str, str]]
    ) -> None:
        from ..tools.call_context import CallContext

        for call in calls:
            if call.failure is not None:
                came.put((call.call_id, call.failure))
                continue
            context = CallContext(name=call.name, call_id=call.call_id, arguments=call.arguments)
            pool.run(context, self._tools, lambda c, out, _: came.put((c.call_id, out)))

    def _collect(
        self,
        outputs: dict[str, str],
        calls: list[OpenCall],
        came: queue.SimpleQueue[tuple[str, str]],
        deadline: Deadline,
    ) -> None:
        owed = False  # the next request, which all outputs precede
        while not owed:
            call_id, output = self._next(came, deadline, calls)
            outputs[call_id] = output
            owed = self._calls.finished(call_id)

    def _next(
        self,
        came: queue.SimpleQueue[tuple[str, str]],
        deadline: Deadline,
        calls: list[OpenCall],
    ) -> tuple[str, str]:
        while True:
            left = deadline.remaining()
            try:
                return came.get(timeout=_LOOK_S if left is None else min(left, _LOOK_S))
            except queue.Empty:
                if self._events.end is not None:
                    raise self._events.end.copy() from None
                if left == 0:
                    names = ", ".join(sorted({call.name for call in calls}))
                    raise RealtimeTimeout(
                        f"no whole answer in time, because a function had not returned (called "
                        f"were: {names}); the connection is still usable"
                    ) from None

    def _post(self, items: list[JsonDict]) -> None:
        """Send outputs without asking for an answer and without waiting."""
        turn = self._turns.new()
        with contextlib.suppress(ConnectionClosed, QueueFullError):
            for item in items:
                self._sender.post(turn.item_create(item))


def _items(outputs: dict[str, str]) -> list[JsonDict]:
    return [
        {"type": "function_call_output", "call_id": call_id, "output": output}
        for call_id, output in outputs.items()
    ]


def _name_of(tool: object) -> object:
    return tool.get("name") if isinstance(tool, Mapping) else getattr(tool, "name", None)
