"""permessage-deflate against RFC 7692's examples, its limits, and another implementation."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from realtime_sync.transport import _deflate
from realtime_sync.transport._deflate import (
    Agreement,
    Deflater,
    InflatingSplitter,
    NegotiationError,
    negotiated,
)
from realtime_sync.transport._frames import Splitter

TEXT, BINARY, PING, RSV1, FIN = 1, 2, 9, 0x40, 0x80
TAIL = b"\x00\x00\xff\xff"


def frame(first: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65536:
        return bytes((first, 126)) + size.to_bytes(2, "big") + payload
    return bytes((first, 127)) + size.to_bytes(8, "big") + payload


def deflate(data: bytes, **options: int) -> bytes:
    compressor = zlib.compressobj(wbits=-15, **options)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


def ended(data: bytes, **options: int) -> bytes:
    """A whole stream: the next one begins anew (§7.2.3.4)."""
    compressor = zlib.compressobj(wbits=-15, **options)
    return compressor.compress(data) + compressor.flush(zlib.Z_FINISH)


def unmasked(data: bytes | bytearray) -> tuple[int, bytes]:
    """Return first byte and payload of a client's frame."""
    size, start = data[1] & 0x7F, 2
    if size > 125:
        start = 4 if size == 126 else 10
        size = int.from_bytes(data[2:start], "big")
    key, body = data[start : start + 4], data[start + 4 :]
    assert len(body) == size
    return data[0], bytes(byte ^ key[i % 4] for i, byte in enumerate(body))


# -- the agreement ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], None),
        (["", " , "], None),
        (["permessage-deflate"], Agreement()),
        (["permessage-deflate; server_no_context_takeover"], Agreement()),
        (["permessage-deflate ;server_max_window_bits = 10"], Agreement()),
        (
            ['permessage-deflate; client_max_window_bits="9"; client_no_context_takeover'],
            Agreement(client_max_window_bits=9, client_no_context_takeover=True),
        ),
    ],
)
def test_answers(values: list[str], expected: Agreement | None) -> None:
    assert negotiated(values) == expected


@pytest.mark.parametrize(
    "value",
    [
        "x-webkit-deflate-frame",
        "permessage-deflate, permessage-deflate",
        "permessage-deflate; unheard_of",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=08",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; client_no_context_takeover=1",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; =8",
        "permessage-deflate;",
    ],
)
def test_wrong_answers(value: str) -> None:
    with pytest.raises(NegotiationError):
        negotiated([value])


def test_two_header_lines_are_one_list() -> None:
    with pytest.raises(NegotiationError, match="more extensions"):
        negotiated(["permessage-deflate", "permessage-deflate"])


# -- receiving -------------------------------------------------------------------------------------


def test_the_examples_of_the_standard() -> None:
    """RFC 7692 §7.2.3.1 to §7.2.3.5, on one link with context takeover."""
    splitter = InflatingSplitter()
    first = bytes.fromhex("c1 07 f2 48 cd c9 c9 07 00")
    fragments = bytes.fromhex("41 03 f2 48 cd  80 04 c9 c9 07 00")
    shared = bytes.fromhex("c1 05 f2 00 11 00 00")
    stored = bytes.fromhex("c1 0b 00 05 00 fa ff 48 65 6c 6c 6f 00")
    two_blocks = bytes.fromhex("c1 0d f2 48 05 00 00 00 ff ff ca c9 c9 07 00")
    final = bytes.fromhex("c1 08 f3 48 cd c9 c9 07 00 00")
    data = first + shared + fragments + stored + two_blocks + final + first + shared
    assert splitter.feed(data) == ["Hello"] * 8
    assert splitter.error is None


def test_bytewise_with_pings_between_and_plain_messages_beside() -> None:
    splitter = InflatingSplitter(max_size=1000)
    packed = deflate("grüße".encode() * 20)
    data = (
        frame(FIN | TEXT, b"plain")
        + frame(TEXT | RSV1, packed[:5])
        + frame(FIN | PING, b"?")
        + frame(0, packed[5:9])
        + frame(0, b"")
        + frame(FIN, packed[9:])
        + frame(TEXT, b"in ")
        + frame(FIN, b"parts")
        + frame(FIN | BINARY | RSV1, deflate(b"\xff\x00"))
        + frame(FIN | TEXT | RSV1, b"\x00")
    )
    messages = [m for i in range(len(data)) for m in splitter.feed(data[i : i + 1])]
    assert messages == ["plain", "grüße" * 20, "in parts", b"\xff\x00", ""]
    assert splitter.pings == [b"?"]
    assert splitter.error is None


@pytest.mark.parametrize(
    "data",
    [
        frame(FIN | PING | RSV1, b""),
        frame(TEXT | RSV1, b"") + frame(FIN | RSV1, b""),
        frame(TEXT, b"") + frame(FIN | RSV1, b""),
        frame(FIN | TEXT | RSV1 | 0x20, b""),
        frame(FIN | TEXT | 0x10, b""),
        frame(TEXT | RSV1, b"") + frame(FIN | TEXT | RSV1, b""),
        frame(FIN | 3 | RSV1, b""),
    ],
)
def test_the_bit_in_a_wrong_place(data: bytes) -> None:
    splitter = InflatingSplitter()
    assert splitter.feed(data) == []
    assert splitter.error is not None
    assert splitter.error.code == 1002


def test_a_compressed_message_where_nothing_was_agreed_on() -> None:
    splitter = Splitter()
    assert splitter.feed(frame(FIN | TEXT | RSV1, deflate(b"x"))) == []
    assert splitter.error is not None
    assert splitter.error.code == 1002


@pytest.mark.parametrize("payload", [b"\xff\xff\xff", b"\x07", b"\x02\x80" * 9])
def test_what_is_not_deflate(payload: bytes) -> None:
    splitter = InflatingSplitter()
    assert splitter.feed(frame(FIN | TEXT | RSV1, payload)) == []
    assert splitter.error is not None
    assert splitter.error.code == 1007


def test_what_is_not_utf8() -> None:
    splitter = InflatingSplitter()
    assert splitter.feed(frame(FIN | TEXT | RSV1, deflate(b"\xff"))) == []
    assert splitter.error is not None
    assert splitter.error.code == 1007


def test_the_limit_counts_what_comes_out() -> None:
    exactly, over = b"x" * 1000, b"x" * 1001
    splitter = InflatingSplitter(max_size=1000)
    data = frame(FIN | TEXT | RSV1, deflate(exactly, level=0)) + frame(FIN | TEXT, exactly)
    assert splitter.feed(data) == ["x" * 1000] * 2
    assert splitter.feed(frame(FIN | TEXT | RSV1, deflate(over))) == []
    assert splitter.error is not None
    assert splitter.error.code == 1009
    assert "max_size=1000" in splitter.error.reason


def test_a_bomb_is_not_decompressed_beyond_the_limit() -> None:
    bomb = frame(FIN | TEXT | RSV1, deflate(bytes(50_000_000)))
    assert len(bomb) < 60_000
    splitter = InflatingSplitter(max_size=100_000)
    assert splitter.feed(bomb) == []
    assert splitter.error is not None
    assert splitter.error.code == 1009
    # What zlib has still to give is left in it.
    assert len(splitter._decompressor.unconsumed_tail) > 40_000


def test_streams_that_end_do_not_escape_the_limit() -> None:
    splitter = InflatingSplitter(max_size=1000)
    half, more = ended(b"x" * 500), ended(b"x" * 501)
    assert splitter.feed(frame(FIN | TEXT | RSV1, half + half + b"\x00")) == ["x" * 1000]
    assert splitter.feed(frame(FIN | TEXT | RSV1, half + more + b"\x00")) == []
    assert splitter.error is not None
    assert splitter.error.code == 1009


class Handed:
    """Counts the bytes that decompressors are given; of what they leave, they make a copy."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        self.decompressed = 0
        monkeypatch.setattr(_deflate, "_decompressor", lambda: _Counting(self))


class _Counting:
    def __init__(self, counts: Handed) -> None:
        self._counts = counts
        self._inner = zlib.decompressobj(wbits=-15)

    def decompress(self, data: memoryview, room: int) -> bytes:
        self._counts.sizes.append(len(data))
        part = self._inner.decompress(data, room)
        self._counts.decompressed += len(part)
        return part

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


@pytest.mark.parametrize(
    "streams",
    [
        [ended(b"")] * 20_000,
        [ended(b"x")] * 5_000,
        [ended(bytes(range(256)) * 2)] * 500,
        [ended(b"x" * size) for size in range(2_000)],
        [ended(bytes(range(256)) * 400), *[ended(b"")] * 20_000],
        [ended(b""), ended(bytes(range(256)) * 400)] * 20,
        [ended(b""), ended(bytes(100_000), level=0)] * 3,
    ],
    ids=["empty", "tiny", "small", "growing", "one large, then empty", "by turns", "stored"],
)
def test_no_byte_is_copied_for_each_of_many_streams(
    streams: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    handed = Handed(monkeypatch)
    splitter = InflatingSplitter()
    payload = b"".join(streams)
    (text,) = splitter.feed(frame(FIN | BINARY | RSV1, payload + b"\x00"))
    assert len(text) == sum(len(zlib.decompress(stream, wbits=-15)) for stream in streams)
    print(f"{sum(handed.sizes)} bytes handed over for {len(payload)}")
    assert sum(handed.sizes) <= 12 * len(payload)
    assert len(handed.sizes) <= 20 * len(streams)


def test_a_message_without_ends_is_handed_over_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    handed = Handed(monkeypatch)
    splitter = InflatingSplitter()
    for _ in range(3):
        packed = deflate(bytes(range(256)) * 400)
        splitter.feed(frame(FIN | BINARY | RSV1, packed))
        assert handed.sizes.pop() == len(packed) + 4
        assert not handed.sizes


@given(
    streams=st.lists(st.integers(0, 3_000), max_size=6),
    last=st.integers(0, 3_000),
    room=st.integers(-2, 2),
)
def test_the_limit_is_exact_wherever_a_stream_ends(
    streams: list[int], last: int, room: int
) -> None:
    size = sum(streams) + last
    payload = b"".join(ended(b"x" * part) for part in streams) + deflate(b"x" * last)
    limit = max(0, size + room)
    splitter = InflatingSplitter(max_size=limit)
    messages = splitter.feed(frame(FIN | TEXT | RSV1, payload))
    if size > limit or len(payload) > limit + (limit >> 3) + 64:
        assert messages == []
        assert splitter.error is not None
        assert splitter.error.code == 1009
    else:
        assert messages == ["x" * size]


def test_nothing_is_decompressed_beyond_the_limit_behind_streams_that_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handed = Handed(monkeypatch)
    splitter = InflatingSplitter(max_size=1000)
    payload = ended(b"x" * 300) * 3 + ended(bytes(100_000))
    assert splitter.feed(frame(FIN | TEXT | RSV1, payload)) == []
    assert handed.decompressed == 1001


@pytest.mark.parametrize("fragments", [1, 3])
def test_compressed_bytes_without_end_are_refused(fragments: int) -> None:
    """Empty blocks decompress to nothing; the limit holds for what is kept of them, too."""
    splitter = InflatingSplitter(max_size=1000)
    payload = b"\x00\x00\x00\xff\xff" * (1200 // 5 // fragments)
    splitter.feed(frame(TEXT | RSV1, payload) + frame(0, payload) * (fragments - 1))
    assert splitter.error is not None
    assert splitter.error.code == 1009


def test_a_large_frame_that_the_socket_fills_in_place() -> None:
    text = "".join(chr(32 + (i * i) % 90) for i in range(400_000))
    splitter = InflatingSplitter()
    data = frame(FIN | TEXT | RSV1, deflate(text.encode(), level=0))
    assert splitter.feed(data[:1000]) == []
    space = splitter.space()
    assert space is not None
    space[:] = data[1000:]
    assert splitter.filled(len(data) - 1000) == [text]
    splitter = InflatingSplitter()
    splitter.feed(frame(FIN | TEXT | RSV1, b"\xff" * 80_000)[:1000])
    space = splitter.space()
    assert space is not None
    space[:] = b"\xff" * len(space)
    assert splitter.filled(len(space)) == []
    assert splitter.error is not None
    assert splitter.error.code == 1007


# -- sending ---------------------------------------------------------------------------------------


def peer(agreement: Agreement) -> PerMessageDeflate:
    """websockets' end of the link."""
    return PerMessageDeflate(
        remote_no_context_takeover=agreement.client_no_context_takeover,
        local_no_context_takeover=False,
        remote_max_window_bits=max(agreement.client_max_window_bits, 9),
        local_max_window_bits=15,
    )


MESSAGES = st.lists(
    st.one_of(
        st.text(max_size=300),
        st.sampled_from(["", "a", '{"type":"input_audio_buffer.append"}' * 3, "A" * 70_000]),
    ),
    max_size=8,
)
AGREEMENTS = st.builds(
    Agreement,
    client_no_context_takeover=st.booleans(),
    client_max_window_bits=st.integers(8, 15),
)


@given(messages=MESSAGES, agreement=AGREEMENTS)
def test_another_implementation_understands_us(messages: list[str], agreement: Agreement) -> None:
    deflater, other = Deflater(agreement), peer(agreement)
    for message in messages:
        first, payload = unmasked(deflater.frame(message.encode()))
        assert first & 0x0F == TEXT
        assert first & FIN
        if agreement.client_max_window_bits == 8:
            assert first == FIN | TEXT, "zlib can't, so it goes as it is"
            continue
        decoded = other.decode(Frame(Opcode.TEXT, payload, True, rsv1=bool(first & RSV1)))
        assert decoded.data == message.encode()


@given(messages=MESSAGES, takeover=st.booleans(), bits=st.integers(9, 15))
def test_we_understand_another_implementation(
    messages: list[str], takeover: bool, bits: int
) -> None:
    other = PerMessageDeflate(False, not takeover, 15, bits)
    splitter = InflatingSplitter()
    for message in messages:
        sent = other.encode(Frame(Opcode.TEXT, message.encode(), True))
        first = FIN | TEXT | (RSV1 if sent.rsv1 else 0)
        assert splitter.feed(frame(first, bytes(sent.data))) == [message]


def test_context_takeover_makes_repeated_messages_small() -> None:
    message = b'{"type":"conversation.item.create","item":{"type":"message","role":"user"}}'
    kept, fresh = Deflater(Agreement()), Deflater(Agreement(client_no_context_takeover=True))
    assert len(kept.frame(message)) == len(fresh.frame(message))
    assert len(kept.frame(message)) < 20 < len(fresh.frame(message))
