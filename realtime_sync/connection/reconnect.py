"""When and how a connection is made anew, and what the program may say about it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import field, frozen

from .._deadline import LONGEST_S
from .._headers import checked_headers
from .._required import (
    is_number,
    is_whole,
    require_count,
    require_flag,
    require_function,
    returned,
)
from .._shown import shown
from ..errors import ConfigError, ConnectionClosed
from ..providers.base import checked_query

__all__ = ["OnReconnecting", "ReconnectPolicy", "ReconnectingEvent", "checked_answer"]

# RFC 6455 §7.4: going away, none given, broken, server error, restarting, try again, TLS.
RECOVERABLE_CODES = frozenset({1001, 1005, 1006, 1011, 1012, 1013, 1015})


def _is_count(_: object, attribute: Any, value: object) -> None:
    if not is_whole(value):
        raise ConfigError(f"{attribute.name} is {shown(value)}; give a whole number, at least 0")


def _is_delay(_: object, attribute: Any, value: object) -> None:
    if not is_number(value, 0, LONGEST_S):
        raise ConfigError(f"{attribute.name} is {shown(value)}; give seconds, at least 0")


def _is_flag(_: object, attribute: Any, value: object) -> None:
    require_flag(value, attribute.name, error=ConfigError)


def _codes(given: Any) -> frozenset[int]:
    fits = isinstance(given, Iterable) and not isinstance(given, str | bytes)
    codes = [*given] if fits else [given]
    if not fits or not all(map(is_whole, codes)):
        raise ConfigError(
            f"codes={shown(given)} are none; give close codes, such as {{1006, 1011}}"
        )
    return frozenset(codes)


@frozen(kw_only=True)
class ReconnectPolicy:
    """How a lost connection is made anew.

    Attributes:
        max_retries: attempts in a row, without an event from the server between them, before
            the connection is given up.
        initial_delay: seconds before the first attempt; doubled for each further one.
        max_delay: the longest of these delays, in seconds.
        restore: whether the new session gets the configuration and the history of the old one.
        rotate: whether the connection is renewed at a quiet moment before the server's limit
            (``expires_at``, else one hour) ends it.
        codes: the close codes (RFC 6455 §7.4) that are worth an attempt.

    Raises:
        ConfigError: a number is none, or negative; or another value is wrong.

    Example:
        >>> ReconnectPolicy(max_retries=3).delay(1, lambda: 1.0)
        0.5
    """

    max_retries: int = field(default=5, validator=_is_count)
    initial_delay: float = field(default=0.5, validator=_is_delay)
    max_delay: float = field(default=8.0, validator=_is_delay)
    restore: bool = field(default=True, validator=_is_flag)
    rotate: bool = field(default=True, validator=_is_flag)
    codes: frozenset[int] = field(default=RECOVERABLE_CODES, converter=_codes)

    def delay(self, attempt: int, uniform: Callable[[], float] = random.random) -> float:
        """Return the seconds to wait before ``attempt``, counted from 1.

        Args:
            attempt: which one.
            uniform: gives a number from 0 to 1. The delay is between three quarters and all of
                its full length, so that many clients do not come back at the same moment.
        """
        require_count(attempt, "attempt", least=1, error=ConfigError)
        require_function(uniform, "uniform", takes=(), error=ConfigError)
        doublings = min(attempt - 1, 64)  # enough, and 2 to the thousandth is no float
        full: float = min(self.initial_delay * 2.0**doublings, self.max_delay)
        return full * (0.75 + 0.25 * uniform())

    def covers(self, closed: ConnectionClosed) -> bool:
        """Whether an end like ``closed`` is worth an attempt."""
        return self.max_retries > 0 and closed.code in self.codes


@frozen(kw_only=True)
class ReconnectingEvent:
    """What ``on_reconnecting`` is told before each attempt.

    Attributes:
        attempt: counted from 1.
        max_attempts: how many there are at the most.
        delay: seconds until the attempt.
        close_code: the code of the close that made it necessary.
        extra_query: the query of the last attempt beside the model.
        extra_headers: its headers beside the client's own.
    """

    attempt: int
    max_attempts: int
    delay: float
    close_code: int
    extra_query: Mapping[str, object] = field(repr=False)
    extra_headers: Mapping[str, str] = field(repr=False)


OnReconnecting = Callable[[ReconnectingEvent], Mapping[str, Any] | None]
"""Called on the supervisor's thread. May return ``{"extra_query": …, "extra_headers": …}`` to
replace them, or ``{"abort": True}`` to give up. An exception in it gives up as well, and so does
an answer that is neither None nor such a dictionary."""

_ANSWERS = ("abort", "extra_headers", "extra_query")
_ANSWER_NAMES = "abort, extra_headers and extra_query, or some of them"


def checked_answer(answer: object) -> dict[str, Any]:
    """Return what ``on_reconnecting`` has answered; None is nothing.

    Raises:
        ConfigError: it is no dictionary, has a name that means nothing, or a value is wrong.
    """
    if answer is None:
        return {}
    # Its values stay out of the message: they may hold a key.
    if not isinstance(answer, Mapping):
        raise ConfigError(
            f"on_reconnecting returned {returned(answer)}; return None, or a dictionary with "
            f"{_ANSWER_NAMES}"
        )
    if unknown := sorted(map(shown, set(answer) - set(_ANSWERS))):
        raise ConfigError(
            f"on_reconnecting returned a dictionary with {', '.join(unknown)}; it may have "
            f"{_ANSWER_NAMES}"
        )
    checked = dict(answer)
    require_flag(checked.get("abort", False), "abort of on_reconnecting", error=ConfigError)
    if "extra_query" in checked:
        checked["extra_query"] = checked_query(
            checked["extra_query"], "extra_query of on_reconnecting"
        )
    if "extra_headers" in checked:
        checked["extra_headers"] = checked_headers(
            checked["extra_headers"], "extra_headers of on_reconnecting"
        )
    return checked
