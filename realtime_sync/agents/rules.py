"""The rules of a session of agents, beside those of the conversation itself. Pure.

Who answers, when another agent takes over, and what becomes of words that a guardrail forbids.
When an answer is asked for, what is truncated and which calls are open stays the business of
`realtime_sync.voice.rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from attrs import define, frozen

from .._latest import keep_latest
from .._types import JsonDict
from ..conversation.tool_calls import ToolCalls
from ..errors import GuardrailTripped
from ..events import (
    Reconnected,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    SessionUpdated,
)
from ..events.base import as_came
from ..events.wire_values import as_id, as_index, as_object, as_text
from ..voice.effects import CreateItem, Effect, Part, Report, RunAside, UpdateSession
from ..voice.rules import VoiceState
from ..voice.seams import Take
from .agent import RealtimeAgent
from .call_faults import CallFaults
from .dispatch import Dispatch
from .notes import AgentDone, AgentSpeaks, ApprovalAsked, Fault, Switched, ToolOver, Tripped
from .output_checks import OutputCheck, OutputChecks
from .sent_session import SentSession
from .usage import Usage

__all__ = ["AgentRules", "CheckOutput", "Gate", "TellCalls"]

_MAX_RESPONSES = 64
# So many answers in a row may be forbidden until the user says something else.
_MOST_TRIPS = 5
_IN_A_ROW = f"{{}}: {_MOST_TRIPS} answers in a row were forbidden, so no other one is asked for"
_FOLLOW_UP = "guardrail triggered: {}"  # the peer's words: models are used to them
_SECOND_HANDOFF = "Another handoff came first, so this one is not made."


class Gate(Protocol):
    """What holds answers back until their words have passed; see `HeldOutput`."""

    def words(self, response_id: str, part: Part, text: str, *, whole: bool = False) -> None:
        """Take words of a part, before their check."""

    def passed(self, check: OutputCheck) -> None:
        """Take that words have passed."""

    def item_over(self, item_id: str) -> None:
        """Take that the words and the sound of an item are complete."""

    def response_over(self, response_id: str) -> None:
        """Take that a response has come to its end."""

    def cut_off(self, response_id: str) -> None:
        """Take that a response has no end: what is held of it is dropped."""

    def trip(self, response_id: str) -> bool:
        """Drop what is held of a response; return whether some of it went out before."""


@frozen
class CheckOutput:
    """Have the guardrails of an agent look at its words."""

    agent: RealtimeAgent[Any]
    check: OutputCheck

    @property
    def text(self) -> str:
        """The words."""
        return self.check.text


@define(eq=False)
class _Untold:
    """What the model is told when some responses are over.

    Attributes:
        text: the words.
        after: the responses; ``""`` for the one that the server owes.
    """

    text: str
    after: list[str]


@frozen
class _Speaker:
    """Who gives an answer.

    Attributes:
        is_checked: whether guardrails look at its words, as it was when the answer began; asked
            for each piece of them.
    """

    agent: RealtimeAgent[Any]
    is_checked: bool


@frozen
class TellCalls:
    """Tell the functions that run that the user has interrupted."""


class AgentRules:
    """Decides what agents add to a conversation.

    Args:
        voice: the rules of the conversation.
        calls: the calls of tools.
        dispatch: the first agent, and what it may call.
        sent: the session as it was sent for it.
        usage: what the session uses is added here.
        is_out_of_band: whether a response, by its id, is none of the conversation's.
        is_checked: whether an agent's words are looked at by guardrails.
        debounce: see `OutputChecks`.
        gate: holds answers back.

    Attributes:
        dispatch: the agent that has the word, and what it may call; replaced as a whole.
        calling: the one whose calls come now: that of the running response, or else the same.
        handlers: see `FurtherRules.handlers`.

    Threads: one at a time: the engine's. ``dispatch`` may be read from any.
    """

    due_at: float | None = None

    def __init__(
        self,
        voice: VoiceState,
        calls: ToolCalls,
        *,
        dispatch: Dispatch,
        sent: JsonDict,
        usage: Usage,
        is_out_of_band: Callable[[str], bool],
        is_checked: Callable[[RealtimeAgent[Any]], bool],
        gate: Gate,
        debounce: int = 100,
    ) -> None:
        self.dispatch = self.calling = dispatch
        self._voice = voice
        self._calls = calls
        self._session = SentSession(sent, lambda: voice.has_spoken)
        self._usage = usage
        self._is_out_of_band = is_out_of_band
        self._is_checked = is_checked
        self._checks = OutputChecks(debounce)
        self._gate = gate
        self._speakers: dict[str, _Speaker] = {}  # by response
        self._faults = CallFaults(calls.is_left)
        self._open: dict[str, None] = {}  # responses of which no end has come
        self._untold: list[_Untold] = []
        self._updates = 0
        self._trips = 0  # since the user has said something
        self._turn_of_trips = 0
        self._cuts = voice.cuts  # of which the calls were told
        self._running = ""  # the response of the conversation
        self._handoff: str | None = None  # the call that is under way
        self.handlers: dict[type, Take] = {
            Reconnected: self._reconnected,
            ResponseCreated: self._response_created,
            ResponseDone: self._response_done,
            ResponseOutputAudioTranscriptDelta: self._words_came,
            ResponseOutputAudioTranscriptDone: lambda e: self._all_words_came(e, e.transcript),
            ResponseOutputItemDone: self._item_done,
            ResponseOutputTextDelta: self._words_came,
            ResponseOutputTextDone: lambda e: self._all_words_came(e, e.text),
            SessionUpdated: self._session_updated,
        }

    # -- what happens ------------------------------------------------------------------------------

    def begin(self) -> list[Effect]:
        """Take that the conversation begins."""
        return []

    @property
    def busy(self) -> bool:
        """Whether the model is to be told of a guardrail, before an answer may be asked for."""
        return bool(self._untold)

    @property
    def checking(self) -> bool:
        """Whether guardrails look at words, and may forbid them."""
        return self._checks.running

    def tick(self) -> list[Effect]:
        """Take that time has passed, or that a response may be over."""
        for response_id in [*self._open]:
            if not self._voice.runs(response_id):
                self._end(response_id, was_cut=True)  # given up, or lost with its link
        effects: list[Effect] = []
        for each in [*self._untold]:
            if not any(map(self._voice.runs, each.after)):
                self._untold.remove(each)
                effects += self._tell(each.text)
        return effects + self._tell_calls()

    def _tell_calls(self) -> list[Effect]:
        """Look whether the user has interrupted, and tell the functions that run."""
        if self._cuts == self._voice.cuts:
            return []
        self._cuts = self._voice.cuts
        return [RunAside(TellCalls())]

    def _reconnected(self, _: Reconnected) -> list[Effect]:
        # No more comes of the running response: whoever has begun to speak is done.
        done = [Report(AgentDone(self._speaker(self._running)))] if self._running else []
        self._end_response()
        return [*done, *self._update(self._session.link_made_anew())]

    def _response_created(self, event: ResponseCreated) -> list[Effect]:
        response_id = as_id(as_object(as_came(event, "response")).get("id")) or ""
        if self._is_out_of_band(response_id):
            return []
        self._running = response_id
        for each in self._untold:
            each.after = [other or response_id for other in each.after]
        agent = self.dispatch.agent
        self._speakers[response_id] = _Speaker(agent, self._is_checked(agent))
        if response_id:
            self._open[response_id] = None
        keep_latest(self._speakers, _MAX_RESPONSES)
        keep_latest(self._open, _MAX_RESPONSES)
        return [Report(AgentSpeaks(agent))]

    def _response_done(self, event: ResponseDone) -> list[Effect]:
        response = as_object(as_came(event, "response"))
        response_id = as_id(response.get("id")) or ""
        if isinstance(usage := response.get("usage"), dict):
            self._usage.add(Usage.from_wire(usage))
        if self._is_out_of_band(response_id):
            return []
        self._end_response()
        effects: list[Effect] = []
        if self.guards(response_id):
            effects += self._begin_checks(self._checks.response_done(response_id))
        self._end(response_id, was_cut=response.get("status") in ("cancelled", "failed"))
        return [*effects, Report(AgentDone(self._speaker(response_id)))]

    def _end(self, response_id: str, *, was_cut: bool) -> None:
        self._open.pop(response_id, None)
        was_cut = was_cut and bool(response_id)  # without an id it may be any one's end
        take = self._gate.cut_off if was_cut else self._gate.response_over
        take(response_id)

    def _item_done(self, event: ResponseOutputItemDone) -> list[Effect]:
        if self._is_out_of_band(as_id(event.response_id) or ""):
            return []
        item = as_object(as_came(event, "item"))
        if item.get("status") in (None, "completed"):
            self._gate.item_over(as_id(item.get("id")) or "")
        wrong = self._faults.called(item, self.calling.names)
        return [] if wrong is None else [Report(Fault(wrong))]

    def _end_response(self) -> None:
        self._running = ""
        self._set_calling(self.dispatch)

    def _set_calling(self, dispatch: Dispatch) -> None:
        self.calling = dispatch
        self._calls.set_ours(dispatch.names)

    def _speaker(self, response_id: str) -> RealtimeAgent[Any]:
        speaker = self._speakers.get(response_id)
        return self.dispatch.agent if speaker is None else speaker.agent

    # -- guardrails --------------------------------------------------------------------------------

    def guards(self, response_id: str) -> bool:
        """Whether guardrails look at the words of a response."""
        speaker = self._speakers.get(response_id)
        if speaker is not None:
            return speaker.is_checked
        return not self._is_out_of_band(response_id) and self._is_checked(self.dispatch.agent)

    def _words_came(
        self, event: ResponseOutputAudioTranscriptDelta | ResponseOutputTextDelta
    ) -> list[Effect]:
        response_id = as_id(event.response_id) or ""
        if not self.guards(response_id):
            return []
        return self._words(response_id, event, event.delta, whole=False)

    def _all_words_came(self, event: Any, words: Any) -> list[Effect]:
        response_id = as_id(event.response_id) or ""
        if not self.guards(response_id):
            return []
        return self._words(response_id, event, words, whole=True)

    def _words(self, response_id: str, event: Any, words: Any, *, whole: bool) -> list[Effect]:
        item_id = as_id(event.item_id) or ""
        index, text = as_index(event.content_index), as_text(words) or ""
        self._gate.words(response_id, (item_id, index), text, whole=whole)
        take = self._checks.done if whole else self._checks.delta
        check = take(response_id, item_id, index, text)
        return self._begin_checks([check] if check is not None else [])

    def _begin_checks(self, checks: Sequence[OutputCheck]) -> list[Effect]:
        effects: list[Effect] = []
        for check in checks:
            if check.already_passed:
                effects += self.passed(check)
            else:
                effects.append(RunAside(CheckOutput(self._speaker(check.response_id), check)))
        return effects

    def passed(self, check: OutputCheck) -> list[Effect]:
        """Take that no guardrail forbids words, or that nobody could say so in time."""
        self._gate.passed(check)
        following = self._checks.passed(check)
        return [] if following is None else self._begin_checks([following])

    def tripped(
        self, check: OutputCheck, results: Sequence[Any], names: Sequence[str]
    ) -> list[Effect]:
        """Take that guardrails forbid words: they are not heard further, and the model is told.

        Args:
            check: the words.
            results: of the guardrails that forbid them.
            names: of those.
        """
        response_id = check.response_id
        if not self._checks.tripped(check):
            return []  # another check of it has done all that
        effects = [
            Report(Tripped(tuple(results), check.text, "output")),
            *self._voice.forbid(response_id, is_handed=self._gate.trip(response_id)),
        ]
        if self._may_ask_again():
            return [*effects, *self.follow_up(names, [response_id])]
        return [*effects, Report(Fault(GuardrailTripped(_IN_A_ROW.format(", ".join(names)))))]

    def _may_ask_again(self) -> bool:
        """Whether the model may have another go, after so many in a row that were forbidden."""
        if self._voice.turns != self._turn_of_trips:
            self._turn_of_trips, self._trips = self._voice.turns, 0
        self._trips += 1
        return self._trips < _MOST_TRIPS

    def follow_up(self, names: Sequence[str], after: Sequence[str]) -> list[Effect]:
        """Tell the model which guardrails have tripped, and have it answer that.

        Args:
            names: of the guardrails.
            after: responses that have to be over before, ``""`` for the one that the server owes:
                what is to be deleted of them is deleted by then, so that the answer does not
                follow from it.
        """
        text = _FOLLOW_UP.format(", ".join(names))
        if not any(map(self._voice.runs, after)):
            return self._tell(text)
        self._untold.append(_Untold(text, [*after]))
        return []

    def _tell(self, text: str) -> list[Effect]:
        """Tell the model something as if the user had, and have it answer."""
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        return [CreateItem(item), *self._voice.owe_answer()]

    # -- calls -------------------------------------------------------------------------------------

    def answered(self, call_id: str, name: str, text: str) -> list[Effect]:
        """Take what the model is told of a call that no tool has answered."""
        if call_id == self._handoff:
            self._handoff = None
        return self._voice.tool_returned(call_id, name, text)

    def returned(self, over: ToolOver) -> list[Effect]:
        """Take what a tool has returned, or why it has not run."""
        return [*self.answered(over.context.tool_call_id, over.tool.name, over.text), Report(over)]

    def awaits_approval(self, asked: ApprovalAsked) -> list[Effect]:
        """Take that a call waits for the program's consent; it holds no other call back."""
        owed = self._calls.set_aside(asked.call_id)
        return [Report(asked), *(self._voice.owe_answer() if owed else [])]

    def begin_handoff(self, call_id: str) -> bool:
        """Take that the model calls a handoff; return whether it may be made.

        One is made at a time, and of an agent that has handed over already none is.
        """
        if self._handoff is not None or self.calling is not self.dispatch:
            return False
        self._handoff = call_id
        return True

    def refuse_handoff(self, call_id: str, name: str) -> list[Effect]:
        """Tell the model that a handoff is not made."""
        return self.answered(call_id, name, _SECOND_HANDOFF)

    def handed_over(
        self,
        call_id: str,
        name: str,
        text: str,
        *,
        before: RealtimeAgent[Any],
        dispatch: Dispatch,
        session: JsonDict,
    ) -> list[Effect]:
        """Take that the model hands over to another agent.

        Args:
            call_id: of the call.
            name: what it has called.
            text: its output.
            before: who had the word when the model called. If somebody else has it by now, the
                program has decided otherwise, and that counts.
            dispatch: the new agent, and what it may call.
            session: what the session is to be for it.
        """
        if before is not self.dispatch.agent:
            return self.refuse_handoff(call_id, name)
        switched = Report(Switched(before, dispatch.agent))
        return [switched, *self.switch(dispatch, session), *self.answered(call_id, name, text)]

    def switch(self, dispatch: Dispatch, session: JsonDict) -> list[Effect]:
        """Let another agent have the word; only what differs is sent.

        Args:
            dispatch: the agent, and what it may call.
            session: what the session is to be for it.
        """
        self.dispatch = dispatch
        self._set_calling(self.calling if self._running else dispatch)
        return self._update(self._session.replaced(session))

    def change(self, fields: JsonDict) -> list[Effect]:
        """Take that fields of the session are to be others, for this agent and the next ones.

        Args:
            fields: of a session, in GA's form.
        """
        return self._update(self._session.changed(fields))

    def _update(self, update: JsonDict) -> list[Effect]:
        if not update:
            return []
        self._updates += 1
        return [UpdateSession(f"agents_update_{self._updates}", update)]

    def _session_updated(self, event: SessionUpdated) -> list[Effect]:
        self._session.reported(as_object(as_came(event, "session")))
        return []
