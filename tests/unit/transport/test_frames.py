"""The splitter and the builder against the rules of RFC 6455 and an independent implementation."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State
from websockets.uri import parse_uri

from realtime_sync.transport import _frames
from realtime_sync.transport._frames import (
    CloseFrame,
    Splitter,
    close_frame,
    ping_frame,
    pong_frame,
    text_frame,
)

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
Messages = list[str | bytes]


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> bytes:
    """What a server sends."""
    return header(opcode | (0x80 if fin else 0) | rsv, len(payload)) + payload


def header(first: int, size: int) -> bytes:
    if size < 126:
        return bytes((first, size))
    if size < 65536:
        return bytes((first, 126)) + size.to_bytes(2, "big")
    return bytes((first, 127)) + size.to_bytes(8, "big")


def feed(splitter: Splitter, data: bytes) -> Messages:
    """Give ``data`` to the splitter the way the transport does."""
    messages: Messages = []
    while data:
        space = splitter.space()
        if space is None:
            return messages + splitter.feed(data)
        count = min(len(space), len(data))
        space[:count] = data[:count]
        messages += splitter.filled(count)
        data = data[count:]
    return messages


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
    first = frame(TEXT, b"a" * 50_000, fin=False)
    assert feed(splitter, first[:1000]) == []
    space = splitter.space()
    assert space is not None
    assert len(space) == 50_000 - (1000 - 4)
    rest = frame(CONTINUATION, b"b" * 100_000)
    assert feed(splitter, first[1000:] + rest[:20]) == []
    assert feed(splitter, rest[20:]) == ["a" * 50_000 + "b" * 100_000]
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


def test_a_length_that_no_memory_holds() -> None:
    splitter = Splitter()
    assert feed(splitter, header(0x82, (1 << 63) - 1)) == []
    assert splitter.error is not None
    assert splitter.error.code == 1009


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


# -- an independent implementation -----------------------------------------------------------------


def websockets_outcome(data: bytes) -> tuple[Messages, int | None, list[bytes]]:
    """What the package websockets makes of the same bytes: messages, end, pings."""
    protocol = ClientProtocol(parse_uri("ws://localhost/"), state=State.OPEN)
    protocol.receive_data(data)
    messages: Messages = []
    pings: list[bytes] = []
    parts: list[bytes] = []
    opcode = Opcode.TEXT
    end: int | None = None
    for event in protocol.events_received():
        assert isinstance(event, Frame)
        if event.opcode is Opcode.PING:
            pings.append(bytes(event.data))
        elif event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            if event.opcode is not Opcode.CONT:
                opcode, parts = event.opcode, []
            parts.append(bytes(event.data))
            if event.fin:
                body = b"".join(parts)
                if opcode is Opcode.TEXT:
                    try:
                        messages.append(body.decode())
                    except UnicodeDecodeError:  # its connections do this above the protocol
                        return messages, 1007, pings
                else:
                    messages.append(body)
    if protocol.close_rcvd is not None:
        end = protocol.close_rcvd.code
    elif protocol.close_sent is not None:
        end = protocol.close_sent.code
    return messages, end, pings


SIZES = st.sampled_from([0, 1, 2, 5, 124, 125, 126, 127, 300, 65535, 65536])
PAYLOADS = st.one_of(
    st.binary(max_size=20),
    st.text(max_size=20).map(str.encode),
    SIZES.map(lambda size: b"z" * size),
    st.integers(0, 5100).map(lambda code: code.to_bytes(2, "big") + b"why"),
)
FRAMES = st.builds(
    frame,
    st.sampled_from([TEXT, TEXT, TEXT, BINARY, CONTINUATION, CONTINUATION, PING, PONG, CLOSE, 5]),
    PAYLOADS,
    fin=st.booleans(),
    rsv=st.sampled_from([0] * 20 + [0x10, 0x40]),
)


@settings(max_examples=300, deadline=None)
@given(frames=st.lists(FRAMES, max_size=8), cuts=st.lists(st.integers(0, 5000), max_size=6))
@example(frames=[frame(TEXT, b"a", fin=False), frame(PING), frame(CONTINUATION, b"b")], cuts=[3])
def test_agrees_with_websockets(frames: list[bytes], cuts: list[int]) -> None:
    data = b"".join(frames)
    splitter, messages, position = Splitter(), [], 0
    for cut in [*sorted(cuts), len(data)]:
        messages += feed(splitter, data[position:cut])
        position = max(position, cut)
    end = splitter.close.code if splitter.close else splitter.error and splitter.error.code
    expected_messages, expected_end, pings = websockets_outcome(data)
    assert messages == expected_messages
    assert end == expected_end
    if end != 1007:  # the other one goes on reading pings behind a text that is not UTF-8
        assert splitter.pings == pings


# -- building --------------------------------------------------------------------------------------


def server_reads(data: bytes) -> list[Frame]:
    protocol = Protocol(Side.SERVER, state=State.OPEN, max_size=None)
    protocol.receive_data(data)
    assert protocol.close_sent is None or protocol.close_rcvd is not None
    return [event for event in protocol.events_received() if isinstance(event, Frame)]


@pytest.fixture(params=["NumPy loaded", "no NumPy"])
def _numpy_or_not(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "NumPy loaded":
        import numpy as np  # noqa: F401
    else:
        monkeypatch.delitem(sys.modules, "numpy", raising=False)


EDGES = [0, 1, 3, 4, 124, 125, 126, 127, 511, 512, 513, 514, 515, 516, 517, 65535, 65536, 65537]


@pytest.mark.usefixtures("_numpy_or_not")
@pytest.mark.parametrize("size", EDGES)
def test_frames_that_a_server_understands(size: int) -> None:
    body = os.urandom(size)
    (received,) = server_reads(bytes(text_frame(body)))
    assert (received.opcode, received.fin, received.data) == (Opcode.TEXT, True, body)


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=2000))
def test_masking_round_trip(body: bytes) -> None:
    (received,) = server_reads(bytes(text_frame(body)))
    assert received.data == body


def test_masks_differ_and_the_payload_is_hidden() -> None:
    body = b"secret" * 10
    frames = {bytes(text_frame(body)) for _ in range(20)}
    assert len({frame[2:6] for frame in frames}) == 20
    assert not any(b"secret" in frame for frame in frames)


def test_control_frames() -> None:
    data = b"".join(map(bytes, (ping_frame(), pong_frame(b"back"), close_frame(4000, "grün"))))
    ping, pong, close = server_reads(data)
    assert (ping.opcode, ping.data) == (Opcode.PING, b"")
    assert (pong.opcode, pong.data) == (Opcode.PONG, b"back")
    assert (close.opcode, close.data) == (Opcode.CLOSE, b"\x0f\xa0" + "grün".encode())
    (bare,) = server_reads(bytes(close_frame(1005)))
    assert (bare.opcode, bare.data) == (Opcode.CLOSE, b"")


def test_sending_text_does_not_load_numpy() -> None:
    code = (
        "import sys; from realtime_sync.transport._frames import text_frame; "
        "text_frame(b'x' * 100_000); sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture(autouse=True)
def _fresh_tables() -> Iterator[None]:
    yield
    _frames._xor_tables.cache_clear()
