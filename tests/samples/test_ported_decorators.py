"""The ported samples of decorators, and what they were: the rule makes one of the other.

What they were can't run any more: the original speaks the beta protocol to one address, where the
provider refuses it. So they are only compiled. What they are now runs; the one that records does so
on the virtual sound card (tests/audio/test_decorators.py).
"""

from __future__ import annotations

import re

import pytest
from port_rule import DECORATOR_PAIRS, PORTED, changed_lines, difference, port
from programs import REPOSITORY, Program

PAGE = REPOSITORY / "docs" / "decorators.md"


@pytest.mark.parametrize("name", DECORATOR_PAIRS)
def test_the_rule_makes_it(name: str) -> None:
    before = (PORTED / f"{name}_before.py").read_text("utf-8")
    compile(before, name, "exec")
    assert port(before) == (PORTED / f"{name}.py").read_text("utf-8")


@pytest.mark.parametrize("name", DECORATOR_PAIRS)
def test_the_document_counts_its_changed_lines(name: str) -> None:
    document = PAGE.read_text("utf-8")
    changed, total = changed_lines(name)
    assert re.search(rf"{name}\.py\).*\b{changed} of {total}\b", document), (changed, total)


def test_the_document_shows_the_difference_of_one() -> None:
    shown = difference("decorators_talk")
    assert f"```diff\n{shown}```" in PAGE.read_text("utf-8"), f"it should be\n{shown}"


def test_a_written_conversation_with_a_tool(program: Program) -> None:
    output = program.run(PORTED / "decorators_weather.py", typed="Oslo\nexit\n")
    said = r"City: called for Oslo\nAI: The weather.*rain in Oslo\.\nCity: "
    assert re.fullmatch(said, output), output
