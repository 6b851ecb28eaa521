"""The picture for the documentation."""

from __future__ import annotations

import statistics
from pathlib import Path

from attrs import frozen
from clients import FLOOR, OPENAI, OURS
from parts import CHUNK, DELTAS, SPOKEN_TURN
from run import Results

__all__ = ["draw"]

_COLOURS = {
    OURS: "#1b6ca8",
    OPENAI: "#b0b7bf",
    "websockets + json": "#d9a441",
    "websocket-client + json": "#8aa978",
    FLOOR: "#5c5c5c",
}


@frozen
class _Panel:
    title: str
    part: str
    case: str
    figure: str
    unit: str


_PANELS = (
    _Panel("receive 230 B deltas", "receive", DELTAS, "cpu_us", "CPU µs"),
    _Panel("receive a spoken turn", "receive", SPOKEN_TURN, "cpu_us", "CPU µs"),
    _Panel("append 20 ms of audio", "send", CHUNK, "cpu_us", "CPU µs"),
    _Panel("round trip, median", "latency", "plain", "p50_us", "µs"),
    _Panel("an idle connection", "idle", "plain", "memory_kb", "kB"),
    _Panel(
        "one of 50 conversations",
        "talk",
        "50 conversations",
        "cpu_s_per_conversation_minute",
        "CPU s per minute",
    ),
)


def draw(runs: dict[str, Results], path: Path) -> None:
    """Write bars of the medians, with the ranges as whiskers; what was not measured is left out."""
    import matplotlib as mpl  # type: ignore[import-not-found,unused-ignore]

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "realtime_sync"  # the same figures make the same file
    mpl.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot  # type: ignore[import-not-found,unused-ignore]

    panels = [panel for panel in _PANELS if panel.case in runs.get(panel.part, {})]
    if not panels:
        return
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = pyplot.subplots(
        rows, columns, figsize=(4 * columns, 2.3 * rows), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    for axis, panel in zip(axes.flat, panels, strict=False):
        case = runs[panel.part][panel.case]
        names = [name for name in _COLOURS if name in case]
        values = [case[name][panel.figure] for name in names]
        medians = [statistics.median(v) for v in values]
        low = [m - min(v) for m, v in zip(medians, values, strict=True)]
        high = [max(v) - m for m, v in zip(medians, values, strict=True)]
        axis.barh(
            names,
            medians,
            xerr=[low, high],
            color=[_COLOURS[name] for name in names],
            error_kw={"elinewidth": 0.8},
        )
        axis.invert_yaxis()
        axis.set_title(panel.title, fontsize=10)
        axis.set_xlabel(panel.unit, fontsize=8)
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
