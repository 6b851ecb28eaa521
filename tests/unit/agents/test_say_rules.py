"""What becomes of words that the program wants to be said, and who is heard meanwhile."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from guards import Guard
from scripted_voice import done, event, taken_by

from realtime_sync._signal_safe import Latch
from realtime_sync.agents.say_rules import SayRequest, SayRules
from realtime_sync.errors import AgentError, ConnectionClosedOK, RealtimeTimeout, ServerError
from realtime_sync.voice.asks import Fate, Saying


class Voice:
    """What the rules of a conversation would say."""

    def __init__(self) -> None:
        self.fates: dict[int, Fate] = {}
        self.asked: list[Saying] = []
        self.is_speaking = False

    def ask(self, saying: Saying) -> list[Any]:
        self.asked.append(saying)
        self.fates.setdefault(id(saying), "waiting")
        return ["ask"]

    def fate_of(self, saying: Saying) -> Fate:
        return self.fates[id(saying)]


class Bench:
    def __init__(self) -> None:
        self.voice = Voice()
        self.muted: list[bool] = []
        self.rules = SayRules(
            self.voice,  # type: ignore[arg-type]  # as much of it as is asked for
            self.muted.append,
            clock=lambda: 5.0,
        )

    def say(self, *, interruptible: bool = True) -> SayRequest:
        request = SayRequest(Saying.word_for_word("Hello.", is_protected=not interruptible))
        effects: list[Any] = self.rules.say(request)
        assert effects == ["ask"]
        return request

    def becomes(self, request: SayRequest, fate: Fate) -> None:
        self.voice.fates[id(request.saying)] = fate
        assert self.rules.tick() == []


def never() -> None:
    """The session goes on."""


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_nothing_is_said_by_itself(bench: Bench) -> None:
    assert bench.rules.begin() == bench.rules.tick() == taken_by(bench.rules, done("r")) == []
    assert not bench.rules.busy
    assert bench.rules.due_at is None
    assert bench.muted == []


def test_what_is_said_is_looked_at_until_it_was_heard(bench: Bench) -> None:
    request = bench.say()
    assert bench.rules.due_at == pytest.approx(5.2)
    bench.becomes(request, "heard")
    assert bench.rules.due_at is None


@pytest.mark.parametrize(("fate", "heard"), [("heard", True), ("cut", False), ("unspoken", False)])
def test_it_is_over_when_nothing_more_comes_of_it(bench: Bench, fate: Fate, heard: bool) -> None:
    request = bench.say()
    for before in ("waiting", "under_way"):
        bench.becomes(request, before)  # type: ignore[arg-type]
        assert not request.done.is_set
    bench.becomes(request, fate)
    assert request.wait(0, never) is heard


def test_a_refusal_is_raised(bench: Bench) -> None:
    request = bench.say()
    taken_by(bench.rules, event("error", error={"message": "no more", "code": "quota"}))
    bench.becomes(request, "lost")
    with pytest.raises(ServerError, match="quota: no more"):
        request.wait(0, never)


def test_a_failure_is_raised(bench: Bench) -> None:
    request = bench.say()
    taken_by(bench.rules, done("r", "failed"))
    bench.becomes(request, "lost")
    with pytest.raises(AgentError, match="failed"):
        request.wait(0, never)


def test_what_the_server_does_not_bring_is_raised(bench: Bench) -> None:
    request = bench.say()
    taken_by(bench.rules, event("error", error={"message": "something else"}))
    bench.becomes(request, "under_way")
    bench.becomes(request, "lost")
    with pytest.raises(RealtimeTimeout, match="in time"):
        request.wait(0, never)


def test_the_time_may_be_over(bench: Bench) -> None:
    request = bench.say()
    with pytest.raises(RealtimeTimeout, match="within 0 s"):
        request.wait(0, never)


def test_at_the_end_nothing_more_is_said(bench: Bench) -> None:
    request = bench.say()
    bench.rules.over(ConnectionClosedOK(1000, "closed"))
    with pytest.raises(ConnectionClosedOK):
        request.wait(None, never)


def test_after_the_end_nothing_is_waited_for() -> None:
    request = SayRequest(Saying.word_for_word("Hello.", is_protected=False))
    with pytest.raises(ConnectionClosedOK):
        request.wait(None, lambda: ConnectionClosedOK(1000, "closed"))


def test_whoever_waits_is_woken(bench: Bench, guard: Guard) -> None:
    request, heard = bench.say(), []
    waiter = threading.Thread(target=lambda: heard.append(request.wait(None, never)))
    waiter.start()
    bench.becomes(request, "heard")
    guard.join(waiter)
    assert heard == [True]


def test_the_user_is_silent_while_nobody_may_interrupt(bench: Bench) -> None:
    request = bench.say(interruptible=False)
    assert bench.muted == []  # it waits, perhaps for the user
    bench.becomes(request, "under_way")
    bench.becomes(request, "under_way")
    assert bench.muted == [True]
    bench.becomes(request, "heard")
    assert bench.muted == [True, False]


def test_the_user_is_silent_before_it_is_asked_for(bench: Bench) -> None:
    saying = Saying.word_for_word("Hello.", is_protected=True)
    bench.voice.fates[id(saying)] = "under_way"
    bench.rules.say(SayRequest(saying))
    assert bench.muted == [True]


def test_the_user_is_heard_while_what_is_said_may_be_interrupted(bench: Bench) -> None:
    bench.becomes(bench.say(), "under_way")
    assert bench.muted == []


def test_the_user_is_silent_until_the_last_of_several_was_heard(bench: Bench) -> None:
    first, second = bench.say(interruptible=False), bench.say(interruptible=False)
    bench.becomes(first, "under_way")
    bench.becomes(second, "under_way")
    bench.becomes(first, "heard")
    assert bench.muted == [True]
    bench.becomes(second, "cut")
    assert bench.muted == [True, False]


def test_who_waits_until_nothing_is_said(bench: Bench) -> None:
    bench.voice.is_speaking = True
    latches = [Latch(), Latch()]
    assert [bench.rules.wait_spoken(latch) for latch in latches] == [[], []]
    assert bench.rules.due_at == pytest.approx(5.2)
    assert bench.rules.tick() == []
    assert not any(latch.is_set for latch in latches)
    bench.voice.is_speaking = False
    assert bench.rules.tick() == []
    assert all(latch.is_set for latch in latches)
    assert bench.rules.due_at is None
    bench.voice.is_speaking = True
    assert bench.rules.tick() == []


def test_who_waits_where_nothing_is_said_waits_for_nothing(bench: Bench) -> None:
    latch = Latch()
    bench.rules.wait_spoken(latch)
    assert latch.is_set


def test_the_end_of_the_session_is_the_end_of_what_is_said(bench: Bench) -> None:
    bench.voice.is_speaking = True
    latch = Latch()
    bench.rules.wait_spoken(latch)
    bench.rules.over(ConnectionClosedOK(1000, "over", closed_by="the server"))
    assert latch.is_set
