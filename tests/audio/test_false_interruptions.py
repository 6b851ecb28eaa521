"""Interruptions by rule on the sound card: false ones leave no trace, and real ones still cut."""

from __future__ import annotations

import random

from barge_in import CALLBACK_MS, hold_false_trial, hold_trial, judge, judge_false
from sound_card import SoundCard
from sound_server import conversing

from realtime_sync.voice import Interruptions

TRIALS = 20
# The words decide: on a busy machine they may be late, and who speaks may seem to speak for long.
RULE = Interruptions(resume=True, max_backchannel_ms=60_000, verdict_s=60)


def test_after_a_false_interruption_the_answer_goes_on_at_the_very_sample(
    sound_card: SoundCard,
) -> None:
    rng = random.Random(7)
    with sound_card.recording() as recording, conversing(updates=2, interruptions=RULE) as talk:
        trials = [
            hold_false_trial(talk, recording, rng, items=1 + number % 3) for number in range(TRIALS)
        ]
        assert talk.errors == []
        assert talk.count("voice.paused") == talk.count("voice.resumed") == TRIALS
        assert talk.count("voice.false_interruption") == TRIALS
        assert talk.count("voice.interrupted") == talk.count("conversation.item.truncated") == 0
    late = [judge_false(trial, recording.pcm) for trial in trials]
    assert late == [(0, 0)] * TRIALS, "it pauses and goes on with the very next callback"


def test_a_real_interruption_cuts_where_the_answer_had_paused(sound_card: SoundCard) -> None:
    rng = random.Random(8)
    with sound_card.recording() as recording, conversing(updates=2, interruptions=RULE) as talk:
        trials = [
            hold_trial(talk, recording, rng, items=1 + number % 3) for number in range(TRIALS)
        ]
        assert talk.errors == []
        assert talk.count("voice.paused") == talk.count("voice.interrupted") == TRIALS
        assert talk.count("voice.false_interruption") == 0
    off = [judge(trial, recording.pcm) for trial in trials]
    assert max(map(abs, off)) <= CALLBACK_MS, off
