"""``realtime-sync doctor``: what is missing or broken on this machine, and how to get it."""

from __future__ import annotations

import json

import attrs
import click
from rich.text import Text

from ._checks import Finding, run_checks
from ._console import open_console

__all__ = ["doctor"]

_MARKS = {"ok": ("ok", "green"), "missing": ("missing", "bold red"), "optional": ("-", "dim")}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(as_json: bool) -> int:
    """Look what a spoken conversation needs, and say how to get what is missing.

    The exit code is 1 when something needed is missing or broken.
    """
    console = open_console()
    found: list[Finding] = []
    for check in run_checks():
        found.append(check)
        if not as_json:
            console.print(_line(check), soft_wrap=True)
    lacking = [check for check in found if check.state == "missing"]
    if as_json:
        checks = [attrs.asdict(check) for check in found]
        click.echo(json.dumps({"ok": not lacking, "checks": checks}, indent=2))
    elif lacking:
        names = ", ".join(check.name for check in lacking)
        console.print(f"missing or broken: {names}", soft_wrap=True)
    else:
        console.print("all that is needed is here")
    return 1 if lacking else 0


def _line(check: Finding) -> Text:
    mark, style = _MARKS[check.state]
    line = Text.assemble((f"{mark:9}", style), f"{check.name:17}", check.detail)
    if check.fix:
        line.append(f"\n{'':9}{check.fix}", "bold" if check.state == "missing" else "dim")
    return line
