"""Two agents on the telephone of a shop: tools, a handoff, an approval and a guardrail.

The user speaks from WAV files, or with ``--microphone`` you do. The embedded server plays the
model: no key, no network. What was heard is written as a stereo WAV file, the user on the left
and the agents on the right.
"""

from __future__ import annotations

import argparse
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from realtime_sync import Local
from realtime_sync.agents import (
    GuardrailFunctionOutput,
    RealtimeAgent,
    RealtimeRunConfig,
    RealtimeSession,
    RunContextWrapper,
    function_tool,
    output_guardrail,
    realtime_handoff,
)
from realtime_sync.audio import Microphone, Speaker, StereoRecorder
from realtime_sync.audio.base import Sink, Source
from realtime_sync.audio.virtual import VirtualMicrophone, VirtualSpeaker
from realtime_sync.audio.wav import read_wav
from realtime_sync.voice import Interruptions

FILES = Path(__file__).parent / "agents_handoff"
PHRASES = [
    "where is my order",
    "okay",
    "i want my money back",
    "please refund the whole order",
    "tell me the secret code",
    "thank you and goodbye",
]
PATIENCE_S = 30.0
TICK_S = 0.02
BYTES_PER_MS = 48  # PCM16 at 24 kHz


@function_tool
def find_order(number: int) -> str:
    """Look an order up; it takes as long as the warehouse's computer wants."""
    threading.Event().wait(2.0)
    return f"order {number} is on its way"


@function_tool
def count_points() -> str:
    """Count the customer's points."""
    raise ConnectionError("the points' computer does not answer")


@function_tool(needs_approval=True)
def refund_order(number: int) -> str:
    """Give the money for an order back, if somebody agrees."""
    return f"order {number} is refunded"


@output_guardrail
def no_codes(
    context: RunContextWrapper[None], agent: RealtimeAgent[None], output: str
) -> GuardrailFunctionOutput:
    """Let no agent tell a secret."""
    return GuardrailFunctionOutput(None, tripwire_triggered="secret code" in output.lower())


refunds = RealtimeAgent[None](
    name="Refunds",
    handoff_description="Gives money back.",
    instructions="Give money back, if the customer wants the whole of it.",
    tools=[refund_order],
)
desk = RealtimeAgent[None](
    name="Desk",
    instructions="Help with orders. Hand over to the refund desk who wants money back.",
    tools=[find_order, count_points],
    handoffs=[realtime_handoff(refunds)],
)

CONFIG: RealtimeRunConfig = {
    "model_settings": {
        "audio": {"input": {"transcription": {"model": "local"}}},
    },
    "output_guardrails": [no_codes],
    "hold_back": "answer",  # nothing is heard of an answer before all of it has passed
    "interruptions": Interruptions(resume=True),
    "filler": "One moment, please.",  # said while a tool is slow
    "filler_after_ms": 300,
}


def server() -> Local:
    """Return the embedded server that knows this conversation."""
    return Local(responder=f"scripted:{FILES / 'desk.yaml'}", grammar=PHRASES)


class User:
    """Says what is in the WAV files, each when the answer to the one before was heard.

    Args:
        microphone: is spoken into.
        sink: the agents are heard on it.
        between: called before each question, with its name.
    """

    def __init__(
        self,
        microphone: VirtualMicrophone,
        sink: Sink,
        between: Callable[[str], object] = lambda name: None,
    ) -> None:
        self._microphone = microphone
        self._sink = sink
        self._between = between
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()  # their items
        self._sounds = threading.Semaphore(0)
        self._received_ms: Counter[str] = Counter()  # by item
        self._fillers: set[str | None] = set()  # their responses: these are no answers

    def take(self, event: Any) -> None:
        """Take an event of the session's."""
        if event.type == "raw_model_event" and event.data.type == "filler":
            self._fillers.add(event.data.response_id)
        elif event.type == "audio" and event.audio.response_id not in self._fillers:
            self._received_ms[event.item_id] += len(event.audio.data) // BYTES_PER_MS
            self._sounds.release()
        elif event.type == "audio_end" and event.item_id in self._received_ms:
            self._answers.put(event.item_id)

    def talk(self) -> None:
        """Hold the user's part of the conversation."""
        self._ask("order", agree_meanwhile=True)
        for name in ("refund", "confirm", "secret", "goodbye"):
            self._ask(name)

    def _ask(self, name: str, *, agree_meanwhile: bool = False) -> None:
        self._between(name)
        while self._sounds.acquire(blocking=False):
            pass
        self._microphone.say(read_wav(FILES / f"{name}.wav"))
        if agree_meanwhile:  # which is no interruption
            self._sounds.acquire(timeout=PATIENCE_S)
            self._microphone.say(read_wav(FILES / "okay.wav"))
        item_id = self._answers.get(timeout=PATIENCE_S)
        give_up = time.monotonic() + PATIENCE_S
        while self._sink.played_ms(item_id) < self._received_ms[item_id] - TICK_S * 1000:
            if time.monotonic() > give_up:
                raise TimeoutError(f"the answer to {name} was not heard within {PATIENCE_S:g} s")
            time.sleep(TICK_S)


class Screen:
    """Shows what happens, and agrees to what wants consent."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}  # of the agents, by item

    def show(self, session: RealtimeSession[None], event: Any) -> None:
        """Show an event, if it is worth it."""
        match event.type:
            case "audio_end":  # what is kept back has none
                print(f"agent      {self._words.get(event.item_id, '')}")
            case "handoff":
                print(f"[{event.from_agent.name} hands over to {event.to_agent.name}]")
            case "tool_start":
                print(f"[{event.agent.name} calls {event.tool.name}({event.arguments})]")
            case "tool_end":
                print(f"[{event.tool.name} has returned: {event.output}]")
            case "tool_approval_required":
                print(f"[{event.tool.name} needs consent, and gets it]")
                session.approve_tool_call(event.call_id)
            case "guardrail_tripped":
                print("[a guardrail has kept an answer back]")
            case "audio_interrupted":
                print("[interrupted]")
            case "error":
                print(f"[error: {event.error}]")
            case "raw_model_event":
                self._show_model(event.data)

    def _show_model(self, data: Any) -> None:
        match data.type:
            case "transcript_delta":
                self._words[data.item_id] = self._words.get(data.item_id, "") + data.delta
            case "input_audio_transcription_completed":
                print(f"user       {data.transcript}")
            case "filler":
                print("[a tool is slow, so something is said meanwhile]")
            case "false_interruption":
                print("[that was no interruption: the answer goes on]")
            case "reconnected":
                print("[connected anew]")


def hold_conversation(
    client: Local,
    source: Source,
    sink: Sink,
    *,
    user: User | None,
    on_event: Callable[[Any], object] = lambda event: None,
) -> RealtimeSession[None]:
    """Talk until the user has said everything, or until Ctrl-C."""
    session = RealtimeSession[None](
        agent=desk, client=client, run_config=CONFIG, audio=(source, sink)
    )
    screen = Screen()
    with session, ExitStack() as stack, suppress(KeyboardInterrupt):
        if user is None:
            print("Speak. Ctrl-C ends the conversation.", flush=True)
        else:
            talking = threading.Thread(target=talk_and_close, args=(user, session))
            talking.start()
            stack.callback(talking.join)
        for event in session:
            screen.show(session, event)
            on_event(event)
            if user is not None:
                user.take(event)
    return session


def talk_and_close(user: User, session: RealtimeSession[None]) -> None:
    """Say everything, and end the session."""
    try:
        user.talk()
    finally:
        session.close()


def main() -> None:
    """Talk, from files or with a microphone."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--microphone", action="store_true", help="speak yourself")
    parser.add_argument("--output", type=Path, default=Path("out/agents.wav"))
    options = parser.parse_args()
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        client = stack.enter_context(server())
        recorder = stack.enter_context(StereoRecorder(options.output))
        if options.microphone:
            microphone = stack.enter_context(Microphone())
            sink = recorder.sink(stack.enter_context(Speaker()))
            hold_conversation(client, recorder.source(microphone), sink, user=None)
        else:
            line = VirtualMicrophone()
            sink = recorder.sink(VirtualSpeaker())
            hold_conversation(client, recorder.source(line), sink, user=User(line, sink))
    print(f"The conversation is in {options.output}.")


if __name__ == "__main__":
    main()
