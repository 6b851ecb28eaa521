"""What happens when nobody says anything."""

from __future__ import annotations

from typing import Any

import pytest
from guards import VirtualClock
from scripted_voice import (
    ScriptedFacts,
    created,
    delta,
    done,
    make_state,
    session,
    speech_started,
    taken_by,
)

from realtime_sync.errors import ConfigError
from realtime_sync.voice.effects import CreateResponse, Effect, EndTalk, Report
from realtime_sync.voice.events import IdleEnded, IdlePrompted
from realtime_sync.voice.idle import IdleRule, IdleWatch
from realtime_sync.voice.rules import VoiceState


@pytest.mark.parametrize(
    "options",
    [
        {"after_s": 0},
        {"after_s": -1},
        {"after_s": None},
        {"after_s": True},
        {"after_s": "5"},
        {"after_s": float("inf")},
        {"after_s": float("nan")},
        {"after_s": 5, "end_after_s": 0},
        {"after_s": 5, "end_after_s": False},
        {"after_s": 5, "say": "Hello?", "instructions": "Greet."},
    ],
)
def test_options_out_of_their_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        IdleRule(**options)


class Watch(IdleWatch):
    """With a clock to turn by hand."""

    def __init__(self, **rule: Any) -> None:
        self.time = VirtualClock(0)
        super().__init__(IdleRule(**rule), clock=self.time)

    def at(self, seconds: float, *, busy: bool = False) -> str | None:
        self.time.now = seconds
        return self.look(busy=busy)


def test_it_prompts_once_and_then_ends() -> None:
    watch = Watch(after_s=15, say="Are you there?", end_after_s=10)
    assert watch.at(14.99) is None
    assert watch.at(15) == "prompt"
    assert watch.at(24.99) is None, "so many more seconds"
    assert watch.at(25) == "end"


def test_its_own_words_are_no_silence_and_no_answer() -> None:
    watch = Watch(after_s=15, instructions="Ask.", end_after_s=10)
    assert watch.at(15) == "prompt"
    assert watch.at(16, busy=True) is None
    assert watch.at(18, busy=True) is None
    assert watch.at(27.99) is None
    assert watch.at(28) == "end"


def test_the_user_begins_it_anew() -> None:
    watch = Watch(after_s=15, say="Are you there?", end_after_s=10)
    assert watch.at(15) == "prompt"
    watch.time.now = 20
    watch.user_spoke()
    assert watch.at(34.99) is None
    assert watch.at(35) == "prompt"


def test_whatever_goes_on_puts_it_off() -> None:
    watch = Watch(after_s=15, say="Are you there?")
    assert watch.at(14, busy=True) is None
    assert watch.at(28.99) is None
    assert watch.at(29) == "prompt"
    assert watch.at(1000) is None, "it never ends"


def test_with_nothing_to_say_it_only_ends() -> None:
    watch = Watch(after_s=15, end_after_s=10)
    assert watch.at(15) is None
    assert watch.at(24.99) is None
    assert watch.at(25) == "end"


# -- in a conversation ---------------------------------------------------------------------------


class Talk:
    def __init__(self, **rule: Any) -> None:
        self.clock = VirtualClock()
        self.facts = ScriptedFacts()
        self.state: VoiceState = make_state(self.facts, self.clock, idle=IdleRule(**rule))

    def look_after(self, seconds: float) -> list[Effect]:
        self.clock.advance(seconds)
        return self.state.look_idle(busy=self.state.busy)

    def hear(self, *events: Any) -> None:
        for one in events:
            self.facts.state.receive(one)
            taken_by(self.state, one)


@pytest.mark.parametrize(
    ("rule", "response"),
    [
        (
            {"say": "Hello?"},
            {
                "instructions": 'Say exactly the following words, and nothing else: "Hello?"',
                "tool_choice": "none",
            },
        ),
        ({"instructions": "Ask."}, {"instructions": "Ask."}),
    ],
)
def test_the_model_says_it(rule: dict[str, str], response: dict[str, str]) -> None:
    talk = Talk(after_s=5, end_after_s=3, **rule)
    talk.hear(session())
    assert talk.look_after(4) == []
    assert talk.look_after(1.5) == [
        Report(IdlePrompted(silent_s=5.5)),
        CreateResponse("voice_create_1", response),
    ]
    talk.hear(created("r1"), delta("r1", "a", 100))
    assert talk.look_after(60) == []
    talk.hear(done("r1"))
    assert talk.look_after(2.5) == []
    assert talk.look_after(0.5) == [Report(IdleEnded(silent_s=3.0)), EndTalk()]


def test_who_speaks_is_there() -> None:
    talk = Talk(after_s=5, end_after_s=3, say="Hello?")
    assert talk.look_after(5) != []
    talk.hear(session(), speech_started())
    assert talk.look_after(60) == []


def test_who_writes_is_there() -> None:
    talk = Talk(after_s=5, end_after_s=3, say="Hello?")
    assert talk.look_after(5) != []
    talk.hear(session(), created("r1"), done("r1"))
    assert talk.look_after(2) == []
    assert talk.state.user_wrote() == [CreateResponse("voice_create_2")]
    talk.hear(created("r2"), done("r2"))
    assert talk.look_after(4.5) == []
    assert talk.look_after(0.5) != [], "it asks once more"


def test_without_a_rule_nothing_happens() -> None:
    clock = VirtualClock()
    state = make_state(ScriptedFacts(), clock)
    clock.advance(3600)
    assert state.look_idle(busy=False) == []
    assert state.user_wrote() == [CreateResponse("voice_create_1")]
