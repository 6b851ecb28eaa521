"""The script of a test: what the client is expected to send, and what it gets for that. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import field, fields, frozen

from .._alike import alike, meant, or_list
from .._shown import shown
from .._types import JsonDict
from ..events import CLIENT_EVENTS
from .script_error import ScriptError, require, require_function_of_event
from .traffic import Traffic, check_traffic

__all__ = [
    "Expectation",
    "ServerScript",
    "Step",
    "UnconsumedSteps",
    "UnexpectedSend",
    "check_expectation",
    "matches",
]

_TYPES = frozenset({*CLIENT_EVENTS, "transcription_session.update"})  # the second is the beta's own
_FIELDS = frozenset(
    each.name for cls in CLIENT_EVENTS.values() for each in fields(cls) if each.name != "extra"
) - {"raw"}
_ESCAPE = "what only your server takes is expected by a function of the event"

Expectation = str | Mapping[str, Any] | Callable[[JsonDict], object]
"""A type such as ``"response.create"``, some fields of an event, or a function that tells."""


class UnexpectedSend(ScriptError):  # noqa: N818 -- a failed assertion, named for what happened
    """The client sent something else than the next step of a strict script expects.

    Attributes:
        actual: what was sent.
        expected: what the next step expects; None when no step is left.
    """

    def __init__(self, actual: JsonDict, expected: Expectation | None) -> None:
        super().__init__(actual, expected)
        self.actual = actual
        self.expected = expected

    def __str__(self) -> str:
        wanted = (
            "no step is left" if self.expected is None else f"next is {shown(self.expected, 300)}"
        )
        return f"the client sent {shown(self.actual, 300)}, but {wanted}"


class UnconsumedSteps(ScriptError):  # noqa: N818 -- likewise
    """A test has ended before all of its steps were taken.

    Attributes:
        remaining_steps: how many are left.
        expected: what the next one expects; None for the next response.
    """

    def __init__(self, remaining_steps: int, expected: Expectation | None) -> None:
        super().__init__(remaining_steps, expected)
        self.remaining_steps = remaining_steps
        self.expected = expected

    def __str__(self) -> str:
        wanted = "an answer" if self.expected is None else f"{shown(self.expected, 300)}"
        return f"steps left of the script: {self.remaining_steps}, and the next is {wanted}"


@frozen
class Step:
    """What the client is expected to send next, and what the server does then.

    Attributes:
        expect: a type such as ``"response.create"``; or some fields of an event, nested as they
            are there, all of which must be equal; or a function that gets the event in wire form
            and says whether it is meant. A type and the names of fields must not look like slips
            of the pen; a function may expect anything.
        emit: what the server sends then; or a function that gets the event and returns that.

    Raises:
        ScriptError: nothing can be expected so, or no server sends that.
    """

    expect: Expectation
    emit: Traffic | Callable[[JsonDict], Traffic] = field(default=())

    def __attrs_post_init__(self) -> None:
        """Check what a mistake would make fail on the thread that sends."""
        check_expectation(self.expect)
        if callable(self.emit):
            require_function_of_event(self.emit, "the function that returns what is emitted")
        else:
            check_traffic(self.emit)

    def reaction(self, message: JsonDict) -> Traffic:
        """Return what the server sends when ``message`` has taken this step.

        Raises:
            ScriptError: the function for it returns what no server sends.
        """
        if not callable(self.emit):
            return self.emit
        traffic = self.emit(message)
        check_traffic(traffic)
        return traffic


class ServerScript:
    """Steps and answers in their order; each is taken once.

    Args:
        steps: a `Step` for what the client must send; anything else is the next answer, for
            whatever makes the server respond.
    """

    def __init__(self, steps: Iterable[Step | Traffic]) -> None:
        self._left: deque[Step | Traffic] = deque()
        self.extend(steps)

    def extend(self, steps: Iterable[Step | Traffic]) -> None:
        """Go on with ``steps``.

        Raises:
            ScriptError: something is neither a step nor a list of what a server sends.
        """
        require(isinstance(steps, Iterable), "a script is a list of steps and answers", steps)
        given = list(steps)
        for step in given:
            if not isinstance(step, Step):
                fits = isinstance(step, list | tuple)
                require(fits, "a script has Steps, and what spoken_answer() and such return", step)
                check_traffic(step)
        self._left.extend(given)

    def __len__(self) -> int:
        return len(self._left)

    @property
    def next_expectation(self) -> Expectation | None:
        """What the next step expects; None when that is an answer, or nothing."""
        head = self._left[0] if self._left else None
        return head.expect if isinstance(head, Step) else None

    def take_step(self, message: JsonDict) -> Step | None:
        """Take the next step if it expects ``message``."""
        head = self._left[0] if self._left else None
        if isinstance(head, Step) and matches(head.expect, message):
            self._left.popleft()
            return head
        return None

    def take_answer(self) -> Traffic | None:
        """Take the next answer, if an answer is next."""
        head = self._left[0] if self._left else None
        if head is None or isinstance(head, Step):
            return None
        self._left.popleft()
        return head


def matches(expect: Expectation, message: JsonDict) -> bool:
    """Whether ``message`` is what is expected."""
    if isinstance(expect, str):
        return bool(message["type"] == expect)
    if isinstance(expect, Mapping):
        return _contains(message, expect)
    return bool(expect(message))


def _contains(actual: object, wanted: object) -> bool:
    """Whether ``actual`` has all that is wanted; a list must have as many elements."""
    if isinstance(wanted, Mapping):
        return isinstance(actual, Mapping) and all(
            key in actual and _contains(actual[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list | tuple):
        return (
            isinstance(actual, list)
            and len(actual) == len(wanted)
            and all(map(_contains, actual, wanted))
        )
    return actual == wanted


def check_expectation(expect: object) -> None:
    """Refuse what expects nothing.

    Raises:
        ScriptError: it is no type, no fields of an event, and no function of an event; or a name
            in it is a slip of the pen.
    """
    if isinstance(expect, Mapping):
        _check_fields(expect)
    elif isinstance(expect, str):
        _check_type(expect)
    else:
        rule = "what is expected is a type, fields of an event, or a function"
        require(callable(expect), rule, expect)
        require_function_of_event(expect, "the function that tells what is expected")


def _check_fields(expect: Mapping[Any, Any]) -> None:
    for name in expect:
        require(isinstance(name, str), "the fields of an event have texts as names", expect)
        nearest = [] if name in _FIELDS else alike(name, _FIELDS)
        if nearest:
            raise ScriptError(
                f"no event of a client's has a field {shown(name)}; did you mean "
                f"{or_list(nearest)}? {_ESCAPE}"
            )
    if isinstance(expect.get("type"), str):
        _check_type(expect["type"])


def _check_type(name: str) -> None:
    require(name, "what is expected is a type such as 'response.create'", name)
    nearest = [] if name in _TYPES else meant(name, _TYPES)
    if nearest:
        raise ScriptError(
            f"no client sends {shown(name)}; did you mean {or_list(nearest)}? {_ESCAPE}"
        )
