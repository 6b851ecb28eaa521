"""The two ends of a conversation: what a source and a sink must have, and what they may have.

Audio is PCM16 everywhere: int16 samples, mono, little-endian, as bytes. `Source` and `Sink` are the
base classes, `SourceWrapper` and `SinkWrapper` those of what stands around another one. Who takes
somebody else's source or sink passes it through `as_source` or `as_sink` once, at the door; behind
it every method is there.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from .._required import require_function
from .._shown import shown
from ..errors import ConfigError, FormatError
from .pcm import require_rate, to_pcm16

__all__ = [
    "Sink",
    "SinkLike",
    "SinkWrapper",
    "Source",
    "SourceLike",
    "SourceWrapper",
    "as_sink",
    "as_source",
    "chunks_of",
]

# What the methods of sources and sinks are called with: by position, and by name.
_CALLS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "close": ((), ()),
    "write": (("audio",), ("item_id", "content_index")),
    "clear": ((), ()),
    "drain": (("timeout",), ()),
    "played_ms": (("item_id", "content_index"), ()),
    "flush": ((), ()),
    "handed_ms": (("item_id", "content_index"), ()),
    "pause": ((), ()),
    "resume": ((), ()),
    "listen": (("hear",), ()),
}


class SourceLike(Protocol):
    """What every source must have, whether it derives from `Source` or not."""

    @property
    @abstractmethod
    def rate(self) -> int:
        """The sample rate in Hz of what is iterated. It never changes."""

    @abstractmethod
    def __iter__(self) -> Iterator[bytes]:
        """Yield chunks of PCM16, each when it was said; 20 ms is a usual length.

        One thread iterates. It may wait for the next chunk as long as it takes. The iteration
        ends when there is no more, and soon after `close`; an `AudioError` ends it as a failure.
        """

    @abstractmethod
    def close(self) -> None:
        """End the iteration, also while it waits. Called from any thread, and more than once."""


class Source(SourceLike):
    """What the user says: a microphone, a file, a telephone line.

    The base class of sources. ``rate``, ``__iter__`` and ``close`` are all there is to write.
    """


class SourceWrapper(Source):
    """A source around another one: everything is passed on, but for what a subclass overrides.

    Args:
        source: the one inside; any object that has what a source must have.

    Raises:
        ConfigError: it lacks something of that.
    """

    def __init__(self, source: SourceLike) -> None:
        _require(source, SourceLike, "source")
        self._source = source

    @property
    def rate(self) -> int:
        """The sample rate in Hz."""
        return self._source.rate

    def __iter__(self) -> Iterator[bytes]:
        return self._source.__iter__()

    def close(self) -> None:
        """End the iteration."""
        self._source.close()


class SinkLike(Protocol):
    """What every sink must have, whether it derives from `Sink` or not."""

    @property
    @abstractmethod
    def rate(self) -> int:
        """The sample rate in Hz of what is written. It never changes."""

    @abstractmethod
    def write(self, audio: bytes, *, item_id: str | None = None, content_index: int = 0) -> None:
        """Play ``audio`` after what was written before.

        It returns as soon as the audio is buffered; a full buffer makes it wait. One thread at a
        time writes, not always the same.

        Args:
            audio: whole samples of PCM16 at `rate`.
            item_id: the conversation item that it belongs to.
            content_index: the part of that item.
        """

    @abstractmethod
    def clear(self) -> None:
        """Fall silent at once, and forget what was not played. From any thread; never waits."""

    @abstractmethod
    def drain(self, timeout: float | None = None) -> bool:
        """Wait until all was played, on any thread.

        Args:
            timeout: seconds; None waits as long as it takes, 0 only asks.

        Returns:
            False when that was not enough.
        """

    @abstractmethod
    def played_ms(self, item_id: str | None, content_index: int = 0) -> int:
        """Return how much of an item has been heard by now. On any thread; never waits.

        Returns:
            Whole milliseconds, rounded down; 0 for an item that is not known.
        """


class Sink(SinkLike):
    """What plays the answers, and knows how far it has come: a speaker, a file, a telephone line.

    The base class of sinks. ``rate``, ``write``, ``clear``, ``drain`` and ``played_ms`` are to be
    written. Everything else has a default, which says what holds for a sink that can't do it or
    can't tell.

    Threads:
        `flush` belongs to whoever writes; all else is called from any thread, also while a
        `write` waits.
    """

    def flush(self) -> None:
        """Take that the item is complete: its end need not wait for more, nor count as running dry.

        The default does nothing: right for a sink that plays what it has without a cushion.
        """

    def handed_ms(self, item_id: str | None, content_index: int = 0) -> int:
        """Return how much of an item can't be recalled any more; it never waits.

        That is where an interrupted item is truncated. A device that has taken audio and has not
        played it yet is ahead of `played_ms` by its latency. The default is `played_ms`:
        the item is then truncated by that latency too early.

        Returns:
            Whole milliseconds, rounded down; 0 for an item that is not known.
        """
        return self.played_ms(item_id, content_index)

    @property
    def underruns(self) -> int:
        """How often audio has run out before an item was complete.

        The default is 0: nobody counts.
        """
        return 0

    def pause(self) -> bool:
        """Fall silent at once, but keep what was not played for `resume`; never waits.

        Returns:
            Whether it does so. The default can't: it returns False, and the sink plays on.
        """
        return False

    def resume(self) -> None:
        """Go on where `pause` stopped. The default has never stopped, and does nothing."""

    def listen(self, hear: Callable[[bytes], object]) -> int | None:
        """Tell ``hear`` every block on its way to the device from now on, silence included.

        Args:
            hear: gets PCM16 without gaps, on the device's thread: it must neither wait nor raise.
                It takes the place of one that was given before.

        Returns:
            The sample rate of the blocks in Hz, which may be another one than `rate`. The default
            is None: nobody will be told.

        Raises:
            DeviceError: the sink is not open.
        """
        require_function(hear, "hear", error=ConfigError)
        return None


class SinkWrapper(Sink):
    """A sink around another one: everything is passed on, but for what a subclass overrides.

    Args:
        sink: the one inside; any object that has what a sink must have.

    Raises:
        ConfigError: it lacks something of that.

    Threads:
        As the sink inside.
    """

    def __init__(self, sink: SinkLike) -> None:
        self._sink = as_sink(sink)

    @property
    def rate(self) -> int:
        """The sample rate in Hz."""
        return self._sink.rate

    def write(self, audio: bytes, *, item_id: str | None = None, content_index: int = 0) -> None:
        """Play ``audio`` after what was written before."""
        self._sink.write(audio, item_id=item_id, content_index=content_index)

    def clear(self) -> None:
        """Fall silent at once."""
        self._sink.clear()

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until all was played; False when ``timeout`` seconds were not enough."""
        return self._sink.drain(timeout)

    def played_ms(self, item_id: str | None, content_index: int = 0) -> int:
        """Return how many whole milliseconds of an item have been heard by now."""
        return self._sink.played_ms(item_id, content_index)

    def flush(self) -> None:
        """Take that the item is complete."""
        self._sink.flush()

    def handed_ms(self, item_id: str | None, content_index: int = 0) -> int:
        """Return how many whole milliseconds of an item can't be recalled any more."""
        return self._sink.handed_ms(item_id, content_index)

    @property
    def underruns(self) -> int:
        """How often audio has run out before an item was complete."""
        return self._sink.underruns

    def pause(self) -> bool:
        """Fall silent at once and keep what was not played; False when the sink can't."""
        return self._sink.pause()

    def resume(self) -> None:
        """Go on where `pause` stopped."""
        self._sink.resume()

    def listen(self, hear: Callable[[bytes], object]) -> int | None:
        """Tell ``hear`` every block on its way to the device; None when the sink can't."""
        return self._sink.listen(hear)


class _AdaptedSink(SinkWrapper):
    """A sink that does not derive from `Sink`, with the defaults of what it lacks."""

    def __init__(self, sink: Any) -> None:
        # Not by way of the base class, whose `as_sink` comes here.
        self._sink = sink

    def flush(self) -> None:
        self._own("flush")()

    def handed_ms(self, item_id: str | None, content_index: int = 0) -> int:
        return int(self._own("handed_ms")(item_id, content_index))

    @property
    def underruns(self) -> int:
        return int(self._own("underruns"))

    def pause(self) -> bool:
        # A method that is called so pauses, even if it returns nothing.
        return self._own("pause")() is not False

    def resume(self) -> None:
        self._own("resume")()

    def listen(self, hear: Callable[[bytes], object]) -> int | None:
        rate: int | None = self._own("listen")(hear)
        return rate

    def _own(self, name: str) -> Any:
        # Beyond SinkWrapper, which would pass it on, stands Sink with its defaults.
        defaults = super(SinkWrapper, self)
        return getattr(self._sink if hasattr(self._sink, name) else defaults, name)


def as_source(source: SourceLike) -> Source:
    """Return ``source`` as a `Source`: itself, or wrapped if it is of a class of its own.

    Raises:
        ConfigError: it lacks something that a source must have, or has it in another form; or it
            is a class.
    """
    _require(source, SourceLike, "source")
    return source if isinstance(source, Source) else SourceWrapper(source)


def as_sink(sink: SinkLike) -> Sink:
    """Return ``sink`` as a `Sink`: itself, or wrapped if it is of a class of its own.

    Raises:
        ConfigError: it lacks something that a sink must have, or has it in another form; or it
            is a class.
    """
    _require(sink, SinkLike, "sink")
    return sink if isinstance(sink, Sink) else _AdaptedSink(sink)


def chunks_of(source: Source) -> Iterator[bytes]:
    """Yield what a source says, each chunk as PCM16 in bytes.

    Raises:
        FormatError: it yields something else.
        ConfigError: its ``__iter__`` gives no iterator.
        Exception: whatever the source raises.
    """
    chunks = source.__iter__()
    if not hasattr(chunks, "__next__"):
        raise ConfigError(
            f"the source's __iter__ gave {shown(chunks)}; write it with yield, or return an "
            "iterator of PCM16 chunks"
        )
    for chunk in chunks:
        try:
            pcm = to_pcm16(chunk)
        except FormatError as exc:
            raise FormatError(f"the source gave a chunk that is none: {exc}") from exc
        yield pcm


def _require(thing: object, needed: type, what: str) -> None:
    if isinstance(thing, type):
        raise ConfigError(f"{thing.__name__} is a class; give a {what} of it: {thing.__name__}(…)")
    names: frozenset[str] = needed.__abstractmethods__  # type: ignore[attr-defined]  # a Protocol
    missing = ", ".join(sorted(name for name in names if not hasattr(thing, name)))
    if missing and isinstance(thing, str | os.PathLike):
        raise ConfigError(f"{shown(thing)} is no {what}; write Wav{what.title()}({shown(thing)})")
    if missing:
        raise ConfigError(
            f"{type(thing).__name__!r} objects are no {what}s, they lack: {missing}; "
            f"derive the class from realtime_sync.audio.{what.title()} and write what it lists"
        )
    for name, (takes, named) in _CALLS.items():  # else a conversation would end in its midst
        if (method := getattr(thing, name, None)) is not None:
            what_of_it = f"{type(thing).__name__}.{name}"
            require_function(method, what_of_it, takes=takes, named=named, error=ConfigError)
    require_rate(thing.rate, name=f"{what}.rate")  # type: ignore[attr-defined]  # it is there
