"""The rule by which a program on the `openai` package's async client is ported, as code.

Run as a program it prints the differences of the ported samples, as ``docs/porting.md`` has them.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path

PORTED = Path(__file__).parents[2] / "samples" / "ported"
PAIRS = ("realtime", "azure_realtime")
# Ported by the rule, and by hand where our devices and threads stand for what was there.
BY_HAND = ("yandex_voice_agent",)

_RULE = (
    # The import changes.
    (r"^from openai import", "from realtime_sync import"),
    (r"\bAsync(?=OpenAI|AzureOpenAI|RealtimeConnection)", ""),
    # What the event loop was needed for goes.
    (r"^import asyncio\n\n?", ""),
    (r"\bawait asyncio\.to_thread\((\w+), ", r"\1("),
    (r"\basyncio\.run\((\w+\(.*\))\)$", r"\1"),
    # `async` and `await` go.
    (r"\b(?:async|await) ", ""),
)


def port(program: str) -> str:
    """Return ``program`` for `realtime_sync`."""
    for pattern, replacement in _RULE:
        program = re.sub(pattern, replacement, program, flags=re.MULTILINE)
    return program


def difference(name: str) -> str:
    """Return the whole of a ported sample as a unified diff against what it was."""
    before, after = (PORTED / f"{name}{suffix}.py" for suffix in ("_before", ""))
    lines = difflib.unified_diff(
        before.read_text("utf-8").splitlines(),
        after.read_text("utf-8").splitlines(),
        before.name,
        after.name,
        n=1000,
        lineterm="",
    )
    return "\n".join(lines) + "\n"


def changed_lines(name: str) -> tuple[int, int]:
    """Return how many lines of the program before were touched, and how many it had."""
    lines = difference(name).splitlines()[3:]
    return sum(line[0] == "-" for line in lines), sum(line[0] != "+" for line in lines)


if __name__ == "__main__":
    for pair in PAIRS:
        print(f"```diff\n{difference(pair)}```\n{changed_lines(pair)}\n")
