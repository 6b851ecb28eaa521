"""How a link is opened, kept alive and closed."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from attrs import Attribute, field, frozen

from ..errors import ConfigError
from ._proxy import parse_proxy

if TYPE_CHECKING:
    import ssl

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
        good = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not good or not math.isfinite(value) or value < 0 or (value == 0 and not zero):  # type: ignore[arg-type,operator]  # good says it is a number
            raise ConfigError(
                f"{attribute.name} is {value!r}; pass a number of seconds {rule}{extra}"
            )

    return check


def _check_max_size(_: object, attribute: Attribute[Any], value: object) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(
            f"{attribute.name} is {value!r}; pass a positive number of bytes, or None for no limit"
        )


def _check_proxy(_: object, attribute: Attribute[Any], value: Any) -> None:
    if value is not None and value != "":
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
    return tuple(value)


@frozen(kw_only=True)
class TransportOptions:
    """How a link is opened, kept alive and closed.

    Attributes:
        open_timeout: seconds for everything from the TCP connection to the answer of the
            handshake. Not bounded by it: the system's name lookup, and a proxy that answers CONNECT
            byte by byte.
        close_timeout: seconds the peer has to take our answer to its close frame.
        ping_interval: seconds of silence after which the peer is pinged; None for never.
        ping_timeout: seconds the peer then has to send anything; None to wait for ever.
        max_size: bytes of the largest message accepted; None for no limit.
        proxy: ``http://[user:password@]host:port`` (or ``socks5://...`` with the package
            python-socks); None for the environment's; "" for none whatever the environment says.
        ssl_context: for ``wss://``; None for the system's certificate authorities.
        subprotocols: offered in this order.
    """

    open_timeout: float = field(default=10.0, validator=_seconds())
    close_timeout: float = field(default=5.0, validator=_seconds(zero=True))
    ping_interval: float | None = field(default=20.0, validator=_seconds(optional=True))
    ping_timeout: float | None = field(default=20.0, validator=_seconds(optional=True))
    max_size: int | None = field(default=None, validator=_check_max_size)
    # Both may hold a secret, and a repr ends up in logs.
    proxy: str | None = field(default=None, validator=_check_proxy, repr=False)
    ssl_context: ssl.SSLContext | None = field(default=None, validator=_check_context)
    subprotocols: tuple[str, ...] = field(
        default=(), converter=_names, validator=_check_subprotocols, repr=False
    )
