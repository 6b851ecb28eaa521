"""What becomes of one call, whatever goes wrong: no caller is left with a model that runs alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from guards import Guard
from scripted_calls import gone, sip_client

from realtime_sync import (
    AuthenticationError,
    BadRequestError,
    ConfigError,
    ConflictError,
    ConnectError,
    ConnectionClosedError,
    ConnectionClosedOK,
    InternalServerError,
    RateLimitError,
    RealtimeTimeout,
)
from realtime_sync.agents import (
    RealtimeAgent,
    RealtimeRunConfig,
    RealtimeSession,
    RealtimeSessionModelSettings,
    UserError,
)
from realtime_sync.telephony import Refer, Reject, SipCall
from realtime_sync.telephony.sip_answering import SipAnswering
from realtime_sync.testing import ScriptedServer, close_link, drop_link

AGENT = RealtimeAgent[SipCall](name="Desk", instructions="Be brief.")
Session = RealtimeSession[SipCall]


class Desk:
    """A call that comes in, and the program that answers it."""

    def __init__(
        self,
        decision: object = AGENT,
        *,
        on_call: Callable[[SipCall, Session], object] | None = None,
        greeting: str | None = None,
        config: RealtimeRunConfig | None = None,
    ) -> None:
        self.server = ScriptedServer()
        client, self.calls = sip_client(self.server)
        self.call = SipCall(client, "rtc_1", [])
        self.answering = SipAnswering(
            self._decide, client=client, greeting=greeting, config=config or {}, on_call=on_call
        )
        self._decision = decision

    def _decide(self, call: SipCall) -> Any:
        assert call is self.call
        if isinstance(self._decision, BaseException):
            raise self._decision
        return self._decision

    def answer(self) -> str | None:
        """Answer; return what has ended the call."""
        self.call._end(self.answering.answer(self.call))
        return self.call.ended_by


def caller_hangs_up(call: SipCall, session: Session) -> None:
    for _ in session:
        pass


def test_it_is_accepted_with_the_agent_and_joined() -> None:
    def on_call(call: SipCall, session: Session) -> None:
        assert call.session is session
        assert session.current_agent is AGENT
        desk.server.emit(close_link(1000, "the call has ended"))
        contexts = {id(event.info.context.context) for event in session}
        assert contexts == {id(call)}
        seen.append(call)

    seen: list[SipCall] = []
    desk = Desk(on_call=on_call)
    assert desk.answer() == "caller"
    assert seen == [desk.call]
    ((name, call_id, body),) = desk.calls.done
    assert (name, call_id, body["instructions"]) == ("accept", "rtc_1", "Be brief.")
    assert [url.partition("?")[2] for url in desk.server.urls] == ["call_id=rtc_1"]


def test_the_configs_model_is_what_it_is_accepted_with() -> None:
    settings: RealtimeSessionModelSettings = {"model_name": "gpt-realtime-2", "voice": "marin"}
    config: RealtimeRunConfig = {"model_settings": settings}
    desk = Desk(config=config, on_call=lambda call, session: None)
    assert desk.answer() == "program"
    body = desk.calls.done[0][2]
    assert (body["model"], body["audio"]["output"]) == ("gpt-realtime-2", {"voice": "marin"})
    (update,) = [each for each in desk.server.sent if each["type"] == "session.update"]
    assert update["session"]["audio"]["output"] == {"voice": "marin"}
    assert "model" not in update["session"]
    assert settings["model_name"] == "gpt-realtime-2", "left as it was"


def test_it_is_greeted_before_all_else() -> None:
    def on_call(call: SipCall, session: Session) -> None:
        created = desk.server.wait_sent({"type": "response.create"}, timeout=Guard().seconds)
        said.append(created["response"]["instructions"])

    said: list[str] = []
    desk = Desk(greeting="Good day.", on_call=on_call)
    desk.answer()
    assert said == ['Say exactly the following words, and nothing else: "Good day."']


def test_without_a_function_the_session_talks_to_its_end(guard: Guard) -> None:
    desk = Desk()
    thread = threading.Thread(target=desk.answer)
    thread.start()
    desk.server.wait_sent({"type": "session.update"}, timeout=guard.seconds)
    desk.server.emit(close_link(1000, "the call has ended"))
    guard.join(thread)
    assert (desk.call.ended_by, desk.calls.names()) == ("caller", ["accept"])


# -- its end ---------------------------------------------------------------------------------------


def test_a_function_that_returns_hangs_up() -> None:
    desk = Desk(on_call=lambda call, session: None)
    assert (desk.answer(), desk.calls.names()) == ("program", ["accept", "hangup"])


def test_a_function_that_returns_after_the_caller_has_gone() -> None:
    desk = Desk(on_call=lambda call, session: None)
    desk.calls.failures["hangup"] = gone()
    assert desk.answer() == "caller"


def test_a_session_that_the_program_closes_hangs_up() -> None:
    desk = Desk(on_call=lambda call, session: session.close())
    assert (desk.answer(), desk.calls.names()) == ("program", ["accept", "hangup"])


@pytest.mark.parametrize("way", ["hang_up", "refer"])
def test_a_call_that_the_program_ends_is_not_ended_twice(way: str) -> None:
    def on_call(call: SipCall, session: Session) -> None:
        call.hang_up() if way == "hang_up" else call.refer("sip:a@b")
        for _ in session:
            pass

    desk = Desk(on_call=on_call)
    assert desk.answer() == {"hang_up": "program", "refer": "refer"}[way]
    assert len(desk.calls.names()) == 2


def test_who_sends_when_the_call_is_over_has_no_fault() -> None:
    def on_call(call: SipCall, session: Session) -> None:
        desk.server.emit(close_link(1000, "the call has ended"))
        caller_hangs_up(call, session)
        with pytest.raises(ConnectionClosedOK):
            session.recv(Guard().seconds)
        session.send_message("Are you still there?")

    desk = Desk(on_call=on_call)
    assert (desk.answer(), desk.calls.names()) == ("caller", ["accept"])


def test_a_link_that_breaks_because_the_caller_has_gone() -> None:
    def on_call(call: SipCall, session: Session) -> None:
        desk.server.emit(drop_link())
        caller_hangs_up(call, session)

    desk = Desk(on_call=on_call)
    desk.calls.failures["hangup"] = gone()
    assert desk.answer() == "caller"


def test_a_link_that_breaks_under_a_call_ends_the_call() -> None:
    def on_call(call: SipCall, session: Session) -> None:
        desk.server.emit(drop_link())
        caller_hangs_up(call, session)

    desk = Desk(on_call=on_call)
    with pytest.raises(ConnectionClosedError):
        desk.answer()
    assert desk.calls.names() == ["accept", "hangup"]


@pytest.mark.parametrize("fault", [ValueError("a fault"), SystemExit(3), KeyboardInterrupt()])
def test_a_function_that_raises_hangs_up(fault: BaseException) -> None:
    def on_call(call: SipCall, session: Session) -> None:
        raise fault

    desk = Desk(on_call=on_call)
    with pytest.raises(type(fault)) as caught:
        desk.answer()
    assert caught.value is fault
    assert desk.calls.names() == ["accept", "hangup"]


def test_a_fault_is_told_also_when_the_caller_has_gone_meanwhile() -> None:
    def on_call(call: SipCall, session: Session) -> None:
        raise ValueError("a fault of the program")

    desk = Desk(on_call=on_call)
    desk.calls.failures["hangup"] = gone()
    with pytest.raises(ValueError, match="a fault of the program"):
        desk.answer()


def test_a_404_of_the_programs_own_is_a_fault_like_any_other() -> None:
    def on_call(call: SipCall, session: Session) -> None:
        raise gone()

    desk = Desk(on_call=on_call)
    with pytest.raises(type(gone())):
        desk.answer()
    assert desk.calls.names() == ["accept", "hangup"]


# -- before it begins ------------------------------------------------------------------------------


def test_it_is_rejected() -> None:
    desk = Desk(Reject(486))
    assert desk.answer() == "reject"
    assert desk.calls.done == [("reject", "rtc_1", {"status_code": 486})]


def test_it_is_handed_over_by_a_model_that_hears_nobody() -> None:
    desk = Desk(Refer("sip:a@b"))
    assert (desk.answer(), desk.calls.names()) == ("refer", ["accept", "refer"])
    assert desk.calls.done[0][2]["audio"]["input"]["turn_detection"] is None
    assert desk.server.urls == [], "nobody joins"


@pytest.mark.parametrize("step", ["accept", "reject", "refer"])
def test_a_caller_who_has_gone_before(step: str) -> None:
    decision = {"accept": AGENT, "reject": Reject(), "refer": Refer("sip:a@b")}[step]
    desk = Desk(decision)
    desk.calls.failures[step] = gone()
    assert desk.answer() == "caller"
    assert "hangup" not in desk.calls.names()


def test_a_caller_who_goes_between_accept_and_join() -> None:
    desk = Desk()
    desk.server.refuse(gone())
    assert (desk.answer(), desk.calls.names()) == ("caller", ["accept"])


def test_a_call_that_another_process_has_taken_is_left_alone() -> None:
    desk = Desk()
    desk.calls.failures["accept"] = ConflictError("it was accepted already", 409)
    assert (desk.answer(), desk.calls.names()) == ("elsewhere", ["accept"])


@pytest.mark.parametrize("failure", [ConnectError("no network"), AuthenticationError("no", 401)])
def test_a_call_that_can_not_be_joined_is_hung_up(failure: Exception) -> None:
    desk = Desk()
    desk.server.refuse(failure)
    with pytest.raises(type(failure)):
        desk.answer()
    assert desk.calls.names() == ["accept", "hangup"]


def test_a_call_that_is_not_accepted_is_rejected() -> None:
    desk = Desk()
    desk.calls.failures["accept"] = BadRequestError("no such voice", 400)
    with pytest.raises(BadRequestError):
        desk.answer()
    assert desk.calls.done[1:] == [("reject", "rtc_1", {"status_code": 500})]


IN_DOUBT = [
    RealtimeTimeout("silence"),
    ConnectError("a broken link"),
    InternalServerError("a gateway's", 500),
    InternalServerError("a gateway's", 502),
    SystemExit(3),
]


@pytest.mark.parametrize("failure", IN_DOUBT)
def test_a_call_that_was_accepted_or_not_is_hung_up(failure: BaseException) -> None:
    desk = Desk()
    desk.calls.failures["accept"] = failure
    with pytest.raises(type(failure)):
        desk.answer()
    assert desk.calls.names() == ["accept", "hangup"]


@pytest.mark.parametrize("failure", IN_DOUBT)
def test_a_call_that_is_not_there_to_be_hung_up_may_ring(failure: BaseException) -> None:
    desk = Desk()
    desk.calls.failures = {"accept": failure, "hangup": gone()}
    with pytest.raises(type(failure)):
        desk.answer()
    assert desk.calls.names() == ["accept", "hangup", "reject"]


def test_a_call_that_is_refused_for_want_of_room_is_rejected() -> None:
    desk = Desk()
    desk.calls.failures["accept"] = RateLimitError("too many", 429)
    with pytest.raises(RateLimitError):
        desk.answer()
    assert desk.calls.names() == ["accept", "reject"]


@pytest.mark.parametrize(
    ("decision", "error", "words"),
    [
        (ValueError("no database"), ValueError, "no database"),
        (SystemExit("no database"), SystemExit, "no database"),
        (gone(), type(gone()), "No call"),
        (None, ConfigError, "agent_for has returned None; return the RealtimeAgent"),
        ("Desk", ConfigError, "agent_for has returned 'Desk'"),
        (RealtimeAgent(name="x", instructions=lambda c, a: 7), UserError, "must be a text"),  # type: ignore[arg-type, return-value]
    ],
)
def test_a_program_that_can_not_decide_rejects(
    decision: object, error: type[BaseException], words: str
) -> None:
    desk = Desk(decision)
    with pytest.raises(error, match=words):
        desk.answer()
    assert desk.calls.done == [("reject", "rtc_1", {"status_code": 500})]


def test_a_failure_of_the_cleaning_up_does_not_hide_the_first(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk(ValueError("the first"))
    desk.calls.failures["reject"] = ConnectError("the second")
    with pytest.raises(ValueError, match="the first"):
        desk.answer()
    assert "the call rtc_1 could not be ended" in caplog.text


# -- asked for by another thread -------------------------------------------------------------------


@pytest.mark.parametrize("at", ["accept", "join"])
def test_a_call_that_is_hung_up_while_it_begins(at: str) -> None:
    """Between its accept and its session nobody can be told; so it is looked at afterwards."""

    def before(name: str) -> None:
        if name == "accept":
            desk.calls.before = lambda name: None
            desk.call.hang_up()

    desk = Desk(greeting="Good day.")
    if at == "accept":
        desk.calls.before = before
    else:
        opened = desk.server.open

        def opening(*args: Any) -> Any:
            desk.call._ask_for("closed")  # its hangup is under way
            return opened(*args)

        desk.answering._client.realtime._transport = opening
    assert desk.answer() == {"accept": "program", "join": "closed"}[at]
