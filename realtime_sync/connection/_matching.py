"""What a listener asks for: the type of an event, or a predicate."""

from __future__ import annotations

from collections.abc import Callable

from .._alike import meant, or_list
from .._required import require_function
from .._shown import shown
from ..errors import ConfigError, LocalProtocolError
from ..events import BETA_ALIASES, SERVER_EVENTS, Reconnected, ServerEvent, canonical_type
from ._handlers import EVERY_EVENT

__all__ = ["checked_type", "matcher"]

# What the connection says, every server's GA and beta names, and the beta's only event that has no
# name of its own in GA.
_KNOWN = frozenset(
    {Reconnected.type, *SERVER_EVENTS, *BETA_ALIASES, "transcription_session.created"}
)


def checked_type(name: str, where: str) -> str:
    """Return the GA name for the type of an event.

    Any name may be asked for, because servers have types of their own, except one that looks like
    a mistake: it is unknown, and in a family of the protocol (``response.``, ``session.``, …) or
    much like a type that is known.

    Args:
        name: a type, by its GA or its beta name.
        where: for the message: the call that got it.

    Raises:
        ConfigError: it is no text, or a mistake; the message has the nearest types, and a way to
            get an event that is really called so.
    """
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{where} takes a type such as 'response.done', not {shown(name)}")
    nearest = [] if name in _KNOWN else meant(name, _KNOWN)
    if nearest:
        raise ConfigError(
            f"{where}: there is no event {shown(name)}; did you mean {or_list(nearest)}? "
            "A type that only your server has is found by a predicate, lambda event: event.type == "
            "…, of wait_for and watch, and by on('event', …)"
        )
    return canonical_type(name)


def matcher(
    event: str | Callable[[ServerEvent], bool], where: str
) -> Callable[[ServerEvent], bool]:
    """Return the predicate for a type, by its GA or its beta name; one that is given stays.

    Args:
        event: a type or a predicate.
        where: for the message: the call that got it.

    Raises:
        ConfigError: the type is a mistake; see `checked_type`.
        LocalProtocolError: it is neither a type nor a predicate, or an async one.
    """
    if isinstance(event, type) or not (isinstance(event, str) or callable(event)):
        raise LocalProtocolError(
            f"{where} takes a type such as 'response.done' or a predicate, not {shown(event)}"
        )
    if callable(event):
        what = f"the predicate given to {where}"
        require_function(event, what, takes=("event",), error=LocalProtocolError)
        return event
    if event == EVERY_EVENT:
        raise ConfigError(
            f"{where}: 'event' stands for every event in on() and once() only; iterate or call "
            f"recv() to have them all, or pass {where} a predicate"
        )
    wanted = checked_type(event, where)
    return lambda candidate: candidate.type == wanted
