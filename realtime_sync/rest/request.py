"""A REST call as a value: what it sends and how its answer is read; no I/O."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, Literal, TypeVar, Union
from urllib.parse import quote, urlencode

from attrs import field, frozen

from .._deadline import LONGEST_S
from .._headers import Headers, checked_headers
from .._required import is_number, require
from .._shown import shown
from .._types import UNSET, JsonDict, Unset
from ..errors import ConfigError, LocalProtocolError, RemoteProtocolError
from ..events import Event, Model
from ..events.json_writer import write_json
from ..providers.base import checked_fields, checked_query

__all__ = [
    "FORM",
    "JSON",
    "Answer",
    "FormPart",
    "Request",
    "Timeout",
    "call_path",
    "expiry_of",
    "form_body",
    "json_body",
    "json_object",
    "merged",
    "parts_of",
    "seconds",
    "session_of",
    "text_bytes",
    "text_of",
]

T = TypeVar("T")

JSON: Final = "application/json"
SDP: Final = "application/sdp"
FORM: Final = "application/x-www-form-urlencoded"

# Seconds; a pair is (connect, read); None is "as long as it takes".
Timeout = Union[float, "tuple[float | None, float | None]", None]
_CONNECT_S: Final = 5.0


@frozen
class FormPart:
    """A part of a multipart body; plain text needs no content type."""

    name: str
    content_type: str | None
    data: bytes = field(repr=False)


@frozen
class Answer:
    """What the server answered, read to its end.

    Attributes:
        status: the HTTP status code.
        headers: looked up in any case.
        body: undecoded; never shown, because a secret may be in it.
        retries: how many tries went before the one that was answered.
    """

    status: int
    headers: Headers
    body: bytes = field(repr=False)
    retries: int = 0


def _extra_headers(given: Any) -> Mapping[str, str]:
    return checked_headers(given, "extra_headers")


def _extra_query(given: Any) -> Mapping[str, object]:
    return checked_query(given, "extra_query")


def _timeout(given: Any) -> Any:
    seconds(given, None)  # told before anything is asked of the program or the server
    return given


@frozen(kw_only=True)
class Request(Generic[T]):
    """One call.

    Attributes:
        path: below the base URL, with its parts percent-encoded.
        parse: makes the result of the answer.
        body: the whole body, the parts of a multipart one, or None.
        content_type: of the body; ignored for parts.
        accept: the media type of the answer.
        repeatable: whether repeating it does no harm, even if the server may have done it.
        method: ``"POST"`` or ``"GET"``.
        extra_headers, extra_query: the caller's; they win.
        timeout: the caller's, or `UNSET` for the client's.
    """

    path: str
    parse: Callable[[Answer], T]
    body: bytes | tuple[FormPart, ...] | None = field(default=None, repr=False)
    content_type: str = JSON
    accept: str = JSON
    repeatable: bool
    method: Literal["POST", "GET"] = "POST"
    extra_headers: Mapping[str, str] = field(default=None, repr=False, converter=_extra_headers)
    extra_query: Mapping[str, object] = field(default=None, repr=False, converter=_extra_query)
    timeout: Any = field(default=UNSET, converter=_timeout)


def call_path(call_id: str, action: str) -> str:
    """Return the path of an action on one call.

    Raises:
        ConfigError: the id is empty or a path of its own.
        LocalProtocolError: it has no UTF-8 form.
    """
    if not isinstance(call_id, str) or not call_id or call_id in (".", ".."):
        raise ConfigError(
            f"call_id is {shown(call_id)}; pass the id of a call, such as event.data.call_id"
        )
    return f"/realtime/calls/{quote(text_bytes(call_id), safe='')}/{action}"


def session_of(given: object, *, optional: bool = True) -> Any:
    """Return the session that a call was given.

    Raises:
        ConfigError: it is no dictionary and no value of `realtime_sync.events`.
    """
    fits = isinstance(given, Mapping | Model) and not isinstance(given, Event)
    require(
        fits or (optional and given is UNSET),
        "session must be a dictionary such as {'type': 'realtime'}",
        given,
        error=ConfigError,
    )
    return given


def text_of(given: object, name: str) -> Any:
    """Return a text that a call was given; whether it can be sent is seen when it is written.

    Raises:
        ConfigError: it is none, or has nothing in it.
    """
    fits = isinstance(given, str) and given.strip()
    require(fits, f"{name} must be a text with something in it", given, error=ConfigError)
    return given


def expiry_of(given: object) -> Any:
    """Return when a secret is to expire, as a call was given it.

    Raises:
        ConfigError: it is no dictionary.
    """
    require(
        given is UNSET or isinstance(given, Mapping),
        "expires_after must be a dictionary such as {'anchor': 'created_at', 'seconds': 600}",
        given,
        error=ConfigError,
    )
    return given


def merged(fields: Mapping[str, Any], extra_body: Mapping[str, Any] | None) -> JsonDict:
    """Return the fields that were given, with the caller's additions over them.

    Raises:
        ConfigError: the additions are no dictionary, or have a name that is no text.
    """
    more = checked_fields(extra_body, "extra_body")
    return {k: v for k, v in {**fields, **more}.items() if v is not UNSET}


def json_body(fields: Any) -> bytes:
    """Return compact JSON; sessions given as values are taken as well as dictionaries.

    Raises:
        LocalProtocolError: something in it has no JSON form.
    """
    return write_json(fields, "the body").encode()


def form_body(fields: Mapping[str, str | Sequence[str]]) -> bytes:
    """Return the fields of a form, percent-encoded; a sequence is a field that comes repeatedly."""
    return urlencode(fields, doseq=True).encode()


def text_bytes(text: str) -> bytes:
    """Return UTF-8.

    Raises:
        LocalProtocolError: there is half a surrogate pair in it.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as exc:
        raise LocalProtocolError("the text holds half a surrogate pair; decode it anew") from exc


def parts_of(fields: Mapping[str, Any]) -> tuple[FormPart, ...]:
    """Return a form: text as it is, everything else as JSON."""
    parts = []
    for name, value in fields.items():
        if isinstance(value, str) and name != "session":
            parts.append(FormPart(name, SDP if name == "sdp" else None, text_bytes(value)))
        else:
            parts.append(FormPart(name, JSON, json_body(value)))
    return tuple(parts)


def json_object(answer: Answer) -> JsonDict:
    """Return the decoded body.

    Raises:
        RemoteProtocolError: it is no JSON object. Its text stays out of the message: it may hold
            a secret.
    """
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        kind = answer.headers.get("content-type", "no content type")
        raise RemoteProtocolError(
            f"the server answered with status {answer.status} and {len(answer.body)} bytes "
            f"({kind}) where a JSON object is due; check base_url"
        )
    return value


def seconds(timeout: Any, default: Any = UNSET) -> tuple[float | None, float | None]:
    """Return the timeouts of connecting and of reading.

    Args:
        timeout: a number of seconds for reading (connecting takes at most 5), a pair, None, or
            anything with ``connect`` and ``read``, as the peers' HTTP libraries have.
        default: where ``timeout`` is `UNSET`.

    Raises:
        ConfigError: it is none of these.
    """
    value = default if isinstance(timeout, Unset) else timeout
    if value is None:
        return None, None
    if isinstance(value, tuple) and len(value) == 2:
        connect, read = value
    elif hasattr(value, "connect") and hasattr(value, "read"):
        connect, read = value.connect, value.read
    elif _is_time(value):
        connect, read = min(_CONNECT_S, value), value
    else:
        connect = read = -1
    if not all(part is None or _is_time(part) for part in (connect, read)):
        raise ConfigError(
            f"timeout is {shown(value)}; pass seconds greater than 0, (connect, read), or None"
        )
    return connect, read


def _is_time(value: Any) -> bool:
    return is_number(value, 0, LONGEST_S) and value > 0
