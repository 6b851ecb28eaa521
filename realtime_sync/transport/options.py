"""How a link is opened, kept alive and closed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

from attrs import Attribute, field, frozen

from .._deadline import LONGEST_S
from .._net.proxy import parse_proxy
from .._required import is_absent, is_number, is_whole
from .._shown import shown
from .._types import SSLContext
from ..errors import ConfigError

__all__ = ["TransportOptions"]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2


def _seconds(
    *, optional: bool = False, zero: bool = False
) -> Any:  # attrs' validators are untyped callables
    rule = "at least 0" if zero else "greater than 0"
    extra = ", or None to turn it off" if optional else ""

    def check(_: object, attribute: Attribute[Any], value: object) -> None:
        if value is None and optional:
            return
        if not is_number(value, 0, LONGEST_S) or (value == 0 and not zero):
            raise ConfigError(
                f"{attribute.name} is {shown(value)}; pass a number of seconds {rule}{extra}"
            )

    return check


def _check_max_size(_: object, attribute: Attribute[Any], value: object) -> None:
    if value is None:
        return
    if not is_whole(value, 1):
        raise ConfigError(
            f"{attribute.name} is {shown(value)}; pass a positive number of bytes, or None for "
            "no limit"
        )


def _check_compression(_: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None and (not isinstance(value, str) or value != "deflate"):
        raise ConfigError(f"{attribute.name} is {shown(value)}; pass 'deflate', or None for none")


def _check_proxy(_: object, attribute: Attribute[Any], value: Any) -> None:
    if not is_absent(value):
        parse_proxy(value, attribute.name)


def _check_context(_: object, attribute: Attribute[Any], value: object) -> None:
    if value is None:
        return
    import ssl  # a plain ws:// program does not need it

    if not isinstance(value, ssl.SSLContext):
        raise ConfigError(
            f"{attribute.name} is a {type(value).__name__}; pass an ssl.SSLContext, "
            "for example ssl.create_default_context(cafile=...)"
        )


def _check_subprotocols(_: object, attribute: Attribute[Any], value: tuple[Any, ...]) -> None:
    # The values stay out of the message: some servers take the key as a subprotocol.
    if not all(isinstance(name, str) and _TOKEN.fullmatch(name) for name in value):
        raise ConfigError(
            f"{attribute.name} holds a value that is not an HTTP token; "
            "pass a sequence of names without spaces, commas or quotes"
        )


def _names(value: Any) -> Any:
    if isinstance(value, str):
        raise ConfigError("subprotocols is one string; pass a sequence, such as ('realtime',)")
    if not isinstance(value, Iterable):
        raise ConfigError("subprotocols is no sequence; pass one, such as ('realtime',)")
    return tuple(value)


@frozen(kw_only=True)
class TransportOptions:
    """How a link is opened, kept alive and closed.

    Attributes:
        open_timeout: seconds for everything from the name lookup to the answer of the handshake.
        close_timeout: seconds the peer has to take our answer to its close frame.
        send_timeout: seconds that one message may take, its wait for other threads' messages
            included. Then the link is cut (1006), because a message sent in part can't be taken
            back. None waits for as long as the peer keeps the link open and takes nothing.
        ping_interval: seconds of silence after which the peer is pinged, and pinged again; None for
            no pings, and then ``ping_timeout`` has no effect either.
        ping_timeout: seconds the peer then has to send anything; None to wait for ever, for servers
            that do not answer pings.
        max_size: bytes of the largest message accepted, decompressed; None for no limit. A larger
            one closes the link with 1009.
        compression: "deflate" offers permessage-deflate (RFC 7692), which the server may decline;
            None never compresses. Measured: base64 audio shrinks by a quarter and repeated small
            events to a ninth; a 20 ms chunk costs 40 µs instead of 5 to send, 13 instead of 2 to
            receive.
        proxy: ``http://[user:password@]host:port``, or ``socks5://``, ``socks5h://`` (the proxy
            looks the name up), ``socks4://``, ``socks4a://`` with the extra ``[socks]``; None for
            the environment's; "" for none whatever the environment says.
        ssl_context: for ``wss://``: a private authority, a client certificate; None for the
            system's certificate authorities.
        subprotocols: offered in this order.
    """

    open_timeout: float = field(default=10.0, validator=_seconds())
    close_timeout: float = field(default=5.0, validator=_seconds(zero=True))
    send_timeout: float | None = field(default=None, validator=_seconds(optional=True))
    ping_interval: float | None = field(default=20.0, validator=_seconds(optional=True))
    ping_timeout: float | None = field(default=20.0, validator=_seconds(optional=True))
    max_size: int | None = field(default=None, validator=_check_max_size)
    compression: Literal["deflate"] | None = field(default=None, validator=_check_compression)
    # Both may hold a secret, and a repr ends up in logs.
    proxy: str | None = field(default=None, validator=_check_proxy, repr=False)
    ssl_context: SSLContext | None = field(default=None, validator=_check_context)
    subprotocols: tuple[str, ...] = field(
        default=(), converter=_names, validator=_check_subprotocols, repr=False
    )
