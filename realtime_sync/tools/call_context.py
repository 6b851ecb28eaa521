"""What a tool is told of the call that it answers."""

from __future__ import annotations

from typing import Any

from attrs import define, field

from .._deadline import Deadline
from .._signal_safe import Latch

__all__ = ["CallContext"]


@define(eq=False, kw_only=True, slots=False)
class CallContext:
    """One call of a tool. A function that has a parameter of this type is given it.

    The model knows nothing of that parameter::

        def search(words: str, call: CallContext) -> str:
            for page in pages():
                if call.cancelled:
                    break

    Attributes:
        name: of the tool, as the model knows it.
        call_id: the call's id at the server.
        arguments: JSON text, as the model wrote it.
        context: whatever the program has given to its tools.

    Threads: all of it may be used from any thread.
    """

    name: str
    call_id: str
    arguments: object
    context: Any = None
    _cancelled: Latch = field(factory=Latch, init=False, repr=False)
    _abandoned: bool = field(default=False, init=False, repr=False)

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the output any more; the function had better return."""
        return self._cancelled.is_set

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the call is cancelled, ``timeout`` seconds at most; say whether it is."""
        return self._cancelled.wait(Deadline(timeout))

    def cancel(self) -> None:
        """Tell the function that nobody waits for it any more."""
        self._cancelled.set()

    @property
    def abandoned(self) -> bool:
        """Whether the call is over, or about to be, whatever the function returns.

        `cancelled` alone, as after an interruption, is a wish: the output is still taken.
        """
        return self._abandoned

    def abandon(self) -> None:
        """Tell the function that the call is over, or about to be."""
        self._abandoned = True
        self._cancelled.set()
