"""When something is said for slow tools, and what ends it."""

from __future__ import annotations

from typing import Any

import pytest
from guards import VirtualClock
from scripted_voice import created, delta, done, event, speech_started, taken_by

from realtime_sync.agents.filler import Filler, FillerSettings, filler_of
from realtime_sync.agents.model_events import RealtimeModelFillerEvent
from realtime_sync.conversation.session import SoundFormat
from realtime_sync.errors import UserError
from realtime_sync.events import Reconnected, ServerEvent
from realtime_sync.voice.effects import CancelResponse, CreateAside, Effect, Flush, Play, Report

REQUEST = "agents_filler_1"
AFTER_S = 0.75
CLIP = b"\1\0" * 240


class Voice:
    """What the rules of a conversation would say."""

    def __init__(self) -> None:
        self.cuts = 0
        self.talking = False
        self.answering = False
        self.forbidden: list[str] = []

    def forbid(self, response_id: str, *, is_handed: bool) -> list[Effect]:
        assert not is_handed
        self.forbidden.append(response_id)
        return []

    def fall_silent(self) -> list[Any]:
        return ["silence"]


class Track:
    """What fillers are heard on."""

    def __init__(self) -> None:
        self.sounds = False
        self.due_at: float | None = None
        self.cut = False
        self.done: list[Any] = []

    def expect(self, response_id: str) -> None:
        self.done.append(response_id)

    def complete(self) -> None:
        self.done.append("complete")

    def look(self) -> bool:
        return self.cut

    def play(self, play: Play) -> bool:
        self.done.append(play)
        return True

    def flush(self, end: Flush) -> bool:
        self.done.append(end)
        return True


class Bench:
    def __init__(
        self, clock: VirtualClock, *, words: str | None = "One moment.", **options: Any
    ) -> None:
        self.clock = clock
        self.voice, self.track = Voice(), Track()
        self.silent = True
        self.tools_running = False
        self.refused: tuple[str, ...] = ()
        settings = FillerSettings(words, options.pop("clip", None), options.pop("after_s", AFTER_S))
        options = {"can_ask": True, "yields": True, **options}
        self.filler = Filler(
            settings,
            self.voice,  # type: ignore[arg-type]  # as much of it as is asked for
            lambda: {"call_2", "call_1"} if self.tools_running else (),
            refused_by=lambda _: self.refused,
            track=self.track,
            sound_format=lambda: SoundFormat("audio/pcm", 24_000),
            is_silent=lambda: self.silent,
            clock=clock,
            **options,
        )

    def wait(self, seconds: float) -> list[Effect]:
        """Let time pass while a tool runs."""
        self.tools_running = True
        first = self.filler.tick()
        self.clock.advance(seconds)
        return [*first, *self.filler.tick()]

    def begin(self) -> list[Effect]:
        """Have it begin."""
        assert self.wait(AFTER_S)
        return taken_by(self.filler, begun())

    def interrupted(self) -> list[Effect]:
        self.voice.cuts += 1
        return self.filler.tick()


@pytest.fixture
def bench(virtual_clock: VirtualClock) -> Bench:
    return Bench(virtual_clock)


def begun(response: str = "fill", request: str = REQUEST) -> ServerEvent:
    metadata = {"realtime_sync_filler": request}
    return event("response.created", response={"id": response, "metadata": metadata})


def refusal() -> ServerEvent:
    return event("error", error={"type": "invalid_request_error", "message": "no"})


# -- when ------------------------------------------------------------------------------------------


def test_it_is_asked_for_when_a_tool_has_run_in_silence(bench: Bench) -> None:
    assert bench.wait(0.625) == []
    assert bench.filler.due_at == bench.clock.now + 0.125
    (create,) = bench.wait(0.125)
    text = 'Say exactly the following words, and nothing else: "One moment."'
    words = {"instructions": text, "tool_choice": "none"}
    beside = {"conversation": "none", "input": [], "tools": []}
    metadata = {"metadata": {"realtime_sync_filler": REQUEST}}
    assert create == CreateAside(REQUEST, {**beside, **metadata, **words})
    assert bench.filler.due_at is None
    assert not bench.filler.busy


def test_it_may_be_said_at_once(virtual_clock: VirtualClock) -> None:
    bench = Bench(virtual_clock, after_s=0)
    bench.tools_running = True
    assert len(bench.filler.tick()) == 1


@pytest.mark.parametrize("disturb", ["talking", "silent"])
def test_the_silence_counts_from_the_latest_sound(bench: Bench, disturb: str) -> None:
    bench.wait(0.625)
    who = bench.voice if disturb == "talking" else bench
    setattr(who, disturb, disturb == "talking")
    assert bench.wait(0.25) == []
    setattr(who, disturb, disturb != "talking")
    assert bench.wait(0.625) == []
    assert len(bench.wait(0.125)) == 1


def test_nothing_is_said_for_tools_that_are_quick(bench: Bench) -> None:
    bench.wait(0.625)
    bench.tools_running = False
    bench.filler.tick()
    assert bench.wait(0.625) == []


def test_it_is_said_once_for_the_calls_of_a_response(bench: Bench) -> None:
    bench.begin()
    taken_by(bench.filler, done("fill"))
    assert bench.wait(10) == []
    bench.tools_running = False
    bench.filler.tick()
    (create,) = bench.wait(AFTER_S)
    assert isinstance(create, CreateAside)
    assert create.event_id == "agents_filler_2"


def test_none_is_asked_for_while_one_is_under_way(bench: Bench) -> None:
    bench.wait(AFTER_S)
    bench.tools_running = False
    bench.filler.tick()
    assert bench.wait(10) == []


# -- its response ----------------------------------------------------------------------------------


def test_it_is_told_when_it_begins(bench: Bench) -> None:
    report = Report(RealtimeModelFillerEvent(["call_1", "call_2"], "fill"))
    assert bench.begin() == [report]
    assert bench.track.done == ["fill"]


def test_another_response_is_not_it(bench: Bench) -> None:
    bench.wait(AFTER_S)
    assert taken_by(bench.filler, created("another")) == []
    assert taken_by(bench.filler, begun(request="agents_filler_7")) == []
    assert bench.track.done == []


def test_no_more_comes_when_its_response_is_over(bench: Bench) -> None:
    bench.begin()
    taken_by(bench.filler, done("another"))
    assert bench.track.done == ["fill"]
    taken_by(bench.filler, done("fill"))
    assert bench.track.done == ["fill", "complete"]
    assert bench.interrupted() == []  # there is nothing to cancel


def test_sound_that_names_no_response_is_not_its(bench: Bench) -> None:
    bench.wait(AFTER_S)
    sound = event("response.output_audio.delta", delta="AAAA", item_id="i", content_index=0)
    assert taken_by(bench.filler, sound) == []
    assert taken_by(bench.filler, event("response.done", response={})) == []
    assert isinstance(taken_by(bench.filler, begun())[0], Report)


# -- outputs before its first sound ----------------------------------------------------------------


def test_outputs_before_its_first_sound_cancel_it(bench: Bench) -> None:
    bench.begin()
    bench.tools_running = False
    assert bench.filler.tick() == [CancelResponse("fill")]
    assert bench.voice.forbidden == ["fill"]
    assert bench.filler.tick() == []


def test_outputs_before_it_begins_cancel_it_when_it_does(bench: Bench) -> None:
    bench.wait(AFTER_S)
    bench.tools_running = False
    assert bench.filler.tick() == []
    assert taken_by(bench.filler, begun()) == [CancelResponse("fill")]


def test_outputs_and_its_first_sound_at_once_cancel_it(bench: Bench) -> None:
    bench.begin()
    bench.tools_running = False  # so the track has not taken the sound
    assert taken_by(bench.filler, delta("fill", "item", 20)) == [CancelResponse("fill")]


def test_outputs_after_its_first_sound_leave_it(bench: Bench) -> None:
    bench.begin()
    bench.track.sounds = True
    assert taken_by(bench.filler, delta("fill", "item", 20)) == []
    bench.tools_running = False
    assert bench.filler.tick() == []


def test_one_that_has_kept_the_answer_waiting_for_too_long_is_cancelled(bench: Bench) -> None:
    bench.begin()
    bench.track.due_at = 5.0
    assert bench.filler.due_at == 5.0
    bench.track.cut = True
    assert bench.filler.tick() == [CancelResponse("fill")]


# -- the user --------------------------------------------------------------------------------------


def test_an_interruption_cancels_it_by_its_id(bench: Bench) -> None:
    bench.begin()
    assert bench.interrupted() == [CancelResponse("fill")]
    assert bench.interrupted() == []


def test_an_interruption_before_it_begins_cancels_it_when_it_does(bench: Bench) -> None:
    bench.wait(AFTER_S)
    assert bench.interrupted() == []
    assert taken_by(bench.filler, begun()) == [CancelResponse("fill")]


def test_the_user_silences_it_where_no_answer_is_to_be_interrupted(bench: Bench) -> None:
    bench.begin()
    bench.track.sounds = True
    heard: list[Any] = taken_by(bench.filler, speech_started())
    assert heard == ["silence", CancelResponse("fill")]


def test_the_user_silences_nothing_where_nothing_sounds(bench: Bench) -> None:
    bench.begin()
    assert taken_by(bench.filler, speech_started()) == [CancelResponse("fill")]


def test_where_an_answer_waits_the_rules_of_interruptions_decide(bench: Bench) -> None:
    bench.begin()
    bench.track.sounds = bench.voice.answering = True
    assert taken_by(bench.filler, speech_started()) == []


def test_where_nothing_interrupts_it_goes_on(virtual_clock: VirtualClock) -> None:
    bench = Bench(virtual_clock, yields=False)
    bench.begin()
    bench.track.sounds = True
    assert taken_by(bench.filler, speech_started()) == []


# -- servers that have nothing of the kind ---------------------------------------------------------


def clip_of(bench: Bench) -> list[Any]:
    part = ("filler_clip_1", 0)
    assert bench.track.done[-4:] == ["", Play(CLIP, part, ""), Flush(part, ""), "complete"]
    return [Report(RealtimeModelFillerEvent(["call_1", "call_2"], None))]


@pytest.mark.parametrize("options", [{"can_ask": False}, {"words": None}], ids=["cannot", "clip"])
def test_a_clip_is_played_where_the_model_can_t(
    virtual_clock: VirtualClock, options: dict[str, Any]
) -> None:
    bench = Bench(virtual_clock, clip=CLIP, **options)
    assert bench.wait(AFTER_S) == clip_of(bench)


def test_without_a_clip_there_is_nothing(virtual_clock: VirtualClock) -> None:
    bench = Bench(virtual_clock, can_ask=False)
    assert bench.wait(AFTER_S) == []
    assert bench.track.done == []


def test_a_server_that_refuses_is_not_asked_again(virtual_clock: VirtualClock) -> None:
    bench = Bench(virtual_clock, clip=CLIP)
    bench.wait(AFTER_S)
    assert taken_by(bench.filler, refusal()) == []  # of something else
    bench.refused = (REQUEST,)
    (report,) = taken_by(bench.filler, refusal())
    assert isinstance(report, Report)
    bench.tools_running = False
    bench.filler.tick()
    assert isinstance(bench.wait(AFTER_S)[0], Report)


def test_a_refusal_that_comes_too_late_plays_nothing(virtual_clock: VirtualClock) -> None:
    bench = Bench(virtual_clock, clip=CLIP)
    bench.wait(AFTER_S)
    bench.tools_running = False
    bench.filler.tick()
    bench.refused = (REQUEST,)
    assert taken_by(bench.filler, refusal()) == []
    assert bench.track.done == []


def test_with_the_link_it_is_gone(bench: Bench) -> None:
    bench.begin()
    taken_by(bench.filler, Reconnected(code=1006, attempts=1, lost=[], lost_items=[]))
    assert bench.track.done == ["fill", "complete"]
    assert bench.interrupted() == []


# -- the settings ----------------------------------------------------------------------------------


def test_without_words_and_clip_there_is_none() -> None:
    assert filler_of({}) is None
    assert filler_of({"filler": None, "filler_after_ms": 5}) is None
    assert filler_of({"filler": "Hm."}) == FillerSettings("Hm.", None, 0.7)
    after = {"filler_clip": CLIP, "filler_after_ms": 0}
    assert filler_of(after) == FillerSettings(None, CLIP, 0.0)


@pytest.mark.parametrize(
    "config",
    [
        {"filler": ""},
        {"filler": " "},
        {"filler": 7},
        {"filler_clip": b""},
        {"filler_clip": b"\0\0\0"},
        {"filler_clip": "a.wav"},
        {"filler": "Hm.", "filler_after_ms": -1},
        {"filler": "Hm.", "filler_after_ms": 0.5},
        {"filler": "Hm.", "filler_after_ms": True},
    ],
)
def test_what_can_t_be_meant_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="filler"):
        filler_of(config)
