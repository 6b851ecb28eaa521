"""The goals of the project: ratios to openai-python, or to another client, in the same run."""

from __future__ import annotations

import statistics

from attrs import frozen
from clients import AGENT_BY_HAND, AGENT_QUIET, OPENAI, OURS, OURS_NUMPY
from parts import AGENT_TALK, CHUNK, DELTAS, SPOKEN_TURN
from run import Results

__all__ = ["GOALS", "Goal", "Verdict", "ratio"]

Runs = dict[str, Results]


@frozen
class Verdict:
    """What became of a goal: our median, the other's, and what was measured against the limit.

    A ratio is the median over the rounds, in each of which both were measured one soon after the
    other: the machine's speed changes by a factor of two, and most changes last longer than that.
    """

    ours: float
    other: float
    value: float
    met: bool


@frozen
class Goal:
    """One line of the table of goals.

    Attributes:
        what: is wanted.
        part, case, figure: where it is measured.
        limit: the most that is allowed.
        unit: of the figure.
        absolute: whether ``limit`` is a value of the figure and not a ratio.
        client: which of ours.
        other: what it is compared with.
    """

    what: str
    part: str
    case: str
    figure: str
    limit: float
    unit: str
    absolute: bool = False
    client: str = OURS
    other: str = OPENAI

    @property
    def wanted(self) -> str:
        """The limit in words."""
        if self.absolute:
            return f"≤ {self.limit:g} {self.unit}"
        return f"≤ 1/{1 / self.limit:.3g}" if self.limit <= 1 / 3 else f"≤ {self.limit:g}"

    def judge(self, runs: Runs) -> Verdict | None:
        """Compare the medians; None when this was not measured."""
        case = runs.get(self.part, {}).get(self.case)
        if case is None:
            return None
        ours, other = (case[client][self.figure] for client in (self.client, self.other))
        value = statistics.median(ours) if self.absolute else ratio(ours, other)
        return Verdict(
            statistics.median(ours), statistics.median(other), value, value <= self.limit
        )


def ratio(ours: list[float], other: list[float]) -> float:
    """Return the median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(ours, other, strict=True))


_CPU, _FIFTY = "cpu_us", "50 conversations"
GOALS: tuple[Goal, ...] = (
    Goal("receive a spoken turn", "receive", SPOKEN_TURN, _CPU, 1 / 10, "µs"),
    Goal("receive small deltas", "receive", DELTAS, _CPU, 1 / 15, "µs"),
    Goal("round trip, p50", "latency", "plain", "p50_us", 0.4, "µs"),
    Goal("round trip, p99", "latency", "plain", "p99_us", 0.4, "µs"),
    # Whoever sends chunks of 20 ms has a microphone, and so NumPy.
    Goal("append 960 B, NumPy loaded", "send", CHUNK, _CPU, 1 / 12, "µs", client=OURS_NUMPY),
    Goal("append 32 kB", "send", "32 kB", _CPU, 1 / 4, "µs"),
    Goal("memory of an idle connection", "idle", "plain", "memory_kb", 0.5, "kB"),
    Goal("threads of an idle connection", "idle", "plain", "threads", 1, "threads", absolute=True),
    Goal("import", "start", "import", "cpu_ms", 1 / 8, "ms"),
    Goal(
        "50 conversations, CPU",
        "talk",
        _FIFTY,
        "cpu_s_per_conversation_minute",
        0.5,
        "s per minute",
    ),
    Goal(
        "50 conversations, events lost",
        "talk",
        _FIFTY,
        "lost",
        0,
        "events",
        absolute=True,
    ),
    *(
        Goal(
            f"{client}, CPU beside a connection",
            "agents",
            AGENT_TALK,
            "cpu_s_per_conversation_minute",
            1.5,
            "s per minute",
            client=client,
            other=OURS,
        )
        for client in (AGENT_BY_HAND, AGENT_QUIET)
    ),
)
