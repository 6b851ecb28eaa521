"""The command `realtime-sync doctor` on machines that lack something, and on one that does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sound_card import SoundCard

from realtime_sync._installation import install_command

DOCTOR = (sys.executable, "-m", "realtime_sync", "doctor")
LIMIT_S = 100  # it starts a server, which loads speech models

# What an interpreter loads at its start: the named modules are not there, or do not load.
HIDE = """
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name == {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
        if name == {broken!r}:
            raise ImportError("libportaudio.so.2: cannot open shared object file")
sys.meta_path.insert(0, Hide())
"""


def doctor(environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    result = subprocess.run(
        [*DOCTOR, *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        env={**os.environ, **environment},
    )
    assert result.stderr == ""
    return result.returncode, result.stdout


def findings(environment: dict[str, str]) -> dict[str, dict[str, str]]:
    code, out = doctor(environment, "--json")
    report = json.loads(out)
    states = [check["state"] for check in report["checks"]]
    assert report["ok"] is ("missing" not in states)
    assert code == (0 if report["ok"] else 1)
    return {check["name"]: check for check in report["checks"]}


def hiding(folder: Path, *, absent: str = "", broken: str = "") -> dict[str, str]:
    (folder / "sitecustomize.py").write_text(HIDE.format(absent=absent, broken=broken))
    return {"PYTHONPATH": str(folder)}


def test_where_all_is_there_it_says_so(sound_card: SoundCard) -> None:
    code, out = doctor({})
    lines = out.splitlines()
    assert (code, lines[-1]) == (0, "all that is needed is here"), out
    for part in ("Python", "[audio]", "PortAudio", "sound server", "microphone", "speaker"):
        assert any(line.startswith("ok") and part in line for line in lines), part
    assert "ok       embedded server  it starts" in out


def test_without_sound_it_names_the_server_and_both_devices(
    sound_card: SoundCard, tmp_path: Path
) -> None:
    code, out = doctor({"PULSE_SERVER": f"unix:{tmp_path}/nobody"})
    assert code == 1
    assert out.splitlines()[-1] == "missing or broken: sound server, microphone, speaker"
    assert "pulseaudio --start" in out
    assert "--input QUESTION.wav" in out


@pytest.mark.parametrize(
    ("how", "name", "words", "fix"),
    [
        ({"absent": "pyaudio"}, "PortAudio", "not installed", install_command("audio")),
        ({"broken": "pyaudio"}, "PortAudio", "libportaudio.so.2", "apt-get install"),
        ({"absent": "uvicorn"}, "embedded server", "uvicorn", install_command("local")),
    ],
)
def test_what_does_not_load_comes_with_the_command_that_installs_it(
    sound_card: SoundCard, tmp_path: Path, how: dict[str, str], name: str, words: str, fix: str
) -> None:
    found = findings(hiding(tmp_path, **how))[name]
    assert found["state"] == "missing"
    assert words in found["detail"]
    assert fix in found["fix"]
