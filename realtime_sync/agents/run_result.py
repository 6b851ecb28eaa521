"""What a conversation has come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from .agent import RealtimeAgent
from .items import RealtimeItem
from .run_context import RunContextWrapper
from .usage import Usage

__all__ = ["EndReason", "RealtimeResult"]

EndReason = Literal["closed", "server_closed", "source_ended", "idle", "timeout"]
"""Why a conversation was over: somebody called `close`, the server ended it, the source had no more
and the last answer was heard, an idle rule, or the time of `talk`."""


@dataclass(frozen=True)
class RealtimeResult:
    """What a conversation has come to, when it is over.

    Attributes:
        final_output: the last words of an agent, as far as they were heard; None for none.
        last_agent: who had the word at the end.
        history: what was said, in order.
        usage: what was used.
        context_wrapper: with the program's context.
        end_reason: why it was over.
        duration_s: how long it took.
        interruptions: how often the user interrupted an answer.
        guardrail_trips: how often a guardrail forbade something.
        dropped_events: how many events the program never got, because it took none.
        cost: of ``usage``, by the ``prices`` of the run config; None without these.
    """

    final_output: str | None
    last_agent: RealtimeAgent[Any]
    history: list[RealtimeItem]
    usage: Usage
    context_wrapper: RunContextWrapper[Any]
    end_reason: EndReason
    duration_s: float
    interruptions: int
    guardrail_trips: int
    dropped_events: int
    cost: float | None = None
