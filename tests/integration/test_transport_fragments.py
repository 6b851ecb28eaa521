"""Messages in fragments, and large ones, over a real link: plain, TLS, compressed or not."""

from __future__ import annotations

import base64
import random
import socket
import zlib
from itertools import pairwise

import pytest
from framing import CONTINUATION, PING, PONG, RSV1, TEXT, Messages, frame
from guards import Guard
from raw_links import Call, Opener
from raw_server import RawPeer

from realtime_sync.transport import Transport

SHORT = "aé€😀 ßx" * 2
TAIL = b"\x00\x00\xff\xff"

both = pytest.mark.parametrize("compression", [None, "deflate"], ids=["plain", "deflate"])


class Wire:
    """One direction of a link: what travels of a message."""

    def __init__(self, compression: str | None) -> None:
        self.rsv = RSV1 if compression else 0
        self._deflate = zlib.compressobj(1, wbits=-15) if compression else None
        self._inflate = zlib.decompressobj(wbits=-15)

    def packed(self, body: bytes) -> bytes:
        if self._deflate is None:
            return body
        data = self._deflate.compress(body) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return data.removesuffix(TAIL)

    def unpacked(self, payload: bytes) -> bytes:
        return self._inflate.decompress(payload + TAIL) if self.rsv else payload

    def fragments(self, body: bytes, *cuts: int) -> list[bytes]:
        """Return the frames of a text, cut at these places of what travels."""
        payload = self.packed(body)
        bounds = [0, *(min(cut, len(payload)) for cut in cuts), len(payload)]
        pieces = [payload[a:b] for a, b in pairwise(bounds)]
        last = len(pieces) - 1
        return [
            frame(CONTINUATION if i else TEXT, piece, fin=i == last, rsv=0 if i else self.rsv)
            for i, piece in enumerate(pieces)
        ]


def read(transport: Transport, count: int) -> Messages:
    messages: Messages = []
    while len(messages) < count:
        messages += transport.read()
    return messages


def expect_pong(peer: RawPeer, payload: bytes) -> None:
    """Pings of which several came at once are answered with one pong, the last."""
    while (got := peer.frame()) != (PONG, payload):
        assert got[0] == PONG


@both
def test_a_message_in_fragments_cut_at_every_byte(opened: Opener, compression: str | None) -> None:
    count = len(SHORT.encode()) + 1

    def script(peer: RawPeer) -> None:
        wire = Wire(compression)
        for cut in range(count):
            first, last = wire.fragments(SHORT.encode(), cut)
            peer.sock.sendall(first + frame(PING, b"%d" % cut) + frame(PONG) + last)
        expect_pong(peer, b"%d" % (count - 1))
        peer.expect_end()

    with opened(script, compression=compression) as transport:
        assert read(transport, count) == [SHORT] * count


@both
def test_every_byte_on_its_own(opened: Opener, compression: str | None) -> None:
    """Over TLS in a record of its own, so that every read gives one."""
    texts = [SHORT, "", "x" * 200, SHORT]

    def script(peer: RawPeer) -> None:
        wire = Wire(compression)
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for text in texts:
            between = frame(PING, b"between")
            for byte in between.join(wire.fragments(text.encode(), 3, 3, 8)):
                peer.sock.sendall(bytes((byte,)))
        expect_pong(peer, b"between")
        peer.expect_end()

    with opened(script, compression=compression) as transport:
        assert read(transport, len(texts)) == texts


# Noise, which is as long compressed, and an end that is repeated: 16 MiB less a character.
NOISE = base64.b64encode(random.Random(0).randbytes(1 << 20))
BIG = (NOISE + "aé€😀x".encode() * (1 << 21))[: 16 << 20].decode(errors="ignore").encode()
INSIDE_A_CHARACTER = BIG.index("😀".encode(), 15 << 20) + 2  # where nothing is compressed


@both
@pytest.mark.parametrize("fragmented", [False, True], ids=["whole", "in fragments"])
def test_16_mib_each_way(
    opened: Opener, guard: Guard, compression: str | None, fragmented: bool
) -> None:
    cuts = (0, 100_000, 700_000, INSIDE_A_CHARACTER) if fragmented else ()

    def script(peer: RawPeer) -> None:
        wire = Wire(compression)
        *before, last = wire.fragments(BIG, *cuts)
        for i, part in enumerate(before):
            peer.sock.sendall(part + frame(PING, b"%d" % i))
        # Our message is on its way as well; the pongs come before or behind it.
        missing = {TEXT, PONG} if before else {TEXT}
        while missing:
            opcode, payload = peer.frame()
            if opcode == TEXT:
                same = wire.unpacked(payload) == BIG  # pytest would look for the difference
                assert same
                missing.remove(TEXT)
            elif payload == b"%d" % (len(before) - 1):
                missing.remove(PONG)
        peer.sock.sendall(last)
        peer.expect_end()

    with opened(script, compression=compression) as transport:
        sender = Call(lambda: transport.send(BIG))
        messages = transport.read()
        guard.join(sender)
        assert sender.error is None
        same = messages == [BIG.decode()]
        assert same
