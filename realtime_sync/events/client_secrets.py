"""Client secrets as values: short-lived keys, and the sessions that they open."""

# ruff: noqa: RUF009  # nested() is an attrs field, not a value

from __future__ import annotations

from typing import Literal

from attrs import frozen

from .._typing import TypedDict
from .base import Model, nested, one
from .session_config import Session, TranscriptionSession, TranslationSession, as_session

__all__ = ["ClientSecret", "ExpiresAfterParam", "TranslationClientSecret"]


class ExpiresAfterParam(TypedDict, total=False):
    """When a secret expires: ``seconds`` (10 to 7200, by default 600) after ``anchor``."""

    anchor: Literal["created_at"]
    seconds: int


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ClientSecret(Model):
    """A short-lived key, and the session that it opens.

    Example:
        >>> secret = ClientSecret(value="ek_68af", expires_at=1767225600, session={})
        >>> secret
        ClientSecret(expires_at=1767225600)

    Attributes:
        value: the key, ``ek_…``; not in the repr.
        expires_at: seconds since 1970.
        session: the effective configuration.
    """

    value: str
    expires_at: int
    session: Session | TranscriptionSession = nested(as_session)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(expires_at={self.expires_at})"


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class TranslationClientSecret(Model):
    """A short-lived key, and the translation session that it opens.

    Attributes:
        value: the key, ``ek_…``; not in the repr.
        expires_at: seconds since 1970.
        session: the effective configuration.
    """

    value: str
    expires_at: int
    session: TranslationSession = nested(one(TranslationSession))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(expires_at={self.expires_at})"
