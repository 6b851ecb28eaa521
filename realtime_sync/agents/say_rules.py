"""What a program wants to be said: what becomes of it, and who is not heard meanwhile. Pure."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from .._deadline import Deadline
from .._signal_safe import Latch
from ..connection.reply import server_error
from ..errors import AgentError, RealtimeError, RealtimeTimeout
from ..events import ErrorEvent, ResponseDone
from ..events.base import as_came
from ..events.wire_values import as_object, as_text
from ..voice.asks import Fate, Saying
from ..voice.effects import Effect
from ..voice.rules import VoiceState
from ..voice.seams import Take

__all__ = ["SayRequest", "SayRules", "settled"]

_LOOK_AGAIN_S = 0.5
_LOOK_S = 0.2  # how soon it is noticed that something was heard to its end
_OPEN: tuple[Fate, ...] = ("waiting", "under_way")


@define(eq=False)
class SayRequest:
    """Something that is to be said, and whoever waits for it.

    Attributes:
        saying: what.
        done: set when nothing more becomes of it.
        was_heard: whether all of it was heard.
        error: why it is not said; None where it was, or was interrupted, or came without a sound.
    """

    saying: Saying
    done: Latch = field(factory=Latch, init=False)
    was_heard: bool = field(default=False, init=False)
    error: BaseException | None = field(default=None, init=False)

    def wait(self, timeout: float | None, end: Callable[[], BaseException | None]) -> bool:
        """Wait until nothing more becomes of it; return whether all of it was heard.

        Args:
            timeout: seconds; None for as long as it takes.
            end: returns why nothing more is said, once the session is over.

        Raises:
            RealtimeTimeout: it was not heard in time. It may still be said.
            BaseException: it is not said: ``error``.
        """
        if not settled(self.done, Deadline(timeout), end):
            raise RealtimeTimeout(f"the words were not heard within {timeout:g} s")
        if self.error is not None:
            raise self.error
        return self.was_heard


class SayRules:
    """Follows what the program has asked to be said.

    While something is said that the user may not interrupt, the user is not heard.

    Args:
        voice: the rules of the conversation.
        mute: is told whether the user's sound becomes silence from now on.
        clock: seconds, monotonic.

    Attributes:
        handlers: see `FurtherRules.handlers`.

    Threads: one at a time: the engine's.
    """

    busy = False

    def __init__(
        self,
        voice: VoiceState,
        mute: Callable[[bool], object],
        *,
        clock: Callable[[], float],
    ) -> None:
        self._voice = voice
        self._mute = mute
        self._clock = clock
        self._muted = False
        self._open: list[SayRequest] = []
        self._waiting: list[Latch] = []  # for the moment when nothing is said
        self._why: RealtimeError | None = None  # what the event says that was taken last
        self.handlers: dict[type, Take] = {
            ErrorEvent: self._refused,
            ResponseDone: self._response_done,
        }

    @property
    def due_at(self) -> float | None:
        """See `FurtherRules.due_at`: whoever waits, or is not heard, waits no longer."""
        return self._clock() + _LOOK_S if self._open or self._waiting else None

    def say(self, request: SayRequest) -> list[Effect]:
        """Have something said when nothing else goes on."""
        self._open.append(request)
        effects = self._voice.ask(request.saying)
        self._look()
        return effects

    def wait_spoken(self, silent: Latch) -> list[Effect]:
        """Set ``silent`` as soon as nothing is said, and nothing waits to be."""
        self._waiting.append(silent)
        self._look()
        return []

    def over(self, error: BaseException) -> None:
        """Take that the session is over, and why nothing more is said."""
        for request in self._open:
            request.error = error
            request.done.set()
        self._open.clear()
        self._all_spoken()

    def begin(self) -> list[Effect]:
        """Nothing is said at the beginning."""
        return []

    def _refused(self, event: ErrorEvent) -> list[Effect]:
        if self._open:
            self._why = server_error(event)
        return []

    def _response_done(self, event: ResponseDone) -> list[Effect]:
        if self._open:
            status = as_text(as_object(as_came(event, "response")).get("status"))
            self._why = AgentError(f"the words were not said: the response is {status}")
        return []

    def tick(self) -> list[Effect]:
        """Take that time has passed."""
        if self._open or self._waiting:
            self._look()
            self._why = None
        return []

    def _look(self) -> None:
        fates = [(each, self._voice.fate_of(each.saying)) for each in self._open]
        self._open = [each for each, fate in fates if fate in _OPEN]
        for each, fate in fates:
            if fate not in _OPEN:
                self._settle(each, fate)
        muted = any(fate == "under_way" and each.saying.is_protected for each, fate in fates)
        if muted != self._muted:
            self._muted = muted
            self._mute(muted)
        if self._waiting and not self._voice.is_speaking:
            self._all_spoken()

    def _all_spoken(self) -> None:
        for silent in self._waiting:
            silent.set()
        self._waiting.clear()

    def _settle(self, request: SayRequest, fate: Fate) -> None:
        request.was_heard = fate == "heard"
        if fate == "lost":
            why = self._why
            request.error = why or RealtimeTimeout("the server has not said the words in time")
        request.done.set()


def settled(done: Latch, deadline: Deadline, end: Callable[[], BaseException | None]) -> bool:
    """Wait for what the engine sets; return False if the deadline comes first.

    Args:
        done: what is waited for.
        deadline: of the waiting.
        end: returns why it is never set, once the session is over.

    Raises:
        BaseException: what ``end`` returns.
    """
    while not done.wait(Deadline(_slice_s(deadline))):
        if deadline.expired:
            return False
        if (why := end()) is not None and not done.is_set:
            raise why
    return True


def _slice_s(deadline: Deadline) -> float:
    left = deadline.remaining()
    return _LOOK_AGAIN_S if left is None else min(left, _LOOK_AGAIN_S)
