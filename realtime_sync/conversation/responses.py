"""Which responses run, are asked for or are owed, and when ``response.create`` may go out.

A conversation has one response at a time. An *out-of-band* response (``conversation: "none"``: a
guardrail's, a summary) stands beside it: it keeps nobody waiting, and is nobody's answer but that
of the request for it.

Source: the provider's guide to realtime conversations ("create responses outside the default
conversation") and its error ``conversation_already_has_active_response``.
"""

from __future__ import annotations

from attrs import frozen

from .._latest import keep_latest
from .._types import JsonDict
from ..events import ErrorDetail
from ..events.base import plain
from ..events.wire_values import as_object, as_text
from .tool_calls import declared_functions
from .unconfirmed import ALREADY_ACTIVE, INVALID_REQUEST

__all__ = ["Responses"]

_ABSENT = object()
# So many of the latest are remembered.
_LATEST = 64
# One for all connections: an empty set takes 0.2 kB.
_NONE: frozenset[str] = frozenset()
# How long a request waits that was refused because of a response of which nothing is known: as
# long as a server may take from the end of one to the next, then twice as long each time.
_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


@frozen
class _Create:
    """A ``response.create``: without an answer, or with one that is perhaps another's."""

    aside: bool
    metadata: JsonDict
    repeat: JsonDict | None  # the event, where it is asked again until it is taken


class Responses:
    """Follows the responses of one connection, over all of its links.

    Attributes:
        running: ids of the responses of the conversation that were created and are not done.
        declared_tools: the names of the functions that requests have declared for their response.
        waiting: the request that is owed: to be sent when nothing runs; None for none.
        lost: the ``event_id`` of the latest requests that a lost link took along unanswered.
        pause_s: how long nothing is to be asked for, because a request was refused for the sake of
            a response of which nothing is known; until one begins or ends. Mostly 0.

    Threads: one at a time; the connection has a lock for it. The attributes are replaced, never
        changed in place, so any thread may read them.
    """

    lost: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.running = _NONE
        self.declared_tools = _NONE
        self.waiting: JsonDict | None = None
        self.pause_s = 0.0
        self._in_vain = 0  # refusals in a row for which there was no reason to be seen
        self._names_conversations = False  # the server does, so that null means something
        self._asked: dict[str, _Create] = {}  # without an answer
        # Something began that is perhaps the answer, or was quicker than the request. Its end
        # settles it: a refusal would have come before.
        self._doubtful: dict[str, _Create] = {}
        self._out_of_band: dict[str, bool] = {}  # ids of the latest: whether they still run
        self._over: dict[str, None] = {}  # ids of the latest

    # -- what is so ------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether a response of the conversation is running or asked for."""
        if self.running or not self._asked:
            return bool(self.running)
        return not all(create.aside for create in self._asked.values())

    @property
    def requested(self) -> frozenset[str]:
        """The ``event_id`` of each request without an answer, out-of-band or not."""
        return frozenset(self._asked)

    @property
    def under_way(self) -> bool:
        """Whether any response is running or asked for, out-of-band or not."""
        return bool(self.running or self._asked) or any(self._out_of_band.values())

    def is_over(self, response_id: str) -> bool:
        """Whether a response is known to be done."""
        return response_id in self._over

    def is_out_of_band(self, response_id: str) -> bool:
        """Whether a response is known to be out-of-band."""
        return response_id in self._out_of_band

    def says_busy(self, error: ErrorDetail, request: str) -> bool:
        """Whether ``error`` refuses ``request`` because another response is running.

        Not every server has a code for it.
        """
        if error.code is not None or error.param is not None:
            return bool(error.code == ALREADY_ACTIVE)
        create = self._asked.get(request) or self._doubtful.get(request)
        asked = create is not None and not create.aside
        return asked and bool(self.running) and error.type == INVALID_REQUEST

    # -- asking ----------------------------------------------------------------------------------

    def asked(self, event: JsonDict) -> None:
        """Take note of a ``response.create`` that is about to be sent."""
        event_id = as_text(event.get("event_id"))
        if event_id is not None and event_id not in self._asked:
            self._ask(event_id, event)

    def ask_when_idle(self, event: JsonDict) -> bool:
        """Take a request that waits its turn; return whether it is to be sent now.

        Of several that wait, the latest is sent. It is asked again for as long as it is refused
        because another response was quicker.
        """
        if self.waiting is not None or self.busy:
            self.waiting = event
            return False
        self._ask(event["event_id"], event, repeat=True)
        return True

    def take_owed(self) -> JsonDict | None:
        """Return the request that has waited and is to be sent now."""
        if self.waiting is None or self.busy or self.pause_s:
            return None
        event, self.waiting = self.waiting, None
        self._ask(event["event_id"], event, repeat=True)
        return event

    def _ask(self, event_id: str, event: JsonDict, *, repeat: bool = False) -> None:
        response = as_object(plain(event.get("response")))
        aside = response.get("conversation") == "none"
        metadata = as_object(response.get("metadata"))
        self._asked[event_id] = _Create(aside, metadata, event if repeat else None)
        self.declared_tools |= declared_functions(response.get("tools"))
        keep_latest(self._asked, _LATEST)

    def forget(self, event_id: str) -> None:
        """Take note that a request was not sent after all, or is answered."""
        self._asked.pop(event_id, None)
        self._doubtful.pop(event_id, None)
        self.withdraw(event_id)

    def withdraw(self, event_id: str) -> bool:
        """Forget a request that still waits its turn; return whether it did."""
        if self.waiting is None or self.waiting["event_id"] != event_id:
            return False
        self.waiting = None
        return True

    def refused(self, event_id: str, *, busy: bool) -> bool:
        """Take note of a refusal; return whether it is dealt with here, and so nobody's affair."""
        create = self._asked.pop(event_id, None) or self._doubtful.pop(event_id, None)
        if create is None or not busy:
            return False
        if not self.running:  # or it would be asked and refused as quickly as the server answers
            self.pause_s = min(_PAUSE_S * 2**self._in_vain, _LONGEST_PAUSE_S)
            self._in_vain = min(self._in_vain + 1, _LATEST)
        if create.repeat is None:
            return False
        self.waiting = self.waiting or create.repeat
        return True

    def paused(self) -> None:
        """Take that the pause before a request that was refused is over."""
        self.pause_s = 0.0

    # -- what the server does --------------------------------------------------------------------

    def created(self, response: JsonDict) -> tuple[str | None, list[str]]:
        """Take a response that has begun.

        Returns:
            The request that it certainly answers, and those that it perhaps answers.
        """
        response_id = as_text(response.get("id"))
        self._note_conversation(response)
        answered = self._named_by_metadata(response)
        aside = self._is_aside(response, answered)
        if answered is None and aside:
            answered = next((key for key, create in self._asked.items() if create.aside), None)
        if answered is not None:
            del self._asked[answered]
        if aside:
            self._note_out_of_band(response_id, running=True)
            return answered, []
        doubtful = [key for key, create in self._asked.items() if not create.aside]
        self._doubtful.update((key, self._asked.pop(key)) for key in doubtful)
        keep_latest(self._doubtful, _LATEST)
        if response_id:
            self.running |= {response_id}
        self.pause_s, self._in_vain = 0.0, 0
        return answered, doubtful

    def done(self, response: JsonDict) -> list[str]:
        """Take a response that is over; return the requests of which no refusal can come now."""
        response_id = as_text(response.get("id")) or self._only_running
        self._note_conversation(response)
        if response_id:
            self._over[response_id] = None
            keep_latest(self._over, _LATEST)
        outside = (
            response_id in self._out_of_band or response.get("conversation_id", _ABSENT) is None
        )
        if outside and response_id not in self.running:
            self._note_out_of_band(response_id, running=False)
            return []
        self.running -= {response_id}
        return self._settle()

    @property
    def _only_running(self) -> str | None:
        """The one response that may be meant by an end that names none."""
        if len(self.running) != 1 or any(self._out_of_band.values()):
            return None
        return next(iter(self.running))

    def not_active(self, response_id: str | None) -> list[str]:
        """Take that a response was not running when it was to be cancelled; as `done`.

        Its end may have got lost, or could not be read.

        Args:
            response_id: None for the one of the conversation.
        """
        if response_id is None:
            return self.interrupted()
        if response_id not in self.running:
            return []
        self.running -= {response_id}
        return self._settle()

    def interrupted(self) -> list[str]:
        """Take that the running response ended without a word; as `done`."""
        self.running = _NONE
        return self._settle()

    def link_lost(self, requested: frozenset[str]) -> bool:
        """Forget what was only going on over the old link; return whether a response was.

        What waits for its turn goes on waiting.

        Args:
            requested: what was asked for over that link.
        """
        lost = requested & self._asked.keys()
        gone = bool(self.running or lost) or any(self._out_of_band.values())
        self.running = _NONE
        self.pause_s, self._in_vain = 0.0, 0
        self._doubtful.clear()
        self._out_of_band = dict.fromkeys(self._out_of_band, False)
        for event_id in lost:
            del self._asked[event_id]
        self.lost = (*self.lost, *lost)[-_LATEST:]
        return gone

    def _settle(self) -> list[str]:
        settled = list(self._doubtful)
        self._doubtful.clear()
        self.pause_s = 0.0
        return settled

    def _note_conversation(self, response: JsonDict) -> None:
        if as_text(response.get("conversation_id")):
            self._names_conversations = True

    def _named_by_metadata(self, response: JsonDict) -> str | None:
        metadata = as_object(response.get("metadata"))
        for event_id, create in self._asked.items():
            if create.metadata and create.metadata.items() <= metadata.items():
                return event_id
        return None

    def _is_aside(self, response: JsonDict, answered: str | None) -> bool:
        if answered is not None:
            return self._asked[answered].aside
        conversation = response.get("conversation_id", _ABSENT)
        if conversation is None and self._asked and not self._names_conversations:
            # Some servers say null of every response, so of the one that we asked for as well.
            return any(create.aside for create in self._asked.values())
        if conversation is not _ABSENT:
            return conversation is None
        if as_object(response.get("metadata")):  # of a request that is not ours
            return False
        first = next(iter(self._asked.values()), None)
        return first is not None and first.aside

    def _note_out_of_band(self, response_id: str | None, *, running: bool) -> None:
        if response_id:
            self._out_of_band[response_id] = running
            keep_latest(self._out_of_band, _LATEST)
