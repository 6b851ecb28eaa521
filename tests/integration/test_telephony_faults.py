"""Faults of both ends of a call, each with the end that it must have."""

from __future__ import annotations

import logging
import queue
import random
import socket
import struct
import threading
from contextlib import ExitStack
from typing import Any

import psutil
import pytest
import websocket
from asterisk_phone import CALL, AsteriskPhone
from embedded import Server, question
from fault_proxy import FaultProxy, Kind
from guards import Guard
from twilio_phone import TwilioPhone, answering
from twilio_socket import all_of
from websockets.sync.server import ServerConnection
from wsgi_servers import descriptors

from realtime_sync import ConnectionClosedError, Local, RealtimeError, ReconnectPolicy
from realtime_sync.telephony import AudioSocket, AudioSocketServer, MediaStreams
from realtime_sync.voice import VoiceLoop

HZ = 8_000
CROWD = 1_000
ULAW: Any = {"format": {"type": "audio/pcmu"}}
SOUND = bytes(range(1, 161)) * 2  # 20 ms
BEGIN = struct.pack(">BH", 0x01, 16) + CALL.bytes


def frame(kind: int, payload: bytes = b"") -> bytes:
    return struct.pack(">BH", kind, len(payload)) + payload


def pair_of(**options: Any) -> tuple[AudioSocket, socket.socket]:
    """A call of Asterisk's that has begun as soon as it is entered, and its other end."""
    near, far = socket.socketpair()
    for end in (near, far):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    far.settimeout(Guard().seconds)
    far.sendall(BEGIN)
    return AudioSocket(near, **options), far


# -- the far end -----------------------------------------------------------------------------------


def test_asterisk_that_takes_nothing_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    call, far = pair_of(send_timeout=0.05, lead_ms=1000)
    with far, call:
        call.sink.write(500 * SOUND)
        assert call.wait_ended(Guard().seconds)
        assert call.ended_by == "link"
        assert call.sink.drain(Guard().seconds), "nobody waits for what is not heard"
    assert "has taken nothing for 0.05 s" in caplog.text


def test_asterisk_that_says_nothing_is_given_up_where_that_is_wanted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    call, far = pair_of(silence_timeout=0.05)
    with far, call:
        assert all_of(call) == b""
        assert call.ended_by == "link"
    assert "nothing has come from the far end of a call for 0.05 s" in caplog.text


def test_a_hang_up_does_not_wait_for_asterisk_that_takes_nothing() -> None:
    call, far = pair_of(send_timeout=None, lead_ms=1000)
    with far, call:
        call.sink.write(500 * SOUND)
        Guard().until(lambda: call.stats.sent_ms, "a frame")
        call.close()
        assert call.ended_by == "closed"


@pytest.mark.parametrize("ended_by", ["link", "closed"])
def test_twilio_that_takes_nothing_is_given_up(ended_by: str) -> None:
    """Even where the WebSocket itself waits for ever, and its close behind that."""
    calls: queue.SimpleQueue[MediaStreams] = queue.SimpleQueue()
    patience = 0.05 if ended_by == "link" else None

    def answer(link: ServerConnection) -> None:
        link.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        with MediaStreams(link, send_timeout=patience, lead_ms=1000) as call:
            call.sink.write(1500 * SOUND)
            Guard().until(lambda: call.stats.sent_ms, "a frame")
            calls.put(call)
            if ended_by == "link":
                assert call.wait_ended(Guard().seconds)

    with answering(answer) as url:
        # It reads only when it is asked to.
        options = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)]
        phone = websocket.create_connection(url, timeout=Guard().seconds, sockopt=options)
        phone.send('{"event": "start", "start": {"streamSid": "MZ1"}}')
        call = Guard().get(calls, "the call")
        assert call.wait_ended(Guard().seconds)
    phone.shutdown()
    assert call.ended_by == ended_by


def test_asterisk_that_drops_the_link_in_the_middle_of_an_answer(ws_server: Server) -> None:
    ended: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def answer(call: AudioSocket) -> None:
        talk(Local(url=ws_server.url, api_key=ws_server.key), call)
        ended.put(call.ended_by)

    with AudioSocketServer(answer, port=0) as server, AsteriskPhone(server.port) as phone:
        phone.say(question("story", hz=HZ))
        Guard().until(lambda: len(phone.sizes) > 20, "some of the story")
        phone.drop()
        assert Guard().get(ended, "the end") == "link"


def talk(client: Local, call: AudioSocket | MediaStreams, **options: Any) -> None:
    with client.realtime.connect(**options) as connection:
        connection.session.update(
            session={"type": "realtime", "audio": {"input": ULAW, "output": ULAW}}
        )
        VoiceLoop(connection, call.source, call.sink).run()


@pytest.mark.parametrize("seed", range(20))
def test_whatever_frames_come_the_call_goes_on_or_ends_by_the_link(seed: int) -> None:
    """Wrong kinds, wrong lengths, half samples, and cuts wherever the link may be cut."""
    rng = random.Random(seed)
    frames = [
        frame(rng.choice([0x01, 0x02, 0x03, 0x10, 0x11, 0x16, 0x17, 0x7F, 0xFF]),
              rng.randbytes(rng.choice([0, 1, 2, 16, 319, 320, 65_535])))
        for _ in range(60)
    ]  # fmt: skip
    stream = b"".join(frames) + frame(0x03, b"5")
    cut = rng.randrange(len(stream)) if seed % 2 else len(stream)
    call, far = pair_of()
    with far, call:
        pieces = threading.Thread(target=lambda: send_in_pieces(far, stream[:cut], rng))
        pieces.start()
        sound = all_of(call)
        assert len(sound) % 2 == 0
        Guard().join(pieces)
        assert call.ended_by == "link"
        keys = list(iter(lambda: call.read_digit(Guard().seconds), None))
        if cut == len(stream):
            assert keys[-1] == "5"
            assert call.stats.odd_messages > 0


def send_in_pieces(far: socket.socket, stream: bytes, rng: random.Random) -> None:
    """Send it in pieces that end anywhere, and then no more."""
    at = 0
    while at < len(stream):
        size = rng.choice([1, 2, 3, 500, 20_000])
        far.sendall(stream[at : at + size])
        at += size
    far.shutdown(socket.SHUT_WR)


def test_a_crowd_that_does_not_say_which_call_it_is_harms_no_call() -> None:
    """Each takes two threads until it is hung up; more than ``max_calls`` are at once."""
    sent = 60 * SOUND

    def answer(call: AudioSocket) -> None:
        call.sink.write(sent)
        call.sink.flush()
        call.read_digit(Guard().seconds)
        assert call.sink.drain(Guard().seconds)

    process = psutil.Process()
    with ExitStack() as stack:
        stack.enter_context(descriptors(6 * CROWD))
        server = stack.enter_context(
            AudioSocketServer(answer, port=0, max_calls=CROWD + 1, start_timeout=3600)
        )
        phone = stack.enter_context(AsteriskPhone(server.port))
        Guard().until(lambda: phone.sizes, "the first frame")
        before = process.memory_info().rss
        for _ in range(CROWD):
            idle = socket.create_connection(("127.0.0.1", server.port))
            stack.enter_context(idle)
        Guard().until(lambda: server.calls == CROWD + 1, "all of them")
        each = (process.memory_info().rss - before) / CROWD / 1024
        with AsteriskPhone(server.port) as late:
            late.wait_for_end()
        assert server.refused == 1
        phone.press("5")
        phone.wait_for_end()
        assert phone.heard() == sent
        server.close()
    print(f"{CROWD} idle connections: {each:.0f} KiB each")
    assert each < 200


# -- the provider ----------------------------------------------------------------------------------


def test_a_provider_that_is_gone_for_a_while_answers_afterwards(ws_server: Server) -> None:
    """The caller waits on the line; the link to the provider is made anew behind it."""
    begun: queue.SimpleQueue[MediaStreams] = queue.SimpleQueue()
    back = threading.Event()

    def answer(link: ServerConnection) -> None:
        client = Local(url=proxy.url, api_key=ws_server.key)
        policy = ReconnectPolicy(max_retries=20, initial_delay=0.05, max_delay=0.1)
        with MediaStreams(link) as call, client.realtime.connect(reconnect=policy) as connection:
            connection.session.update(
                session={"type": "realtime", "audio": {"input": ULAW, "output": ULAW}}
            )

            def note(event: Any) -> None:
                if event.type == "session.updated":
                    begun.put(call)
                if event.type == "reconnected":
                    back.set()

            VoiceLoop(connection, call.source, call.sink, on_event=note).run()

    with (
        FaultProxy(ws_server.url) as proxy,
        answering(answer) as url,
        TwilioPhone(url) as phone,
    ):
        call = Guard().get(begun, "the session")
        proxy.refuse(3)
        proxy.strike(Kind.RESET)
        Guard().wait(back, "the new link")
        assert call.ended_by is None
        phone.say(question("hello", hz=HZ))
        phone.wait_for(lambda: phone.played > 20, "an answer")
        phone.hang_up()
        assert call.wait_ended(Guard().seconds)
        assert call.ended_by == "stop"


def test_a_provider_that_does_not_come_back_ends_the_call(ws_server: Server) -> None:
    """The loop raises, and leaving the ``with`` hangs up."""
    ended: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def answer(call: AudioSocket) -> None:
        try:
            talk(Local(url=proxy.url, api_key=ws_server.key), call)
        except RealtimeError as exc:
            ended.put((call, exc))
            raise

    with (
        FaultProxy(ws_server.url) as proxy,
        AudioSocketServer(answer, port=0) as server,
        AsteriskPhone(server.port) as phone,
    ):
        phone.say(question("story", hz=HZ))
        Guard().until(lambda: len(phone.sizes) > 20, "some of the story")
        logging.disable(logging.ERROR)
        try:
            proxy.strike(Kind.RESET)
            phone.wait_for_end()
            call, failure = Guard().get(ended, "the failure")
            Guard().until(lambda: server.calls == 0, "the end of the call")
        finally:
            logging.disable(logging.NOTSET)
        assert isinstance(failure, ConnectionClosedError)
        assert (call.ended_by, phone.hung_up) == ("closed", True)
