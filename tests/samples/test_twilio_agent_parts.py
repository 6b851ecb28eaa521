"""The parts of `samples/twilio_agent`: what no request shows, or only after a while."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import twilio_service
from twilio_service import ACCOUNT_SID, TwilioService

from realtime_sync import ConfigError, ConnectionClosedError, ConnectionClosedOK, RealtimeTimeout
from realtime_sync.agents import ToolContext
from realtime_sync.telephony import TwilioCalls
from realtime_sync.testing import MemorySink
from samples.twilio_agent import answers, texts
from samples.twilio_agent.agents import Talk, agent_for, transfer
from samples.twilio_agent.calls import SharedSink, follow
from samples.twilio_agent.outbound import Outbound
from samples.twilio_agent.recording import Recording
from samples.twilio_agent.settings import Settings
from samples.twilio_agent.store import Store
from samples.twilio_agent.talks import Talks

TOKEN = twilio_service.AUTH_TOKEN
ENVIRONMENT = {
    "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
    "TWILIO_AUTH_TOKEN": TOKEN,
    "TWILIO_FROM": "+15550100",
    "PUBLIC_URL": "https://phone.example.com/",
    "CALLS_TOKEN": "secret",
}
CALLEE, GREETING = "+15550123", "Hello."


# -- settings --------------------------------------------------------------------------------------


def test_settings_are_those_of_the_environment() -> None:
    more = {"TRANSFER_TO": "Desk=+15550111, billing = +15550112,", "MAX_CALLS": "3", "DRAIN_S": ""}
    settings = Settings.from_environment(ENVIRONMENT | more)
    assert settings.media_url == "wss://phone.example.com/media"
    assert settings.transfer_to == {"desk": "+15550111", "billing": "+15550112"}
    assert (settings.max_calls, settings.drain_s) == (3, 20.0)
    assert settings.api_url == "https://api.twilio.com"
    assert TOKEN not in repr(settings)
    assert "secret" not in repr(settings)


def test_what_is_missing_is_told_at_once() -> None:
    lacking = {"TWILIO_FROM": "+15550100", "PUBLIC_URL": ""}
    with pytest.raises(ConfigError) as told:
        Settings.from_environment(lacking)
    assert str(told.value) == (
        "the environment lacks TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, PUBLIC_URL, CALLS_TOKEN; "
        "see samples/twilio_agent/README.md"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("TRANSFER_TO", "+15550111"), ("TRANSFER_TO", "desk="), ("MAX_CALLS", "0"),
     ("MAX_CALLS", "many"), ("DRAIN_S", "nan"), ("DRAIN_S", "0.5"),
     ("TRANSFER_TO", "desk=5550111"), ("TWILIO_FROM", "5550100"),
     ("PUBLIC_URL", "HTTPS://phone.example.com"), ("PUBLIC_URL", "phone.example.com"),
     ("PUBLIC_URL", " https://phone.example.com"), ("PUBLIC_URL", "https://example.com/?a=b")],
)  # fmt: skip
def test_what_is_wrong_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Settings.from_environment({**ENVIRONMENT, name: value})


# -- orders ----------------------------------------------------------------------------------------


@pytest.fixture
def twilio() -> Iterator[TwilioService]:
    with TwilioService() as service:
        yield service


class Shop:
    """An `Outbound` whose clock is moved by hand.

    Args:
        folder: of the journal.
        service: its Twilio.
    """

    def __init__(self, folder: Path, service: TwilioService) -> None:
        self.now = 1_000.0
        self.settings = replace(Settings.from_environment(ENVIRONMENT), api_url=service.api_url)
        self.twilio = TwilioCalls(ACCOUNT_SID, TOKEN, api_url=service.api_url, timeout=0.3)
        self.store = Store(folder / "calls.db")

    def outbound(self) -> Outbound:
        """Return one, as another process would have it."""
        return Outbound(self.settings, self.twilio, self.store, clock=lambda: self.now)


@pytest.fixture
def shop(tmp_path: Path, twilio: TwilioService) -> Iterator[Shop]:
    it = Shop(tmp_path, twilio)
    with it.twilio:
        yield it


def test_an_answer_that_never_comes_leaves_it_open_whether_there_is_a_call(
    shop: Shop, twilio: TwilioService
) -> None:
    twilio.outcomes[CALLEE] = "rings"
    twilio.faults.append(twilio_service.SILENT_AFTER_PLACING)
    order = shop.outbound().place("k", CALLEE, GREETING)
    assert (order.state, order.call_sid) == ("unknown", None)
    assert "look at the account's calls" in (order.error or "")
    assert shop.outbound().place("k", CALLEE, GREETING) == order
    assert len(twilio.calls) == len(twilio.requests) == 1
    ref = twilio.only_call.options.url.partition("ref=")[2]  # type: ignore[union-attr]
    found = shop.outbound().note(ref, twilio.only_call.sid, status="ringing")
    assert found is not None
    assert (found.state, found.status, found.error) == ("placed", "ringing", None)


def test_an_order_outlives_the_process_that_places_it(shop: Shop, twilio: TwilioService) -> None:
    """It dies between the journal and Twilio's answer."""

    class Killed(BaseException):
        pass

    def dies(**options: Any) -> None:
        raise Killed

    dying = SimpleNamespace(create=dies)
    outbound = Outbound(shop.settings, dying, shop.store, clock=lambda: shop.now)  # type: ignore[arg-type]
    with pytest.raises(Killed):
        outbound.place("k", CALLEE, GREETING)
    after = shop.outbound()
    assert after.place("k", CALLEE, GREETING).state == "placing", "perhaps the other still does"
    shop.now += 31
    order = after.place("k", CALLEE, GREETING)
    assert order.state == "unknown"
    assert order.told == (
        f"the process that placed the call to {CALLEE} ended meanwhile; look at the account's "
        "calls whether it was placed"
    )
    assert twilio.requests == []


def test_reports_in_a_wrong_order_do_not_undo_later_ones(shop: Shop, twilio: TwilioService) -> None:
    twilio.outcomes[CALLEE] = "rings"
    outbound = shop.outbound()
    outbound.place("k", CALLEE, GREETING)
    call = twilio.only_call
    ref = call.options.url.partition("ref=")[2]  # type: ignore[union-attr]
    for status in ("in-progress", "ringing", "completed", "in-progress", "no-answer"):
        order = outbound.note(ref, call.sid, status=status)
    assert order is not None
    assert order.status == "completed"
    assert outbound.note(ref, f"CA{1:032x}", status="busy") is None, "it is of another call"


# -- talks -----------------------------------------------------------------------------------------


def test_a_token_is_taken_once(tmp_path: Path) -> None:
    talks = Talks(Store(tmp_path / "calls.db"))
    token = talks.announce("CA1", GREETING)
    assert talks.announce("CA1", "another greeting") == token
    assert talks.take("CA1", "wrong") is None
    assert talks.take("CA2", token) is None
    assert talks.take("CA1", token) == GREETING
    assert talks.take("CA1", token) is None
    talks.end("CA1", "busy")
    assert talks.take("CA1", token) is None
    assert (talks.state("CA1"), talks.state("CA2")) == ("busy", None)


@pytest.mark.parametrize(
    ("state", "verbs"),
    [("announced", ["Say", "Dial"]), ("busy", ["Say", "Dial"]), ("failed", ["Dial"]),
     ("talking", ["Say", "Dial"]), ("cut", ["Say", "Dial"]), ("hung_up", ["Hangup"]),
     ("caller", ["Hangup"]), ("transferred", ["Hangup"]), (None, ["Hangup"])],
)  # fmt: skip
def test_what_follows_a_stream(state: str | None, verbs: list[str]) -> None:
    settings = Settings.from_environment(ENVIRONMENT | {"TRANSFER_TO": "desk=+15550111"})
    assert [verb.tag for verb in ET.fromstring(answers.after(settings, state))] == verbs
    alone = replace(settings, transfer_to={})
    ends = [verb.replace("Dial", "Hangup") for verb in verbs]
    assert [verb.tag for verb in ET.fromstring(answers.after(alone, state))] == ends


# -- one talk --------------------------------------------------------------------------------------


class Script:
    """A session whose events are given: an event, a text for one of a type, or what is raised."""

    def __init__(self, *events: Any) -> None:
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.timeouts: list[float | None] = []
        for event in events:
            self._events.put(event)

    def recv(self, timeout: float | None = None) -> Any:
        self.timeouts.append(timeout)
        event = self._events.get(timeout=0)
        if isinstance(event, Exception):
            raise event
        return SimpleNamespace(type=event) if isinstance(event, str) else event

    def rest(self) -> int:
        return self._events.qsize()


def link(kind: str) -> Any:
    return SimpleNamespace(type="raw_model_event", data=SimpleNamespace(type=kind))


TOLD = SimpleNamespace(name="hang_up")
HANGS_UP = SimpleNamespace(type="tool_end", tool=TOLD, failed=False)
OVER, NOTHING = ConnectionClosedOK(), RealtimeTimeout("nothing")


@pytest.mark.parametrize(
    ("events", "left", "rest"),
    [
        (["agent_start", "agent_end", OVER], False, 0),
        ([HANGS_UP, "agent_start", "agent_end", NOTHING, OVER], True, 1),
        # The caller has still something to say, while the last words are heard.
        ([HANGS_UP, "agent_start", "agent_end", "audio_interrupted", "agent_start", "agent_end",
          OVER], False, 0),
        ([HANGS_UP, OVER], False, 0),
    ],
)  # fmt: skip
def test_an_agent_leaves_when_its_goodbye_was_heard(
    events: list[Any], left: bool, rest: int
) -> None:
    script = Script(*events)
    assert follow(script, MemorySink(), b"\0\0") is left  # type: ignore[arg-type]
    assert script.rest() == rest


def test_a_beep_is_heard_while_the_provider_is_dialled_anew() -> None:
    beep, written = b"\1\0" * 80, list[bytes]()
    sink = SimpleNamespace(write=written.append)
    script = Script(
        "agent_end", link("reconnecting"), NOTHING, NOTHING, link("reconnecting"),
        link("reconnected"), "agent_start", OVER,
    )  # fmt: skip
    assert follow(script, sink, beep) is False  # type: ignore[arg-type]
    assert written == [beep, beep]
    assert script.timeouts == [None, None, 2.0, 2.0, 2.0, 2.0, None, None]


def test_what_ends_a_session_is_raised() -> None:
    with pytest.raises(ConnectionClosedError):
        follow(Script(ConnectionClosedError(1008, "no")), MemorySink(), b"")  # type: ignore[arg-type]


class Transfers:
    """A Twilio that notes what a talk says of itself while it transfers the call."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.talk: Talk | None = None
        self.fault = fault
        self.seen: list[tuple[str, str, bool]] = []

    def transfer(self, sid: str, *, to: str) -> None:
        assert self.talk is not None
        self.seen.append((sid, to, self.talk.transferred))
        if self.fault is not None:
            raise self.fault


def put_through(twilio: Transfers, to: str) -> tuple[str, Talk]:
    """Have the agent call `transfer`; return what it is told, and the talk."""
    talk = Talk("CA1", twilio, {"desk": "+15550111"}, MemorySink())  # type: ignore[arg-type]
    twilio.talk = talk
    told = transfer.on_invoke_tool(ToolContext(talk), json.dumps({"to": to}))
    return str(told), talk


def test_a_transfer_is_known_before_twilio_ends_the_stream() -> None:
    twilio = Transfers()
    told, talk = put_through(twilio, " Desk ")
    assert twilio.seen == [("CA1", "+15550111", True)]
    assert (told, talk.transferred) == (texts.PUT_THROUGH, True)


def test_a_transfer_that_fails_is_told_and_forgotten() -> None:
    told, talk = put_through(Transfers(RealtimeTimeout("no answer")), "desk")
    assert (told, talk.transferred) == (texts.NOT_PUT_THROUGH, False)


def test_nobody_is_put_through_to_a_number_of_the_models() -> None:
    twilio = Transfers()
    told, talk = put_through(twilio, "+19005550100")
    assert (told, talk.transferred, twilio.seen) == (texts.NOBODY_THERE, False, [])


def test_an_agent_can_transfer_where_there_is_somebody() -> None:
    names = [[tool.name for tool in agent_for(to).tools] for to in ({}, {"desk": "+15550111"})]
    assert names == [["hang_up"], ["hang_up", "transfer"]]


def test_two_who_write_to_a_sink_do_so_one_after_the_other() -> None:
    seen: list[tuple[bytes, str | None, int, bool]] = []

    class Sink(MemorySink):
        def write(
            self, audio: bytes, *, item_id: str | None = None, content_index: int = 0
        ) -> None:
            seen.append((audio, item_id, content_index, shared.writing.locked()))

    shared = SharedSink(Sink())
    shared.write(b"\1\0", item_id="a", content_index=2)
    assert seen == [(b"\1\0", "a", 2, True)]
    assert not shared.writing.locked()


def test_a_line_is_on_disk_as_soon_as_it_is_written(tmp_path: Path) -> None:
    with Recording(tmp_path / "new", "CA1") as recording:
        recording.note(who="caller", text="Grüße\n…")
        (line,) = (tmp_path / "new" / "CA1.jsonl").read_text("utf-8").splitlines()
        written = json.loads(line)
        assert written.pop("at_ms") >= 0
        assert written == {"who": "caller", "text": "Grüße\n…"}
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"CA1.jsonl", "CA1.wav"}


def test_what_is_kept_is_for_nobody_else(tmp_path: Path) -> None:
    Store(tmp_path / "a" / "calls.db")
    Recording(tmp_path / "b", "CA1").close()
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in "ab"] == [0o700, 0o700]
