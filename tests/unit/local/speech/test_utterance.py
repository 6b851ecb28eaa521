from __future__ import annotations

import numpy as np

from realtime_sync.local.speech._utterance import RATE_HZ, longest_s, segments


def test_no_segment_is_longer_than_it_is_said_to_be() -> None:
    assert longest_s(b"") == 0.0
    assert longest_s(bytes(2 * RATE_HZ)) == 1.0
    assert longest_s(bytes(2 * 60 * RATE_HZ)) == 8.0
    sound = np.random.default_rng(1).normal(0, 1_000, 60 * RATE_HZ).astype(np.float32)
    parts = list(segments(sound))
    assert len(parts) > 7
    assert max(len(part) for part in parts) <= 2 * 8 * RATE_HZ
