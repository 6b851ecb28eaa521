"""Tables of the results: for the screen, and in Markdown for the documentation."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Iterable
from typing import Any

from clients import OPENAI, OURS
from goals import GOALS, ratio
from parts import PARTS, Part
from run import OfCase, Results

__all__ = ["about", "goal_table", "markdown", "part_table"]

Table = tuple[list[str], list[list[str]]]


def about() -> dict[str, Any]:
    """Say where and with what the figures were measured."""
    from importlib.metadata import version

    names = ("openai", "websockets", "websocket-client", "pydantic", "numpy")
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "packages": {name: version(name) for name in names},
    }


def _number(value: float) -> str:
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _cell(values: list[Any]) -> str:
    """Return the median, and the range when it was measured more than once."""
    if isinstance(values[0], list):
        return ", ".join(_number(value) for value in values[0])
    median = _number(statistics.median(values))
    if len(values) == 1:
        return median
    return f"{median} ({_number(min(values))}-{_number(max(values))})"


def _ratio(case: OfCase, client: str, figure: str) -> str:
    mine, other = (case.get(name, {}).get(figure) for name in (client, OPENAI))
    if client == OPENAI or not mine or not other or isinstance(mine[0], list):
        return ""
    return f"{ratio(mine, other):.3f}"


def part_table(part: Part, results: Results) -> Table:
    """Return one part's table: a line for each case and client."""
    single = len(part.figures) == 1
    heads = ["", "client", *part.figures.values(), *(["÷ openai-python"] if single else [])]
    lines = []
    for label, case in results.items():
        for client, figures in case.items():
            cells = [_cell(figures[name]) if name in figures else "" for name in part.figures]
            if single:
                cells.append(_ratio(case, client, next(iter(part.figures))))
            lines.append([label if client == next(iter(case)) else "", client, *cells])
    return heads, lines


def goal_table(runs: dict[str, Results]) -> Table:
    """Return the goals that were measured in this run, and whether they are met."""
    lines = []
    for goal in GOALS:
        verdict = goal.judge(runs)
        if verdict is None:
            continue
        measured = _number(verdict.value) if goal.absolute else _as_ratio(verdict.value)
        figures = [f"{_number(v)} {goal.unit}" for v in (verdict.ours, verdict.other)]
        lines.append(
            [goal.what, *figures, goal.wanted, measured, "met" if verdict.met else "NOT met"]
        )
    return ["goal", OURS, "the other", "wanted", "measured", ""], lines


def _as_ratio(value: float) -> str:
    return f"1/{1 / value:.1f}" if 0 < value <= 1 / 3 else f"{value:.2f}"


def text(table: Table) -> str:
    """Return a table for a terminal."""
    heads, lines = table
    widths = [max(len(row[i]) for row in (heads, *lines)) for i in range(len(heads))]

    def row(cells: Iterable[str]) -> str:
        return "  ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)).rstrip()

    return "\n".join([row(heads), "  ".join("-" * w for w in widths), *map(row, lines)])


def markdown(runs: dict[str, Results]) -> str:
    """Return all tables for the documentation."""
    blocks = ["### Goals", _markdown(goal_table(runs))]
    for name, results in runs.items():
        blocks += [f"### {PARTS[name].title}", _markdown(part_table(PARTS[name], results))]
    return "\n\n".join(blocks)


def _markdown(table: Table) -> str:
    heads, lines = table
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
