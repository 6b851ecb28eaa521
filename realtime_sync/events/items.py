"""Conversation items and the parts of their content."""

# ruff: noqa: RUF009  # nested() and nullable() are attrs fields, not values

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from attrs import field, frozen

from .base import Model, listed, load, nested, one, tagged

__all__ = [
    "AssistantMessage",
    "ContentPart",
    "ConversationItem",
    "FunctionCall",
    "FunctionCallOutput",
    "ItemReference",
    "McpApprovalRequest",
    "McpApprovalResponse",
    "McpCall",
    "McpError",
    "McpListTools",
    "McpListedTool",
    "SystemMessage",
    "UnknownItem",
    "UserMessage",
    "as_item",
    "as_part",
]

ItemStatus = Literal["completed", "incomplete", "in_progress"]


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ContentPart(Model):
    """A part of a message's content; which fields are set depends on ``type``.

    Types are ``input_text``, ``input_audio``, ``input_image`` (user and system messages),
    ``output_text``, ``output_audio`` (assistant messages), ``text`` and ``audio``
    (``response.content_part.*``, and the beta protocol). Others survive as they are.

    Example:
        >>> ContentPart(type="input_text", text="hello").to_dict()
        {'type': 'input_text', 'text': 'hello'}

    Attributes:
        type: the kind of the part.
        text: the text of a text part.
        audio: base64 audio in the session's format.
        transcript: the words of an audio part.
        image_url: a ``data:`` URL with the image.
        detail: how closely an image is looked at.
        id: the item that a beta ``item_reference`` part refers to.
    """

    type: str | None = None
    text: str | None = None
    audio: str | None = None
    transcript: str | None = None
    image_url: str | None = None
    detail: Literal["auto", "low", "high"] | None = None
    id: str | None = None


_part = one(ContentPart)
_parts = listed(_part)


def as_part(value: ContentPart | Mapping[str, Any]) -> ContentPart:
    """Return a content part from its wire form; a part passes through."""
    return cast("ContentPart", _part(value))


def as_parts(value: Sequence[ContentPart | Mapping[str, Any]]) -> list[ContentPart]:
    """Return content parts from their wire form."""
    return cast("list[ContentPart]", _parts(value))


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class SystemMessage(Model):
    """An instruction in the middle of the conversation.

    Example:
        >>> SystemMessage(content=[ContentPart(type="input_text", text="be brief")]).role
        'system'
    """

    type: Literal["message"] = "message"
    role: Literal["system"] = "system"
    content: list[ContentPart] = field(converter=as_parts)
    id: str | None = None
    object: Literal["realtime.item"] | None = None
    status: ItemStatus | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class UserMessage(Model):
    """What the user said, typed or showed.

    Example:
        >>> message = UserMessage(content=[{"type": "input_text", "text": "hello"}])
        >>> message.content[0].text
        'hello'
    """

    type: Literal["message"] = "message"
    role: Literal["user"] = "user"
    content: list[ContentPart] = field(converter=as_parts)
    id: str | None = None
    object: Literal["realtime.item"] | None = None
    status: ItemStatus | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class AssistantMessage(Model):
    """What the model said.

    Example:
        >>> AssistantMessage(content=[{"type": "output_text", "text": "hi"}]).to_dict()["role"]
        'assistant'
    """

    type: Literal["message"] = "message"
    role: Literal["assistant"] = "assistant"
    content: list[ContentPart] = field(converter=as_parts)
    id: str | None = None
    object: Literal["realtime.item"] | None = None
    status: ItemStatus | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class FunctionCall(Model):
    """The model asks the client to run a function.

    Attributes:
        arguments: JSON text.
        call_id: what the `FunctionCallOutput` has to name.
    """

    type: Literal["function_call"] = "function_call"
    name: str
    arguments: str
    call_id: str | None = None
    id: str | None = None
    object: Literal["realtime.item"] | None = None
    status: ItemStatus | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class FunctionCallOutput(Model):
    """The client's answer to a `FunctionCall`.

    Example:
        >>> FunctionCallOutput(call_id="call_1", output='{"ok": true}').type
        'function_call_output'
    """

    type: Literal["function_call_output"] = "function_call_output"
    call_id: str
    output: str
    id: str | None = None
    object: Literal["realtime.item"] | None = None
    status: ItemStatus | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class McpApprovalRequest(Model):
    """The server wants to call a tool of an MCP server and asks for leave."""

    type: Literal["mcp_approval_request"] = "mcp_approval_request"
    id: str
    name: str
    arguments: str
    server_label: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class McpApprovalResponse(Model):
    """The client's answer to a `McpApprovalRequest`."""

    type: Literal["mcp_approval_response"] = "mcp_approval_response"
    id: str
    approval_request_id: str
    approve: bool
    reason: str | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class McpListedTool(Model):
    """A tool that an MCP server offers."""

    name: str
    input_schema: Any
    description: str | None = None
    annotations: Any | None = None


_tools = listed(one(McpListedTool))


def as_tools(value: Sequence[McpListedTool | Mapping[str, Any]]) -> list[McpListedTool]:
    """Return an MCP server's tools from their wire form."""
    return cast("list[McpListedTool]", _tools(value))


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class McpListTools(Model):
    """The tools of an MCP server, as an item of the conversation."""

    type: Literal["mcp_list_tools"] = "mcp_list_tools"
    server_label: str
    tools: list[McpListedTool] = field(converter=as_tools)
    id: str | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class McpError(Model):
    """Why a call of an MCP tool failed.

    Attributes:
        type: ``protocol_error``, ``tool_execution_error`` or ``http_error``.
        code: set for protocol and HTTP errors.
    """

    type: str
    message: str
    code: int | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class McpCall(Model):
    """A call of an MCP server's tool, made by the realtime server."""

    type: Literal["mcp_call"] = "mcp_call"
    id: str
    name: str
    arguments: str
    server_label: str
    approval_request_id: str | None = None
    error: McpError | None = nested(one(McpError))
    output: str | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ItemReference(Model):
    """Stands for an item that the conversation holds, in the ``input`` of a response."""

    type: Literal["item_reference"] = "item_reference"
    id: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class UnknownItem(Model):
    """An item of a type that this version does not know; everything else is in ``extra``.

    Attributes:
        type: the item's type on the wire. It is declared as a literal of its own so that a
            check of ``item.type`` leaves only known classes to a type checker.
    """

    type: Literal["unknown"]
    id: str | None = None
    object: Literal["realtime.item"] | None = None
    status: ItemStatus | None = None


# Any item of a conversation, as a server sends it.
ConversationItem = (
    SystemMessage
    | UserMessage
    | AssistantMessage
    | FunctionCall
    | FunctionCallOutput
    | McpApprovalRequest
    | McpApprovalResponse
    | McpCall
    | McpListTools
    | ItemReference
    | UnknownItem
)

_MESSAGES: dict[Any, type[Model]] = {
    "system": SystemMessage,
    "user": UserMessage,
    "assistant": AssistantMessage,
}
_others = tagged(
    {
        "function_call": FunctionCall,
        "function_call_output": FunctionCallOutput,
        "item_reference": ItemReference,
        "mcp_approval_request": McpApprovalRequest,
        "mcp_approval_response": McpApprovalResponse,
        "mcp_call": McpCall,
        "mcp_list_tools": McpListTools,
    }
)


def load_item(value: Any) -> Any:
    """Return the item for a wire form; what is not an object passes through."""
    if not isinstance(value, Mapping):
        return value
    if value.get("type", "message") == "message":
        role = value.get("role")
        cls = _MESSAGES.get(role) if isinstance(role, str) else None
        return load(cls or UnknownItem, value)
    item = _others(value)
    return load(UnknownItem, value) if item is value else item


def as_item(value: ConversationItem | Mapping[str, Any]) -> ConversationItem:
    """Return the item for a wire form; an item passes through.

    Example:
        >>> as_item({"type": "item_reference", "id": "item_1"})
        ItemReference(id='item_1')
    """
    return cast("ConversationItem", load_item(value))


load_items = listed(load_item)
