"""Who runs the tools that the model calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from .._deadline import Deadline
from ..tools.call_context import CallContext
from ..tools.pool import ToolPool
from ..tools.schema import Tool
from .effects import Effect, Report, RunAside, RunTool
from .events import ToolFinished
from .rules import VoiceState

__all__ = ["CallRunner", "PooledTools"]

Post = Callable[[Callable[[], list[Effect]]], None]
"""Has the engine decide something and act."""


class CallRunner(Protocol):
    """Runs calls beside the conversation, and has the engine take what they return.

    Threads: called by the engine's.
    """

    def run(self, work: RunTool | RunAside, post: Post) -> None:
        """Begin something; what comes of it is a decision, of which ``post`` is told."""

    def close(self, deadline: Deadline) -> None:
        """Let no further call begin, and wait until ``deadline`` for those under way."""


class PooledTools:
    """Runs functions in a pool.

    Args:
        tools: by name.
        state: takes their outputs.
        timeout: seconds for each call; None for as long as it takes.
    """

    def __init__(
        self, tools: Mapping[str, Tool], state: VoiceState, *, timeout: float | None
    ) -> None:
        self._tools = tools
        self._state = state
        self._pool = ToolPool(timeout=timeout)
        self.close = self._pool.close

    def run(self, work: RunTool | RunAside, post: Post) -> None:
        """See `CallRunner.run`."""
        assert isinstance(work, RunTool), "the rules of a voice loop know of nothing else"
        call = work
        context = CallContext(name=call.name, call_id=call.call_id, arguments=call.arguments)

        def deliver(_: CallContext, output: str, failed: bool) -> None:
            post(lambda: self._returned(call, output, failed=failed))

        self._pool.run(context, self._tools, deliver)

    def _returned(self, call: RunTool, output: str, *, failed: bool) -> list[Effect]:
        finished = ToolFinished(call_id=call.call_id, name=call.name, output=output, failed=failed)
        return [Report(finished), *self._state.tool_returned(call.call_id, call.name, output)]
