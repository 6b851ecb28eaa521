"""What a session has done beside the conversation: the calls of tools, and the guardrails."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .._deadline import Deadline
from .._types import JsonDict
from ..errors import ModelBehaviorError, UserError
from ..tools.call_context import CallContext
from ..tools.pool import ToolPool
from ..voice.call_runner import Post
from ..voice.effects import Effect, Report, RunAside, RunTool
from .dispatch import Dispatch
from .function_tools import FunctionTool
from .guardrail_runner import GuardrailRunner
from .input_rules import CheckInput
from .notes import ApprovalAsked, Fault, ToolBegan, ToolOver
from .rules import AgentRules, CheckOutput, TellCalls
from .run_config import RealtimeRunConfig
from .run_context import RunContextWrapper, ToolContext
from .tool_runner import (
    ApprovalNeeded,
    HandedOff,
    Outcome,
    ToolFatal,
    ToolReturned,
    ToolRunner,
)

__all__ = ["SessionWork"]


class SessionWork:
    """Runs tools and handoffs in a pool, and has the rules take what comes of them.

    Args:
        context: of the session.
        rules: take it.
        guardrails: runs these.
        post: has the engine decide something.
        session_for: what the session is to be for an agent.
        config: of the run.

    Threads: `run` is the engine's; all else may be called from any.
    """

    def __init__(
        self,
        context: RunContextWrapper[Any],
        rules: AgentRules,
        guardrails: GuardrailRunner,
        *,
        post: Post,
        session_for: Callable[[Dispatch], JsonDict],
        config: RealtimeRunConfig,
    ) -> None:
        self._context = context
        self._rules = rules
        self._post = post
        self._session_for = session_for
        self._guardrails = guardrails
        self._pool = ToolPool() if config.get("async_tool_calls", True) else ToolPool(workers=1)
        self._tools = ToolRunner(
            self._pool,
            context,
            self._take,
            on_start=self._began,
            error_formatter=config.get("tool_error_formatter"),
            pre_approval_guardrails=bool(
                config.get("tool_execution", {}).get("pre_approval_tool_input_guardrails")
            ),
        )
        self.approve = self._tools.approve
        self.reject = self._tools.reject

    def run(self, work: RunTool | RunAside, post: Post) -> None:
        """See `realtime_sync.voice.call_runner.CallRunner.run`."""
        match work:
            case RunTool(call_id, name, arguments):
                call = CallContext(
                    name=name,
                    call_id=call_id,
                    arguments=arguments,
                    context=self._context.context,
                )
                dispatch = self._rules.calling
                if name in dispatch.handoffs and not self._rules.begin_handoff(call_id):
                    self._post(lambda: self._rules.refuse_handoff(call_id, name))
                else:
                    self._tools.run(call, dispatch)
            case RunAside(CheckOutput() | CheckInput() as check):
                self._guardrails.run(check)
            case RunAside(TellCalls()):
                self._tools.interrupt()

    @property
    def called(self) -> frozenset[str]:
        """The calls whose functions run at this moment."""
        return self._tools.called

    def is_own_thread(self) -> bool:
        """Whether this is a thread of a pool."""
        return self._pool.runs_here() or self._guardrails.is_own_thread()

    def close(self, deadline: Deadline) -> None:
        """Let nothing further begin, and wait until ``deadline`` for what is under way."""
        self._guardrails.close(deadline)
        self._pool.close(deadline)

    # -- tools, on threads of the pool -------------------------------------------------------------

    def _began(self, context: ToolContext[Any], tool: FunctionTool) -> None:
        self._post(lambda: [Report(ToolBegan(context, tool))])

    def _take(self, outcome: Outcome) -> None:
        match outcome:
            case ToolReturned():
                self._post(lambda: self._returned(outcome))
            case ApprovalNeeded(call, agent, tool):
                asked = ApprovalAsked(agent, tool, call.call_id, _text(call))
                self._post(lambda: self._rules.awaits_approval(asked))
            case HandedOff():
                self._handed_off(outcome)
            case ToolFatal(_, _, error):
                self._post(partial(_raise, error))

    def _returned(self, outcome: ToolReturned) -> list[Effect]:
        call = outcome.call
        if not isinstance(outcome.tool, FunctionTool):
            fault = Fault(ModelBehaviorError(f"{outcome.text} ({call.name})"))
            return [*self._rules.answered(call.call_id, call.name, outcome.text), Report(fault)]
        output, text = outcome.output, outcome.text
        over = ToolOver(outcome.context, outcome.tool, output, text, outcome.failed)
        return self._rules.returned(over)

    def _handed_off(self, outcome: HandedOff) -> None:
        try:
            session = self._session_for(outcome.dispatch)
        except UserError as exc:
            self._post(partial(_raise, exc))
            return
        self._post(
            lambda: self._rules.handed_over(
                outcome.call.call_id,
                outcome.call.name,
                outcome.text,
                before=outcome.agent,
                dispatch=outcome.dispatch,
                session=session,
            )
        )


def _text(call: CallContext) -> str:
    return call.arguments if isinstance(call.arguments, str) else ""


def _raise(error: BaseException) -> list[Effect]:
    raise error
