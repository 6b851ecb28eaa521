"""Where bytes are cut makes no difference: by the network, or by the peer into fragments."""

from __future__ import annotations

import hashlib
import zlib
from itertools import combinations_with_replacement

import pytest
from framing import (
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

from realtime_sync.transport import _frames
from realtime_sync.transport._deflate import InflatingSplitter
from realtime_sync.transport._frames import CloseFrame, Splitter

# Characters of one to four bytes.
SHORT = "aé€😀 ßx" * 2
LARGE = "aé€😀".join(map(str, range(1_400)))

both = pytest.mark.parametrize("deflate", [False, True], ids=["plain", "deflate"])


class Peer:
    """Makes what a server sends; with ``deflate`` every message is compressed."""

    def __init__(self, *, deflate: bool, level: int = -1) -> None:
        self._rsv = RSV1 if deflate else 0
        self._compressor = zlib.compressobj(level, wbits=-15) if deflate else None

    def payload(self, body: bytes) -> bytes:
        """Return what travels of a message."""
        if self._compressor is None:
            return body
        data = self._compressor.compress(body) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
        return data[:-4]

    def fragments(self, opcode: int, payload: bytes, *cuts: int) -> bytes:
        """Return a message in fragments; a ping and a pong stand before each but the first."""
        bounds = [0, *cuts, len(payload)]
        data = b""
        for i in range(len(bounds) - 1):
            if i:
                data += frame(PING, b"%d" % i) + frame(PONG)
            first = CONTINUATION if i else opcode
            fin = i == len(bounds) - 2
            piece = payload[bounds[i] : bounds[i + 1]]
            data += frame(first, piece, fin=fin, rsv=0 if i else self._rsv)
        return data

    def whole(self, opcode: int, body: bytes) -> bytes:
        """Return a message in one frame."""
        return self.fragments(opcode, self.payload(body))


def splitter_for(deflate: bool) -> Splitter:
    return InflatingSplitter() if deflate else Splitter()


def read(data: bytes, cuts: tuple[int, ...], splitter: Splitter) -> Messages:
    """Give ``data`` to the splitter in as many reads as ``cuts`` make of it."""
    messages: Messages = []
    position = 0
    for cut in (*cuts, len(data)):
        messages += feed(splitter, data[position:cut])
        position = cut
    return messages


@both
def test_a_message_in_fragments_cut_at_every_byte(deflate: bool) -> None:
    """Three fragments, also empty ones and such that end inside a character."""
    payload = Peer(deflate=deflate).payload(SHORT.encode())
    for cuts in combinations_with_replacement(range(len(payload) + 1), 2):
        peer = Peer(deflate=deflate)
        data = peer.fragments(TEXT, peer.payload(SHORT.encode()), *cuts)
        data += peer.whole(TEXT, b"next")
        for reads in ((), tuple(range(1, len(data)))):
            splitter = splitter_for(deflate)
            assert read(data, reads, splitter) == [SHORT, "next"], cuts
            assert splitter.pings == [b"1", b"2"]
            assert splitter.error is None


@both
def test_a_stream_of_frames_cut_at_every_byte(deflate: bool) -> None:
    """In three reads: up to a byte, a few bytes or none, and the rest."""
    peer = Peer(deflate=deflate)
    long = "".join(hashlib.sha512(b"%d" % i).hexdigest() for i in range(3))  # hardly compressible
    data = (
        peer.whole(TEXT, SHORT.encode())
        + frame(PING, b"?")
        + peer.whole(TEXT, long.encode())
        + peer.fragments(TEXT, peer.payload("ü€😀".encode()), 1, 2)
        + frame(CLOSE, b"\x03\xe8ok")
    )
    assert b"\x7e" in data, "a length in two bytes"
    for cut in range(len(data) + 1):
        for more in range(12):
            splitter = splitter_for(deflate)
            messages = read(data, (cut, min(cut + more, len(data))), splitter)
            assert messages == [SHORT, long, "ü€😀"], (cut, more)
            assert splitter.pings == [b"?", b"1", b"2"]
            assert splitter.close == CloseFrame(1000, "ok")
            assert splitter.error is None


@both
def test_large_fragments_cut_at_every_byte(deflate: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """So large that what is missing of them is read in place."""
    monkeypatch.setattr(_frames, "_LARGE_REST", 8_192)  # or there would be too many bytes to cut at
    # Stored, so that the compressed message is as large.
    peer = Peer(deflate=deflate, level=0)
    payload = peer.payload(LARGE.encode())
    data = peer.fragments(TEXT, payload, 8_201) + peer.whole(TEXT, b"next")
    assert len(payload) > 2 * 8_201
    in_place = 0
    for cut in range(len(data) + 1):
        splitter = splitter_for(deflate)
        messages = feed(splitter, data[:cut])
        in_place += splitter.space() is not None
        messages += feed(splitter, data[cut:])
        assert messages == [LARGE, "next"], cut
        assert splitter.pings == [b"1"]
    assert in_place, "the test is to reach that way"


@both
def test_a_length_in_eight_bytes_cut_at_every_byte(deflate: bool) -> None:
    peer = Peer(deflate=deflate, level=0)
    text = "ü" * 40_000
    frames = peer.whole(TEXT, text.encode())
    size = len(header(0x81, 80_000))
    for cuts in combinations_with_replacement(range(size + 3), 2):
        splitter = splitter_for(deflate)
        assert read(frames, (*cuts, len(frames) - 1), splitter) == [text], cuts
