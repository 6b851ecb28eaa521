"""What signed requests have in common: their headers, their body, the HMAC and its comparison."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeAlias

from .errors import ConfigError

__all__ = ["HeadersLike", "body_bytes", "header_pairs", "hmac_base64", "is_same", "utf8"]


class _Items(Protocol):
    def items(self) -> Iterable[tuple[Any, Any]]: ...


HeadersLike: TypeAlias = Mapping[str, str] | _Items


def header_pairs(headers: HeadersLike) -> list[tuple[str, str]]:
    """Return the names and values of those headers that are text; of what has no items, none."""
    # Those of websockets raise at a name that is there twice; these are all.
    items: Any = getattr(headers, "raw_items", None) or getattr(headers, "items", tuple)
    texts = [(_text(name), _text(value)) for name, value in items()]
    return [(name, value) for name, value in texts if name and value]


def body_bytes(payload: object) -> bytes:
    """Return a body as it was signed.

    Raises:
        ConfigError: it is none, such as one that was parsed already.
    """
    if isinstance(payload, str):
        return utf8(payload)
    if isinstance(payload, bytes | bytearray | memoryview):
        return bytes(payload)
    raise ConfigError(
        f"the payload is a {type(payload).__name__}; pass the body as it came, bytes or text"
    )


def hmac_base64(key: bytes, signed: bytes, digest: Any) -> str:
    """Return the HMAC of ``signed`` in base64; ``digest`` is one of `hashlib`'s functions."""
    return base64.b64encode(hmac.new(key, signed, digest).digest()).decode()


def is_same(expected: str, shown: str) -> bool:
    """Return whether a signature is the expected one, in a time that does not tell how far it is.

    Args:
        expected: ASCII.
        shown: whatever came.
    """
    return hmac.compare_digest(expected.encode(), utf8(shown))


def utf8(text: str) -> bytes:
    """Return UTF-8; half an emoji has none, and is wrong anyway."""
    return text.encode(errors="surrogatepass")


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else None
