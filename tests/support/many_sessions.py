"""Many sessions of agents at once: tools run, users interrupt, links break, all at random.

Each session is a program of its own, on a thread. What its server and its tools know of each call
is compared at the end.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
import weakref
from collections import Counter
from pathlib import Path
from typing import Any

from attrs import define, field
from fault_proxy import FaultProxy, Kind

from realtime_sync import Local, RealtimeTimeout
from realtime_sync._deadline import Deadline
from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.function_tools import function_tool
from realtime_sync.agents.handoffs import realtime_handoff
from realtime_sync.agents.run_context import ToolContext
from realtime_sync.agents.session import RealtimeSession

__all__ = ["SCRIPT", "Crowd", "Program", "write_script"]

_GUARD_S = 60.0
_SETTLED_S = 0.5

SCRIPT = r"""
rules:
- pattern: '\bcall all for (?P<key>\w+)'
  calls:
  - {tool: quick, arguments: {key: "{key}"}}
  - {tool: slow, arguments: {key: "{key}"}}
  - {tool: asking, arguments: {key: "{key}"}}
  - {tool: failing, arguments: {key: "{key}"}}
  without_tool: "Nobody can."
- pattern: '\bcall one for (?P<key>\w+)'
  tool: quick
  arguments: {key: "{key}"}
  without_tool: "Nobody can."
- pattern: '\bsomebody else\b'
  calls:
  - {tool: transfer_to_front, arguments: {}}
  - {tool: transfer_to_back, arguments: {}}
  without_tool: "Nobody else is here."
- {output_of: quick, reply: "Quick."}
- {output_of: slow, reply: "Slow."}
- {output_of: asking, reply: "Asked."}
- {output_of: failing, reply: "Failed."}
- {output_of: transfer_to_front, reply: "The front speaks."}
- {output_of: transfer_to_back, reply: "The back speaks."}
default: "I heard {text}."
"""


def write_script(folder: Path) -> str:
    """Write the script of the server; return what its ``--responder`` is."""
    path = folder / "many.yaml"
    path.write_text(SCRIPT, encoding="utf-8")
    return f"scripted:{path}"


@define(eq=False)
class Program:
    """One session and its user.

    Attributes:
        number: of the session.
        rng: decides.
        ran: how often the tools ran, by call id.
        answered: how many questions were answered to their end.
        interrupted: how many were not, since the user did not want to hear more.
        cut: how many were not, since the link was lost while they were heard.
        errors: texts of ``error`` events.
        failure: what has ended the program.
        stage: what it does at this moment.
        talks: set once its session has begun, or could not.
        problems: what was found to be wrong at the end.
        session: its session, as long as anybody has it.
    """

    number: int
    rng: random.Random
    over: threading.Event
    ran: Counter[str] = field(factory=Counter)
    answered: int = 0
    interrupted: int = 0
    cut: int = 0
    errors: list[str] = field(factory=list)
    failure: BaseException | None = None
    stage: str = "begins"
    talks: threading.Event = field(factory=threading.Event)
    problems: list[str] = field(factory=list)
    session: weakref.ref[Any] | None = None

    def run(self, client: Local) -> None:
        """Talk until the time is over, and look at what became of all calls."""
        try:
            self._talk(client)
        except BaseException as exc:  # whoever has started it looks at it
            self.failure = exc
        finally:
            self.talks.set()

    def _talk(self, client: Local) -> None:
        front = RealtimeAgent[Program](name="Front", instructions="Be brief.", tools=_TOOLS)
        back = RealtimeAgent[Program](name="Back", instructions="Be brief, too.", tools=_TOOLS)
        front.handoffs, back.handoffs = [realtime_handoff(back)], [realtime_handoff(front)]
        spoken = self.number % 5 == 0
        with RealtimeSession[Program](
            agent=front,
            context=self,
            client=client,
            run_config={
                "model_settings": {"output_modalities": ["audio" if spoken else "text"]},
            },
        ) as session:
            self.session = weakref.ref(session)
            self.talks.set()
            while not self.over.is_set():
                self._ask(session, may_interrupt=True)
            self._ask(session, may_interrupt=False)
            self.stage = "settles"
            self._settle(session)
            self._look(session)

    def _ask(self, session: RealtimeSession[Any], *, may_interrupt: bool) -> None:
        key = f"n{self.number}x{self.answered + self.interrupted + self.cut}"
        wish = self.rng.choice((f"Call all for {key}", f"Call one for {key}", "Somebody else", key))
        self.stage = f"asks {wish!r}"
        session.send_message(wish)
        patience = self.rng.randrange(60) if may_interrupt and self.rng.random() < 0.25 else None
        end = time.monotonic() + _GUARD_S
        calls, sounds = 0, False
        while True:
            if patience == 0:
                session.interrupt()
                self.interrupted += 1
                return
            event = session.recv(end - time.monotonic())
            patience = None if patience is None else patience - 1
            match event.type:
                case "tool_approval_required":
                    self._decide(session, event.call_id)
                case "error":
                    self.errors.append(str(event.error))
                case "audio":
                    sounds = True
                case "raw_model_event" if event.data.type == "reconnected" and sounds:
                    self.cut += 1  # what was heard in part is not said once more
                    return
                case "raw_model_event" if event.data.type == "raw_server_event":
                    wire = event.data.data
                    if wire["type"] == "response.done":
                        sounds = False
                        output = wire["response"].get("output") or []
                        calls = sum(item["type"] == "function_call" for item in output)
                        spoke = any(item["type"] == "message" for item in output)
                        if spoke and not calls:
                            self.answered += 1
                            return

    def _decide(self, session: RealtimeSession[Any], call_id: str) -> None:
        if self.rng.random() < 0.5:
            session.approve_tool_call(call_id)
        else:
            session.reject_tool_call(call_id, rejection_message="No.")

    def _settle(self, session: RealtimeSession[Any]) -> None:
        """Take events until nothing happens any more."""
        end = time.monotonic() + _GUARD_S
        while time.monotonic() < end:
            try:
                event = session.recv(_SETTLED_S)
            except RealtimeTimeout:
                if not self._open_calls(session):
                    return
                continue
            if event.type == "tool_approval_required":
                self._decide(session, event.call_id)
        self.problems.append(f"without an output: {self._open_calls(session)}")

    def _outputs(self, session: RealtimeSession[Any]) -> Counter[str]:
        items = [*session.connection.conversation.history.items.values()]
        return Counter(i.call_id for i in items if i.type == "function_call_output")

    def _open_calls(self, session: RealtimeSession[Any]) -> list[str]:
        items = [*session.connection.conversation.history.items.values()]
        calls = [f"{i.call_id}" for i in items if i.type == "function_call" and i.call_id]
        return [call_id for call_id in calls if call_id not in self._outputs(session)]

    def _look(self, session: RealtimeSession[Any]) -> None:
        outputs = self._outputs(session)
        doubled = [call_id for call_id, count in outputs.items() if count > 1]
        if doubled:
            self.problems.append(f"two outputs: {doubled}")
        again = [call_id for call_id, count in self.ran.items() if count > 1]
        if again:
            self.problems.append(f"ran twice: {again}")


def _note(context: ToolContext[Program]) -> Program:
    program = context.context
    assert program is not None
    program.ran[context.tool_call_id] += 1
    return program


@function_tool
def quick(context: ToolContext[Program], key: str) -> str:
    """Return at once."""
    _note(context)
    return f"quick {key}"


@function_tool
def slow(context: ToolContext[Program], key: str) -> str:
    """Take some time, as somebody's service does."""
    program = _note(context)
    program.over.wait(program.rng.random() * 0.3)
    return f"slow {key}"


@function_tool(needs_approval=True)
def asking(context: ToolContext[Program], key: str) -> str:
    """Run if the user agrees."""
    _note(context)
    return f"asked {key}"


@function_tool
def failing(context: ToolContext[Program], key: str) -> str:
    """Raise."""
    _note(context)
    raise ValueError(key)


_TOOLS: list[Any] = [quick, slow, asking, failing]


class Crowd:
    """Runs many programs for some time, while links break.

    Args:
        count: how many.
        url, key: of the server.
        seed: decides everything that is left to chance here; when it happens is the machine's.
    """

    def __init__(self, count: int, *, url: str, key: str, seed: int) -> None:
        self._rng = random.Random(seed)
        self._over = threading.Event()
        self._url, self._key = url, key
        self.lost = 0
        self.programs = [
            Program(i, random.Random(self._rng.random()), self._over) for i in range(count)
        ]

    def run(self, seconds: float) -> None:
        """Let all of them talk, and wait until they have ended."""
        with FaultProxy(self._url) as proxy:
            client = Local(url=proxy.url, api_key=self._key)
            threads = [
                threading.Thread(target=program.run, args=[client], name=f"program {i}")
                for i, program in enumerate(self.programs)
            ]
            for thread in threads:
                thread.start()
            self._wait_until_all_talk()
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                self._over.wait(self._rng.uniform(0.1, 1.0))
                kind = self._rng.choice((Kind.DROP, Kind.RESET))
                self.lost += proxy.strike_any(kind, self._rng)
            self._over.set()
            for thread in threads:
                thread.join(3 * _GUARD_S)
            alive = [thread.name for thread in threads if thread.is_alive()]
            assert not alive, f"a deadlock: {alive}"

    def _wait_until_all_talk(self) -> None:
        """Break no link before each session has begun, which is not tried again."""
        deadline = Deadline(_GUARD_S)
        for program in self.programs:
            assert program.talks.wait(deadline.remaining()), f"{program.number} does not begin"

    def report(self) -> str:
        """Say what has happened."""
        programs = self.programs
        return (
            f"{sum(p.answered for p in programs)} answers, "
            f"{sum(p.interrupted for p in programs)} interrupted, "
            f"{sum(p.cut for p in programs)} cut, "
            f"{sum(sum(p.ran.values()) for p in programs)} calls, {self.lost} links lost, "
            f"{sum(len(p.errors) for p in programs)} error events"
        )


def main() -> None:
    """Run for as long as the command line says, and tell what went wrong."""
    from embedded import run_server

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        run_server("--responder", write_script(Path(folder))) as server,
    ):
        crowd = Crowd(options.sessions, url=server.url, key=server.key, seed=options.seed)
        crowd.run(options.seconds)
    print(crowd.report())
    wrong = [p for p in crowd.programs if p.failure is not None or p.problems]
    for program in wrong:
        print(program.number, program.stage, repr(program.failure), program.problems)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
