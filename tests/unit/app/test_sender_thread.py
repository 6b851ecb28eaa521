"""A sender's loop, with an outlet that only takes notes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pytest

from realtime_sync._signal_safe import Latch, Stopped, StopSignal
from realtime_sync.app import sender_thread
from realtime_sync.app.exchanges import Exchange
from realtime_sync.app.sender_thread import AppSender, is_cancellation, run_sender
from realtime_sync.audio import Sound
from realtime_sync.conversation.session import SoundFormat
from realtime_sync.errors import ConfigError


class Notes:
    """An outlet; every answer is over at once, unless `answer` says otherwise."""

    input_format = SoundFormat()

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.answer: Callable[[Exchange], object] = lambda exchange: exchange.settle()
        self.is_certain = True

    def _exchange(self) -> Exchange:
        exchange = Exchange(is_certain=self.is_certain)
        self.answer(exchange)
        return exchange

    def say(self, message: Any, tools: Sequence[Any] | None) -> Exchange:
        self.sent.append(("say", message, tools))
        return self._exchange()

    def write(self, text: str) -> None:
        self.sent.append(("write", text))

    def append(self, sound: bytes) -> None:
        self.sent.append(("append", sound))

    def declare(self, tools: Sequence[Any]) -> None:
        self.sent.append(("declare", list(tools)))

    def stream_ended(self, *, sound: bool, text: bool) -> Exchange | None:
        self.sent.append(("ended", sound, text))
        return self._exchange()

    def finish_speech(self) -> None:
        self.sent.append("finish speech")

    def marks(self, kinds: Iterable[Any]) -> list[Latch]:
        self.sent.append(("marks", tuple(kinds)))
        latch = Latch()
        latch.set()
        return [latch]


@pytest.fixture
def notes() -> Notes:
    return Notes()


def run(notes: Notes, function: Callable[..., Any], **options: Any) -> StopSignal:
    stop = StopSignal()
    context: dict[str, Any] = {"stop": stop}
    run_sender(AppSender(function, **options), context, notes, stop)
    return stop


def values(*given: Any) -> Callable[[Any], Any]:
    """A function sender of these values."""
    left = iter(given)
    return lambda context: next(left)


def streams(*given: Iterable[Any]) -> Callable[[Any], Iterator[Any]]:
    """A generator sender, one for each call."""
    left = iter(given)

    def stream(context: Any) -> Iterator[Any]:
        yield from next(left)

    return stream


def test_it_is_called_until_it_has_nothing_more(notes: Notes) -> None:
    run(notes, values("one", b"\0\0", Sound(b"\1\0")))
    assert notes.sent[:3] == [("say", v, None) for v in ("one", b"\0\0", Sound(b"\1\0"))]


def test_nothing_is_sent_for_nothing(notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float | None] = []
    monkeypatch.setattr(StopSignal, "wait", lambda self, timeout=None: pauses.append(timeout))
    run(notes, values(None, "", b"", (None, [print])))
    assert notes.sent == []
    assert pauses == [0.05] * 4


def test_a_generator_that_gives_nothing_ends_no_turn(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StopSignal, "wait", lambda self, timeout=None: None)
    run(notes, streams([], [None, ""]))
    assert notes.sent == []


def test_tools_of_the_sender_and_of_one_answer(notes: Notes) -> None:
    of_sender: Any = ["of the sender"]
    run(notes, values("a", ("b", [print]), ("c", [])), tools=of_sender)
    assert notes.sent[:3] == [("say", "a", of_sender), ("say", "b", [print]), ("say", "c", [])]


def test_a_stream(notes: Notes) -> None:
    run(notes, streams([b"\1\0", None, Sound(b"\2\0"), "text"]))
    assert notes.sent == [
        ("append", b"\1\0"),
        ("append", b"\2\0"),
        ("write", "text"),
        ("ended", True, True),
        ("marks", sender_thread.KINDS),
    ]


def test_what_the_conversion_holds_back_is_sent_before_the_end(notes: Notes) -> None:
    run(notes, streams([Sound(bytes(3200), 16_000)]))
    appended = b"".join(each[1] for each in notes.sent if each[0] == "append")
    assert len(appended) == 4800
    assert notes.sent[-2] == ("ended", True, False)


def test_tools_of_a_stream_are_the_sessions(notes: Notes) -> None:
    of_sender: Any = ["of the sender"]
    run(notes, streams([("a", [print]), ("b", [])]), tools=of_sender)
    assert [each for each in notes.sent if each[0] == "declare"][:2] == [
        ("declare", of_sender),
        ("declare", [print]),
    ]
    assert ("write", "a") in notes.sent
    assert ("write", "b") in notes.sent


def test_a_function_may_return_a_stream(notes: Notes) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"\1\0"

    run(notes, values(pieces()))
    assert notes.sent[:2] == [("append", b"\1\0"), ("ended", True, False)]


def test_it_waits_for_the_answer_and_the_receivers(notes: Notes) -> None:
    stages: list[str] = []

    def answer(exchange: Exchange) -> None:
        exchange.begun.set()
        stages.append(f"asked, done: {exchange.done.is_set}")
        exchange.done.set()

    notes.answer = answer
    run(notes, values("one"), waits_for=("text", "text_chunk"))
    assert stages == ["asked, done: False"]
    assert notes.sent[1] == ("marks", ("text", "text_chunk"))


def test_without_a_wait_only_the_request_must_be_out(notes: Notes) -> None:
    notes.answer = lambda exchange: exchange.begun.set()
    stop_after_two = values("one", "two")

    def function(context: Any) -> Any:
        try:
            return stop_after_two(context)
        except StopIteration:
            context["stop"].set()

    run(notes, function)
    assert [each[1] for each in notes.sent] == ["one", "two"]


def test_silence_is_not_waited_for(notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_thread, "_HEARS_S", 0)
    notes.is_certain = False
    notes.answer = lambda exchange: None
    run(notes, streams([b"\1\0"]), waits_for=("text",))
    assert "finish speech" not in notes.sent


@pytest.mark.parametrize("waits_for", [(), ("text",)])
def test_late_speech_is_finished(
    notes: Notes, monkeypatch: pytest.MonkeyPatch, waits_for: Any
) -> None:
    monkeypatch.setattr(sender_thread, "_HEARS_S", 0)
    notes.is_certain = False
    exchanges: list[Exchange] = []

    def begin(exchange: Exchange) -> None:
        exchange.begun.set()
        exchanges.append(exchange)

    def finish() -> None:
        notes.sent.append("finish speech")
        exchanges[-1].settle()

    notes.answer, notes.finish_speech = begin, finish  # type: ignore[method-assign]
    run(notes, streams([b"\1\0"]), waits_for=waits_for)
    assert "finish speech" in notes.sent


def test_its_last_answer_is_still_awaited(notes: Notes) -> None:
    run(notes, values("one"))
    assert notes.sent[-1] == ("marks", sender_thread.KINDS)


def test_a_stream_without_a_next(notes: Notes) -> None:
    """StopIteration inside of a generator becomes a RuntimeError (PEP 479)."""

    def stream(context: Any) -> Iterator[str]:
        raise StopIteration
        yield "never"

    run(notes, stream)
    assert notes.sent == []


def test_what_a_stream_said_before_it_had_no_next_is_answered(notes: Notes) -> None:
    texts = iter(["one", "two"])

    def stream(context: Any) -> Iterator[str]:
        while True:
            yield next(texts)

    run(notes, stream)
    ended = ("ended", False, True)
    assert notes.sent == [("write", "one"), ("write", "two"), ended, ("marks", sender_thread.KINDS)]


@pytest.mark.parametrize("end", [asyncio.CancelledError, Stopped])
def test_what_ends_in_order(notes: Notes, end: type[BaseException]) -> None:
    def function(context: Any) -> str:
        raise end

    run(notes, function)


@pytest.mark.parametrize("error", [ValueError("no"), RuntimeError("no"), SystemExit(3)])
def test_an_error_is_raised(notes: Notes, error: BaseException) -> None:
    def function(context: Any) -> str:
        raise error

    with pytest.raises(type(error)) as caught:
        run(notes, function)
    assert caught.value is error


def test_what_is_no_message_is_an_error(notes: Notes) -> None:
    with pytest.raises(ConfigError, match="a sender gave 7"):
        run(notes, values(7))


def test_a_stream_is_closed_when_the_app_ends(notes: Notes) -> None:
    closed: list[bool] = []

    def stream(context: Any) -> Iterator[bytes]:
        try:
            while True:
                yield b"\1\0"
                context["stop"].set()
        finally:
            closed.append(True)

    run(notes, stream)
    assert closed == [True]
    assert notes.sent == [("append", b"\1\0")], "nothing after the end, no turn either"


def test_a_stream_is_closed_when_something_fails(notes: Notes) -> None:
    closed: list[bool] = []

    def stream(context: Any) -> Iterator[Any]:
        try:
            yield 7
        finally:
            closed.append(True)

    with pytest.raises(ConfigError):
        run(notes, stream)
    assert closed == [True]


def test_what_asks_for_the_end() -> None:
    assert is_cancellation(Stopped())
    assert is_cancellation(asyncio.CancelledError())
    for other in (ValueError(), StopIteration(), KeyboardInterrupt(), SystemExit()):
        assert not is_cancellation(other)
