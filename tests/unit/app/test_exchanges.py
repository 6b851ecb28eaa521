"""What is asked for, in which order, and when all that follows from it is over."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync.app.exchanges import Ask, Exchange, Exchanges
from realtime_sync.conversation.tool_calls import ToolCalls


class Lookup:
    """What the connection would know."""

    def __init__(self) -> None:
        self.out_of_band: set[str] = set()
        self.waiting: set[str] = set()
        self.lost: set[str] = set()

    def is_out_of_band(self, response_id: str) -> bool:
        return response_id in self.out_of_band

    def is_waiting(self, event_id: str) -> bool:
        return event_id in self.waiting

    def is_lost(self, event_id: str) -> bool:
        return event_id in self.lost


@pytest.fixture
def lookup() -> Lookup:
    return Lookup()


def exchanges_of(lookup: Lookup, *, echoes: bool = True, **options: Any) -> Exchanges:
    calls = ToolCalls(["look_up"], declared=lambda: ())
    return Exchanges(responses=lookup, calls=calls, echoes_metadata=echoes, **options)


@pytest.fixture
def exchanges(lookup: Lookup) -> Exchanges:
    return exchanges_of(lookup)


def asked(effects: list[Any]) -> dict[str, Any]:
    """The metadata of the one request, so of its response."""
    [ask] = effects
    assert isinstance(ask, Ask)
    return dict((ask.params or {}).get("metadata", {}))


def response(id: str | None, metadata: Any = None, **fields: Any) -> dict[str, Any]:
    return {"id": id, "metadata": metadata, "status": "completed", **fields}


def a_call(call_id: str = "call_1") -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": "look_up", "arguments": "{}"}


def test_a_request_and_its_response(exchanges: Exchanges) -> None:
    exchange = Exchange()
    metadata = asked(exchanges.ask(exchange))
    assert exchange.begun.is_set
    assert exchange.is_open
    exchanges.created(response("r1", metadata))
    assert not exchange.done.is_set
    assert exchanges.done(response("r1")) == []
    assert exchange.done.is_set
    assert not exchange.is_open


def test_a_request_has_the_settings_of_its_exchange(exchanges: Exchanges) -> None:
    [ask] = exchanges.ask(Exchange({"tools": [{"name": "look_up"}]}))
    assert isinstance(ask, Ask)
    assert ask.params is not None
    assert ask.params["tools"] == [{"name": "look_up"}]


def test_each_message_has_an_answer_of_its_own(exchanges: Exchanges) -> None:
    first, second = Exchange(), Exchange()
    metadata = asked(exchanges.ask(first))
    assert exchanges.ask(second) == []
    assert not second.begun.is_set
    exchanges.created(response("r1", metadata))
    assert exchanges.refused([]) == [], "it is running"
    metadata = asked(exchanges.done(response("r1")))
    assert first.done.is_set
    assert second.begun.is_set
    assert not second.done.is_set
    exchanges.created(response("r2", metadata))
    exchanges.done(response("r2", status="cancelled"))
    assert second.done.is_set


def test_a_message_goes_out_right_before_its_own_request_and_once(exchanges: Exchanges) -> None:
    first, second = Exchange(message={"id": "first"}), Exchange(message={"id": "second"})
    [ask] = exchanges.ask(first)
    assert isinstance(ask, Ask)
    assert ask.message == {"id": "first"}
    assert exchanges.ask(second) == [], "the answer to the first is not to see it"
    exchanges.created(response("r1", (ask.params or {})["metadata"]))
    [ask] = exchanges.done(response("r1"))
    assert isinstance(ask, Ask)
    assert ask.message == {"id": "second"}
    assert second.message is None, "what follows from it sends no message"


@pytest.mark.parametrize("status", ["failed", "cancelled", "incomplete"])
def test_it_is_over_however_the_response_ends(exchanges: Exchanges, status: str) -> None:
    exchange = Exchange()
    exchanges.created(response("r1", asked(exchanges.ask(exchange))))
    exchanges.done(response("r1", status=status))
    assert exchange.done.is_set


def test_what_follows_from_calls_belongs_to_it(exchanges: Exchanges) -> None:
    exchange, other = Exchange({"tools": ["t"]}), Exchange()
    exchanges.created(response("r1", asked(exchanges.ask(exchange))))
    exchanges.ask(other)
    assert exchanges.called("r1", a_call("call_1")) is not None
    assert exchanges.called("r1", a_call("call_2")) is not None
    assert exchanges.finished("call_1") == []
    # The tools run on: another message need not wait for them.
    metadata = asked(exchanges.done(response("r1")))
    exchanges.created(response("r2", metadata))
    assert exchanges.done(response("r2")) == []
    assert other.done.is_set
    assert not exchange.done.is_set
    [ask] = exchanges.finished("call_2")
    assert isinstance(ask, Ask)
    assert ask.params is not None
    assert ask.params["tools"] == ["t"], "a tool that was given for one answer is there still"
    exchanges.created(response("r3", ask.params["metadata"]))
    assert not exchange.done.is_set
    exchanges.done(response("r3"))
    assert exchange.done.is_set


def test_an_answer_to_outputs_comes_before_what_waits(exchanges: Exchanges) -> None:
    exchange, other = Exchange(), Exchange()
    exchanges.created(response("r1", asked(exchanges.ask(exchange))))
    exchanges.called("r1", a_call())
    exchanges.finished("call_1")
    exchanges.ask(other)
    exchanges.created(response("r2", asked(exchanges.done(response("r1")))))
    assert not other.begun.is_set
    exchanges.done(response("r2"))
    assert exchange.done.is_set
    assert other.begun.is_set


def test_a_choice_that_forces_a_call_is_not_repeated(lookup: Lookup) -> None:
    exchanges = exchanges_of(lookup, follow_up={"tool_choice": "auto"})
    [first] = exchanges.ask(Exchange())
    assert isinstance(first, Ask)
    assert "tool_choice" not in (first.params or {})
    exchanges.created(response("r1", asked([first])))
    exchanges.called("r1", a_call())
    exchanges.finished("call_1")
    [then] = exchanges.done(response("r1"))
    assert isinstance(then, Ask)
    assert (then.params or {})["tool_choice"] == "auto"


def test_an_interrupted_response_owes_none(exchanges: Exchanges) -> None:
    exchange = Exchange()
    exchanges.created(response("r1", asked(exchanges.ask(exchange))))
    exchanges.called("r1", a_call())
    assert exchanges.done(response("r1", status="cancelled")) == []
    assert not exchange.done.is_set, "a call of it still runs"
    assert exchanges.finished("call_1") == []
    assert exchange.done.is_set


def test_a_response_of_the_servers_own_is_no_answer(exchanges: Exchanges, lookup: Lookup) -> None:
    first = Exchange()
    exchanges.created(response("r1", asked(exchanges.ask(first))))
    exchanges.done(response("r1"))
    second = Exchange()
    metadata = asked(exchanges.ask(second))
    exchanges.expect_answer()
    spoken = exchanges.spoken
    exchanges.created(response("of_the_server"))
    assert exchanges.done(response("of_the_server")) == []
    assert spoken.done.is_set
    assert not second.done.is_set
    exchanges.created(response("r2", metadata))
    exchanges.done(response("r2"))
    assert second.done.is_set


def test_a_server_that_tells_no_metadata(lookup: Lookup) -> None:
    exchanges = exchanges_of(lookup, echoes=False)
    exchange = Exchange()
    [ask] = exchanges.ask(exchange)
    assert isinstance(ask, Ask)
    assert ask.params is None
    lookup.waiting.add(ask.event_id)
    exchanges.created(response("of_the_server"))
    exchanges.done(response("of_the_server"))
    assert not exchange.done.is_set
    lookup.waiting.clear()
    exchanges.created(response("r1"))
    exchanges.done(response("r1"))
    assert exchange.done.is_set


def test_what_is_out_of_band_is_nobodys(exchanges: Exchanges, lookup: Lookup) -> None:
    lookup.out_of_band.add("aside")
    exchange = Exchange()
    exchanges.ask(exchange)
    exchanges.created(response("aside"))
    assert exchanges.called("aside", a_call()) is None
    exchanges.done(response("aside"))
    assert not exchange.done.is_set
    assert not exchanges.spoken.is_open


def test_a_server_that_forgets_a_response_when_the_user_speaks(exchanges: Exchanges) -> None:
    first, second = Exchange(), Exchange()
    exchanges.created(response("r1", asked(exchanges.ask(first))))
    exchanges.ask(second)
    assert len(exchanges.interrupted()) == 1
    assert first.done.is_set
    assert second.begun.is_set


def test_an_end_that_names_no_response(exchanges: Exchanges) -> None:
    exchange = Exchange()
    exchanges.created(response("r1", asked(exchanges.ask(exchange))))
    exchanges.done(response(None))
    assert exchange.done.is_set


def test_a_refused_request_makes_room_for_the_next(exchanges: Exchanges) -> None:
    first, second = Exchange(), Exchange()
    [ask] = exchanges.ask(first)
    exchanges.ask(second)
    assert isinstance(ask, Ask)
    assert len(exchanges.refused([ask.event_id, "of somebody else"])) == 1
    assert first.done.is_set
    assert second.begun.is_set


def test_over_a_new_link_what_was_lost_is_asked_again(exchanges: Exchanges, lookup: Lookup) -> None:
    exchange = Exchange()
    [ask] = exchanges.ask(exchange)
    assert isinstance(ask, Ask)
    lookup.lost.add(ask.event_id)
    [again] = exchanges.link_lost()
    assert isinstance(again, Ask)
    assert again.event_id != ask.event_id
    exchanges.created(response("r1", asked([again])))
    assert not exchange.done.is_set
    exchanges.link_lost()
    assert exchange.done.is_set, "its response is gone"


def test_over_a_new_link_outputs_are_still_answered(exchanges: Exchanges) -> None:
    exchanges.created(response("r1", asked(exchanges.ask(Exchange()))))
    exchanges.called("r1", a_call())
    exchanges.finished("call_1")
    assert len(exchanges.link_lost()) == 1


def test_over_a_new_link_no_answer_is_owed_to_what_was_heard(exchanges: Exchanges) -> None:
    exchanges.expect_answer()
    heard = exchanges.spoken
    assert exchanges.link_lost() == []
    assert heard.done.is_set


def test_in_the_end_nobody_waits(exchanges: Exchanges) -> None:
    running, waiting = Exchange(), Exchange()
    exchanges.created(response("r1", asked(exchanges.ask(running))))
    exchanges.ask(waiting)
    exchanges.open_spoken("something")
    spoken = exchanges.spoken
    exchanges.end()
    late = Exchange()
    assert exchanges.ask(late) == []
    exchanges.open_spoken("something else")
    exchanges.created(response("r2"))
    assert exchanges.called("r2", a_call()) is None
    for exchange in (running, waiting, spoken, late):
        assert exchange.begun.is_set
        assert exchange.done.is_set
