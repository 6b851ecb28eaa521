"""The items of a conversation as a program gets them: who said what, and which tools were called.

They are plain dataclasses with the methods that users of pydantic models call. What a server says
beyond the fields here is kept in ``model_extra``.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast

from .._porting import NoOptions
from .._required import require_flag
from .._shown import shown
from .._types import JsonDict
from .._typing import Unpack
from ..conversation.history_item import HistoryItem, HistoryPart
from ..errors import UserError
from ..events.dump_options import (
    DumpOptions,
    check_no_options,
    check_options,
    check_update,
    read_json,
    reduced,
)
from ..events.json_writer import event_text
from ..events.wire_values import as_text
from .given import require, require_count

__all__ = [
    "AssistantAudio",
    "AssistantMessageItem",
    "AssistantText",
    "InputAudio",
    "InputImage",
    "InputText",
    "RealtimeItem",
    "RealtimeMessageItem",
    "RealtimeResponse",
    "RealtimeToolCallItem",
    "SystemMessageItem",
    "UserMessageItem",
    "item_of",
    "items_of",
    "of_wire",
]

M = TypeVar("M", bound="ItemModel")


@dataclass(kw_only=True, repr=False)
class ItemModel:
    """What all items and their parts can do.

    Attributes:
        model_extra: fields that this class does not declare.
    """

    model_extra: JsonDict = field(default_factory=dict)

    def model_dump(self, **options: Unpack[DumpOptions]) -> JsonDict:
        """Return the fields as a dictionary, ready for JSON.

        Args:
            options: see `realtime_sync.events.dump_options.DumpOptions`; all fields are set, so
                ``exclude_unset`` is False.

        Raises:
            UserError: an option is not here, or has a wrong value.
        """
        return self._dump_by("model_dump", options)

    def model_dump_json(self, *, indent: int | None = None, **options: Unpack[DumpOptions]) -> str:
        """Return `model_dump` as JSON text, compact unless ``indent`` (spaces) is given.

        Raises:
            UserError: as `model_dump`, or ``indent`` is no number of spaces.
        """
        if indent is not None:
            require_count(indent, "indent")
        return event_text(self._dump_by("model_dump_json", options), indent)

    def _dump_by(self, call: str, options: DumpOptions) -> JsonDict:
        check_options(call, options, error=UserError)
        if options.get("exclude_unset"):
            kind = type(self).__name__
            raise UserError(f"all fields of a {kind} are set; write exclude_none=True instead")
        return reduced(_dump(self), options)

    def model_copy(self: M, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> M:
        """Return a copy with some fields changed.

        Args:
            update: new values; what is no field of this class goes to `model_extra`.
            deep: copy lists and dictionaries as well, down to the last.

        Raises:
            UserError: ``update`` is no dictionary of fields.
        """
        if update is not None:
            check_update(update, error=UserError)
        require_flag(deep, "deep", error=UserError)
        made = copy.deepcopy(self) if deep else copy.copy(self)
        made.model_extra = dict(made.model_extra)
        names = {each.name for each in dataclasses.fields(self)}
        for name, value in (update or {}).items():
            if name in names:
                setattr(made, name, value)
            else:
                made.model_extra[name] = value
        return made

    @classmethod
    def model_validate(cls: type[M], obj: Any, **options: Unpack[NoOptions]) -> M:
        """Return the item, or part, in a dictionary such as `model_dump` returns.

        Args:
            obj: the dictionary; an instance passes through.

        Raises:
            UserError: a field is missing, or says that this is something else.
        """
        check_no_options("model_validate", options, error=UserError)
        if isinstance(obj, cls):
            return obj
        if not isinstance(obj, Mapping):
            raise UserError(f"{cls.__name__} needs an object, got {shown(obj)}")
        known, extra = _split(cls, obj)
        _check_fields(cls, known)
        if "content" in known:
            content = known["content"]
            rule = f"the content of {cls.__name__} must be a list"
            require(isinstance(content, list), rule, content)
            known["content"] = [_validated_part(cls, part) for part in content]
        return cls(**known, model_extra=extra)

    @classmethod
    def model_validate_json(
        cls: type[M], json_data: str | bytes | bytearray, **options: Unpack[NoOptions]
    ) -> M:
        """Return `model_validate` of JSON text.

        Raises:
            UserError: it is no JSON, or as `model_validate`.
        """
        check_no_options("model_validate_json", options, error=UserError)
        return cls.model_validate(read_json(json_data, cls.__name__, error=UserError))

    def __repr__(self) -> str:
        fields = [
            f"{each.name}={shown(value)}"
            for each in dataclasses.fields(self)
            if (value := getattr(self, each.name)) not in (None, each.default, {})
        ]
        return f"{type(self).__name__}({', '.join(fields)})"


def _dump(value: Any) -> Any:
    if isinstance(value, ItemModel):
        # The common field comes first in a dataclass; in JSON it is to come last.
        fields = {name: v for name, v in vars(value).items() if name != "model_extra"}
        if fields.get("heard", "") is None:  # ours alone: whoever reads a dump may not know it
            del fields["heard"]
        value = {**fields, **value.model_extra}
    if isinstance(value, Mapping):
        return {name: _dump(v) for name, v in value.items()}
    if isinstance(value, list | tuple):
        return [_dump(v) for v in value]
    return value


def _split(cls: type[ItemModel], values: Mapping[str, Any]) -> tuple[JsonDict, JsonDict]:
    """Return the fields that a class declares, and the others."""
    names = cls.__dataclass_fields__.keys() - {"model_extra"}
    known = {name: value for name, value in values.items() if name in names}
    return known, {name: value for name, value in values.items() if name not in names}


def _check_fields(cls: type[ItemModel], known: JsonDict) -> None:
    for each in dataclasses.fields(cls):
        no_default = each.default is dataclasses.MISSING
        if no_default and each.default_factory is dataclasses.MISSING and each.name not in known:
            raise UserError(f"{cls.__name__} needs {each.name!r}")
        if each.name in ("type", "role") and known.get(each.name, each.default) != each.default:
            raise UserError(
                f"{cls.__name__} has the {each.name} {each.default!r}, got "
                f"{shown(known[each.name])}"
            )


# -- parts of messages -----------------------------------------------------------------------------


@dataclass(kw_only=True, repr=False)
class InputText(ItemModel):
    """A text of the user's, or an instruction."""

    type: Literal["input_text"] = "input_text"
    text: str | None = None


@dataclass(kw_only=True, repr=False)
class InputAudio(ItemModel):
    """What the user said.

    Attributes:
        audio: base64 in the session's format, where the server tells it.
        transcript: the words, as far as they are known.
    """

    type: Literal["input_audio"] = "input_audio"
    audio: str | None = None
    transcript: str | None = None


@dataclass(kw_only=True, repr=False)
class InputImage(ItemModel):
    """What the user showed.

    Attributes:
        image_url: a URL, ``data:…`` or ``https:…``.
        detail: how closely it is looked at: "auto", "low" or "high".
    """

    type: Literal["input_image"] = "input_image"
    image_url: str | None = None
    detail: str | None = None


@dataclass(kw_only=True, repr=False)
class AssistantText(ItemModel):
    """What the model wrote."""

    type: Literal["text"] = "text"
    text: str | None = None


@dataclass(kw_only=True, repr=False)
class AssistantAudio(ItemModel):
    """What the model said.

    Attributes:
        audio: base64 in the session's format, where the server tells it.
        transcript: the words, as far as they are known.
    """

    type: Literal["audio"] = "audio"
    audio: str | None = None
    transcript: str | None = None


# -- items -----------------------------------------------------------------------------------------


@dataclass(kw_only=True, repr=False)
class SystemMessageItem(ItemModel):
    """An instruction in the middle of the conversation."""

    item_id: str
    previous_item_id: str | None = None
    type: Literal["message"] = "message"
    role: Literal["system"] = "system"
    content: list[InputText]


@dataclass(kw_only=True, repr=False)
class UserMessageItem(ItemModel):
    """What the user said, typed or showed."""

    item_id: str
    previous_item_id: str | None = None
    type: Literal["message"] = "message"
    role: Literal["user"] = "user"
    content: list[InputText | InputAudio | InputImage]


@dataclass(kw_only=True, repr=False)
class AssistantMessageItem(ItemModel):
    """What the model said or wrote.

    Attributes:
        status: "in_progress" while more of it may come.
        heard: the words that were heard, in a session's history; None in events.
    """

    item_id: str
    previous_item_id: str | None = None
    type: Literal["message"] = "message"
    role: Literal["assistant"] = "assistant"
    status: Literal["in_progress", "completed", "incomplete"] | None = None
    content: list[AssistantText | AssistantAudio]
    heard: str | None = None


@dataclass(kw_only=True, repr=False)
class RealtimeToolCallItem(ItemModel):
    """A call of a tool, with its output as soon as there is one.

    Attributes:
        status: "in_progress" until the output is known.
        arguments: JSON text.
        output: what the model got.
    """

    item_id: str
    previous_item_id: str | None = None
    call_id: str | None
    type: Literal["function_call"] = "function_call"
    status: Literal["in_progress", "completed"]
    arguments: str
    name: str
    output: str | None = None


# A message of a session's history.
RealtimeMessageItem = SystemMessageItem | UserMessageItem | AssistantMessageItem
# An item of a session's history.
RealtimeItem = SystemMessageItem | UserMessageItem | AssistantMessageItem | RealtimeToolCallItem


@dataclass(kw_only=True, repr=False)
class RealtimeResponse(ItemModel):
    """A response of the model, with its messages."""

    id: str
    output: list[RealtimeMessageItem]


# -- from the history and from the wire ------------------------------------------------------------

_ITEM_STATUS = ("in_progress", "completed", "incomplete")

# By role and by the type on the wire; beside GA's names the beta's.
_PARTS: dict[str, dict[str, type[ItemModel]]] = {
    "system": {"input_text": InputText},
    "user": {"input_text": InputText, "input_audio": InputAudio, "input_image": InputImage},
    "assistant": {
        "output_text": AssistantText,
        "text": AssistantText,
        "output_audio": AssistantAudio,
        "audio": AssistantAudio,
    },
}
_MESSAGES: dict[str, type[ItemModel]] = {
    "system": SystemMessageItem,
    "user": UserMessageItem,
    "assistant": AssistantMessageItem,
}
_ROLES: dict[type[ItemModel], str] = {cls: role for role, cls in _MESSAGES.items()}


def _validated_part(cls: type[ItemModel], part: Any) -> ItemModel:
    if isinstance(part, ItemModel):
        return part
    kind = part.get("type") if isinstance(part, Mapping) else None
    found = _PARTS.get(_ROLES.get(cls, ""), {}).get(kind if isinstance(kind, str) else "")
    if found is None:
        raise UserError(f"{cls.__name__} has no content such as {shown(part)}")
    return found.model_validate({**part, "type": _type_of(found)})


def _type_of(cls: type[ItemModel]) -> str:
    return cast("str", cls.__dataclass_fields__["type"].default)


def items_of(history: Sequence[HistoryItem]) -> list[RealtimeItem]:
    """Return the items of a history, in order: messages, and calls together with their output.

    What `item_of` makes nothing of is left out; ``previous_item_id`` is that of the item before
    in the list returned.
    """
    outputs = {i.call_id: i.output for i in history if i.type == "function_call_output"}
    items: list[RealtimeItem] = []
    for known in history:
        previous = items[-1].item_id if items else None
        item = item_of(known, previous, output=outputs.get(known.call_id))
        if item is not None:
            items.append(item)
    return items


def item_of(
    item: HistoryItem, previous_item_id: str | None = None, *, output: str | None = None
) -> RealtimeItem | None:
    """Return an item of the history.

    None for one of another type, for one that is ignored, and for a call that the model still
    writes: as at the peer, a program gets it with its arguments.

    Args:
        item: a value of the history.
        previous_item_id: of the item before it.
        output: of a call, as far as it is known.
    """
    if item.ignored:
        return None
    if item.type == "function_call":
        if item.status == "in_progress" and output is None:
            return None
        return RealtimeToolCallItem(
            item_id=item.id,
            previous_item_id=previous_item_id,
            call_id=item.call_id or None,
            status="in_progress" if output is None else "completed",
            arguments=item.arguments or "",
            name=item.name,
            output=output,
        )
    if item.type != "message":
        return None
    parts = [_wire_part(part) for part in item.parts]
    return _message(item.role, item.id, previous_item_id, item.status, parts, {})


def _wire_part(part: HistoryPart) -> JsonDict:
    words = "transcript" if part.type in ("input_audio", "output_audio", "audio") else "text"
    fields = {words: part.text, "image_url": part.image_url, "detail": part.detail}
    return {"type": part.type, **{name: value for name, value in fields.items() if value}}


def of_wire(
    wire: Any, previous_item_id: str | None = None, *, done: bool = False
) -> RealtimeItem | None:
    """Return an item that a server sent; None for what is none of these. It never raises.

    Args:
        wire: in wire form.
        previous_item_id: of the item before it.
        done: whether the server says that it is complete, where it names no status.
    """
    if not isinstance(wire, dict):
        return None
    item_id = as_text(wire.get("id")) or ""
    if wire.get("type") == "function_call":
        return RealtimeToolCallItem(
            item_id=item_id,
            previous_item_id=previous_item_id,
            call_id=as_text(wire.get("call_id")),
            status="in_progress",  # it has no output yet
            arguments=as_text(wire.get("arguments")) or "",
            name=as_text(wire.get("name")) or "",
        )
    if wire.get("type", "message") != "message":
        return None
    status = wire.get("status")
    if status not in _ITEM_STATUS:
        status = "completed" if done else "in_progress"
    content = wire.get("content")
    parts = content if isinstance(content, list) else []
    known = ("id", "object", "type", "role", "status", "content")
    extra = {name: value for name, value in wire.items() if name not in known}
    return _message(as_text(wire.get("role")), item_id, previous_item_id, status, parts, extra)


def _message(
    role: str | None,
    item_id: str,
    previous_item_id: str | None,
    status: Any,
    parts: Sequence[Any],
    extra: JsonDict,
) -> RealtimeMessageItem | None:
    cls = _MESSAGES.get(role or "")
    if cls is None or role is None:
        return None
    fields: JsonDict = {"item_id": item_id, "previous_item_id": previous_item_id}
    if role == "assistant":
        fields["status"] = status
    fields["content"] = [p for p in (_part(role, part) for part in parts) if p is not None]
    return cast("RealtimeMessageItem", cls(**fields, model_extra=extra))


def _part(role: str, wire: Any) -> ItemModel | None:
    """Return a part of a message; what is no text where there should be one is left out."""
    kind = wire.get("type") if isinstance(wire, dict) else None
    cls = _PARTS[role].get(kind) if isinstance(kind, str) else None
    if cls is None:
        return None
    known, extra = _split(cls, wire)
    texts: JsonDict = {name: as_text(value) for name, value in known.items()}
    return cls(**{**texts, "type": _type_of(cls)}, model_extra=extra)
