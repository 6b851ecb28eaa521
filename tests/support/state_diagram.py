"""The diagram of a link's states in the documents, made from the table.

``python tests/support/state_diagram.py`` renews it.
"""

from __future__ import annotations

from pathlib import Path

from realtime_sync.connection.link.lifecycle import TRANSITIONS, LinkState

DOCUMENT = Path(__file__).parents[2] / "docs" / "architecture.md"
BEGIN, END = "```mermaid\nstateDiagram-v2\n", "```\n"


def drawn() -> str:
    """Return the diagram, in Mermaid's language."""
    lines = [f"    [*] --> {LinkState.OPEN.name}"]
    for state, steps in TRANSITIONS.items():
        lines += [f"    {state.name} --> {to.name}: {step.name}" for step, to in steps.items()]
    lines.append(f"    {LinkState.CLOSED.name} --> [*]")
    return BEGIN + "\n".join(lines) + "\n" + END


def documented() -> str:
    """Return the diagram that stands in the document."""
    _, begin, rest = DOCUMENT.read_text().partition(BEGIN)
    diagram, end, _ = rest.partition(END)
    return begin + diagram + end


def renew() -> None:
    """Put today's diagram into the document."""
    DOCUMENT.write_text(DOCUMENT.read_text().replace(documented(), drawn()))


if __name__ == "__main__":
    renew()
