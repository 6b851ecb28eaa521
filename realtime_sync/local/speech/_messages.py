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

__all__ = ["Message", "pack", "read_message", "receive_message"]

Message = tuple[JsonDict, bytes]

_LENGTHS = struct.Struct("!II")


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
    """
    head_bytes, payload_bytes = _LENGTHS.unpack(await stream.readexactly(_LENGTHS.size))
    header: JsonDict = json.loads(await stream.readexactly(head_bytes))
    return header, await stream.readexactly(payload_bytes)
