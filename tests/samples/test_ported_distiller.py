"""A program on the Distiller's SDK, and ported: the rule makes one of the other, and both run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from embedded import Server, run_server
from peers import airefinery_python
from port_rule import DISTILLER_PAIRS, PORTED, changed_lines, difference, port
from programs import REPOSITORY

QUESTIONS = ("Hello!", "What is a fund?")
ANSWERS = {
    "Tutor": "Hello! How can I help you? "
    "I heard you say: what is a fund. I have no answer to that.",
    "Librarian": "On the shelf there is a book about Hello!. "
    "On the shelf there is a book about What is a fund?.",
}


def answers(python: str, file: Path, server: Server) -> dict[str, str]:
    """What each agent has said."""
    environment = {**os.environ, "API_KEY": server.key, "PYTHONPATH": str(REPOSITORY)}
    environment["AIR_BASE_URL"] = server.url.removesuffix("/v1")
    result = subprocess.run(
        [python, str(file), *QUESTIONS], env=environment, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    lines = [line.partition(": ") for line in result.stdout.splitlines()]
    said = {name: [words for role, _, words in lines if role == name] for name in ANSWERS}
    return {name: " ".join(" ".join(words).split()) for name, words in said.items()}


@pytest.mark.parametrize("name", DISTILLER_PAIRS)
def test_the_rule_makes_it(name: str) -> None:
    before = (PORTED / f"{name}_before.py").read_text("utf-8")
    assert port(before) == (PORTED / f"{name}.py").read_text("utf-8")


@pytest.mark.parametrize("name", DISTILLER_PAIRS)
def test_the_document_shows_its_difference(name: str) -> None:
    document = (REPOSITORY / "docs" / "distiller.md").read_text("utf-8")
    assert f"```diff\n{difference(name)}```" in document, f"it should be\n{difference(name)}"
    changed, total = changed_lines(name)
    assert f"{changed} of {total} lines" in document


def test_what_it_is_now_runs() -> None:
    with run_server() as server:
        assert answers(sys.executable, PORTED / "distiller_text.py", server) == ANSWERS


@pytest.mark.xdist_group("peers")
def test_what_it_was_says_the_same_with_the_sdk() -> None:
    python = airefinery_python()
    with run_server() as server:
        assert answers(python, PORTED / "distiller_text_before.py", server) == ANSWERS
