"""Tools, prompts and limits of a session as typed dictionaries."""

from __future__ import annotations

from typing import Any, Literal

from .._typing import Required, TypedDict
from .config import RealtimeReasoningEffort

__all__ = [
    "McpToolApprovalParam",
    "McpToolFilterParam",
    "McpToolParam",
    "PromptCacheBreakpointParam",
    "PromptVariableParam",
    "RealtimeFunctionToolParam",
    "RealtimeReasoningParam",
    "RealtimeTruncationRetentionRatioParam",
    "ResponseInputFileParam",
    "ResponseInputImageParam",
    "ResponseInputTextParam",
    "ResponsePromptParam",
    "TokenLimitsParam",
    "ToolChoiceFunctionParam",
    "ToolChoiceMcpParam",
    "TracingConfigurationParam",
]


class RealtimeFunctionToolParam(TypedDict, total=False):
    """A function of the client's that the model may call; ``parameters`` is a JSON schema."""

    type: Literal["function"]
    name: str
    description: str
    parameters: Any


class McpToolFilterParam(TypedDict, total=False):
    """Selects tools of an MCP server."""

    read_only: bool
    tool_names: list[str]


class McpToolApprovalParam(TypedDict, total=False):
    """Which tools of an MCP server need the client's leave."""

    always: McpToolFilterParam
    never: McpToolFilterParam


class McpToolParam(TypedDict, total=False):
    """An MCP server whose tools the realtime server calls itself."""

    type: Required[Literal["mcp"]]
    server_label: Required[str]
    server_url: str
    connector_id: str
    tunnel_id: str
    authorization: str
    headers: dict[str, str] | None
    allowed_tools: list[str] | McpToolFilterParam | None
    require_approval: McpToolApprovalParam | Literal["always", "never"] | None
    allowed_callers: list[Literal["direct", "programmatic"]] | None
    defer_loading: bool
    server_description: str


class ToolChoiceFunctionParam(TypedDict, total=False):
    """The model must call this function."""

    type: Required[Literal["function"]]
    name: Required[str]


class ToolChoiceMcpParam(TypedDict, total=False):
    """The model must call this MCP server, or this tool of it."""

    type: Required[Literal["mcp"]]
    server_label: Required[str]
    name: str | None


class PromptCacheBreakpointParam(TypedDict, total=False):
    """Where the provider may cut its cache of a prompt."""

    mode: Required[Literal["explicit"]]
    ttl: Literal["30m", "12h"]


class ResponseInputTextParam(TypedDict, total=False):
    """A text that fills a variable of a prompt template."""

    type: Required[Literal["input_text"]]
    text: Required[str]
    prompt_cache_breakpoint: PromptCacheBreakpointParam


class ResponseInputImageParam(TypedDict, total=False):
    """An image that fills a variable of a prompt template."""

    type: Required[Literal["input_image"]]
    detail: Required[Literal["low", "high", "auto", "original"]]
    file_id: str | None
    image_url: str | None
    prompt_cache_breakpoint: PromptCacheBreakpointParam


class ResponseInputFileParam(TypedDict, total=False):
    """A file that fills a variable of a prompt template."""

    type: Required[Literal["input_file"]]
    detail: Literal["auto", "low", "high"]
    file_data: str
    file_id: str | None
    file_url: str
    filename: str
    prompt_cache_breakpoint: PromptCacheBreakpointParam


# What stands for a variable of a stored prompt.
PromptVariableParam = (
    str | ResponseInputTextParam | ResponseInputImageParam | ResponseInputFileParam
)


class ResponsePromptParam(TypedDict, total=False):
    """A prompt template that is stored at the provider."""

    id: Required[str]
    variables: dict[str, PromptVariableParam] | None
    version: str | None


class RealtimeReasoningParam(TypedDict, total=False):
    """How much a reasoning model thinks before it speaks."""

    effort: RealtimeReasoningEffort


class TracingConfigurationParam(TypedDict, total=False):
    """Where the provider files the session's trace."""

    workflow_name: str
    group_id: str
    metadata: Any


class TokenLimitsParam(TypedDict, total=False):
    """How long the conversation after the instructions may get, in tokens."""

    post_instructions: int


class RealtimeTruncationRetentionRatioParam(TypedDict, total=False):
    """Truncate the conversation to this fraction (0 to 1) when it grows too long."""

    type: Required[Literal["retention_ratio"]]
    retention_ratio: Required[float]
    token_limits: TokenLimitsParam
