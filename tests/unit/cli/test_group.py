"""The command line's frame: errors are one sentence, exit codes are right."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from guards import GUARD_S

from realtime_sync import cli
from realtime_sync._installation import install_command
from realtime_sync.cli import _group
from realtime_sync.errors import DeviceError


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exited:
        cli.main(list(arguments))
    code = exited.value.code
    assert isinstance(code, int)
    return code


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    out = capsys.readouterr().out
    for command in ("devices", "doctor", "serve", "talk"):
        assert f"\n  {command} " in out
        assert run(command, "--help") == 0


def test_wrong_usage_is_click_s_to_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("dance") == 2
    assert run("talk", "--provider", "nobody") == 2
    assert "No such command 'dance'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (DeviceError("no microphone: connect one"), 1, "error: no microphone: connect one\n"),
        (KeyboardInterrupt(), 130, ""),
        (click.Abort(), 130, ""),
    ],
)
def test_what_a_command_raises_becomes_an_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    words: str,
) -> None:
    @click.command()
    def fail() -> None:
        raise error

    monkeypatch.setattr(_group._Commands, "get_command", lambda *_: fail)
    assert run("talk") == code
    captured = capsys.readouterr()
    assert captured.err.strip() == words.strip()
    assert captured.out == ""


def test_without_click_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "click", None)
    assert run("talk") == 1
    assert install_command("cli") in capsys.readouterr().err


def test_the_help_loads_no_audio_and_no_server() -> None:
    code = (
        "import sys, realtime_sync.cli\n"
        "try: realtime_sync.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print({'numpy', 'pyaudio', 'starlette', 'websocket'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert out.stdout.endswith("set()\n")


@pytest.mark.parametrize("command", [["devices", "--json"], ["doctor"], ["--help"]])
def test_an_output_that_can_not_be_written_is_one_sentence(command: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "realtime_sync", *command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=GUARD_S,
        )
    assert ran.stderr == "error: the output can't be written: No space left on device\n"
    assert ran.returncode == 1
