"""What the `openai` package's own tests of its realtime client check, and where it is shown here.

``docs/porting.md`` says what differs on purpose. Left: the behaviour there; right: the test here.

The contract of a connection
    an error event leaves it open, fields survive   ::test_a_whole_conversation_on_the_wire
    raw messages, text and binary                   ::test_recv_bytes_gives_every_message_as_it_came
    unknown events, malformed ones       test_connection.py::test_a_message_that_is_no_event_costs_only_itself
    a wait that is broken off loses nothing         test_connection.py::test_recv_times_out_and_stays_usable
    iteration is a generator                        ::test_an_iterator_has_a_generators_controls
    iteration and close codes                       test_ported_recovery.py::test_which_closes_are_worth_an_attempt
    references beside items as input                ::test_references_and_items_as_input
    closing: order, idempotence, deadline           test_connection.py::test_close_is_idempotent_and_from_any_thread
    a silent peer does not hold the close           test_closing.py::test_our_own_close_is_a_clean_end_whatever_the_peer_does
    the body's exception wins over the end's        ::test_the_bodys_exception_is_the_one_that_leaves
    pings are answered at a prompt                  ../samples/test_ported.py::test_at_the_prompt_pings_are_answered_and_ctrl_c_closes
Opening
    URL, query and its order                        ::test_a_whole_conversation_on_the_wire
    lists, mappings, omission in queries            ../unit/providers/test_query.py::test_values_of_every_kind
    the base URL's own query                        ../unit/providers/test_query.py::test_the_query_of_a_base_url_is_kept_and_can_be_replaced_or_taken_out
    model, call_id, intent                          ../unit/providers/test_openai.py::test_a_running_call_or_an_intent_needs_no_model
    fresh keys, headers of the call                 ::test_each_connection_asks_for_a_key_and_its_own_header_wins
    an empty key is an error                        ../unit/providers/test_openai.py::test_mistakes_are_named
    redirects do not carry the key away             test_transport_connect.py::test_redirects_are_not_followed
    no compression unless asked for                 test_transport_deflate.py::test_it_is_not_offered_unless_asked_for
    no limit of a message's size unless asked for   test_transport_fragments.py::test_16_mib_each_way
    and that limit where it is                      test_transport_deflate.py::test_too_large_and_unsolicited_messages_close_the_link
    unknown connection options                      test_manners.py::test_a_wrong_option_is_told_before_opening
    an opening that fails leaves nothing open       ::test_an_opening_that_fails_closes_the_link
    a manager opens once                            ::test_a_manager_opens_once
Azure
    URLs of both APIs                               ../unit/providers/test_azure.py::test_urls
    the same URL as the package builds              test_dialects.py::test_the_preview_url_is_that_of_the_openai_package
    key, token, provider, conflicts                 ../unit/providers/test_azure.py::test_wrong_options_are_named
    no secret in logs                               test_transport_secrets.py::test_objects_and_a_conversation_show_nothing
The beta protocol
    its header only with it                         ../unit/providers/test_beta.py::test_the_header_goes_with_the_dialect_only
    its events                                      test_dialects.py::test_a_written_turn
The queue before opening
    order                                           test_manners.py::test_what_is_sent_before_opening_comes_first
    its bound, in bytes                             ::test_the_queue_before_opening_counts_bytes
    sent while opening anew                         test_ported_recovery.py::test_what_was_sent_is_not_sent_again_and_what_came_meanwhile_is
    its bound then                                  test_ported_recovery.py::test_the_queue_has_its_limit_while_reconnecting
    handed back in the end                          test_ported_recovery.py::test_what_was_not_sent_is_handed_back_when_the_program_gives_up
    writes of many threads stay whole               test_connection.py::test_sending_from_many_threads
    a close interrupts a blocked write              test_transport_half_written.py::test_a_blocked_send_is_woken
    raw bytes                                       ::test_bytes_that_are_no_text_are_refused_before_they_are_sent
Recovery
    who gets none                                   test_ported_recovery.py::test_it_stops_without_another_connection
    errors do not renew the attempts                test_ported_recovery.py::test_a_server_that_accepts_complains_and_closes_is_given_up
    fresh keys, same options                        test_ported_recovery.py::test_a_new_connection_has_a_fresh_key_and_the_same_options
    the callback's changes                          test_ported_recovery.py::test_the_program_changes_query_and_headers_and_the_model_stays
    the callback's exceptions                       test_ported_recovery.py::test_an_exception_of_the_callback_ends_it_and_is_shown
    close is final                                  test_ported_recovery.py::test_a_close_while_reconnecting_is_final
Handlers
    every registration counts                       ::test_every_registration_of_a_handler_counts
    order, once, off, all events                    test_manners.py::test_own_handlers_come_first_and_once_means_once
    an error that nobody handles                    test_manners.py::test_an_error_that_nobody_handles
    given before opening                            test_manners.py::test_handlers_of_a_conversation
Translations
    events, path, its end                           test_providers.py::test_a_translation_to_its_end
    nothing after its close                         test_providers.py::test_after_its_close_a_session_takes_nothing
    left early                                      test_providers.py::test_a_translation_left_early
REST
    client secrets, calls: every method             test_rest_parity.py::test_the_request_is_the_same
    raw and streaming answers                       test_rest.py::test_raw_and_streaming_from_every_door
    errors by status                                test_rest_parity.py::test_the_errors_have_the_same_names_and_attributes
    ids in paths                                    test_rest_parity.py::test_ids_that_are_none
"""  # noqa: E501 -- a table

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from raw_server import BINARY, CLOSE, TEXT, RawPeer, RawServer, close_payload
from scripted_server import KEY, client, hang_on, hang_up, hear, say, scripted, target

from realtime_sync import (
    ConcurrencyError,
    LocalProtocolError,
    QueueFullError,
    RealtimeConnection,
)
from realtime_sync.events import ErrorEvent, InputAudioBufferCleared
from realtime_sync.providers import BetaDialect

GUARD_S = 30.0
TESTS = re.findall(r"([\w/.]*)::(\w+)", __doc__)


def connect(server: RawServer, **options: Any) -> RealtimeConnection:
    return client(server).realtime.connect(**{"model": "m"} | options).enter()


def accept(peer: RawPeer) -> None:
    peer.accept()
    hang_on(peer)


@pytest.mark.parametrize(("file", "name"), TESTS)
def test_the_table_names_tests_that_are_there(file: str, name: str) -> None:
    path = Path(__file__).parent / file if file else Path(__file__)
    assert f"\ndef {name}(" in path.read_text("utf-8")


# -- the contract --------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "?tenant=t"])
def test_a_whole_conversation_on_the_wire(query: str) -> None:
    error = {"type": "invalid_request_error", "code": "invalid_audio", "param": "audio"}
    future = ' { "type": "future.event", "event_id": "f", "text": "東京🙂" }\n'

    def script(peer: RawPeer) -> None:
        peer.accept()
        expected = {"model": ["m"], "mine": ["1"]} | ({"tenant": ["t"]} if query else {})
        assert target(peer) == ("/v1/customer/realtime", expected)
        names = ("Authorization", "X-Both", "X-Client", "Sec-WebSocket-Extensions")
        assert [*map(peer.header, names)] == [f"Bearer {KEY}", "connection", "kept", None]
        append = {"type": "input_audio_buffer.append", "event_id": "one", "audio": "AA=="}
        assert hear(peer) == append
        say(peer, "error", error={**error, "message": "no", "event_id": "one"})
        assert hear(peer) == {"type": "input_audio_buffer.clear", "event_id": "two"}
        say(peer, "input_audio_buffer.cleared", future={"kept": True})
        peer.send(TEXT, future.encode())
        hang_on(peer)

    with scripted(script) as server:
        talker = client(
            server,
            base_url=f"http://127.0.0.1:{server.port}/v1/customer{query}",
            default_headers={"X-Both": "client", "X-Client": "kept"},
        )
        with talker.realtime.connect(
            model="m", extra_query={"mine": "1"}, extra_headers={"X-Both": "connection"}
        ) as connection:
            connection.input_audio_buffer.append(audio="AA==", event_id="one")
            refused = connection.recv(GUARD_S)
            assert isinstance(refused, ErrorEvent)
            detail = refused.error
            assert (detail.code, detail.param, detail.event_id) == (
                "invalid_audio",
                "audio",
                "one",
            )
            connection.input_audio_buffer.clear(event_id="two")
            cleared = connection.recv(GUARD_S)
            assert isinstance(cleared, InputAudioBufferCleared)
            assert cleared.to_dict() == {
                "type": "input_audio_buffer.cleared",
                "event_id": "event_1",
                "future": {"kept": True},
            }
            assert connection.recv_bytes(GUARD_S) == future.encode()


def test_recv_bytes_gives_every_message_as_it_came() -> None:
    text = ' {"type": "n.1", "é": 1}\n'.encode()
    messages = [(TEXT, text), (BINARY, b"\x00\xff"), (BINARY, b"")]

    def script(peer: RawPeer) -> None:
        peer.accept()
        for opcode, payload in messages:
            peer.send(opcode, payload)
        hang_on(peer)

    with scripted(script) as server, connect(server) as connection:
        assert [connection.recv_bytes(GUARD_S) for _ in messages] == [data for _, data in messages]


def test_an_iterator_has_a_generators_controls() -> None:
    def script(peer: RawPeer) -> None:
        peer.accept()
        for number in range(4):
            say(peer, f"n.{number}")
        hang_on(peer)

    with scripted(script) as server, connect(server) as connection:
        first: Any = iter(connection)
        assert [next(first).type, next(first).type] == ["n.0", "n.1"]
        with pytest.raises(ZeroDivisionError):
            first.throw(ZeroDivisionError())
        second: Any = iter(connection)
        assert next(second).type == "n.2"
        second.close()
        assert list(second) == []
        third: Any = iter(connection)
        assert next(third).type == "n.3", "what is left goes to the next one"


@pytest.mark.parametrize("by", ["method", "send"])
def test_references_and_items_as_input(by: str) -> None:
    content = [{"type": "input_text", "text": "new 東京"}]
    response: Any = {
        "conversation": "none",
        "input": [
            {"id": "item_1", "type": "item_reference"},
            {"type": "message", "role": "user", "content": content},
        ],
        "metadata": {"case": "references"},
        "output_modalities": ["text"],
    }
    event: dict[str, Any] = {"type": "response.create", "event_id": "e", "response": response}

    def script(peer: RawPeer) -> None:
        peer.accept()
        assert hear(peer) == event
        hang_on(peer)

    with scripted(script) as server, connect(server) as connection:
        if by == "send":
            connection.send(event)
        else:
            connection.response.create(response=response, event_id="e")


def accept_and_break(peer: RawPeer) -> None:
    peer.accept()
    hang_up(peer, 1011)


@pytest.mark.parametrize("end", [accept, accept_and_break])
def test_the_bodys_exception_is_the_one_that_leaves(end: Callable[[RawPeer], None]) -> None:
    with (
        scripted(end) as server,
        pytest.raises(ZeroDivisionError),
        client(server).realtime.connect(model="m"),
    ):
        raise ZeroDivisionError


# -- opening -------------------------------------------------------------------------------------


def test_each_connection_asks_for_a_key_and_its_own_header_wins() -> None:
    keys = iter(["one", "two", "three"])
    seen: list[str | None] = []

    def script(peer: RawPeer) -> None:
        peer.accept()
        seen.append(peer.header("authorization"))
        assert peer.head.lower().count(b"\r\nauthorization:") == 1
        hang_on(peer)

    with scripted(script, script, script) as server:
        talker = client(server, api_key=lambda: next(keys))
        for headers in ({}, {}, {"authorization": "Bearer mine"}):
            with talker.realtime.connect(model="m", extra_headers=headers):
                pass
    assert seen == ["Bearer one", "Bearer two", "Bearer mine"]


class Failing(BetaDialect):
    """Fails to say what is in `fails`; its greeting is one ``hello``."""

    fails = ""
    greeting = ({"type": "hello"},)

    def to_wire(self, event: dict[str, Any]) -> dict[str, Any]:
        if event["type"] == self.fails:
            raise KeyboardInterrupt
        return event


@pytest.mark.parametrize("fails", ["hello", "first"])
def test_an_opening_that_fails_closes_the_link(fails: str) -> None:
    def dialect() -> Failing:
        made = Failing()
        made.fails = fails
        return made

    def script(peer: RawPeer) -> None:
        peer.accept()
        with contextlib.suppress(EOFError, ConnectionError):  # cut off before there was anybody
            while peer.frame()[0] != CLOSE:
                pass
            peer.send(CLOSE, close_payload(1000))

    with scripted(script) as server:
        opening = client(server, dialect=dialect).realtime.connect(model="m")
        opening.send({"type": "first"})
        with pytest.raises(KeyboardInterrupt), opening:
            pytest.fail("it was opened")


def test_a_manager_opens_once() -> None:
    with scripted(accept) as server:
        opening = client(server).realtime.connect(model="m")
        with opening, pytest.raises(ConcurrencyError, match="opened already"):
            opening.enter()


# -- sending -------------------------------------------------------------------------------------


def test_the_queue_before_opening_counts_bytes() -> None:
    with scripted() as server:
        opening = client(server).realtime.connect(model="m", max_queue_size=60)
        opening.send({"type": "é" * 20})  # 20 characters and 40 bytes, and 11 around them
        with pytest.raises(QueueFullError, match="51 bytes wait"):
            opening.send({"type": ""})


@pytest.mark.parametrize("data", [b"\xff\xfe", "\ud800"])
def test_bytes_that_are_no_text_are_refused_before_they_are_sent(data: str | bytes) -> None:
    def script(peer: RawPeer) -> None:
        peer.accept()
        assert peer.frame() == (TEXT, '{"é":1}'.encode())
        hang_on(peer)

    with scripted(script) as server, connect(server) as connection:
        with pytest.raises(LocalProtocolError):
            connection.send_raw(data)
        connection.send_raw('{"é":1}'.encode())


# -- handlers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("register", "calls"),
    [
        (lambda c, h: c.on("error", h).once("error", h), 3),
        (lambda c, h: c.on("event", h).once("error", h), 3),
        (lambda c, h: c.on("error", h).once("error", h).off("error", h), 1),
    ],
    ids=["the same twice", "for one and for all", "one taken back"],
)
def test_every_registration_of_a_handler_counts(register: Callable[..., Any], calls: int) -> None:
    def script(peer: RawPeer) -> None:
        peer.accept()
        for _ in range(2):
            say(peer, "error", error={"type": "t", "message": "m"})
        hang_up(peer, 1000)

    seen: list[str] = []
    with scripted(script) as server, connect(server) as connection:
        connection.on("event", lambda event: None)  # so that no error is left to nobody
        register(connection, lambda event: seen.append(event.type))
        connection.dispatch_events()
    assert seen == ["error"] * calls
