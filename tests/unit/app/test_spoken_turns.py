"""What becomes of a generator's sound when it ends."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync.app.exchanges import Ask, CommitSound, Exchanges
from realtime_sync.app.spoken_turns import SpokenTurns
from realtime_sync.conversation.session import TurnRules
from realtime_sync.conversation.tool_calls import ToolCalls

MANUAL = TurnRules(manual=True, answers=False, interrupts=False)
DETECTED = TurnRules(detected=True, kind="server_vad")
SILENT = TurnRules(detected=True, kind="server_vad", answers=False)


class Nothing:
    def is_out_of_band(self, response_id: str) -> bool:
        return False

    def is_waiting(self, event_id: str) -> bool:
        return False

    def is_lost(self, event_id: str) -> bool:
        return False


class Scene:
    """The rules, and the responses of a server."""

    def __init__(self, rules: TurnRules) -> None:
        calls = ToolCalls((), declared=lambda: ())
        self.exchanges = Exchanges(responses=Nothing(), calls=calls)
        self.turns = SpokenTurns(self.exchanges, lambda: rules)

    def end(self, *, sound: bool = True, text: bool = False) -> Any:
        self.turns.appended()
        return self.turns.stream_ended(sound=sound, text=text)

    def answer(self, metadata: Any = None) -> None:
        self.exchanges.created({"id": "r1", "metadata": metadata})
        self.exchanges.done({"id": "r1", "status": "completed"})


def kinds(effects: Any) -> list[type]:
    return [type(effect) for effect in effects]


def test_without_turn_detection_the_end_is_the_turns() -> None:
    exchange, effects = Scene(MANUAL).end()
    assert kinds(effects) == [CommitSound, Ask]
    assert exchange.is_certain


def test_without_turn_detection_text_needs_no_commit() -> None:
    assert kinds(Scene(MANUAL).end(sound=False, text=True)[1]) == [Ask]


def test_speech_that_goes_on_is_committed_and_then_answered() -> None:
    scene = Scene(DETECTED)
    scene.turns.started()
    exchange, effects = scene.end()
    assert kinds(effects) == [CommitSound]
    [ask] = scene.turns.committed()
    assert isinstance(ask, Ask)
    assert not exchange.done.is_set
    scene.answer((ask.params or {})["metadata"])
    assert exchange.done.is_set


def test_the_server_was_quicker() -> None:
    """It has found the end by itself, and answers; nobody else asks."""
    scene = Scene(DETECTED)
    scene.turns.started()
    exchange, [commit] = scene.end()
    scene.turns.stopped()
    assert scene.turns.committed() == []
    scene.turns.refused([commit.event_id])
    assert not exchange.done.is_set
    scene.answer()
    assert exchange.done.is_set


def test_a_commit_that_is_refused_ends_the_matter() -> None:
    scene = Scene(DETECTED)
    scene.turns.started()
    exchange, [commit] = scene.end()
    scene.turns.refused(["of somebody else"])
    assert not exchange.done.is_set
    scene.turns.refused([commit.event_id])
    assert exchange.done.is_set


def test_without_speech_nothing() -> None:
    exchange, effects = Scene(DETECTED).end()
    assert effects == []
    assert not exchange.is_certain
    assert not exchange.begun.is_set


def test_a_turn_that_the_server_answers_is_waited_for() -> None:
    scene = Scene(DETECTED)
    scene.turns.started()
    scene.turns.stopped()
    assert scene.turns.committed() == []
    exchange, effects = scene.end()
    assert effects == []
    assert exchange.begun.is_set
    assert not exchange.done.is_set
    scene.answer()
    assert exchange.done.is_set
    assert not scene.end()[0].begun.is_set, "and it is another one"


def test_with_turn_detection_text_is_answered() -> None:
    assert kinds(Scene(DETECTED).end(sound=False, text=True)[1]) == [Ask]


def test_speech_that_is_heard_late() -> None:
    scene = Scene(DETECTED)
    exchange, _ = scene.end()
    assert scene.turns.not_stopped() == [], "there is none yet"
    scene.turns.started()
    assert exchange.begun.is_set
    assert kinds(scene.turns.not_stopped()) == [CommitSound]
    assert scene.turns.not_stopped() == [], "once"
    assert kinds(scene.turns.committed()) == [Ask]


def test_late_speech_that_the_next_sound_ends() -> None:
    scene = Scene(DETECTED)
    scene.end()
    scene.turns.started()
    scene.turns.appended()
    assert scene.turns.not_stopped() == []


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_server_that_answers_nothing_by_itself_is_asked(goes_on: bool) -> None:
    scene = Scene(SILENT)
    scene.turns.started()
    if goes_on:
        assert kinds(scene.end()[1]) == [CommitSound]
        scene.turns.stopped()
        assert kinds(scene.turns.committed()) == [Ask]
    else:
        scene.turns.stopped()
        assert scene.turns.committed() == []
        [ask] = scene.end()[1]
        scene.answer(ask.params["metadata"])
        assert scene.end()[1] == [], "once"


def test_an_earlier_turn_says_nothing_of_the_end_of_this_one() -> None:
    scene = Scene(DETECTED)
    scene.turns.started()
    scene.turns.stopped()
    scene.turns.committed()
    scene.answer()
    scene.turns.started()
    assert kinds(scene.end()[1]) == [CommitSound]
    assert kinds(scene.turns.committed()) == [Ask]


def test_with_the_link_the_speech_is_lost() -> None:
    scene = Scene(DETECTED)
    scene.turns.started()
    exchange, _ = scene.end()
    scene.turns.link_lost()
    assert exchange.done.is_set
    assert scene.end()[1] == []
