"""Calls that the bridge of `samples/twilio_agent` places, each once, and what it tells of them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import twilio_service
from guards import Guard
from twilio_bridge import FROM, Bridge, bridge, desk_server
from twilio_service import Fault, TwilioService

pytestmark = pytest.mark.xdist_group("twilio_bridge")

CALLEE = "+15550123"
ORDER = {"to": CALLEE, "greeting": "Hello, your bicycle is repaired."}
VOICEMAIL = "Please call the shop."


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    """Two workers, which share nothing but the journal."""
    folder = tmp_path_factory.mktemp("bridge")
    with (
        desk_server() as desk,
        TwilioService() as twilio,
        bridge("gthread", folder, desk, twilio, "--workers", "2", VOICEMAIL=VOICEMAIL) as it,
    ):
        it.faults += ["the order of a call is"]
        yield it


@pytest.fixture
def shop(running: Bridge) -> Iterator[Bridge]:
    """The same, with nothing of other tests in Twilio's memory."""
    yield running
    for call in running.service.calls.values():
        call.hang_up()
        call.wait_ended()
    running.service.calls.clear()
    running.service.requests.clear()
    running.service.outcomes.clear()
    running.service.repeats = 1


def order(shop: Bridge, key: str, body: object = ORDER) -> tuple[int, Any]:
    return shop.client("POST", "/calls", body, key=key)


def told(shop: Bridge, key: str) -> Any:
    status, answer = shop.client("GET", f"/calls/{key}")
    assert status == 200
    return answer


def test_who_answers_is_greeted(shop: Bridge) -> None:
    status, answer = order(shop, "human")
    assert (status, answer["state"], answer["to"]) == (200, "placed", CALLEE)
    call = shop.service.only_call
    assert answer["call_sid"] == call.sid
    (request,) = shop.orders("To")
    assert (request["To"], request["From"]) == ([CALLEE], [FROM])
    shop.wait_said(call, ORDER["greeting"])
    seen = told(shop, "human")
    assert (seen["status"], seen["answered_by"], seen["told"]) == ("in-progress", "human", None)
    call.hang_up()
    call.wait_ended()
    assert told(shop, "human")["status"] == "completed"


def test_a_machine_gets_the_message(shop: Bridge) -> None:
    shop.service.outcomes[CALLEE] = "machine_start"
    order(shop, "machine")
    call = shop.service.only_call
    call.wait_ended()
    assert (call.heard, call.streams) == ([VOICEMAIL], [])
    seen = told(shop, "machine")
    assert seen["answered_by"] == "machine_start"
    assert seen["told"] == "an answering machine has answered"


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("no-answer", "nobody has answered"),
        ("busy", "the line was busy"),
        ("failed", "Twilio could not connect the call"),
    ],
)
def test_who_is_not_reached_is_told(shop: Bridge, outcome: str, words: str) -> None:
    shop.service.outcomes[CALLEE] = outcome
    shop.service.repeats = 2  # Twilio may say everything twice
    order(shop, outcome)
    shop.service.only_call.wait_ended()
    seen = told(shop, outcome)
    assert (seen["state"], seen["status"], seen["told"]) == ("placed", outcome, words)
    assert shop.log().count(f"call {seen['call_sid']}: {words}") == 1


def test_an_order_that_is_repeated_calls_once(shop: Bridge) -> None:
    shop.service.outcomes[CALLEE] = "rings"
    first = order(shop, "again")
    assert order(shop, "again")[1]["call_sid"] == first[1]["call_sid"]
    assert len(shop.orders("To")) == 1
    status, answer = order(shop, "again", {"to": "+15550124"})
    assert (status, "take a new one" in answer["error"]) == (409, True)
    assert len(shop.orders("To")) == 1


def test_an_order_that_comes_many_times_at_once_calls_once(shop: Bridge) -> None:
    shop.service.outcomes[CALLEE] = "rings"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: order(shop, "crowd"), range(8)))
    assert len(shop.orders("To")) == 1
    assert {answer["state"] for _, answer in answers} <= {"placing", "placed"}
    sids = {answer["call_sid"] for _, answer in answers} - {None}
    assert sids == {shop.service.only_call.sid}


def test_a_call_whose_answer_was_lost_is_found_again(shop: Bridge) -> None:
    """Twilio has placed it, and nobody knows until it tells of the call."""
    shop.service.outcomes[CALLEE] = "rings"
    shop.service.faults.append(Fault(500, 20500, "An internal error", after=True))
    status, answer = order(shop, "lost")
    assert (status, answer["state"]) in [(504, "unknown"), (200, "placed")]
    Guard().until(lambda: told(shop, "lost")["state"] == "placed", "word of the call")
    assert order(shop, "lost")[1]["call_sid"] == shop.service.only_call.sid
    assert len(shop.orders("To")) == 1


def test_a_call_that_may_have_been_placed_is_not_placed_again(shop: Bridge) -> None:
    shop.service.faults.append(twilio_service.BROKEN)
    status, answer = order(shop, "unknown")
    assert (status, answer["state"]) == (504, "unknown")
    assert "look at the account's calls" in answer["told"]
    assert order(shop, "unknown") == (status, answer)
    assert len(shop.service.requests) == 1


@pytest.mark.parametrize("fault", [twilio_service.UNAUTHORIZED, twilio_service.TOO_MANY])
def test_a_call_that_twilio_refuses_was_not_placed(shop: Bridge, fault: Fault) -> None:
    key = f"refused-{fault.status}"
    shop.service.faults.append(fault)
    status, answer = order(shop, key)
    assert (status, answer["state"], answer["call_sid"]) == (502, "refused", None)
    assert fault.message in answer["told"]
    assert order(shop, key) == (status, answer), "the first result"
    assert shop.service.calls == {}


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"to": "0123"}, {"to": "+1555 0123"}, {"to": CALLEE, "greeting": " "},
     {"to": "+1\u0665550123"}, {"to": CALLEE, "greeting": 3}, {"to": CALLEE, "greeting": "x" * 501},
     {"to": CALLEE, "greeting": "\ud83d"}],
)  # fmt: skip
def test_what_is_no_order_is_refused(shop: Bridge, body: object) -> None:
    assert order(shop, "bad", body)[0] == 400
    assert shop.client("GET", "/calls/bad")[0] == 404


@pytest.mark.parametrize("key", ["", "a b", "a/b", "x" * 201])
def test_an_order_needs_a_key(shop: Bridge, key: str) -> None:
    status, answer = order(shop, key)
    assert (status, "Idempotency-Key" in answer["error"]) == (400, True)
    assert shop.service.requests == []


def test_a_report_of_nobodys_call_changes_nothing(shop: Bridge) -> None:
    sid = f"CA{7:032x}"
    report = {"CallSid": sid, "CallStatus": "busy"}
    for path in ("/status", "/status?ref=x"):
        assert shop.service.post(shop.url + path, report, "")[0] == 204
    assert shop.service.post(f"{shop.url}/voice?ref=x", {"CallSid": sid}, "")[0] == 404
    assert shop.service.post(f"{shop.url}/voice", {"CallSid": "../../etc/passwd"}, "")[0] == 400
