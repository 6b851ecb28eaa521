"""Runs the calls of an agent's model: approval, checks, the function, and what comes of it.

A call goes through these steps on a thread of the pool: find the tool (or the handoff) → is it
enabled → its arguments → approval → the checks of the call → ``on_start`` → the function, which
alone has a time limit → the checks of the output. A call that waits for approval keeps no thread;
it goes on after that step.

A tool's own failure is told to the model. Whatever else of the program raises on the way (a check,
``needs_approval``, ``is_enabled``) is fatal: nobody could say whether the call was right.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from attrs import define, evolve, field, frozen

from ..errors import MCPServerError, ToolTimeoutError, UserError
from ..tools.arguments import read_arguments
from ..tools.call_context import CallContext
from ..tools.kinds import ArgumentError
from ..tools.outputs import error_text, output_text
from ..tools.pool import CallEnded, CallExpired, ToolPool
from .agent import RealtimeAgent
from .dispatch import Dispatch, dispatch_of
from .function_tools import (
    FAILURE_TEXT,
    FunctionTool,
    Invocation,
    ToolErrorFormatterArgs,
    text_by,
)
from .handoffs import Handoff
from .run_context import RunContextWrapper, ToolContext
from .tool_guardrails import (
    ToolGuardrailFunctionOutput,
    ToolInputGuardrailData,
    ToolInputGuardrailTripwireTriggered,
    ToolOutputGuardrailData,
    ToolOutputGuardrailTripwireTriggered,
)
from .user_code import enabled

__all__ = [
    "REJECTION_TEXT",
    "ApprovalNeeded",
    "HandedOff",
    "OnToolStart",
    "Outcome",
    "ToolErrorFormatter",
    "ToolFatal",
    "ToolReturned",
    "ToolRunner",
]

log = logging.getLogger(__name__)

REJECTION_TEXT = "Tool execution was not approved."

ToolErrorFormatter = Callable[[ToolErrorFormatterArgs[Any]], str | None]
"""Says what the model is told of a call that was not approved; None for the default."""

OnToolStart = Callable[[ToolContext[Any], FunctionTool], object]
"""Is told that a function begins; the context has the call and the agent."""


# -- outcomes --------------------------------------------------------------------------------------


@frozen(eq=False)
class ToolReturned:
    """A call has an output.

    Attributes:
        call: that it belongs to.
        agent: whose call it was.
        tool: None where the agent has none of that name, or none that is enabled.
        output: what the function has returned, or what the model is told instead.
        text: the same as text: the output for the model.
        context: which the program's functions were given.
        failed: whether it is not what the function has returned.
        error: what was raised, if anything was.
    """

    call: CallContext
    agent: RealtimeAgent[Any]
    tool: FunctionTool | Handoff[Any, Any] | None
    output: object
    text: str
    context: ToolContext[Any]
    failed: bool = False
    error: BaseException | None = None


@frozen(eq=False)
class ApprovalNeeded:
    """A call waits for `ToolRunner.approve` or `ToolRunner.reject`; another outcome follows.

    Attributes:
        call: that waits.
        agent: whose call it is.
        tool: that it calls.
    """

    call: CallContext
    agent: RealtimeAgent[Any]
    tool: FunctionTool


@frozen(eq=False)
class HandedOff:
    """The model has handed over.

    Attributes:
        call: by which it did.
        agent: which it was.
        handoff: the way to the other one.
        dispatch: the other one, with its instructions and tools.
        text: the output for the model.
    """

    call: CallContext
    agent: RealtimeAgent[Any]
    handoff: Handoff[Any, Any]
    dispatch: Dispatch
    text: str


@frozen(eq=False)
class ToolFatal:
    """A call is to end the session.

    Attributes:
        call: that failed.
        agent: whose call it was.
        error: why.
    """

    call: CallContext
    agent: RealtimeAgent[Any]
    error: BaseException


Outcome = ToolReturned | ApprovalNeeded | HandedOff | ToolFatal


# -- the runner ------------------------------------------------------------------------------------


@define(eq=False)
class _Run:
    """One call on its way.

    Attributes:
        arguments: checked, as far as the tool says how.
        waits: whether it waits for approval.
        told: whether the program knows of that.
        why_ended: set by `ToolRunner.cancel`.
        is_called: its function runs.
    """

    call: CallContext
    dispatch: Dispatch
    context: ToolContext[Any]
    arguments: dict[str, Any] = field(factory=dict, init=False)
    waits: bool = field(default=False, init=False)
    told: bool = field(default=False, init=False)
    why_ended: str | None = field(default=None, init=False)
    is_called: bool = field(default=False, init=False)

    @property
    def tool(self) -> FunctionTool:
        return self.dispatch.tools[self.call.name]

    @property
    def approval_key(self) -> tuple[int, str]:
        return id(self.dispatch.agent), self.call.name

    def returned(
        self, output: object, *, failed: bool = False, error: BaseException | None = None
    ) -> ToolReturned:
        name = self.call.name
        tool = self.dispatch.tools.get(name) or self.dispatch.handoffs.get(name)
        agent, text = self.dispatch.agent, output_text(output)
        return ToolReturned(self.call, agent, tool, output, text, self.context, failed, error)

    def not_found(self) -> ToolReturned:
        text = f"Tool {self.call.name} not found"
        return evolve(self.returned(text, failed=True), tool=None)

    def ended(self, why: str) -> ToolReturned:
        return self.returned(error_text(why), failed=True)


@frozen
class _Verdict:
    """What the program wants done with all further calls of an agent's tool."""

    approved: bool
    message: str | None = None


class ToolRunner:
    """Runs calls in a pool and delivers what comes of them.

    Args:
        pool: where the program's functions run; closed by whoever made it.
        context: of the session.
        deliver: gets each outcome, once: one `ToolReturned`, `HandedOff` or `ToolFatal` for each
            call, perhaps after an `ApprovalNeeded`. None when the pool is closed before.
        on_start: is told when a function begins.
        error_formatter: says what the model is told of a call that was not approved.
        pre_approval_guardrails: whether calls are checked before the program is asked, too.

    Threads:
        All of it may be called from any thread. ``deliver`` and ``on_start`` are called on a
        thread of the pool, or on that of `cancel`; they must not block.
    """

    def __init__(
        self,
        pool: ToolPool,
        context: RunContextWrapper[Any],
        deliver: Callable[[Outcome], object],
        *,
        on_start: OnToolStart | None = None,
        error_formatter: ToolErrorFormatter | None = None,
        pre_approval_guardrails: bool = False,
    ) -> None:
        self._pool = pool
        self._context = context
        self._deliver = deliver
        self._on_start = on_start
        self._error_formatter = error_formatter
        self._pre_approval_guardrails = pre_approval_guardrails
        self._lock = threading.Lock()  # guards all below, and the state of each run
        self._runs: dict[str, _Run] = {}  # by call id, until their last outcome
        # By the agent and the tool's name: what is decided for one agent is for no other.
        self._verdicts: dict[tuple[int, str], _Verdict] = {}
        self._decided_for: dict[int, RealtimeAgent[Any]] = {}  # so that no id is another agent's

    def run(self, call: CallContext, dispatch: Dispatch) -> None:
        """Run a call as soon as a thread is free.

        Args:
            call: names the tool or handoff.
            dispatch: as it was when the model called.
        """
        context = ToolContext(
            context=self._context.context,
            usage=self._context.usage,
            tool_name=call.name,
            tool_call_id=call.call_id,
            tool_arguments=call.arguments if isinstance(call.arguments, str) else "",
            agent=dispatch.agent,
            _call=call,
        )
        run = _Run(call, dispatch, context)
        with self._lock:
            self._runs[call.call_id] = run
        self._submit(run, self._begin)

    def approve(self, call_id: str, *, always: bool = False) -> bool:
        """Let a call go on that waits for approval.

        Args:
            call_id: of the call.
            always: whether further calls of this tool by the same agent need none.

        Returns:
            False when no such call waits.
        """
        return self._decide(call_id, _Verdict(True), always, self._check_and_call)

    def reject(self, call_id: str, *, always: bool = False, message: str | None = None) -> bool:
        """Tell the model that a call is not approved.

        Args:
            call_id: of the call.
            always: whether further calls of it by the same agent are rejected as well.
            message: what the model is told.

        Returns:
            False when no such call waits.
        """
        reject = partial(self._rejected, message=message)
        return self._decide(call_id, _Verdict(False, message), always, reject)

    def cancel(self, why: str, call_ids: Collection[str] | None = None) -> None:
        """End calls, also those that wait for approval; the model is told why.

        Args:
            why: what the model is told.
            call_ids: of the calls; None for all.
        """
        with self._lock:
            chosen = _chosen(self._runs, call_ids)
            waiting = _end_all(chosen, why)
        if chosen:
            self._pool.cancel(why, [run.call.call_id for run in chosen])
        for run in waiting:
            run.call.cancel()
            self._finish(run, run.ended(why))

    def interrupt(self) -> None:
        """Tell the functions that run that the user has interrupted (`ToolContext.cancelled`).

        What they return is the output all the same. A call that begins later, or goes on after
        its approval, is not told.
        """
        with self._lock:
            called = _called(self._runs)
        for run in called.values():
            run.call.cancel()

    @property
    def called(self) -> frozenset[str]:
        """The ``call_id`` of each call whose function runs at this moment."""
        with self._lock:
            return frozenset(_called(self._runs))

    # -- steps, on a thread of the pool ----------------------------------------------------------

    def _perform(self, run: _Run, step: Callable[[_Run], Outcome]) -> Outcome:
        if run.why_ended is not None:  # before the pool knew of this step
            return run.ended(run.why_ended)
        return step(run)

    def _begin(self, run: _Run) -> Outcome:
        name, dispatch = run.call.name, run.dispatch
        found = dispatch.tools.get(name) or dispatch.handoffs.get(name)
        if found is None or not enabled(found.is_enabled, run.context, dispatch.agent):
            return run.not_found()
        if isinstance(found, Handoff):
            return self._hand_over(run, found)
        try:
            run.arguments = _read(run)
        except ArgumentError as exc:
            return self._failed(run, exc)
        return self._ask(run) or self._check_and_call(run)

    def _ask(self, run: _Run) -> Outcome | None:
        """Return None when a call needs no approval, or has it."""
        tool = run.tool
        with self._lock:
            verdict = self._verdicts.get(run.approval_key)
        if verdict is not None:
            return None if verdict.approved else self._rejected(run, message=verdict.message)
        needed = tool.needs_approval
        if callable(needed):
            arguments = read_arguments(run.call.arguments)
            needed = needed(run.context, arguments, run.call.call_id)
        if not needed:
            return None
        message = self._input_message(run) if self._pre_approval_guardrails else None
        if message is not None:
            return run.returned(message, failed=True)
        return ApprovalNeeded(run.call, run.dispatch.agent, tool)

    def _check_and_call(self, run: _Run) -> Outcome:
        message = self._input_message(run)
        if message is not None:
            return run.returned(message, failed=True)
        if self._pool.allow(run.tool.timeout_seconds) and self._on_start is not None:
            self._on_start(run.context, run.tool)
        return self._call(run)

    def _call(self, run: _Run) -> Outcome:
        invoke = run.tool.on_invoke_tool
        run.is_called = True
        try:
            output = (
                invoke.call(run.context, run.arguments)
                if isinstance(invoke, Invocation)
                else invoke(run.context, run.context.tool_arguments)
            )
        except BaseException as exc:  # SystemExit as well: it ends no program from here
            return self._failed(run, exc)
        finally:
            run.is_called = False
            self._pool.allow(None)
        return self._checked(run, output)

    def _failed(self, run: _Run, error: BaseException) -> Outcome:
        """Return what comes of a wrong call, or of a function that raised."""
        invoke = run.tool.on_invoke_tool
        if isinstance(invoke, Invocation):
            text = invoke.failure_text(run.context, error)
        elif isinstance(error, ArgumentError):
            text = error_text(str(error))
        else:
            raise error  # such a tool says itself what the model is told
        return self._checked(run, text, error)

    def _checked(self, run: _Run, output: object, error: BaseException | None = None) -> Outcome:
        """Return an output when it has passed the tool's checks."""
        for guardrail in run.tool.tool_output_guardrails or ():
            said = guardrail.run(ToolOutputGuardrailData(run.context, run.dispatch.agent, output))
            if said.behavior["type"] == "raise_exception":
                raise ToolOutputGuardrailTripwireTriggered(guardrail, said)
            if (message := _rejection(said)) is not None:
                return run.returned(message, failed=True, error=error)
        return run.returned(output, failed=error is not None, error=error)

    def _input_message(self, run: _Run) -> str | None:
        """Return what the model is told by a check that a call has not passed."""
        for guardrail in run.tool.tool_input_guardrails or ():
            said = guardrail.run(ToolInputGuardrailData(run.context, run.dispatch.agent))
            if said.behavior["type"] == "raise_exception":
                raise ToolInputGuardrailTripwireTriggered(guardrail, said)
            if (message := _rejection(said)) is not None:
                return message
        return None

    def _rejected(self, run: _Run, *, message: str | None) -> Outcome:
        text = self._rejection_text(run) if message is None else message
        return run.returned(text, failed=True)

    def _rejection_text(self, run: _Run) -> str:
        if self._error_formatter is None:
            return REJECTION_TEXT
        given = ToolErrorFormatterArgs(
            kind="approval_rejected",
            tool_type="function",
            tool_name=run.tool.name,
            call_id=run.call.call_id,
            default_message=REJECTION_TEXT,
            run_context=self._context,
        )
        try:
            text: object = self._error_formatter(given)
        except Exception:
            log.exception("tool_error_formatter failed")
            return REJECTION_TEXT
        if isinstance(text, str):
            return text
        if text is not None:
            log.error("tool_error_formatter has returned %s, no text", type(text).__name__)
        return REJECTION_TEXT

    def _timed_out(self, run: _Run, *, error: ToolTimeoutError) -> Outcome:
        tell = run.tool.timeout_error_function
        text = str(error) if tell is None else text_by(tell, run.context, error)
        return self._checked(run, text, error)

    def _hand_over(self, run: _Run, handoff: Handoff[Any, Any]) -> Outcome:
        try:
            agent = handoff.on_invoke_handoff(run.context, run.context.tool_arguments)
        except BaseException as exc:  # SystemExit as well: it ends no program from here
            log.warning("handoff %r failed", handoff.tool_name, exc_info=True)
            cause = exc.__cause__
            wrong = error_text(str(cause)) if isinstance(cause, ArgumentError) else None
            return run.returned(wrong or FAILURE_TEXT, failed=True, error=exc)
        if not isinstance(agent, RealtimeAgent):
            raise UserError(
                f"the handoff {handoff.tool_name!r} must return a RealtimeAgent, and returned "
                f"{type(agent).__name__}"
            )
        try:
            dispatch = dispatch_of(agent, self._context)
        except MCPServerError as exc:  # the other agent can't work now, and this one goes on
            log.warning("handoff %r failed", handoff.tool_name, exc_info=True)
            return run.returned(FAILURE_TEXT, failed=True, error=exc)
        message = handoff.get_transfer_message(agent)
        return HandedOff(run.call, run.dispatch.agent, handoff, dispatch, message)

    # -- outcomes --------------------------------------------------------------------------------

    def _submit(self, run: _Run, step: Callable[[_Run], Outcome]) -> None:
        self._pool.submit(run.call, partial(self._perform, run, step), partial(self._settle, run))

    def _settle(self, run: _Run, call: CallContext, outcome: Outcome | BaseException) -> None:
        """Make an outcome of what the pool delivers."""
        if isinstance(outcome, CallExpired):
            self._expired(run, outcome.seconds)
        elif isinstance(outcome, CallEnded):
            self._finish(run, run.ended(str(outcome)))
        elif isinstance(outcome, BaseException):
            self._finish(run, ToolFatal(call, run.dispatch.agent, outcome))
        elif isinstance(outcome, ApprovalNeeded):
            self._wait(run, outcome)
        else:
            self._finish(run, outcome)

    def _expired(self, run: _Run, seconds: float) -> None:
        error = ToolTimeoutError(run.call.name, seconds)
        if run.tool.timeout_behavior == "raise_exception":
            self._finish(run, ToolFatal(run.call, run.dispatch.agent, error))
        else:
            self._submit(run, partial(self._timed_out, error=error))

    def _wait(self, run: _Run, outcome: ApprovalNeeded) -> None:
        """Let a call wait; one that is cancelled meanwhile ends when the program knows of it."""
        with self._lock:
            run.waits = True
        self._deliver(outcome)
        with self._lock:
            run.told = True
            is_over = run.waits and run.why_ended is not None
            run.waits = run.waits and not is_over
        if is_over:
            self._finish(run, run.ended(run.why_ended or ""))

    def _decide(
        self, call_id: str, verdict: _Verdict, always: bool, step: Callable[[_Run], Outcome]
    ) -> bool:
        with self._lock:
            run = self._runs.get(call_id)
            if run is None or not run.waits:
                return False
            run.waits = False
            if always:
                self._verdicts[run.approval_key] = verdict
                self._decided_for[id(run.dispatch.agent)] = run.dispatch.agent
        self._submit(run, step)
        return True

    def _finish(self, run: _Run, outcome: Outcome) -> None:
        with self._lock:
            if self._runs.get(run.call.call_id) is run:
                del self._runs[run.call.call_id]
        self._deliver(outcome)


def _read(run: _Run) -> dict[str, Any]:
    """Return a call's arguments, checked as far as its tool says how."""
    invoke = run.tool.on_invoke_tool
    if isinstance(invoke, Invocation):
        return invoke.read(run.call.arguments)
    return read_arguments(run.call.arguments)


def _rejection(said: ToolGuardrailFunctionOutput) -> str | None:
    behavior = said.behavior
    return behavior["message"] if behavior["type"] == "reject_content" else None


def _called(runs: dict[str, _Run]) -> dict[str, _Run]:
    """Return those whose function runs; a loop has no place under a lock (`_signal_safe`)."""
    return {call_id: run for call_id, run in runs.items() if run.is_called}


def _chosen(runs: dict[str, _Run], call_ids: Collection[str] | None) -> list[_Run]:
    return [run for name, run in runs.items() if call_ids is None or name in call_ids]


def _end_all(runs: list[_Run], why: str) -> list[_Run]:
    """Mark calls as ended; return those that have waited for approval, and now do so no more."""
    waiting = [run for run in runs if run.waits and run.told]
    for run in runs:
        run.why_ended = why
    for run in waiting:
        run.waits = False
    return waiting
