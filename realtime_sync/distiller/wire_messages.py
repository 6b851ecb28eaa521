"""The messages of the Distiller's WebSocket as values; no I/O.

Source: the published ``airefinery-sdk``, 1.33. No message has an id, and settings stand in the
project's YAML alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .._codec import decode_base64
from .._required import require_object
from .._types import JsonDict
from ..errors import ConfigError, RemoteProtocolError
from ..events.json_writer import write_json
from ..events.wire_values import as_object, as_text

__all__ = ["PONG", "DistillerEvent", "client_message", "decode_message", "is_agent_call"]

# What any message may have besides what it says; the SDK gives None or an empty default for what
# did not come, and its users' programs look fields up without asking.
_KNOWN = frozenset(
    {
        "audio", "chart_response", "chart_type", "content", "delta", "image", "kwargs", "metadata",
        "request_id", "role", "session_id", "status", "table_columns", "table_data", "text",
        "timestamp", "title", "type", "uuid_timestamp", "video",
    }
)  # fmt: skip


class DistillerEvent(Mapping[str, Any]):
    """A message of the Distiller: a dict under the wire's own names that can't be changed.

    What the server sends is kept as it came: unknown types, unknown fields, nulls. Looking up a
    field that the protocol has and this message has not gives None, so a loop may compare
    ``event["type"]`` of every message; iteration, ``in`` and `get` see only what came. The
    attributes are for type checkers: each is None also where the server sent another type than the
    protocol's.

    Args:
        fields: the decoded message.

    Attributes:
        response_number: how many responses of the session had begun when it came, its own included.

    Example:
        >>> event = DistillerEvent({"type": "response.text.delta", "role": "Tutor", "content": "A"})
        >>> event["type"], event.type, event.role, event.content, event["audio"]
        ('response.text.delta', 'response.text.delta', 'Tutor', 'A', None)
        >>> print(event)
        {'type': 'response.text.delta', 'role': 'Tutor', 'content': 'A'}
    """

    __slots__ = ("_fields", "response_number")

    def __init__(self, fields: Mapping[str, Any]) -> None:
        require_object(fields, "the fields of a message", error=ConfigError)
        self._fields = dict(fields)
        self.response_number = 0

    def __getitem__(self, name: str) -> Any:
        value = self._fields.get(name)
        if value is None and name not in self._fields and name not in _KNOWN:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field, or ``default`` where it did not come."""
        return self._fields.get(name, default) if isinstance(name, str) else default

    def __repr__(self) -> str:
        return repr(self._fields)

    @property
    def type(self) -> str:
        """What kind of message it is; ``""`` for one that does not say."""
        return as_text(self._fields.get("type")) or ""

    @property
    def role(self) -> str | None:
        """The name of the agent that speaks."""
        return as_text(self._fields.get("role"))

    @property
    def content(self) -> str | None:
        """The words of a ``response.text.delta``."""
        return as_text(self._fields.get("content"))

    @property
    def delta(self) -> str | None:
        """The words of a ``response.audio_transcript.delta``: what the user says."""
        return as_text(self._fields.get("delta"))

    @property
    def text(self) -> str | None:
        """The words of a ``response.audio_transcript.done``: all that the user has said."""
        return as_text(self._fields.get("text"))

    @property
    def audio(self) -> str | None:
        """The sound of a ``response.audio.delta``, in base64; `pcm` has it decoded."""
        return as_text(self._fields.get("audio"))

    @property
    def status(self) -> str | None:
        """How far an agent is, where a message tells."""
        return as_text(self._fields.get("status"))

    @property
    def request_id(self) -> str | None:
        """Of which request a message is part, where it tells."""
        return as_text(self._fields.get("request_id"))

    @property
    def pcm(self) -> bytes:
        """The sound of this message: int16 mono, little-endian, at the rate of the project's YAML.

        Raises:
            RemoteProtocolError: it is not base64.
        """
        try:
            return decode_base64(self.audio or "")
        except ValueError as exc:
            raise RemoteProtocolError(f"the sound of a {self.type} is not base64: {exc}") from exc

    @property
    def vad_enabled(self) -> bool:
        """Of a ``session.created``: whether the server hears the user while an agent speaks."""
        return as_object(self._fields.get("capabilities")).get("vad_enabled") is True


def decode_message(text: str) -> DistillerEvent:
    """Return the event in a message of the server's.

    Raises:
        RemoteProtocolError: it is no JSON object.
    """
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise RemoteProtocolError(f"the server sent a message that is not JSON: {exc}") from exc
    if not isinstance(fields, dict):
        raise RemoteProtocolError(f"the server sent {text[:80]!r} where the protocol has an object")
    return DistillerEvent(fields)


def is_agent_call(event: DistillerEvent) -> bool:
    """Whether the server asks an agent that runs in this program, and waits for the answer."""
    return event.status == "wait"


def client_message(type: str, **fields: Any) -> str:
    """Return the text of a message of the client's.

    Raises:
        LocalProtocolError: something in it is no Unicode text.

    Example:
        >>> client_message("input_text", text="Hello")
        '{"type":"input_text","text":"Hello"}'
    """
    message: JsonDict = {"type": type, **fields}
    return write_json(message, type)


PONG = client_message("PONG")
