"""The spoken conversation of `samples/agents_handoff.py`, with a link that breaks in the middle."""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from embedded import run_server
from fault_proxy import FaultProxy, Kind
from guards import Guard

from realtime_sync import Local
from realtime_sync.audio.virtual import VirtualMicrophone, VirtualSpeaker

pytestmark = pytest.mark.xdist_group("agents_spoken")

SAMPLES = Path(__file__).parents[2] / "samples"
BYTES_PER_MS = 48


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SAMPLES))
    import agents_handoff  # type: ignore[import-not-found]  # a program, no package

    yield agents_handoff
    del sys.modules["agents_handoff"]


class RecordingSpeaker(VirtualSpeaker):
    """Keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()

    def write(self, pcm: Any, *args: Any, **options: Any) -> Any:
        self.written += bytes(pcm)
        return super().write(pcm, *args, **options)


def loudest(pcm: bytes, ms: int = 20) -> bytes:
    """Return the loudest piece of a sound, which is found again wherever that was played."""
    size = BYTES_PER_MS * ms
    pieces = [pcm[i : i + size] for i in range(0, len(pcm) - size + 1, size)]
    return max(pieces, key=lambda piece: np.abs(np.frombuffer(piece, "<i2").astype(int)).sum())


def is_new_link(event: Any) -> bool:
    return event.type == "raw_model_event" and event.data.type == "reconnected"


def test_a_spoken_conversation_of_two_agents(sample: Any) -> None:
    events: list[Any] = []
    phrases = [option for phrase in sample.PHRASES for option in ("--phrase", phrase)]
    script = f"scripted:{sample.FILES / 'desk.yaml'}"
    line, sink = VirtualMicrophone(), RecordingSpeaker()
    with (
        run_server("--responder", script, *phrases) as server,
        FaultProxy(server.url) as proxy,
    ):

        def between(name: str) -> None:
            if name == "confirm":  # after the handoff
                proxy.strike(Kind.RESET)
                # What is said while there is no link is lost, as the documents say.
                Guard().until(lambda: any(map(is_new_link, events)), "the new link")

        session = sample.hold_conversation(
            Local(url=proxy.url, api_key=server.key),
            line,
            sink,
            user=sample.User(line, sink, between),
            on_event=events.append,
        )

    def of(kind: str) -> list[Any]:
        return [event for event in events if event.type == kind]

    raw = [event.data for event in of("raw_model_event")]
    assert [e.to_agent.name for e in of("handoff")] == ["Refunds"]
    assert session.current_agent.name == "Refunds", "also on the new link"
    ran = [event.tool.name for event in of("tool_end")]
    assert sorted(ran) == ["count_points", "find_order", "refund_order"]
    assert [e.tool.name for e in of("tool_approval_required")] == ["refund_order"]
    assert len([data for data in raw if data.type == "reconnected"]) == 1
    assert len([data for data in raw if data.type == "false_interruption"]) == 1
    (filler,) = [data for data in raw if data.type == "filler"]
    assert filler.call_ids, "while the order is looked up"
    assert not of("audio_interrupted")
    assert not of("error")

    (tripped,) = of("guardrail_tripped")
    assert "secret code" in tripped.message
    sounds: dict[str, bytes] = defaultdict(bytes)
    words: dict[str, str] = defaultdict(str)
    for data in raw:
        if data.type == "audio":
            sounds[data.response_id] += data.data
        elif data.type == "transcript_delta":
            words[data.response_id] += data.delta
    secret = [response_id for response_id in words if "secret code" in words[response_id]]
    assert secret, "it was said by the model"
    assert "moment" in words[filler.response_id]
    heard = bytes(sink.written)
    for response_id, sound in sounds.items():
        is_heard = loudest(sound) in heard
        assert is_heard is (response_id not in secret), words[response_id]
    assert not [e for e in of("audio") if e.audio.response_id in secret]
