"""One session of the scripted server: what the client sends in, what the server sends out. Pure.

It confirms what a real server confirms, so that a script need only name what a test is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import define, field

from .._types import JsonDict
from ..events.wire_values import as_object
from .steps import ServerScript, UnexpectedSend
from .traffic import LinkEnd, Traffic, error, fits_field, item_events, session_created

__all__ = ["APPEND", "ScriptedSession"]

APPEND = "input_audio_buffer.append"
_CREATE = "response.create"
_NOTHING: JsonDict = {}
# What the client must say.
_NEEDED = {
    "conversation.item.create": ("item",),
    "conversation.item.delete": ("item_id",),
    "conversation.item.retrieve": ("item_id",),
    "conversation.item.truncate": ("item_id", "content_index", "audio_end_ms"),
    "session.update": ("session",),
}
_OPTIONAL = ("previous_item_id", "response_id")  # None is as good as left out


@define
class _Running:
    """A response that has not ended.

    Attributes:
        response: as it was created.
        items: its items by their ids, each with its place in the output.
        parts: its parts that are not done: where, of which type, with which words so far.
    """

    response: JsonDict
    items: dict[str, tuple[int, JsonDict]] = field(factory=dict)
    parts: list[tuple[JsonDict, str, list[str]]] = field(factory=list)


class ScriptedSession:
    """A session from its greeting on.

    Args:
        script: what is left of the script; sessions one after the other share it.
        new_id: makes the ids that the script leaves out, of a kind such as ``"event"``.
        strict: confirm nothing by itself, and refuse what the next step does not expect.
        session: fields of the session besides the usual ones.
    """

    def __init__(
        self,
        script: ServerScript,
        new_id: Callable[[str], str],
        *,
        strict: bool,
        session: Mapping[str, Any],
    ) -> None:
        self._script = script
        self._new_id = new_id
        self._strict = strict
        self._greeting = session_created(**{"id": new_id("sess"), **session})
        self._session: JsonDict = {}
        self._items: dict[str, JsonDict] = {}  # in the order of the conversation
        self._running: dict[str, _Running] = {}
        self._turn_is_over = False  # and no response has begun since
        self._confirm: dict[str, Callable[[JsonDict], Traffic]] = {
            "conversation.item.create": self._create_item,
            "conversation.item.delete": self._delete_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.truncate": self._truncate_item,
            "input_audio_buffer.clear": lambda _: [{"type": "input_audio_buffer.cleared"}],
            "input_audio_buffer.commit": self._commit,
            "response.cancel": self._cancel,
            "session.update": self._update,
        }

    def greet(self) -> list[JsonDict | LinkEnd]:
        """Return what the server sends first."""
        return self.play(self._greeting)

    def receive(self, message: JsonDict) -> list[JsonDict | LinkEnd]:
        """Return what the server sends when it gets ``message``.

        Raises:
            UnexpectedSend: a strict script does not expect it.
        """
        step = self._script.take_step(message)
        if step is not None:
            reaction = step.reaction(message)
            refused = any(_type(event) == "error" for event in reaction)
            confirmed = [] if refused else self._confirmation(message)
            return self.play([*confirmed, *reaction], message)
        if message["type"] == _CREATE:
            return self.play(self._answer(message), message)
        if self._strict and message["type"] != APPEND:
            raise UnexpectedSend(message, self._script.next_expectation)
        return self.play(self._confirmation(message), message)

    def play(self, traffic: Traffic, message: JsonDict = _NOTHING) -> list[JsonDict | LinkEnd]:
        """Return ``traffic`` as it is sent: complete, and with what a real server adds.

        Args:
            traffic: events, perhaps with gaps.
            message: what they reply to.
        """
        sent = [each for event in traffic for each in self._play_one(event, message)]
        if self._turn_is_over and not self._strict:
            self._turn_is_over = False
            if self._turns.get("create_response", True) and not self._active:
                sent += self.play(self._script.take_answer() or ())
        return sent

    # -- what is sent --------------------------------------------------------------------------

    def _play_one(
        self, event: JsonDict | LinkEnd, message: JsonDict
    ) -> Iterator[JsonDict | LinkEnd]:
        if isinstance(event, LinkEnd):
            yield event
            return
        if _is_out_of_band(message) and event["type"].startswith("conversation.item."):
            return  # its items are in no conversation
        event = self._complete(event, message)
        yield event
        yield from self._follow(event)

    def _complete(self, event: JsonDict, message: JsonDict) -> JsonDict:
        """Fill in what the script has left out."""
        kind = event["type"]
        event = {"event_id": self._new_id("event"), **event}
        if kind in ("response.created", "response.done"):
            asked = as_object(message.get("response"))
            where = None if _is_out_of_band(message) else "conv_scripted"
            usual = {"conversation_id": where, "metadata": asked.get("metadata")}
            began = self._running.get(event["response"]["id"])
            if began is not None:  # the request may be another one by now
                usual = {key: began.response[key] for key in usual}
            event["response"] = usual | event["response"]
        elif kind in ("conversation.item.added", "conversation.item.done"):
            event = {"previous_item_id": self._before(event["item"]["id"]), **event}
        elif kind == "input_audio_buffer.committed":
            event = {"previous_item_id": self._before(event["item_id"]), **event}
        elif kind == "error":
            event["error"] = {"event_id": message.get("event_id"), **event["error"]}
        return event

    def _follow(self, event: JsonDict) -> Traffic:
        """Take note of an event; return what a real server sends right behind it."""
        kind = event["type"]
        if kind in ("session.created", "session.updated"):
            self._session = event["session"]
        elif kind in ("conversation.item.added", "conversation.item.done"):
            self._place(event["item"], event["previous_item_id"])
        elif kind == "input_audio_buffer.speech_started":
            return self._interrupt()
        elif kind == "input_audio_buffer.speech_stopped":
            self._turn_is_over = bool(self._turns)
        elif kind.startswith("response."):
            self._follow_response(kind, event)
        return ()

    def _follow_response(self, kind: str, event: JsonDict) -> None:
        if kind == "response.created":
            self._turn_is_over = False
            self._running[event["response"]["id"]] = _Running(event["response"])
            return
        if kind == "response.done":
            self._running.pop(event["response"]["id"], None)
            return
        running = self._running.get(event.get("response_id", ""))
        if running is None:
            return
        if kind in ("response.output_item.added", "response.output_item.done"):
            running.items[event["item"]["id"]] = event["output_index"], event["item"]
        elif kind == "response.content_part.added":
            names = ("response_id", "item_id", "output_index", "content_index")
            place = {name: event[name] for name in names}
            running.parts.append((place, event["part"]["type"], []))
        elif kind == "response.content_part.done":
            running.parts = [each for each in running.parts if not _is_at(each[0], event)]
        elif kind in ("response.output_text.delta", "response.output_audio_transcript.delta"):
            for place, _, words in running.parts:
                if _is_at(place, event):
                    words.append(event["delta"])

    # -- responses -----------------------------------------------------------------------------

    @property
    def _turns(self) -> JsonDict:
        heard = as_object(as_object(self._session.get("audio")).get("input"))
        return as_object(heard.get("turn_detection"))

    @property
    def _active(self) -> _Running | None:
        """The running response of the conversation."""
        inside = (each for each in self._running.values() if each.response["conversation_id"])
        return next(inside, None)

    def _answer(self, message: JsonDict) -> Traffic:
        if self._active is not None and not self._strict and not _is_out_of_band(message):
            return error(
                "Conversation already has an active response in progress: "
                f"{self._active.response['id']}.",
                code="conversation_already_has_active_response",
            )
        answer = self._script.take_answer()
        if answer is not None:
            return answer
        if self._strict:
            raise UnexpectedSend(message, self._script.next_expectation)
        response = {"object": "realtime.response", "id": self._new_id("resp"), "output": []}
        return [
            {"type": f"response.{name}", "response": {**response, "status": status}}
            for name, status in (("created", "in_progress"), ("done", "completed"))
        ]

    def _interrupt(self) -> Traffic:
        """The user begins to speak."""
        interrupts = self._turns and self._turns.get("interrupt_response", True)
        if self._strict or not interrupts or self._active is None:
            return ()
        return self.play(self._end(self._active, "turn_detected"))

    def _cancel(self, message: JsonDict) -> Traffic:
        response_id = message.get("response_id")
        running = self._running.get(response_id) if response_id else self._active
        if running is None:
            return error(
                "Cancellation failed: no active response found", code="response_cancel_not_active"
            )
        return self._end(running, "client_cancelled")

    def _end(self, running: _Running, reason: str) -> Traffic:
        """End a response before it is complete."""
        events: list[JsonDict] = []
        for place, kind, words in running.parts:
            events += _part_done(place, kind, "".join(words))
        output = []
        for index, item in running.items.values():
            if item.get("status") == "in_progress":
                item = _cut_short(item, running)
                place = {"response_id": running.response["id"], "output_index": index}
                events.append({"type": "response.output_item.done", **place, "item": item})
                if running.response["conversation_id"]:
                    events.append({"type": "conversation.item.done", "item": item})
            output.append(item)
        details = {"type": "cancelled", "reason": reason}
        ended = {"status": "cancelled", "status_details": details, "output": output}
        return [*events, {"type": "response.done", "response": {**running.response, **ended}}]

    # -- what a real server confirms -----------------------------------------------------------

    def _confirmation(self, message: JsonDict) -> Traffic:
        confirm = self._confirm.get(message["type"])
        if self._strict or confirm is None:
            return ()
        given = [name for name in _OPTIONAL if message.get(name) is not None]
        for name in (*_NEEDED.get(message["type"], ()), *given):
            if not fits_field(name, message.get(name)):
                return _invalid(name, is_there=name in message)
        return confirm(message)

    def _update(self, message: JsonDict) -> Traffic:
        session = _merged(self._session, message["session"])
        return [{"type": "session.updated", "session": session}]

    def _create_item(self, message: JsonDict) -> Traffic:
        item = {"id": self._new_id("item"), "status": "completed", **message["item"]}
        if not isinstance(item["id"], str):
            return _invalid("item.id", is_there=True)
        after = message.get("previous_item_id")
        if after is None:
            return item_events(item)
        return item_events(item, previous_item_id=None if after == "root" else after)

    def _delete_item(self, message: JsonDict) -> Traffic:
        item_id = message["item_id"]
        if self._items.pop(item_id, None) is None:
            return _no_item(item_id)
        return [{"type": "conversation.item.deleted", "item_id": item_id}]

    def _retrieve_item(self, message: JsonDict) -> Traffic:
        item = self._items.get(message["item_id"])
        if item is None:
            return _no_item(message["item_id"])
        return [{"type": "conversation.item.retrieved", "item": item}]

    def _truncate_item(self, message: JsonDict) -> Traffic:
        if message["item_id"] not in self._items:
            return _no_item(message["item_id"])
        place = {name: message[name] for name in ("item_id", "content_index", "audio_end_ms")}
        return [{"type": "conversation.item.truncated", **place}]

    def _commit(self, message: JsonDict) -> Traffic:
        item = {
            "id": self._new_id("item"),
            "type": "message",
            "role": "user",
            "status": "completed",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        committed = {"type": "input_audio_buffer.committed", "item_id": item["id"]}
        return [committed, *item_events(item)]

    # -- the conversation ----------------------------------------------------------------------

    def _before(self, item_id: str) -> str | None:
        """Which item stands before one, which is the last if it is not there yet."""
        order = list(self._items)
        at = order.index(item_id) if item_id in self._items else len(order)
        return order[at - 1] if at else None

    def _place(self, item: JsonDict, previous: str | None) -> None:
        if item["id"] in self._items:
            self._items[item["id"]] = item
            return
        order = list(self._items.items())
        names = list(self._items)
        at = names.index(previous) + 1 if previous in self._items else 0
        order.insert(at, (item["id"], item))
        self._items = dict(order)


def _type(event: JsonDict | LinkEnd) -> str | None:
    return None if isinstance(event, LinkEnd) else event["type"]


def _is_out_of_band(message: JsonDict) -> bool:
    return as_object(message.get("response")).get("conversation") == "none"


def _is_at(place: JsonDict, event: JsonDict) -> bool:
    return all(place[name] == event[name] for name in ("item_id", "content_index"))


def _cut_short(item: JsonDict, running: _Running) -> JsonDict:
    """Return an item that is not done, with what has come of it."""
    item = {**item, "status": "incomplete"}
    if "content" in item:
        item["content"] = [
            _content(kind, words)
            for place, kind, words in running.parts
            if place["item_id"] == item["id"]
        ]
    return item


def _part_done(place: JsonDict, kind: str, words: str) -> list[JsonDict]:
    done: list[JsonDict] = [{"type": "response.output_text.done", "text": words}]
    if kind == "audio":
        done = [
            {"type": "response.output_audio.done"},
            {"type": "response.output_audio_transcript.done", "transcript": words},
        ]
    part = {"type": kind, _words_of(kind): words}
    done.append({"type": "response.content_part.done", "part": part})
    return [{**event, **place} for event in done]


def _content(kind: str, words: list[str]) -> JsonDict:
    return {"type": f"output_{kind}", _words_of(kind): "".join(words)}


def _words_of(kind: str) -> str:
    """The field in which a part has its words."""
    return "text" if kind == "text" else "transcript"


def _invalid(name: str, *, is_there: bool) -> Traffic:
    if is_there:
        return error(f"Invalid type for '{name}'.", code="invalid_type", param=name)
    words = f"Missing required parameter: '{name}'."
    return error(words, code="missing_required_parameter", param=name)


def _no_item(item_id: str) -> Traffic:
    return error(f"Item with id '{item_id}' does not exist.", code="item_not_found")


def _merged(before: JsonDict, update: JsonDict) -> JsonDict:
    """Return a session after an update: objects are merged unless they change their type."""
    merged = dict(before)
    for key, value in update.items():
        known = before.get(key)
        if isinstance(value, dict) and isinstance(known, dict):
            same_type = value.get("type", known.get("type")) == known.get("type")
            value = _merged(known, value) if same_type else value
        merged[key] = value
    return merged
