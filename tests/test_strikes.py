"""No jump by which a signal handler's exception could leave a lock locked or a claim claimed.

A jump back to the head of a loop is one of the places where Python runs signal handlers. From 3.12
on the compiler leaves those that a condition makes (``continue``, a filter of a comprehension) out
of the table of handlers, so an exception there skips ``with`` and ``finally`` around the loop.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest

PACKAGE = Path(__file__).parent.parent / "realtime_sync"
PARTS = (
    "agents",
    "app",
    "connection",
    "conversation",
    "tools",
    "voice",
    "transport",
    "rest",
    "clients",
    "distiller",
    "_fork.py",
    "_threads.py",
)
FILES = [file for part in PARTS for file in [PACKAGE / part, *(PACKAGE / part).rglob("*.py")]]
FILES = sorted(file for file in FILES if file.suffix)

# They run on threads of our own, where no handler does.
ON_OUR_THREADS = {
    "EventQueue._present_watchers",  # the reader
    "McpLink._converse",  # the loop of the mcp package
    "McpLink._serve",  # the same
    "MemoryTransport.read",  # the reader
    "ToolPool._next",  # a worker
    "ToolPool._time_left",  # the timer
    "_race",  # the thread that connects
    "set_options",  # the same
}


def codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


def uncovered_jumps(code: CodeType) -> Iterator[dis.Instruction]:
    """Jumps back inside a ``with``, or a ``try`` that frees a claim, that are not covered."""
    if sys.version_info < (3, 11):
        return  # there the blocks of a frame are a stack, which covers everything
    table = [(e.start, e.end, e.target) for e in dis._parse_exception_table(code)]  # type: ignore[attr-defined]
    instructions = {i.offset: i for i in dis.get_instructions(code)}
    for offset, instruction in instructions.items():
        if instruction.opname != "JUMP_BACKWARD":
            continue
        if any(start <= offset < end for start, end, _ in table):
            continue
        before = {target for _, end, target in table if end <= offset}
        after = {target for start, _, target in table if start > offset}
        if any(gives_back(instructions, target) for target in before & after):
            yield instruction


def gives_back(instructions: dict[int, dis.Instruction], target: int) -> bool:
    """Whether a handler is the end of a ``with``, or frees a claim."""
    names = []
    for offset in sorted(instructions):
        if offset >= target:
            names.append(instructions[offset].opname)
            if names[-1] == "RERAISE":
                break
    return "WITH_EXCEPT_START" in names or "DELETE_SUBSCR" in names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_jump_leaves_a_lock_locked(path: Path) -> None:
    for code in codes(compile(path.read_text(), str(path), "exec")):
        name = getattr(code, "co_qualname", code.co_name)
        if name not in ON_OUR_THREADS:
            jumps = [jump.positions.lineno for jump in uncovered_jumps(code) if jump.positions]  # type: ignore[attr-defined]
            assert not jumps, f"{name}, line {jumps}: move the loop into a function of its own"


LOCKED_LOOP = """
def drop(lock, items, item):
    with lock:
        return [other for other in items if other is not item]
"""


def test_the_check_sees_such_a_jump() -> None:
    module = compile(LOCKED_LOOP, "x", "exec")
    found = [jump for code in codes(module) for jump in uncovered_jumps(code)]
    assert bool(found) == (sys.version_info >= (3, 12)), "earlier compilers cover all jumps"
