"""From what happened to the events of a session, in the thread that iterates over it.

Source of the order: what `agents.realtime` of the OpenAI Agents SDK does. Every event of the model
comes as a `RealtimeRawModelEvent` first, and what it means right behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from .._latest import keep_latest
from ..conversation.history import FOLLOWED, VIEWED, WORDED, History
from ..conversation.history_item import HistoryItem
from ..events import ErrorEvent, Reconnected
from ..events.base import Event, as_came
from ..events.wire_values import as_id, as_object
from ..voice.events import FalseInterruption, Interrupted, UnreadableMessage
from .events import (
    RealtimeAgentEndEvent,
    RealtimeAgentStartEvent,
    RealtimeAudio,
    RealtimeAudioEnd,
    RealtimeAudioInterrupted,
    RealtimeError,
    RealtimeEventInfo,
    RealtimeGuardrailTripped,
    RealtimeHandoffEvent,
    RealtimeHistoryAdded,
    RealtimeHistoryUpdated,
    RealtimeInputAudioTimeoutTriggered,
    RealtimeRawModelEvent,
    RealtimeSessionEvent,
    RealtimeToolApprovalRequired,
    RealtimeToolEnd,
    RealtimeToolStart,
)
from .items import RealtimeItem, RealtimeToolCallItem, item_of
from .model_events import (
    RealtimeModelAudioEvent,
    RealtimeModelAudioInterruptedEvent,
    RealtimeModelErrorEvent,
    RealtimeModelEvent,
    RealtimeModelFalseInterruptionEvent,
    RealtimeModelFillerEvent,
    RealtimeModelFurtherEvent,
    RealtimeModelInputAudioTimeoutTriggeredEvent,
    RealtimeModelItemUpdatedEvent,
    RealtimeModelReconnectingEvent,
)
from .model_translation import model_events_of
from .notes import (
    AgentDone,
    AgentSpeaks,
    ApprovalAsked,
    AudioNote,
    AudioOver,
    Fault,
    FillerCut,
    LinkLost,
    Switched,
    ToolBegan,
    ToolOver,
    Tripped,
)

__all__ = ["EventBuilder"]

_MAX_OUTPUTS = 256
_END = 8  # a response and its turn have no more items, but for calls
# What a session has an event of its own for.
_SAYS_MORE = frozenset(
    {
        RealtimeModelErrorEvent,
        RealtimeModelInputAudioTimeoutTriggeredEvent,
        RealtimeModelItemUpdatedEvent,
    }
)
# What the shown history is to take.
_TAKEN = (FOLLOWED - {"response.output_audio.delta"}) | {"reconnected"}
# What changes a history and is worth an event; further words come with the next of these.
_SHOWN = VIEWED - {
    "conversation.item.input_audio_transcription.delta",
    "response.output_audio_transcript.delta",
    "response.output_audio_transcript.done",
    "response.output_text.delta",
    "response.output_text.done",
}


class EventBuilder:
    """Makes the session's events of what happened, one after the other.

    Args:
        info: is a part of every event.
        is_out_of_band: whether a response, by its id, is none of the conversation's.

    Threads: one at a time.
    """

    def __init__(
        self, info: RealtimeEventInfo, is_out_of_band: Callable[[str], bool] = lambda _: False
    ) -> None:
        self._info = info
        self._history = ShownHistory(is_out_of_band)
        self._makers: dict[type, Callable[[Any], list[RealtimeSessionEvent]]] = {
            AgentDone: self._agent_done,
            AgentSpeaks: self._agent_speaks,
            ApprovalAsked: self._approval_asked,
            AudioNote: self._audio,
            AudioOver: self._audio_over,
            ToolOver: self._tool_over,
            ToolBegan: self._tool_began,
            FalseInterruption: self._false_interruption,
            Fault: self._fault,
            FillerCut: self._filler_cut,
            RealtimeModelFillerEvent: self._filler,
            Interrupted: self._interrupted,
            LinkLost: self._link_lost,
            Switched: self._switched,
            Tripped: self._tripped,
            UnreadableMessage: self._fault,
        }

    def first(self) -> RealtimeSessionEvent:
        """Return what every session begins with."""
        return RealtimeHistoryUpdated(self._history.items, self._info)

    def build(self, event: object) -> list[RealtimeSessionEvent]:
        """Return the events that something means; none for what only we care about.

        Args:
            event: one of the server's, a report of the engine's or a note of ours.
        """
        maker = self._makers.get(type(event))
        if maker is not None:
            return maker(event)
        return self._of_the_server(event) if isinstance(event, Event) else []

    # -- events of the server's --------------------------------------------------------------------

    def _of_the_server(self, event: Any) -> list[RealtimeSessionEvent]:
        if type(event) in WORDED:
            self._history.view.take(event)
        if event.type in _TAKEN:
            self._history.take(event)
        changed = self._history.look() if event.type in _SHOWN else None
        events: list[RealtimeSessionEvent] = []
        for data in model_events_of(event):
            events.append(RealtimeRawModelEvent(data, self._info))
            if type(data) not in _SAYS_MORE:
                continue
            match data:
                case RealtimeModelErrorEvent(error) if not _is_benign(event):
                    events.append(RealtimeError(error, self._info))
                case RealtimeModelInputAudioTimeoutTriggeredEvent():
                    events.append(RealtimeInputAudioTimeoutTriggered(self._info))
                case RealtimeModelItemUpdatedEvent() if changed is not None:
                    events.append(self._shown(changed))
                    changed = None
        if changed is not None:
            # The output of a call that no tool has answered, such as a handoff.
            item = self._history.call(_answered_call(event))
            if item is not None:
                events.append(self._raw(RealtimeModelItemUpdatedEvent(item)))
            events.append(self._shown(changed))
        return events

    def _shown(self, added: RealtimeItem | bool) -> RealtimeSessionEvent:
        if isinstance(added, bool):
            return RealtimeHistoryUpdated([*self._history.seen], self._info)
        return RealtimeHistoryAdded(added, self._info)

    def _raw(self, data: RealtimeModelEvent | RealtimeModelFurtherEvent) -> RealtimeRawModelEvent:
        return RealtimeRawModelEvent(data, self._info)

    # -- notes of ours -----------------------------------------------------------------------------

    def _agent_speaks(self, note: AgentSpeaks) -> list[RealtimeSessionEvent]:
        return [RealtimeAgentStartEvent(note.agent, self._info)]

    def _agent_done(self, note: AgentDone) -> list[RealtimeSessionEvent]:
        return [RealtimeAgentEndEvent(note.agent, self._info)]

    def _switched(self, note: Switched) -> list[RealtimeSessionEvent]:
        return [RealtimeHandoffEvent(note.before, note.after, self._info)]

    def _tool_began(self, note: ToolBegan) -> list[RealtimeSessionEvent]:
        context = note.context
        return [RealtimeToolStart(context.agent, note.tool, context.tool_arguments, self._info)]

    def _tool_over(self, note: ToolOver) -> list[RealtimeSessionEvent]:
        context = note.context
        events: list[RealtimeSessionEvent] = []
        item = self._history.give_output(context.tool_call_id, note.text)
        if item is not None:
            self._history.look()
            events = [self._raw(RealtimeModelItemUpdatedEvent(item)), self._shown(True)]
        ended = RealtimeToolEnd(
            context.agent,
            note.tool,
            context.tool_arguments,
            note.output,
            self._info,
            failed=note.failed,
        )
        return [*events, ended]

    def _approval_asked(self, note: ApprovalAsked) -> list[RealtimeSessionEvent]:
        return [
            RealtimeToolApprovalRequired(
                note.agent, note.tool, note.call_id, note.arguments, self._info
            )
        ]

    def _audio(self, note: AudioNote) -> list[RealtimeSessionEvent]:
        item_id, index = note.part
        audio = RealtimeModelAudioEvent(note.data, note.response_id, item_id, index)
        return [RealtimeAudio(audio, item_id, index, self._info)]

    def _audio_over(self, note: AudioOver) -> list[RealtimeSessionEvent]:
        return [RealtimeAudioEnd(self._info, *note.part)]

    def _tripped(self, note: Tripped) -> list[RealtimeSessionEvent]:
        return [
            RealtimeGuardrailTripped(list(note.results), note.message, self._info, kind=note.kind)
        ]

    def _fault(self, note: Fault | UnreadableMessage) -> list[RealtimeSessionEvent]:
        return [RealtimeError(note.error, self._info)]

    def _link_lost(self, note: LinkLost) -> list[RealtimeSessionEvent]:
        return [
            self._raw(RealtimeModelReconnectingEvent(note.attempt, note.delay_s, note.close_code))
        ]

    # -- reports of the engine's -------------------------------------------------------------------

    def _interrupted(self, report: Interrupted) -> list[RealtimeSessionEvent]:
        item_id = report.item_id or next(iter(report.deleted), None)
        return [] if item_id is None else self._cut(item_id, report.content_index)

    def _filler_cut(self, note: FillerCut) -> list[RealtimeSessionEvent]:
        return self._cut(*note.part)

    def _cut(self, item_id: str, content_index: int) -> list[RealtimeSessionEvent]:
        return [
            self._raw(RealtimeModelAudioInterruptedEvent(item_id, content_index)),
            RealtimeAudioInterrupted(self._info, item_id, content_index),
        ]

    def _filler(self, report: RealtimeModelFillerEvent) -> list[RealtimeSessionEvent]:
        return [self._raw(report)]

    def _false_interruption(self, report: FalseInterruption) -> list[RealtimeSessionEvent]:
        if report.item_id is not None:
            self._history.remove(report.item_id)
        told = RealtimeModelFalseInterruptionEvent(
            report.item_id, report.transcript, report.paused_ms
        )
        return [self._raw(told)]


def _is_benign(event: Event) -> bool:
    """Whether an error only says that what was asked for is the case anyway."""
    return isinstance(event, ErrorEvent) and event.severity == "benign"


class ShownHistory:
    """The history as the program has seen it: as far as the events say that it has got.

    It has a history of its own, since the connection's is ahead of what the program gets. Calls
    have their outputs in them.

    Args:
        is_out_of_band: whether a response, by its id, is none of the conversation's.

    Attributes:
        view: is to be fed with the words of the server's events.
        seen: the items as they were at the last look; replaced as a whole.

    Threads: one at a time.
    """

    def __init__(self, is_out_of_band: Callable[[str], bool]) -> None:
        self._history = History(is_out_of_band)
        self.view = self._history.open_view()
        self._outputs: dict[str, str] = {}  # by call id, before the server says so
        self._told: dict[str | None, str | None] = {}  # the same, as the server has it
        self._known: list[HistoryItem] = []  # of which the others were made
        self._made: list[_Made] = []
        self._shown: list[RealtimeItem] = []  # those of them that are shown at all
        self.seen: list[RealtimeItem] = []

    def take(self, event: Any) -> None:
        """Take an event of the server's, of the types `_TAKEN`."""
        if isinstance(event, Reconnected):
            self._history.reconnected(event)
        else:
            self._history.receive(event)

    def remove(self, item_id: str) -> None:
        """Take that an item is none of the conversation's."""
        self._history.ignore(item_id)

    def look(self) -> RealtimeItem | bool | None:
        """Return an item that was added since the last look, True for other changes, or None."""
        before, after = self.seen, self.items
        if before == after:
            return None
        self.seen = after
        if len(after) != len(before) + 1:
            return True
        if before == after[:-1]:  # the usual case, found without a look into each
            return after[-1]
        known = {item.item_id for item in before}
        new = [item for item in after if item.item_id not in known]
        return new[0] if len(new) == 1 else True

    def give_output(self, call_id: str, output: str) -> RealtimeItem | None:
        """Take the output of a call; return its item, None where it is not known."""
        self._outputs[call_id] = output
        keep_latest(self._outputs, _MAX_OUTPUTS)
        self._known = []  # its call may be an old one
        self.seen = self.items
        return self.call(call_id)

    def call(self, call_id: str | None) -> RealtimeItem | None:
        """Return the item of a call, as it was at the last look; None where it is not known."""
        if not call_id:
            return None
        calls = (item for item in self.seen if isinstance(item, RealtimeToolCallItem))
        return next((item for item in calls if item.call_id == call_id), None)

    @property
    def items(self) -> list[RealtimeItem]:
        """The items in order, each as it is now.

        What changes is nearly always the end of a conversation: only that is looked at again.
        """
        known = self.view.items
        same = self._count_same(known)
        made, old = self._made[:same], {each.source.id: each for each in self._made[same:]}
        looked_at = sum(each.shown is not None for each in old.values())
        shown = self._shown[: len(self._shown) - looked_at]
        previous = shown[-1].item_id if shown else None
        for source in known[same:]:
            output = self._told.get(source.call_id, self._outputs.get(source.call_id))
            each = old.get(source.id)
            if each is None or not each.is_of(source, previous, output):
                item = item_of(source, previous, output=output)
                each = _Made(source, previous, output, item)
            made.append(each)
            if each.shown is not None:
                shown.append(each.shown)
                previous = each.shown.item_id
        self._known, self._made, self._shown = known, made, shown
        return [*shown]

    def _count_same(self, known: list[HistoryItem]) -> int:
        """Return how many items at the beginning are as they were."""
        same = max(0, min(len(self._known), len(known)) - _END)
        if known[:same] == self._known[:same] and _outputs(known[same:]) <= self._told.items():
            return same
        self._told = dict(_outputs(known))
        return 0


@frozen
class _Made:
    """An item as it is shown, and what it was made of."""

    source: HistoryItem
    previous_id: str | None
    output: str | None
    shown: RealtimeItem | None

    def is_of(self, source: HistoryItem, previous_id: str | None, output: str | None) -> bool:
        """Whether the same would be made of these."""
        return self.source is source and self.previous_id == previous_id and self.output == output


def _answered_call(event: Event) -> str | None:
    """Return the id of the call whose output an event tells; None where it tells none."""
    item = as_object(as_came(event, "item"))
    return as_id(item.get("call_id")) if item.get("type") == "function_call_output" else None


def _outputs(items: list[HistoryItem]) -> set[tuple[str | None, str | None]]:
    """Return what the server has of the outputs of calls: the calls' ids, and the texts."""
    return {(item.call_id, item.output) for item in items if item.type == "function_call_output"}
