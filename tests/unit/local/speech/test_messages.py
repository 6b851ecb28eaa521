from __future__ import annotations

import asyncio
import io
import struct
from typing import Any

import pytest

from realtime_sync.local.speech._messages import (
    Message,
    check_answer,
    pack,
    read_message,
    receive_message,
)


def received(data: bytes) -> Message:
    async def receive() -> Message:
        stream = asyncio.StreamReader()
        stream.feed_data(data)
        stream.feed_eof()
        return await receive_message(stream)

    return asyncio.run(receive())


def test_both_ends_read_what_is_packed() -> None:
    message = ({"event": "piece", "id": 3, "text": "Grüße"}, b"\0\1")
    assert received(pack(*message)) == message
    assert read_message(io.BytesIO(pack(*message))) == message


@pytest.mark.parametrize("cut", [1, 8, 12, 40])
def test_the_end_in_the_middle(cut: int) -> None:
    data = pack({"event": "piece", "id": 3, "text": ""}, b"\0\1")[:cut]
    with pytest.raises(EOFError):
        received(data)
    with pytest.raises(EOFError):
        read_message(io.BytesIO(data))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"Segmentation fault\n", "bytes long"),
        (struct.pack("!II", 16 << 20, (16 << 20) + 1), "16777217 bytes long"),
        (struct.pack("!II", 3, 0) + b"{]}", "property name"),
        (struct.pack("!II", 1, 0) + b"\xff", "can't decode"),
        (struct.pack("!II", 2, 0) + b"[]", "no event"),
        (pack({"event": 1}), "no event"),
    ],
)
def test_what_is_no_message(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        received(data)


@pytest.mark.parametrize(
    "header",
    [
        {"event": "piece", "id": 1, "text": ""},
        {"event": "done", "id": 1},
        {"event": "error", "id": 1, "kind": "", "message": "no"},
    ],
)
def test_an_answer_has_all_its_fields(header: dict[str, Any]) -> None:
    check_answer(header)
    for name in header.keys() - {"event"}:
        with pytest.raises(ValueError, match=f"without '{name}'"):
            check_answer({key: value for key, value in header.items() if key != name})
    with pytest.raises(ValueError, match="without 'id'"):
        check_answer({**header, "id": "1"})


def test_an_unknown_answer() -> None:
    with pytest.raises(ValueError, match="event 'ready'"):
        check_answer({"event": "ready", "pid": 1})
