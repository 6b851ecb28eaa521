"""What a provider computes for the transport."""

from __future__ import annotations

from attrs import field, frozen

__all__ = ["Endpoint"]


@frozen
class Endpoint:
    """Where to connect and with which headers.

    Attributes:
        url: a ``ws://`` or ``wss://`` URL.
        headers: for the upgrade request; never shown, because the key is among them.
    """

    url: str
    headers: dict[str, str] = field(repr=False)
