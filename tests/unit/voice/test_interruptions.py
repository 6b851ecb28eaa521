"""The options of interruptions, and the verdict on what the user says."""

from __future__ import annotations

from typing import Any

import pytest
from guards import VirtualClock

from realtime_sync.errors import ConfigError
from realtime_sync.voice.interruptions import BACKCHANNELS, Interruptions, Verdicts

PADDING, SILENCE = 300, 500  # a server's, in ms


class Speech:
    """What a user says, as a server's detector tells of it."""

    def __init__(self, **options: Any) -> None:
        self.clock = VirtualClock()
        self.verdicts = Verdicts(Interruptions(resume=True, **options), clock=self.clock)

    def begin(self, item_id: str = "u", at_ms: float | None = 1000) -> None:
        self.verdicts.started(item_id, at_ms)

    def end(self, length_ms: float, at_ms: float = 1000) -> None:
        """Tell of the end of what has begun ``at_ms`` in the audio, after some time."""
        self.verdicts.stopped(at_ms + PADDING + length_ms + SILENCE)

    def say(self, length_ms: float, words: str | None = None, item_id: str = "u") -> str:
        """Say something whole, and return the verdict."""
        self.begin(item_id)
        self.end(length_ms)
        if words is not None:
            self.verdicts.written(item_id, words)
        return self.verdicts.judge()


# -- the options ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"min_ms": -1},
        {"min_ms": True},
        {"min_ms": 1.5},
        {"max_backchannel_ms": -1},
        {"max_backchannel_ms": None},
        {"verdict_s": 0},
        {"verdict_s": "1"},
        {"verdict_s": True},
        {"verdict_s": float("nan")},
        {"min_ms": 1, "resume": True},
        {"backchannels": "mhm"},
        {"backchannels": [1]},
    ],
)
def test_options_out_of_their_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Interruptions(**options)


def test_words_are_needed_only_to_judge_by_them() -> None:
    assert Interruptions(resume=True).by_words
    assert Interruptions(resume=True, backchannels=[]).by_words, "a cough has no words"
    assert not Interruptions(resume=True, backchannels=None).by_words
    assert not Interruptions(min_ms=300).by_words
    with pytest.raises(ConfigError, match=r"audio\.input\.transcription"):
        Interruptions(resume=True).check_transcription(None)
    Interruptions(resume=True).check_transcription({"model": "whisper-1"})
    Interruptions(resume=True, backchannels=None).check_transcription(None)
    Interruptions(min_ms=300).check_transcription(None)


# -- what was said -------------------------------------------------------------------------------


@pytest.mark.parametrize("words", BACKCHANNELS)
def test_each_word_of_the_list_is_no_interruption(words: str) -> None:
    assert Speech().say(400, f"  {words.capitalize()}.\n") == "false"


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        ("", "false"),
        (" … ", "false"),
        ("Yeah, okay.", "false"),
        ("I see, got it, mm-hmm!", "false"),
        ("okay okay okay", "false"),
        ("ДА, ЯСНО", "false"),
        ("I", "real"),
        ("see I", "real"),
        ("got", "real"),
        ("I see you", "real"),
        ("okay stop", "real"),
        ("okayish", "real"),
        ("stop", "real"),
    ],
)
def test_several_phrases_of_the_list_are_none_either(words: str, verdict: str) -> None:
    assert Speech().say(900, words) == verdict


def test_a_list_of_ones_own() -> None:
    assert Speech(backchannels=["weiter so"]).say(400, "Weiter so!") == "false"
    assert Speech(backchannels=["weiter so"]).say(400, "mhm") == "real"
    assert Speech(backchannels=[]).say(400, "mhm") == "real"
    assert Speech(backchannels=[]).say(400, "") == "false"


def test_with_an_empty_list_a_sound_without_words_is_still_open() -> None:
    speech = Speech(backchannels=[])
    speech.begin()
    assert speech.verdicts.judge() == "open"
    speech.verdicts.heard("u", "m")
    assert speech.verdicts.judge() == "real"


@pytest.mark.parametrize(("length_ms", "verdict"), [(1000, "false"), (1001, "real")])
@pytest.mark.parametrize("words", ["mhm", None])
def test_who_speaks_longer_than_the_limit_wants_the_word(
    length_ms: float, verdict: str, words: str | None
) -> None:
    options = {} if words is not None else {"backchannels": None}
    assert Speech(**options).say(length_ms, words) == verdict


def test_without_words_it_was_a_noise_however_long() -> None:
    assert Speech().say(5000, "") == "false"


def test_by_length_alone_nobody_waits_for_words() -> None:
    speech = Speech(backchannels=None)
    speech.begin()
    speech.verdicts.heard("u", "stop")
    assert speech.verdicts.judge() == "open"
    speech.end(300)
    assert speech.verdicts.judge() == "false"


@pytest.mark.parametrize(("length_ms", "verdict"), [(1000, "false"), (1001, "real")])
@pytest.mark.parametrize("why", ["failed", "limit"])
def test_without_its_words_the_length_decides(why: str, length_ms: float, verdict: str) -> None:
    speech = Speech(verdict_s=1.5)
    assert speech.say(length_ms) == "open"
    if why == "failed":
        speech.verdicts.failed("u")
    else:
        limit = speech.verdicts.due_at
        assert limit == speech.clock() + 1.5
        speech.clock.advance(1.499)
        assert speech.verdicts.judge() == "open"
        speech.clock.now = limit
    assert speech.verdicts.judge() == verdict


@pytest.mark.parametrize(
    ("partial", "verdict"),
    [("", "open"), ("m", "open"), ("Mhm, o", "open"), ("Mhm, n", "real"), ("no o", "real")],
)
@pytest.mark.parametrize("stopped", [False, True])
def test_partial_words_decide_as_soon_as_they_leave_the_list(
    partial: str, verdict: str, stopped: bool
) -> None:
    speech = Speech()
    speech.begin()
    if stopped:
        speech.end(400)
    for letter in partial:
        speech.verdicts.heard("u", letter)
    assert speech.verdicts.judge() == verdict


def test_words_of_other_items_decide_nothing() -> None:
    speech = Speech()
    speech.begin("")
    speech.verdicts.heard("other", "stop")
    speech.verdicts.written("other", "stop")
    speech.verdicts.failed("other")
    speech.end(400)
    assert speech.verdicts.judge() == "open"
    speech.verdicts.committed("late")
    assert speech.verdicts.item_ids == ("late",)
    speech.verdicts.written("late", "mhm")
    assert speech.verdicts.judge() == "false"
    assert speech.verdicts.transcript == "mhm"


def test_words_without_a_name_are_those_of_the_only_utterance_without_one() -> None:
    speech = Speech()
    speech.begin("")
    speech.end(400)
    speech.verdicts.written("", "stop it please")
    assert speech.verdicts.judge() == "real"
    speech = Speech()
    for _ in range(2):
        speech.begin("")
        speech.end(400)
    speech.verdicts.written("", "stop it please")
    assert speech.verdicts.judge() == "open", "nobody knows which of them it is"


def test_a_beginning_that_is_told_twice_is_one() -> None:
    speech = Speech()
    speech.begin("u")
    speech.begin("u")
    speech.end(400)
    speech.verdicts.written("u", "mhm")
    assert speech.verdicts.judge() == "false"


def test_an_item_is_that_of_the_first_utterance_that_is_over_and_has_none() -> None:
    speech = Speech()
    speech.begin("")
    speech.verdicts.committed("of before")
    assert speech.verdicts.item_ids == ("",)
    speech.end(100)
    speech.begin("")
    speech.verdicts.committed("first")
    assert speech.verdicts.item_ids == ("first", "")


# -- when it is judged ---------------------------------------------------------------------------


def test_who_goes_on_speaking_is_judged_when_no_silence_can_be_running() -> None:
    """The detector may be waiting: what it waits for is not spoken."""
    speech = Speech(max_backchannel_ms=1000)
    speech.verdicts.follow({"type": "server_vad", "silence_duration_ms": 200})
    speech.begin()
    due_at = speech.verdicts.due_at
    assert due_at == pytest.approx(speech.clock() + 1.2)
    speech.clock.now = due_at - 0.001
    assert speech.verdicts.judge() == "open"
    speech.clock.now = due_at
    assert speech.verdicts.judge() == "real"


@pytest.mark.parametrize("now", [0.1 * n for n in range(50)])
def test_what_is_due_is_decided(now: float) -> None:
    """However the times round: who waited would else ask again and again."""
    for stopped in (False, True):
        speech = Speech(verdict_s=1.1, max_backchannel_ms=700)
        speech.clock.now = now
        speech.begin()
        if stopped:
            speech.end(300)
        due_at = speech.verdicts.due_at
        assert due_at is not None
        speech.clock.now = due_at
        assert speech.verdicts.judge() != "open"
        assert speech.verdicts.due_at is None


def test_one_that_is_judged_keeps_nobody_awake_while_another_is_open() -> None:
    speech = Speech()
    assert speech.say(400, "mhm") == "false"
    speech.clock.advance(60)
    speech.begin("u2")
    assert speech.verdicts.judge() == "open"
    assert speech.verdicts.due_at == pytest.approx(speech.clock() + 1.5)


def test_nothing_said_is_no_verdict() -> None:
    verdicts = Speech().verdicts
    assert not verdicts.are_open
    assert verdicts.judge() == "open"
    assert verdicts.due_at is None
    assert verdicts.transcript == ""


# -- several of them -----------------------------------------------------------------------------


def test_one_real_makes_all_real() -> None:
    speech = Speech()
    assert speech.say(400, "mhm", "u1") == "false"
    speech.begin("u2")
    assert speech.verdicts.judge() == "open", "somebody speaks"
    speech.verdicts.heard("u2", "no")
    assert speech.verdicts.judge() == "real"


def test_all_are_false_only_when_nobody_speaks() -> None:
    speech = Speech()
    assert speech.say(400, "mhm", "u1") == "false"
    assert speech.say(400, None, "u2") == "open"
    speech.verdicts.written("u2", "yeah")
    assert speech.verdicts.judge() == "false"
    assert speech.verdicts.item_ids == ("u1", "u2")
    assert speech.verdicts.transcript == "mhm yeah"
    speech.verdicts.clear()
    assert not speech.verdicts.are_open


# -- how long it was -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("detection", "audio_ms", "verdict"),
    [
        # 300 ms of padding and 500 of silence, where the session does not tell
        ({}, 1800, "false"),
        ({}, 1801, "real"),
        ({"silence_duration_ms": None, "prefix_padding_ms": "x"}, 1800, "false"),
        ({"silence_duration_ms": 200, "prefix_padding_ms": 100}, 1300, "false"),
        ({"silence_duration_ms": 200, "prefix_padding_ms": 100}, 1301, "real"),
        ({"silence_duration_ms": 0, "prefix_padding_ms": 0}, 1000, "false"),
        ({"silence_duration_ms": 0, "prefix_padding_ms": 0}, 1001, "real"),
    ],
)
def test_padding_and_silence_are_not_spoken(
    detection: dict[str, Any], audio_ms: float, verdict: str
) -> None:
    speech = Speech(backchannels=None)
    speech.verdicts.follow({"type": "server_vad", **detection})
    speech.begin(at_ms=0)
    speech.verdicts.stopped(audio_ms)
    assert speech.verdicts.judge() == verdict


@pytest.mark.parametrize(("begin", "end"), [(None, 900), (900, None), (None, None), (900, 800)])
@pytest.mark.parametrize(("told_s", "verdict"), [(1.499, "false"), (1.502, "real")])
def test_where_positions_are_not_told_the_clock_measures(
    begin: float | None, end: float | None, told_s: float, verdict: str
) -> None:
    speech = Speech(backchannels=None)
    speech.begin(at_ms=begin)
    speech.clock.advance(told_s)
    speech.verdicts.stopped(end)
    assert speech.verdicts.judge() == verdict


def test_a_length_that_is_known_is_taken() -> None:
    for length_ms, verdict in ((1000, "false"), (1001, "real")):
        speech = Speech(backchannels=None)
        speech.begin("", None)
        speech.clock.advance(60)
        speech.verdicts.stopped(length_ms=length_ms)
        assert speech.verdicts.judge() == verdict


@pytest.mark.parametrize(
    ("eagerness", "silence_s"), [("low", 8), ("medium", 4), ("high", 2), ("auto", 4), (None, 4)]
)
def test_a_semantic_detector_may_wait_for_long(eagerness: str | None, silence_s: float) -> None:
    speech = Speech()
    speech.verdicts.follow({"type": "semantic_vad", "eagerness": eagerness})
    speech.begin()
    assert speech.verdicts.due_at == pytest.approx(speech.clock() + 1 + silence_s)


@pytest.mark.parametrize(
    ("audio_ms", "words", "verdict"),
    [
        (1000, "mhm", "false"),
        (4000, "mhm", "false"),  # nobody knows how much of it was silence
        (4000, "stop", "real"),
        (4000, "", "false"),
        (1000, None, "false"),
        (1001, None, "real"),  # in doubt
    ],
)
def test_after_a_semantic_detector_only_a_short_length_is_known(
    audio_ms: float, words: str | None, verdict: str
) -> None:
    speech = Speech()
    speech.verdicts.follow({"type": "semantic_vad"})
    speech.begin(at_ms=0)
    speech.verdicts.stopped(audio_ms)
    if words is None:
        speech.verdicts.failed("u")
    else:
        speech.verdicts.written("u", words)
    assert speech.verdicts.judge() == verdict


def test_a_detector_of_ones_own_is_not_a_server_s() -> None:
    speech = Speech()
    speech.verdicts.follow({"type": "semantic_vad", "eagerness": "low"})
    speech.verdicts.found_here(300)
    speech.begin("", None)
    assert speech.verdicts.due_at == pytest.approx(speech.clock() + 1.3)
