"""Hooks: methods of the program's that are called as a session goes on."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any, Generic, Literal

from attrs import frozen

from .._deadline import Deadline
from .._shown import shown
from .._threads import join_all, spawn
from ..errors import RealtimeError, UserError
from .agent import RealtimeAgent
from .function_tools import FunctionTool
from .run_context import RunContextWrapper, TContext
from .user_code import require_blocking

__all__ = ["HookRunner", "RealtimeAgentHooks", "RealtimeRunHooks"]

log = logging.getLogger(__name__)

_MAX_WAITING = 1000
_MAX_WAITING_RAW = _MAX_WAITING // 2


class _Hooks(Generic[TContext]):
    """What hooks of a session and of an agent have in common; a subclass has what it needs.

    They are called one after the other in the order of events, on a thread of their own, so that
    they may block; nobody waits for them. What they raise is logged and becomes an ``error``
    event; the session goes on.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse what nobody would await, where it is written."""
        super().__init_subclass__(**options)
        for name, method in vars(cls).items():
            if name.startswith("on_"):
                require_blocking(method, f"the hook {cls.__name__}.{name}")

    def on_tool_start(
        self, context: RunContextWrapper[TContext], agent: RealtimeAgent[Any], tool: FunctionTool
    ) -> None:
        """Learn that a tool begins; ``context`` is the `ToolContext` of the call."""

    def on_tool_end(
        self,
        context: RunContextWrapper[TContext],
        agent: RealtimeAgent[Any],
        tool: FunctionTool,
        result: object,
    ) -> None:
        """Learn what a tool has returned, or what the model is told instead."""

    def on_llm_start(
        self,
        context: RunContextWrapper[TContext],
        agent: RealtimeAgent[Any],
        system_prompt: str | None,
        input_items: list[Any],
    ) -> None:
        """Learn that a response begins."""

    def on_llm_end(
        self, context: RunContextWrapper[TContext], agent: RealtimeAgent[Any], response: Any
    ) -> None:
        """Learn that a response is over."""

    def on_transcript(
        self,
        context: RunContextWrapper[TContext],
        agent: RealtimeAgent[Any],
        role: Literal["user", "assistant"],
        text: str,
    ) -> None:
        """Learn the words of an item, when they are complete."""

    def on_interruption(
        self,
        context: RunContextWrapper[TContext],
        agent: RealtimeAgent[Any],
        item_id: str,
        played_ms: int,
    ) -> None:
        """Learn that the user has interrupted an item, of which so much was played."""

    def on_error(self, context: RunContextWrapper[TContext], error: Any) -> None:
        """Learn of an error after which the session goes on; not of one in `on_error` itself."""

    def on_idle(self, context: RunContextWrapper[TContext], silent_s: float) -> None:
        """Learn that nobody has said anything for so long, and that a rule acts on it."""

    def on_raw(self, context: RunContextWrapper[TContext], event: Any) -> None:
        """Get each event of the server; where hooks are slow, some are left out."""


class RealtimeRunHooks(_Hooks[TContext]):
    """Hooks of a whole session; a subclass has the methods that it needs.

    Raises:
        UserError: when the subclass is defined: a method is async.
    """

    def on_agent_start(
        self, context: RunContextWrapper[TContext], agent: RealtimeAgent[Any]
    ) -> None:
        """Learn that an agent begins with a response."""

    def on_agent_end(
        self, context: RunContextWrapper[TContext], agent: RealtimeAgent[Any], output: Any
    ) -> None:
        """Learn that an agent is at the end of a response, and what it has said."""

    def on_handoff(
        self,
        context: RunContextWrapper[TContext],
        from_agent: RealtimeAgent[Any],
        to_agent: RealtimeAgent[Any],
    ) -> None:
        """Learn that another agent has taken over."""


class RealtimeAgentHooks(_Hooks[TContext]):
    """Hooks of one agent (`RealtimeAgent.hooks`); a subclass has the methods that it needs.

    Raises:
        UserError: when the subclass is defined: a method is async.
    """

    def on_start(self, context: RunContextWrapper[TContext], agent: RealtimeAgent[Any]) -> None:
        """Learn that the agent begins with a response."""

    def on_end(
        self, context: RunContextWrapper[TContext], agent: RealtimeAgent[Any], output: Any
    ) -> None:
        """Learn that the agent is at the end of a response, and what it has said."""

    def on_handoff(
        self,
        context: RunContextWrapper[TContext],
        agent: RealtimeAgent[Any],
        source: RealtimeAgent[Any],
    ) -> None:
        """Learn that the agent has taken over from ``source``."""


@frozen(eq=False)
class _HookCall:
    name: str
    method: Callable[..., object]
    arguments: tuple[Any, ...]


def check_hooks(hooks: object, kind: type[_Hooks[Any]]) -> None:
    """Refuse what has no hooks that could be called; None passes.

    Args:
        hooks: of a run or an agent.
        kind: `RealtimeRunHooks` or `RealtimeAgentHooks`; any object with one of its hooks is fine.

    Raises:
        UserError: a hook is async, there is none, or this is a class.
    """
    if hooks is None:
        return
    if isinstance(hooks, type):
        raise UserError(f"hooks must be an object, not a class; write {hooks.__name__}()")
    if not any(hasattr(hooks, name) for name in _names_of(kind)):
        raise UserError(f"hooks={shown(hooks)} has no hook; derive from {kind.__name__}")
    for name in _names_of(kind):
        require_blocking(getattr(hooks, name, None), f"the hook {name}")


class HookRunner:
    """Calls the hooks of a session and of its agents, on one thread, in order.

    At most 1,000 calls wait, and 500 of them when the next is one of ``on_raw``. One more is
    left out and counted, with a warning when that begins: hooks that slow would never catch up.

    Args:
        hooks: of the session, or None.
        on_failure: gets the name of a hook and what it has raised, on the thread of the hooks.
            Not what ``on_error`` has raised, which would come back to it.

    Attributes:
        has_own: whether there are hooks of the session.
        dropped: calls that were left out.

    Raises:
        UserError: a hook is async, or this is a class.

    Threads:
        All of it may be called from any thread. Nothing but `close` waits, and that not on the
        hooks' own thread.
    """

    def __init__(
        self, hooks: object | None, on_failure: Callable[[str, BaseException], object]
    ) -> None:
        check_hooks(hooks, RealtimeRunHooks)
        self.has_own = hooks is not None
        self.dropped = 0
        self._hooks = hooks
        self._on_failure = on_failure
        self._lock = threading.Lock()  # guards `_has_begun`
        self._has_begun = False
        self._thread: threading.Thread | None = None
        self._calls: queue.SimpleQueue[_HookCall | None] = queue.SimpleQueue()
        self._closing = False
        self._over = False  # what still waits is not called any more
        self._is_full = False

    # -- what has happened -----------------------------------------------------------------------

    def agent_start(self, context: RunContextWrapper[Any], agent: RealtimeAgent[Any]) -> None:
        """Call ``on_agent_start`` and the agent's ``on_start``."""
        self._call(self._hooks, "on_agent_start", context, agent)
        self._call(agent.hooks, "on_start", context, agent)

    def agent_end(
        self, context: RunContextWrapper[Any], agent: RealtimeAgent[Any], output: object
    ) -> None:
        """Call ``on_agent_end`` and the agent's ``on_end``."""
        self._call(self._hooks, "on_agent_end", context, agent, output)
        self._call(agent.hooks, "on_end", context, agent, output)

    def handoff(
        self,
        context: RunContextWrapper[Any],
        from_agent: RealtimeAgent[Any],
        to_agent: RealtimeAgent[Any],
    ) -> None:
        """Call ``on_handoff``, that of the session and that of the new agent."""
        self._call(self._hooks, "on_handoff", context, from_agent, to_agent)
        self._call(to_agent.hooks, "on_handoff", context, to_agent, from_agent)

    def tell(
        self,
        name: str,
        context: RunContextWrapper[Any],
        agent: RealtimeAgent[Any],
        *more: object,
    ) -> None:
        """Call a hook of the session and the same of the agent.

        Args:
            name: of a hook that both may have.
            context: its first argument.
            agent: whose hooks are called; the second argument, where the hook has one.
            *more: its further arguments.
        """
        told = (context, *more) if name in _WITHOUT_AGENT else (context, agent, *more)
        self._call(self._hooks, name, *told)
        self._call(agent.hooks, name, *told)

    def runs_here(self) -> bool:
        """Whether the calling thread is the hooks' own."""
        return threading.current_thread() is self._thread

    def close(self, deadline: Deadline) -> None:
        """Call what waits until ``deadline``, and nothing more.

        A hook that runs then is left to itself, with a warning.
        """
        self.let_go()
        ended = self._thread is None or join_all([self._thread], deadline)
        self._over = True
        if not ended:
            log.warning("a hook has not returned; its thread is left behind")

    def let_go(self) -> None:
        """Call what waits, and nothing more; does not wait for it."""
        self._closing = True
        self._calls.put(None)

    # -- calls -----------------------------------------------------------------------------------

    def _call(self, hooks: object, name: str, *arguments: Any) -> None:
        method = getattr(hooks, name, None)
        if method is None or _is_ours(method) or self._closing:
            return
        limit = _MAX_WAITING_RAW if name == "on_raw" else _MAX_WAITING
        if self._calls.qsize() >= limit:
            self._drop(name)
            return
        self._is_full = False
        self._calls.put(_HookCall(name, method, arguments))
        self._start()

    def _drop(self, name: str) -> None:
        self.dropped += 1
        if not self._is_full:
            self._is_full = True
            log.warning("hooks are too slow: calls of %s and others are left out", name)

    def _start(self) -> None:
        with self._lock:
            first, self._has_begun = not self._has_begun, True
        if not first:
            return
        try:
            self._thread = spawn(self._work, name="agent-hooks")
        except RealtimeError:
            self._has_begun = False  # the next call tries again
            log.exception("no thread for hooks")

    def _work(self) -> None:
        while (call := self._calls.get()) is not None and not self._over:
            self._run(call)

    def _run(self, call: _HookCall) -> None:
        try:
            call.method(*call.arguments)
        except BaseException as exc:  # SystemExit as well: it ends no program from here
            self._failed(call, exc)

    def _failed(self, call: _HookCall, exc: BaseException) -> None:
        log.warning("the hook %s failed", call.name, exc_info=exc)
        if call.name == "on_error":
            return
        try:
            self._on_failure(call.name, exc)
        except Exception:
            log.exception("the failure of the hook %s could not be told", call.name)


_WITHOUT_AGENT = ("on_error", "on_idle", "on_raw")


def _names_of(cls: type) -> list[str]:
    return [name for name in dir(cls) if name.startswith("on_")]


_OURS = frozenset(
    getattr(cls, name) for cls in (RealtimeRunHooks, RealtimeAgentHooks) for name in _names_of(cls)
)


def _is_ours(method: object) -> bool:
    """Whether a hook is one of the empty ones above, so that nobody need call it."""
    return getattr(method, "__func__", None) in _OURS
