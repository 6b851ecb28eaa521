"""The rules of a session of agents, beside those of the conversation itself. Pure.

Who answers, when another agent takes over, and what becomes of words that a guardrail forbids.
When an answer is asked for, what is truncated and which calls are open stays the business of
`realtime_sync.voice.rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from attrs import frozen

from .._latest import keep_latest
from .._types import JsonDict
from ..conversation.tool_calls import ToolCalls
from ..events import (
    Reconnected,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    ServerEvent,
    SessionUpdated,
)
from ..events.base import as_came
from ..events.wire_values import as_id, as_index, as_object, as_text
from ..voice.effects import CreateItem, Effect, Part, Report, RunAside, UpdateSession
from ..voice.rules import VoiceState
from .agent import RealtimeAgent
from .dispatch import Dispatch
from .notes import AgentDone, AgentSpeaks, ApprovalAsked, Switched, ToolOver, Tripped
from .output_checks import OutputCheck, OutputChecks
from .session_settings import changed_fields, is_reported, merged_fields
from .usage import Usage

__all__ = ["AgentRules", "CheckOutput", "Gate"]

_MAX_RESPONSES = 64
_FOLLOW_UP = "guardrail triggered: {}"  # the peer's words: models are used to them
_SECOND_HANDOFF = "Another handoff of the same answer came first, so this one is not made."


class Gate(Protocol):
    """What holds answers back until their words have passed; see `HeldOutput`."""

    def words(self, response_id: str, part: Part, text: str, *, whole: bool = False) -> None:
        """Take words of a part, before their check."""

    def passed(self, check: OutputCheck) -> None:
        """Take that words have passed."""

    def response_over(self, response_id: str) -> None:
        """Take that no more comes of a response."""

    def trip(self, response_id: str) -> bool:
        """Drop what is held of a response; return whether some of it went out before."""


@frozen
class CheckOutput:
    """Have the guardrails of an agent look at its words."""

    agent: RealtimeAgent[Any]
    check: OutputCheck


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
        gate: holds answers back; None for nothing.

    Attributes:
        dispatch: the agent that has the word, and what it may call; replaced as a whole.

    Threads: one at a time: the engine's. ``dispatch`` may be read from any.
    """

    busy = False
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
        debounce: int = 100,
        gate: Gate | None = None,
    ) -> None:
        self.dispatch = dispatch
        self._voice = voice
        self._calls = calls
        self._sent = sent
        self._usage = usage
        self._is_out_of_band = is_out_of_band
        self._is_checked = is_checked
        self._checks = OutputChecks(debounce)
        self._gate = gate
        self._speakers: dict[str, RealtimeAgent[Any]] = {}  # by response
        self._updates = 0
        self._untold = sent  # of the session, as long as the server has not reported it
        self._handlers: dict[type, Callable[[Any], list[Effect]]] = {
            Reconnected: self._reconnected,
            ResponseCreated: self._response_created,
            ResponseDone: self._response_done,
            ResponseOutputAudioTranscriptDelta: self._words_came,
            ResponseOutputAudioTranscriptDone: lambda e: self._all_words_came(e, e.transcript),
            ResponseOutputTextDelta: self._words_came,
            ResponseOutputTextDone: lambda e: self._all_words_came(e, e.text),
            SessionUpdated: self._session_updated,
        }

    # -- what happens ------------------------------------------------------------------------------

    def begin(self) -> list[Effect]:
        """Take that the conversation begins."""
        return []

    def tick(self) -> list[Effect]:
        """Nothing of this waits for a time."""
        return []

    def receive(self, event: ServerEvent) -> list[Effect]:
        """Take an event of the server's."""
        handler = self._handlers.get(type(event))
        return handler(event) if handler is not None else []

    def _response_created(self, event: ResponseCreated) -> list[Effect]:
        response_id = as_id(as_object(as_came(event, "response")).get("id")) or ""
        if self._is_out_of_band(response_id):
            return []
        self._speakers[response_id] = self.dispatch.agent
        keep_latest(self._speakers, _MAX_RESPONSES)
        return [Report(AgentSpeaks(self.dispatch.agent))]

    def _response_done(self, event: ResponseDone) -> list[Effect]:
        response = as_object(as_came(event, "response"))
        response_id = as_id(response.get("id")) or ""
        if isinstance(usage := response.get("usage"), dict):
            self._usage.add(Usage.from_wire(usage))
        if self._is_out_of_band(response_id):
            return []
        effects: list[Effect] = []
        if self._guards(response_id):
            effects += self._begin_checks(self._checks.response_done(response_id))
            if self._gate is not None:
                self._gate.response_over(response_id)
        return [*effects, Report(AgentDone(self._speaker(response_id)))]

    def _speaker(self, response_id: str) -> RealtimeAgent[Any]:
        return self._speakers.get(response_id, self.dispatch.agent)

    # -- guardrails --------------------------------------------------------------------------------

    def _guards(self, response_id: str) -> bool:
        return not self._is_out_of_band(response_id) and self._is_checked(
            self._speaker(response_id)
        )

    def _words_came(
        self, event: ResponseOutputAudioTranscriptDelta | ResponseOutputTextDelta
    ) -> list[Effect]:
        return self._words(event, event.delta, whole=False)

    def _all_words_came(self, event: Any, words: Any) -> list[Effect]:
        return self._words(event, words, whole=True)

    def _words(self, event: Any, words: Any, *, whole: bool) -> list[Effect]:
        response_id, item_id = as_id(event.response_id) or "", as_id(event.item_id) or ""
        if not self._guards(response_id):
            return []
        index, text = as_index(event.content_index), as_text(words) or ""
        if self._gate is not None:
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
        if self._gate is not None:
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
        self._checks.tripped(check)
        response_id = check.response_id
        is_handed = self._gate.trip(response_id) if self._gate is not None else True
        return [
            Report(Tripped(tuple(results), check.text, "output")),
            *self._voice.forbid(response_id, is_handed=is_handed),
            *self._tell(_FOLLOW_UP.format(", ".join(names))),
        ]

    def _tell(self, text: str) -> list[Effect]:
        """Tell the model something as if the user had, and have it answer."""
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        return [CreateItem(item), *self._voice.owe_answer()]

    # -- calls -------------------------------------------------------------------------------------

    def answered(self, call_id: str, name: str, text: str) -> list[Effect]:
        """Take what the model is told of a call that no tool has answered."""
        return self._voice.tool_returned(call_id, name, text)

    def returned(self, over: ToolOver) -> list[Effect]:
        """Take what a tool has returned, or why it has not run."""
        return [*self.answered(over.context.tool_call_id, over.tool.name, over.text), Report(over)]

    def awaits_approval(self, asked: ApprovalAsked) -> list[Effect]:
        """Take that a call waits for the program's consent; it holds no other call back."""
        owed = self._calls.set_aside(asked.call_id)
        return [Report(asked), *(self._voice.owe_answer() if owed else [])]

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
            before: who had the word when the model called. If somebody else has it by now, a
                handoff of the same answer came first, and counts.
            dispatch: the new agent, and what it may call.
            session: what the session is to be for it.
        """
        if before is not self.dispatch.agent:
            return self.answered(call_id, name, _SECOND_HANDOFF)
        switched = Report(Switched(before, dispatch.agent))
        return [switched, *self.switch(dispatch, session), *self.answered(call_id, name, text)]

    def switch(self, dispatch: Dispatch, session: JsonDict) -> list[Effect]:
        """Let another agent have the word; only what differs is sent.

        Args:
            dispatch: the agent, and what it may call.
            session: what the session is to be for it.
        """
        self.dispatch = dispatch
        self._calls.set_ours(dispatch.names)
        return self._update(session)

    def change(self, fields: JsonDict) -> list[Effect]:
        """Take that fields of the session are to be others, for this agent and the next ones.

        Args:
            fields: of a session, in GA's form.
        """
        return self._update(merged_fields(self._sent, fields))

    def _update(self, session: JsonDict) -> list[Effect]:
        update = changed_fields(self._sent, session)
        self._sent = session
        if not update:
            return []
        self._untold = merged_fields(self._untold, update)
        return [self._send(update)]

    def _send(self, update: JsonDict) -> Effect:
        self._updates += 1
        return UpdateSession(f"agents_update_{self._updates}", update)

    def _session_updated(self, event: SessionUpdated) -> list[Effect]:
        if is_reported(self._untold, as_object(as_came(event, "session"))):
            self._untold = {}
        return []

    def _reconnected(self, _: Reconnected) -> list[Effect]:
        """Send once more what was sent last: a new session is as the old one was reported."""
        return [self._send(self._untold)] if self._untold else []
