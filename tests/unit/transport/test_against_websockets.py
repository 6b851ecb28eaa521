"""The splitter and the builder against an independent implementation: the package websockets."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from itertools import cycle, pairwise
from typing import NamedTuple

import pytest
from framing import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    RSV1,
    TEXT,
    Messages,
    feed,
    frame,
    header,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State
from websockets.uri import parse_uri

from realtime_sync.transport import _mask
from realtime_sync.transport._deflate import InflatingSplitter
from realtime_sync.transport._frames import (
    Splitter,
    close_frame,
    ping_frame,
    pong_frame,
    text_frame,
)

FIN = 0x80
TAIL = b"\x00\x00\xff\xff"
# The other one says 1002 for what can't be decompressed, we say 1007; the standards say nothing.
UNDECODABLE = -1
# What was damaged may say that the compression is over. The standard lets another begin (RFC 7692
# §7.2.3.4); the other one takes all that follows for empty messages, so nothing can be compared.
COMPRESSION_OVER = -2


class Outcome(NamedTuple):
    """What becomes of received bytes: messages, the code with which they end the link, pings."""

    messages: Messages
    end: int | None
    pings: list[bytes]


# -- receiving -------------------------------------------------------------------------------------


def theirs(data: bytes, *, deflate: bool = False, max_size: int | None = None) -> Outcome:
    """What websockets makes of ``data``; ``max_size`` is counted here, its own is another rule."""
    protocol = ClientProtocol(parse_uri("ws://localhost/"), state=State.OPEN, max_size=None)
    compression = PerMessageDeflate(False, False, 15, 15)
    if deflate:
        protocol.extensions = [compression]
    protocol.receive_data(data)
    if compression.decoder.eof:
        return Outcome([], COMPRESSION_OVER, [])
    outcome = Outcome([], None, [])
    opcode, body = Opcode.TEXT, b""
    for event in protocol.events_received():
        assert isinstance(event, Frame)
        if event.opcode is Opcode.PING:
            outcome.pings.append(bytes(event.data))
        elif event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            if event.opcode is not Opcode.CONT:
                opcode, body = event.opcode, b""
            body += event.data
            if max_size is not None and len(body) > max_size:
                return outcome._replace(end=1009)
            if event.fin:
                try:  # its connections do this above the protocol
                    outcome.messages.append(body.decode() if opcode is Opcode.TEXT else body)
                except UnicodeDecodeError:
                    return outcome._replace(end=1007)
    if protocol.close_rcvd is not None:
        return outcome._replace(end=protocol.close_rcvd.code)
    if protocol.close_sent is not None:
        undecodable = isinstance(protocol.parser_exc and protocol.parser_exc.__cause__, zlib.error)
        return outcome._replace(end=UNDECODABLE if undecodable else protocol.close_sent.code)
    return outcome


def ours(splitter: Splitter, pieces: list[bytes]) -> Outcome:
    messages = [message for piece in pieces for message in feed(splitter, piece)]
    ending = splitter.close or splitter.error
    return Outcome(messages, ending.code if ending else None, splitter.pings)


def assert_same(data: bytes, cuts: list[int], *, deflate: bool, max_size: int | None) -> None:
    expected = theirs(data, deflate=deflate, max_size=max_size)
    if expected.end == COMPRESSION_OVER:
        return
    if expected.end == UNDECODABLE:
        # We look at a compressed message only when it is complete.
        data += frame(CONTINUATION)
    splitter = InflatingSplitter(max_size) if deflate else Splitter(max_size)
    outcome = ours(splitter, divided(data, cuts))
    assert outcome.messages == expected.messages
    # The other one says 1011 of a mistake of its own, where more comes behind a compressed end.
    if expected.end in (UNDECODABLE, 1011):
        assert outcome.end is not None
        return
    assert outcome.end == expected.end
    if expected.end != 1007:  # the other one goes on reading pings behind a text that is not UTF-8
        assert outcome.pings == expected.pings


def divided(data: bytes, cuts: list[int]) -> list[bytes]:
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(bounds)]


SIZES = st.sampled_from([0, 1, 2, 5, 124, 125, 126, 127, 300, 8300, 65535, 65536])
BODIES = st.one_of(
    st.binary(max_size=20),
    st.text(max_size=20).map(str.encode),
    st.text(max_size=20).map(str.encode),
    SIZES.map(lambda size: b"z" * size),
    st.integers(0, 5100).map(lambda code: code.to_bytes(2, "big") + b"why"),
)
CUTS = st.lists(st.integers(0, 5000), max_size=6)
ANY_FRAMES = st.builds(
    frame,
    st.sampled_from([TEXT, TEXT, TEXT, BINARY, CONTINUATION, CONTINUATION, PING, PONG, CLOSE, 5]),
    BODIES,
    fin=st.booleans(),
    rsv=st.sampled_from([0] * 20 + [0x10, 0x40]),
)


@settings(max_examples=300)
@given(frames=st.lists(ANY_FRAMES, max_size=8), cuts=CUTS)
@example(frames=[frame(TEXT, b"a", fin=False), frame(PING), frame(CONTINUATION, b"b")], cuts=[3])
def test_any_frames(frames: list[bytes], cuts: list[int]) -> None:
    assert_same(b"".join(frames), cuts, deflate=False, max_size=None)


class Part(NamedTuple):
    """A frame: its first byte and its payload."""

    first: int
    payload: bytes


class Draft(NamedTuple):
    """A message to be sent in fragments."""

    opcode: int
    body: bytes
    cuts: list[int]
    packed: bool


class Damage(NamedTuple):
    """What is done to one frame of a stream."""

    place: int
    kind: str
    first: int


DRAFTS = st.lists(
    st.builds(
        Draft,
        st.sampled_from([TEXT, TEXT, BINARY]),
        BODIES,
        st.lists(st.integers(0, 400), max_size=3),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)
SMALL = st.binary(max_size=125)
CONTROLS = st.lists(
    st.one_of(
        st.just(b""),
        SMALL.map(lambda payload: frame(PING, payload)),
        SMALL.map(lambda payload: frame(PONG, payload)),
    ),
    min_size=1,
    max_size=5,
)
DAMAGES = st.lists(
    st.builds(
        Damage,
        st.integers(0, 20),
        st.sampled_from(["replace", "replace", "insert", "drop", "twice", "mask"]),
        st.integers(0, 255),
    ),
    max_size=2,
)


def parts_of(drafts: list[Draft], *, deflate: bool) -> list[Part]:
    """Return the messages in fragments, those marked so compressed."""
    compressor = zlib.compressobj(wbits=-15)
    parts = []
    for draft in drafts:
        body, packed = draft.body, deflate and draft.packed
        if packed:
            body = compressor.compress(body) + compressor.flush(zlib.Z_SYNC_FLUSH)
            body = body.removesuffix(TAIL) or b"\x00"
        pieces = divided(body, draft.cuts)
        for i, piece in enumerate(pieces):
            first = CONTINUATION if i else draft.opcode | (RSV1 if packed else 0)
            parts.append(Part(first | (FIN if i == len(pieces) - 1 else 0), piece))
    return parts


def wire(parts: list[Part], controls: list[bytes], damages: list[Damage]) -> bytes:
    """Return the frames with control frames in between, after some of them were damaged."""
    between = cycle(controls)
    frames = []
    for part in parts:
        frames += [(part.first, part.payload), *[(c[0], c[2:]) for c in [next(between)] if c]]
    masked = set()
    for damage in damages:
        i = damage.place % len(frames) if frames else 0
        if damage.kind == "insert" or not frames:
            frames.insert(i, (damage.first, b"\x03\xe8"))
        elif damage.kind == "replace":
            frames[i] = (damage.first, frames[i][1])
        elif damage.kind == "drop":
            del frames[i]
        elif damage.kind == "twice":
            frames.insert(i, frames[i])
        else:
            masked.add(i)
    data = b""
    for i, (first, payload) in enumerate(frames):
        head = header(first, len(payload))
        data += bytes((head[0], head[1] | (0x80 if i in masked else 0))) + head[2:] + payload
    return data


@settings(max_examples=300)
@given(
    drafts=DRAFTS,
    controls=CONTROLS,
    damages=DAMAGES,
    cuts=CUTS,
    room=st.sampled_from([None, None, -1, 0]),
)
def test_messages_in_fragments_with_mistakes(
    drafts: list[Draft],
    controls: list[bytes],
    damages: list[Damage],
    cuts: list[int],
    room: int | None,
) -> None:
    """``room`` is what the limit leaves beside the longest message."""
    max_size = None if room is None else max(1, room + max(len(draft.body) for draft in drafts))
    parts = parts_of(drafts, deflate=False)
    assert_same(wire(parts, controls, damages), cuts, deflate=False, max_size=max_size)


@settings(max_examples=300)
@given(drafts=DRAFTS, controls=CONTROLS, damages=DAMAGES, cuts=CUTS)
def test_compressed_messages_in_fragments_with_mistakes(
    drafts: list[Draft], controls: list[bytes], damages: list[Damage], cuts: list[int]
) -> None:
    parts = parts_of(drafts, deflate=True)
    assert_same(wire(parts, controls, damages), cuts, deflate=True, max_size=None)


@pytest.mark.parametrize("deflate", [False, True], ids=["plain", "deflate"])
def test_every_first_byte_of_a_frame(deflate: bool) -> None:
    """At the beginning and inside a message, for sizes that are allowed or not, masked or not."""
    packed = parts_of([Draft(TEXT, b"packed", [], True)], deflate=True)[0].payload
    for first in range(256):
        for size in (0, 1, 2, 125, 126, 300):
            payload = (b"\x03\xe8" + b"x" * size)[:size] if size != 1 else b"x"
            if deflate and first & RSV1 and first & 0x0F in (TEXT, BINARY):
                payload = packed
            head = header(first, len(payload))
            for before in (b"", frame(TEXT, b"", fin=False)):
                for mask in (0, 0x80):
                    data = before + bytes((first, head[1] | mask)) + head[2:] + payload
                    data += frame(CONTINUATION) + frame(TEXT, b"next")
                    assert_same(data, [len(before) + 1], deflate=deflate, max_size=None)


# -- building --------------------------------------------------------------------------------------


def server_reads(data: bytes) -> list[Frame]:
    protocol = Protocol(Side.SERVER, state=State.OPEN, max_size=None)
    protocol.receive_data(data)
    assert protocol.close_sent is None or protocol.close_rcvd is not None
    return [event for event in protocol.events_received() if isinstance(event, Frame)]


@pytest.fixture(params=["NumPy", "no NumPy"])
def _numpy_or_not(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np  # noqa: F401  # frames of every size are masked with it once it is loaded

    if request.param == "no NumPy":
        monkeypatch.setattr(_mask, "_INT_UP_TO", 1 << 20)


# Where the length takes more bytes, and where another way of masking may begin.
EDGES = [125, 126, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65535, 65536, 131072]
SIZES_AROUND_EDGES = [*range(124), *(edge + i for edge in EDGES for i in range(-9, 10))]


@pytest.mark.usefixtures("_numpy_or_not")
def test_frames_of_every_interesting_size() -> None:
    noise = os.urandom(max(SIZES_AROUND_EDGES))
    for size in SIZES_AROUND_EDGES:
        body = noise[:size]
        built = bytes(text_frame(body))
        (received,) = server_reads(built)
        assert (received.opcode, received.fin) == (Opcode.TEXT, True)
        assert received.data == body, size
        # The other one also takes a length in more bytes than are needed.
        assert len(built) - size == (6 if size < 126 else 8 if size < 65536 else 14)


@pytest.mark.usefixtures("_numpy_or_not")
def test_masking_round_trip() -> None:
    @settings(max_examples=100)
    @given(bodies=st.lists(st.binary(max_size=2000), max_size=4))
    def check(bodies: list[bytes]) -> None:
        received = server_reads(b"".join(text_frame(body) for body in bodies))
        assert [frame.data for frame in received] == bodies

    check()


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


def test_pongs_of_every_size() -> None:
    for size in range(126):
        body = os.urandom(size)
        (received,) = server_reads(bytes(pong_frame(body)))
        assert (received.opcode, received.data) == (Opcode.PONG, body)


@pytest.mark.parametrize(("size", "loads"), [(16_383, False), (16_384, True)])
def test_only_large_frames_load_numpy(size: int, loads: bool) -> None:
    code = (
        "import sys; from realtime_sync.transport._frames import text_frame; "
        f"text_frame(b'x' * {size}); sys.exit(('numpy' in sys.modules) is not {loads})"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
