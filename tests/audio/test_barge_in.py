"""Interruptions on the sound card: the right item ends where the monitor says it ended."""

from __future__ import annotations

import random

from barge_in import (
    CALLBACK_MS,
    hold_trial,
    hold_trials_among_reconnects,
    judge,
    judge_void,
    summary,
)
from sound_card import SoundCard
from sound_server import conversing

TRIALS = 20


def test_an_interrupted_item_is_truncated_where_it_was_last_heard(sound_card: SoundCard) -> None:
    rng = random.Random(4)
    with sound_card.recording() as recording, conversing() as talk:
        trials = [
            hold_trial(talk, recording, rng, items=1 + number % 3) for number in range(TRIALS)
        ]
        assert talk.errors == []
    off = [judge(trial, recording.pcm) for trial in trials]
    assert max(map(abs, off)) <= CALLBACK_MS, off
    print(f"\n{TRIALS} interruptions, least / median / most")
    for what, values in (
        ("speech_started to the cleared speaker", [t.outcome.clear_ms for t in trials]),
        ("speech_started to the next callback", [t.outcome.callback_ms for t in trials]),
        ("truncation less what the monitor heard", off),
    ):
        print(f"{what:40} {summary(values)} ms")


def test_interruptions_among_links_that_are_lost(sound_card: SoundCard) -> None:
    rng = random.Random(5)
    with sound_card.recording() as recording, conversing() as talk:
        trials, void = hold_trials_among_reconnects(talk, recording, rng, count=4)
        assert talk.errors == []
    off = [judge(trial, recording.pcm) for trial in trials]
    assert max(map(abs, off)) <= CALLBACK_MS, off
    for trial in void:
        judge_void(trial, recording.pcm)
