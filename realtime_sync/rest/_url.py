"""The URL of a request."""

from __future__ import annotations

from urllib.parse import parse_qs, urlunsplit

from .._net.address import HTTP_PORTS, server_url
from ..providers.base import encode_query

__all__ = ["request_url"]


def request_url(base_url: str, path: str, query: dict[str, object]) -> tuple[str, str, int]:
    """Return the URL of a request, and its host and port.

    Raises:
        ConfigError: the base URL is none for REST.
    """
    parts, host, port = server_url(
        base_url, name="base_url", ports=HTTP_PORTS, example="https://host:port/path"
    )
    whole = parts.path.rstrip("/") + path
    everything = {**parse_qs(parts.query, keep_blank_values=True), **query}
    url = urlunsplit((parts.scheme, parts.netloc, whole, encode_query(everything), ""))
    return url, host, port
