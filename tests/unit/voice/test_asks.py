"""What the loop asks for, one request after the other."""

from __future__ import annotations

import pytest

from realtime_sync.voice.asks import Asks, Begun, Saying
from realtime_sync.voice.effects import CreateResponse

GREETING = {"instructions": "Greet."}


def yes() -> bool:
    return True


def no() -> bool:
    return False


class Facts:
    """What a connection would know of the requests."""

    def __init__(self) -> None:
        self.busy = False
        self.waiting: set[str] = set()
        self.kept: set[str] = set()  # over a lost link

    def is_waiting(self, event_id: str) -> bool:
        return event_id in self.waiting

    def is_lost(self, event_id: str) -> bool:
        return event_id not in self.kept


@pytest.fixture
def facts() -> Facts:
    return Facts()


@pytest.fixture
def asks(facts: Facts) -> Asks:
    return Asks(facts)  # type: ignore[arg-type]  # as much of them as it asks for


def test_it_is_open_until_a_beginning_is_taken(asks: Asks, facts: Facts) -> None:
    assert not asks.is_open
    asks.owed = True
    assert not asks.is_open
    assert asks.next(is_quiet=yes) is not None
    asks.cut(cancel=True)
    assert (asks.is_open, asks.is_awaited) == (True, False)
    asks.begun()
    assert not asks.is_open


def test_what_is_owed_is_asked_for_once(asks: Asks) -> None:
    assert asks.next(is_quiet=yes) is None
    asks.owed = True
    assert asks.is_due
    assert asks.next(is_quiet=no) == CreateResponse("voice_create_1")  # the connection waits
    assert asks.next(is_quiet=yes) is None
    assert not asks.is_due
    assert asks.is_awaited
    assert asks.begun() == Begun(asked=True, saying=None, is_cut=False)
    assert not asks.is_awaited


def test_nobody_is_asked_whether_it_is_quiet_while_nothing_waits_for_that(asks: Asks) -> None:
    def never() -> bool:
        raise AssertionError("a sink takes the question for the end of an item")

    assert asks.next(is_quiet=never) is None
    asks.owed = True
    assert asks.next(is_quiet=never) == CreateResponse("voice_create_1")
    asks.say(Saying(GREETING, is_protected=False))
    assert asks.next(is_quiet=never) is None, "a request is under way"


def test_a_saying_waits_until_nothing_else_goes_on(asks: Asks, facts: Facts) -> None:
    asks.say(Saying(GREETING, is_protected=True))
    asks.owed = True
    assert asks.next(is_quiet=yes) == CreateResponse("voice_create_1")
    assert asks.next(is_quiet=yes) is None, "a request is under way"
    asks.begun()
    assert asks.next(is_quiet=no) is None
    facts.busy = True
    assert asks.next(is_quiet=yes) is None
    facts.busy = False
    assert asks.next(is_quiet=yes) == CreateResponse("voice_create_2", GREETING)
    assert asks.is_protected
    assert asks.begun() == Begun(True, Saying(GREETING, is_protected=True), False)
    assert not asks.is_protected


def test_a_response_of_somebody_else_answers_nothing_here(asks: Asks, facts: Facts) -> None:
    assert asks.begun() == Begun(asked=False, saying=None, is_cut=False)
    asks.owed = True
    asks.next(is_quiet=no)
    facts.waiting = {"voice_create_1"}
    assert not asks.begun().asked, "it still waits at the connection"
    facts.waiting = set()
    assert asks.begun().asked


def test_of_several_that_wait_the_latest_counts(asks: Asks, facts: Facts) -> None:
    facts.waiting = {"voice_create_1", "voice_create_2"}
    for _ in range(2):
        asks.owed = True
        asks.next(is_quiet=no)
    assert not asks.refused(["voice_create_1"])
    assert asks.refused(["voice_create_2"])


def test_what_is_cut_before_it_begins_is_known_when_it_does(asks: Asks) -> None:
    asks.owed = True
    asks.next(is_quiet=yes)
    asks.cut(cancel=False)
    assert asks.is_awaited
    asks.cut(cancel=True)
    assert not asks.is_awaited
    assert asks.begun().is_cut


def test_only_what_is_owed_is_taken_back(asks: Asks) -> None:
    asks.owed = True
    asks.next(is_quiet=yes)
    assert asks.take_withdrawable() == "voice_create_1"
    assert asks.take_withdrawable() is None
    asks.withdrawn("voice_create_1")
    assert asks.owed
    assert not asks.is_awaited
    asks.owed = False
    asks.say(Saying(GREETING, is_protected=False))
    asks.next(is_quiet=yes)
    assert asks.take_withdrawable() is None


def test_what_nobody_has_heard_is_said_again_before_all_else(asks: Asks) -> None:
    asks.say(Saying(GREETING, is_protected=False))
    asks.say_again([Saying({"instructions": "First."}, is_protected=True)])
    assert asks.next(is_quiet=yes) == CreateResponse("voice_create_1", {"instructions": "First."})
    assert asks.is_protected


def test_what_is_given_up_is_no_longer_asked_for(asks: Asks) -> None:
    asks.say(Saying(GREETING, is_protected=True))
    asks.next(is_quiet=yes)
    assert asks.gone_out == ["voice_create_1"]
    assert asks.give_up("voice_create_1") == Saying(GREETING, is_protected=True)
    assert asks.gone_out == []
    assert not asks.is_protected
    asks.owed = True
    asks.next(is_quiet=yes)
    assert asks.give_up("voice_create_2") is None
    assert not asks.is_awaited


def test_a_refused_saying_is_no_longer_protected(asks: Asks) -> None:
    asks.say(Saying(GREETING, is_protected=True))
    asks.next(is_quiet=yes)
    assert asks.refused(["other", "voice_create_1"])
    assert not asks.is_protected
    assert not asks.is_due


@pytest.mark.parametrize("held", [False, True])
def test_with_the_link_what_was_sent_is_gone(asks: Asks, facts: Facts, held: bool) -> None:
    asks.owed = True
    asks.next(is_quiet=yes)
    facts.kept = {"voice_create_1"} if held else set()  # the connection has it for the next link
    assert asks.link_lost() is not held
    assert asks.is_awaited is held


def test_what_the_new_link_has_answered_already_is_not_asked_for_again(
    asks: Asks, facts: Facts
) -> None:
    """The connection is ahead of what is consumed of it."""
    asks.owed = True
    asks.next(is_quiet=yes)
    facts.busy, facts.kept = False, {"voice_create_1"}
    assert not asks.link_lost()
    assert asks.begun().asked
    assert not asks.is_due


def test_a_lost_saying_is_said_again_and_one_that_was_cut_is_not(asks: Asks) -> None:
    asks.say(Saying(GREETING, is_protected=True))
    asks.next(is_quiet=yes)
    assert not asks.link_lost()
    assert asks.next(is_quiet=yes) == CreateResponse("voice_create_2", GREETING)
    asks.cut(cancel=True)
    assert not asks.link_lost()
    assert asks.next(is_quiet=yes) is None
