"""Conversation items as typed dictionaries."""

from __future__ import annotations

from typing import Any, Literal

from .._typing import Required, TypedDict

__all__ = [
    "AssistantContentParam",
    "ConversationItemParam",
    "McpApprovalRequestParam",
    "McpApprovalResponseParam",
    "McpCallParam",
    "McpErrorParam",
    "McpListToolsParam",
    "McpListedToolParam",
    "RealtimeConversationItemAssistantMessageParam",
    "RealtimeConversationItemFunctionCallOutputParam",
    "RealtimeConversationItemFunctionCallParam",
    "RealtimeConversationItemSystemMessageParam",
    "RealtimeConversationItemUserMessageParam",
    "RealtimeMcpProtocolErrorParam",
    "RealtimeMcpToolExecutionErrorParam",
    "RealtimeMcphttpErrorParam",
    "ResponseItemReferenceParam",
    "SystemContentParam",
    "UserContentParam",
]

ItemStatus = Literal["completed", "incomplete", "in_progress"]


class SystemContentParam(TypedDict, total=False):
    """A part of a system message."""

    type: Literal["input_text"]
    text: str


class UserContentParam(TypedDict, total=False):
    """A part of a user message; ``audio`` is base64, ``image_url`` a ``data:`` URL."""

    type: Literal["input_text", "input_audio", "input_image"]
    text: str
    audio: str
    transcript: str
    image_url: str
    detail: Literal["auto", "low", "high"]


class AssistantContentParam(TypedDict, total=False):
    """A part of an assistant message; ``audio`` is base64."""

    type: Literal["output_text", "output_audio"]
    text: str
    audio: str
    transcript: str


class RealtimeConversationItemSystemMessageParam(TypedDict, total=False):
    """An instruction in the middle of the conversation."""

    type: Required[Literal["message"]]
    role: Required[Literal["system"]]
    content: Required[list[SystemContentParam]]
    id: str
    object: Literal["realtime.item"]
    status: ItemStatus


class RealtimeConversationItemUserMessageParam(TypedDict, total=False):
    """What the user said, typed or showed."""

    type: Required[Literal["message"]]
    role: Required[Literal["user"]]
    content: Required[list[UserContentParam]]
    id: str
    object: Literal["realtime.item"]
    status: ItemStatus


class RealtimeConversationItemAssistantMessageParam(TypedDict, total=False):
    """What the model said."""

    type: Required[Literal["message"]]
    role: Required[Literal["assistant"]]
    content: Required[list[AssistantContentParam]]
    id: str
    object: Literal["realtime.item"]
    status: ItemStatus


class RealtimeConversationItemFunctionCallParam(TypedDict, total=False):
    """The model asks the client to run a function; ``arguments`` is JSON text."""

    type: Required[Literal["function_call"]]
    name: Required[str]
    arguments: Required[str]
    call_id: str
    id: str
    object: Literal["realtime.item"]
    status: ItemStatus


class RealtimeConversationItemFunctionCallOutputParam(TypedDict, total=False):
    """The client's answer to a function call."""

    type: Required[Literal["function_call_output"]]
    call_id: Required[str]
    output: Required[str]
    id: str
    object: Literal["realtime.item"]
    status: ItemStatus


class McpApprovalRequestParam(TypedDict, total=False):
    """The server wants to call a tool of an MCP server and asks for leave."""

    type: Required[Literal["mcp_approval_request"]]
    id: Required[str]
    name: Required[str]
    arguments: Required[str]
    server_label: Required[str]


class McpApprovalResponseParam(TypedDict, total=False):
    """The client's answer to an approval request."""

    type: Required[Literal["mcp_approval_response"]]
    id: Required[str]
    approval_request_id: Required[str]
    approve: Required[bool]
    reason: str | None


class McpListedToolParam(TypedDict, total=False):
    """A tool that an MCP server offers."""

    name: Required[str]
    input_schema: Required[Any]
    description: str | None
    annotations: Any | None


class McpListToolsParam(TypedDict, total=False):
    """The tools of an MCP server, as an item of the conversation."""

    type: Required[Literal["mcp_list_tools"]]
    server_label: Required[str]
    tools: Required[list[McpListedToolParam]]
    id: str


class RealtimeMcpProtocolErrorParam(TypedDict, total=False):
    """A call of an MCP tool failed since the server broke the protocol."""

    type: Required[Literal["protocol_error"]]
    message: Required[str]
    code: Required[int]


class RealtimeMcpToolExecutionErrorParam(TypedDict, total=False):
    """A call of an MCP tool failed in the tool."""

    type: Required[Literal["tool_execution_error"]]
    message: Required[str]


class RealtimeMcphttpErrorParam(TypedDict, total=False):
    """A call of an MCP tool failed on its way; ``code`` is the HTTP status."""

    type: Required[Literal["http_error"]]
    message: Required[str]
    code: Required[int]


# Why a call of an MCP tool failed.
McpErrorParam = (
    RealtimeMcpProtocolErrorParam | RealtimeMcpToolExecutionErrorParam | RealtimeMcphttpErrorParam
)


class McpCallParam(TypedDict, total=False):
    """A call of an MCP server's tool, made by the realtime server."""

    type: Required[Literal["mcp_call"]]
    id: Required[str]
    name: Required[str]
    arguments: Required[str]
    server_label: Required[str]
    approval_request_id: str | None
    error: McpErrorParam | None
    output: str | None


class ResponseItemReferenceParam(TypedDict, total=False):
    """Stands for an item of the conversation in the ``input`` of a response."""

    type: Required[Literal["item_reference"]]
    id: Required[str]


# Any item of a conversation, as a program may write it.
ConversationItemParam = (
    RealtimeConversationItemSystemMessageParam
    | RealtimeConversationItemUserMessageParam
    | RealtimeConversationItemAssistantMessageParam
    | RealtimeConversationItemFunctionCallParam
    | RealtimeConversationItemFunctionCallOutputParam
    | McpApprovalRequestParam
    | McpApprovalResponseParam
    | McpCallParam
    | McpListToolsParam
    | ResponseItemReferenceParam
)
