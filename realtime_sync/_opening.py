"""What is asked for before it is open, and who takes the asking for the thing itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._porting import Blocking
from ._uncopied import Uncopied
from .errors import ConfigError

__all__ = ["Opening"]


class Opening(Blocking, Uncopied):
    """Opens something by ``with`` or by ``enter()``, and is not it; who takes it for that is told.

    Attributes:
        _opens: the class of what it opens.
        _opens_with: what such an object has that is made with it, and so is not found in its class.
        _noun: what it is called, such as "connection".
        _call: what a program has written to get this.
        _opened: what it has opened last.
    """

    _opens_with: frozenset[str] = frozenset()
    _noun: str
    _call: str
    _opened: object | None = None

    @property
    def _opens(self) -> type:
        raise NotImplementedError

    if not TYPE_CHECKING:  # a type checker finds this mistake by itself

        def __getattr__(self, name: str) -> Any:
            public = not name.startswith("_")
            if public and (name in self._opens_with or hasattr(self._opens, name)):
                raise self._is_no_such(f".{name}")
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

        def __iter__(self) -> Any:
            if hasattr(self._opens, "__iter__"):
                raise self._is_no_such("iteration")
            raise TypeError(f"{type(self).__name__!r} object is not iterable")

    def _is_no_such(self, use: str) -> ConfigError:
        noun, call = self._noun, self._call
        if self._opened is not None:
            return ConfigError(
                f"{use}: this only opens the {noun}; use what enter() returned, or what stands "
                "after `as`"
            )
        return ConfigError(
            f"{use}: this {noun} is not open yet; use `with {call} as {noun}`, or "
            f"`{noun} = {call}.enter()`"
        )
