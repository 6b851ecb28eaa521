"""What threads wait for or claim, in a way that a signal handler's exception may break off.

Python runs signal handlers on the main thread, between any two bytecodes, and what they raise
strikes there. `threading.Event`, `Condition` and `Queue` are written in Python and take their lock
in one step and note it in the next; struck between the two they stay locked for ever (measured: a
third to a half of such strikes). What is made in C is safe: ``with`` on a `threading.Lock`,
`queue.SimpleQueue`, sockets, and plain stores of attributes and entries.

But no loop and no comprehension inside such a ``with``, nor inside a ``try`` whose ``finally``
gives something back: from Python 3.12 on, the jump back to a loop's head that a condition makes is
covered by no handler, and a strike there leaves without ``__exit__`` and without ``finally``. A
loop belongs into a function of its own, which is called there (`tests/test_strikes.py` looks for
such jumps).
"""

from __future__ import annotations

import queue

from ._deadline import Deadline

__all__ = ["Claim", "Latch"]

# A waiter that is struck may take the token of another one with it, who then looks by itself.
_LOOK_AGAIN_S = 0.5


class Latch:
    """Set once, by any thread; waited for by any number of threads.

    Attributes:
        is_set: whether it was set.

    Threads: all of it may be used from any thread, and from a signal handler.

    Example:
        >>> latch = Latch()
        >>> latch.wait(Deadline(0))
        False
        >>> latch.set()
        >>> latch.wait(Deadline(None))
        True
    """

    __slots__ = ("_tokens", "is_set")

    def __init__(self) -> None:
        self.is_set = False
        self._tokens: queue.SimpleQueue[None] = queue.SimpleQueue()

    def set(self) -> None:
        """Wake everybody who waits, now and later; idempotent."""
        self.is_set = True
        self._tokens.put(None)

    def wait(self, deadline: Deadline) -> bool:
        """Return True as soon as it is set, False when the deadline has passed."""
        while not self.is_set:
            left = deadline.remaining()
            if left == 0:
                return False
            try:
                self._tokens.get(
                    timeout=min(_LOOK_AGAIN_S, _LOOK_AGAIN_S if left is None else left)
                )
            except queue.Empty:
                continue
            self._tokens.put(None)  # for the next one who waits
        return True


class Claim(dict[str, object]):
    """A claim to something for one at a time, made and given up without a lock.

    The entry ``"now"`` names who has it.

    A strike between a claim and the ``try`` that gives it up would leave it claimed. So the claim
    stands in the ``try``, and the ``finally`` calls nothing before the place is free, since only
    calls, jumps and the beginning of functions can be struck (0 of 17,120 strikes left it claimed;
    a lock with ``acquire`` and ``release`` stayed locked in 30 to 57 % of them):

        token = [get_ident()]
        try:
            if place.setdefault("now", token) is not token:
                raise …
            …
        finally:
            if "now" in place and place["now"] is token:
                del place["now"]
    """

    def locked(self) -> bool:
        """Whether somebody has it."""
        return "now" in self
