"""What a session has done beside the conversation: the calls of tools, and the guardrails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from .._deadline import Deadline
from .._types import JsonDict
from ..errors import ModelBehaviorError
from ..tools.call_context import CallContext
from ..tools.pool import CallExpired, ToolPool
from ..voice.call_runner import Post
from ..voice.effects import Effect, Report, RunAside, RunTool
from .agent import RealtimeAgent
from .dispatch import Dispatch
from .function_tool import FunctionTool
from .guardrails import GuardrailFunctionOutput, OutputGuardrail, OutputGuardrailResult
from .notes import ApprovalAsked, Fault, ToolBegan, ToolOver
from .output_checks import OutputCheck
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

log = logging.getLogger(__name__)

_CHECK_TIMEOUT_S = 5.0
_CHECKERS = 2

_Found = tuple[OutputGuardrailResult, ...]


class SessionWork:
    """Runs tools, handoffs and guardrails in pools, and has the rules take what comes of them.

    Args:
        context: of the session.
        rules: take it.
        post: has the engine decide something.
        session_for: what the session is to be for an agent.
        config: of the run.
        fails_closed: whether words count as forbidden that no guardrail could look at.

    Threads: `run` is the engine's; all else may be called from any.
    """

    def __init__(
        self,
        context: RunContextWrapper[Any],
        rules: AgentRules,
        *,
        post: Post,
        session_for: Callable[[Dispatch], JsonDict],
        config: RealtimeRunConfig,
        fails_closed: bool,
    ) -> None:
        self._context = context
        self._rules = rules
        self._post = post
        self._session_for = session_for
        self._guardrails = tuple(config.get("output_guardrails", ()))
        self._fails_closed = fails_closed
        self._pool = ToolPool() if config.get("async_tool_calls", True) else ToolPool(workers=1)
        self._checkers = ToolPool(workers=_CHECKERS)  # no slow tool keeps them waiting
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
                self._tools.run(call, self._rules.dispatch)
            case RunAside(CheckOutput(agent, check)):
                self._check(agent, check)
            case RunAside(TellCalls()):
                self._tools.interrupt()

    @property
    def called(self) -> frozenset[str]:
        """The calls whose functions run at this moment."""
        return self._tools.called

    def is_own_thread(self) -> bool:
        """Whether this is a thread of a pool."""
        return self._pool.runs_here() or self._checkers.runs_here()

    def close(self, deadline: Deadline) -> None:
        """Let nothing further begin, and wait until ``deadline`` for what is under way."""
        self._checkers.close(deadline)
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
        over = ToolOver(outcome.context, outcome.tool, outcome.output, outcome.text)
        return self._rules.returned(over)

    def _handed_off(self, outcome: HandedOff) -> None:
        session = self._session_for(outcome.dispatch)
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

    # -- guardrails --------------------------------------------------------------------------------

    def output_guardrails(self, agent: RealtimeAgent[Any]) -> list[OutputGuardrail[Any]]:
        """Return those that look at what an agent says, each once."""
        found = {id(each): each for each in (*agent.output_guardrails, *self._guardrails)}
        return list(found.values())

    def _check(self, agent: RealtimeAgent[Any], check: OutputCheck) -> None:
        call = CallContext(name="guardrails", call_id=check.part[0], arguments="")
        self._checkers.submit(
            call,
            partial(self._look, agent, check),
            partial(self._looked, agent, check),
            timeout=_CHECK_TIMEOUT_S,
        )

    def _look(self, agent: RealtimeAgent[Any], check: OutputCheck) -> _Found:
        """Return the results of the guardrails that forbid words. On a thread of the pool."""
        results = (self._ask(each, agent, check) for each in self.output_guardrails(agent))
        return tuple(each for each in results if each.output.tripwire_triggered)

    def _ask(
        self, guardrail: OutputGuardrail[Any], agent: RealtimeAgent[Any], check: OutputCheck
    ) -> OutputGuardrailResult:
        try:
            return guardrail.run(self._context, agent, check.text)
        except Exception as exc:
            log.warning("the guardrail %s failed", guardrail.get_name(), exc_info=True)
            found = GuardrailFunctionOutput(exc, tripwire_triggered=self._fails_closed)
            return OutputGuardrailResult(guardrail, check.text, agent, found)

    def _looked(
        self,
        agent: RealtimeAgent[Any],
        check: OutputCheck,
        _: CallContext,
        found: _Found | BaseException,
    ) -> None:
        if isinstance(found, BaseException):
            found = self._unanswered(agent, check, found)
        if found:
            names = [each.guardrail.get_name() for each in found]
            self._post(lambda: self._rules.tripped(check, found, names))
        else:
            self._post(lambda: self._rules.passed(check))

    def _unanswered(
        self, agent: RealtimeAgent[Any], check: OutputCheck, error: BaseException
    ) -> _Found:
        """Return what counts as found where the guardrails gave no answer."""
        why = f"in {_CHECK_TIMEOUT_S:g} s" if isinstance(error, CallExpired) else f"({error})"
        log.warning("the guardrails of %r have not looked at its words %s", agent.name, why)
        if not self._fails_closed:
            return ()
        output = GuardrailFunctionOutput(error, tripwire_triggered=True)
        return tuple(
            OutputGuardrailResult(each, check.text, agent, output)
            for each in self.output_guardrails(agent)
        )


def _text(call: CallContext) -> str:
    return call.arguments if isinstance(call.arguments, str) else ""


def _raise(error: BaseException) -> list[Effect]:
    raise error
