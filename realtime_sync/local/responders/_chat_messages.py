"""A realtime conversation in the words of the chat completions API."""

from __future__ import annotations

from typing import Any

from ..._types import JsonDict
from ..engines import ResponderPrompt
from ._prompt import text_of

__all__ = ["messages_of", "tool_choice_of", "tools_of"]


def messages_of(prompt: ResponderPrompt) -> list[JsonDict]:
    """Return the messages for ``prompt``.

    A call without its output, and an output without its call, are left out: endpoints refuse
    them, and an interrupted turn leaves such calls behind.
    """
    messages: list[JsonDict] = []
    if prompt.instructions:
        messages.append({"role": "system", "content": prompt.instructions})
    called = _call_ids(prompt, "function_call") & _call_ids(prompt, "function_call_output")
    for item in prompt.items:
        kind = item.get("type", "message")
        if kind == "message":
            messages.append({"role": item.get("role", "user"), "content": _content(item)})
        elif item.get("call_id") not in called:
            continue
        elif kind == "function_call":
            _add_call(messages, item)
        elif kind == "function_call_output":
            output = item.get("output", "")
            messages.append({"role": "tool", "tool_call_id": item["call_id"], "content": output})
    return messages


def _call_ids(prompt: ResponderPrompt, kind: str) -> set[str]:
    return {item["call_id"] for item in prompt.items if item.get("type") == kind}


def _content(item: JsonDict) -> str | list[JsonDict]:
    text = text_of(item)
    images = [part for part in item.get("content") or () if part.get("type") == "input_image"]
    if not images:
        return text
    parts: list[JsonDict] = [{"type": "text", "text": text}] if text else []
    parts.extend(
        {"type": "image_url", "image_url": {"url": image.get("image_url")}} for image in images
    )
    return parts


def _add_call(messages: list[JsonDict], item: JsonDict) -> None:
    call = {
        "id": item["call_id"],
        "type": "function",
        "function": {"name": item.get("name"), "arguments": item.get("arguments") or "{}"},
    }
    # Calls of one response belong into one message: their outputs follow it together.
    if messages and messages[-1].get("tool_calls"):
        messages[-1]["tool_calls"].append(call)
    else:
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})


def tools_of(prompt: ResponderPrompt) -> list[JsonDict]:
    """Return the function tools, whose description the chat API nests one level deeper."""
    keys = ("name", "description", "parameters", "strict")
    return [
        {"type": "function", "function": {key: tool[key] for key in keys if key in tool}}
        for tool in prompt.tools
        if tool.get("type", "function") == "function"
    ]


def tool_choice_of(prompt: ResponderPrompt) -> Any:
    """Return the tool choice; one that names a function is nested as well."""
    choice = prompt.tool_choice
    if isinstance(choice, dict) and "name" in choice:
        return {"type": "function", "function": {"name": choice["name"]}}
    return choice
