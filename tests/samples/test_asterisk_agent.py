"""The agent on Asterisk's telephone: two callers at once, keys, the goodbye, and SIGTERM."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from asterisk_phone import CALL, AsteriskPhone
from embedded import question
from guards import Guard
from programs import REPOSITORY

from samples.asterisk_agent.app import main


class Running:
    """The program, as somebody starts it."""

    def __init__(self, log: Path) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENAI_")}
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "samples.asterisk_agent.app", "--port", "0"],
                cwd=REPOSITORY,
                env=environment,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        self._log = log
        self.port = int(self.wait_for(r"listening at 127\.0\.0\.1:(\d+)"))

    def log(self) -> str:
        return self._log.read_text()

    def wait_for(self, pattern: str) -> str:
        def found() -> str | None:
            assert self.process.poll() is None, self.log()
            match = re.search(pattern, self.log())
            return match and match[match.re.groups]

        return str(Guard().until(found, pattern))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    program = Running(tmp_path / "log")
    try:
        yield program
    finally:
        program.process.terminate()
        assert program.process.wait(Guard().seconds) == 0
        print(program.log())
    assert not re.search("ERROR|Traceback|Warning", program.log())


def heard_more(phone: AsteriskPhone, than: int) -> int:
    """Wait until a second more was heard, and return how much it is then."""
    Guard().until(lambda: len(phone.heard()) > than + 16_000, "an answer")
    return quiet(phone)


def quiet(phone: AsteriskPhone) -> int:
    """Wait until nothing more comes; return how much was heard."""
    seen = [0, 0]

    def is_quiet() -> bool:
        size = len(phone.heard())
        seen[:] = [size, seen[1] + 1 if size == seen[0] else 0]
        return seen[1] > 40

    Guard().until(is_quiet, "silence")
    return seen[0]


@pytest.mark.parametrize("seconds", ["-1", "nan"])
def test_what_is_no_time_is_told_before_the_first_call(
    seconds: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["app", "--port", "0", "--drain", seconds])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert f"--drain is {seconds}; give seconds" in capsys.readouterr().err


def test_two_callers_keys_a_goodbye_and_the_end(running: Running) -> None:
    with AsteriskPhone(running.port) as first, AsteriskPhone(running.port) as second:
        heard_more(first, 0)
        greeting = heard_more(second, 0)
        second.press("7")
        heard_more(second, greeting)
        running.process.terminate()
        running.wait_for("ending: 2 calls")
        first.say(question("goodbye", hz=8_000))
        first.wait_for_end()
        assert first.hung_up, "the agent did, after its last words"
        second.hang_up()
        second.wait_for_end()
        assert running.process.wait(Guard().seconds) == 0
    assert f"call {CALL} ended by the agent" in running.log()
    assert f"call {CALL} ended by stop" in running.log()
    assert "are hung up" not in running.log()
