"""Connections to the embedded server through a proxy that breaks them: what comes back."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from embedded import KEY, Server, question, run_server, silence
from fault_proxy import Direction, Fault, FaultProxy, Kind
from guards import Guard
from scripted_links import interrupted, thread_names

from realtime_sync import (
    AuthenticationError,
    ConnectionClosedError,
    Local,
    OpenAI,
    RealtimeConnection,
    ReconnectPolicy,
)
from realtime_sync.connection.reconnect import ReconnectingEvent
from realtime_sync.events import ServerEvent

GUARD_S = 30.0
AT_ONCE = ReconnectPolicy(initial_delay=0.01)
# Silence is noticed after these.
PINGS = {"ping_interval": 0.2, "ping_timeout": 0.3}
TEXT: Any = {"type": "realtime", "output_modalities": ["text"]}


@pytest.fixture
def proxy(ws_server: Server) -> Iterator[FaultProxy]:
    with FaultProxy(ws_server.url) as between:
        yield between


@contextmanager
def connected(
    proxy: FaultProxy, *, session: Any = TEXT, options: Any = PINGS, **settings: Any
) -> Iterator[RealtimeConnection]:
    client = Local(url=proxy.url, api_key=KEY, ssl_context=settings.pop("ssl_context", None))
    settings.setdefault("reconnect", AT_ONCE)
    with client.realtime.connect(websocket_connection_options=options, **settings) as connection:
        connection.session.update(session=session)
        connection.wait_for("session.updated", timeout=GUARD_S)
        yield connection


def lose(proxy: FaultProxy, connection: RealtimeConnection, kind: Kind = Kind.DROP) -> Any:
    proxy.strike(kind)
    return until(connection, "reconnected")


def until(connection: RealtimeConnection, kind: str) -> Any:
    while (event := connection.recv(GUARD_S)).type != kind:
        assert event.type != "error", event
    return event


def retrieved(connection: RealtimeConnection, item_id: str) -> dict[str, Any]:
    connection.conversation.item.retrieve(item_id=item_id)
    item: dict[str, Any] = until(connection, "conversation.item.retrieved").to_dict()["item"]
    return item


def write(connection: RealtimeConnection, item_id: str, text: str, **where: Any) -> ServerEvent:
    content = [{"type": "input_text", "text": text}]
    item = {"id": item_id, "type": "message", "role": "user", "content": content}
    connection.conversation.item.create(item=item, **where)
    return connection.wait_for("conversation.item.done", timeout=GUARD_S)


def text_of(item: dict[str, Any]) -> str:
    part = item["content"][0]
    return str(part.get("text") or part.get("transcript"))


# -- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.DROP, Kind.RESET, Kind.HALF_OPEN, Kind.STALL])
def test_each_fault_is_recovered_with_the_history(
    proxy: FaultProxy, guard: Guard, kind: Kind
) -> None:
    with connected(proxy) as connection:
        reply = connection.ask("Say apple.")
        answer = reply.response.output[0]
        before = thread_names()
        assert lose(proxy, connection, kind).code == 1006
        assert text_of(retrieved(connection, answer.id)) == "Apple."
        assert connection.ask("Say pear.").text == "Pear."
        guard.until(lambda: thread_names() == before, "the supervisor's end")
    assert proxy.connections == 2


@pytest.mark.parametrize("how", ["lost", "restarted"])
def test_the_assistant_knows_from_the_restored_history_who_speaks(
    proxy: FaultProxy, how: str
) -> None:
    with connected(proxy) as connection:
        connection.ask("My name is Ada.", timeout=GUARD_S)
        connection.ask("What time is it?", timeout=GUARD_S)
        if how == "lost":
            lose(proxy, connection)
        else:
            connection.session.restart(keep_history=True)
        assert connection.ask("What is my name?", timeout=GUARD_S).text == "Your name is Ada."
        connection.session.restart(keep_history=False)
        assert "not told me" in connection.ask("What is my name?", timeout=GUARD_S).text


def test_damage_is_recovered_where_the_codes_for_it_are_added(proxy: FaultProxy) -> None:
    policy = ReconnectPolicy(initial_delay=0.01, codes=AT_ONCE.codes | {1002, 1007})
    with connected(proxy, reconnect=policy) as connection:
        assert lose(proxy, connection, Kind.GARBAGE).code == 1002
        assert connection.ask("Say pear.").text == "Pear."


def test_damage_ends_the_connection_otherwise(proxy: FaultProxy) -> None:
    with connected(proxy) as connection:
        proxy.strike(Kind.GARBAGE)
        with pytest.raises(ConnectionClosedError) as caught:
            until(connection, "never")
        assert caught.value.code == 1002


def test_damage_under_tls_is_a_broken_link(wss_server: Server) -> None:
    with (
        FaultProxy(wss_server.url) as proxy,
        connected(proxy, ssl_context=wss_server.tls()) as connection,
    ):
        for kind in (Kind.GARBAGE, Kind.DROP):
            assert lose(proxy, connection, kind).code == 1006
            assert connection.ask("Say pear.").text == "Pear."


def test_a_stall_that_ends_in_time_is_no_loss(proxy: FaultProxy) -> None:
    with connected(proxy, options={"ping_interval": 5.0}) as connection:
        proxy.strike(Kind.STALL)
        connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "x"}],
            }
        )
        proxy.release()
        connection.wait_for("conversation.item.done", timeout=GUARD_S)
    assert proxy.connections == 1


def test_a_server_that_refuses_connections_for_a_while(proxy: FaultProxy) -> None:
    with connected(proxy) as connection:
        proxy.refuse(3)
        assert lose(proxy, connection).attempts == 4
        assert connection.ask("Say pear.").text == "Pear."


def test_faults_in_the_middle_of_restorations(proxy: FaultProxy) -> None:
    rng = random.Random(7)
    policy = ReconnectPolicy(initial_delay=0.01, max_delay=0.02, max_retries=20)
    with connected(proxy, reconnect=policy) as connection:
        for number in range(40):
            write(connection, f"item_{number}", f"This is number {number}.")
        for _ in range(10):
            fault = Fault.any(rng, (Kind.DROP, Kind.RESET), within=8_000)
            proxy.refuse(1)
            proxy.strike(Kind.DROP)
            proxy.arm(fault)  # for the first link that is not refused: it hits the restoration
            until(connection, "reconnected")
            connection.ask("Say pear.") if rng.random() < 0.3 else None
        for number in range(0, 40, 3):
            assert text_of(retrieved(connection, f"item_{number}")) == f"This is number {number}."


@pytest.mark.parametrize("direction", list(Direction))
def test_a_fault_at_every_place_of_a_turn(proxy: FaultProxy, direction: Direction) -> None:
    """The link breaks in one frame after the other, and inside of them."""
    with connected(proxy) as connection:
        told = 0
        for place in range(0, 3_000, 150):
            struck = proxy.arm(Fault(Kind.DROP, place, direction))
            while not struck.is_set():
                told += interrupted(lambda: connection.ask("Say pear.", timeout=GUARD_S))
            until(connection, "reconnected")
        assert told > 5
        print(f"{told} of 20 losses came while a turn was waited for, and it was told")


# -- what comes back -----------------------------------------------------------------------------


def test_the_whole_configuration_comes_back(proxy: FaultProxy) -> None:
    tool = {"type": "function", "name": "look", "parameters": {"type": "object"}}
    audio = {
        "input": {
            "format": {"type": "audio/pcmu"},
            "transcription": {"model": "any", "language": "en"},
            "turn_detection": None,
        },
        "output": {"format": {"type": "audio/pcma"}, "voice": "echo", "speed": 1.25},
    }
    session = {
        **TEXT,
        "instructions": "Be brief.",
        "tools": [tool],
        "tool_choice": "none",
        "max_output_tokens": 100,
        "truncation": "auto",
        "audio": audio,
    }
    with connected(proxy, session=session) as connection:
        connection.session.update(session={"type": "realtime"})
        before = connection.wait_for("session.updated", timeout=GUARD_S).to_dict()["session"]
        lose(proxy, connection)
        connection.session.update(session={"type": "realtime"})
        after = connection.wait_for("session.updated", timeout=GUARD_S).to_dict()["session"]
    for name in ("id", "expires_at"):
        assert before.pop(name) != after.pop(name) or name == "expires_at"
    assert after == before


def test_spoken_answers_stay_spoken(proxy: FaultProxy) -> None:
    with connected(proxy, session={"type": "realtime"}) as connection:
        first = connection.ask("Say apple.")
        lose(proxy, connection)
        item = retrieved(connection, first.response.output[0].id)
        assert item["content"] == [{"type": "output_text", "text": "Apple."}]
        second = connection.ask("Say pear.")
        assert second.transcript == "Pear."
        assert len(second.audio) > 4_800
        assert first.audio


def test_what_the_user_said_comes_back_in_words(proxy: FaultProxy) -> None:
    audio: Any = {"input": {"transcription": {"model": "any"}}}
    with connected(proxy, session={**TEXT, "audio": audio}) as connection:
        connection.input_audio_buffer.append(audio=question("hello") + silence(700))
        event = until(connection, "conversation.item.input_audio_transcription.completed")
        until(connection, "response.done")
        assert lose(proxy, connection).lost_items == []
        item = retrieved(connection, event.item_id)
        assert item["content"] == [{"type": "input_text", "text": event.transcript}]


def test_speech_that_was_not_put_into_words_is_lost_and_told(proxy: FaultProxy) -> None:
    with connected(proxy) as connection:  # a session without transcription
        connection.input_audio_buffer.append(audio=question("hello") + silence(700))
        speech = until(connection, "conversation.item.done").item
        until(connection, "response.done")
        assert lose(proxy, connection).lost_items == [speech.id]


def test_of_an_interrupted_answer_only_what_was_heard_comes_back(proxy: FaultProxy) -> None:
    with connected(proxy, session={"type": "realtime"}) as connection:
        reply = connection.ask("Please count to twenty.")
        item_id = reply.response.output[0].id
        heard_ms = len(reply.audio) // 48 // 2
        connection.conversation.item.truncate(
            item_id=item_id, content_index=0, audio_end_ms=heard_ms
        )
        until(connection, "conversation.item.truncated")
        lose(proxy, connection)
        words = text_of(retrieved(connection, item_id))
    assert reply.transcript.startswith(words)
    share = len(words.split()) / len(reply.transcript.split())
    assert 0.4 <= share <= 0.6, words


def test_deleted_items_stay_deleted_and_the_order_is_kept(proxy: FaultProxy) -> None:
    with connected(proxy) as connection:
        write(connection, "one", "one")
        write(connection, "three", "three")
        write(connection, "gone", "gone")
        write(connection, "two", "two", previous_item_id="one")
        write(connection, "zero", "zero", previous_item_id="root")
        connection.conversation.item.delete(item_id="gone")
        until(connection, "conversation.item.deleted")
        lose(proxy, connection)
        connection.conversation.item.retrieve(item_id="gone", event_id="mine")
        assert connection.wait_for("error", timeout=GUARD_S).error.event_id == "mine"  # type: ignore[union-attr]
        # The server says what stands before an item that is put behind another.
        for number, item_id in enumerate(("zero", "one", "two", "three")):
            done: Any = write(connection, f"after_{number}", "x", previous_item_id=item_id)
            assert done.previous_item_id == item_id
            connection.conversation.item.delete(item_id=f"after_{number}")
        lose_order = [item["id"] for item in connection._state.replay()[0]]
        assert lose_order[:4] == ["zero", "one", "two", "three"]


def test_function_calls_and_their_outputs_come_back(proxy: FaultProxy) -> None:
    weather = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}}
    with connected(proxy, session={**TEXT, "tools": [weather]}) as connection:
        (call,) = connection.ask("What is the weather in London?").function_calls
        lose(proxy, connection)
        # Between call and output: the output finds its call in the new session.
        output = json.dumps({"condition": "cloudy", "temperature": 14})
        connection.conversation.item.create(
            item={
                "id": "output",
                "type": "function_call_output",
                "call_id": call.call_id,
                "output": output,
            }
        )
        connection.wait_for("conversation.item.done", timeout=GUARD_S)
        lose(proxy, connection)
        assert retrieved(connection, call.id)["arguments"] == call.arguments
        assert retrieved(connection, "output")["output"] == output
        assert "cloudy" in connection.ask().text, "the model sees both"


def test_a_long_history_comes_back(proxy: FaultProxy) -> None:
    with connected(proxy) as connection:
        for number in range(500):
            connection.conversation.item.create(
                item={
                    "id": f"item_{number}",
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "word " * 200}],
                }
            )
        connection.wait_for(
            lambda event: event.type == "conversation.item.done" and event.item.id == "item_499",
            timeout=GUARD_S,
        )
        assert lose(proxy, connection).lost_items == []
        assert len(text_of(retrieved(connection, "item_0"))) == 1_000


def test_the_session_of_a_call_is_joined_again_as_it_is(proxy: FaultProxy) -> None:
    client = OpenAI(api_key=KEY, base_url=proxy.url)
    sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
    call_id = client.realtime.calls.create(sdp=sdp, session=TEXT).call_id
    with client.realtime.connect(call_id=call_id, reconnect=AT_ONCE) as connection:
        until(connection, "session.created")
        sent = connection.stats.events_sent
        lose(proxy, connection)
        until(connection, "session.created")
        assert connection.stats.events_sent == sent, "nothing is restored: the call has it all"
        connection._state.renew_at = 0.0
        connection._state._changed_at = 0.0
        connection.response.create()
        until(connection, "response.done")
    client.close()


# -- how it ends ---------------------------------------------------------------------------------


def test_a_key_that_is_refused_ends_it_with_the_servers_words(proxy: FaultProxy) -> None:
    keys = [KEY, "wrong"]
    client = OpenAI(api_key=lambda: keys.pop(0), base_url=proxy.url)
    with client.realtime.connect(model="gpt-realtime", reconnect=AT_ONCE) as connection:
        connection.recv(GUARD_S)
        proxy.strike(Kind.DROP)
        with pytest.raises(ConnectionClosedError, match="Incorrect API key") as caught:
            connection.recv(GUARD_S)
    assert isinstance(caught.value.__cause__, AuthenticationError)
    assert caught.value.__cause__.status == 401
    assert "wrong" not in repr(caught.value.unsent)


def test_a_fresh_key_is_asked_for_at_each_link(proxy: FaultProxy) -> None:
    asked = []

    def key() -> str:
        asked.append(len(asked))
        return KEY

    client = OpenAI(api_key=key, base_url=proxy.url)
    with client.realtime.connect(model="gpt-realtime", reconnect=AT_ONCE) as connection:
        lose(proxy, connection)
    assert asked == [0, 1]


def test_a_server_that_is_gone_is_given_up(guard: Guard) -> None:
    policy = ReconnectPolicy(initial_delay=0.001, max_retries=3)

    def send(event: ReconnectingEvent) -> None:
        connection.response.create(event_id=f"attempt {event.attempt}")

    with (
        run_server() as server,
        FaultProxy(server.url) as proxy,
        connected(proxy, reconnect=policy, on_reconnecting=send) as connection,
    ):
        proxy.refuse(100)
        proxy.strike(Kind.DROP)
        with pytest.raises(ConnectionClosedError, match="could not reconnect") as caught:
            until(connection, "never")
        guard.until(lambda: thread_names() == [], "the threads' end")
    assert proxy.connections == 4
    unsent = [json.loads(text)["event_id"] for text in caught.value.unsent]
    assert unsent == ["attempt 1", "attempt 2", "attempt 3"]


def test_close_does_not_wait_for_a_server_that_does_not_answer(
    proxy: FaultProxy, guard: Guard
) -> None:
    with connected(proxy, options={"open_timeout": 3.0}) as connection:
        proxy.mute()
        proxy.strike(Kind.DROP)
        guard.until(lambda: proxy.waiting, "the attempt to connect")
        connection.close()
        for event in connection:
            assert event.type != "reconnected"
        proxy.answer()
        guard.until(lambda: thread_names() == [], "the threads' end")


def test_restart_by_hand(proxy: FaultProxy) -> None:
    with connected(proxy, reconnect=None) as connection:
        reply = connection.ask("Say apple.")
        connection.session.restart()
        assert until(connection, "reconnected").code == 1000
        assert text_of(retrieved(connection, reply.response.output[0].id)) == "Apple."
        connection.session.restart(keep_history=False)
        until(connection, "reconnected")
        connection.conversation.item.retrieve(item_id=reply.response.output[0].id)
        error: Any = connection.wait_for("error", timeout=GUARD_S)
        assert error.error.code == "item_retrieve_invalid_item_id"
        assert connection.ask("Say pear.").text == "Pear.", "the configuration is kept"
    assert proxy.connections == 3
