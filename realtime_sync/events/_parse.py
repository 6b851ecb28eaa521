"""From text to events. This is the hot path: every event of every connection comes through."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from .._codec import scan_json
from .._shown import shown
from ..errors import LocalProtocolError, RemoteProtocolError
from ._audio import AudioDelta
from ._registry import BETA_ALIASES, CLIENT_EVENTS, SERVER_EVENTS, ClientEvent, ServerEvent
from .base import Event, set_dict
from .unknown import UnknownEvent

__all__ = ["parse_client_event", "parse_event"]

# The class, the test for unknown fields, and the GA name if this entry is an alias.
_Entry = tuple[type[Event], Callable[[Any], bool], "str | None"]
_Table = dict[str, _Entry]

# From this length on (characters), the delta is cut out before the JSON decoder sees the text.
CUT_FROM = 1024
# So far (characters) its key is looked for: ids and the type stand before it, and to look through
# all of a session of 5 kB took 6 µs.
_HEAD = 512
LONGEST_EXCERPT = 80
# No event needs more levels, and what walks through it would reach Python's own limit.
DEEPEST = 256
_SHORTEST_DEEP = 2 * DEEPEST  # characters: each level has a bracket at either end

_new = object.__new__


def _table(classes: Mapping[str, type[Event]]) -> _Table:
    entries: _Table = {name: (cls, cls._knows, None) for name, cls in classes.items()}
    for beta, name in BETA_ALIASES.items():
        if name in classes and not beta.startswith("transcription_session."):
            entries[beta] = (classes[name], classes[name]._knows, name)
    return entries


_SERVER = _table(SERVER_EVENTS)
_CLIENT = _table(CLIENT_EVENTS)


def parse_event(text: str | bytes) -> ServerEvent:
    """Return the event in a message from a server.

    Unknown types become `UnknownEvent`, unknown fields go to ``extra``, missing fields read as
    None, and values of unexpected types stay as they are: only text that is no event at all is
    refused.

    Args:
        text: one message, as text or UTF-8 bytes.

    Raises:
        RemoteProtocolError: malformed UTF-8 or JSON, nested too deeply, not an object, or no
            ``type`` text in it.
        LocalProtocolError: it is neither text nor bytes.

    Example:
        >>> event = parse_event('{"type": "response.text.delta", "delta": "Hel"}')
        >>> event
        ResponseOutputTextDelta(delta='Hel')
        >>> event.type
        'response.output_text.delta'
    """
    return _parse(text, _SERVER)  # type: ignore[no-any-return]


def parse_client_event(text: str | bytes) -> ClientEvent:
    """Return the event in a message from a client, for servers and tests.

    Args:
        text: one message, as text or UTF-8 bytes.

    Raises:
        RemoteProtocolError: malformed UTF-8 or JSON, nested too deeply, not an object, or no
            ``type`` text in it.
        LocalProtocolError: it is neither text nor bytes.

    Example:
        >>> parse_client_event('{"type": "response.cancel", "response_id": "resp_1"}')
        ResponseCancel(response_id='resp_1')
    """
    return _parse(text, _CLIENT)  # type: ignore[no-any-return]


def _parse(text: str | bytes, table: _Table) -> Any:
    if not isinstance(text, str):
        text = _to_text(text)
    data = _cut_delta(text, table) if len(text) >= CUT_FROM else None
    if data is None:
        try:
            data, end = scan_json(text, 0)
        except (StopIteration, ValueError, RecursionError):
            data = _decode(text)
        else:
            if end != len(text):
                data = _decode(text)
        if len(text) > _SHORTEST_DEEP and _is_too_deep(data, text):
            raise RemoteProtocolError(f"nested more than {DEEPEST} levels deep: {_excerpt(text)}")
    try:
        cls, knows, name = table[data["type"]]
    except (KeyError, TypeError):
        return _parse_odd(data, text, table)
    if name is not None:
        data["type"] = name
    if not knows(data):  # 0.13 µs; attributes must not be shadowed by fields from the wire
        data = _with_extra(cls, data)
    data["raw"] = text
    event = _new(cls)
    set_dict(event, data)
    return event


def _cut_delta(text: str, table: _Table) -> Any:
    """Decode a long message without its ``delta``, which is found by `str.find`.

    Without a backslash in the text every quote begins or ends a string, so ``"delta":`` can only
    be a key; with no second brace before it, it is a key of the event itself. (Control characters
    in the base64, which JSON forbids, are not looked for.) 32 kB of audio
    cost 3.4 µs this way, 21 with the JSON decoder.

    Returns:
        The fields, or None when the text is not of this kind; the JSON decoder then decides.
    """
    start = text.find('"delta":"', 0, _HEAD) + len('"delta":"')
    if start < len('"delta":"'):
        start = text.find('"delta": "', 0, _HEAD) + len('"delta": "')
        if start < len('"delta": "'):
            return None
    end = text.find('"', start)
    if (
        end < 0
        or text.find("\\") >= 0
        or text.find("{", 1, start) >= 0
        or text.find('"delta"', end) >= 0
    ):
        return None
    rest = text[:start] + text[end:]
    try:
        data, stop = scan_json(rest, 0)
        if stop != len(rest) or len(rest) > _SHORTEST_DEEP:
            return None
        entry = table.get(data["type"])
    except (StopIteration, KeyError, TypeError, ValueError, RecursionError):
        return None
    lazy = entry is not None and issubclass(entry[0], AudioDelta)
    data["delta"] = slice(start, end) if lazy else text[start:end]
    return data


def _is_too_deep(data: Any, text: str) -> bool:
    if text.count("{") + text.count("[") <= DEEPEST:
        return False
    level = [data]
    for _ in range(DEEPEST):
        inner = [v for outer in level for v in (outer.values() if type(outer) is dict else outer)]
        level = [value for value in inner if type(value) in (dict, list)]
    return bool(level)


def _with_extra(cls: type[Event], data: dict[str, Any]) -> dict[str, Any]:
    wire = cls._wire
    values = {name: v for name, v in data.items() if name in wire}
    values["extra"] = {name: v for name, v in data.items() if name not in wire}
    return values


def _parse_odd(data: Any, text: str, table: _Table) -> Event:
    """Refuse what is no event, and build what has no class."""
    if type(data) is not dict:
        raise RemoteProtocolError(f"not a json object, so not an event: {_excerpt(text)}")
    name = data.get("type")
    if type(name) is not str:
        raise RemoteProtocolError(f"an event needs a text in 'type', got {_excerpt(text)}")
    canonical = BETA_ALIASES.get(name)
    if canonical is None or canonical not in table:
        return UnknownEvent(type=name, data=data, raw=text)
    # transcription_session.*: the beta had a name for it, GA has a type in the session.
    session = data.get("session")
    if type(session) is dict:
        session.setdefault("type", "transcription")
    cls = table[canonical][0]
    data["type"] = canonical
    values = {**_with_extra(cls, data), "raw": text}
    event = _new(cls)
    set_dict(event, values)
    return event


def _to_text(data: object) -> str:
    if not isinstance(data, bytes | bytearray | memoryview):
        raise LocalProtocolError(f"an event is parsed from text or bytes, not {shown(data)}")
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as exc:
        raise RemoteProtocolError(f"an event is not utf-8: {exc}") from exc


def _decode(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise RemoteProtocolError(f"malformed json ({exc}): {_excerpt(text)}") from exc


def _excerpt(text: str) -> str:
    return repr(text) if len(text) <= LONGEST_EXCERPT else repr(text[: LONGEST_EXCERPT - 1] + "…")
