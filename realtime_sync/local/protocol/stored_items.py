"""Conversation items: what a client may put in, and how they look on the wire."""

from __future__ import annotations

import base64
from typing import Any, Literal

from attrs import define, field
from pydantic import BaseModel, Field

from ..._types import JsonDict
from .spoken import SpokenWords
from .validation import Strict, check, wrong_type
from .wire import fault, new_id
from .wire_formats import WireFormat, decode_base64

__all__ = ["StoredItem", "StoredPart", "parse_item"]


class _Common(Strict):
    id: str | None = Field(default=None, min_length=1, max_length=32)  # the provider's limit
    object: Literal["realtime.item"] | None = None
    status: Literal["completed", "incomplete", "in_progress"] | None = None


class _InputText(Strict):
    type: Literal["input_text"]
    text: str


class _InputAudio(Strict):
    type: Literal["input_audio"]
    audio: str
    transcript: str | None = None


class _InputImage(Strict):
    type: Literal["input_image"]
    image_url: str
    detail: Literal["auto", "low", "high"] | None = None


class _OutputText(Strict):
    type: Literal["output_text"]
    text: str


class _Message(_Common):
    type: Literal["message"]
    role: str
    content: list[dict[str, Any]] = Field(max_length=1_000)  # each costs some 20 µs


class _FunctionCall(_Common):
    type: Literal["function_call"]
    name: str = Field(min_length=1)
    arguments: str
    call_id: str | None = Field(default=None, min_length=1, max_length=32)


class _FunctionCallOutput(_Common):
    type: Literal["function_call_output"]
    call_id: str = Field(min_length=1, max_length=32)
    output: str


class _McpApprovalResponse(_Common):
    type: Literal["mcp_approval_response"]
    approval_request_id: str
    approve: bool
    reason: str | None = None


class _McpApprovalRequest(_Common):
    type: Literal["mcp_approval_request"]
    server_label: str
    name: str
    arguments: str


class _McpListTools(_Common):
    type: Literal["mcp_list_tools"]
    server_label: str
    tools: list[dict[str, Any]]


class _McpCall(_Common):
    type: Literal["mcp_call"]
    server_label: str
    name: str
    arguments: str
    approval_request_id: str | None = None
    output: str | None = None
    error: dict[str, Any] | None = None


_PLAIN: dict[str, type[BaseModel]] = {
    "function_call": _FunctionCall,
    "function_call_output": _FunctionCallOutput,
    "mcp_approval_response": _McpApprovalResponse,
    "mcp_approval_request": _McpApprovalRequest,
    "mcp_list_tools": _McpListTools,
    "mcp_call": _McpCall,
}

# role -> the content it may have. An assistant's audio can't be given back, as with the provider.
_CONTENT: dict[str, dict[str, type[BaseModel]]] = {
    "system": {"input_text": _InputText},
    "user": {"input_text": _InputText, "input_audio": _InputAudio, "input_image": _InputImage},
    "assistant": {"output_text": _OutputText},
}


@define
class StoredPart:
    """One content part of a message.

    Attributes:
        type: as on the wire.
        heard: what the recogniser made of an input audio part, for the responder; None before.
        audio: the sound in its wire format, or None when there is none (any more).
        format: the encoding of ``audio``.
        audio_ticks: how long the sound lasts, in samples of 24 kHz.
        spoken: the words of an output audio part with their times.
        truncated: whether a client cut it; what is generated later is not part of it any more.
        other: further wire fields, such as ``image_url``.
    """

    type: str
    _text: str | None = None
    _transcript: str | None = None
    heard: str | None = None
    audio: bytes | bytearray | None = None
    format: WireFormat | None = None
    audio_ticks: int = 0
    spoken: SpokenWords = field(factory=SpokenWords)
    truncated: bool = False
    other: JsonDict = field(factory=dict)
    _said: list[str] = field(factory=list, init=False)

    @property
    def text(self) -> str | None:
        """The text of a text part."""
        self._put_together()
        return self._text

    @property
    def transcript(self) -> str | None:
        """The words of an audio part as clients may see them."""
        self._put_together()
        return self._transcript

    @transcript.setter
    def transcript(self, words: str | None) -> None:
        self._said.clear()
        self._transcript = words

    def say(self, words: str) -> None:
        """Add to the text or the transcript, which are put together when somebody looks."""
        self._said.append(words)

    def _put_together(self) -> None:
        if not self._said:
            return
        words = "".join(self._said)
        self._said.clear()
        if self.type == "output_text":
            self._text = (self._text or "") + words
        else:
            self._transcript = (self._transcript or "") + words

    def wire(self, *, with_audio: bool = False) -> JsonDict:
        """Return the part as clients see it."""
        body: JsonDict = {"type": self.type, **self.other}
        if self.type.endswith("_text"):
            body["text"] = self.text
        if self.type.endswith("_audio"):
            body["transcript"] = self.transcript
            if with_audio and self.audio is not None:
                body["audio"] = base64.b64encode(self.audio).decode()
        return body

    def for_prompt(self) -> JsonDict:
        """Return the part as a responder sees it: without sound, but with its words."""
        body = self.wire()
        if self.type == "input_audio":
            body["transcript"] = self.heard or ""
        return body


@define
class StoredItem:
    """One item of a conversation.

    Attributes:
        id: unique in its conversation.
        type: as on the wire.
        status: ``in_progress`` while it is being generated.
        role: of a message, else None.
        content: of a message, else empty.
        fields: the other wire fields of the type, such as ``call_id``.
        deleted: whether it was taken out of its conversation, so that nobody is to answer it.
    """

    id: str
    type: str
    status: str = "completed"
    role: str | None = None
    content: list[StoredPart] = field(factory=list)
    fields: JsonDict = field(factory=dict)
    deleted: bool = False

    def wire(self, *, with_audio: bool = False) -> JsonDict:
        """Return the item as clients see it."""
        body = self._head()
        if self.role is not None:
            body["content"] = [part.wire(with_audio=with_audio) for part in self.content]
        return body

    def for_prompt(self) -> JsonDict:
        """Return the item as a responder sees it."""
        body = self._head()
        if self.role is not None:
            body["content"] = [part.for_prompt() for part in self.content]
        return body

    def _head(self) -> JsonDict:
        body: JsonDict = {"id": self.id, "type": self.type}
        if not self.type.startswith("mcp_"):  # these have neither in the protocol
            body |= {"object": "realtime.item", "status": self.status}
        if self.role is not None:
            body["role"] = self.role
        return body | self.fields

    @property
    def audio_bytes(self) -> int:
        """How much sound the item holds."""
        return sum(len(part.audio) for part in self.content if part.audio is not None)


def parse_item(data: Any, where: str, *, format: WireFormat) -> StoredItem:
    """Return the item a client sends.

    Args:
        data: decoded JSON.
        where: its path in the client's event, such as ``"item"``.
        format: how its audio is encoded: the session's input format.

    Raises:
        ServerError: it breaks a rule.
    """
    if not isinstance(data, dict):
        raise wrong_type(where, "an object", data)
    kind = _choose(data, "type", where, ["message", *_PLAIN])
    if kind == "message":
        return _parse_message(data, where, format)
    fields = check(_PLAIN[kind], data, where)
    if kind == "function_call" and not fields.get("call_id"):
        fields["call_id"] = new_id("call")
    return StoredItem(
        id=fields.pop("id", None) or new_id("item"),
        type=kind,
        status=fields.pop("status", None) or "completed",
        fields={k: v for k, v in fields.items() if k not in ("type", "object")},
    )


def _parse_message(data: JsonDict, where: str, format: WireFormat) -> StoredItem:
    role = _choose(data, "role", where, list(_CONTENT))
    fields = check(_Message, data, where)
    parts = [
        _parse_part(part, f"{where}.content[{index}]", _CONTENT[role], format)
        for index, part in enumerate(fields["content"])
    ]
    if not parts:
        raise fault(
            f"Invalid '{where}.content': expected at least one content part, but got none.",
            code="invalid_value",
            param=f"{where}.content",
        )
    return StoredItem(
        id=fields.get("id") or new_id("item"),
        type="message",
        status=fields.get("status") or "completed",
        role=role,
        content=parts,
    )


def _parse_part(
    data: JsonDict, where: str, models: dict[str, type[BaseModel]], format: WireFormat
) -> StoredPart:
    kind = _choose(data, "type", where, list(models))
    fields = check(models[kind], data, where)
    if kind == "input_audio":
        audio = decode_base64(fields["audio"], f"{where}.audio")
        format.require_whole_samples(audio, f"{where}.audio")
        return StoredPart(
            kind,
            transcript=fields.get("transcript"),
            audio=audio,
            format=format,
            audio_ticks=format.ticks(len(audio)),
        )
    other = {k: v for k, v in fields.items() if k not in ("type", "text")}
    return StoredPart(kind, text=fields.get("text"), other=other)


def _choose(data: JsonDict, key: str, where: str, supported: list[str]) -> str:
    param = f"{where}.{key}"
    if key not in data:
        raise fault(
            f"Missing required parameter: '{param}'.",
            code="missing_required_parameter",
            param=param,
        )
    value = data[key]
    if not isinstance(value, str) or value not in supported:
        names = ", ".join(f"'{name}'" for name in supported)
        raise fault(
            f"Invalid value for '{param}': {value!r}. Supported values are: {names}.",
            code="invalid_value",
            param=param,
        )
    return value
