"""Every sample runs, with small arguments of its own, and says what it should."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from programs import REPOSITORY, Program

SAMPLES = REPOSITORY / "samples"


@dataclass(frozen=True)
class Run:
    """How a sample is run here.

    Attributes:
        arguments: its command line.
        prints: patterns that its output must match, in this order.
    """

    arguments: tuple[str, ...] = ()
    prints: tuple[str, ...] = ()


RUNS: dict[str, Run] = {}


def test_every_sample_is_run() -> None:
    assert {path.name for path in SAMPLES.glob("*.py")} == set(RUNS), "add it to RUNS"


@pytest.mark.parametrize("name", RUNS)
def test_it_runs(name: str, program: Program) -> None:
    output = program.run(SAMPLES / name, *RUNS[name].arguments)
    pattern = ".*".join(RUNS[name].prints)
    assert re.search(pattern, output, re.DOTALL), f"no {pattern!r} in\n{output}"
