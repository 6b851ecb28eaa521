"""Client secrets: keys that open sessions for a while, with a configuration of their own."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any, Literal

from attrs import field, frozen
from pydantic import Field

from ..._types import JsonDict
from ..protocol.validation import Strict, check

__all__ = ["IssuedSecret", "IssuedSecrets", "check_lifetime"]

_DEFAULT_S = 600
_REMEMBERED_S = 3600  # so long an expired one is told from a wrong one


class _ExpiresAfter(Strict):
    anchor: Literal["created_at"] = "created_at"
    seconds: int = Field(default=_DEFAULT_S, ge=10, le=7200)


def check_lifetime(expires_after: Any) -> int:
    """Return how many seconds a secret lives.

    Raises:
        ServerError: ``expires_after`` breaks a rule.
    """
    if expires_after is None:
        return _DEFAULT_S
    seconds: int = check(_ExpiresAfter, expires_after, "expires_after").get("seconds", _DEFAULT_S)
    return seconds


@frozen(kw_only=True)
class IssuedSecret:
    """One secret.

    Attributes:
        value: ``ek_…``.
        expires_at: seconds since 1970.
        session: what its sessions start with, or None for the server's defaults.
        translates: whether it opens translations instead of conversations.
    """

    value: str = field(repr=False)
    expires_at: int
    session: JsonDict | None
    translates: bool


class IssuedSecrets:
    """Those that were made since the server started.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._known: dict[str, IssuedSecret] = {}

    def make(
        self, session: JsonDict | None, *, lifetime_s: int, translates: bool = False
    ) -> IssuedSecret:
        """Return a new secret."""
        now = self._clock()
        self._known = {
            value: known
            for value, known in self._known.items()
            if known.expires_at > now - _REMEMBERED_S
        }
        secret = IssuedSecret(
            value=f"ek_{secrets.token_hex(24)}",
            expires_at=int(now) + lifetime_s,
            session=session,
            translates=translates,
        )
        self._known[secret.value] = secret
        return secret

    def find(self, value: str) -> IssuedSecret | None:
        """Return a secret, expired or not."""
        return self._known.get(value)

    def is_fresh(self, secret: IssuedSecret) -> bool:
        """Return whether it still opens sessions."""
        return self._clock() < secret.expires_at
