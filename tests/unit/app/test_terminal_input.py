"""Asking at the terminal."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from guards import Guard

from realtime_sync._signal_safe import Stopped, StopSignal
from realtime_sync.app.terminal_input import async_input

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="only sockets can be watched there")


class Terminal:
    """A pipe in the place of the standard input."""

    def __init__(self) -> None:
        self.read, self.write = os.pipe()
        self.stdin = os.fdopen(self.read, "r", encoding="utf-8")
        self.write_open = True

    def type(self, text: str) -> None:
        os.write(self.write, text.encode())

    def end(self) -> None:
        if self.write_open:
            self.write_open = False
            os.close(self.write)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    found = Terminal()
    monkeypatch.setattr(sys, "stdin", found.stdin)
    yield found
    found.end()
    found.stdin.close()


class Asking:
    """Somebody who asks on a thread of an app."""

    def __init__(self, signal: StopSignal, prompt: str = "You: ") -> None:
        self.lines: list[str] = []
        self.errors: list[BaseException] = []
        self._guard = Guard()

        def ask() -> None:
            try:
                self.lines.append(async_input(prompt))
            except BaseException as exc:
                self.errors.append(exc)

        self._thread = threading.Thread(target=lambda: signal.run(ask))
        self._thread.start()

    def wait(self) -> Any:
        self._guard.join(self._thread)
        return self.lines[0] if self.lines else self.errors[0]


def test_a_line(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    asking = Asking(StopSignal())
    terminal.type("grüß Gott\nand more\n")
    assert asking.wait() == "grüß Gott"
    assert capsys.readouterr().out == "You: "
    assert terminal.stdin.readline() == "and more\n", "what follows is left to others"


def test_lines_for_several_who_ask(terminal: Terminal) -> None:
    signal = StopSignal()
    asking = [Asking(signal) for _ in range(3)]
    terminal.type("one\n\nthree\n")
    assert sorted(each.wait() for each in asking) == ["", "one", "three"]


def test_the_end_of_the_input(terminal: Terminal) -> None:
    terminal.type("the last")
    terminal.end()
    signal = StopSignal()
    assert Asking(signal).wait() == "the last"
    assert isinstance(Asking(signal).wait(), EOFError)


def test_the_end_of_the_app_wakes_all_who_ask(terminal: Terminal) -> None:
    signal = StopSignal()
    asking = [Asking(signal), Asking(signal)]
    signal.announce()
    for each in asking:
        assert isinstance(each.wait(), Stopped)
    assert isinstance(Asking(signal).wait(), Stopped), "and whoever asks later"


def test_without_an_app_it_is_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda prompt: f"{prompt}typed")
    assert async_input("You: ") == "You: typed"


def test_what_cannot_be_watched_is_read_with_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("typed\n"))
    assert Asking(StopSignal()).wait() == "typed"
    monkeypatch.setattr(sys, "stdin", None)
    assert isinstance(Asking(StopSignal()).wait(), RuntimeError)
