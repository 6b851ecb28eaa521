"""Every command of the README and the documents is run by `make test-bare`, or said why not."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from blocks import Command
from documented import EXCEPTIONS, REPOSITORY, Fails, Instead, LeftOut, Serves, blocks_for, steps

from realtime_sync import Local

COMMANDS = [
    command for who in ("developer", "user") for block in blocks_for(who) for command in block
]
STEPS = (REPOSITORY / "tests" / "bare" / "steps.sh").read_text()

# What asks an index for a package of our name, where somebody else's may be. A path or a direct
# reference (NAME[EXTRA] @ URL) does not.
BY_NAME = re.compile(
    r"(?:pip[x3]?|uv|uvx|poetry|pdm|conda)\b[^\n]*[\s'\"`=]"
    r"realtime[-_]sync(?:\[[^\]\n]*\])?(?![\w.-]*[/\w]|\[|\s*@)",
    re.IGNORECASE,
)
TOLD = [
    path
    for pattern in ("*", "docs/**/*", "realtime_sync/**/*", "samples/**/*", "scripts/**/*")
    for path in REPOSITORY.glob(pattern)
    if path.suffix in (".cfg", ".md", ".py", ".service", ".sh", ".svg", ".yaml")
    or path.name == "Makefile"
]


def test_an_exception_is_about_a_command_that_is_documented() -> None:
    """One that is not any more would hide the next of that name."""
    assert set(EXCEPTIONS) <= {command.text for command in COMMANDS}


def test_an_exception_has_a_reason() -> None:
    for exception in EXCEPTIONS.values():
        if isinstance(exception, LeftOut | Instead | Fails):
            assert exception.reason


def test_every_block_is_somebodys() -> None:
    assert {command.path.name for command in COMMANDS} >= {"README.md", "development.md"}
    lines = {(command.path, command.line) for command in COMMANDS}
    assert len(lines) == len(COMMANDS), "none is run twice"
    assert any(command.text.startswith("pip install") for command in COMMANDS)


def run_steps(folder: Path, *commands: str, prints: str = "") -> subprocess.CompletedProcess[str]:
    """Run a block as `make test-bare` does, with a home and a checkout of its own.

    Args:
        folder: the home.
        commands: of the block.
        prints: what the document shows below the last.
    """
    (folder / "realtime_sync").mkdir()
    page = Path("page.md")
    block = [Command(page, line, text) for line, text in enumerate(commands, 1)]
    block[-1] = replace(block[-1], prints=prints)
    return subprocess.run(
        ["bash", "-c", "\n".join([STEPS, *steps(block)])],
        env={"HOME": str(folder), "PATH": f"{folder}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )


def test_a_block_runs_in_one_shell(tmp_path: Path) -> None:
    ran = run_steps(tmp_path, "export A='b c'; mkdir d", "cd d", 'echo "$A" "${PWD##*/}"')
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (0, "b c d")


def test_one_that_fails_ends_the_run(tmp_path: Path) -> None:
    ran = run_steps(tmp_path, "echo told; false", "echo never")
    assert ran.returncode == 1
    assert ran.stdout.splitlines()[-2:] == [
        "told",
        "FAILED page.md:1: it ended with 1 and not with 0",
    ]


def test_what_a_command_prints_is_what_the_document_shows(tmp_path: Path) -> None:
    ran = run_steps(tmp_path, "echo 82", prints="83\n")
    assert ran.returncode == 1
    assert ran.stdout.splitlines()[-1] == "FAILED page.md:1: it does not print 83"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A command that prints "ready" and says in a file how it ended."""
    program = tmp_path / "server"
    program.write_text(
        "#!/bin/sh\ntrap 'echo stopped >~/end; exit 0' TERM\n"
        "echo ready\nwhile :; do sleep 0.05; done\n"
    )
    program.chmod(0o755)
    return "server"


def test_one_that_serves_runs_until_its_block_ends(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: str, local_server: Local
) -> None:
    monkeypatch.setitem(EXCEPTIONS, server, Serves("ready", f"{local_server.url}/nothing"))
    ran = run_steps(tmp_path, server, "! cat ~/end")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert (tmp_path / "end").read_text() == "stopped\n"


def test_one_that_does_not_serve_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: str
) -> None:
    monkeypatch.setitem(EXCEPTIONS, server, Serves("ready", "http://127.0.0.1:1/"))
    ran = run_steps(tmp_path, server, "echo never")
    failed = "FAILED page.md:1: it does not answer http://127.0.0.1:1/"
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (1, failed)
    assert (tmp_path / "end").read_text() == "stopped\n"


def test_one_that_ends_by_itself_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(EXCEPTIONS, "true", Serves("ready", "http://127.0.0.1:1/"))
    ran = run_steps(tmp_path, "true", "echo never")
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (1, "FAILED page.md:1: it has ended")


def test_nothing_told_asks_an_index_for_our_name() -> None:
    assert len(TOLD) > 200
    found = [
        f"{path.relative_to(REPOSITORY)}: {match[0]}"
        for path in TOLD
        for match in BY_NAME.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found, "no release is published: install from the checkout, or by install_command()"


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("pip install realtime_sync", True),
        ("`pip install 'realtime-sync[audio, cli]'`", True),
        ("pip install flask realtime_sync gunicorn", True),
        ("uv add realtime_sync[fast]", True),
        ("pip install -U --pre 'realtime_sync>=0.1'", True),
        ("pip install '.[audio]'", False),
        ("pip install './dist/realtime_sync-0.1.0-py3-none-any.whl[cli]'", False),
        ("pip install '/srv/realtime_sync[local]'", False),
        ("pip install realtime_sync/", False),
        ("pip install 'realtime_sync[local] @ git+https://example.com/a.git'", False),
        ("realtime-sync talk", False),
    ],
)
def test_the_check_knows_a_name_from_a_path(text: str, asks: bool) -> None:
    assert bool(BY_NAME.search(text)) is asks
