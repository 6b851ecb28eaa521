"""The clock of virtual microphones and speakers, moved by whoever waits on it."""

from __future__ import annotations

import threading

from guards import VirtualClock


class AudioClock(VirtualClock):
    """A `realtime_sync.audio._clock.Clock` on which waiting takes no time but passes it."""

    def wait(self, event: threading.Event, seconds: float) -> bool:
        if event.is_set():
            return True
        self.advance(seconds)
        return False
