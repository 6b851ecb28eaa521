"""Which name somebody may have meant by one that is unknown."""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["alike", "meant", "or_list"]

_ALIKE = 0.8  # as `difflib` measures it: "response.finished" is no slip of the pen, "resp.done" is
_LONGEST_NAME = 100  # the time it takes grows with the square


def alike(name: str, known: Collection[str], least: float = _ALIKE) -> list[str]:
    """Return the known names that are much like an unknown one, the nearest first.

    Args:
        name: in any case, and with spaces around it.
        known: all names that there are.
        least: from 0 for any to 1 for the same.

    Example:
        >>> alike("Respnse.done", ["response.done", "error"])
        ['response.done']
        >>> alike("its.answer", ["response.done", "error"])
        []
    """
    from difflib import get_close_matches  # only who has made a mistake needs it

    return get_close_matches(_plain(name), sorted(known), n=3, cutoff=least)


def meant(name: str, known: Collection[str]) -> list[str]:
    """Return the types that may be meant by an unknown one; none if it may be a server's own.

    A type looks like a mistake if it is much like one that is known, or in a family of the
    protocol: what stands before the first dot, as in ``response.`` and ``session.``.

    Example:
        >>> meant("response.finished", ["response.done", "error"])
        ['response.done']
        >>> meant("its.answer", ["response.done", "error"])
        []
    """
    family = _plain(name).partition(".")[0]
    of_family = [each for each in known if each.startswith(f"{family}.")]
    return alike(name, known) or alike(name, of_family, least=0)


def or_list(names: Collection[str]) -> str:
    """Return names as a message offers them.

    Example:
        >>> or_list(["a", "b"])
        "'a' or 'b'"
    """
    return " or ".join(map(repr, names))


def _plain(name: str) -> str:
    return name.strip().lower()[:_LONGEST_NAME]
