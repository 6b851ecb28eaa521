"""A conversation as data that another process goes on with. Values only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .._shown import shown
from .._types import JsonDict
from ..conversation.history_item import HistoryItem, HistoryPart, create_form, read, sound
from ..errors import UserError
from ..events.wire_values import as_id

__all__ = ["export_conversation", "export_items", "import_items"]

_VERSION = 1
_AUDIO_TYPES = ("input_audio", "output_audio")
_ROLES = ("user", "assistant", "system")
# What an item must have, beside its id: the fields that hold a text.
_TEXTS = {
    "message": ("role",),
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("call_id", "output"),
}


def export_conversation(
    items: Iterable[HistoryItem], heard: Callable[[str], str], *, agent: str | None = None
) -> JsonDict:
    """Return a conversation as data, ready for JSON; `import_items` reads it.

    Args:
        items: in order.
        heard: returns the words of an item, by its id, that were heard.
        agent: the name of the agent that has spoken last.

    Example:
        >>> said = HistoryPart("output_audio", "Hello, how are you?")
        >>> item = HistoryItem("item_1", "message", "completed", "assistant", (said,), cut_ms=300)
        >>> data = export_conversation([item], lambda item_id: "Hello,", agent="Front desk")
        >>> data["items"][0]["content"]
        [{'type': 'output_audio', 'transcript': 'Hello,'}]
        >>> import_items(data)[0]["content"]
        [{'type': 'output_text', 'text': 'Hello,'}]
    """
    return {"version": _VERSION, "items": export_items(items, heard), "agent": agent}


def export_items(items: Iterable[HistoryItem], heard: Callable[[str], str]) -> list[JsonDict]:
    """Return items in the protocol's form, without audio.

    Of an answer that was cut there are the words that were heard, and nothing if none were. Left
    out is what has no words yet, what is no turn of anybody's, and what no client can create.

    Args:
        items: in order.
        heard: returns the words of an item, by its id, that were heard.
    """
    forms = [_form(item, heard) for item in items if not item.ignored]
    return [form for form in forms if form is not None]


def _form(item: HistoryItem, heard: Callable[[str], str]) -> JsonDict | None:
    if as_id(item.id) is None:
        return None
    form: JsonDict = {"id": item.id, "type": item.type, "status": "completed"}
    match item.type:
        case "message":
            parts = _heard_parts(item, heard)
            if not parts or item.role not in _ROLES:
                return None
            if parts != item.parts or item.status != "completed":
                form["status"] = "incomplete"
            return {**form, "role": item.role, "content": [_part_form(part) for part in parts]}
        case "function_call" | "function_call_output":
            fields = {name: getattr(item, name) for name in _TEXTS[item.type]}
            known = item.call_id and None not in fields.values() and fields.get("name") != ""
            if not known or item.status == "in_progress":
                return None
            return {**form, **{name: sound(value) for name, value in fields.items()}}
    return None


def _heard_parts(item: HistoryItem, heard: Callable[[str], str]) -> tuple[HistoryPart, ...]:
    parts = tuple([part for part in item.parts if part.text or part.image_url])
    if item.role != "assistant":
        return parts
    words = heard(item.id)
    if words == " ".join(part.text for part in parts if part.text):
        return parts
    return (HistoryPart(parts[0].type, words),) if parts and words else ()


def _part_form(part: HistoryPart) -> JsonDict:
    if part.image_url:
        image = {"type": part.type, "image_url": part.image_url, "detail": part.detail}
        return {name: value for name, value in image.items() if value}
    name = "transcript" if part.type in _AUDIO_TYPES else "text"
    return {"type": part.type, name: sound(part.text)}


# -- reading it again ------------------------------------------------------------------------------


def import_items(data: object) -> list[JsonDict]:
    """Return the items of an exported conversation, each ready for ``conversation.item.create``.

    What was said becomes text, since no audio was kept. Calls without an output are left out, and
    outputs without a call: the model would wait for the rest of them.

    Args:
        data: what `export_conversation` has returned, through JSON or not.

    Raises:
        UserError: that it is not; the text names the item and what is wrong with it.
    """
    if not isinstance(data, Mapping):
        raise UserError(f"a history is a mapping, not {type(data).__name__}")
    if data.get("version") != _VERSION:
        raise UserError(
            f"the history has the version {shown(data.get('version'))}, and this program reads "
            f"{_VERSION}; export it anew"
        )
    agent = data.get("agent")
    if agent is not None and not isinstance(agent, str):
        raise UserError(f"the history's agent must be a name or null, not {type(agent).__name__}")
    items = data.get("items")
    if not isinstance(items, list):
        raise UserError(f"the history's items must be a list, not {type(items).__name__}")
    forms = [_created(f"items[{n}]", wire) for n, wire in enumerate(items)]
    _require_distinct(items)
    return _without_orphans([form for form in forms if form is not None])


def _created(place: str, wire: Any) -> JsonDict | None:
    """Return the form in which an item is created; None for a message that says nothing."""
    if not isinstance(wire, Mapping):
        raise UserError(f"{place} of the history is no object, but {type(wire).__name__}")
    if as_id(wire.get("id")) is None:
        raise UserError(f"{place} of the history has no id")
    kind = wire.get("type")
    if kind not in list(_TEXTS):  # it may be anything, also what no dictionary takes
        raise UserError(
            f"{place} of the history has the type {shown(kind)}; known are {', '.join(_TEXTS)}"
        )
    for name in _TEXTS[kind]:
        value = wire.get(name)
        if not isinstance(value, str) or (not value and name in ("call_id", "name")):
            raise UserError(f"{place} of the history has no {name}, which must be a text")
    if kind == "message":
        _check_message(place, wire)
    item = read(dict(wire), done=True)
    assert item is not None  # it has an id
    return create_form(item, None, 0)


def _check_message(place: str, wire: Mapping[str, Any]) -> None:
    if wire["role"] not in _ROLES:
        raise UserError(
            f"{place} of the history has the role {shown(wire['role'])}; known are "
            f"{', '.join(_ROLES)}"
        )
    content = wire.get("content")
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise UserError(f"{place} of the history has no content, which must be a list of objects")


def _require_distinct(items: list[Any]) -> None:
    places: dict[str, int] = {}
    for n, wire in enumerate(items):
        first = places.setdefault(wire["id"], n)
        if first != n:
            raise UserError(f"items[{n}] of the history has the id of items[{first}]")


def _without_orphans(forms: list[JsonDict]) -> list[JsonDict]:
    """Leave out the calls that no output follows, the outputs of no call, and any second ones."""
    calls: dict[str, str | None] = {}  # by call_id the item of each; None once it has its output
    kept: set[str] = set()  # ids of items
    for form in forms:
        call_id = form.get("call_id", "")
        if form["type"] == "function_call":
            calls.setdefault(call_id, form["id"])
        elif (call := calls.get(call_id)) is not None:
            kept |= {call, form["id"]}
            calls[call_id] = None
    return [form for form in forms if form["type"] == "message" or form["id"] in kept]
