"""The REST calls of ``client.realtime``, and ``client.webhooks``.

What every call has in common:

- ``timeout`` is how many seconds the server may be silent, by default 60; connecting may take 5.
  A pair is ``(connect, read)``, None is "as long as it takes".
- An answer has at most 16 MiB, unpacked as well, and may keep the caller waiting for ten times the
  longest silence in all.
- Failures that happened before the server did anything (it could not be reached; 408, 429, 503)
  are tried again up to ``max_retries`` times (2), with delays of 0.5 s doubling to 8 s and up to a
  quarter shorter, or as long as ``retry-after-ms`` or ``Retry-After`` say, up to 120 s. After 500,
  502, 504, silence or a broken link only calls whose repetition does no harm are tried again:
  the secrets, ``reject`` and ``hangup``. ``x-should-retry`` decides where the server sends it.
- Redirects are not followed; cookies and ``~/.netrc`` are not used.
- It raises `ConfigError` (an option is wrong), `LocalProtocolError` (the body has no JSON form),
  `ConnectError` (no link), its `AnswerLostError` (the link broke, and the server may have done what
  was asked), `RealtimeTimeout` (silence), `RemoteProtocolError` (an answer that is not what the
  call promises), or an `ApiError` of its status.

Threads: everything here may be shared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _lazy

if TYPE_CHECKING:
    from .calls import CallAnswer, Calls
    from .client_secrets import ClientSecret, ClientSecrets, ExpiresAfterParam
    from .raw import RawResponse, StreamingResponse
    from .translations import TranslationClientSecret, TranslationClientSecrets
    from .webhooks import RealtimeCallIncoming, SipHeader, UnknownWebhook, Webhooks

# Loaded at their first use: whoever only opens a connection needs none of them.
_HOMES = {
    "CallAnswer": "calls",
    "Calls": "calls",
    "ClientSecret": "client_secrets",
    "ClientSecrets": "client_secrets",
    "ExpiresAfterParam": "client_secrets",
    "RawResponse": "raw",
    "RealtimeCallIncoming": "webhooks",
    "SipHeader": "webhooks",
    "StreamingResponse": "raw",
    "TranslationClientSecret": "translations",
    "TranslationClientSecrets": "translations",
    "UnknownWebhook": "webhooks",
    "Webhooks": "webhooks",
}

__all__ = [
    "CallAnswer",
    "Calls",
    "ClientSecret",
    "ClientSecrets",
    "ExpiresAfterParam",
    "RawResponse",
    "RealtimeCallIncoming",
    "SipHeader",
    "StreamingResponse",
    "TranslationClientSecret",
    "TranslationClientSecrets",
    "UnknownWebhook",
    "Webhooks",
]

__getattr__, __dir__ = _lazy.resolver(__name__, _HOMES)
