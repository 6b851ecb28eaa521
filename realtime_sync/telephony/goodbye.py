"""When an agent has said goodbye, so that its line may be closed behind its last words."""

from __future__ import annotations

from typing import Any, Literal

from .._required import require_name
from ..agents import RealtimeItem, RealtimeSession, RealtimeSessionEvent
from ..audio.base import SinkLike
from ..errors import ConfigError, ConnectionClosed, RealtimeTimeout

__all__ = ["Goodbye"]

# Nobody hangs up in the very moment of the last word; and whoever has cut it is told by then.
_MOMENT_S = 0.3


class Goodbye:
    """Follows how an agent takes its leave: by a tool, and an answer after it.

    The tool does nothing but tell the model to say goodbye. The next answer is the goodbye, and the
    program hangs up when the caller has heard it::

        goodbye = Goodbye()
        for event in session:
            if goodbye.take(event) and goodbye.wait_heard(session, call.sink):
                break

    The caller may still have something to say. So the goodbye is forgotten when it is interrupted,
    when the caller says something before it, and at a handoff; the agent may call the tool again.
    An answer that calls another tool is none: the one after it is. A tool that has failed, or was
    rejected, does not count. An agent that says nothing after the tool has taken its leave as well.

    Args:
        tool: the name of the tool.

    Raises:
        ConfigError: ``tool`` is no name.

    Threads: one at a time: the one that takes the session's events.

    Example:
        >>> from realtime_sync.agents import (
        ...     RealtimeAgent, RealtimeAgentEndEvent, RealtimeAgentStartEvent, RealtimeEventInfo,
        ...     RealtimeToolEnd, RunContextWrapper, function_tool,
        ... )
        >>> @function_tool
        ... def hang_up() -> str:
        ...     return "Say goodbye in one short sentence; after it the line is closed."
        >>> desk = RealtimeAgent(name="Desk", tools=[hang_up])
        >>> info = RealtimeEventInfo(RunContextWrapper(None))
        >>> goodbye = Goodbye()
        >>> goodbye.take(RealtimeToolEnd(desk, hang_up, "{}", "Say goodbye …", info))
        False
        >>> goodbye.take(RealtimeAgentStartEvent(desk, info))
        False
        >>> goodbye.take(RealtimeAgentEndEvent(desk, info))
        True
    """

    def __init__(self, tool: str = "hang_up") -> None:
        require_name(tool, "the tool of a Goodbye", error=ConfigError)
        self._tool = tool
        self._step: Literal["", "called", "speaking", "said"] = ""
        self._contested = False  # the caller has said something that is not answered yet

    @property
    def said(self) -> bool:
        """Whether the agent has said goodbye, and the caller nothing since; see `wait_heard`."""
        return self._step == "said" and not self._contested

    def take(self, event: RealtimeSessionEvent) -> bool:
        """Take an event of the session.

        Args:
            event: the next one; each has to come here, or it is not known what went before.

        Returns:
            `said`, behind this event.
        """
        match event.type:
            case "tool_end" if event.tool.name == self._tool and not event.failed:
                self._step = self._step or "called"
            case "agent_start":
                self._answer_begins()
            case "agent_end" if self._step == "speaking":
                self._step = "said"
            case "history_added":
                self._item_added(event.item)
            case "audio_interrupted" | "handoff":
                self._step = ""
            case "raw_model_event":
                self._listen(event.data)
        return self.said

    def wait_heard(
        self, session: RealtimeSession[Any], sink: SinkLike, timeout: float | None = 20.0
    ) -> bool:
        """Wait until the caller has heard the goodbye, for which `take` has returned True.

        Events that come meanwhile are taken here.

        Args:
            session: whose events they are.
            sink: what the caller hears: ``call.sink``, or whatever was put around it.
            timeout: seconds, after which it counts as heard; None for as long as it takes.

        Returns:
            False when the caller has something to say: the talk goes on. True when the line may
            be closed, also because the session is over.

        Raises:
            Exception: what has ended the session, but for `ConnectionClosed`.
        """
        sink.drain(timeout)
        try:
            while self.said:
                self.take(session.recv(timeout=_MOMENT_S))
        except (RealtimeTimeout, ConnectionClosed):
            return True
        return False

    def _answer_begins(self) -> None:
        if self._contested:  # it answers the caller, and is no goodbye
            self._step, self._contested = "", False
        elif self._step:
            self._step = "speaking"

    def _item_added(self, item: RealtimeItem) -> None:
        if item.type == "message":
            self._contested = self._contested or item.role == "user"
        elif item.name != self._tool and self._step == "speaking":
            self._step = "called"  # it has something to do first

    def _listen(self, data: Any) -> None:
        if data.type == "raw_server_event":
            began = data.data.get("type") == "input_audio_buffer.speech_started"
            self._contested = self._contested or began
        elif data.type == "false_interruption":  # a cough: the goodbye goes on
            self._contested = False
