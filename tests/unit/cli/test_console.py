from __future__ import annotations

from pathlib import Path

import pytest
from rich.table import Table

from realtime_sync import cli
from realtime_sync.cli._console import open_console

# What markup, emoji and the highlighter would each change or take away.
ODD = "extra [audio] [/] :bell: 'x' 127.0.0.1 [red]/a[b]/c"


def test_text_comes_out_as_it_went_in(capsys: pytest.CaptureFixture[str]) -> None:
    open_console().print(ODD, soft_wrap=True)
    assert capsys.readouterr().out == f"{ODD}\n"


def test_so_do_the_cells_of_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("[index]", box=None)
    table.add_row(ODD)
    open_console().print(table)
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == ["[index]", ODD]


def test_all_commands_write_to_such_a_console() -> None:
    files = Path(cli.__file__).parent.glob("*.py")
    assert [file.name for file in files if "Console(" in file.read_text()] == ["_console.py"]
