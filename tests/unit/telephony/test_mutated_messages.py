"""Whatever Twilio sends is at most one message that is left out, and the call goes on."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from mutations import all_odd_versions
from twilio_socket import SID, SPEECH, Socket, all_of, started

from realtime_sync.errors import RealtimeTimeout, RemoteProtocolError
from realtime_sync.telephony import CallStats, MediaStreams

START = {
    "accountSid": "AC1",
    "streamSid": SID,
    "callSid": "CA1",
    "tracks": ["inbound"],
    "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
    "customParameters": {"language": "de"},
}
BODIES: dict[str, dict[str, Any]] = {
    "connected": {},
    "start": START,
    "media": {"track": "inbound", "chunk": "2", "timestamp": "20", "payload": "/w=="},
    "dtmf": {"track": "inbound_track", "digit": "1"},
    "mark": {"name": "0.1"},
    "stop": {"accountSid": "AC1", "callSid": "CA1"},
}


def message(event: str) -> dict[str, Any]:
    return {"event": event, "sequenceNumber": "7", "streamSid": SID, event: BODIES[event]}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("event", [event for event in BODIES if event != "stop"])
def test_no_odd_message_ends_a_call(event: str) -> None:
    socket = started()
    texts = all_odd_versions(message(event))
    for text in texts:
        socket.incoming.put(text)
        socket.incoming.put(text[: len(text) // 2])  # half of its JSON
    socket.say("stop", {})
    with MediaStreams(socket) as call:
        assert call.wait_ended(30)
        assert call.ended_by == "stop"
        stats = call.stats
    assert stats.odd_messages >= len(texts), "the halves at least"
    print(f"{len(texts)} mutations, {stats}")


def test_a_stop_ends_the_call_or_is_left_out() -> None:
    ends = []
    for text in all_odd_versions(message("stop")):
        socket = started()
        socket.incoming.put(text)
        socket.close()
        with MediaStreams(socket) as call:
            assert call.wait_ended(30)
            ends.append(call.ended_by)
    assert set(ends) == {"stop", "link"}


def test_a_start_begins_a_call_or_is_refused() -> None:
    ends = []
    for text in all_odd_versions(message("start")):
        socket = Socket()
        socket.incoming.put(text)
        socket.start(streamSid="the second", callSid="CA2")
        try:
            with MediaStreams(socket) as call:
                ends.append(call.start.call_sid != "CA2")
                assert call.start.stream_sid
        except RemoteProtocolError as exc:
            ends.append("mediaFormat" in str(exc) or "streamSid" in str(exc))
    assert True in ends
    print(f"{ends.count(False)} of {len(ends)} are left out, and the next start is taken")


@pytest.mark.parametrize("wrong", ["9" * 15, 9_999_999, 3_004])
def test_a_wrong_number_of_a_piece_mutes_nobody(wrong: str | int) -> None:
    """Else all that follow would be repetitions, and the caller would never be heard again."""
    socket = started()
    socket.media(1)
    socket.media(2)
    socket.say("media", {"chunk": wrong, "payload": "/w=="})
    for chunk in range(3, 6):
        socket.media(chunk)
    socket.say("stop", {})
    with MediaStreams(socket) as call:
        assert all_of(call).endswith(3 * SPEECH)
        assert call.stats == CallStats(received_ms=100, odd_messages=2)


def test_a_gap_of_a_minute_and_a_repetition_after_a_second_are_none_of_that() -> None:
    socket = started()
    for chunk in (1, 3_002, 2_953):
        socket.media(chunk)
    socket.say("stop", {})
    with MediaStreams(socket) as call:
        assert all_of(call) == 2 * SPEECH
        stats = call.stats
    assert (stats.missed_chunks, stats.repeated_chunks, stats.odd_messages) == (3_000, 1, 0)


def test_what_is_older_than_a_second_is_a_new_numbering() -> None:
    socket = started()
    for chunk in (100, 50, 51):
        socket.media(chunk)
    socket.say("stop", {})
    with MediaStreams(socket) as call:
        assert all_of(call) == 3 * SPEECH
        assert call.stats == CallStats(received_ms=60, odd_messages=1)


def test_of_a_minute_of_sound_in_one_message_two_seconds_are_kept() -> None:
    socket = started()
    socket.media(1, bytes(16 * 60_000))
    socket.media(2)
    socket.say("stop", {})
    with MediaStreams(socket) as call:
        assert call.wait_ended(30)
        heard = all_of(call)
        assert (len(heard), heard[-len(SPEECH) :]) == (16 * 2_000, SPEECH)
        assert call.stats == CallStats(received_ms=60_020, dropped_ms=58_020)


def test_messages_without_end_hold_up_no_start() -> None:
    """Only ``start`` begins a call; what comes in its place again and again begins none."""
    socket = Socket()
    for _ in range(5_000):
        socket.incoming.put(json.dumps({"event": "connected"}))
    with (
        pytest.raises(RealtimeTimeout, match="did not begin within"),
        MediaStreams(socket, start_timeout=0.05),
    ):
        pass
