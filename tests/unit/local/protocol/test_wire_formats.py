from __future__ import annotations

import pytest

from realtime_sync.local.protocol.wire_formats import PCM16, Encoder, WireFormat, format_of

ULAW = format_of({"type": "audio/pcmu"})
ALAW = format_of({"type": "audio/pcma"})


@pytest.mark.parametrize("wire", [PCM16, ULAW, ALAW], ids=lambda f: f.type)
def test_the_encoder_keeps_the_duration(wire: WireFormat) -> None:
    encoder = Encoder(wire)
    out = b"".join(encoder.encode(bytes(4_801 * 2)) for _ in range(10)) + encoder.flush()
    assert wire.ticks(len(out)) == pytest.approx(48_010, abs=24)
    assert set(wire.decode(out)) <= {0, 8, 248, 255}, "silence stays silence"
