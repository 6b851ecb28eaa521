"""Whether something of a turn is going on, and which end is of which answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from realtime_sync.distiller import DistillerEvent
from realtime_sync.distiller.turn_state import ResponseEnds, TurnState


def event(type: str, **fields: Any) -> DistillerEvent:
    return DistillerEvent({"type": type, **fields})


def state(*, vad: bool = False, types: tuple[str, ...] = ()) -> TurnState:
    turn = TurnState()
    turn.begin(event("session.created", capabilities={"vad_enabled": vad}))
    for each in types:
        turn.decode(json.dumps({"type": each}))
    return turn


# -- TurnState -------------------------------------------------------------------------------------


def test_a_response_runs_from_created_to_done_or_interrupted() -> None:
    assert not state().responding
    assert state(types=("response.created",)).responding
    assert state(types=("response.created", "response.audio.done")).responding
    assert not state(types=("response.created", "response.done")).responding
    assert not state(types=("response.created", "response.interrupted")).responding


def test_a_session_is_quiet_between_turns() -> None:
    turn = state()
    assert turn.quiet
    turn.ask()
    assert not turn.quiet
    turn.decode('{"type": "response.created"}')
    assert not turn.quiet
    turn.decode('{"type": "response.done"}')
    assert turn.quiet


def test_a_server_that_says_done_alone_ends_a_turn_too() -> None:
    turn = state()
    turn.ask()
    turn.decode('{"type": "response.done"}')
    assert turn.quiet


def test_what_was_asked_during_a_response_is_still_owed_after_it() -> None:
    turn = state(types=("response.created",))
    turn.ask()
    turn.decode('{"type": "response.done"}')
    assert not turn.quiet


def test_after_an_interruption_the_users_turn_is_going_on() -> None:
    turn = state(vad=True, types=("response.created", "response.interrupted"))
    assert not turn.quiet
    turn.decode('{"type": "response.done"}')  # of the answer that was interrupted
    assert not turn.quiet
    turn.decode('{"type": "response.created"}')
    turn.decode('{"type": "response.done"}')
    assert turn.quiet


@pytest.mark.parametrize("kind", ["delta", "done"])
def test_words_that_were_heard_are_a_turn(kind: str) -> None:
    assert not state(vad=True, types=(f"response.audio_transcript.{kind}",)).quiet


def test_sound_is_a_turn_where_the_server_does_not_listen_for_words() -> None:
    for vad in (False, True):
        turn = state(vad=vad)
        turn.hear()
        assert turn.quiet is vad
        turn.forget_sound()
        assert turn.quiet


def test_a_new_session_begins_without_what_the_old_one_left() -> None:
    turn = state(types=("response.created",))
    turn.hear()
    turn.begin(event("session.created", capabilities={"vad_enabled": True}))
    assert not turn.responding
    assert turn.quiet
    assert turn.vad_enabled


def test_what_was_asked_and_waits_for_the_new_session_is_still_owed_in_it() -> None:
    turn = state()
    turn.ask()
    turn.begin(event("session.created"))
    assert not turn.quiet


# -- ResponseEnds ----------------------------------------------------------------------------------


def left_over(ends: ResponseEnds, *types: str, turn: TurnState | None = None) -> list[bool]:
    """Return of each ``response.done`` among ``types`` whether it is left over."""
    turn = turn or TurnState()
    return [
        verdict
        for each in types
        if (verdict := ends.is_left_over(turn.decode(json.dumps({"type": each}))))
        or each == "response.done"
    ]


def test_each_done_ends_its_answer() -> None:
    ends = ResponseEnds()
    turn = ("response.created", "response.text.delta", "response.done")
    assert left_over(ends, *turn, *turn, "response.done") == [False, False, False]


def test_the_done_of_an_interrupted_answer_is_left_over() -> None:
    ends = ResponseEnds()
    told = ("response.created", "response.interrupted", "response.audio_transcript.done")
    assert left_over(ends, *told, "response.done", "response.created", "response.done") == [
        True,
        False,
    ]


@pytest.mark.parametrize("first", ["created", "text.delta", "audio.delta"])
def test_an_interrupted_answer_may_not_be_called_done_at_all(first: str) -> None:
    ends = ResponseEnds()
    assert left_over(
        ends, "response.created", "response.interrupted", f"response.{first}", "response.done"
    ) == [False]


def test_a_cancelled_answer_ends_unless_the_program_has_gone_on() -> None:
    ends, turn = ResponseEnds(), TurnState()
    assert left_over(ends, "response.created", turn=turn) == []
    ends.cancel(1)
    assert left_over(ends, "response.done", turn=turn) == [False]
    ends.ask()
    assert left_over(ends, "response.created", "response.done", turn=turn) == [False]
    ends.cancel(2)  # too late for the server, and for us
    ends.ask()
    assert left_over(ends, "response.created", "response.done", turn=turn) == [False]


def test_what_was_cancelled_before_it_was_consumed_is_left_over() -> None:
    ends = ResponseEnds()
    ends.cancel(1)
    ends.ask()
    ends.cancel(2)
    ends.ask()
    turn = ("response.created", "response.done")
    assert left_over(ends, *turn, *turn, *turn) == [True, True, False]


def test_an_event_that_a_signal_handler_took_away_costs_no_later_answer_its_end() -> None:
    ends, turn = ResponseEnds(), TurnState()
    turn.decode('{"type": "response.created"}')  # consumed, and never looked at
    ends.cancel(1)
    ends.ask()
    assert left_over(ends, "response.done", turn=turn) == [True]
    assert left_over(ends, "response.created", "response.done", turn=turn) == [False]
