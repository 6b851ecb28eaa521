"""`tests/unit/` mirrors the package: a file there tests the module whose name it has.

``tests/unit/<package>/**/test_<stem>.py`` belongs to a module (or a folder) ``<stem>``, with or
without an underscore, anywhere within that package; a file at the top to one at the top.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
PACKAGE = REPOSITORY / "realtime_sync"
UNIT = REPOSITORY / "tests" / "unit"

# Tests of a concept that several modules have together, with the reason.
CONCEPTS = {
    "agents/calls_and_interruptions": "what calls that run learn of an interruption",
    "agents/parity_table": "the table of the peer's tests and ours",
    "agents/shown_history": "the part of `event_building` that follows the history",
    "agents/rules_of_guardrails": "the part of `rules` that forbids answers",
    "agents/session_work_of_tools": "the part of `session_work` that runs calls",
    "agents/conformance": "all names and fields against the published package",
    "agents/examples": "the docstrings of all modules",
    "connection/mutated_events": "odd events in every way in which a program takes them",
    "events/mutated_events": "odd events of every type, and every way of reading one",
    "voice/mutated_events": "odd events in a spoken conversation",
    "app/examples": "the docstrings of all modules",
    "audio/formats": "every reader of sound against references of their own, with found inputs",
    "audio/jitter_buffer": "speaker and playout together against a simulated network",
    "telephony/mutated_messages": "odd messages of Twilio's, from the link to the call",
    "counts": "what events and sound cost, from the socket to the program",
    "distiller/examples": "the docstrings of all modules",
    "events/conformance": "all models against the published types",
    "events/examples": "the docstrings of all modules",
    "events/session_params": "all typed dictionaries against the published ones",
    "events/values": "what every event and model can do",
    "fast": "the tests of several packages once more, with the extra",
    "local/costs": "what events cost in long conversations and answers, from item to generation",
    "local/directions": "the imports between the parts of the server",
    "providers/query": "the query of every provider, from `base` to the URL",
    "rest/arguments": "the arguments of every call, before anything is sent",
    "telephony/examples": "the docstrings of all modules, and their document",
    "transport/against_websockets": "splitter and builder against another implementation",
    "transport/cuts": "splitter and inflater, cut at every byte",
    "voice/examples": "the docstrings of all modules, and their document",
    "wsgi/examples": "the docstrings of all modules, and their document",
    "voice/loop_turns": "one of two halves of the tests of `loop`",
    "voice/rules_of_interruptions": "the part of `rules` that interrupts answers, as a table",
}


def place_of(path: Path, root: Path) -> str:
    """Return ``<package>/<stem>`` (``<stem>`` at the top), without underscores and ``test_``."""
    *folders, name = path.relative_to(root).with_suffix("").parts
    stem = name.removeprefix("test_").removeprefix("_")
    return "/".join([*(folder.removeprefix("_") for folder in folders[:1]), stem])


def without_module(tests: Iterable[str], modules: Iterable[str]) -> set[str]:
    return set(tests) - set(modules)


def modules() -> set[str]:
    found = {place_of(path, PACKAGE) for path in PACKAGE.rglob("*.py")}
    return found | {place_of(path, PACKAGE) for path in PACKAGE.rglob("*") if path.is_dir()}


def unit_tests() -> set[str]:
    return {place_of(path, UNIT) for path in UNIT.rglob("test_*.py")}


def test_each_unit_test_is_named_after_its_module() -> None:
    left = without_module(unit_tests(), modules()) - set(CONCEPTS)
    assert not left, f"no module has these names: {sorted(left)}; rename the test, or see CONCEPTS"


def test_an_exception_is_needed() -> None:
    """One that is not needed any more would hide the next stray."""
    assert set(CONCEPTS) <= without_module(unit_tests(), modules())


def test_the_check_sees_a_stray() -> None:
    assert place_of(UNIT / "local" / "speech" / "test_vad.py", UNIT) == "local/vad"
    assert place_of(PACKAGE / "local" / "speech" / "_vad.py", PACKAGE) == "local/vad"
    assert place_of(PACKAGE / "_vad" / "local.py", PACKAGE) == "vad/local"
    assert place_of(UNIT / "test_codec.py", UNIT) == "codec"
    assert without_module({"audio/vad", "audio/wad"}, {"audio/vad", "codec"}) == {"audio/wad"}
