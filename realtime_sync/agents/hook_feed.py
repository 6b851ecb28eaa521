"""Which hook is called for what happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..events import (
    ConversationItemInputAudioTranscriptionCompleted,
    ErrorEvent,
    ResponseDone,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputTextDone,
)
from ..events.base import Event, as_came
from ..events.wire_values import as_id, as_text
from ..voice.events import IdleEnded, IdlePrompted, Interrupted, UnreadableMessage
from .agent import RealtimeAgent
from .hooks import HookRunner
from .notes import AgentDone, AgentSpeaks, Fault, Switched, ToolBegan, ToolOver
from .run_context import RunContextWrapper

__all__ = ["HookFeed"]


class HookFeed:
    """Has the hooks of a session and of its agents called.

    Args:
        runner: calls them.
        context: of the session.
        agent: returns who has the word.
        is_out_of_band: whether a response, by its id, is none of the conversation's.

    Attributes:
        takes: the types of what `take` is to get, whether a hook listens or not.

    Threads: the engine's.
    """

    def __init__(
        self,
        runner: HookRunner,
        context: RunContextWrapper[Any],
        agent: Callable[[], RealtimeAgent[Any]],
        is_out_of_band: Callable[[str], bool],
    ) -> None:
        self._runner = runner
        self._context = context
        self._agent = agent
        self._is_out_of_band = is_out_of_band
        self._said = ""  # by the agent, in the response that is running
        self._response: Any = None  # the latest that is over, in wire form
        self._feeds: dict[type, Callable[[Any], None]] = {
            AgentDone: self._agent_done,
            AgentSpeaks: self._agent_speaks,
            ConversationItemInputAudioTranscriptionCompleted: self._user_said,
            ErrorEvent: self._refused,
            Fault: lambda note: self._tell("on_error", note.error),
            IdleEnded: lambda report: self._tell("on_idle", report.silent_s),
            IdlePrompted: lambda report: self._tell("on_idle", report.silent_s),
            Interrupted: self._interrupted,
            ResponseDone: self._response_done,
            ResponseOutputAudioTranscriptDone: lambda e: self._agent_said(e, e.transcript),
            ResponseOutputTextDone: lambda event: self._agent_said(event, event.text),
            Switched: lambda note: runner.handoff(context, note.before, note.after),
            ToolBegan: self._tool_began,
            ToolOver: self._tool_over,
            UnreadableMessage: lambda report: self._tell("on_error", report.error),
        }
        self.takes = self._feeds.keys()

    def take(self, event: object) -> None:
        """Take an event of the server's, a report of the engine's or a note of ours."""
        if isinstance(event, Event):
            self._tell("on_raw", event)
        feed = self._feeds.get(type(event))
        if feed is not None:
            feed(event)

    def _tell(self, name: str, *more: object) -> None:
        self._runner.tell(name, self._context, self._agent(), *more)

    def _refused(self, event: ErrorEvent) -> None:
        if event.severity != "benign":
            self._tell("on_error", event.error)

    def _agent_speaks(self, note: AgentSpeaks) -> None:
        self._said = ""
        self._runner.agent_start(self._context, note.agent)
        told = note.agent.instructions
        prompt = told if isinstance(told, str) else None
        self._runner.tell("on_llm_start", self._context, note.agent, prompt, [])

    def _agent_done(self, note: AgentDone) -> None:
        self._runner.tell("on_llm_end", self._context, note.agent, self._response)
        self._runner.agent_end(self._context, note.agent, self._said)

    def _response_done(self, event: ResponseDone) -> None:
        self._response = as_came(event, "response")

    def _agent_said(self, event: Any, words: object) -> None:
        if self._is_out_of_band(as_id(event.response_id) or ""):
            return
        text = as_text(words) or ""
        self._said = f"{self._said} {text}".strip()
        self._tell("on_transcript", "assistant", text)

    def _user_said(self, event: ConversationItemInputAudioTranscriptionCompleted) -> None:
        self._tell("on_transcript", "user", as_text(event.transcript) or "")

    def _interrupted(self, report: Interrupted) -> None:
        item_id = report.item_id or next(iter(report.deleted), "")
        self._tell("on_interruption", item_id, report.audio_end_ms)

    def _tool_began(self, note: ToolBegan) -> None:
        self._runner.tell("on_tool_start", note.context, note.context.agent, note.tool)

    def _tool_over(self, note: ToolOver) -> None:
        context = note.context
        self._runner.tell("on_tool_end", context, context.agent, note.tool, note.output)
