"""``make bench``: the clients side by side in one run. ``make bench BENCH=receive`` runs a part."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from pathlib import Path

import plot
import report
from parts import PARTS
from run import REPOSITORY, Results, load_server, run_part, virtual_card

OUT = REPOSITORY / "out" / "bench"
DOCS = REPOSITORY / "docs"
_FIGURES = re.compile(r"(?<=<!-- figures -->\n).*(?=<!-- end of figures -->)", re.DOTALL)


def main() -> None:
    """Measure, print, write."""
    options = _options()
    begin = time.monotonic()
    runs = _measure(options.parts or list(PARTS), quick=options.quick)
    print("\n\n== Goals\n" + report.text(report.goal_table(runs)))
    OUT.mkdir(parents=True, exist_ok=True)
    _write_results(runs, OUT / "performance.json")
    if not options.quick:
        plot.draw(runs, OUT / "performance.svg")
    if options.docs:
        _write_docs(runs)
    print(f"\n{time.monotonic() - begin:.0f} s; all figures are in {OUT.relative_to(REPOSITORY)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="see whether it runs; no figures")
    parser.add_argument("--docs", action="store_true", help="renew docs/performance.*")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if options.docs and (options.parts or options.quick):
        parser.error("--docs needs all parts in one run")
    return options


def _measure(names: list[str], *, quick: bool) -> dict[str, Results]:
    runs: dict[str, Results] = {}
    with load_server() as ports, virtual_card(wanted="sound" in names) as has_card:
        for name in names:
            part = PARTS[name]
            if name == "sound" and not has_card:
                print("\nsound: left out, there is no pulseaudio", file=sys.stderr)
                continue
            runs[name] = run_part(part, ports, quick=quick)
            print(f"\n== {part.title}\n" + report.text(report.part_table(part, runs[name])))
            sys.stdout.flush()
    return runs


def _write_results(runs: dict[str, Results], path: Path) -> None:
    text = json.dumps({**report.about(), "parts": runs}, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _write_docs(runs: dict[str, Results]) -> None:
    """Put the figures where the page has its marks, and the files beside it."""
    page = DOCS / "performance.md"
    text, count = _FIGURES.subn(
        lambda _: "\n" + report.markdown(runs) + "\n\n", page.read_text(encoding="utf-8")
    )
    if count != 1:
        sys.exit(f"{page} has no place for the figures")
    page.write_text(text, encoding="utf-8")
    _write_results(runs, DOCS / "performance.json")
    plot.draw(runs, DOCS / "performance.svg")


if __name__ == "__main__":
    main()
