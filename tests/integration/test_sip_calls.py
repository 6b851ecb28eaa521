"""SIP calls over real sockets: a provider, a Flask app with the webhook, and agents that join."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from embedded import Server, question, run_server, silence
from flask import Flask, request
from guards import Guard
from sip_calls import SECRET, SipProvider
from werkzeug.serving import make_server

from realtime_sync import Local
from realtime_sync.agents import FunctionTool, RealtimeAgent, RealtimeSession, RunContextWrapper
from realtime_sync.rest.webhooks import sign
from realtime_sync.telephony import (
    Refer,
    Reject,
    SipCall,
    SipCalls,
    hang_up_tool,
    refer_tool,
)

GREETING = "Good day, what can I do for you?"
ANSWER = "I am fine, thank you. What can I do for you?"
AGENT = RealtimeAgent[SipCall](name="Desk", instructions="Be brief.")
Session = RealtimeSession[SipCall]
pytestmark = pytest.mark.timeout(120)


class House:
    """A web app whose calls are answered, and the provider that tells it of them.

    Attributes:
        provider: of the calls.
        calls: of the app.
        url: of the webhook.
        ended: calls that are over.
        said: what an agent has said, with the call in which it did.
        heard: what the provider tells of its sound, with the call: ``"started"``, ``"stopped"``,
            ``"cleared"``.
        cut: the items that the provider has truncated, and after how many milliseconds.
        interrupted: calls in which the caller or the program has interrupted the agent.
        joined: calls whose session runs.
    """

    def __init__(self, server: Server, agent_for: Callable[[SipCall], Any], **options: Any) -> None:
        self.provider = SipProvider(server.url, server.key)
        self.ended: queue.SimpleQueue[SipCall] = queue.SimpleQueue()
        self.said: queue.SimpleQueue[tuple[SipCall, str]] = queue.SimpleQueue()
        self.heard: queue.SimpleQueue[tuple[SipCall, str]] = queue.SimpleQueue()
        self.cut: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
        self.interrupted: queue.SimpleQueue[SipCall] = queue.SimpleQueue()
        self.joined: queue.SimpleQueue[SipCall] = queue.SimpleQueue()
        self.client = Local(url=server.url, api_key=server.key)
        self.calls = SipCalls(
            agent_for,
            client=self.client,
            secret=SECRET,
            on_call=self._talk,
            on_end=self.ended.put,
            **options,
        )
        self.url = ""

    def _talk(self, call: SipCall, session: Session) -> None:
        self.joined.put(call)
        for event in session:
            if event.type == "audio_interrupted":
                self.interrupted.put(call)
            if event.type != "raw_model_event" or event.data.type != "raw_server_event":
                continue
            data = event.data.data
            if data["type"] == "response.output_audio_transcript.done":
                self.said.put((call, data["transcript"]))
            elif data["type"].startswith("output_audio_buffer."):
                self.heard.put((call, data["type"].rpartition(".")[2]))
            elif data["type"] == "conversation.item.truncated":
                self.cut.put((data["item_id"], data["audio_end_ms"]))

    def call(self) -> str:
        """Let a call come in, and deliver its webhook."""
        call_id, body = self.provider.ring("<sip:+14155550123@example.com>;tag=1")
        assert self.provider.deliver(self.url, body) == 200
        return call_id

    def end(self) -> SipCall:
        """Return the next call that is over."""
        return Guard().get(self.ended, "the end of a call")

    def heard_all(self) -> list[str]:
        """Return what the provider has told of its sound, when the call is over."""
        return [self.heard.get()[1] for _ in range(self.heard.qsize())]


@contextmanager
def house(
    server: Server, agent_for: Callable[[SipCall], Any] = lambda call: AGENT, **options: Any
) -> Iterator[House]:
    """Serve an app by werkzeug's server, and end all its calls afterwards."""
    made = House(server, agent_for, **options)
    app = Flask(__name__)

    @app.post("/webhook")
    def webhook() -> Any:
        return "", made.calls.handle(request.get_data(), request.headers)

    web = make_server("127.0.0.1", 0, app, threaded=True)
    web.daemon_threads = False  # so that server_close() waits for them
    serving = threading.Thread(target=web.serve_forever)
    serving.start()
    made.url = f"http://127.0.0.1:{web.server_port}/webhook"
    try:
        with made.client, made.calls:
            yield made
    finally:
        web.shutdown()
        Guard().join(serving)
        web.server_close()


def test_a_caller_is_greeted_and_answered(ws_server: Server) -> None:
    with house(ws_server, greeting=GREETING) as desk:
        call_id = desk.call()
        assert Guard().get(desk.said, "the greeting")[1] == GREETING
        desk.provider.say(call_id, question("hello") + silence(700))
        call, said = Guard().get(desk.said, "the answer")
        assert (call.id, call.number, said) == (call_id, "+14155550123", ANSWER)
        desk.provider.caller_hangs_up(call_id)
        assert (desk.end(), call.ended_by, call.error) == (call, "caller", None)
    assert desk.provider.state_of(call_id)["ended_by"] == "hangup"


def test_ten_webhooks_at_once_make_one_session(ws_server: Server) -> None:
    """Signed as the published package expects it."""
    statuses: queue.SimpleQueue[int] = queue.SimpleQueue()
    with house(ws_server) as desk:
        call_id, body = desk.provider.ring()
        headers = sign(body, secret=SECRET)
        peer = openai.OpenAI(api_key="none", webhook_secret=SECRET).webhooks
        assert peer.unwrap(body.decode(), headers).type == "realtime.call.incoming"
        together = threading.Barrier(10)

        def deliver() -> None:
            together.wait(Guard().seconds)
            statuses.put(desk.provider.deliver(desk.url, body, headers))

        threads = [threading.Thread(target=deliver) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            Guard().join(thread)
        assert [statuses.get() for _ in range(10)] == [200] * 10
        assert Guard().get(desk.joined, "the session").id == call_id
        assert desk.provider.deliver(desk.url, body, headers) == 200
        assert desk.provider.state_of(call_id) == {"state": "active", "joined": 1}
        desk.provider.caller_hangs_up(call_id)
        assert desk.end().ended_by == "caller"
        assert desk.provider.deliver(desk.url, body, headers) == 200, "when it is over, too"
    assert desk.provider.state_of(call_id)["joined"] == 1
    assert (desk.ended.empty(), desk.joined.empty()) == (True, True)


def test_what_the_published_package_refuses_begins_no_call(ws_server: Server) -> None:
    peer = openai.OpenAI(api_key="none", webhook_secret=SECRET).webhooks
    with house(ws_server) as desk:
        call_id, body = desk.provider.ring()
        for headers in (
            sign(body, secret="whsec_Zm9yZ2Vk"),
            sign(body, secret=SECRET, timestamp=0),
        ):
            with pytest.raises(openai.InvalidWebhookSignatureError):
                peer.unwrap(body.decode(), headers)
            assert desk.provider.deliver(desk.url, body, headers) == 400
        assert desk.provider.state_of(call_id) == {"state": "ringing", "joined": 0}


def test_three_calls_at_once(ws_server: Server) -> None:
    with house(ws_server) as desk:
        call_ids = [desk.call() for _ in range(3)]
        assert {Guard().get(desk.joined, "a session").id for _ in range(3)} == set(call_ids)
        assert desk.calls.calls == 3
        for call_id in call_ids:
            desk.provider.say(call_id, question("hello") + silence(700))
        said = {call.id: words for call, words in (
            Guard().get(desk.said, "an answer") for _ in range(3)
        )}  # fmt: skip
        assert said == dict.fromkeys(call_ids, ANSWER)
        for call_id in call_ids:
            desk.provider.caller_hangs_up(call_id)
        assert {desk.end().ended_by for _ in range(3)} == {"caller"}


def test_a_caller_who_is_gone_before_the_accept(ws_server: Server) -> None:
    def agent_for(call: SipCall) -> RealtimeAgent[SipCall]:
        desk.provider.caller_hangs_up(call.id)
        return AGENT

    with house(ws_server, agent_for) as desk:
        call_id = desk.call()
        call = desk.end()
        assert (call.ended_by, call.error, call.session) == ("caller", None, None)
    assert desk.provider.state_of(call_id)["joined"] == 0


def test_a_caller_who_is_gone_between_accept_and_join(ws_server: Server) -> None:
    """Instructions are asked for before the accept, and once more before the session connects."""
    asked: list[str] = []

    def instructions(context: RunContextWrapper[SipCall], agent: object) -> str:
        state = desk.provider.state_of(context.context.id)["state"]
        asked.append(state)
        if state == "active":
            desk.provider.caller_hangs_up(context.context.id)
        return "Be brief."

    agent = RealtimeAgent[SipCall](name="Desk", instructions=instructions)
    with house(ws_server, lambda call: agent) as desk:
        call_id = desk.call()
        call = desk.end()
        assert (call.ended_by, call.error) == ("caller", None)
    assert asked == ["ringing", "active"]
    assert desk.provider.state_of(call_id)["joined"] == 0


@pytest.mark.parametrize(
    ("decision", "state"),
    [
        (Reject(486), {"ended_by": "reject", "status_code": 486}),
        (Reject(), {"ended_by": "reject", "status_code": 603}),
        (Refer("sip:desk@x"), {"ended_by": "refer", "target_uri": "sip:desk@x"}),
    ],
)
def test_what_is_not_for_an_agent(
    ws_server: Server, decision: object, state: dict[str, Any]
) -> None:
    with house(ws_server, lambda call: decision) as desk:
        call_id = desk.call()
        assert desk.end().ended_by == state["ended_by"]
    assert desk.provider.state_of(call_id) == {"state": "ended", "joined": 0, **state}


@pytest.mark.parametrize("way", ["hang_up", "refer", "close"])
def test_a_call_that_this_side_ends(ws_server: Server, way: str) -> None:
    with house(ws_server) as desk:
        call_id = desk.call()
        call = Guard().get(desk.joined, "the session")
        if way == "hang_up":
            call.hang_up()
        elif way == "refer":
            call.refer("tel:+14155550199")
        else:
            desk.calls.close()
        assert desk.end() is call
        expected = {"hang_up": "program", "refer": "refer", "close": "closed"}[way]
        assert (call.ended_by, call.error) == (expected, None)
        state = desk.provider.state_of(call_id)
        assert state["ended_by"] == ("refer" if way == "refer" else "hangup")
        assert state.get("target_uri") == ("tel:+14155550199" if way == "refer" else None)
        if way == "close":
            _, body = desk.provider.ring()
            assert desk.provider.deliver(desk.url, body) == 503


def test_a_call_that_another_process_has_taken(ws_server: Server) -> None:
    """As with two workers: each gets one of the provider's webhooks."""
    with house(ws_server) as first, house(ws_server) as second:
        call_id, body = first.provider.ring()
        assert first.provider.deliver(first.url, body) == 200
        assert Guard().get(first.joined, "the session").id == call_id
        assert second.provider.deliver(second.url, body) == 200
        assert second.end().ended_by == "elsewhere"
        assert first.provider.state_of(call_id) == {"state": "active", "joined": 1}
        first.provider.caller_hangs_up(call_id)
        assert first.end().ended_by == "caller"


def test_a_session_that_the_provider_does_not_take_is_rejected(ws_server: Server) -> None:
    config: Any = {"model_settings": {"model_name": "no-such-model"}}
    with house(ws_server, config=config) as desk:
        call_id = desk.call()
        call = desk.end()
        assert (call.ended_by, "no-such-model" in str(call.error)) == ("error", True)
    assert desk.provider.state_of(call_id)["status_code"] == 500


# -- what the caller hears -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def desk_server() -> Iterator[Server]:
    """A provider whose model says goodbye, and calls the agent's tool in the same response."""
    program = str(Path(__file__).with_name("programs") / "desk_server.py")
    with run_server(program=[program]) as server:
        yield server


@pytest.mark.parametrize(
    ("tool", "end"),
    [
        (hang_up_tool(), {"ended_by": "hangup"}),
        (refer_tool({"human": "tel:+1415"}), {"ended_by": "refer", "target_uri": "tel:+1415"}),
    ],
    ids=["hang_up", "refer"],
)
def test_the_last_words_are_whole_before_the_end(
    desk_server: Server, tool: FunctionTool, end: dict[str, Any]
) -> None:
    """The model has called the tool long before they were heard."""
    agent = RealtimeAgent[SipCall](name="Desk", tools=[tool])
    with house(desk_server, lambda call: agent) as desk:
        call_id = desk.call()
        Guard().get(desk.joined, "the session")
        desk.provider.say(call_id, question("hello") + silence(700))
        call = desk.end()
        assert call.ended_by == ("program" if end["ended_by"] == "hangup" else "refer")
        assert Guard().get(desk.said, "the words")[1] == "Goodbye, and thank you for your call."
        assert desk.heard_all() == ["started", "stopped"], "or it would have ended before"
    assert desk.provider.state_of(call_id) == {"state": "ended", "joined": 1, **end}


def test_words_of_the_programs_own_are_waited_for(ws_server: Server) -> None:
    """Also those of which nothing has come yet when it begins to wait."""
    with house(ws_server) as desk:
        desk.call()
        call = Guard().get(desk.joined, "the session")
        assert call.wait_spoken(0), "nothing is said"
        assert call.session is not None
        call.session.say("Thank you for your call.")
        assert not call.wait_spoken(0)
        assert call.wait_spoken(Guard().seconds)
        call.hang_up()
        assert desk.end() is call
        assert call.wait_spoken(), "nothing is said any more"
        assert desk.heard_all() == ["started", "stopped"]


def test_words_are_heard_when_the_caller_has_heard_them(ws_server: Server) -> None:
    with house(ws_server) as desk:
        desk.call()
        call = Guard().get(desk.joined, "the session")
        assert call.session is not None
        assert call.session.say("Thank you.", wait=True, timeout=Guard().seconds)
        call.hang_up()
        desk.end()
        assert desk.heard_all() == ["started", "stopped"]


def test_the_callers_voice_cuts_the_answer_where_it_was_heard(ws_server: Server) -> None:
    """It was generated to its end long before; nothing of it is deleted."""
    with house(ws_server, greeting=" ".join([GREETING] * 8)) as desk:
        call_id = desk.call()
        assert Guard().get(desk.heard, "the greeting")[1] == "started"
        desk.provider.say(call_id, question("hello") + silence(700))
        assert Guard().get(desk.heard, "the interruption")[1] == "cleared"
        item_id, heard_ms = Guard().get(desk.cut, "the truncation")
        call = Guard().get(desk.interrupted, "the interruption")
        assert Guard().get(desk.heard, "the answer")[1] == "started"
        assert call.session is not None
        kept = [item for item in call.session.history if item.item_id == item_id]
        print(f"interrupted after {heard_ms} ms")
        assert [item.type for item in kept] == ["message"]
        heard = call.session.history.heard(item_id)
        whole = " ".join([GREETING] * 8)
        assert (whole.startswith(heard), len(heard) < len(whole)) == (True, True)
        assert call.wait_spoken(Guard().seconds)
        desk.provider.caller_hangs_up(call_id)
        desk.end()


def test_a_program_that_interrupts_silences_what_the_provider_plays(ws_server: Server) -> None:
    with house(ws_server, greeting=" ".join([GREETING] * 8)) as desk:
        call_id = desk.call()
        call, _ = Guard().get(desk.heard, "the greeting")
        assert call.session is not None
        call.session.interrupt()
        assert Guard().get(desk.heard, "the interruption")[1] == "cleared"
        assert call.wait_spoken(Guard().seconds)
        desk.provider.caller_hangs_up(call_id)
        desk.end()
        assert desk.heard_all() == []
