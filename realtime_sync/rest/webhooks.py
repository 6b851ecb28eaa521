"""Webhooks: what the provider tells a web server of yours, and the proof that it did.

Source of the rules: Standard Webhooks (https://www.standardwebhooks.com): HMAC-SHA256 over
``{webhook-id}.{webhook-timestamp}.{body}``, base64 in ``webhook-signature`` behind ``v1,``.
"""

# ruff: noqa: RUF009  # nested() is an attrs field, not a value

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

from attrs import frozen

from .._headers import Headers
from .._required import is_absent, require_function, require_length
from .._signed import HeadersLike, body_bytes, header_pairs, hmac_base64, is_same, utf8
from ..errors import ConfigError, RemoteProtocolError, WebhookSignatureError
from ..events import Model
from ..events.base import listed, load, nested, one

__all__ = [
    "CallIncomingData",
    "RealtimeCallIncoming",
    "SipHeader",
    "UnknownWebhook",
    "Webhooks",
    "sign",
]

_PREFIX = "whsec_"
_TOLERANCE_S = 300
_SECONDS = re.compile(r"-?[0-9]{1,20}")  # more are in no tolerance, and no float has them


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class SipHeader(Model):
    """A header of the SIP INVITE; what it says is the caller's claim."""

    name: str
    value: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class CallIncomingData(Model):
    """The call that waits to be taken.

    Attributes:
        call_id: for ``client.realtime.calls.accept`` and ``reject``.
        sip_headers: in the order of the INVITE; a name may come twice.
        sip_media_security: ``"srtp"``, ``"rtp"``, or None when it is unknown.
    """

    call_id: str
    sip_headers: list[SipHeader] = nested(listed(one(SipHeader)))
    sip_media_security: str | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class RealtimeCallIncoming(Model):
    """A telephone rings.

    Attributes:
        id: of this webhook; a repeated delivery has the same.
        created_at: seconds since 1970.
        data: the call.
    """

    type: Literal["realtime.call.incoming"] = "realtime.call.incoming"
    id: str | None = None
    object: str | None = None
    created_at: int | None = None
    data: CallIncomingData = nested(one(CallIncomingData))


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class UnknownWebhook(Model):
    """A webhook of another type.

    Attributes:
        type: the name on the wire.
        id: of this webhook; a repeated delivery has the same.
        created_at: seconds since 1970.
        data: as it came.
    """

    type: str
    id: str | None = None
    object: str | None = None
    created_at: int | None = None
    data: Any = None


class Webhooks:
    """``client.webhooks``.

    Example:
        >>> webhooks = Webhooks("whsec_c2VjcmV0")
        >>> body = b'{"type": "realtime.call.incoming", "data": {"call_id": "rtc_1"}}'
        >>> headers = sign(body, secret="whsec_c2VjcmV0")
        >>> webhooks.unwrap(body, headers).data.call_id
        'rtc_1'

    Args:
        secret: the signing secret, ``whsec_…``, or None to pass it to each call.
        clock: seconds since 1970.
    """

    def __init__(self, secret: str | None = None, *, clock: Callable[[], float] = time.time):
        if secret is not None and not isinstance(secret, str):
            raise _no_secret(secret)
        require_function(clock, "clock", takes=(), error=ConfigError)
        self._secret = secret
        self._clock = clock

    def unwrap(
        self,
        payload: str | bytes,
        headers: HeadersLike,
        *,
        secret: str | None = None,
        tolerance: int = _TOLERANCE_S,
    ) -> RealtimeCallIncoming | UnknownWebhook:
        """Verify a webhook and return what it says.

        Args:
            payload: the body as it came, not parsed and written again.
            headers: of the request, whatever their case; anything with ``items()``.
            secret: by default the client's.
            tolerance: see `verify_signature`.

        Raises:
            ConfigError: there is no secret.
            WebhookSignatureError: it was not signed with the secret, or is too old.
            RemoteProtocolError: it is signed, but no JSON object with a type.
        """
        self.verify_signature(payload, headers, secret=secret, tolerance=tolerance)
        try:
            fields = json.loads(body_bytes(payload))
        except (ValueError, RecursionError):
            fields = None
        kind = fields.get("type") if isinstance(fields, dict) else None
        if not isinstance(kind, str):
            raise RemoteProtocolError("the webhook is no JSON object with a type")
        if kind == "realtime.call.incoming":
            return load(RealtimeCallIncoming, fields)
        return load(UnknownWebhook, fields)

    def verify_signature(
        self,
        payload: str | bytes,
        headers: HeadersLike,
        *,
        secret: str | None = None,
        tolerance: int = _TOLERANCE_S,
    ) -> None:
        """Return if the webhook was signed with the secret and is fresh, else raise.

        Args:
            payload: the body as it came.
            headers: of the request, whatever their case; anything with ``items()``.
            secret: by default the client's.
            tolerance: how many seconds its timestamp may be off, in the past or the future.

        Raises:
            ConfigError: there is no secret, or it is malformed; the payload is no body; the
                tolerance no number.
            WebhookSignatureError: a header is missing or odd, the signature is wrong, or the
                timestamp is out of tolerance.
        """
        require_length(tolerance, "tolerance", error=ConfigError)
        key = _key(self._secret if secret is None else secret)
        body = body_bytes(payload)
        found = Headers(header_pairs(headers))
        webhook_id = _required(found, "webhook-id")
        stamp = _required(found, "webhook-timestamp")
        shown = _required(found, "webhook-signature")
        self._check_time(stamp, tolerance)
        expected = _signature(key, webhook_id, stamp, body)
        good = False
        for each in shown.split():
            version, _, signature = each.partition(",")
            if version == "v1" and is_same(expected, signature):
                good = True
        if not good:
            raise WebhookSignatureError(
                "the webhook's signature is wrong; check the secret, and that payload is the "
                "body as it came"
            )

    def _check_time(self, stamp: str, tolerance: int) -> None:
        if not _SECONDS.fullmatch(stamp):
            raise WebhookSignatureError("webhook-timestamp is no number of seconds")
        age = self._clock() - int(stamp)
        if abs(age) > tolerance:
            when = "past" if age > 0 else "future"
            raise WebhookSignatureError(
                f"the webhook's timestamp is {abs(age):.0f} s in the {when}, and {tolerance} s are "
                "allowed; it may be a replay, or a clock is wrong"
            )

    def __repr__(self) -> str:
        return f"Webhooks({'with' if self._secret else 'without'} a secret)"


def sign(
    payload: str | bytes,
    *,
    secret: str,
    webhook_id: str = "wh_test",
    timestamp: int | None = None,
) -> dict[str, str]:
    """Return the headers of a signed webhook, to test a handler with.

    Args:
        payload: the body.
        secret: ``whsec_…``.
        webhook_id: names the delivery.
        timestamp: seconds since 1970, by default now.

    Raises:
        ConfigError: the secret is malformed.
    """
    key = _key(secret)
    stamp = str(int(time.time()) if timestamp is None else timestamp)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{_signature(key, webhook_id, stamp, body_bytes(payload))}",
    }


def _no_secret(secret: object) -> ConfigError:
    return ConfigError(f"the webhook secret is a {type(secret).__name__}; pass text")


def _key(secret: str | None) -> bytes:
    if is_absent(secret):
        raise ConfigError(
            "no webhook secret: pass secret=…, webhook_secret=… to the client, or set "
            "OPENAI_WEBHOOK_SECRET"
        )
    if not isinstance(secret, str):
        raise _no_secret(secret)
    if not secret.startswith(_PREFIX):
        return utf8(secret)
    key = b""
    with suppress(ValueError):  # its text may hold the secret
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    if not key:
        raise ConfigError("the webhook secret is no base64 behind 'whsec_'; copy it whole")
    return key


def _required(headers: Headers, name: str) -> str:
    value = headers.get(name)
    if not value:
        raise WebhookSignatureError(f"the header {name!r} is missing: this is no signed webhook")
    return value


def _signature(key: bytes, webhook_id: str, stamp: str, body: bytes) -> str:
    return hmac_base64(key, utf8(f"{webhook_id}.{stamp}.") + body, hashlib.sha256)
