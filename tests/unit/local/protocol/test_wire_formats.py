from __future__ import annotations

import pytest

from realtime_sync.audio import encode_alaw, encode_ulaw
from realtime_sync.local.protocol.wire_formats import (
    PCM16,
    Encoder,
    WireFormat,
    format_of,
    pcm_at,
)

ULAW = format_of({"type": "audio/pcmu"})
ALAW = format_of({"type": "audio/pcma"})


@pytest.mark.parametrize("wire", [PCM16, ULAW, ALAW], ids=lambda f: f.type)
def test_the_encoder_keeps_the_duration(wire: WireFormat) -> None:
    encoder = Encoder(wire)
    out = b"".join(encoder.encode(bytes(4_801 * 2)) for _ in range(10)) + encoder.flush()
    assert wire.ticks(len(out)) == pytest.approx(48_010, abs=24)
    assert set(wire.decode(out)) <= {0, 8, 248, 255}, "silence stays silence"


def test_each_encoding_is_its_own() -> None:
    loud = b"\x00\x40" * 8
    assert ULAW.encode(loud) == encode_ulaw(loud) != ALAW.encode(loud) == encode_alaw(loud)
    assert ULAW.decode(ALAW.encode(loud)) != ALAW.decode(ALAW.encode(loud))


@pytest.mark.parametrize("wire", [PCM16, ULAW, pcm_at(16_000), pcm_at(22_050)])
def test_durations_of_every_rate(wire: WireFormat) -> None:
    second = wire.hz * wire.sample_bytes
    assert wire.ticks(second) == 24_000
    assert wire.bytes_in(24_000) == second
    assert wire.bytes_in(24_000 // 2 + 1) % wire.sample_bytes == 0
    assert wire.bytes_in(wire.ticks(wire.sample_bytes)) in (0, wire.sample_bytes), "never more"
