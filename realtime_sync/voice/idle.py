"""What happens when nobody says anything: ask the user, and at last end the conversation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from attrs import frozen

from .._deadline import LONGEST_S
from .._required import is_number, require_text
from .._shown import shown
from ..errors import ConfigError

__all__ = ["IdleRule", "IdleWatch"]


@frozen(kw_only=True)
class IdleRule:
    """How long both sides may be silent, and what is said then.

    Args:
        after_s: so many seconds after the last sound something is said; once, until the user has
            spoken. More than 0.
        say: what is said, word for word.
        instructions: or what the model is told to say, such as "Ask whether they are still there."
            With neither nothing is said.
        end_after_s: after so many more seconds of silence, more than 0, the conversation ends;
            None for never.

    Raises:
        ConfigError: an option is out of its range, or ``say`` and ``instructions`` at once.

    Example:
        >>> rule = IdleRule(after_s=15, say="Are you still there?", end_after_s=10)
        >>> rule.end_after_s
        10
    """

    after_s: float
    say: str | None = None
    instructions: str | None = None
    end_after_s: float | None = None

    def __attrs_post_init__(self) -> None:
        for name in ("after_s", "end_after_s"):
            seconds = getattr(self, name)
            if seconds is None and name == "end_after_s":
                continue
            if not is_number(seconds, 0, LONGEST_S) or not seconds:
                raise ConfigError(f"{name}={shown(seconds)} is no time; give seconds, more than 0")
        for name in ("say", "instructions"):
            if (text := getattr(self, name)) is not None:
                require_text(text, name, error=ConfigError)
        if self.say is not None and self.instructions is not None:
            raise ConfigError("say and instructions exclude one another; leave one of them out")


class IdleWatch:
    """Measures the silence.

    Args:
        rule: the options.
        clock: seconds, monotonic.

    Threads: one at a time.
    """

    def __init__(self, rule: IdleRule, *, clock: Callable[[], float]) -> None:
        self.rule = rule
        self._clock = clock
        self._quiet_since = clock()
        self._prompted = False

    @property
    def silent_s(self) -> float:
        """For how long nobody has said anything."""
        return self._clock() - self._quiet_since

    def user_spoke(self) -> None:
        """Begin anew: the user is there."""
        self._prompted = False
        self._quiet_since = self._clock()

    def look(self, *, busy: bool) -> Literal["prompt", "end"] | None:
        """Return what is due.

        Args:
            busy: whether somebody speaks, or an answer is due or plays.
        """
        if busy:
            self._quiet_since = self._clock()
            return None
        rule = self.rule
        if not self._prompted:
            if self.silent_s < rule.after_s:
                return None
            self._prompted = True
            self._quiet_since = self._clock()
            speaks = rule.say is not None or rule.instructions is not None
            return "prompt" if speaks else None
        ends = rule.end_after_s is not None and self.silent_s >= rule.end_after_s
        return "end" if ends else None
