"""Which of our requests the server has not answered yet, and which of them an error means.

A server names the request that it refuses in the error's ``event_id``. Many forget it; then the
error can only mean one of the requests that are under way.
"""

from __future__ import annotations

import re
from typing import Any

from attrs import define, frozen

from .._latest import keep_latest
from .._types import JsonDict
from ..events import ErrorDetail, ErrorEvent, ServerEvent
from ..events.base import as_came, plain
from ..events.server import detail_of
from ..events.wire_values import as_object, as_text

__all__ = [
    "ALREADY_ACTIVE",
    "INVALID_REQUEST",
    "LINK_BOUND",
    "NOT_ACTIVE",
    "Refusal",
    "Refusals",
    "UnconfirmedRequests",
]

INVALID_REQUEST = "invalid_request_error"
ALREADY_ACTIVE = "conversation_already_has_active_response"
NOT_ACTIVE = "response_cancel_not_active"

# What speaks of that which only one link has: its input buffer, its running response. None of it
# is sent over another.
LINK_BOUND = frozenset(
    {
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "input_audio_buffer.clear",
        "output_audio_buffer.clear",
        "response.cancel",
        "conversation.item.truncate",
        "session.input_audio_buffer.append",  # of a translation
    }
)

# So many are remembered: more than any program has under way at once.
_LATEST = 64

# What the server says when it has done what was asked. The answers to ``response.create`` are read
# by `Responses`, since a server also makes responses that nobody has asked for.
_CONFIRMS = {
    "session.updated": "session.update",
    "conversation.item.added": "conversation.item.create",
    "conversation.item.created": "conversation.item.create",
    "conversation.item.done": "conversation.item.create",
    "conversation.item.deleted": "conversation.item.delete",
    "conversation.item.retrieved": "conversation.item.retrieve",
    "conversation.item.truncated": "conversation.item.truncate",
    "input_audio_buffer.cleared": "input_audio_buffer.clear",
    "input_audio_buffer.committed": "input_audio_buffer.commit",
    "output_audio_buffer.cleared": "output_audio_buffer.clear",
    "response.done": "response.cancel",
}
_TRACKED = frozenset({*_CONFIRMS.values(), "response.create"})

# Audio is not confirmed, so it is not tracked; what is said of it means no other request.
_APPEND = ("input_audio_buffer.append",)
_OF_ITEM = ("conversation.item.truncate", "conversation.item.delete", "conversation.item.retrieve")

# The kinds of request that the first name in ``param`` speaks of …
_KINDS_BY_PARAM = {
    "audio": _APPEND,
    "audio_end_ms": ("conversation.item.truncate",),
    "content_index": ("conversation.item.truncate",),
    "item": ("conversation.item.create",),
    "item_id": _OF_ITEM,
    "previous_item_id": ("conversation.item.create",),
    "response": ("response.create",),
    "response_id": ("response.cancel",),
    "session": ("session.update",),
}
# … and those that a ``code`` that begins so speaks of; the first that fits counts.
_KINDS_BY_CODE = {
    "cannot_update_": ("session.update",),
    ALREADY_ACTIVE: ("response.create",),
    "input_audio_buffer_commit": ("input_audio_buffer.commit",),
    "input_audio_buffer_": _APPEND,
    "item_create_": ("conversation.item.create",),
    "item_delete_": ("conversation.item.delete",),
    "item_retrieve_": ("conversation.item.retrieve",),
    "item_truncate_": ("conversation.item.truncate",),
    "response_cancel_": ("response.cancel",),
}
# What an error that says nothing can mean while several are left: the others are hardly refused,
# or with a code of their own.
_WEIGHTY = ("session.update", "conversation.item.create", "response.create")


@define
class _Unconfirmed:
    """One request without an answer.

    Attributes:
        kind: the type of the client event.
        event_id: its id.
        subject: the id of the item or response it is about, None where the server chooses.
        form: what tells the item that it creates from others.
        aside: it asks for an out-of-band response, which waits for no other.
        doubtful: a response has begun that may be its answer, or somebody else's.
        item: that it creates at the end of the conversation.
        gone: it has gone out over the link of the moment. Before, it is in the hands of whoever
            sends it, or held for the next link.
    """

    kind: str
    event_id: str
    subject: str | None = None
    form: tuple[str | None, ...] = ()
    aside: bool = False
    doubtful: bool = False
    item: JsonDict | None = None
    gone: bool = False


class UnconfirmedRequests:
    """The requests of one link in the order in which they were sent.

    Attributes:
        left: by ``event_id``.

    Threads: one at a time; the connection has a lock for it.
    """

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left: dict[str, _Unconfirmed] = {}

    def add(self, event: JsonDict) -> None:
        """Take note of a client event that is about to be sent."""
        kind, event_id = event.get("type"), as_text(event.get("event_id"))
        if kind not in _TRACKED or event_id is None:
            return
        self.left.pop(event_id, None)  # an id that is used again means the later one
        subject, form = _subject(event)
        aside = as_object(plain(event.get("response"))).get("conversation") == "none"
        request = _Unconfirmed(kind, event_id, subject, form, aside, gone=kind in LINK_BOUND)
        if kind == "conversation.item.create" and event.get("previous_item_id") is None:
            request.item = as_object(plain(event.get("item")))
        self.left[event_id] = request
        keep_latest(self.left, _LATEST)

    def note_gone(self, event_id: str, *, gone: bool) -> None:
        """Take whether a request has gone out, so that nobody will send it once more."""
        request = self.left.get(event_id)
        if request is not None:
            request.gone = gone

    def is_unsent(self, event_id: str) -> bool:
        """Whether a request has no answer, and is not known to have gone out."""
        request = self.left.get(event_id)
        return request is not None and not request.gone

    def link_lost(self, requested: frozenset[str]) -> tuple[frozenset[str], list[JsonDict]]:
        """Forget what had gone out over a lost link; the rest goes out over the next one.

        Args:
            requested: what may have gone out over it.

        Returns:
            Those of ``requested`` that are lost; and the items that they create at the end of the
            conversation, which the next session lacks.
        """
        lost = requested.difference([i for i in self.left if self.is_unsent(i)])
        gone = [self.left.pop(event_id) for event_id in [*self.left] if event_id in lost]
        return lost, [each.item for each in gone if each.item]

    def drop(self, event_id: str) -> None:
        """Take note that a request was answered, or was not sent after all."""
        self.left.pop(event_id, None)

    def subject_of(self, event_id: str) -> str | None:
        """Return the id of what a request is about, None where it says nothing, or is not left."""
        request = self.left.get(event_id)
        return None if request is None else request.subject

    def doubt(self, event_id: str) -> None:
        """Take note that a response has begun which is perhaps this request's."""
        request = self.left.get(event_id)
        if request is not None:
            request.doubtful = True

    def confirm(self, event: ServerEvent) -> None:
        """Drop the request that ``event`` answers, and those that were sent before it.

        Servers answer in order, and some do not answer everything. Only a response may take
        longer to begin than what was asked for later, or have ended before its cancellation
        arrived, and what is still in somebody's hands is answered later.
        """
        kind = _CONFIRMS.get(event.type)
        answered = self._answered(kind, event) if kind is not None else None
        if answered is None:
            return
        if answered.kind == "response.cancel":
            del self.left[answered.event_id]
            return
        for earlier in list(self.left.values()):
            if earlier is answered or (earlier.gone and earlier.kind != "response.create"):
                del self.left[earlier.event_id]
            if earlier is answered:
                return

    def _answered(self, kind: str, event: ServerEvent) -> _Unconfirmed | None:
        subject, form = _subject({name: as_came(event, name) for name in _SUBJECTS})
        for request in self.left.values():
            known = subject if request.subject is not None else form
            if request.kind == kind and known == (request.subject or request.form):
                return request
        return None

    def meant_by(self, error: ErrorDetail) -> str | None:
        """Return the ``event_id`` of the request that an error refuses, None for nobody's."""
        named = as_text(error.event_id)
        if named:
            return named
        param, code = as_text(error.param), as_text(error.code)
        kinds = _kinds(param or "", code or "")
        if not kinds:
            return self._only_one(error)
        busy = code == ALREADY_ACTIVE
        for request in self.left.values():
            if request.kind in kinds and not (busy and request.aside):
                return request.event_id
        return None

    def _only_one(self, error: ErrorDetail) -> str | None:
        """Return the one request that an error can mean which says nothing about it."""
        # What else goes wrong while a response runs is hardly the refusal of the request for it.
        may_be_late = error.type == INVALID_REQUEST
        left = [request for request in self.left.values() if may_be_late or not request.doubtful]
        if len(left) == 1:
            return left[0].event_id
        weighty = [request for request in left if request.kind in _WEIGHTY]
        if not weighty:
            return None
        *before, last = weighty
        # Items before a `response.create` are of one turn with it: whichever was refused, the turn
        # was.
        one_turn = last.kind == "response.create" and all(
            request.kind == "conversation.item.create" for request in before
        )
        return last.event_id if one_turn or not before else None


@frozen
class Refusal:
    """What an ``error`` event says of our requests.

    Attributes:
        requests: the ``event_id`` of the request that it refuses; several where errors with the
            very same text have refused several.
        busy: a response was asked for while another one was running: to be asked for again.
    """

    requests: tuple[str, ...]
    busy: bool


class Refusals:
    """What the latest errors meant.

    Every consumer and observer has an event of its own, made of the same text, and asks later than
    it came; so what was found out is kept by the text.

    Threads: `note` one at a time; `of` from any thread.
    """

    def __init__(self) -> None:
        self._by_text: dict[int, Refusal] = {}  # by its hash, since an error may be long

    def note(self, event: ErrorEvent, request: str, *, busy: bool) -> None:
        """Keep that an error refuses ``request``."""
        key = hash(event.raw)
        before = self._by_text.pop(key, None)
        others = before.requests[1 - _LATEST :] if before is not None else ()
        self._by_text[key] = Refusal((*others, request), busy)
        keep_latest(self._by_text, _LATEST)

    def of(self, event: ErrorEvent) -> Refusal | None:
        """Return what an error refuses, None for nobody's request."""
        known = self._by_text.get(hash(event.raw))
        error = detail_of(event)
        named = as_text(error.event_id)
        if known is not None or not named:
            return known
        return Refusal((named,), busy=error.code == ALREADY_ACTIVE)


_SUBJECTS = ("item", "item_id", "response", "response_id")


def _subject(fields: JsonDict) -> tuple[str | None, tuple[str | None, ...]]:
    """Return the id of what an event is about, and what an item without one is known by."""
    item = as_object(plain(fields.get("item")))
    response = as_object(plain(fields.get("response")))
    ids: tuple[Any, ...] = (
        item.get("id"),
        fields.get("item_id"),
        response.get("id"),
        fields.get("response_id"),
    )
    form = tuple(as_text(item.get(name)) for name in ("type", "role", "call_id"))
    return next(filter(None, map(as_text, ids)), None), form


def _kinds(param: str, code: str) -> tuple[str, ...]:
    for prefix, kinds in _KINDS_BY_CODE.items():
        if code.startswith(prefix):
            return kinds
    return _KINDS_BY_PARAM.get(re.split(r"[.\[]", param, maxsplit=1)[0], ())
