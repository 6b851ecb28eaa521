"""The messages between the speech service and its workers: a JSON header and some bytes.

On the wire: two big-endian uint32 (the lengths of header and payload), the header, the payload.
"""

from __future__ import annotations

import json
import struct
from typing import IO, TYPE_CHECKING

from ..._types import JsonDict

if TYPE_CHECKING:
    import asyncio

__all__ = ["Message", "check_answer", "pack", "read_message", "receive_message"]

Message = tuple[JsonDict, bytes]

_LENGTHS = struct.Struct("!II")

# An answer has a few words and at most a portion's sound. What is longer is none, and reading it
# would fill the server's memory.
_LONGEST_BYTES = 16 * 1024 * 1024

# What a worker sends for a job, and the fields that its header has then.
_ANSWERS: dict[str, dict[str, type]] = {
    "begun": {"id": int},
    "piece": {"id": int, "text": str},
    "done": {"id": int},
    "error": {"id": int, "kind": str, "message": str},
}


def pack(header: JsonDict, payload: bytes = b"") -> bytes:
    """Return the wire form of one message."""
    head = json.dumps(header, separators=(",", ":")).encode()
    return _LENGTHS.pack(len(head), len(payload)) + head + payload


def read_message(stream: IO[bytes]) -> Message:
    """Block until the next message of ``stream`` is there.

    Raises:
        EOFError: the stream ended.
    """
    head_bytes, payload_bytes = _LENGTHS.unpack(_read_exactly(stream, _LENGTHS.size))
    header: JsonDict = json.loads(_read_exactly(stream, head_bytes))
    return header, _read_exactly(stream, payload_bytes)


def _read_exactly(stream: IO[bytes], count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


async def receive_message(stream: asyncio.StreamReader) -> Message:
    """Await the next message of ``stream``.

    Raises:
        EOFError: the stream ended (`asyncio.IncompleteReadError` is one).
        ValueError: this is no message.
    """
    lengths = _LENGTHS.unpack(await stream.readexactly(_LENGTHS.size))
    if max(lengths) > _LONGEST_BYTES:
        raise ValueError(f"{max(lengths)} bytes long")
    header = json.loads(await stream.readexactly(lengths[0]))
    if not isinstance(header, dict) or not isinstance(header.get("event"), str):
        raise ValueError("no event")
    return header, await stream.readexactly(lengths[1])


def check_answer(header: JsonDict) -> None:
    """See that ``header`` is one of a job's.

    Raises:
        ValueError: it is not.
    """
    event = header["event"]
    fields = _ANSWERS.get(event)
    if fields is None:
        raise ValueError(f"event {event!r:.40}")
    for name, kind in fields.items():
        if not isinstance(header.get(name), kind):
            raise ValueError(f"event {event!r} without {name!r}")
