"""Tools run here: a few threads beside the conversation, never on its reader."""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

from .._deadline import Deadline
from .._threads import join_all, spawn
from .effects import RunTool

__all__ = ["ToolPool", "Tools"]

log = logging.getLogger(__name__)

Tools = Mapping[str, Callable[..., Any]]
_WORKERS = 4


class ToolPool:
    """Runs tool calls, at most four at once; more wait in line.

    A response can't ask for more calls than the model writes, so the line needs no bound.

    Args:
        tools: by name; each gets the call's arguments as keywords.
        deliver: gets the call, its output and whether it failed; on one of the pool's threads.

    Threads:
        `run` and `close` may be called from any thread.
    """

    def __init__(self, tools: Tools, deliver: Callable[[RunTool, str, bool], None]) -> None:
        self._tools = tools
        self._deliver = deliver
        self._calls: queue.SimpleQueue[RunTool | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads, if there are tools."""
        if self._tools:
            self._threads = [spawn(self._work, name=f"tool-{n}") for n in range(_WORKERS)]

    def run(self, call: RunTool) -> None:
        """Run ``call`` as soon as a thread is free."""
        self._calls.put(call)

    def close(self, deadline: Deadline) -> None:
        """Let no further call begin, and wait for those under way until ``deadline``."""
        for _ in self._threads:
            self._calls.put(None)
        if not join_all(self._threads, deadline):
            log.warning("a tool is still running after the conversation has ended")

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            output, failed = self._call(call)
            self._deliver(call, output, failed)

    def _call(self, call: RunTool) -> tuple[str, bool]:
        """Return what the model is told; a tool that fails must not end the conversation."""
        try:
            arguments = json.loads(call.arguments or "{}")
            if not isinstance(arguments, dict):
                raise TypeError(f"arguments must be an object, not {type(arguments).__name__}")
            result = self._tools[call.name](**arguments)
            return _as_text(result), False
        except Exception as exc:
            log.warning("tool %r failed", call.name, exc_info=True)
            return json.dumps({"error": f"{type(exc).__name__}: {exc}"}), True


def _as_text(result: object) -> str:
    return result if isinstance(result, str) else json.dumps(result, default=str)
