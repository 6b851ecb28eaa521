"""How a session gets its connection: from a client, or from what the model config says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._shown import shown
from ..clients.base import CLIENTS_OF_OURS, Client, is_client
from ..clients.openai import OpenAI
from ..connection.manager import RealtimeConnectionManager
from ..connection.reconnect import OnReconnecting, ReconnectPolicy
from ..errors import UserError
from ..transport import Transport, TransportOptions, connect
from .given import require_object, require_text_values
from .model import RealtimeModelConfig, TransportConfig
from .user_code import require_function

__all__ = ["connection_to"]

# The peer's names, and ours.
_OPTIONS = {
    "handshake_timeout": "open_timeout",
    "max_size": "max_size",
    "ping_interval": "ping_interval",
    "ping_timeout": "ping_timeout",
}


def connection_to(
    model: str | None,
    *,
    client: Client | None,
    config: RealtimeModelConfig,
    transport: TransportConfig,
    on_reconnecting: OnReconnecting,
) -> RealtimeConnectionManager:
    """Return the connection of a session, to be opened.

    It is made anew when it is lost, but not the one to a call, which has a session of its own.

    Args:
        model: what the session talks to; None with a call.
        client: `OpenAI` from the environment by default. What ``config`` says counts more.
        config: says a key, an address, headers or a call.
        transport: options of the link.
        on_reconnecting: is told before each attempt to make it anew.

    Raises:
        ConfigError: there is no key, or an option is wrong; this is no client.
    """
    if client is not None and not is_client(client):
        raise UserError(f"client={shown(client)} is none; {CLIENTS_OF_OURS}")
    _check(config)
    url, headers = config.get("url"), config.get("headers")
    call_id = config.get("call_id")
    if client is None or "api_key" in config:
        # What gives its own headers has its key in them.
        client = OpenAI(api_key=config.get("api_key") or ("in the headers" if headers else None))
    return client.realtime.connect(
        model=None if call_id else model,
        call_id=call_id,
        websocket_connection_options=_options(transport),
        reconnect=None if call_id else ReconnectPolicy(),
        on_reconnecting=None if call_id else on_reconnecting,
        transport=_Elsewhere(url, headers) if url or headers else None,
    )


def _check(config: RealtimeModelConfig) -> None:
    """Refuse what would fail only when the link is opened, without a word of what is wrong."""
    values: dict[str, Any] = dict(config)
    key, headers = values.get("api_key"), values.get("headers")
    for name in ("url", "call_id"):
        if not isinstance(values.get(name), str | None):
            raise UserError(f"model_config: {name}={shown(values[name])} is no text")
    if key is not None and not isinstance(key, str):
        require_function(key, "model_config: api_key, where it is no text,")
    if headers is not None:
        require_text_values(headers, "model_config: headers")


class _Elsewhere:
    """Opens the links at an address, or with headers, that the program has given whole."""

    def __init__(self, url: str | None, headers: Mapping[str, str] | None) -> None:
        self._url = url
        self._headers = headers

    def __call__(
        self, url: str, headers: Mapping[str, str], options: TransportOptions
    ) -> Transport:
        given = headers if self._headers is None else self._headers
        return connect(self._url or url, headers=given, options=options)


def _options(transport: TransportConfig) -> dict[str, Any]:
    require_object(transport, "the transport config")
    unknown = sorted(set(transport) - set(_OPTIONS))
    if unknown:
        raise UserError(
            f"the transport config has no {', '.join(map(repr, unknown))}; it knows "
            f"{', '.join(sorted(_OPTIONS))}"
        )
    return {_OPTIONS[name]: value for name, value in transport.items()}
