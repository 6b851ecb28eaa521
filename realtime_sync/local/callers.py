"""Who may ask, by the Host and the Origin that a request names.

A browser sends a page's requests wherever the page wants, also to a server on the user's own
machine. What protects it are two headers that no page can set: ``Origin`` says whose page asks.
``Host`` says by which name it has found the server: a foreign one may be its own, made to lead here
after the page was loaded (DNS rebinding), and then the page's requests are of the same origin.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from attrs import frozen

from ..errors import ConfigError

__all__ = ["CallerRules"]

_NAME = r"[a-z0-9_][a-z0-9_.-]*"
_LITERAL = r"\[[^\[\]/?#@\s]+\]"  # of IPv6
_AUTHORITY = re.compile(rf"(?P<host>{_NAME}|{_LITERAL})(?::(?P<port>[0-9]{{0,5}}))?")
_ORIGIN = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>.*)")

_NAME_PATTERN = re.compile(r"[a-z0-9_*][a-z0-9_.*-]*")
_ORIGIN_PATTERN = re.compile(
    rf"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[a-z0-9_*][a-z0-9_.*-]*|{_LITERAL})"
    r"(?::(?P<port>[0-9]{1,5}|\*))?"
)

_WEB = ("http", "https")
_DEFAULT_PORTS = (80, 443)
_HIGHEST_PORT = 65535


class CallerRules:
    """Tells which requests are refused, and why.

    Accepted as Host are IP addresses, ``localhost`` and names that end in ``.localhost``, the name
    that the server is bound to, and ``hosts``. Accepted as Origin are none at all (no page asks),
    pages of this machine, pages of the host and port that the request asks, and ``origins``.

    Args:
        bound: the address or name that the server is bound to.
        hosts: further names, without ports. ``*.example.com`` stands for every name below
            ``example.com``, a ``*`` elsewhere for a part of one label, and ``*`` alone for
            all names.
        origins: further origins, such as ``https://app.example``. Their hosts may hold ``*`` in the
            same way, ``:*`` stands for every port, and ``*`` alone for all origins.

    Raises:
        ConfigError: one of ``hosts`` or ``origins`` is none.
    """

    def __init__(self, bound: str, hosts: Sequence[str] = (), origins: Sequence[str] = ()) -> None:
        self._bound = _without_dot(bound.lower())
        self._all_origins = "*" in origins
        self._hosts = [_host_pattern(host) for host in hosts]
        self._origins = [_OriginPattern.of(origin) for origin in origins if origin != "*"]

    def refuse_host(self, hosts: Sequence[str]) -> str | None:
        """Return why a request is refused, or None.

        Args:
            hosts: the values of its Host headers, which should be one.
        """
        authority = _Authority.parse(hosts[0]) if len(hosts) == 1 else None
        if authority is None:
            return (
                f"Expected one Host header with a name or an IP address, but got {_shown(hosts)}. "
                "The server is asked by its IP address, as localhost, or by a name that it was "
                "started with: --allow-host NAME."
            )
        if self._knows(authority):
            return None
        return (
            f"This server does not go by the name '{authority.host:.200}' (the Host of your "
            f"request). If it should, start it with --allow-host {authority.host:.200}; else ask "
            "it by its IP address, or as localhost."
        )

    def refuse_origin(self, origins: Sequence[str], hosts: Sequence[str]) -> str | None:
        """Return why a request is refused, or None.

        Args:
            origins: the values of its Origin headers, which should be one or none.
            hosts: those of its Host headers.
        """
        if not origins or (self._all_origins and len(origins) == 1):
            return None
        if list(origins) == ["null"]:
            return (
                "The Origin 'null' is refused: pages out of files send it, but also frames of "
                "every site. Serve the page over HTTP from this machine, such as with "
                "'python -m http.server', or from an origin that --allow-origin names."
            )
        origin = _Origin.parse(origins[0]) if len(origins) == 1 else None
        if origin is None:
            return (
                "Expected one Origin header such as 'https://app.example', but got "
                f"{_shown(origins)}. A program needs none; what pages send is accepted from this "
                "machine and from the origins that --allow-origin names."
            )
        if self._trusts(origin, hosts):
            return None
        return (
            f"Pages of '{origin!s:.200}' may not use this server (the Origin of your request). "
            f"If they should, start it with --allow-origin {origin!s:.200}."
        )

    def _knows(self, authority: _Authority) -> bool:
        host = authority.host
        return (
            authority.address is not None
            or _is_localhost(host)
            or host == self._bound
            or any(pattern.fullmatch(host) for pattern in self._hosts)
        )

    def _trusts(self, origin: _Origin, hosts: Sequence[str]) -> bool:
        if any(pattern.fits(origin) for pattern in self._origins):
            return True
        # The scheme may differ from the server's own: a proxy may speak TLS for it.
        return origin.scheme in _WEB and (
            origin.authority.is_loopback()
            or any(_Authority.parse(host) == origin.authority for host in hosts)
        )


@frozen
class _Authority:
    """A host and its port.

    Attributes:
        host: in lower case and without a dot at its end; an IPv6 address without brackets.
        port: None for the usual ones of the web, which browsers leave out.
    """

    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> _Authority | None:
        """Return what a header says, or None if that is no host."""
        found = _AUTHORITY.fullmatch(text.lower())
        if found is None:
            return None
        host, port = _bare(found["host"]), int(found["port"] or 80)
        if host is None or port > _HIGHEST_PORT:
            return None
        return cls(host, _unusual(port))

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """The host as an IP address, None if it is a name."""
        return _address(self.host)

    def is_loopback(self) -> bool:
        """Return whether this is the machine of whoever looks the host up."""
        address = self.address
        if isinstance(address, IPv6Address):
            address = address.ipv4_mapped or address  # not every Python's is_loopback does this
        return _is_localhost(self.host) if address is None else address.is_loopback

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


@frozen
class _Origin:
    scheme: str
    authority: _Authority

    @classmethod
    def parse(cls, text: str) -> _Origin | None:
        """Return what a header says, or None if that is no origin."""
        found = _ORIGIN.fullmatch(text.lower())
        authority = None if found is None else _Authority.parse(found["authority"])
        if found is None or authority is None:
            return None
        return cls(found["scheme"], authority)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


@frozen
class _OriginPattern:
    scheme: str
    host: re.Pattern[str]
    port: int | None
    every_port: bool

    @classmethod
    def of(cls, text: str) -> _OriginPattern:
        """Return the pattern that an option gives."""
        found = _ORIGIN_PATTERN.fullmatch(text.lower())
        host = None if found is None else _bare(found["host"])
        every_port = found is not None and found["port"] == "*"
        port = 80 if found is None or every_port else int(found["port"] or 80)
        if found is None or host is None or port > _HIGHEST_PORT:
            raise ConfigError(
                f"{text!r:.200} is no origin to allow; give one such as 'https://app.example' or "
                "'http://*.app.example:*', without a path, or '*' for all"
            )
        return cls(found["scheme"], _wildcards(host), _unusual(port), every_port)

    def fits(self, origin: _Origin) -> bool:
        """Return whether ``origin`` is one of those that the option means."""
        return (
            origin.scheme == self.scheme
            and (self.every_port or origin.authority.port == self.port)
            and self.host.fullmatch(origin.authority.host) is not None
        )


def _host_pattern(text: str) -> re.Pattern[str]:
    name = _without_dot(text.lower())
    if not _NAME_PATTERN.fullmatch(name):
        raise ConfigError(
            f"{text!r:.200} is no host to allow; give a name such as 'voice.example' or "
            "'*.voice.example', without a scheme or a port, or '*' for all (IP addresses are "
            "accepted without that)"
        )
    return _wildcards(name)


def _wildcards(name: str) -> re.Pattern[str]:
    """Return a pattern for ``name``, in which ``*`` at the beginning may stand for many labels."""
    if name == "*":
        return re.compile(r".*")
    below = name.startswith("*.")
    labels = r"[^.]*".join(map(re.escape, name.removeprefix("*.").split("*")))
    return re.compile(rf".+\.{labels}" if below else labels)


def _unusual(port: int) -> int | None:
    return None if port in _DEFAULT_PORTS else port


def _bare(host: str) -> str | None:
    """Return a host as it is compared, or None if it is no IPv6 address between its brackets."""
    if not host.startswith("["):
        return _without_dot(host)
    address = _address(host[1:-1])
    return str(address) if isinstance(address, IPv6Address) else None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _is_localhost(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")


def _without_dot(name: str) -> str:
    return name.removesuffix(".")


def _shown(values: Iterable[str]) -> str:
    return f"{', '.join(map(repr, values)):.200}" or "none"
