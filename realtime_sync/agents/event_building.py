"""From what happened to the events of a session, in the thread that iterates over it.

Source of the order: what `agents.realtime` of the OpenAI Agents SDK does. Every event of the model
comes as a `RealtimeRawModelEvent` first, and what it means right behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..conversation.history import HistoryChange
from ..conversation.history_item import HistoryItem
from ..events.base import Event
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
from .items import RealtimeItem, item_of
from .model_events import (
    RealtimeModelAudioEvent,
    RealtimeModelAudioInterruptedEvent,
    RealtimeModelErrorEvent,
    RealtimeModelEvent,
    RealtimeModelFalseInterruptionEvent,
    RealtimeModelFurtherEvent,
    RealtimeModelInputAudioTimeoutTriggeredEvent,
    RealtimeModelItemUpdatedEvent,
)
from .model_translation import model_events_of
from .notes import (
    AgentDone,
    AgentSpeaks,
    ApprovalAsked,
    AudioNote,
    AudioOver,
    CallEnded,
    CallStarted,
    Fault,
    Switched,
    Tripped,
)
from .session_box import Happening

__all__ = ["EventBuilder"]

# What changes a history without being worth an event: the words come with the next one.
_QUIET = (
    "conversation.item.input_audio_transcription.delta",
    "response.output_audio_transcript.delta",
    "response.output_audio_transcript.done",
    "response.output_text.delta",
    "response.output_text.done",
)


class EventBuilder:
    """Makes the session's events of what happened, one after the other.

    Args:
        info: is a part of every event.

    Threads: one at a time.
    """

    def __init__(self, info: RealtimeEventInfo) -> None:
        self._info = info
        self._history = ShownHistory()
        self._makers: dict[type, Callable[[Any], Iterator[RealtimeSessionEvent]]] = {
            AgentDone: self._agent_done,
            AgentSpeaks: self._agent_speaks,
            ApprovalAsked: self._approval_asked,
            AudioNote: self._audio,
            AudioOver: self._audio_over,
            CallEnded: self._call_ended,
            CallStarted: self._call_started,
            FalseInterruption: self._false_interruption,
            Fault: self._fault,
            Interrupted: self._interrupted,
            Switched: self._switched,
            Tripped: self._tripped,
            UnreadableMessage: self._fault,
        }

    def first(self) -> RealtimeSessionEvent:
        """Return what every session begins with."""
        return RealtimeHistoryUpdated(self._history.items, self._info)

    def build(self, happening: Happening) -> Iterator[RealtimeSessionEvent]:
        """Yield the events that something means; none for what only we care about."""
        event = happening.event
        maker = self._makers.get(type(event))
        if maker is not None:
            yield from maker(event)
        elif isinstance(event, Event):
            yield from self._of_the_server(event, happening)

    # -- events of the server's --------------------------------------------------------------------

    def _of_the_server(self, event: Any, happening: Happening) -> Iterator[RealtimeSessionEvent]:
        self._history.take(happening.changes)
        seen = bool(happening.changes) and event.type not in _QUIET
        changed = self._history.look() if seen else None
        for data in model_events_of(event):
            yield self._raw(data)
            match data:
                case RealtimeModelErrorEvent(error):
                    yield RealtimeError(error, self._info)
                case RealtimeModelInputAudioTimeoutTriggeredEvent():
                    yield RealtimeInputAudioTimeoutTriggered(self._info)
                case RealtimeModelItemUpdatedEvent() if changed is not None:
                    yield self._shown(changed)
                    changed = None
        if changed is not None:
            yield self._shown(changed)

    def _shown(self, added: RealtimeItem | bool) -> RealtimeSessionEvent:
        if isinstance(added, bool):
            return RealtimeHistoryUpdated(self._history.items, self._info)
        return RealtimeHistoryAdded(added, self._info)

    def _raw(self, data: RealtimeModelEvent | RealtimeModelFurtherEvent) -> RealtimeRawModelEvent:
        return RealtimeRawModelEvent(data, self._info)

    # -- notes of ours -----------------------------------------------------------------------------

    def _agent_speaks(self, note: AgentSpeaks) -> Iterator[RealtimeSessionEvent]:
        yield RealtimeAgentStartEvent(note.agent, self._info)

    def _agent_done(self, note: AgentDone) -> Iterator[RealtimeSessionEvent]:
        yield RealtimeAgentEndEvent(note.agent, self._info)

    def _switched(self, note: Switched) -> Iterator[RealtimeSessionEvent]:
        yield RealtimeHandoffEvent(note.before, note.after, self._info)

    def _call_started(self, note: CallStarted) -> Iterator[RealtimeSessionEvent]:
        yield RealtimeToolStart(note.agent, note.tool, note.arguments, self._info)

    def _call_ended(self, note: CallEnded) -> Iterator[RealtimeSessionEvent]:
        item = self._history.give_output(note.call_id, note.text)
        if item is not None:
            self._history.look()
            yield self._raw(RealtimeModelItemUpdatedEvent(item))
            yield self._shown(True)
        yield RealtimeToolEnd(note.agent, note.tool, note.arguments, note.output, self._info)

    def _approval_asked(self, note: ApprovalAsked) -> Iterator[RealtimeSessionEvent]:
        yield RealtimeToolApprovalRequired(
            note.agent, note.tool, note.call_id, note.arguments, self._info
        )

    def _audio(self, note: AudioNote) -> Iterator[RealtimeSessionEvent]:
        item_id, index = note.part
        audio = RealtimeModelAudioEvent(note.data, note.response_id, item_id, index)
        yield RealtimeAudio(audio, item_id, index, self._info)

    def _audio_over(self, note: AudioOver) -> Iterator[RealtimeSessionEvent]:
        yield RealtimeAudioEnd(self._info, *note.part)

    def _tripped(self, note: Tripped) -> Iterator[RealtimeSessionEvent]:
        yield RealtimeGuardrailTripped(list(note.results), note.message, self._info, kind=note.kind)

    def _fault(self, note: Fault | UnreadableMessage) -> Iterator[RealtimeSessionEvent]:
        yield RealtimeError(note.error, self._info)

    # -- reports of the engine's -------------------------------------------------------------------

    def _interrupted(self, report: Interrupted) -> Iterator[RealtimeSessionEvent]:
        item_id = report.item_id or next(iter(report.deleted), None)
        if item_id is not None:
            yield self._raw(RealtimeModelAudioInterruptedEvent(item_id, report.content_index))
            yield RealtimeAudioInterrupted(self._info, item_id, report.content_index)

    def _false_interruption(self, report: FalseInterruption) -> Iterator[RealtimeSessionEvent]:
        yield self._raw(
            RealtimeModelFalseInterruptionEvent(report.item_id, report.transcript, report.paused_ms)
        )


class ShownHistory:
    """The history as the program has seen it, by the changes that it was told.

    Calls have their outputs in them; what nobody said, or is to answer, is left out.

    Threads: one at a time.
    """

    def __init__(self) -> None:
        self._known: dict[str, HistoryItem] = {}  # in order
        self._outputs: dict[str, str] = {}  # by call id
        # What was made of an item, and of what else it was made.
        self._made: dict[str, tuple[HistoryItem, str | None, str | None, RealtimeItem | None]] = {}
        self._seen: list[RealtimeItem] = []  # at the last look

    def take(self, changes: tuple[HistoryChange, ...]) -> None:
        """Take what has changed."""
        for change in changes:
            self._apply(change)

    def look(self) -> RealtimeItem | bool | None:
        """Return an item that was added since the last look, True for other changes, or None."""
        before, after = self._seen, self.items
        if before == after:
            return None
        self._seen = after
        known = {item.item_id for item in before}
        new = [item for item in after if item.item_id not in known]
        return new[0] if len(new) == 1 and len(after) == len(before) + 1 else True

    def give_output(self, call_id: str, output: str) -> RealtimeItem | None:
        """Take the output of a call; return its item, None where it is not known."""
        self._outputs[call_id] = output
        calls = (item for item in self._known.values() if item.type == "function_call")
        call = next((item for item in calls if item.call_id == call_id), None)
        return None if call is None else self._item(call, self._made[call.id][1])

    @property
    def items(self) -> list[RealtimeItem]:
        """The items in order, each as it is now."""
        items: list[RealtimeItem] = []
        for known in self._known.values():
            item = self._item(known, items[-1].item_id if items else None)
            if item is not None:
                items.append(item)
        return items

    def _apply(self, change: HistoryChange) -> None:
        before, after = change.before, change.after
        if after is None:
            assert before is not None
            self._known.pop(before.id, None)
            self._made.pop(before.id, None)
            self._outputs.pop(before.call_id, None)
            return
        if after.type == "function_call_output" and after.output is not None:
            self._outputs[after.call_id] = after.output
        if before is not None and after.id in self._known:
            self._known[after.id] = after
        else:
            self._insert(after, change.previous_id)

    def _insert(self, item: HistoryItem, previous_id: str | None) -> None:
        others = [other for other in self._known.values() if other.id != item.id]
        ids = [None, *(other.id for other in others)]
        place = ids.index(previous_id) if previous_id in ids else len(others)
        others.insert(place, item)
        self._known = {other.id: other for other in others}

    def _item(self, known: HistoryItem, previous_id: str | None) -> RealtimeItem | None:
        output = self._outputs.get(known.call_id) if known.type == "function_call" else None
        made = self._made.get(known.id)
        if made is None or made[0] is not known or made[1:3] != (previous_id, output):
            item = item_of(known, previous_id, output=output)
            made = self._made[known.id] = (known, previous_id, output, item)
        return made[3]
