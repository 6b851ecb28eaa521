"""What an event costs, by representation: run it as ``python tests/benchmarks/bench_events.py``.

The table shows microseconds per event and the ratio to ``json.loads`` of the same text, the
median of interleaved rounds. The slots candidates leave nested models as dictionaries, which
flatters them; the openai row is what its ``parse_event`` does.
"""

from __future__ import annotations

import base64
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, cast

import attrs

from realtime_sync.events import SERVER_EVENTS, Event, Model, parse_event
from realtime_sync.events import _parse as parser

ROUNDS = 7
IDS = {"event_id": "event_" + "a" * 21, "response_id": "resp_" + "b" * 21}
ITEM = {**IDS, "item_id": "item_" + "c" * 21, "output_index": 0}
PART = {**ITEM, "content_index": 0}

Parse = Callable[[str], Any]


def text_of(name: str, fields: dict[str, Any]) -> str:
    return json.dumps({"type": name, **fields}, separators=(",", ":"))


def audio_delta(size: int) -> str:
    pcm = bytes(i * 7 % 256 for i in range(size * 3 // 4))
    return text_of("response.output_audio.delta", {**PART, "delta": base64.b64encode(pcm).decode()})


def small_delta() -> str:
    return text_of("response.output_audio_transcript.delta", {**PART, "delta": " and then we"})


def turn() -> list[str]:
    """One spoken turn: 45 events, 12.8 kB of base64 per audio delta."""
    session = {
        "type": "realtime",
        "instructions": "You are a helpful assistant. " * 20,
        "audio": {
            "input": {"turn_detection": {"type": "server_vad"}},
            "output": {"voice": "marin"},
        },
        "tools": [{"type": "function", "name": f"tool_{i}", "parameters": {}} for i in range(5)],
    }
    part = {"type": "output_audio", "transcript": "the answer in words " * 10}
    message = {"id": PART["item_id"], "type": "message", "role": "assistant", "content": [part]}
    usage = {"total_tokens": 9, "input_token_details": {"text_tokens": 5, "audio_tokens": 4}}
    response = {
        "id": IDS["response_id"],
        "status": "completed",
        "output": [message],
        "usage": usage,
    }
    added = {"event_id": "e", "previous_item_id": None, "item": message}
    item = {**IDS, "output_index": 0, "item": message}
    limits = [
        {"name": n, "limit": 9, "remaining": 8, "reset_seconds": 0.1}
        for n in ("requests", "tokens")
    ]
    return [
        text_of("session.updated", {"event_id": "e", "session": session}),
        text_of(
            "input_audio_buffer.speech_started",
            {"event_id": "e", "audio_start_ms": 9, "item_id": "i"},
        ),
        text_of(
            "input_audio_buffer.speech_stopped",
            {"event_id": "e", "audio_end_ms": 9, "item_id": "i"},
        ),
        text_of("input_audio_buffer.committed", {"event_id": "e", "item_id": "i"}),
        text_of("conversation.item.added", added),
        text_of(
            "response.created", {"event_id": "e", "response": {"id": "r", "status": "in_progress"}}
        ),
        text_of("response.output_item.added", item),
        text_of(
            "response.content_part.added", {**PART, "part": {"type": "audio", "transcript": ""}}
        ),
        *[small_delta() for _ in range(20)],
        *[audio_delta(12_800) for _ in range(10)],
        text_of("response.output_audio.done", PART),
        text_of("response.output_audio_transcript.done", {**PART, "transcript": "words " * 30}),
        text_of("response.content_part.done", {**PART, "part": part}),
        text_of("response.output_item.done", item),
        text_of("conversation.item.done", added),
        text_of("response.done", {"event_id": "e", "response": response}),
        text_of("rate_limits.updated", {"event_id": "e", "rate_limits": limits}),
    ]


# -- the candidates ------------------------------------------------------------------------------


def slot_classes(*, frozen: bool) -> dict[str, type]:
    """The same fields as our events in ordinary attrs classes."""
    made = {}
    for name, cls in SERVER_EVENTS.items():
        fields = [a.name for a in attrs.fields(cls) if a.name not in ("extra", "raw")]
        spec = {f: attrs.field(default=None) for f in (*fields, "extra", "raw")}
        made[name] = attrs.make_class(cls.__name__, spec, frozen=frozen, slots=True)
    return made


def filtering(classes: dict[str, type]) -> Parse:
    """Keyword arguments filtered by the known names."""
    known = {name: {a.name for a in attrs.fields(cls)} for name, cls in classes.items()}

    def parse(text: str) -> Any:
        data = json.loads(text)
        names = known[data["type"]]
        extra = {k: v for k, v in data.items() if k not in names}
        fields = {k: v for k, v in data.items() if k in names}
        return classes[data["type"]](**fields, extra=extra, raw=text)

    return parse


def positional(classes: dict[str, type]) -> Parse:
    """A function per class that passes the fields by position; unknown fields by a set test."""
    builders = {}
    for name, cls in classes.items():
        fields = [a.name for a in attrs.fields(cls) if a.name not in ("extra", "raw")]
        arguments = ", ".join(f"get({f!r})" for f in fields)
        build = eval(f"lambda cls, get, extra, raw: cls({arguments}, extra, raw)")
        builders[name] = (build, cls, frozenset(fields).issuperset)
    scan = parser._scan_once

    def parse(text: str) -> Any:
        data, _ = scan(text, 0)
        build, cls, knows = builders[data["type"]]
        assert knows(data)
        return build(cls, data.get, None, text)

    return parse


def read_all(value: Any) -> None:
    if isinstance(value, Model):
        for name in value._wire:
            read_all(getattr(value, name))
    elif isinstance(value, list):
        for element in value:
            read_all(element)


def parse_and_read(text: str) -> Any:
    event = cast("Event", parse_event(text))
    read_all(event)
    return event


def parse_and_decode(text: str) -> Any:
    event = parse_event(text)
    return getattr(event, "audio", None)


def uncut(text: str) -> Any:
    """Ours, with the JSON decoder for all of the text."""
    limit, parser.CUT_FROM = parser.CUT_FROM, sys.maxsize
    try:
        return parse_event(text)
    finally:
        parser.CUT_FROM = limit


def peer() -> Parse:
    from openai._models import construct_type_unchecked
    from openai.types.realtime import RealtimeServerEvent

    union: Any = RealtimeServerEvent
    return lambda text: construct_type_unchecked(value=json.loads(text), type_=union)


def candidates() -> dict[str, Parse]:
    frozen, mutable = slot_classes(frozen=True), slot_classes(frozen=False)
    return {
        "json.loads": json.loads,
        "openai (pydantic construct)": peer(),
        "frozen slots, filtered keywords": filtering(frozen),
        "frozen slots, by position": positional(frozen),
        "mutable slots, by position": positional(mutable),
        "ours": parse_event,
        "ours, without the audio cut": uncut,
        "ours, every model built": parse_and_read,
        "ours, audio decoded": parse_and_decode,
    }


def measure(parsers: dict[str, Parse], texts: list[str], repeat: int) -> dict[str, float]:
    """Return the median CPU microseconds per event; the rounds of all candidates interleave."""
    samples: dict[str, list[float]] = {name: [] for name in parsers}
    for _ in range(ROUNDS):
        for name, parse in parsers.items():
            start = time.process_time_ns()
            for _ in range(repeat):
                for text in texts:
                    parse(text)
            spent = time.process_time_ns() - start
            samples[name].append(spent / 1000 / repeat / len(texts))
    return {name: statistics.median(values) for name, values in samples.items()}


def main() -> None:
    parsers = candidates()
    loads = {
        f"{len(small_delta())} B delta": measure(parsers, [small_delta()], 4000),
        "turn of 45 events": measure(parsers, turn(), 40),
        "32 kB audio delta": measure(parsers, [audio_delta(32_000)], 300),
    }
    print(f"{'CPU µs per event (ratio to json.loads)':34}" + "".join(f"{n:>22}" for n in loads))
    for name in parsers:
        cells = [f"{t[name]:10.2f} ({t[name] / t['json.loads']:5.2f} x)" for t in loads.values()]
        print(f"{name:34}" + "".join(f"{cell:>22}" for cell in cells))
    ratios = [f"1/{t['openai (pydantic construct)'] / t['ours']:.0f}" for t in loads.values()]
    print(f"{'ours against openai':34}" + "".join(f"{r:>22}" for r in ratios))


if __name__ == "__main__":
    main()
