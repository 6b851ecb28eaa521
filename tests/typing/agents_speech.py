"""What agents say of their own accord, as a program writes it."""

from __future__ import annotations

from typing_extensions import assert_type

from realtime_sync.agents import RealtimeRunConfig, RealtimeSession
from realtime_sync.voice import IdleRule, Interruptions

CONFIG: RealtimeRunConfig = {
    "filler": "One moment, please.",
    "filler_after_ms": 500,
    "filler_clip": bytes(4800),
    "idle": IdleRule(after_s=15, say="Are you still there?", end_after_s=10),
    "interruptions": Interruptions(resume=True),
}


def greet(session: RealtimeSession[None]) -> None:
    session.say("Hello.")
    heard = session.say("This call is recorded.", interruptible=False, wait=True, timeout=10.0)
    assert_type(heard, bool)
