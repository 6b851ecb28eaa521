"""From what a program gives as an item to what ``conversation.item.create`` takes. Values only."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from .._shown import shown
from .._types import JsonDict
from ..errors import UserError
from ..events.wire_values import as_id
from .given import require
from .items import (
    AssistantMessageItem,
    InputAudio,
    InputImage,
    RealtimeItem,
    RealtimeToolCallItem,
    SystemMessageItem,
    UserMessageItem,
)

__all__ = ["NewItem", "create_forms"]

NewItem = str | Mapping[str, Any] | RealtimeItem
"""A text of the user's, an item in the protocol's form, or one as a history has it."""

_MESSAGES = (SystemMessageItem, UserMessageItem, AssistantMessageItem)


def create_forms(item: NewItem, is_taken: Callable[[str], bool]) -> list[JsonDict]:
    """Return the forms in which an item is created: one; of a call with its output, two.

    It keeps its id, unless another item has that; else it gets a new one. What was said becomes
    text where its sound is not there.

    Args:
        item: see `NewItem`.
        is_taken: whether an item of the conversation has an id.

    Raises:
        UserError: it is no item, or says nothing.

    Example:
        >>> (form,) = create_forms("Hello!", lambda item_id: False)
        >>> form["role"], form["content"]
        ('user', [{'type': 'input_text', 'text': 'Hello!'}])
    """
    if isinstance(item, str):
        forms = [_message("user", [{"type": "input_text", "text": item}] if item else [])]
    elif isinstance(item, RealtimeToolCallItem):
        forms = _call(item)
    elif isinstance(item, _MESSAGES):
        forms = [{"id": item.item_id, **_message(item.role, _content(item))}]
    elif isinstance(item, Mapping):
        forms = [_checked(item)]
    else:
        raise UserError(f"{shown(item)} is no item; give a text, a dictionary or a RealtimeItem")
    return [{**form, "id": _id_for(form.get("id"), is_taken)} for form in forms]


def _id_for(given: object, is_taken: Callable[[str], bool]) -> str:
    item_id = as_id(given)
    if item_id is None or is_taken(item_id):
        return f"item_{secrets.token_hex(10)}"
    return item_id


def _message(role: str, content: list[JsonDict]) -> JsonDict:
    if not content:
        raise UserError("an item that says nothing can't be created; give it words")
    return {"type": "message", "role": role, "content": content}


def _content(item: SystemMessageItem | UserMessageItem | AssistantMessageItem) -> list[JsonDict]:
    text_type = "output_text" if item.role == "assistant" else "input_text"
    content: list[JsonDict] = []
    require(isinstance(item.content, list), "the content of a message must be a list", item.content)
    for part in item.content:
        if isinstance(part, InputImage):
            content.append(part.model_dump(exclude_none=True))
        elif isinstance(part, InputAudio) and part.audio:
            content.append({"type": "input_audio", "audio": part.audio})
        elif words := getattr(part, "transcript", None) or getattr(part, "text", None):
            content.append({"type": text_type, "text": words})
    return content


def _call(item: RealtimeToolCallItem) -> list[JsonDict]:
    if not item.call_id or not item.name:
        raise UserError("a call can't be created without a call_id and a name")
    fields = {"name": item.name, "arguments": item.arguments}
    call = {"id": item.item_id, "type": "function_call", "call_id": item.call_id, **fields}
    if item.output is None:
        return [call]
    output = {"type": "function_call_output", "call_id": item.call_id, "output": item.output}
    return [call, output]


def _checked(item: Mapping[str, Any]) -> JsonDict:
    """Return an item in the protocol's form; what it must have beside its type the server knows."""
    kind = item.get("type")
    if not isinstance(kind, str) or (kind == "message" and not isinstance(item.get("role"), str)):
        raise UserError(
            f"{shown(item)} is no item; an example: {{'type': 'message', 'role': 'user', "
            "'content': [{'type': 'input_text', 'text': 'Hello!'}]}"
        )
    return dict(item)
