"""What an event costs, by representation: run it as ``python tests/benchmarks/bench_events.py``.

The table shows microseconds per event and the ratio to ``json.loads`` of the same text, the
median of interleaved rounds. The slots candidates leave nested models as dictionaries, which
flatters them; the openai row is what its ``parse_event`` does.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, cast

import attrs
from traffic import audio_delta, small_delta, turn

from realtime_sync._codec import scan_json
from realtime_sync.events import SERVER_EVENTS, Event, Model, parse_event
from realtime_sync.events import _parse as parser

ROUNDS = 7
Parse = Callable[[str], Any]


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

    def parse(text: str) -> Any:
        data, _ = scan_json(text, 0)
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
        "spoken turn": measure(parsers, turn(), 40),
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
