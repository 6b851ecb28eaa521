"""Sessions that were entered and forgotten: they say so, and give everything back."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from guards import Guard

from realtime_sync.agents import RealtimeAgent, RealtimeRunHooks, RealtimeRunner, RealtimeSession
from realtime_sync.testing import (
    MemorySink,
    MemorySource,
    ScriptedClient,
    ScriptedServer,
    close_link,
    spoken_answer,
)

AGENT = RealtimeAgent[Any](name="Desk")
PROGRAM = Path(__file__).parent / "programs" / "forgotten_session.py"


class Log(RealtimeRunHooks[Any]):
    """Hooks that are called, so that they have a thread."""

    def on_raw(self, context: object, event: object) -> None:
        """Take it."""


def threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("realtime_sync.")]


def until_agent_end(session: RealtimeSession[Any]) -> None:
    session.send_message("Hello!")
    for event in session:
        if event.type == "agent_end":
            return


def forget(session: list[RealtimeSession[Any]]) -> None:
    with pytest.warns(ResourceWarning, match="unclosed .*RealtimeSession"):
        session.clear()


@pytest.mark.parametrize("audio", [False, True])
def test_it_is_told_and_ends(guard: Guard, *, audio: bool) -> None:
    server = ScriptedServer([spoken_answer("Hello.")])
    runner = RealtimeRunner(AGENT, client=ScriptedClient(server))
    devices = (MemorySource(), MemorySink()) if audio else None
    session = [runner.run(audio=devices, hooks=Log()).enter()]
    until_agent_end(session[0])
    connection = session[0].connection
    forget(session)
    guard.until(lambda: not threads(), "the end of its threads")
    assert connection.closed


def test_while_an_answer_is_spoken(guard: Guard) -> None:
    server = ScriptedServer([spoken_answer("A long story.", finished=False)])
    session = [RealtimeRunner(AGENT, client=ScriptedClient(server)).run().enter()]
    session[0].send_message("Tell me a story.")
    server.wait_sent("response.create")
    forget(session)
    guard.until(lambda: not threads(), "the end of its threads")


def test_with_a_source_that_can_not_be_closed(
    guard: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    class Stuck(MemorySource):
        def close(self) -> None:
            super().close()
            raise OSError("the driver says no")

    runner = RealtimeRunner(AGENT, client=ScriptedClient(ScriptedServer()))
    session = [runner.run(audio=(Stuck(), MemorySink())).enter()]
    connection = session[0].connection
    forget(session)
    guard.until(lambda: not threads(), "the end of its threads")
    assert connection.closed
    assert "a session that was forgotten could not be closed" in caplog.text


def test_after_the_server_has_closed(guard: Guard) -> None:
    server = ScriptedServer([spoken_answer("Hello.")])
    session = [RealtimeRunner(AGENT, client=ScriptedClient(server)).run(hooks=Log()).enter()]
    until_agent_end(session[0])
    server.emit(close_link())
    for _ in session[0]:
        pass
    forget(session)
    guard.until(lambda: not threads(), "the end of its hooks")


def test_one_that_was_closed_is_forgotten_in_silence() -> None:
    server = ScriptedServer()
    session = RealtimeRunner(AGENT, client=ScriptedClient(server)).run()
    del session  # never entered
    with RealtimeRunner(AGENT, client=ScriptedClient(server)).run() as session:
        pass
    del session
    gc.collect()


@pytest.mark.parametrize("case", ["plain", "kept", "by_a_tool", "playing", "hook_waits"])
def test_the_interpreter_ends(case: str) -> None:
    """With a session that is open: told where Python can tell it, and without waiting."""
    ended = subprocess.run(
        [sys.executable, "-X", "dev", str(PROGRAM), case],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "the end\n"
    assert "Traceback" not in ended.stderr
    assert "Fatal" not in ended.stderr
    if case == "plain":
        assert (
            "ResourceWarning: unclosed <realtime_sync.agents.session.RealtimeSess" in ended.stderr
        )
