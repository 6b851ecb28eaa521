"""The parts of the benchmark: what is measured, of whom, how often."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen
from clients import (
    AGENT_BY_HAND,
    AGENT_QUIET,
    CLIENTS,
    FLOOR,
    OPENAI,
    OURS,
    OURS_FAST,
    OURS_NUMPY,
)
from traffic import TURN_S, conversation

__all__ = ["AGENT_TALK", "CHUNK", "DELTAS", "PARTS", "SPOKEN_TURN", "Case", "Part"]

_BASE = tuple(name for name in CLIENTS if name not in (OURS_NUMPY, OURS_FAST))
_TURNS = 1  # of a talk


@frozen
class Case:
    """One line of a table.

    Attributes:
        label: what it is called there.
        measure: the function in `measures` or `starts`.
        arguments: for it.
        repeats: how often what is counted is done; less in a quick run.
        clients: of whom it is measured, when not of all that the part names.
        rounds: how often each client has its turn, when not as often as the part says.
    """

    label: str
    measure: str
    arguments: dict[str, Any] = field(factory=dict)
    repeats: int | None = None
    clients: tuple[str, ...] | None = None
    rounds: int | None = None

    def job(self, *, quick: bool) -> dict[str, Any]:
        """Return the call for a worker."""
        job = {"measure": self.measure, **self.arguments}
        if self.repeats is not None:
            job["count"] = max(1, self.repeats // 20) if quick else self.repeats
        return job


@frozen
class Part:
    """Cases that are measured in the same way.

    Attributes:
        title: of its table.
        figures: the figures to print, by name, with their units.
        cases: the lines.
        rounds: how often each client has its turn in each case.
        clients: of whom it is measured.
        fresh: whether each measurement has a process of its own.
        together: whether all clients are measured at the same time, since it takes so long and
            little of the machine.
    """

    title: str
    figures: dict[str, str]
    cases: tuple[Case, ...]
    rounds: int = 5
    clients: tuple[str, ...] = _BASE
    fresh: bool = False
    together: bool = False


def _receive(label: str, mix: str, count: int, **more: Any) -> Case:
    return Case(label, "receive", {"mix": mix, **more}, count)


def _talk(
    conversations: int,
    *,
    speak: bool = True,
    clients: tuple[str, ...] = (OURS, OPENAI),
    rounds: int = 1,
) -> Case:
    label = f"{conversations} conversation{'s' if conversations > 1 else ''}"
    arguments = {
        "conversations": conversations,
        "expected": len(conversation()) * _TURNS,
        "seconds": _TURNS * TURN_S,
        "speak": speak,
    }
    label = label if speak else f"{label}, only listening"
    return Case(label, "talk", arguments, clients=clients, rounds=rounds)


DELTAS, SPOKEN_TURN, _AUDIO, _LARGE = (
    "transcript deltas of 230 B",
    "a spoken turn, 4.6 kB on average",
    "audio deltas of 32 kB",
    "session and response events, 3.6 kB",
)
AGENT_TALK = "50 conversations at their real pace"
CHUNK, _LARGE_CHUNK = "960 B (20 ms)", "4.8 kB (100 ms)"
PARTS = {
    "receive": Part(
        "Receive, client CPU per event",
        {"cpu_us": "µs"},
        (
            _receive(DELTAS, "deltas", 20_000),
            _receive(SPOKEN_TURN, "turn", 8_700),
            _receive(_AUDIO, "audio", 3_000),
            _receive(_LARGE, "large", 4_000),
            _receive("a spoken turn, TLS", "turn", 8_700, tls=True),
        ),
        rounds=7,
        clients=tuple(name for name in CLIENTS if name != OURS_NUMPY),
    ),
    "latency": Part(
        "Append 20 ms, wait for a small event",
        {"p50_us": "p50 µs", "p99_us": "p99 µs", "cpu_us": "CPU µs"},
        (
            Case("plain", "latency", {}, 600),
            Case("TLS", "latency", {"tls": True}, 600),
        ),
        rounds=15,  # whether both ends share a core is luck and makes a factor of two
    ),
    "send": Part(
        "Append, client CPU per chunk of PCM",
        {"cpu_us": "µs"},
        (
            Case(CHUNK, "send", {"size": 960}, 5_000),
            Case(_LARGE_CHUNK, "send", {"size": 4_800}, 3_000),
            Case("32 kB", "send", {"size": 32_000}, 1_000),
            Case("1 MB", "send", {"size": 1_000_000}, 30),
            Case("960 B, TLS", "send", {"size": 960, "tls": True}, 5_000),
        ),
        clients=tuple(CLIENTS),
    ),
    "idle": Part(
        "200 idle connections, each",
        {
            "memory_kb": "kB",
            "threads": "threads",
            "connect_ms": "connect ms",
            "connect_cpu_ms": "connect CPU ms",
        },
        (
            Case("plain", "idle", {"connections": 200}),
            # The others let two threads into one TLS object. Opened by the hundred, openai-python
            # lost some of its connections, and the process of websockets died of a corrupt heap.
            Case(
                "TLS",
                "idle",
                {"connections": 200, "tls": True},
                clients=(OURS, "websocket-client + json"),
            ),
        ),
        rounds=3,
        fresh=True,
    ),
    "talk": Part(
        "Conversations at their real pace in one process",
        {
            "cpu_s_per_conversation_minute": "CPU s per conversation and minute",
            "p50_ms": "p50 ms",
            "p99_ms": "p99 ms",
            "lost": "events lost",
            "sent_share": "of the audio sent",
        },
        (
            _talk(1),
            _talk(10),
            _talk(50, clients=(OURS, OPENAI, "websockets + json", FLOOR), rounds=2),
            _talk(200),
            _talk(50, speak=False, rounds=2),
        ),
        fresh=True,
    ),
    "agents": Part(
        "A session of agents, and a bare connection whose program reads the same",
        {
            "cpu_s_per_conversation_minute": "CPU s per conversation and minute",
            "cpu_ms": "CPU ms per turn",
            "memory_kb": "kB",
            "threads": "threads",
        },
        (
            Case(AGENT_TALK, "talk_sessions", {"conversations": 50, "seconds": 2 * TURN_S}),
            Case(
                f"{AGENT_TALK}, only listening",
                "talk_sessions",
                {"conversations": 50, "seconds": 2 * TURN_S, "speak": False},
            ),
            Case("turns without a pause", "receive_turns", {}, 100),
            Case("200 idle sessions", "idle_sessions", {"connections": 200}),
        ),
        rounds=3,
        clients=(OURS, AGENT_BY_HAND, AGENT_QUIET),
        fresh=True,
    ),
    "growth": Part(
        "An hour of conversation received on one connection",
        {"memory_mb": "MB"},
        (Case("memory at each quarter", "growth", {"turns": 600, "steps": 4}),),
        rounds=1,
        clients=(OURS, OPENAI),
        fresh=True,
    ),
    "start": Part(
        "Start of a program, over the bare interpreter",
        {"cpu_ms": "CPU ms", "wall_ms": "ms"},
        (
            Case("import", "start", {"what": "import"}),
            Case("first event", "start", {"what": "event"}),
        ),
        rounds=15,
        clients=(OURS, OURS_FAST, OPENAI),
    ),
    "receive-stages": Part(
        "Stages of receiving, µs per event in one thread",
        {
            "split_us": "split, decode UTF-8",
            "json_us": "(the JSON decoder alone)",
            "event_us": "make an event",
            "deliver_us": "make an event, queue it",
            "take_us": "take it",
            "audio_us": "(decode its audio)",
        },
        tuple(
            Case(label, "receive_stages", {"mix": mix})
            for label, mix in (
                (DELTAS, "deltas"),
                (SPOKEN_TURN, "turn"),
                (_AUDIO, "audio"),
                (_LARGE, "large"),
            )
        ),
        rounds=15,
        clients=(OURS, OURS_FAST),
    ),
    "send-stages": Part(
        "Stages of sending, µs per chunk in one thread",
        {
            "base64_us": "(base64 alone)",
            "message_us": "base64 and JSON",
            "frame_us": "mask and frame",
            "kernel_us": "the kernel, to a local socket",
        },
        tuple(
            Case(label, "send_stages", {"size": size})
            for label, size in ((CHUNK, 960), (_LARGE_CHUNK, 4_800), ("32 kB", 32_000))
        ),
        rounds=15,
        clients=(OURS, OURS_FAST),
    ),
    "sound": Part(
        "Full duplex on a virtual sound card, for a minute",
        {"cpu_s": "CPU s"},
        (Case("PyAudio, 20 ms both ways", "sound", {"turns": 7}),),
        rounds=1,
        clients=(OURS, OPENAI),
        together=True,
    ),
}
