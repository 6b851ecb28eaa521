"""Client secrets: keys that open sessions for a while, with a configuration of their own."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from typing import Any, Literal

from attrs import field, frozen
from pydantic import Field

from ..._types import JsonDict
from ..protocol.validation import Strict, check
from .shelf import Shelf

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
        session_text: `session` as JSON, which takes less memory.
        translates: whether it opens translations instead of conversations.
    """

    value: str = field(repr=False)
    expires_at: int
    session_text: str
    translates: bool

    @property
    def session(self) -> JsonDict | None:
        """What its sessions start with, or None for the server's defaults: each time a new one."""
        session: JsonDict | None = json.loads(self.session_text)
        return session


class IssuedSecrets:
    """Those that were made since the server started.

    Args:
        most: how many are kept.
        clock: seconds since 1970.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._known: Shelf[IssuedSecret] = Shelf("client secrets", most)

    def make(
        self, session: JsonDict | None, *, lifetime_s: int, translates: bool = False
    ) -> IssuedSecret:
        """Return a new secret.

        Raises:
            ServerError: there are too many that have not expired.
        """
        now = self._clock()
        self._forget_expired(now - _REMEMBERED_S)
        if self._known.is_full:
            self._forget_expired(now)
        secret = IssuedSecret(
            value=f"ek_{secrets.token_hex(24)}",
            expires_at=int(now) + lifetime_s,
            session_text=json.dumps(session),
            translates=translates,
        )
        self._known.put(secret.value, secret, chars=len(secret.session_text))
        return secret

    def find(self, value: str) -> IssuedSecret | None:
        """Return a secret, expired or not."""
        return self._known.find(value)

    def is_fresh(self, secret: IssuedSecret) -> bool:
        """Return whether it still opens sessions."""
        return self._clock() < secret.expires_at

    def _forget_expired(self, when: float) -> None:
        for value, known in self._known:
            if known.expires_at <= when:
                self._known.remove(value)
