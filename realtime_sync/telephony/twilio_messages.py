"""Twilio's messages, read and written; pure.

Each message is a JSON object with an ``event``. What Twilio sends is ``connected``, ``start``,
``media``, ``dtmf``, ``mark`` and ``stop``; what it is sent is ``media``, ``mark`` and ``clear``.
Source: https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from attrs import field, frozen

from .._codec import decode_base64, encode_base64
from .._shown import shown
from ..errors import RemoteProtocolError
from .dtmf import DIGITS

__all__ = [
    "Connected",
    "Digit",
    "Mark",
    "Media",
    "Stop",
    "StreamRefusedError",
    "StreamStart",
    "TwilioMessage",
    "parse_twilio",
    "twilio_clear",
    "twilio_mark",
    "twilio_media",
]

_ENCODING = ("audio/x-mulaw", 8000, 1)


def _unchangeable(values: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(values))


class StreamRefusedError(RemoteProtocolError):
    """The start of a stream is one that no call can come of."""


@frozen(kw_only=True)
class StreamStart:
    """What Twilio tells of a call before its first sound; `MediaStreams.start` is one.

    Attributes:
        stream_sid: the id of the stream.
        call_sid: the id of the call.
        account_sid: the id of the account.
        tracks: what is streamed, as a rule ``("inbound",)``.
        custom_parameters: the ``<Parameter>`` elements of the TwiML.
    """

    stream_sid: str
    call_sid: str = ""
    account_sid: str = ""
    tracks: tuple[str, ...] = ()
    custom_parameters: Mapping[str, str] = field(factory=dict, converter=_unchangeable)


@frozen
class Connected:
    """The link is there; the start of the stream follows."""


@frozen(kw_only=True)
class Media:
    """A piece of sound.

    Attributes:
        stream_sid: the id of the stream; empty if it was left out.
        track: "inbound" is the caller.
        chunk: its number, from 1 on; 0 if it was left out.
        ulaw: µ-law, one byte per sample, 8 kHz.
    """

    stream_sid: str
    track: str
    chunk: int
    ulaw: bytes


@frozen(kw_only=True)
class Digit:
    """A key that the caller has pressed."""

    stream_sid: str
    digit: str


@frozen(kw_only=True)
class Mark:
    """A mark that came back: what was sent before it was played, or thrown away."""

    stream_sid: str
    name: str


@frozen(kw_only=True)
class Stop:
    """The call, or its stream, is over."""

    stream_sid: str


TwilioMessage: TypeAlias = StreamStart | Connected | Media | Digit | Mark | Stop


def parse_twilio(message: str | bytes) -> TwilioMessage:
    """Read one message.

    Raises:
        StreamRefusedError: it begins a stream that nobody can speak.
        RemoteProtocolError: it is none of Twilio's, or lacks something.
    """
    try:
        values = json.loads(message)
    except (ValueError, RecursionError):
        raise RemoteProtocolError(f"{shown(message)} is no JSON of Twilio's") from None
    if not isinstance(values, dict):
        raise RemoteProtocolError(f"{shown(message)} is no message of Twilio's")
    stream_sid = _text(values, "streamSid")
    match values.get("event"):
        case "media":
            return _media(stream_sid, _object(values, "media"))
        case "mark":
            name = _text(_object(values, "mark"), "name")
            return Mark(stream_sid=stream_sid, name=name)
        case "dtmf":
            return _digit(stream_sid, _object(values, "dtmf"))
        case "start":
            return _start(stream_sid, _object(values, "start"))
        case "stop":
            return Stop(stream_sid=stream_sid)
        case "connected":
            return Connected()
        case other:
            raise RemoteProtocolError(f"event={shown(other)} is none of Twilio's")


def twilio_media(stream_sid: str, ulaw: bytes) -> str:
    """Return the message that has µ-law played."""
    # By hand, as it is written 50 times a second: base64 holds nothing that JSON escapes.
    payload = encode_base64(ulaw).decode("ascii")
    return (
        f'{{"event":"media","streamSid":{json.dumps(stream_sid)},'
        f'"media":{{"payload":"{payload}"}}}}'
    )


def twilio_mark(stream_sid: str, name: str) -> str:
    """Return the message that comes back when all before it was played."""
    return json.dumps({"event": "mark", "streamSid": stream_sid, "mark": {"name": name}})


def twilio_clear(stream_sid: str) -> str:
    """Return the message that throws away what was not played."""
    return json.dumps({"event": "clear", "streamSid": stream_sid})


def _media(stream_sid: str, media: dict[str, Any]) -> Media:
    payload = media.get("payload")
    try:
        ulaw = decode_base64(payload)  # type: ignore[arg-type]  # a TypeError is caught
    except (TypeError, ValueError):
        raise RemoteProtocolError(f"the payload {shown(payload)} is no base64") from None
    track = _text(media, "track").removesuffix("_track") or "inbound"
    return Media(stream_sid=stream_sid, track=track, chunk=_number(media.get("chunk")), ulaw=ulaw)


def _digit(stream_sid: str, dtmf: dict[str, Any]) -> Digit:
    digit = _text(dtmf, "digit").upper()
    if len(digit) != 1 or digit not in DIGITS:
        raise RemoteProtocolError(f"digit={shown(dtmf.get('digit'))} is no key of a telephone")
    return Digit(stream_sid=stream_sid, digit=digit)


def _start(stream_sid: str, start: dict[str, Any]) -> StreamStart:
    stream_sid = _text(start, "streamSid") or stream_sid
    if not stream_sid:
        raise StreamRefusedError("the start of the stream has no streamSid, so nothing can be sent")
    _check_format(start.get("mediaFormat"))
    tracks = start.get("tracks")
    return StreamStart(
        stream_sid=stream_sid,
        call_sid=_text(start, "callSid"),
        account_sid=_text(start, "accountSid"),
        tracks=tuple(map(str, tracks)) if isinstance(tracks, list) else (),
        custom_parameters=_texts(start.get("customParameters")),
    )


def _check_format(found: object) -> None:
    """Refuse another coding than the one that every stream has; left out, it is that one."""
    if found is None:
        return
    fields = found if isinstance(found, dict) else {}
    rate, channels = _number(fields.get("sampleRate")), _number(fields.get("channels"))
    if (fields.get("encoding"), rate, channels) != _ENCODING:
        raise StreamRefusedError(
            f"the stream's mediaFormat is {shown(found)}; what can be spoken is audio/x-mulaw at "
            "8000 Hz, one channel"
        )


def _object(values: dict[str, Any], key: str) -> dict[str, Any]:
    found = values.get(key)
    if not isinstance(found, dict):
        raise RemoteProtocolError(f"a message of Twilio's has {key}={shown(found)}, no object")
    return found


def _texts(found: object) -> Mapping[str, str]:
    if not isinstance(found, dict):
        return {}
    return {str(key): str(value) for key, value in found.items()}


def _text(values: dict[str, Any], key: str) -> str:
    found = values.get(key)
    return found if isinstance(found, str) else ""


def _number(value: object) -> int:
    """Return a whole number, which Twilio writes as a text; 0 for what is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
