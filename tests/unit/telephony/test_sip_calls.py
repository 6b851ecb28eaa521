"""The webhooks of SIP calls: which begin a call, how many there may be, and their common end."""

from __future__ import annotations

import copy
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from guards import Guard
from scripted_calls import gone, sip_client, webhook
from sip_calls import SECRET

from realtime_sync import ConcurrencyError, ConfigError, ConnectError, RealtimeError
from realtime_sync.agents import RealtimeAgent
from realtime_sync.rest.webhooks import sign
from realtime_sync.telephony import Reject, SipCall, SipCalls, sip_calls
from realtime_sync.testing import ScriptedServer

AGENT = RealtimeAgent[SipCall](name="Desk")


class House:
    """Calls, and how they have ended."""

    def __init__(
        self, agent_for: Callable[[SipCall], Any] = lambda call: AGENT, **options: Any
    ) -> None:
        self.client, self.provider = sip_client(ScriptedServer())
        self.ended: queue.SimpleQueue[SipCall] = queue.SimpleQueue()
        self.calls = SipCalls(agent_for, client=self.client, on_end=self.ended.put, **options)

    def __enter__(self) -> House:
        return self

    def __exit__(self, *exc: object) -> None:
        self.calls.close()

    def end(self) -> SipCall:
        """Return the next call that is over."""
        call = Guard().get(self.ended, "the end of a call")
        assert call.wait_ended(Guard().seconds)
        return call


class Held:
    """An ``agent_for`` that keeps the caller waiting until it is let go."""

    def __init__(self) -> None:
        self.ringing: queue.SimpleQueue[SipCall] = queue.SimpleQueue()
        self.go = threading.Event()

    def __call__(self, call: SipCall) -> Reject:
        self.ringing.put(call)
        Guard().wait(self.go, "the program")
        return Reject(486)

    def next(self) -> SipCall:
        return Guard().get(self.ringing, "a call")


# -- webhooks --------------------------------------------------------------------------------------


def test_a_webhook_is_answered_before_the_call_is() -> None:
    held = Held()
    with House(held) as house:
        assert house.calls.handle(*webhook()) == 200
        call = held.next()
        assert (call.id, call.number, house.calls.calls) == ("rtc_1", "+14155550123", 1)
        assert house.provider.done == []
        held.go.set()
        assert (house.end(), call.ended_by) == (call, "reject")
        assert house.calls.calls == 0


def test_repeated_webhooks_make_one_call() -> None:
    """At once, from ten threads, and once more when it is over."""
    held, statuses = Held(), queue.SimpleQueue[int]()
    with House(held) as house:
        together = threading.Barrier(10)

        def deliver() -> None:
            together.wait(Guard().seconds)
            statuses.put(house.calls.handle(*webhook()))

        threads = [threading.Thread(target=deliver) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            Guard().join(thread)
        assert [statuses.get(timeout=0) for _ in range(10)] == [200] * 10
        held.go.set()
        house.end()
        assert house.calls.handle(*webhook()) == 200, "it is over, and not begun again"
    assert house.provider.names() == ["reject"]
    assert house.ended.empty()


def test_ids_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_calls, "_MOST_KNOWN", 2)
    with House(lambda call: Reject()) as house:
        for call_id in ("a", "b", "c", "b", "c", "a"):
            assert house.calls.handle(*webhook(call_id)) == 200
        assert sorted(house.end().id for _ in range(4)) == ["a", "a", "b", "c"]


def signed(body: bytes, **options: Any) -> tuple[bytes, dict[str, str]]:
    return body, sign(body, secret=SECRET, **options)


# Signed when the test runs: a signature grows old while the tests before it run.
@pytest.mark.parametrize(
    ("deliver", "status"),
    [
        (lambda: signed(b'{"type": "response.completed", "data": {}}'), 200),
        (lambda: (webhook()[0], sign(webhook()[0], secret="whsec_Zm9yZ2Vk")), 400),
        (lambda: (webhook()[0], {}), 400),
        (lambda: signed(webhook()[0], timestamp=int(time.time()) - 400), 400),
        (lambda: signed(webhook()[0], timestamp=int(time.time()) + 400), 400),
        (lambda: (webhook()[0] + b" ", webhook()[1]), 400),
        (lambda: signed(b"no json"), 400),
        (lambda: signed(b"[]"), 400),
        (lambda: signed(b"[" * 60_000), 400),
        (lambda: signed(b'{"type": "realtime.call.incoming"}'), 400),
        (lambda: signed(b'{"type": "realtime.call.incoming", "data": {}}'), 400),
        (lambda: signed(b'{"type": "realtime.call.incoming", "data": {"call_id": 7}}'), 400),
        (lambda: signed(b'{"type": "realtime.call.incoming", "data": {"call_id": ""}}'), 400),
    ],
    ids=["another type", "forged", "unsigned", "stale", "early", "changed", "text", "list",
         "deep", "no data", "no id", "a number", "empty"],
)  # fmt: skip
def test_what_is_no_incoming_call(
    deliver: Callable[[], tuple[bytes, dict[str, str]]],
    status: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with House() as house:
        assert house.calls.handle(*deliver()) == status
        assert house.calls.calls == 0
    assert house.provider.done == []
    assert ("a webhook was refused" in caplog.text) == (status == 400)


@pytest.mark.parametrize(
    "headers", ["null", "7", '"x"', "[]", '[7, {"name": "From"}, {"name": 7, "value": "x"}]']
)
def test_odd_headers_of_a_call_are_left_out(headers: str) -> None:
    data = f'{{"call_id": "rtc_1", "sip_headers": {headers}}}'
    body = f'{{"type": "realtime.call.incoming", "data": {data}}}'.encode()
    with House(lambda call: Reject()) as house:
        assert house.calls.handle(*signed(body)) == 200
        call = house.end()
    assert (call.headers, call.caller, call.number) == ([], None, None)


def test_a_secret_of_its_own() -> None:
    with House(lambda call: Reject(), secret="whsec_b3du") as house:
        body, headers = webhook()
        assert house.calls.handle(body, headers) == 400
        assert house.calls.handle(body, sign(body, secret="whsec_b3du")) == 200
        house.end()


# -- how many --------------------------------------------------------------------------------------


def test_one_call_too_many_hears_that_the_line_is_busy(caplog: pytest.LogCaptureFixture) -> None:
    held = Held()
    with House(held, max_calls=2) as house:
        for call_id in ("a", "b"):
            house.calls.handle(*webhook(call_id))
            held.next()
        assert house.calls.handle(*webhook("c")) == 200
        assert house.end().id == "c"
        assert house.provider.done == [("reject", "c", {"status_code": 486})]
        assert (house.calls.calls, house.calls.refused) == (2, 1)
        assert "there are 2, as max_calls says" in caplog.text
        held.go.set()
        assert {house.end().id, house.end().id} == {"a", "b"}
        house.calls.handle(*webhook("d"))
        assert (house.end().ended_by, house.calls.refused) == ("reject", 1), "there is room again"


def test_a_crowd_of_them_is_to_be_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that not even their rejections hold any number of threads."""
    monkeypatch.setattr(sip_calls, "_MOST_REFUSED", 1)
    held, rejecting, go = Held(), threading.Event(), threading.Event()

    def slow(name: str) -> None:
        rejecting.set()
        Guard().wait(go, "the provider")

    with House(held, max_calls=1) as house:
        house.calls.handle(*webhook("a"))
        held.next()
        house.provider.before = slow
        assert house.calls.handle(*webhook("b")) == 200
        Guard().wait(rejecting, "the rejection")
        assert house.calls.handle(*webhook("c")) == 503
        go.set()
        assert house.end().id == "b"
        assert house.calls.handle(*webhook("c")) == 200, "it was not taken before"
        assert house.end().id == "c"
        held.go.set()
        house.end()


def test_without_a_thread_it_is_to_be_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*args: object, **options: object) -> None:
        raise RealtimeError("no thread")

    with House(lambda call: Reject()) as house:
        with monkeypatch.context() as patched:
            patched.setattr(sip_calls, "spawn", none)
            assert house.calls.handle(*webhook()) == 503
        assert house.calls.calls == 0
        assert house.calls.handle(*webhook()) == 200
        house.end()


# -- failures --------------------------------------------------------------------------------------


def test_a_failure_is_told_and_ends_its_call_alone(caplog: pytest.LogCaptureFixture) -> None:
    def agent_for(call: SipCall) -> Reject:
        if call.id == "a":
            raise ValueError("no database")
        return Reject()

    with House(agent_for) as house:
        house.calls.handle(*webhook("a"))
        call = house.end()
        assert (call.ended_by, repr(call.error)) == ("error", "ValueError('no database')")
        house.calls.handle(*webhook("b"))
        call = house.end()
        assert (call.ended_by, call.error) == ("reject", None)
    assert "the call a has failed" in caplog.text


@pytest.mark.parametrize("fault", [SystemExit(3), KeyboardInterrupt()])
def test_a_program_that_would_exit_ends_its_call_alone(fault: BaseException) -> None:
    """Python ends the thread by that without a word; the call is none of the open ones."""

    def agent_for(call: SipCall) -> Reject:
        raise fault

    with House(agent_for) as house:
        house.calls.handle(*webhook("a"))
        call = house.end()
        assert (call.ended_by, call.error) == ("error", fault)
        assert call.wait_ended(Guard().seconds)
        assert house.calls.calls == 0


@pytest.mark.parametrize("fault", [ValueError("no database"), SystemExit(3)])
def test_a_failing_on_end_is_told(fault: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    client, _ = sip_client(ScriptedServer())
    seen: queue.SimpleQueue[SipCall] = queue.SimpleQueue()

    def on_end(call: SipCall) -> None:
        seen.put(call)
        raise fault

    with SipCalls(lambda call: Reject(), client=client, on_end=on_end) as calls:
        calls.handle(*webhook())
        call = Guard().get(seen, "the end")
        assert call.wait_ended(Guard().seconds)
        assert calls.calls == 0
    assert "on_end has failed for the call rtc_1" in caplog.text


# -- the end ---------------------------------------------------------------------------------------


def test_closing_hangs_up_and_takes_no_more() -> None:
    talking: queue.SimpleQueue[SipCall] = queue.SimpleQueue()

    def on_call(call: SipCall, session: Any) -> None:
        talking.put(call)
        for _ in session:
            pass

    with House(on_call=on_call) as house:
        house.calls.handle(*webhook())
        call = Guard().get(talking, "the session")
        house.calls.close()
        assert (call.ended_by, house.calls.calls) == ("closed", 0)
        assert house.provider.names() == ["accept", "hangup"]
        assert house.calls.handle(*webhook("b")) == 503
        house.calls.close()
    assert house.provider.names() == ["accept", "hangup"]


def test_draining_lets_calls_end_by_themselves() -> None:
    held = Held()
    with House(held) as house:
        house.calls.handle(*webhook())
        held.next()
        drained: queue.SimpleQueue[bool] = queue.SimpleQueue()
        thread = threading.Thread(target=lambda: drained.put(house.calls.drain(Guard().seconds)))
        thread.start()
        Guard().until(lambda: house.calls.handle(*webhook("b")) == 503, "the refusal")
        assert drained.empty()
        held.go.set()
        assert Guard().get(drained, "the end") is True
        Guard().join(thread)
        assert house.end().ended_by == "reject", "nobody has hung it up"


def test_draining_hangs_up_who_does_not_end() -> None:
    talking = threading.Event()

    def on_call(call: SipCall, session: Any) -> None:
        talking.set()
        for _ in session:
            pass

    with House(on_call=on_call) as house:
        house.calls.handle(*webhook())
        Guard().wait(talking, "the session")
        assert house.calls.drain(0.0, close_timeout=Guard().seconds) is True
        assert house.end().ended_by == "closed"


def test_a_call_that_does_not_end_is_left_behind_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    held = Held()
    with House(held) as house:
        house.calls.handle(*webhook())
        held.next()
        assert house.calls.drain(0.0, close_timeout=0.0) is False
        assert "a call is not over; its thread is left behind" in caplog.text
        held.go.set()
        assert house.end().ended_by == "closed"


def test_a_call_that_can_not_be_hung_up_is_told(caplog: pytest.LogCaptureFixture) -> None:
    held = Held()
    with House(held) as house:
        house.calls.handle(*webhook())
        held.next()
        house.provider.failures["hangup"] = ConnectError("no network")
        house.calls.drain(0.0, close_timeout=0.0)
        Guard().until(lambda: "could not be hung up" in caplog.text, "the log")
        held.go.set()
        house.end()


def test_closing_in_a_call_does_not_wait_for_itself() -> None:
    def agent_for(call: SipCall) -> Reject:
        house.calls.close()
        return Reject()

    monkey = pytest.MonkeyPatch()
    monkey.setattr(sip_calls, "_CLOSE_S", 0.01)
    house = House(agent_for)
    with house:
        house.calls.handle(*webhook())
        assert house.end().ended_by == "closed"
    monkey.undo()


def test_without_threads_it_is_closed_on_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As at the exit of the interpreter, from Python 3.12 on."""

    def none(*args: object, **options: object) -> None:
        raise RealtimeError("no thread")

    held = Held()
    with House(held) as house:
        house.calls.handle(*webhook())
        held.next()
        with monkeypatch.context() as patched:
            patched.setattr(sip_calls, "spawn", none)
            house.calls.drain(0.0, close_timeout=0.0)
        assert house.provider.names() == ["hangup"]
        house.provider.failures["reject"] = gone()
        held.go.set()
        assert house.end().ended_by == "closed"


# -- what is none ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"agent_for": AGENT}, "agent_for must be a function"),
        ({"agent_for": lambda: AGENT}, r"agent_for is called with \(call\)"),
        ({"client": None}, "client=None is none; pass one of realtime_sync"),
        ({"greeting": " "}, "greeting must be a text with something in it"),
        ({"greeting": 7}, "greeting must be a text"),
        ({"config": []}, "config must be a dictionary"),
        ({"on_call": lambda call: None}, r"on_call is called with \(call, session\)"),
        ({"on_end": 7}, "on_end must be a function"),
        ({"max_calls": 0}, "max_calls must be a whole number, 1 or more"),
        ({"secret": 7}, "the webhook secret is a int"),
        ({"secret": "whsec_!"}, "no base64"),
    ],
)
def test_wrong_options(options: dict[str, Any], words: str) -> None:
    client, _ = sip_client(ScriptedServer())
    given: dict[str, Any] = {"agent_for": lambda call: AGENT, "client": client, **options}
    with pytest.raises(ConfigError, match=words):
        SipCalls(given.pop("agent_for"), **given)


def test_a_missing_secret_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_WEBHOOK_SECRET", raising=False)
    client, _ = sip_client(ScriptedServer())
    del client.__dict__["webhooks"]
    with pytest.raises(ConfigError, match=r"no webhook secret: pass secret=…"):
        SipCalls(lambda call: AGENT, client=client)


def test_times_that_are_none() -> None:
    with House() as house:
        for options in ({"timeout": -1}, {"timeout": 0, "close_timeout": "x"}):
            with pytest.raises(ConfigError, match="pass seconds"):
                house.calls.drain(**options)
        house.calls.handle(b"", {})
        assert house.calls._closed is False, "nothing has happened"


def test_it_is_not_copied() -> None:
    with House() as house, pytest.raises(ConcurrencyError, match="a SipCalls can't be copied"):
        copy.copy(house.calls)
