"""Dialects by name, as options of clients give them."""

from __future__ import annotations

from .._required import require_function
from .._shown import shown
from ..errors import ConfigError
from ._beta import BetaDialect
from ._yandex_dialect import YandexDialect
from .dialect import DialectFactory

__all__ = ["dialect_factory"]

_FACTORIES: dict[str, DialectFactory | None] = {
    "ga": None,
    "beta": BetaDialect,
    "yandex": YandexDialect,
}


def dialect_factory(dialect: str | DialectFactory | None) -> DialectFactory | None:
    """Return what makes a dialect for each connection, or None for the GA protocol.

    Args:
        dialect: ``"ga"``, ``"beta"`` or ``"yandex"``; or what makes a `Dialect`; None is GA.

    Raises:
        ConfigError: no dialect has that name, or nothing can be made by it.
    """
    if dialect is None:
        return None
    if callable(dialect):
        require_function(dialect, "dialect, where it is no name,", takes=(), error=ConfigError)
        return dialect
    if not isinstance(dialect, str) or dialect not in _FACTORIES:
        names = ", ".join(map(repr, _FACTORIES))
        raise ConfigError(
            f"dialect is {shown(dialect)}; pass one of {names}, or what makes a Dialect"
        )
    return _FACTORIES[dialect]
