"""Runs guardrails beside the conversation."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from .._deadline import Deadline
from ..tools.call_context import CallContext
from ..tools.pool import CallExpired, ToolPool
from ..voice.call_runner import Post
from .guardrails import (
    GuardrailFunctionOutput,
    Guardrails,
    InputGuardrail,
    InputGuardrailResult,
    OutputGuardrail,
    OutputGuardrailResult,
)
from .input_rules import CheckInput, InputRules
from .rules import AgentRules, CheckOutput
from .run_context import RunContextWrapper

__all__ = ["GuardrailRunner"]

log = logging.getLogger(__name__)

_TIMEOUT_S = 5.0
_WORKERS = 2

_Result = InputGuardrailResult | OutputGuardrailResult


class GuardrailRunner:
    """Runs guardrails in a pool, and has the rules take what they find.

    One that raises or takes longer than 5 s has found nothing, which counts as forbidden wherever
    something waits for it: what the user says, and answers that are held back.

    Args:
        context: of the session.
        guardrails: of all agents.
        output_rules: take what was found in words of the agents'.
        input_rules: take what was found in words of the user's.
        post: has the engine decide something.
        holds_back: whether answers are held back.

    Threads: `run` is the engine's; all else may be called from any.
    """

    def __init__(
        self,
        context: RunContextWrapper[Any],
        guardrails: Guardrails,
        *,
        output_rules: AgentRules,
        input_rules: InputRules,
        post: Post,
        holds_back: bool,
    ) -> None:
        self._context = context
        self._guardrails = guardrails
        self._output_rules = output_rules
        self._input_rules = input_rules
        self._post = post
        self._holds_back = holds_back
        self._pool = ToolPool(workers=_WORKERS)  # of its own: no slow tool keeps it waiting
        self.close: Callable[[Deadline], None] = self._pool.close
        self.is_own_thread = self._pool.runs_here

    def run(self, work: CheckOutput | CheckInput) -> None:
        """Have guardrails look at words."""
        self._pool.submit(
            CallContext(name="guardrails", call_id="guardrails", arguments=""),
            partial(self._look, work),
            partial(self._looked, work),
            timeout=_TIMEOUT_S,
        )

    def _look(self, work: CheckOutput | CheckInput) -> list[_Result]:
        """Return the results of the guardrails that forbid the words. On a thread of the pool."""
        results = [self._ask(each, work) for each in self._wanted(work)]
        return [each for each in results if each.output.tripwire_triggered]

    def _wanted(
        self, work: CheckOutput | CheckInput
    ) -> Sequence[InputGuardrail[Any] | OutputGuardrail[Any]]:
        if isinstance(work, CheckInput):
            return work.guardrails
        return self._guardrails.of_output(work.agent)

    def _ask(
        self, guardrail: InputGuardrail[Any] | OutputGuardrail[Any], work: CheckOutput | CheckInput
    ) -> _Result:
        try:
            if isinstance(guardrail, InputGuardrail):
                return guardrail.run(work.agent, work.text, self._context)
            return guardrail.run(self._context, work.agent, work.text)
        except Exception as exc:
            log.warning("the guardrail %s failed", guardrail.get_name(), exc_info=True)
            return self._unanswered(guardrail, work, exc)

    def _unanswered(
        self,
        guardrail: InputGuardrail[Any] | OutputGuardrail[Any],
        work: CheckOutput | CheckInput,
        why: BaseException,
    ) -> _Result:
        """Return what counts as found by a guardrail that gave no answer."""
        if isinstance(guardrail, InputGuardrail):
            return InputGuardrailResult(guardrail, _found(why, trips=True))
        found = _found(why, trips=self._holds_back)
        return OutputGuardrailResult(guardrail, work.text, work.agent, found)

    def _looked(
        self,
        work: CheckOutput | CheckInput,
        _: CallContext,
        found: list[_Result] | BaseException,
    ) -> None:
        if isinstance(found, BaseException):
            why = f"in {_TIMEOUT_S:g} s" if isinstance(found, CallExpired) else f"({found})"
            log.warning("the guardrails of %r have not looked at words %s", work.agent.name, why)
            results = [self._unanswered(each, work, found) for each in self._wanted(work)]
            found = [each for each in results if each.output.tripwire_triggered]
        self._post(partial(self._take, work, found))

    def _take(self, work: CheckOutput | CheckInput, found: list[_Result]) -> Any:
        names = [each.guardrail.get_name() for each in found]
        match work:
            case CheckInput() if found:
                return self._input_rules.tripped(work, found, names)
            case CheckInput():
                return self._input_rules.passed(work)
            case CheckOutput(_, check) if found:
                return self._output_rules.tripped(check, found, names)
            case CheckOutput(_, check):
                return self._output_rules.passed(check)


def _found(why: BaseException, *, trips: bool) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(why, tripwire_triggered=trips)
