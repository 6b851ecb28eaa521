"""Sources and sinks: the defaults, the door, and that a wrapper forgets nothing.

The wrappers are driven over the whole interface as the base classes list it: a method that is new
there, or a class that is new in the package, fails here until somebody says what becomes of it.
"""

from __future__ import annotations

import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from audio_clock import AudioClock

import realtime_sync
from realtime_sync.audio import (
    Microphone,
    Speaker,
    StereoRecorder,
    VirtualMicrophone,
    VirtualSpeaker,
    WavSink,
    WavSource,
)
from realtime_sync.audio.base import (
    Sink,
    SinkLike,
    SinkWrapper,
    Source,
    SourceLike,
    SourceWrapper,
    _AdaptedSink,
    as_sink,
    as_source,
    chunks_of,
)
from realtime_sync.audio.recorder import RecordedSink, RecordedSource
from realtime_sync.cli._interview import Interview
from realtime_sync.cli.talk import _Metered
from realtime_sync.errors import ConfigError, FormatError
from realtime_sync.testing import MemorySink, MemorySource

CHUNKS = [b"\1\0" * 480, b"\2\0" * 480]


def listener(block: bytes) -> None:
    """Hear a block."""


# What is given to each method, and what comes back; a property is given nothing at all.
SOURCE = {"rate": (None, 16_000), "__iter__": ((), CHUNKS), "close": ((), None)}
SINK = {
    "rate": (None, 16_000),
    "write": ((CHUNKS[0], "item", 1), None),
    "clear": ((), None),
    "drain": ((2.5,), True),
    "played_ms": (("item", 1), 120),
    "flush": ((), None),
    "handed_ms": (("item", 1), 160),
    "underruns": (None, 3),
    "pause": ((), True),
    "resume": ((), None),
    "listen": ((listener,), 48_000),
}
NEEDED_OF_SINKS = ("rate", "write", "clear", "drain", "played_ms")


def members(base: type) -> list[str]:
    """Return the names of all that is to be called of a source or a sink."""
    abstract: frozenset[str] = base.__abstractmethods__  # type: ignore[attr-defined]
    return sorted({name for name in dir(base) if not name.startswith("_")} | abstract)


def make_end(base: type, answers: dict[str, Any]) -> Any:
    """Return an object that answers so, and notes in `calls` what it was given."""
    calls: list[tuple[str, tuple[Any, ...]]] = []

    def member(name: str) -> Any:
        arguments, result = answers[name]
        if arguments is None:
            return property(lambda self: result)

        def method(self: object, *args: Any, **kwargs: Any) -> Any:
            calls.append((name, in_order(name, args, kwargs)))
            return iter(result) if name == "__iter__" else result

        return method

    return type("End", (base,), {**{name: member(name) for name in answers}, "calls": calls})()


def in_order(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Return what a method was given, whether by position or by name."""
    method = getattr(Sink, name, None) or getattr(Source, name)
    bound = inspect.signature(method).bind(None, *args, **kwargs)
    return tuple(bound.arguments.values())[1:]


def check_passes_on(
    wrap: Callable[[Any], Any], name: str, base: type, answers: dict[str, Any]
) -> None:
    """Wrap an end that derives from ``base``, and call a member of it from outside."""
    arguments, result = answers[name]
    end = make_end(base, answers)
    wrapper = wrap(end)
    if arguments is None:
        assert getattr(wrapper, name) == result
        return
    if name == "write":  # these two go by name
        given = wrapper.write(arguments[0], item_id=arguments[1], content_index=arguments[2])
    else:
        given = getattr(wrapper, name)(*arguments)
    assert (list(given) if name == "__iter__" else given) == result
    assert end.calls == [(name, arguments)]


# -- wrappers ------------------------------------------------------------------------------------


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[StereoRecorder]:
    with StereoRecorder(tmp_path / "talk.wav", clock=AudioClock()) as recorder:
        yield recorder


SOURCES = (Microphone, WavSource, VirtualMicrophone, Interview, MemorySource)
SINKS = (Speaker, WavSink, VirtualSpeaker, MemorySink)
SOURCE_WRAPPERS: dict[type, Callable[[Any, StereoRecorder], Source]] = {
    SourceWrapper: lambda source, _: SourceWrapper(source),
    RecordedSource: lambda source, recorder: recorder.source(source),
    _Metered: lambda source, _: _Metered(
        source,
        SimpleNamespace(tick=lambda dbfs: None),
        None,  # type: ignore[arg-type]
    ),
}
SINK_WRAPPERS: dict[type, Callable[[Any, StereoRecorder], Sink]] = {
    SinkWrapper: lambda sink, _: SinkWrapper(sink),
    _AdaptedSink: lambda sink, _: _AdaptedSink(sink),
    RecordedSink: lambda sink, recorder: recorder.sink(sink),
}


@pytest.mark.parametrize("name", members(Source))
@pytest.mark.parametrize("wrapper", SOURCE_WRAPPERS)
def test_a_source_s_wrapper_passes_everything_on(
    wrapper: type, name: str, recorder: StereoRecorder
) -> None:
    check_passes_on(lambda end: SOURCE_WRAPPERS[wrapper](end, recorder), name, Source, SOURCE)


@pytest.mark.parametrize("name", members(Sink))
@pytest.mark.parametrize("wrapper", SINK_WRAPPERS)
def test_a_sink_s_wrapper_passes_everything_on(
    wrapper: type, name: str, recorder: StereoRecorder
) -> None:
    check_passes_on(lambda end: SINK_WRAPPERS[wrapper](end, recorder), name, Sink, SINK)


@pytest.mark.parametrize("name", members(Sink))
def test_a_forgotten_method_is_found(name: str) -> None:
    answer = property(lambda self: 0) if SINK[name][0] is None else lambda self, *_, **__: None
    forgetful: Any = type("Forgetful", (SinkWrapper,), {name: answer})
    with pytest.raises(AssertionError):
        check_passes_on(forgetful, name, Sink, SINK)


def package_classes() -> set[type]:
    """Return every class of the package; the server, a program of its own, has no use for these."""
    modules = [
        import_module(module.name)
        for module in pkgutil.walk_packages(realtime_sync.__path__, "realtime_sync.")
        if module.name.split(".")[1] not in ("local", "__main__")
    ]
    things = [thing for module in modules for thing in vars(module).values()]
    return {thing for thing in things if isinstance(thing, type)}


@pytest.mark.parametrize(
    ("base", "needed", "known"),
    [
        (Source, SourceLike, {*SOURCES, *SOURCE_WRAPPERS}),
        (Sink, SinkLike, {*SINKS, *SINK_WRAPPERS}),
    ],
)
def test_every_source_and_sink_of_the_package_derives_and_is_known_here(
    base: type, needed: type, known: set[type]
) -> None:
    abstract: frozenset[str] = needed.__abstractmethods__  # type: ignore[attr-defined]
    alike = {each for each in package_classes() if all(hasattr(each, name) for name in abstract)}
    assert alike - {base, needed} == known
    assert all(issubclass(each, base) for each in known)


# -- defaults ------------------------------------------------------------------------------------


class Bare(Sink):
    """A sink with nothing but what it must have."""

    rate = 8_000

    def write(self, audio: bytes, *, item_id: str | None = None, content_index: int = 0) -> None:
        raise NotImplementedError

    def clear(self) -> None:
        raise NotImplementedError

    def drain(self, timeout: float | None = None) -> bool:
        raise NotImplementedError

    def played_ms(self, item_id: str | None, content_index: int = 0) -> int:
        return {("item", 1): 70}[(item_id or "", content_index)]


def test_what_a_sink_can_t_do_or_tell_has_a_default() -> None:
    sink = Bare()
    sink.flush()
    assert sink.handed_ms("item", 1) == 70
    assert sink.underruns == 0
    assert sink.pause() is False
    sink.resume()
    assert sink.listen(listener) is None


@pytest.mark.parametrize(
    ("base", "missing"), [(Source, "close"), (Source, "rate"), (Sink, "write"), (Sink, "drain")]
)
def test_what_has_no_default_must_be_written(base: type, missing: str) -> None:
    table = SOURCE if base is Source else SINK
    names = {name: answer for name, answer in table.items() if name != missing}
    with pytest.raises(TypeError, match=missing):
        make_end(base, names)


# -- the door ------------------------------------------------------------------------------------


def test_what_derives_is_taken_as_it_is() -> None:
    source, sink = make_end(Source, SOURCE), Bare()
    assert as_source(source) is source
    assert as_sink(sink) is sink


def test_what_does_not_derive_is_wrapped_once() -> None:
    source, sink = as_source(make_end(object, SOURCE)), as_sink(make_end(object, SINK))
    assert isinstance(source, Source)
    assert isinstance(sink, Sink)
    assert as_source(source) is source
    assert as_sink(sink) is sink


@pytest.mark.parametrize("name", members(Source))
def test_a_source_of_one_s_own_class_is_used(name: str) -> None:
    check_passes_on(as_source, name, object, SOURCE)


@pytest.mark.parametrize("name", members(Sink))
def test_all_that_a_sink_of_one_s_own_class_has_is_used(name: str) -> None:
    check_passes_on(as_sink, name, object, SINK)


def test_what_a_sink_of_one_s_own_class_lacks_has_the_default() -> None:
    sink = as_sink(make_end(object, {name: SINK[name] for name in NEEDED_OF_SINKS}))
    sink.flush()
    assert sink.handed_ms("item", 1) == 120  # what was played
    assert sink.underruns == 0
    assert sink.pause() is False
    sink.resume()
    assert sink.listen(listener) is None


def test_a_pause_that_returns_nothing_is_one() -> None:
    assert as_sink(make_end(object, SINK | {"pause": ((), None)})).pause() is True


@pytest.mark.parametrize("name", ["__iter__", "close", "rate"])
@pytest.mark.parametrize("take", [as_source, SourceWrapper])
def test_a_source_that_lacks_something_is_told_what(take: Callable[[Any], Any], name: str) -> None:
    end = make_end(object, {other: SOURCE[other] for other in SOURCE if other != name})
    with pytest.raises(ConfigError, match=rf"'End' objects are no sources, they lack: {name};"):
        take(end)


@pytest.mark.parametrize("name", NEEDED_OF_SINKS)
@pytest.mark.parametrize("take", [as_sink, SinkWrapper])
def test_a_sink_that_lacks_something_is_told_what(take: Callable[[Any], Any], name: str) -> None:
    end = make_end(object, {other: SINK[other] for other in SINK if other != name})
    with pytest.raises(ConfigError, match=rf"'End' objects are no sinks, they lack: {name};"):
        take(end)


@pytest.mark.parametrize("path", ["a.wav", Path("a.wav")])
def test_of_a_path_it_is_said_what_reads_and_writes_it(path: Any) -> None:
    with pytest.raises(ConfigError, match=r"is no source; write WavSource\(.*'a\.wav'\)"):
        as_source(path)
    with pytest.raises(ConfigError, match=r"is no sink; write WavSink\(.*'a\.wav'\)"):
        as_sink(path)


def test_the_door_names_all_that_is_missing() -> None:
    with pytest.raises(ConfigError, match=r"'list' objects.*lack: close, rate;.*audio\.Source"):
        as_source([b""])  # type: ignore[arg-type]


@pytest.mark.parametrize("take", [as_source, SourceWrapper])
@pytest.mark.parametrize("end", [Microphone, WavSource, MemorySource, dict])
def test_a_class_is_no_source(take: Callable[[Any], Any], end: Any) -> None:
    name = end.__name__
    with pytest.raises(ConfigError, match=rf"^{name} is a class; give a source of it: {name}\("):
        take(end)


@pytest.mark.parametrize("take", [as_sink, SinkWrapper])
@pytest.mark.parametrize("end", [Speaker, WavSink, MemorySink, dict])
def test_a_class_is_no_sink(take: Callable[[Any], Any], end: Any) -> None:
    name = end.__name__
    with pytest.raises(ConfigError, match=rf"^{name} is a class; give a sink of it: {name}\("):
        take(end)


@pytest.mark.parametrize("base", [object, Source, Sink])
@pytest.mark.parametrize("rate", [0, "24000", 24_000.0, None])
def test_a_rate_that_is_none_is_told_whose_it_is(base: type, rate: object) -> None:
    if base is not Sink:
        source = make_end(base, SOURCE | {"rate": (None, rate)})
        with pytest.raises(ConfigError, match=rf"^source\.rate={rate!r} is not a sample rate"):
            as_source(source)
    if base is not Source:
        sink = make_end(base, SINK | {"rate": (None, rate)})
        with pytest.raises(ConfigError, match=rf"^sink\.rate={rate!r} is not a sample rate"):
            as_sink(sink)


class Tape(Sink):
    """A sink that is right, for those that are not."""

    rate = 16_000

    def write(self, audio: bytes, *, item_id: str | None = None, content_index: int = 0) -> None:
        """Forget it."""

    def clear(self) -> None:
        """Nothing is left."""

    def drain(self, timeout: float | None = None) -> bool:
        return True

    def played_ms(self, item_id: str | None, content_index: int = 0) -> int:
        return 0


async def later(*_: object, **__: object) -> None:
    """What nobody awaits."""


WRITES = "audio, item_id=…, content_index=…"


def called(name: str, takes: str, parameters: str) -> str:
    """Return what is told of a method that can't be called as it will be."""
    return re.escape(f"End.{name} is called with ({takes}), and takes ({parameters}): change")


@pytest.mark.parametrize(
    ("name", "method", "words"),
    [
        (
            "write",
            lambda audio: None,
            called("write", "audio, item_id=…, content_index=…", "audio"),
        ),
        (
            "write",
            lambda *, item_id, content_index: None,
            called("write", WRITES, "item_id, content_index"),
        ),
        ("clear", lambda now: None, called("clear", "", "now")),
        ("drain", lambda: True, called("drain", "timeout", "")),
        ("played_ms", lambda item_id: 0, called("played_ms", "item_id, content_index", "item_id")),
        ("handed_ms", lambda: 0, called("handed_ms", "item_id, content_index", "")),
        ("flush", lambda now: None, called("flush", "", "now")),
        ("pause", lambda now: None, called("pause", "", "now")),
        ("resume", lambda now: None, called("resume", "", "now")),
        ("listen", lambda: None, called("listen", "hear", "")),
        ("clear", 7, r"End\.clear must be a function, not 7"),
        ("write", later, r"End\.write is async and nobody would await it"),
    ],
)
def test_a_sink_that_can_not_be_called_is_told_before_it_is(
    name: str, method: object, words: str
) -> None:
    made = staticmethod(method) if callable(method) else method
    end = type("End", (Tape,), {name: made})()
    for take in (as_sink, SinkWrapper):
        with pytest.raises(ConfigError, match=f"^{words}"):
            take(end)


def test_a_source_that_can_not_be_closed_is_told_before_it_is() -> None:
    class End(MemorySource):
        def close(self, now: bool) -> None:  # type: ignore[override]
            """Take too much."""

    with pytest.raises(ConfigError, match=called("close", "", "now")):
        as_source(End())


def test_methods_whose_arguments_nothing_tells_are_taken() -> None:
    class Dull:
        def __call__(self, *arguments: object, **names: object) -> None:
            """Do nothing."""

        @property
        def __signature__(self) -> object:
            raise ValueError("written in C")

    end = type("End", (Tape,), {"clear": Dull()})()
    assert as_sink(end) is end


# -- what a source yields --------------------------------------------------------------------------


def chunks_from(said: object) -> list[bytes]:
    return list(chunks_of(as_source(make_end(object, SOURCE | {"__iter__": ((), said)}))))


def test_chunks_are_bytes_whatever_a_source_keeps_them_in() -> None:
    forms = [
        CHUNKS[0],
        bytearray(CHUNKS[0]),
        memoryview(CHUNKS[0]),
        np.frombuffer(CHUNKS[0], "<i2"),
    ]
    assert chunks_from(forms) == [CHUNKS[0]] * 4
    assert all(type(chunk) is bytes for chunk in chunks_from(forms))
    assert chunks_from([b"", CHUNKS[1]]) == [b"", CHUNKS[1]]


@pytest.mark.parametrize(
    ("chunk", "words"),
    [
        (7, "audio is int"),
        ("AAAA", "audio is str"),
        (None, "audio is NoneType"),
        ([1, 2], "audio is list"),
        (bytes(961), "audio has 961 bytes"),
        (np.zeros(4), "audio has dtype float64"),
    ],
)
def test_a_chunk_that_is_none_is_told_what_it_is(chunk: object, words: str) -> None:
    with pytest.raises(FormatError, match=f"^the source gave a chunk that is none: {words}"):
        chunks_from([CHUNKS[0], chunk])


def test_a_source_without_an_iterator_is_told_so() -> None:
    class End(MemorySource):
        def __iter__(self) -> Any:
            return said

    for said in (None, 7, later(), CHUNKS):
        for source in (End(), SourceWrapper(End())):
            with pytest.raises(ConfigError, match=r"^the source's __iter__ gave .*with yield"):
                next(chunks_of(source))
        if inspect.iscoroutine(said):
            said.close()
