"""The sound card's tests stay together, and a run in the background can test Ctrl-C."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from programs import REPOSITORY

SUITE = """
import pytest

@pytest.fixture
def sound_card():
    pass

@pytest.fixture
def speaker(sound_card):
    pass

def test_with_the_card(sound_card):
    pass

def test_with_what_needs_the_card(speaker):
    pass

def test_without_it():
    pass
"""


def test_whoever_uses_the_sound_card_is_in_its_group(pytester: pytest.Pytester) -> None:
    items, _ = pytester.inline_genitems("-p", "groups", pytester.makepyfile(SUITE))
    groups = {item.name: [mark.args for mark in item.iter_markers("xdist_group")] for item in items}
    assert groups == {
        "test_with_the_card": [("sound_card",)],
        "test_with_what_needs_the_card": [("sound_card",)],
        "test_without_it": [],
    }


@pytest.mark.parametrize("mark", ['@pytest.mark.xdist_group("together")', ""])
def test_a_group_has_one_worker(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    """Also that of the sound card. Versions of pytest and pytest-xdist have to fit for that."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "tests" / "support"), prepend=os.pathsep)
    pytester.makepyfile(
        f"""
        import os
        from pathlib import Path
        import pytest

        @pytest.fixture
        def {"one" if mark else "sound_card"}():
            pass

        {mark}
        @pytest.mark.parametrize("number", range(8))
        def test_it(number, {"one" if mark else "sound_card"}):
            with Path("workers").open("a") as file:
                print(os.environ["PYTEST_XDIST_WORKER"], file=file)
        """
    )
    options = ["-n", "2", "--dist", "loadgroup", "-p", "groups", "-p", "no:cacheprovider"]
    pytester.runpytest_subprocess(*options).assert_outcomes(passed=8)
    workers = (pytester.path / "workers").read_text().split()
    assert (len(workers), len(set(workers))) == (8, 1)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_where_ctrl_c_is_ignored_programs_still_get_it() -> None:
    of_ctrl_c = "tests/integration/test_processes.py::test_an_uncaught_ctrl_c_shows_one_traceback"
    ignoring = 'trap "" INT; exec "$0" -m pytest -p no:cacheprovider "$1"'
    run = subprocess.run(
        ["sh", "-c", ignoring, sys.executable, of_ctrl_c],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert run.returncode == 0, run.stdout + run.stderr
