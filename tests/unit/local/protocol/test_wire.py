from __future__ import annotations

import json

import pytest
from bench import Bench

from realtime_sync.local.protocol.wire import fault


def test_an_error_leaves_out_the_middle_of_what_is_too_long() -> None:
    whole = "Begin. " + "x" * 1_990 + "End"
    assert len(whole) == 2_000
    assert fault(whole, param="p" * 500).message == whole
    assert fault(whole, param="p" * 500).param == "p" * 500
    assert fault("").param is None
    error = fault("Begin. " + "x" * 10_000_000 + " End.", param="a." + "b" * 10_000_000 + ".c")
    assert error.message.startswith("Begin. xxx")
    assert error.message.endswith("xxx End.")
    assert len(error.message) == 2_000
    assert error.param is not None
    assert error.param.startswith("a.bbb")
    assert error.param.endswith("bbb.c")
    assert len(error.param) == 500


@pytest.mark.parametrize(
    "request_",
    [
        {"type": "LONG"},
        {"type": "input_audio_buffer.clear", "LONG": 1},
        {"type": "session.update", "session": {"type": "realtime", "LONG": 1}},
        {"type": "conversation.item.delete", "item_id": "LONG"},
        {"type": "conversation.item.create", "item": {"type": "LONG"}},
        {"type": "response.cancel", "response_id": "LONG"},
        {"type": "response.create", "event_id": "LONG"},
        {"event_id": "LONG"},
    ],
)
def test_what_is_wrong_does_not_come_back_whole(request_: dict[str, object]) -> None:
    long = json.dumps(request_).replace("LONG", "\\u00e9" * 1_000_000)
    (event,) = Bench().send_raw(json.loads(long))
    assert event["type"] == "error"
    assert len(json.dumps(event)) < 20_000


def test_an_event_is_named_by_its_id() -> None:
    for size, shown in ((512, True), (513, False)):
        (event,) = Bench().send_raw({"type": "x", "event_id": "e" * size})
        assert event["error"]["event_id"] == ("e" * size if shown else None)
