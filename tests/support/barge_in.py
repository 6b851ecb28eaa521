"""Interruptions on the sound card at random moments, and where the monitor says they struck.

Real ones are told from false ones by the words that the server is to understand.
"""

from __future__ import annotations

import random

import numpy as np
from attrs import frozen
from guards import Guard
from monitor import MS, Match, Samples, as_samples, find, noise
from pauses import FADE, pauses_in
from sound_card import Recording
from sound_server import Block, Conversation, Interruption

from realtime_sync.voice import FalseInterruption

__all__ = [
    "CALLBACK_MS",
    "FalseTrial",
    "Trial",
    "VoidTrial",
    "hold_false_trial",
    "hold_trial",
    "hold_trials_among_reconnects",
    "judge",
    "judge_false",
    "judge_void",
    "summary",
]

CALLBACK_MS = 40  # the speaker's callback period
# What changes an item on the server.
_TOUCHING = ("conversation.item.truncated", "conversation.item.deleted", "error")
_SPAN = 2 * MS * 15_000  # bytes: longer than what is heard of any trial, pauses included


@frozen
class Trial:
    """One interruption of an answer.

    Attributes:
        items: ids of what was buffered, in order.
        sounds: what they sound like.
        late: what came of the last one after the interruption.
        outcome: what the loop made of it.
        began: how many bytes the monitor's recording had before it.
    """

    items: list[str]
    sounds: list[Samples]
    late: Samples
    outcome: Interruption
    began: int


@frozen
class VoidTrial:
    """One interruption of an answer whose link was lost while it played.

    Attributes:
        sounds: what the answer sounds like, an item each.
        began: how many bytes the monitor's recording had before it.
    """

    sounds: list[Samples]
    began: int


@frozen
class FalseTrial:
    """One answer that paused and went on.

    Attributes:
        sounds: what it sounds like, an item each.
        blocks: what the device got meanwhile.
        began: how many bytes the monitor's recording had before it.
    """

    sounds: list[Samples]
    blocks: list[Block]
    began: int


def hold_false_trial(
    talk: Conversation, recording: Recording, rng: random.Random, items: int
) -> FalseTrial:
    """Have ``items`` items answered, and let the user say "mhm" at a random moment."""
    lengths = [rng.randrange(150, 400) for _ in range(items)]
    # So long that also the slowest machine still plays it when the user is heard.
    lengths[-1] += 1_000
    sounds = [noise(ms, rng.randrange(1 << 30)) for ms in lengths]
    began, first = recording.path.stat().st_size, len(talk.speaker.blocks)
    talk.server.words = "Mhm."
    ids = talk.server.answer(sounds)
    since = talk.speak(ids, rng.randrange(20, sum(lengths) - 900))
    false = talk.wait_for(lambda event: isinstance(event, FalseInterruption), since)
    assert false.transcript == "Mhm."
    talk.wait_for(lambda event: event.type == "conversation.item.deleted", since)
    assert talk.speaker.drain(30)
    return FalseTrial(sounds=sounds, blocks=talk.speaker.blocks[first:], began=began)


def judge_false(trial: FalseTrial, recorded: bytes) -> tuple[int, int]:
    """Check that everything was heard, in order and once.

    Returns:
        In how many callbacks the device got more than the fade, though it was to pause; and how
        many were silent after it was to go on.

    Raises:
        AssertionError: a sample is missing or doubled, or something was not heard.
    """
    blocks = [block.pcm for block in trial.blocks]
    sent = np.concatenate(trial.sounds).tobytes()
    assert pauses_in(b"".join(blocks), sent), "it has paused"
    heard = as_samples(recorded[trial.began : trial.began + _SPAN])
    for sound in trial.sounds:
        match = find(sound, heard)
        assert match.end >= len(sound) - CALLBACK_MS * MS, f"{match} of {len(sound)}"
    paused = [number for number, block in enumerate(trial.blocks) if block.paused]
    assert paused, "the device came meanwhile"
    sounding = [np.count_nonzero(np.frombuffer(block, "<i2")) for block in blocks]
    late = sum(sounding[number] > FADE for number in paused)
    behind = sounding[paused[-1] + 1 :]
    return late, next(count for count, size in enumerate(behind) if size)


def hold_trial(talk: Conversation, recording: Recording, rng: random.Random, items: int) -> Trial:
    """Have ``items`` items answered, and interrupt them at a random moment."""
    sounds = _sounds(rng, items)
    whole_ms = sum(map(len, sounds)) // MS
    late = noise(300, rng.randrange(1 << 30))
    began = recording.path.stat().st_size
    unfinished = rng.random() < 0.5
    talk.server.words = "Stop it."
    ids = talk.server.answer(sounds, late=late if unfinished else None)
    moment = rng.randrange(20, whole_ms - 1_800)
    outcome = talk.interrupt(ids, moment)
    assert talk.speaker.drain(30)
    return Trial(items=ids, sounds=sounds, late=late, outcome=outcome, began=began)


def _sounds(rng: random.Random, items: int) -> list[Samples]:
    """Return so many, the last so long that also the slowest machine still interrupts it."""
    lengths = [rng.randrange(150, 400) for _ in range(items)]
    lengths[-1] += 2_000
    return [noise(ms, rng.randrange(1 << 30)) for ms in lengths]


def hold_trials_among_reconnects(
    talk: Conversation, recording: Recording, rng: random.Random, count: int
) -> tuple[list[Trial], list[VoidTrial]]:
    """Hold ``count`` trials, each over a link of its own; after every second one, one that is void.

    Raises:
        AssertionError: a link was not made anew, or more than once; or a turn was lost with one.
    """
    trials, void = [], []
    for number in range(count):
        talk.lose_link()
        trials.append(hold_trial(talk, recording, rng, items=1 + number % 3))
        if number % 2:
            void.append(_hold_void_trial(talk, recording, rng, items=1 + number % 3))
    assert talk.count("reconnected") == talk.server.cuts == count + len(void)
    assert talk.count("voice.turn_lost") == 0, "nobody spoke when a link was cut"
    return trials, void


def _hold_void_trial(
    talk: Conversation, recording: Recording, rng: random.Random, items: int
) -> VoidTrial:
    """Have ``items`` items answered, and interrupt them after their link was lost.

    The new session has other items, or none of these: nothing is truncated or deleted there.
    """
    sounds = _sounds(rng, items)
    whole_ms = sum(map(len, sounds)) // MS
    began = recording.path.stat().st_size
    unfinished = rng.random() < 0.5
    ids = talk.server.answer(sounds, late=sounds[-1] if unfinished else None)
    since = talk.wait_until_handed(ids, rng.randrange(20, whole_ms - 2_200))
    talk.lose_link()
    cleared_at = talk.speaker.cleared_at
    spoke = talk.speak(ids, rng.randrange(20, whole_ms - 1_800))
    Guard().until(lambda: talk.speaker.cleared_at > cleared_at, "the cleared speaker")
    talk.wait_for(lambda event: event.type == "input_audio_buffer.speech_stopped", spoke)
    assert talk.speaker.drain(30)
    touched = [event for event in talk.events[since:] if event.type in _TOUCHING]
    assert touched == [], f"nothing of the old link is for the new one: {touched}"
    return VoidTrial(sounds=sounds, began=began)


def judge_void(trial: VoidTrial, recorded: bytes) -> None:
    """Check that a beginning of the answer was heard, in order and once, and not its end.

    Raises:
        AssertionError: it was not so.
    """
    heard = as_samples(recorded[trial.began : trial.began + _SPAN])
    matches = [_found_once(sound, heard) for sound in trial.sounds]
    begins = [match.begin for match in matches if match.begin >= 0]
    assert begins, "something was heard before the interruption"
    assert begins == sorted(begins), "in order"
    assert matches[-1].end < len(trial.sounds[-1]) - CALLBACK_MS * MS, "it was interrupted"


def judge(trial: Trial, recorded: bytes) -> float:
    """Check which item was truncated against what was heard; return by how many ms it is off.

    Args:
        trial: what was said and interrupted.
        recorded: the whole recording of the monitor.

    Raises:
        AssertionError: another item than the one that was heard last, or one was lost.
    """
    event = trial.outcome.event
    heard = as_samples(recorded[trial.began : trial.began + _SPAN])
    assert event.item_id in trial.items, f"{event} truncates none of {trial.items}"
    struck = trial.items.index(event.item_id)
    assert event.deleted == tuple(trial.items[struck + 1 :])
    begins = [-1.0]
    for sound in trial.sounds[:struck]:
        before = _found_once(sound, heard)
        assert before.end >= len(sound) - 10 * MS, "an earlier item was played to its end"
        assert before.begin > begins[-1], "in order"
        begins.append(before.begin)
    for silent in [*trial.sounds[struck + 1 :], trial.late]:
        assert find(silent, heard).begin == -1, "nothing is heard of what came behind"
    last = _found_once(trial.sounds[struck], heard)
    assert last.begin > begins[-1] or event.audio_end_ms <= CALLBACK_MS, (
        f"{event} is to be where the item was heard: {last}, behind {begins}"
    )
    return event.audio_end_ms - last.end / MS


def _found_once(sound: Samples, heard: Samples) -> Match:
    """Find ``sound``, and check that it does not begin at another place as well."""
    match = find(sound, heard)
    if match.begin >= 0:
        for rest in (heard[: match.begin], heard[match.stop :]):
            assert find(sound, rest).begin == -1, "nothing is heard twice"
    return match


def summary(values: list[float]) -> str:
    """Return the median and the extremes."""
    low, middle, high = np.percentile(values, (0, 50, 100))
    return f"{low:.1f} / {middle:.1f} / {high:.1f}"
