"""One name, one thing: no two classes with one name, no two modules with one stem.

A name of two things makes a reader ask at every use which one is meant. Aliases for ported names
are no classes and do not count.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "realtime_sync"
FILES = sorted(PACKAGE.rglob("*.py"))

# Stems that are one concept in two packages, with the reason.
SAME_CONCEPT = {
    "azure": "a client, and the provider whose URL and headers it has",
    "yandex": "a client, and the provider whose URL and headers it has",
    "openai": "a client, and the provider whose URL and headers it has",
    "client": "where the clients were, and the client's events",
    "base": "what the modules of one package have in common",
    "items": "items: those of the protocol, and those that an agent's program gets",
    "events": "what a part tells the program: the voice loop, and a session of agents",
    "responses": "responses: their events, and which of them run",
    "rules": "what decides, and is pure: for a conversation, and for the agents in it",
    "session": "the session: what is known of it, and for a program of agents the live one",
    "usage": "tokens: what an agent's session has used, and what the server counts",
    "translation": "the translation session: its events, its connection, its server",
    "calls": "calls over WebRTC and SIP: their REST routes, at the client and at the server",
    "client_secrets": "client secrets: their REST routes, at the client and at the server",
}

# Class names of two things, with the reason.
PORTED = {
    "RealtimeError": "the root of the exceptions; in agents an event, whose name programs know",
    "FunctionTool": "a function of a session; in agents a tool, whose name programs know",
}


def classes() -> dict[str, list[str]]:
    """Each class of the package at the top of a module, and the files that define it."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in FILES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                found[node.name].append(path.relative_to(PACKAGE).as_posix())
    return found


def stems() -> dict[str, list[str]]:
    """Each module's name without its underscore, and the files that have it."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in FILES:
        if not path.stem.startswith("__"):
            found[path.stem.removeprefix("_")].append(path.relative_to(PACKAGE).as_posix())
    return found


def twice(found: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: places for name, places in found.items() if len(places) > 1}


def test_no_two_classes_have_one_name() -> None:
    doubled = {name: at for name, at in twice(classes()).items() if name not in PORTED}
    assert doubled == {}


def test_no_two_modules_have_one_stem() -> None:
    doubled = {name: at for name, at in twice(stems()).items() if name not in SAME_CONCEPT}
    assert doubled == {}


def test_an_exception_is_needed() -> None:
    """One that is not needed any more would hide the next twin."""
    assert set(twice(stems())) >= set(SAME_CONCEPT)
    assert set(twice(classes())) >= set(PORTED)


def test_the_check_sees_a_twin() -> None:
    assert twice({"Part": ["a.py", "b.py"], "Whole": ["a.py"]}) == {"Part": ["a.py", "b.py"]}
