"""The rule by which a program on `openai` or another package is ported, as code.

Run as a program it prints the differences of the ported samples, as ``docs/porting.md`` has them.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path

PORTED = Path(__file__).parents[2] / "samples" / "ported"
# On the `openai` package, on `openai-agents`, on the Realtime of `mirascope`, on `airefinery-sdk`.
PAIRS = ("realtime", "azure_realtime", "typed_events", "function_calls", "spoken_question")
AGENT_PAIRS = ("agents_quickstart", "agents_app_agent", "agents_sip_agents")
DECORATOR_PAIRS = ("decorators_talk", "decorators_weather")
DISTILLER_PAIRS = ("distiller_text", "distiller_talk")
# Ported by the rule, and by hand: where our devices and threads stand for what was there, and where
# the session and the names of events are those of GA.
BY_HAND = ("yandex_voice_agent", "beta_conversation")

_SOUND = "from realtime_sync.audio import Sound, play"
_RULE = (
    # The import changes.
    (r"^from openai import", "from realtime_sync import"),
    (r"^from openai\.resources\.realtime(?:\.\w+)? import", "from realtime_sync import"),
    (r"^from openai\.types\.realtime(?:\.\w+)? import", "from realtime_sync.events import"),
    (r"^from air import", "from realtime_sync import"),
    (r"^from mirascope\.beta\.openai import", "from realtime_sync.app import"),
    (r"^from pydub import AudioSegment\nfrom pydub\.playback import play", _SOUND),
    (r"\bAudioSegment\b", "Sound"),
    (r"\bAsyncIterator\b", "Iterator"),
    (r"\bAsync(?=OpenAI|AzureOpenAI|RealtimeConnection|AIRefinery)", ""),
    # What the event loop was needed for goes.
    (r"^import asyncio\n(?=(?:.*\n)*.*\basyncio\.sleep\()", "import time\n"),
    (r"\bawait asyncio\.sleep\(", "time.sleep("),
    (r"^import asyncio\n\n?(?!(?:.*\n)*.*\basyncio\.CancelledError)", ""),
    (r"\bawait asyncio\.to_thread\((\w+), ", r"\1("),
    (r"\basyncio\.run\(([\w.]+\(.*\))\)$", r"\1"),
    # `async` and `await` go.
    (r"\b(?:async|await) ", ""),
)

# One import from the agents' package, on one line or in parentheses.
_FROM_AGENTS = re.compile(
    r"^from agents(?:\.[\w.]+)? import (?P<names>\([^)]*\)|.*)\n", flags=re.MULTILINE
)
LINE_LENGTH = 100


def port(program: str) -> str:
    """Return ``program`` for `realtime_sync`."""
    program = _with_flat_agents(program)
    for pattern, replacement in _RULE:
        program = re.sub(pattern, replacement, program, flags=re.MULTILINE)
    return _with_sorted_imports(program)


def _with_flat_agents(program: str) -> str:
    """Import from one place what came from several modules of the agents' package."""
    found = [*_FROM_AGENTS.finditer(program)]
    if not found:
        return program
    names = {name for match in found for name in re.findall(r"\w+", match["names"])}
    ordered = sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    line = f"from realtime_sync.agents import {', '.join(ordered)}\n"
    if len(line) > LINE_LENGTH + 1:
        listed = "".join(f"    {name},\n" for name in ordered)
        line = f"from realtime_sync.agents import (\n{listed})\n"
    start, end = found[0].start(), found[-1].end()
    return program[:start] + line + program[end:]


def _with_sorted_imports(program: str) -> str:
    """Put the first lines of imports in their order, as ``time`` is not where ``asyncio`` was."""
    block = re.search(r"^(?:import \w+\n)+", program, flags=re.MULTILINE)
    if block is None:
        return program
    lines = sorted(block[0].splitlines(keepends=True))
    return program[: block.start()] + "".join(lines) + program[block.end() :]


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
    for pair in (*PAIRS, *AGENT_PAIRS):
        print(f"```diff\n{difference(pair)}```\n{changed_lines(pair)}\n")
