"""Calls of Asterisk's over TCP: a phone, this program, and the embedded server."""

from __future__ import annotations

import errno
import logging
import queue
import socket
import struct
import threading
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asterisk_phone import CALL, AsteriskPhone
from attrs import evolve
from blocks import python_blocks
from embedded import Server, question
from guards import Guard
from programs import REPOSITORY
from twilio_socket import all_of

from realtime_sync import Local
from realtime_sync.audio import decode_ulaw
from realtime_sync.errors import (
    ConcurrencyError,
    ConfigError,
    ConnectError,
    ConnectionClosedError,
    RealtimeTimeout,
    RemoteProtocolError,
)
from realtime_sync.telephony import AudioSocket, AudioSocketServer, CallStats
from realtime_sync.voice import Interrupted, VoiceLoop

ULAW: dict[str, Any] = {"format": {"type": "audio/pcmu"}}
SOUND = np.random.default_rng(7).integers(-8000, 8000, 160).astype("<i2").tobytes()  # 20 ms


def frame(kind: int, payload: bytes = b"") -> bytes:
    return struct.pack(">BH", kind, len(payload)) + payload


class Pair:
    """A call, and the other end of its link, on which the test is Asterisk."""

    def __init__(self, *frames: bytes) -> None:
        near, self.far = socket.socketpair()
        self.far.settimeout(Guard().seconds)
        self.far.sendall(b"".join(frames))
        self.call = AudioSocket(near, start_timeout=Guard().seconds)

    def __enter__(self) -> Pair:
        try:
            self.call.__enter__()
        except BaseException:
            self.far.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.call.close()
        self.far.close()


BEGIN = frame(0x01, CALL.bytes)
END = frame(0x00)


# -- frames ----------------------------------------------------------------------------------------


def test_the_callers_sound_comes_bit_for_bit() -> None:
    with Pair(BEGIN, 3 * frame(0x10, SOUND), END) as pair:
        assert pair.call.uuid == CALL
        assert all_of(pair.call) == 3 * SOUND
        assert pair.call.ended_by == "stop"
        assert pair.call.stats == CallStats(received_ms=60)


@pytest.mark.parametrize(
    ("kind", "rate"),
    [
        (0x11, 12_000),
        (0x12, 16_000),
        (0x13, 24_000),
        (0x14, 32_000),
        (0x15, 44_100),
        (0x16, 48_000),
    ],
)
def test_other_rates_are_converted(kind: int, rate: int) -> None:
    """A tone stays the same tone."""
    seconds = np.arange(rate) / rate
    tone = (8000 * np.sin(2 * np.pi * 400 * seconds)).astype("<i2").tobytes()
    size = 2 * (rate // 50)
    pieces = [frame(kind, tone[at : at + size]) for at in range(0, len(tone), size)]
    with Pair(BEGIN, *pieces, END) as pair:
        heard = np.frombuffer(all_of(pair.call), "<i2").astype(float)
    assert 7400 < len(heard) <= 8000, "a filter holds its last samples back"
    spectrum = np.abs(np.fft.rfft(heard[:4000] * np.hanning(4000)))
    assert int(spectrum.argmax()) == 200, "400 Hz"


ODD: list[tuple[bytes, CallStats]] = [
    (frame(0x02, b"?"), CallStats(odd_messages=1)),
    (frame(0xFF, b"\x01"), CallStats(odd_messages=1)),
    (frame(0x10, SOUND[:-1]), CallStats(odd_messages=1)),
    (frame(0x03, b"12"), CallStats(odd_messages=1)),
    (frame(0x03, b""), CallStats(odd_messages=1)),
    (frame(0x01, CALL.bytes), CallStats(ignored_messages=1)),
    (frame(0x10, b""), CallStats()),
    (frame(0x7F, bytes(65_535)), CallStats(odd_messages=1)),
]


@pytest.mark.parametrize(("odd", "counted"), ODD, ids=range(len(ODD)))
def test_odd_frames_are_counted_and_the_call_goes_on(odd: bytes, counted: CallStats) -> None:
    with Pair(BEGIN, odd, frame(0x10, SOUND), END) as pair:
        assert all_of(pair.call) == SOUND
        assert pair.call.stats == evolve(counted, received_ms=20)


def test_what_comes_before_the_uuid_is_ignored() -> None:
    with Pair(frame(0x10, SOUND), BEGIN, END) as pair:
        assert all_of(pair.call) == b""
        assert pair.call.stats == CallStats(ignored_messages=1)


def test_a_uuid_of_another_length_is_refused() -> None:
    with (
        pytest.raises(RemoteProtocolError, match="has 4 bytes in place of 16"),
        Pair(frame(0x01, b"abcd")),
    ):
        pass


def test_a_call_that_does_not_say_which_it_is() -> None:
    near, far = socket.socketpair()
    far.settimeout(Guard().seconds)
    with far:
        call = AudioSocket(near, start_timeout=0.05)
        with pytest.raises(ConnectionClosedError, match="ask for uuid within"):
            call.uuid  # noqa: B018 -- the access is the test
        with pytest.raises(RealtimeTimeout, match=r"within 0\.05 s"), call:
            pass
        assert far.recv(100) == END, "it is hung up"


def test_keys_and_a_frame_that_is_cut() -> None:
    with Pair(BEGIN, frame(0x03, b"5"), frame(0x03, b"a"), frame(0x10, SOUND)[:100]) as pair:
        pair.far.shutdown(socket.SHUT_WR)
        assert [pair.call.read_digit(Guard().seconds) for _ in range(3)] == ["5", "A", None]
        assert pair.call.ended_by == "link"
        assert all_of(pair.call) == b""


def test_frames_of_20_ms_go_out_and_then_a_hang_up() -> None:
    with Pair(BEGIN) as pair:
        pair.call.sink.write(SOUND + SOUND[:100], item_id="a")
        assert pair.call.sink.drain(Guard().seconds)
        assert pair.call.sink.played_ms("a") == 26
        pair.call.close()
        stream = b"".join(iter(lambda: pair.far.recv(4096), b""))
    second = SOUND[:100].ljust(320, b"\0")
    assert stream == frame(0x10, SOUND) + frame(0x10, second) + END


def test_a_machine_that_has_vanished_is_noticed_and_no_frame_waits_for_another() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()),
    ):
        link, _ = listener.accept()
        call = AudioSocket(link)
        assert link.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert link.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        call.close()
        assert link.fileno() == -1, "a call that was never entered keeps nothing"


def test_what_is_no_socket_is_refused() -> None:
    with pytest.raises(ConfigError, match="takes a connected TCP socket, not 7"):
        AudioSocket(7)  # type: ignore[arg-type]
    with socket.socket() as closed, socket.socket(type=socket.SOCK_DGRAM) as udp:
        closed.close()
        for wrong in (closed, udp):
            with pytest.raises(ConfigError, match="takes a connected TCP socket, not <socket"):
                AudioSocket(wrong)


# -- the server ------------------------------------------------------------------------------------


def test_a_spoken_question_is_answered_and_an_interruption_falls_silent(ws_server: Server) -> None:
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def answer(call: AudioSocket) -> None:
        local = Local(url=ws_server.url, api_key=ws_server.key)
        with local.realtime.connect() as connection:
            session: Any = {"type": "realtime", "audio": {"input": ULAW, "output": ULAW}}
            connection.session.update(session=session)
            VoiceLoop(
                connection, call.source, call.sink, on_event=lambda e: answers.put((e, call))
            ).run()

    def wait_for(kind: str) -> Any:
        while True:
            event, call = Guard().get(answers, kind)
            if event.type == kind:
                return event, call

    with AudioSocketServer(answer, port=0) as server, AsteriskPhone(server.port) as phone:
        phone.say(question("story", hz=8_000))
        delta, call = wait_for("response.output_audio.delta")
        Guard().until(lambda: call.sink.played_ms(delta.item_id) > 500, "some of the story")
        phone.say(question("stop", hz=8_000))
        interrupted, _ = wait_for("voice.interrupted")
        assert isinstance(interrupted, Interrupted)
        truncated, _ = wait_for("conversation.item.truncated")
        assert truncated.audio_end_ms == call.sink.handed_ms(delta.item_id)
        heard = phone.heard()
        assert set(phone.sizes) == {320}
        first = decode_ulaw(b64decode(delta.delta))[:3200]
        assert first in heard, "bit for bit"
        phone.hang_up()
        phone.wait_for_end()
    assert call.ended_by == "stop"


def test_the_program_of_the_page_answers_a_call(
    ws_server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = python_blocks(REPOSITORY / "docs" / "telephony_calls.md")
    (program,) = [b.code for b in blocks if Path(__file__).name in (b.not_run or "")]
    names: dict[str, Any] = {"__name__": "program"}
    exec(program, names)
    names["client"] = Local(url=ws_server.url, api_key=ws_server.key)
    with serving(names["answer"]) as server, AsteriskPhone(server.port) as phone:
        phone.say(question("hello", hz=8_000))
        Guard().until(lambda: len(phone.sizes) > 20, "an answer")
        phone.hang_up()
        phone.wait_for_end()
        Guard().until(lambda: server.calls == 0, "the end of the call")
    assert capsys.readouterr().out == f"{CALL} ended by stop\n"


def serving(handler: Callable[[AudioSocket], object], **options: Any) -> AudioSocketServer:
    return AudioSocketServer(handler, port=0, **options)


def test_each_call_has_its_own_thread_and_is_hung_up_when_its_handler_returns() -> None:
    both = threading.Barrier(2)

    def answer(call: AudioSocket) -> None:
        both.wait(Guard().seconds)

    with (
        serving(answer) as server,
        AsteriskPhone(server.port) as a,
        AsteriskPhone(server.port) as b,
    ):
        a.wait_for_end()
        b.wait_for_end()
        Guard().until(lambda: server.calls == 0, "the end of the calls")
    assert (a.hung_up, b.hung_up) == (True, True)


def test_what_a_handler_raises_ends_its_call_alone(caplog: pytest.LogCaptureFixture) -> None:
    def answer(call: AudioSocket) -> None:
        raise ValueError(str(call.read_digit(Guard().seconds)))

    with serving(answer) as server, AsteriskPhone(server.port) as other:
        with AsteriskPhone(server.port) as phone:
            phone.press("7")
            phone.wait_for_end()
        # The link ends before that is logged.
        Guard().until(lambda: "ValueError: 7" in caplog.text, "the failure")
        other.press("8")
        Guard().until(lambda: "ValueError: 8" in caplog.text, "the other failure")


def test_one_call_too_many_is_hung_up(caplog: pytest.LogCaptureFixture) -> None:
    begun = threading.Event()

    def answer(call: AudioSocket) -> None:
        begun.set()
        call.wait_ended(Guard().seconds)

    with serving(answer, max_calls=1) as server, AsteriskPhone(server.port) as first:
        Guard().wait(begun, "the first call")
        with AsteriskPhone(server.port) as second:
            second.wait_for_end()
        assert (server.calls, server.refused) == (1, 1)
        assert not first.hung_up
        first.hang_up()
        Guard().until(lambda: server.calls == 0, "the end of the first")
    assert "there are 1, as max_calls says" in caplog.text


def test_without_descriptors_a_call_is_hung_up_and_the_next_one_taken(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> Any:
        monkeypatch.undo()
        raise OSError(errno.EMFILE, "Too many open files")

    with serving(lambda call: None) as server:
        monkeypatch.setattr(socket, "socketpair", fail)  # of which a call takes one
        with AsteriskPhone(server.port) as first:
            first.wait_for_end()
        with AsteriskPhone(server.port) as second:
            second.wait_for_end()
    assert (first.hung_up, second.hung_up) == (False, True)
    assert "a call could not be accepted: [Errno 24] Too many open files" in caplog.text


def test_a_silent_connection_is_hung_up(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.WARNING),
        serving(lambda call: None, start_timeout=0.05) as server,
        AsteriskPhone(server.port, uuid=False) as phone,
    ):
        phone.wait_for_end()
        Guard().until(lambda: server.calls == 0, "the end")
    assert "no call began was hung up: the call did not begin within 0.05 s" in caplog.text
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_closing_the_server_ends_its_calls() -> None:
    ended: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def answer(call: AudioSocket) -> None:
        call.wait_ended(Guard().seconds)
        ended.put(call.ended_by)

    with serving(answer) as server, AsteriskPhone(server.port) as phone:
        Guard().until(lambda: server.calls == 1, "the call")
        assert not server.wait(0)
        Guard().until(lambda: any("phone-pacer" in t.name for t in threading.enumerate()), "call")
        server.close()
        assert server.wait(0)
        assert Guard().get(ended, "the end of the handler") == "closed"
        phone.wait_for_end()
        assert phone.hung_up


def test_draining_takes_no_more_and_lets_calls_end() -> None:
    begun = threading.Event()

    def answer(call: AudioSocket) -> None:
        begun.set()
        assert call.read_digit(Guard().seconds) == "5"

    with serving(answer) as server, AsteriskPhone(server.port) as phone:
        Guard().wait(begun, "the call")
        assert not server.drain(0.6)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port))
        assert (server.calls, phone.hung_up) == (1, False)
        phone.press("5")
        assert server.drain(Guard().seconds)
        phone.wait_for_end()
        assert (server.calls, phone.hung_up, server.wait(0)) == (0, True, False)


def test_a_port_that_is_taken() -> None:
    with (
        serving(print) as server,
        pytest.raises(ConnectError, match=r"can't listen at 127\.0\.0\.1"),
    ):
        AudioSocketServer(print, port=server.port).start()


def test_a_server_is_started_once() -> None:
    with serving(print) as server:
        taken = AudioSocketServer(print, port=server.port)
        for _ in range(2):
            with pytest.raises(ConnectError):
                taken.start()  # which was none
        with pytest.raises(ConcurrencyError, match="started or closed before; make a new one"):
            server.start()
    for ended in (server, taken):
        ended.close()
        with pytest.raises(ConcurrencyError, match="started or closed before; make a new one"):
            ended.start()


def test_an_address_that_is_no_address_of_this_machine() -> None:
    with pytest.raises(ConnectError, match=r"no\.invalid:0 .*: give an address of this machine"):
        AudioSocketServer(print, host="no.invalid", port=0).start()


def test_calls_by_ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with AudioSocketServer(print, host="::1", port=0) as server:
        socket.create_connection(("::1", server.port)).close()


@pytest.mark.parametrize(
    "options",
    [
        {"handler": 7},
        {"port": 65_536},
        {"max_calls": 0},
        {"host": 7},
        {"host": "127.0.0.1\0"},
        {"host": "é" * 70},
        {"start_timeout": -1},
        {"send_timeout": 0},
        {"silence_timeout": "30"},
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        AudioSocketServer(**{"handler": print, **options})
