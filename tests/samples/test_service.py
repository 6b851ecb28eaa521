"""The unit file for systemd: as documented, taken by systemd, with options that exist."""

from __future__ import annotations

import configparser
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from programs import REPOSITORY

from realtime_sync.cli.serve import serve

UNIT = REPOSITORY / "samples" / "service" / "realtime-sync.service"
PROGRAM = "/opt/realtime-sync/bin/realtime-sync"


def command() -> list[str]:
    parser = configparser.RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as documented
    parser.read_string(UNIT.read_text())
    return shlex.split(parser["Service"]["ExecStart"])


def test_the_documents_show_it() -> None:
    text = (REPOSITORY / "docs" / "local_server.md").read_text()
    assert f"```ini\n{UNIT.read_text()}```\n" in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_it(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(PROGRAM, "/bin/true"))
    result = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_its_command_is_one_of_ours(tmp_path: Path) -> None:
    program, name, *options = command()
    assert (program, name) == (PROGRAM, "serve")
    options = [str(tmp_path) if each == "${STATE_DIRECTORY}" else each for each in options]
    with serve.make_context("serve", options) as context:
        assert context.params["projects"] == tmp_path
        limit = f"TimeoutStopSec={context.params['drain_s'] + 15:g}\n"
    assert limit in UNIT.read_text(), "systemd waits longer than sessions may go on"
