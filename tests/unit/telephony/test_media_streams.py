"""A call of Twilio's over a WebSocket in memory: its start, its messages and its ends."""

from __future__ import annotations

import copy
import logging
import queue
import threading
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from guards import Guard
from twilio_socket import SID, SPEECH, Socket, all_of, started

from realtime_sync.audio import encode_ulaw
from realtime_sync.errors import (
    ConcurrencyError,
    ConfigError,
    ConnectionClosedError,
    RealtimeTimeout,
    RemoteProtocolError,
    TransportError,
)
from realtime_sync.telephony import CallStats, MediaStreams, phone_call

# -- the start -------------------------------------------------------------------------------------


def test_the_call_is_known_when_it_is_entered() -> None:
    socket = started(accountSid="AC1", customParameters={"language": "de"})
    with MediaStreams(socket) as call:
        assert (call.start.stream_sid, call.start.call_sid) == (SID, "CA1")
        assert (call.start.account_sid, call.start.custom_parameters["language"]) == ("AC1", "de")
        assert call.ended_by is None


def test_before_that_there_is_nothing_to_know() -> None:
    call = MediaStreams(Socket())
    with pytest.raises(ConnectionClosedError, match="has not begun; ask for start within"):
        call.start  # noqa: B018 -- the access is the test


def test_a_start_that_does_not_come_is_not_waited_for_for_ever() -> None:
    socket = Socket()
    socket.say("connected")
    call = MediaStreams(socket, start_timeout=0.05)
    with pytest.raises(RealtimeTimeout, match=r"did not begin within 0\.05 s"), call:
        pass
    assert call.ended_by == "closed"


def test_a_link_that_is_over_before_the_start() -> None:
    socket = Socket()
    socket.close()
    with pytest.raises(TransportError, match="was over before it had begun"):
        MediaStreams(socket).__enter__()


def test_a_start_that_nobody_can_speak_is_told_at_once() -> None:
    socket = started(mediaFormat={"encoding": "audio/l16", "sampleRate": 16000, "channels": 1})
    with pytest.raises(RemoteProtocolError, match="audio/l16"):
        MediaStreams(socket).__enter__()


def test_a_call_is_entered_once_and_not_copied() -> None:
    with MediaStreams(started()) as call:
        with pytest.raises(ConcurrencyError, match="entered once"):
            call.__enter__()
        assert call.ended_by is None, "it goes on"
        with pytest.raises(ConcurrencyError, match="can't be copied"):
            copy.copy(call)


@pytest.mark.parametrize(
    "options",
    [
        {"lead_ms": 2000},
        {"start_timeout": -1},
        {"socket": 7},
        {"send_timeout": 0},
        {"send_timeout": "soon"},
        {"silence_timeout": True},
        {"silence_timeout": 30},  # on a socket without a timeout
    ],
)
def test_wrong_values_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        MediaStreams(**{"socket": Socket(), **options})


# -- what comes ------------------------------------------------------------------------------------


def test_the_callers_sound_comes_bit_for_bit() -> None:
    socket = started()
    for chunk in range(1, 4):
        socket.media(chunk)
    socket.say("stop", {})
    with MediaStreams(socket) as call:
        assert all_of(call) == 3 * SPEECH
        assert encode_ulaw(SPEECH) == bytes(range(1, 126)) + bytes(range(128, 163))
        assert call.ended_by == "stop"
        assert call.stats == CallStats(received_ms=60)


ODD: list[tuple[Callable[[Socket], object], CallStats]] = [
    (lambda s: s.incoming.put("no JSON"), CallStats(odd_messages=1)),
    (lambda s: s.incoming.put("[" * 60_000), CallStats(odd_messages=1)),
    (lambda s: s.incoming.put('{"media":' * 7_000), CallStats(odd_messages=1)),
    (lambda s: s.say("closed"), CallStats(odd_messages=1)),
    (lambda s: s.say("media", {"payload": "no base64!"}), CallStats(odd_messages=1)),
    (lambda s: s.say("dtmf", {"digit": "?"}), CallStats(odd_messages=1)),
    (lambda s: s.start(callSid="CA2"), CallStats(ignored_messages=1)),
    (lambda s: s.media(7, streamSid="MZ2"), CallStats(ignored_messages=1)),
    (lambda s: s.say("stop", {}, streamSid="MZ2"), CallStats(ignored_messages=1)),
    (lambda s: s.say("mark", {"name": "0.1"}, streamSid="MZ2"), CallStats(ignored_messages=1)),
    (
        lambda s: s.say("media", {"track": "outbound", "chunk": "7", "payload": "/w=="}),
        CallStats(ignored_messages=1),
    ),
    (lambda s: s.say("mark", {"name": "nobody's"}), CallStats(stale_marks=1)),
    (lambda s: s.media(1), CallStats(repeated_chunks=1)),
    (lambda s: s.media(2, b""), CallStats()),
    (lambda s: s.say("connected"), CallStats()),
]


@pytest.mark.parametrize(("happens", "counted"), ODD, ids=range(len(ODD)))
def test_odd_messages_are_counted_and_the_call_goes_on(
    happens: Callable[[Socket], object], counted: CallStats
) -> None:
    socket = started()
    socket.media(1)
    happens(socket)
    socket.media(3 if counted == CallStats() else 2)
    socket.say("stop", {})
    with MediaStreams(socket) as call:
        assert all_of(call) == 2 * SPEECH
        found = evolve(call.stats, missed_chunks=0)
    assert found == evolve(counted, received_ms=40)


def test_what_comes_before_the_start_is_ignored() -> None:
    socket = Socket()
    socket.media(1)
    socket.say("stop", {})
    socket.start()
    socket.media(2)
    socket.say("stop", {})
    with MediaStreams(socket) as call:
        assert all_of(call) == SPEECH
        assert call.stats.ignored_messages == 2


def test_missing_chunks_are_counted_and_their_time_is_not_filled() -> None:
    socket = started()
    for chunk in (5, 6, 10, 9, 11):
        socket.media(chunk)
    socket.say("stop", {})
    with MediaStreams(socket) as call:
        assert all_of(call) == 4 * SPEECH
        assert (call.stats.missed_chunks, call.stats.repeated_chunks) == (3, 1)


def test_only_the_first_odd_message_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    socket = started()
    for _ in range(3):
        socket.incoming.put("no JSON")
        socket.media(1, streamSid="MZ2")
    socket.say("stop", {})
    with caplog.at_level(logging.WARNING), MediaStreams(socket) as call:
        all_of(call)
    assert [record.message for record in caplog.records] == [
        "a message of a call is left out: 'no JSON' is no JSON of Twilio's",
        "a message of a call is ignored: Media is of no stream that has begun",
    ]


# -- keys ------------------------------------------------------------------------------------------


def test_keys_come_in_order_and_then_none() -> None:
    socket = started()
    for digit in "1#a":
        socket.say("dtmf", {"digit": digit})
    socket.say("stop", {})
    with MediaStreams(socket) as call:
        assert [call.read_digit(Guard().seconds) for _ in range(5)] == ["1", "#", "A", None, None]


def test_a_thousand_keys_wait_and_further_ones_are_counted() -> None:
    socket = started()
    for number in range(1003):
        socket.say("dtmf", {"digit": str(number % 10)})
    socket.say("stop", {})
    with MediaStreams(socket) as call:
        assert call.wait_ended(Guard().seconds)
        assert call.stats.ignored_messages == 3
        keys = [call.read_digit(Guard().seconds) for _ in range(1001)]
    assert keys == [*(str(number % 10) for number in range(1000)), None]


def test_a_key_that_is_not_pressed_is_a_timeout() -> None:
    with (
        MediaStreams(started()) as call,
        pytest.raises(RealtimeTimeout, match=r"pressed no key within 0\.01 s"),
    ):
        call.read_digit(timeout=0.01)


def test_a_handler_gets_every_key_whatever_it_raises(
    guard: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    socket = started()
    got: queue.SimpleQueue[str] = queue.SimpleQueue()

    def handle(digit: str) -> None:
        got.put(digit)
        raise ValueError(digit)

    with MediaStreams(socket) as call:
        call.on_digit(handle)
        for digit in "12":
            socket.say("dtmf", {"digit": digit})
        assert [guard.get(got, "a key") for _ in range(2)] == ["1", "2"]
        with pytest.raises(ConcurrencyError, match=r"on_digit\(\) takes this call's keys"):
            call.read_digit(guard.seconds)
        with pytest.raises(ConcurrencyError, match=r"call on_digit\(\) once"):
            call.on_digit(print)
    assert caplog.text.count("the handler of a call's keys has failed") == 2


def test_a_handler_may_hang_up(guard: Guard) -> None:
    socket = started()
    with MediaStreams(socket) as call:
        call.on_digit(lambda digit: call.close())
        socket.say("dtmf", {"digit": "0"})
        assert call.wait_ended(guard.seconds)
        assert call.ended_by == "closed"


def test_a_handler_that_is_none_is_refused() -> None:
    call = MediaStreams(Socket())
    with pytest.raises(ConfigError, match="handler must be a function"):
        call.on_digit("1")  # type: ignore[arg-type]


# -- what goes out ---------------------------------------------------------------------------------


def test_frames_go_out_with_marks_and_come_back(guard: Guard) -> None:
    socket = started()
    with MediaStreams(socket) as call:
        call.sink.write(SPEECH + SPEECH, item_id="a")
        call.sink.flush()
        for number in (1, 2):
            sent = guard.get(socket.sent, "a frame")
            payload = b64encode(encode_ulaw(SPEECH)).decode()
            assert sent == {"event": "media", "streamSid": SID, "media": {"payload": payload}}
            mark = guard.get(socket.sent, "a mark")
            assert mark == {"event": "mark", "streamSid": SID, "mark": {"name": f"0.{number}"}}
            assert not call.sink.drain(0)
            socket.say("mark", mark["mark"])
        assert call.sink.drain(guard.seconds)
        assert call.sink.played_ms("a") == 40
        assert call.stats == CallStats(sent_ms=40)


def test_an_interruption_sends_a_clear(guard: Guard) -> None:
    socket = started()
    with MediaStreams(socket) as call:
        call.sink.write(50 * SPEECH, item_id="a")
        guard.get(socket.sent, "a frame")
        call.sink.clear()
        guard.until(lambda: guard.get(socket.sent, "a clear")["event"] == "clear", "a clear")
        assert call.sink.handed_ms("a") == 0


def test_keys_are_sent_as_tones() -> None:
    with MediaStreams(started()) as call:
        call.send_digits("12", tone_ms=80, gap_ms=40)
        with pytest.raises(ConfigError, match="no keys of a telephone"):
            call.send_digits("hello")
        assert call.sink.drain(0) is False


# -- the end ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["stop", "link", "closed"])
def test_however_it_ends_nobody_waits_and_it_says_why(way: str, guard: Guard) -> None:
    socket = started()
    with MediaStreams(socket) as call:
        heard: list[bytes] = []
        hearing = threading.Thread(target=lambda: heard.extend(call.source))
        hearing.start()
        call.sink.write(50 * SPEECH)
        if way == "stop":
            socket.say("stop", {})
        elif way == "link":
            socket.close()
        else:
            call.close()
        guard.join(hearing)
        assert call.wait_ended(guard.seconds)
        assert call.sink.drain(guard.seconds)
        assert call.read_digit(guard.seconds) is None
        call.sink.write(SPEECH)
        assert call.stats.lost_ms == 20
    assert call.ended_by == way


def test_hanging_up_twice_keeps_the_first_reason() -> None:
    socket = started()
    with MediaStreams(socket) as call:
        call.close()
        call.close()
        socket.say("stop", {})
    assert call.ended_by == "closed"


def test_closing_the_source_does_not_hang_up(guard: Guard) -> None:
    socket = started()
    with MediaStreams(socket) as call:
        call.source.close()
        assert all_of(call) == b""
        assert not call.wait_ended(0)
        call.sink.write(SPEECH)
        call.sink.flush()
        guard.get(socket.sent, "a frame of the goodbye")


def test_a_far_end_that_takes_nothing_more_may_still_say_why(
    guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that sends sees the broken link first; the ``stop`` has come before it broke."""
    monkeypatch.setattr(phone_call, "_LAST_WORDS_S", guard.seconds)
    socket = started()
    with MediaStreams(socket) as call:
        socket.broken = True
        call.sink.write(SPEECH)
        call.sink.flush()
        guard.until(lambda: call.stats.sent_ms, "the frame that fails")
        socket.say("stop", {})
        assert call.wait_ended(guard.seconds)
        assert call.ended_by == "stop"


def test_a_link_that_breaks_in_one_direction_is_an_end(
    guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phone_call, "_LAST_WORDS_S", 0.05)
    socket = started()
    with MediaStreams(socket) as call:
        socket.broken = True
        call.sink.write(SPEECH)
        call.sink.flush()
        assert call.wait_ended(guard.seconds)
        assert call.ended_by == "link"
