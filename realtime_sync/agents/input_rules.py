"""What the user says is checked before it is answered, or before its answer is heard. Pure.

When that is, and what waits for it, `input_checks` says. Here it meets the server's events: turns
that were spoken, and messages that the program sends for the user.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from attrs import define, frozen

from .._types import JsonDict
from ..errors import AgentError
from ..events import (
    ConversationItemDeleted,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionFailed,
    ErrorEvent,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    Reconnected,
    ResponseCreated,
)
from ..events.base import as_came
from ..events.server import detail_of
from ..events.wire_values import as_id, as_object, as_text
from ..voice.effects import AskForOwed, CreateItem, DeleteItem, Effect, Report, RunAside
from ..voice.rules import VoiceState
from ..voice.seams import Take
from .agent import RealtimeAgent
from .guardrails import (
    GuardrailFunctionOutput,
    Guardrails,
    InputGuardrail,
    InputGuardrailResult,
)
from .input_checks import (
    AnswerTurn,
    ForbidSound,
    FreeSound,
    InputCheck,
    InputChecks,
    InputOutcome,
    TurnUnchecked,
)
from .notes import Tripped

__all__ = ["CheckInput", "FollowUp", "InputGate", "InputRules"]

_EMPTY = "input_audio_buffer_commit_empty"
_WHY = {
    "transcription_failed": "the server could not write down what the user said",
    "transcription_late": "the server has not written down in time what the user said",
    "check_late": "the input guardrails have not looked in time at what the user said",
}

FollowUp = Callable[[Sequence[str], Sequence[str]], list[Effect]]
"""Tells the model which guardrails have tripped, once some responses are over; see `AgentRules`."""


class InputGate(Protocol):
    """What holds answers back until the words have passed that they answer; see `HeldOutput`."""

    def hold(self, response_id: str) -> None:
        """Hand on nothing of a response until `free`."""

    def free(self, response_id: str) -> None:
        """End what `hold` began."""

    def trip(self, response_id: str) -> bool:
        """Drop what is held of a response; return whether some of it went out before."""


@define(eq=False)
class _UserMessage:
    """A message of the program's that is sent when its words have passed."""

    item: JsonDict
    text: str
    is_over: bool = False  # it has passed, or been forbidden
    is_forbidden: bool = False


@frozen
class CheckInput:
    """Have guardrails look at what the user says to an agent.

    Attributes:
        agent: it.
        guardrails: these.
        text: what the user says.
        about: what is checked; for `InputRules`.
    """

    agent: RealtimeAgent[Any]
    guardrails: tuple[InputGuardrail[Any], ...]
    text: str
    about: InputCheck | _UserMessage


class InputRules:
    """Decides what becomes of the user's words, by the guardrails of the agent that they go to.

    Of a turn that a guardrail forbids, the item is deleted and its answer is not heard; a message
    is not sent. In both cases the model is told which guardrail has tripped, and answers that.

    Args:
        voice: the rules of the conversation.
        gate: holds answers back.
        guardrails: of all agents.
        agent: who has the word.
        follow_up: tells the model of guardrails that have tripped.
        is_out_of_band: whether a response, by its id, is none of the conversation's.
        clock: seconds, monotonic.

    Attributes:
        handlers: see `FurtherRules.handlers`.

    Threads: one at a time: the engine's.
    """

    def __init__(
        self,
        voice: VoiceState,
        gate: InputGate,
        *,
        guardrails: Guardrails,
        agent: Callable[[], RealtimeAgent[Any]],
        follow_up: FollowUp,
        is_out_of_band: Callable[[str], bool],
        clock: Callable[[], float],
    ) -> None:
        self._voice = voice
        self._gate = gate
        self._guardrails = guardrails
        self._agent = agent
        self._follow_up = follow_up
        self._is_out_of_band = is_out_of_band
        self._clock = clock
        self._checks = InputChecks(clock=clock)
        self._messages: deque[_UserMessage] = deque()
        self._looked_at: RealtimeAgent[Any] | None = None
        self._asks_itself = False
        self._speaking = False  # and what is said will be checked before it is answered
        self.handlers: dict[type, Take] = {
            ConversationItemDeleted: self._item_deleted,
            ConversationItemInputAudioTranscriptionCompleted: self._written,
            ConversationItemInputAudioTranscriptionFailed: self._not_written,
            ErrorEvent: self._error,
            InputAudioBufferCommitted: self._committed,
            InputAudioBufferSpeechStarted: self._speech_started,
            InputAudioBufferSpeechStopped: self._speech_stopped,
            Reconnected: self._reconnected,
            ResponseCreated: self._response_created,
        }

    # -- what is so --------------------------------------------------------------------------------

    @property
    def holds_asks(self) -> bool:
        """Whether no answer may be asked for now: it would have words that were not checked."""
        return self._speaking or self._checks.holds_asks

    @property
    def busy(self) -> bool:
        """Whether something waits for its check."""
        return bool(self._messages) or self._checks.next_expiry_s is not None

    @property
    def due_at(self) -> float | None:
        """When `tick` is to be called at the latest, on the clock; None for never."""
        left_s = self._checks.next_expiry_s
        return None if left_s is None else self._clock() + left_s

    # -- what happens ------------------------------------------------------------------------------

    def begin(self) -> list[Effect]:
        """Take that the conversation begins."""
        return self._look_at_agent()

    def tick(self) -> list[Effect]:
        """Take that time has passed, or that another agent may have the word."""
        due = self._do(self._checks.expired()) if self._checks.next_expiry_s == 0 else []
        return [*self._look_at_agent(), *due]

    def _look_at_agent(self) -> list[Effect]:
        """Have the answers asked for here, from the first agent on that wants it."""
        agent = self._agent()
        if agent is self._looked_at or self._asks_itself:
            return []
        self._looked_at = agent
        self._asks_itself = self._kinds[0]
        return self._voice.answer_turns() if self._asks_itself else []

    @property
    def _kinds(self) -> tuple[bool, bool]:
        """Whether an answer waits for guardrails, and whether its sound does."""
        parallel = [each.run_in_parallel for each in self._guardrails.of_input(self._agent())]
        return not all(parallel), any(parallel)

    # -- turns that are spoken ---------------------------------------------------------------------

    def _speech_started(self, event: InputAudioBufferSpeechStarted) -> list[Effect]:
        self._speaking = self._kinds[0]
        return []

    def _speech_stopped(self, event: InputAudioBufferSpeechStopped) -> list[Effect]:
        self._speaking = False
        self._turn_over(as_id(event.item_id) or "")
        return [AskForOwed()]  # for a turn that is not checked after all

    def expect_turn(self) -> list[Effect]:
        """Take that the program is about to commit a turn."""
        self._turn_over("")
        return []

    def _committed(self, event: InputAudioBufferCommitted) -> list[Effect]:
        item_id = as_id(event.item_id) or ""
        self._checks.name(item_id)
        self._turn_over(item_id)
        return []

    def _turn_over(self, item_id: str) -> None:
        before, beside = self._kinds
        self._checks.turn(item_id, before=before, beside=beside)

    def _written(self, event: ConversationItemInputAudioTranscriptionCompleted) -> list[Effect]:
        item_id, text = as_id(event.item_id) or "", as_text(event.transcript) or ""
        return self._do(self._checks.words(item_id, text))

    def _not_written(self, event: ConversationItemInputAudioTranscriptionFailed) -> list[Effect]:
        return self._do(self._checks.no_words(as_id(event.item_id) or ""))

    def _item_deleted(self, event: ConversationItemDeleted) -> list[Effect]:
        return self._do(self._checks.forget(as_id(event.item_id) or ""))

    def _error(self, event: ErrorEvent) -> list[Effect]:
        is_empty = detail_of(event).code == _EMPTY
        return self._do(self._checks.forget("")) if is_empty else []

    def _response_created(self, event: ResponseCreated) -> list[Effect]:
        response_id = as_id(as_object(as_came(event, "response")).get("id")) or ""
        if not self._is_out_of_band(response_id) and self._checks.answer(response_id):
            self._gate.hold(response_id)
        return []

    def _reconnected(self, event: Reconnected) -> list[Effect]:
        self._speaking = False
        return [*self._do(self._checks.link_lost()), AskForOwed()]

    # -- messages ----------------------------------------------------------------------------------

    def message(self, item: JsonDict) -> list[Effect]:
        """Take a message of the user's: it is sent, and answered, when its words have passed.

        Messages keep their order.
        """
        texts = [part.get("text") for part in map(as_object, item["content"])]
        message = _UserMessage(item, "\n".join(text for text in texts if isinstance(text, str)))
        self._messages.append(message)
        agent = self._agent()
        guardrails = tuple(self._guardrails.of_input(agent))
        if guardrails and message.text.strip():
            return [RunAside(CheckInput(agent, guardrails, message.text, message))]
        return self._message_over(message)

    def _message_over(self, message: _UserMessage) -> list[Effect]:
        message.is_over = True
        effects: list[Effect] = []
        while self._messages and self._messages[0].is_over:
            first = self._messages.popleft()
            if not first.is_forbidden:
                effects += [CreateItem(first.item), *self._voice.owe_answer()]
        return effects

    # -- what was found ----------------------------------------------------------------------------

    def passed(self, work: CheckInput) -> list[Effect]:
        """Take that no guardrail forbids what the user says."""
        if isinstance(work.about, _UserMessage):
            return self._message_over(work.about)
        return self._do(self._checks.passed(work.about))

    def tripped(
        self, work: CheckInput, results: Sequence[Any], names: Sequence[str]
    ) -> list[Effect]:
        """Take that guardrails forbid what the user says, or could not look at it.

        Args:
            work: what was checked.
            results: of the guardrails that forbid it.
            names: of those.
        """
        tripped = Report(Tripped(tuple(results), work.text, "input"))
        if isinstance(work.about, _UserMessage):
            work.about.is_forbidden = True
            sent = self._message_over(work.about)
            return [tripped, *self._follow_up(names, ()), *sent]
        check = work.about
        if not self._checks.waits_for(check.item_id):
            return []  # another one has tripped, or it was too late
        outcomes = self._checks.tripped(check)
        return [
            tripped,
            *self._silence(outcomes),
            *self._forbid(check.item_id, outcomes, names),
        ]

    def _do(self, outcomes: Sequence[InputOutcome]) -> list[Effect]:
        effects = self._silence(outcomes)
        for outcome in outcomes:
            match outcome:
                case InputCheck():
                    effects.append(self._look_at(outcome))
                case TurnUnchecked():
                    effects += self._unchecked(outcome, outcomes)
                case AnswerTurn():
                    effects.append(AskForOwed())
                case FreeSound(response_id):
                    self._gate.free(response_id)
        return effects

    def _look_at(self, check: InputCheck) -> Effect:
        agent = self._agent()
        given = self._guardrails.of_input(agent)
        wanted = tuple(each for each in given if each.run_in_parallel is not check.before)
        return RunAside(CheckInput(agent, wanted, check.text, check))

    def _unchecked(self, lost: TurnUnchecked, outcomes: Sequence[InputOutcome]) -> list[Effect]:
        guardrails = self._guardrails.of_input(self._agent())
        found = GuardrailFunctionOutput(AgentError(_WHY[lost.reason]), tripwire_triggered=True)
        results = tuple(InputGuardrailResult(each, found) for each in guardrails)
        names = [each.get_name() for each in guardrails]
        tripped = Report(Tripped(results, "", "input"))
        return [tripped, *self._forbid(lost.item_id, outcomes, names)]

    def _forbid(
        self, item_id: str, outcomes: Sequence[InputOutcome], names: Sequence[str]
    ) -> list[Effect]:
        """Let the model know nothing of a turn but that it is forbidden, and answer that."""
        due = [""] if self._voice.forbid_due() else []
        told = self._follow_up(names, [*_forbidden(outcomes), *due])
        gone: list[Effect] = [DeleteItem(item_id)] if item_id else []
        return [*gone, *told]

    def _silence(self, outcomes: Sequence[InputOutcome]) -> list[Effect]:
        return [
            effect
            for response_id in _forbidden(outcomes)
            for effect in self._voice.forbid(response_id, is_handed=self._gate.trip(response_id))
        ]


def _forbidden(outcomes: Sequence[InputOutcome]) -> list[str]:
    return [each.response_id for each in outcomes if isinstance(each, ForbidSound)]
