"""The table of a link's states, and who may make which step."""

from __future__ import annotations

import pytest
from state_diagram import documented, drawn

from realtime_sync._deadline import Deadline
from realtime_sync.connection.link.lifecycle import TRANSITIONS, Lifecycle, LinkState, LinkStep

NEVER = Deadline(None)

# How each state is reached from the first one.
WAYS = {
    LinkState.OPEN: [],
    LinkState.LOST: [LinkStep.LOSE],
    LinkState.RENEWING: [LinkStep.RENEW],
    LinkState.RENEWING_LOST: [LinkStep.RENEW, LinkStep.LOSE],
    LinkState.CLOSED: [LinkStep.END],
}


def life_in(state: LinkState) -> Lifecycle:
    life = Lifecycle()
    if state is LinkState.CLOSING:
        life.close(1000, "", NEVER)
        return life
    for step in WAYS[state]:
        assert life.step(step) is not None
    assert life.state is state
    return life


@pytest.mark.parametrize("state", LinkState)
@pytest.mark.parametrize("step", LinkStep)
def test_a_step_is_made_where_the_table_has_it_and_nowhere_else(
    state: LinkState, step: LinkStep
) -> None:
    life = life_in(state)
    to = TRANSITIONS[state].get(step)
    assert life.step(step) is to
    assert life.state is (to or state)


def test_every_state_has_a_way_to_the_end() -> None:
    assert set(TRANSITIONS) == set(LinkState)
    for state, steps in TRANSITIONS.items():
        assert (LinkStep.END in steps) == (state is not LinkState.CLOSED)
        closes = state not in (LinkState.CLOSING, LinkState.CLOSED)
        assert (LinkStep.CLOSE in steps) == closes


@pytest.mark.parametrize("state", [s for s in LinkState if LinkStep.CLOSE in TRANSITIONS[s]])
@pytest.mark.parametrize("step", [s for s in LinkStep if s not in (LinkStep.CLOSE, LinkStep.END)])
def test_a_request_to_close_comes_before_every_other_step(state: LinkState, step: LinkStep) -> None:
    life = life_in(state)
    life.close(1000, "", NEVER)
    assert life.state is LinkState.CLOSING, "seen at once, though nobody has made the step"
    assert life.step(step) is None
    assert life.step(LinkStep.END) is LinkState.CLOSED


def test_the_next_link_is_made_from_the_loss_to_the_end_of_it() -> None:
    made = {state for state in LinkState if state.makes_anew}
    assert made == {LinkState.LOST, LinkState.RENEWING, LinkState.RENEWING_LOST}


def test_the_first_request_to_close_counts() -> None:
    life = Lifecycle()
    assert not life.closing.is_set
    assert life.close_request is None
    first = life.close(3000, "first", NEVER)
    assert life.close(3001, "second", NEVER) is first
    assert life.close_request is first
    assert life.closing.is_set


def test_a_request_takes_no_lock() -> None:
    """A signal handler may have interrupted a thread that holds it."""
    life = Lifecycle()
    with life._lock:
        life.close(1000, "", NEVER)
        assert life.state is LinkState.CLOSING


def test_a_request_after_the_end_changes_nothing() -> None:
    life = life_in(LinkState.CLOSED)
    life.close(1000, "", NEVER)
    assert life.state is LinkState.CLOSED
    assert life.step(LinkStep.END) is None


def test_the_diagram_in_the_documents_is_the_table() -> None:
    assert documented() == drawn(), "renew it: python tests/support/state_diagram.py"
