"""The splitter against the rules of RFC 6455."""

from __future__ import annotations

import pytest
from framing import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Messages,
    feed,
    frame,
    header,
)

from realtime_sync.transport import _frames
from realtime_sync.transport._frames import CloseFrame, Splitter


def outcome(splitter: Splitter) -> tuple[object, object, list[bytes]]:
    error = splitter.error
    return error and error.code, splitter.close, splitter.pings


STREAM = b"".join(
    (
        frame(TEXT, b"short"),
        frame(TEXT, b""),
        frame(TEXT, ("ü" * 100).encode()),
        frame(PING, b"are you there"),
        frame(TEXT, b"frag", fin=False),
        frame(PING, b""),
        frame(CONTINUATION, "mented ü".encode()[:-1], fin=False),
        frame(PONG, b"never asked"),
        frame(CONTINUATION, "ü".encode()[1:]),
        frame(BINARY, bytes(range(256))),
        frame(TEXT, b"x" * 400),
        frame(CLOSE, (1001).to_bytes(2, "big") + b"bye"),
    )
)
STREAM_MESSAGES: Messages = [
    "short", "", "ü" * 100, "fragmented ü", bytes(range(256)), "x" * 400
]  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, len(STREAM)])
def test_chunks_of_one_size(size: int) -> None:
    splitter, messages = Splitter(), []
    for i in range(0, len(STREAM), size):
        messages += feed(splitter, STREAM[i : i + size])
    assert messages == STREAM_MESSAGES
    assert outcome(splitter) == (None, CloseFrame(1001, "bye"), [b"are you there", b""])


def test_every_byte_boundary() -> None:
    for cut in range(len(STREAM) + 1):
        splitter = Splitter()
        messages = feed(splitter, STREAM[:cut]) + feed(splitter, STREAM[cut:])
        assert messages == STREAM_MESSAGES, cut
        assert outcome(splitter) == (None, CloseFrame(1001, "bye"), [b"are you there", b""])


@pytest.mark.parametrize("size", [125, 126, 127, 65535, 65536, 65537, 300_000])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_lengths_at_their_limits(size: int, opcode: int) -> None:
    body = b"a" * size
    expected: str | bytes = body.decode() if opcode == TEXT else body
    data = frame(opcode, body) + frame(TEXT, b"next")
    assert feed(Splitter(), data) == [expected, "next"]
    splitter, messages = Splitter(), []
    for i in range(0, len(data), 65536):
        messages += feed(splitter, data[i : i + 65536])
    assert messages == [expected, "next"]


def test_large_fragments_are_filled_in_place() -> None:
    splitter = Splitter()
    first = frame(TEXT, b"a" * 80_000, fin=False)
    assert feed(splitter, first[:1000]) == []
    space = splitter.space()
    assert space is not None
    assert len(space) == 80_000 - (1000 - 10)
    rest = frame(CONTINUATION, b"b" * 100_000)
    assert feed(splitter, first[1000:] + rest[:20]) == []
    assert feed(splitter, rest[20:]) == ["a" * 80_000 + "b" * 100_000]
    assert splitter.space() is None


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(TEXT, b"x", rsv=0x40), 1002),
        (frame(TEXT, b"x", rsv=0x20), 1002),
        (frame(TEXT, b"x", rsv=0x10), 1002),
        (frame(3), 1002),
        (frame(7), 1002),
        (frame(11), 1002),
        (frame(15), 1002),
        (frame(PING, b"", fin=False), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(CLOSE, b"x" * 200), 1002),
        (frame(CONTINUATION, b"of nothing"), 1002),
        (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002),
        (frame(TEXT, b"a", fin=False) + frame(BINARY, b"b", fin=False), 1002),
        (b"\x81\x80", 1002),  # masked
        (b"\x81\x85mask", 1002),
        (b"\x81\xfe", 1002),
        (b"\x81\x7e\x00\x05", 1002),  # 5 needs no second length
        (b"\x81\x7f" + (65535).to_bytes(8, "big"), 1002),
        (b"\x81\x7f" + (1 << 63).to_bytes(8, "big"), 1002),
        (frame(CLOSE, b"\x03"), 1002),
        (frame(CLOSE, (999).to_bytes(2, "big")), 1002),
        (frame(CLOSE, (1005).to_bytes(2, "big")), 1002),
        (frame(CLOSE, (1006).to_bytes(2, "big")), 1002),
        (frame(CLOSE, (1015).to_bytes(2, "big")), 1002),
        (frame(CLOSE, (2999).to_bytes(2, "big")), 1002),
        (frame(CLOSE, (5000).to_bytes(2, "big")), 1002),
        (frame(CLOSE, (1000).to_bytes(2, "big") + b"\xff"), 1007),
        (frame(TEXT, b"\xc3"), 1007),
        (frame(TEXT, b"\xed\xa0\x80"), 1007),  # a surrogate
        (frame(TEXT, b"\xc0\x80"), 1007),  # an overlong NUL
        (frame(TEXT, b"\xc3", fin=False) + frame(CONTINUATION, b"x"), 1007),
        (frame(TEXT, b"x" * 70_000 + b"\xff"), 1007),
    ],
)
def test_a_broken_rule(data: bytes, code: int) -> None:
    whole, bytewise = Splitter(), Splitter()
    assert feed(whole, frame(TEXT, b"before") + data + frame(TEXT, b"after")) == ["before"]
    assert whole.error is not None
    assert whole.error.code == code
    assert whole.error.reason
    assert whole.feed(frame(TEXT, b"later")) == []
    for i in range(len(data)):
        assert feed(bytewise, data[i : i + 1]) == []
    assert bytewise.error is not None
    assert bytewise.error.code == code


@pytest.mark.parametrize(
    "data",
    [
        frame(TEXT, b"x" * 101),
        frame(BINARY, b"x" * 101),
        header(0x81, 101),  # refused before it is there
        header(0x82, 1 << 40),
        frame(TEXT, b"x" * 60, fin=False) + header(0x80, 41),
    ],
)
def test_max_size(data: bytes) -> None:
    splitter = Splitter(max_size=100)
    assert feed(splitter, frame(TEXT, b"x" * 100)) == ["x" * 100]
    assert feed(splitter, data) == []
    assert splitter.error is not None
    assert splitter.error.code == 1009
    assert "max_size=100" in splitter.error.reason


def test_a_false_length_takes_no_memory() -> None:
    """A frame of any length gets room for as much again as has come of it."""
    splitter = Splitter()
    assert feed(splitter, header(0x82, (1 << 63) - 1)) == []
    arrived = 0
    for _ in range(5):
        space = splitter.space()
        assert space is not None
        assert len(space) <= max(1 << 20, arrived)
        arrived += len(space)
        assert splitter.filled(len(space)) == []
    assert splitter.error is None


def test_a_frame_that_no_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    splitter = Splitter()
    assert feed(splitter, header(0x82, (1 << 63) - 1)) == []
    space = splitter.space()
    assert space is not None
    monkeypatch.setattr(_frames, "_FIRST_CHUNK", 1 << 62)  # as if so much had come
    assert splitter.filled(len(space)) == []
    assert splitter.error is not None
    assert splitter.error.code == 1009
    assert "no memory" in splitter.error.reason


def test_empty_fragments_take_no_memory() -> None:
    splitter = Splitter()
    assert feed(splitter, frame(TEXT, b"", fin=False) + frame(CONTINUATION, fin=False) * 1000) == []
    assert splitter._parts == []
    assert feed(splitter, frame(CONTINUATION, b"end")) == ["end"]


@pytest.mark.parametrize("payload", [b"", (1000).to_bytes(2, "big"), b"\x0f\xa0" + b"r" * 123])
def test_close_ends_the_stream(payload: bytes) -> None:
    splitter = Splitter()
    data = frame(TEXT, b"last") + frame(CLOSE, payload) + frame(TEXT, b"too late")
    assert feed(splitter, data) == ["last"]
    expected = {0: CloseFrame(1005, ""), 2: CloseFrame(1000, "")}
    assert splitter.close == expected.get(len(payload), CloseFrame(4000, "r" * 123))
    assert splitter.feed(frame(TEXT, b"later still")) == []
