"""What `realtime-sync doctor` prints of its findings."""

from __future__ import annotations

from importlib import import_module

import pytest
from click.testing import CliRunner, Result

from realtime_sync.cli._checks import Finding
from realtime_sync.cli.doctor import doctor

# The name of the module is also that of the command, so `import … as` would give the command.
MODULE = import_module("realtime_sync.cli.doctor")


def run(monkeypatch: pytest.MonkeyPatch, *found: Finding) -> Result:
    monkeypatch.setattr(MODULE, "run_checks", lambda: iter(found))
    return CliRunner().invoke(doctor, standalone_mode=False)


def test_the_last_line_names_the_extras_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"extra [{name}]" for name in ("audio", "cli", "local", "and", "one", "more")]
    lacking = [Finding(name, "missing", "not installed", "pip install …") for name in names]
    others = [Finding("microphone", "missing", "none"), Finding("extra [mcp]", "optional", "")]
    result = run(monkeypatch, Finding("Python", "ok", "3.11"), *lacking, *others)
    assert result.return_value == 1
    assert result.output.splitlines()[-1] == (
        "missing or broken: extra [audio], extra [cli], extra [local], extra [and], extra [one], "
        "extra [more], microphone"
    )


def test_it_prints_a_finding_as_it_is_on_one_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    fix = f"pip install '/home/[me]/{'very/' * 20}long :bell: path[audio]'"
    device = "Mic [red] :mute: [/]"
    result = run(monkeypatch, Finding("microphone", "missing", device, fix))
    lines = result.output.splitlines()
    assert lines[0] == f"missing  microphone       {device}"
    assert lines[1] == f"{'':9}{fix}"


def test_when_nothing_is_missing_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, Finding("Python", "ok", "3.11"), Finding("x", "optional", "none"))
    assert (result.return_value, result.output.splitlines()[-1]) == (
        0,
        "all that is needed is here",
    )
