"""Run the demo and draw what it printed as ``docs/demo.svg``, the picture in the README."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent
WIDTH = 100


def main() -> None:
    """Run, colour and draw."""
    demo = [sys.executable, "samples/demo.py", "--quiet"]
    ran = subprocess.run(demo, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603  # ours
    console = Console(record=True, width=WIDTH, file=sys.stderr)
    console.print(coloured("$ make demo\n" + ran.stdout.rstrip()))
    svg = console.export_svg(title="realtime_sync")
    # The picture uses the reader's own monospaced font instead of fetching one.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    (ROOT / "docs" / "demo.svg").write_text(svg, encoding="utf-8")


def coloured(text: str) -> Text:
    """Tell the two sides apart."""
    result = Text(text)
    result.highlight_regex(r"(?m)^user .*", "bold cyan")
    result.highlight_regex(r"(?m)^assistant", "bold green")
    result.highlight_regex(r"\[[^\]]*\]", "yellow")
    result.highlight_regex(r"(?m)^\$ .*", "bold")
    return result


if __name__ == "__main__":
    main()
