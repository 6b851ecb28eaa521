"""The responses of a session: what a ``response.create`` may ask, and which of them is active."""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile
from typing import Annotated, Any, Literal, Protocol

from pydantic import AfterValidator, Field

from ..._types import JsonDict
from .caller_line import CallerLine
from .conversation_config import AudioOutputFields, CommonFields
from .item_store import ItemStore
from .response_builder import ResponseBuilder, ResponseSettings
from .stored_items import StoredItem, parse_item
from .validation import Strict, check, refuse, wrong_type
from .wire import event, fault
from .wire_formats import format_of

__all__ = ["ActiveResponses", "ResponseGenerator"]

# Out-of-band ones included; each has a thread for its words.
_MOST_ACTIVE = 16


def _metadata(value: dict[str, str] | None) -> dict[str, str] | None:
    if value and (len(value) > 16 or any(len(k) > 64 or len(v) > 512 for k, v in value.items())):
        raise refuse("expected at most 16 keys of 64 characters with values of 512 characters")
    return value


class _AudioParams(Strict):
    output: AudioOutputFields | None = None


class _Params(CommonFields):
    conversation: Literal["auto", "none"] | None = None
    input: Annotated[list[Any], Field(max_length=1_000)] | None = None  # each costs some 100 µs
    audio: _AudioParams | None = None
    metadata: Annotated[dict[str, str] | None, AfterValidator(_metadata)] = None


class ResponseGenerator(Protocol):
    """What fills responses, outside this pure part."""

    def start(self, response: ResponseBuilder) -> None:
        """Begin to generate ``response``, without blocking."""

    def stop(self, response: ResponseBuilder) -> None:
        """Generate no more of ``response``; it has ended."""


def _to_answer(context: list[StoredItem]) -> list[StoredItem]:
    """Return what has come since the last answer: the user's messages and functions' outputs."""
    since = takewhile(
        lambda item: item.type != "function_call" and item.role != "assistant", reversed(context)
    )
    return [item for item in since if item.type == "function_call_output" or item.role == "user"]


class ActiveResponses:
    """Creates, cancels and ends responses.

    Args:
        conversation: the session's.
        generator: what fills the responses.
        emit: sends an event to the client.
        finished: called with each response of the conversation that ended by itself.
        line: to the caller of a call, who hears the answers; None over a plain WebSocket.
    """

    def __init__(
        self,
        conversation: ItemStore,
        generator: ResponseGenerator,
        emit: Callable[[JsonDict], None],
        finished: Callable[[ResponseBuilder], None],
        line: CallerLine | None = None,
    ) -> None:
        self._conversation = conversation
        self._generator = generator
        self._emit = emit
        self._finished = finished
        self._line = line
        self._active: dict[str, ResponseBuilder] = {}
        self.spoken = False  # whether any audio was produced

    @property
    def current(self) -> ResponseBuilder | None:
        """The active response of the conversation; out-of-band ones run beside it."""
        return next((r for r in self._active.values() if r.settings.in_conversation), None)

    def create(self, session: JsonDict, params: Any = None) -> None:
        """Start a response.

        Args:
            session: the session's effective configuration.
            params: the ``response`` of the client's event, unchecked; None for a turn's.

        Raises:
            ServerError: a parameter is wrong, or another response is active.
        """
        if session["type"] != "realtime":
            raise fault("A transcription session has no responses.", code="invalid_session_type")
        if params is not None and not isinstance(params, dict):
            raise wrong_type("response", "an object", params)
        given = check(_Params, params or {}, "response")
        self._conversation.size.require_fit(given, "response")
        if len(self._active) >= _MOST_ACTIVE:
            raise fault(
                f"{_MOST_ACTIVE} responses are in progress, and a session may have no more at "
                "once. Wait until one is finished.",
                code="too_many_active_responses",
            )
        settings = self._settings(session, given)
        if settings.in_conversation and self.current is not None:
            raise fault(
                "Conversation already has an active response in progress: "
                f"{self.current.id}. Wait until the response is finished before creating a new "
                "one.",
                code="conversation_already_has_active_response",
            )
        if settings.in_conversation:
            self._conversation.size.require_room()
        context = self._context(session, given.get("input"))
        # With instructions of its own it has something to say, whatever becomes of the items.
        asked = [] if given.get("instructions") else _to_answer(context)
        response = ResponseBuilder(settings, context, self._conversation, asked=asked)
        self._active[response.id] = response
        self._send(response.created())
        self._generator.start(response)

    def cancel(self, response_id: str | None = None) -> None:
        """Cancel a response on the client's behalf.

        Raises:
            ServerError: it is not active.
        """
        response = self.current if response_id is None else self._active.get(response_id)
        if response is None:
            which = "no active response found"
            if response_id is not None:
                which = f"response '{response_id}' is not active"
            raise fault(
                f"Cancellation failed: {which}",
                code="response_cancel_not_active",
                param=None if response_id is None else "response_id",
            )
        self._abandon(response, "client_cancelled")

    def interrupt(self) -> None:
        """Cancel the conversation's active response, if any, because the user speaks."""
        if self.current is not None:
            self._abandon(self.current, "turn_detected")

    def forget(self, item: StoredItem) -> None:
        """Take that ``item`` was deleted, and end what would only have answered it."""
        for response in [*self._active.values()]:
            if response.forget(item):
                self._abandon(response, "client_cancelled")

    def progress(self, response: ResponseBuilder, events: list[JsonDict]) -> None:
        """Pass on what a step of ``response`` gave; in a call, its sound to the caller alone."""
        self.spoken = self.spoken or response.audio_ticks > 0
        if self._line is None:
            self._send(events)
            return
        self._send([each for each in events if each["type"] != "response.output_audio.delta"])
        self._line.play(response)

    def finish(
        self,
        response: ResponseBuilder,
        status: str,
        *,
        reason: str | None = None,
        error: JsonDict | None = None,
    ) -> None:
        """End ``response`` by itself."""
        self._end(response, response.finish(status, reason=reason, error=error))
        if response.settings.in_conversation:
            self._finished(response)

    def _abandon(self, response: ResponseBuilder, reason: str) -> None:
        self._generator.stop(response)
        self._end(response, response.finish("cancelled", reason=reason))

    def _end(self, response: ResponseBuilder, events: list[JsonDict]) -> None:
        del self._active[response.id]
        if response.settings.in_conversation:
            for item in response.output:
                self._conversation.size.weigh_again(item)
        self._send(events)
        if self._line is not None:
            self._line.finish(response)
        # Nothing is limited here, but clients expect the event.
        limits = [
            {"name": name, "limit": limit, "remaining": limit, "reset_seconds": 0.0}
            for name, limit in (("requests", 1_000), ("tokens", 100_000))
        ]
        self._emit(event("rate_limits.updated", rate_limits=limits))

    def _send(self, events: list[JsonDict]) -> None:
        for each in events:
            self._emit(each)

    def _settings(self, session: JsonDict, given: JsonDict) -> ResponseSettings:
        def effective(name: str) -> Any:
            value = given.get(name)
            return session[name] if value is None else value

        several = given.get("parallel_tool_calls")
        if several is None:  # a session has it only if it was given
            several = session.get("parallel_tool_calls", True)

        usual = session["audio"]["output"]
        audio = (given.get("audio") or {}).get("output") or {}
        voice = audio.get("voice") or usual["voice"]
        if self.spoken and voice != usual["voice"]:
            raise fault(
                "Cannot update a conversation's voice if assistant audio is present.",
                code="cannot_update_voice",
                param="response.audio.output.voice",
            )
        return ResponseSettings(
            modality=effective("output_modalities")[0],
            instructions=effective("instructions"),
            tools=effective("tools"),
            tool_choice=effective("tool_choice"),
            parallel_tool_calls=several,
            max_output_tokens=effective("max_output_tokens"),
            voice=voice["id"] if isinstance(voice, dict) else voice,
            speed=usual["speed"],
            audio_format=audio.get("format") or usual["format"],
            metadata=given.get("metadata"),
            in_conversation=given.get("conversation") != "none",
        )

    def _context(self, session: JsonDict, given: list[Any] | None) -> list[StoredItem]:
        if given is None:
            return list(self._conversation)
        heard_as = format_of(session["audio"]["input"]["format"])
        items = []
        for index, data in enumerate(given):
            where = f"response.input[{index}]"
            if isinstance(data, dict) and data.get("type") == "item_reference":
                item_id = data.get("id")
                if not isinstance(item_id, str):
                    raise wrong_type(f"{where}.id", "a string", item_id)
                items.append(self._conversation.get(item_id, to="reference", param=f"{where}.id"))
            else:
                items.append(parse_item(data, where, format=heard_as))
        return items
