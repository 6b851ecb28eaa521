"""What a caller hears of the answers in a call, which the server plays and no sink. Pure."""

from __future__ import annotations

from collections.abc import Callable

from .._latest import keep_latest
from .._types import JsonDict
from ..events.wire_values import as_object

__all__ = ["ServerLine", "is_spoken"]

# The server tells at once that it begins to play an answer, or that it plays the next one. One that
# has told nothing for so long after the end of an answer tells nothing of this one.
_GRACE_S = 1.0
_MOST_WAITING = 64


def is_spoken(item: JsonDict) -> bool:
    """Return whether an item in wire form has sound."""
    content = item.get("content")
    parts = content if isinstance(content, list) else []
    return any(as_object(part).get("type") in ("audio", "output_audio") for part in parts)


class ServerLine:
    """Follows what the server plays in a call (SIP, WebRTC), as ``output_audio_buffer.*`` tell.

    Answers are made faster than they are heard, so one may be over of which nothing was heard yet.

    Args:
        clock: seconds, monotonic.

    Threads: one at a time.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._playing: dict[str, None] = {}  # responses, in the order in which they began
        self._waiting: dict[str, float] = {}  # that are made, and since when they wait to begin
        self._messages: dict[str, str] = {}  # the latest item of each response that has words

    @property
    def is_silent(self) -> bool:
        """Whether all that was made was heard."""
        return not self._playing and not any(map(self._waits, [*self._waiting]))

    @property
    def heard_item(self) -> str | None:
        """The item of which the caller hears something now; None where nobody can say."""
        return self._messages.get(next(iter([*self._playing, *self._waiting]), ""))

    def holds(self, response_id: str) -> bool:
        """Return whether some of a response is still to be heard."""
        return response_id in self._playing or self._waits(response_id)

    def begun(self, response_id: str, item: JsonDict) -> None:
        """Take that a response has begun an item, in wire form."""
        if item.get("type") == "message" and isinstance(item_id := item.get("id"), str):
            self._messages[response_id] = item_id
            keep_latest(self._messages, _MOST_WAITING)

    def made(self, response_id: str, response: JsonDict) -> None:
        """Take that a response is over, in wire form; its sound may have yet to begin."""
        output = response.get("output")
        items = map(as_object, output if isinstance(output, list) else [])
        # Of one that was cancelled the rest is never played.
        if response.get("status") != "cancelled" and any(map(is_spoken, items)):
            self._await(response_id)

    def started(self, response_id: str) -> None:
        """Take that the caller begins to hear a response."""
        self._waiting.pop(response_id, None)
        self._playing[response_id] = None

    def stopped(self, response_id: str) -> None:
        """Take that a response was heard, and so was what had begun before it."""
        for each in [*self._playing]:
            if response_id in self._playing:
                del self._playing[each]
        self._waiting.pop(response_id, None)
        for each in [*self._waiting]:
            self._await(each)  # one of them begins now

    def cleared(self) -> list[str]:
        """Take that nothing more is heard of what was made; return which responses that cuts."""
        cut = [*self._playing, *filter(self._waits, self._waiting)]
        self._playing.clear()
        self._waiting.clear()
        return cut

    def _await(self, response_id: str) -> None:
        if response_id not in self._playing:
            self._waiting[response_id] = self._clock()
            keep_latest(self._waiting, _MOST_WAITING)

    def _waits(self, response_id: str) -> bool:
        since = self._waiting.get(response_id)
        if since is None:
            return False
        return bool(self._playing) or self._clock() - since < _GRACE_S
