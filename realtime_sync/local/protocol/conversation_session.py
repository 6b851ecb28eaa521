"""A conversation or transcription session without any I/O: client events in, server events out.

`ConversationSession` is told what the client sent and what the workers found out, and calls back to
send events and to have work done. It never waits, and all its methods run on one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Protocol

from ..._types import JsonDict
from ...errors import ServerError
from ..server_settings import ServerSettings
from ..speech.semantics import sounds_complete
from ..speech.voice_detector import DetectorPool
from .active_responses import ActiveResponses, ResponseGenerator
from .caller_line import CallerLine
from .client_events import CALL_EVENTS, CONVERSATION_EVENTS, handle_request
from .config_parts import ConfigParts
from .conversation_config import default_session, merge_session
from .input_buffer import InputBuffer
from .item_store import ItemStore
from .response_builder import ResponseBuilder
from .stored_items import StoredItem, StoredPart, parse_item
from .transcripts import failed_event, transcript_events
from .turn_detection import IdleTimeout, Probe, SpeechStarted, SpeechStopped, TurnEvent
from .wire import error_event, event, fault, new_id
from .wire_formats import TICKS_PER_MS, WireFormat, decode_base64, format_of

__all__ = ["ConversationSession", "Recogniser"]

# Detecting speech in that much audio takes some 3 ms; then others have their turn.
_SLICE_MS = 200

OnHeard = Callable[[StoredPart, "Exception | None"], None]


class Recogniser(Protocol):
    """What turns audio into words, outside this pure part."""

    def recognise(
        self, part: StoredPart, done: OnHeard, *, language: str | None, prompt: str | None
    ) -> None:
        """Begin to fill ``part.heard``, without blocking, and call ``done`` afterwards."""

    def drop(self, part: StoredPart) -> None:
        """Recognise ``part`` no more, if it still is: ``done`` is not called."""


class ConversationSession:
    """The state of one connection and what its events do to it.

    Args:
        type: ``"realtime"`` or ``"transcription"``.
        model: the model's name as the client gave it.
        expires_at: seconds since the epoch.
        detectors: tell the user's speech from noise; one is borrowed when there is sound.
        generator: fills the responses.
        recogniser: turns utterances into words.
        emit: sends an event to the client.
        settings: of the server: how much the session may hold.
        start: the configuration to start with, instead of the type's own.
        line: to the caller, if this is the session of a call.
    """

    def __init__(
        self,
        *,
        type: str,
        model: str | None,
        expires_at: int,
        detectors: DetectorPool,
        generator: ResponseGenerator,
        recogniser: Recogniser,
        emit: Callable[[JsonDict], None],
        settings: ServerSettings,
        start: JsonDict | None = None,
        line: CallerLine | None = None,
    ) -> None:
        self.id = new_id("sess")
        self._expires_at = expires_at
        self._config = default_session(type, model=model) if start is None else start
        self._config_parts = ConfigParts(self._config)
        self._emit = emit
        self._recogniser = recogniser
        self._conversation = ItemStore(settings)
        self._line = line
        self.responses = ActiveResponses(self._conversation, generator, emit, self._answered, line)
        self._input_buffer = InputBuffer(
            self._input_format,
            self._turn_detection,
            detectors,
            max_s=settings.max_input_audio_s,
        )
        self._turn_id = ""  # the item that the user's current turn will be
        self._turn_start_ms = 0
        self._probing: tuple[Probe, StoredPart] | None = None  # whose words are being recognised
        self._handlers: dict[str, Callable[[JsonDict], None]] = {
            "session.update": self._update_session,
            "input_audio_buffer.commit": self._commit_buffer,
            "input_audio_buffer.clear": self._clear_buffer,
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.delete": self._delete_item,
            "conversation.item.truncate": self._truncate_item,
            "response.create": self._create_response,
            "response.cancel": self._cancel_response,
            "output_audio_buffer.clear": lambda _: self._silence(),
        }

    def open(self) -> None:
        """Greet the client."""
        self._emit(event("session.created", session=self._wire()))

    def close(self) -> None:
        """Let go of all sound and items, and of what refers back to this object.

        So its memory is free at once, and not when the garbage collector has the time.
        """
        self._conversation.clear()
        self._input_buffer.close()
        if self._line is not None:
            self._line.close()
        self._handlers.clear()
        del self.responses

    def handle(self, request: Any) -> Iterator[None]:
        """Take one decoded client event, see `handle_request`."""
        events = CONVERSATION_EVENTS if self._line is None else CALL_EVENTS
        return handle_request(request, events, self._handle, self._emit)

    def _handle(self, request: JsonDict) -> Iterator[None]:
        if request["type"] == "input_audio_buffer.append":
            yield from self._append(request)
        else:
            self._handlers[request["type"]](request)
            self._drop_void_probe()

    # -- the session -----------------------------------------------------------------------------

    @property
    def _input(self) -> JsonDict:
        hearing: JsonDict = self._config["audio"]["input"]
        return hearing

    @property
    def _input_format(self) -> WireFormat:
        return format_of(self._input["format"])

    @property
    def _turn_detection(self) -> JsonDict | None:
        config: JsonDict | None = self._input["turn_detection"]
        return config

    def _wire(self) -> JsonDict:
        return self._config_parts.wire(
            id=self.id, object="realtime.session", expires_at=self._expires_at
        )

    def _update_session(self, request: JsonDict) -> None:
        config = merge_session(self._config, request["session"], spoken=self.responses.spoken)
        parts = ConfigParts(config, self._config_parts)
        self._conversation.size.require_weight(parts.weight, "session")
        self._config, self._config_parts = config, parts
        self._input_buffer.configure(self._input_format, self._turn_detection)
        self._emit(event("session.updated", session=self._wire()))

    # -- what the user says ----------------------------------------------------------------------

    def _append(self, request: JsonDict) -> Iterator[None]:
        audio = decode_base64(request["audio"], "audio")
        self._input_buffer.check(audio)
        size = self._input_format.bytes_in(_SLICE_MS * TICKS_PER_MS)
        for start in range(0, len(audio), size):
            for turn_event in self._input_buffer.append(audio[start : start + size]):
                self._on_turn(turn_event)
            self._drop_void_probe()
            yield

    def _on_turn(self, turn_event: TurnEvent) -> None:
        if isinstance(turn_event, SpeechStarted):
            self._turn_id = new_id("item")
            self._turn_start_ms = turn_event.start_ms
            self._emit(
                event(
                    "input_audio_buffer.speech_started",
                    audio_start_ms=turn_event.start_ms,
                    item_id=self._turn_id,
                )
            )
            if self._turn_detection is not None and self._turn_detection["interrupt_response"]:
                self.responses.interrupt()
                self._silence()
        elif isinstance(turn_event, SpeechStopped):
            self._end_turn(turn_event.end_ms)
        elif isinstance(turn_event, Probe):
            self._look_at_words(turn_event)
        else:
            self._prompt_user(turn_event)

    def _end_turn(self, end_ms: int, *, heard: str | None = None) -> None:
        self._emit(
            event("input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=self._turn_id)
        )
        self._commit(
            self._turn_id, self._input_buffer.take(self._turn_start_ms, end_ms), heard=heard
        )
        self._respond_to_turn()

    def _look_at_words(self, probe: Probe) -> None:
        audio = self._input_buffer.peek(self._turn_start_ms, probe.end_ms)
        part = StoredPart("input_audio", audio=audio, format=self._input_format)

        def judge(part: StoredPart, error: Exception | None) -> None:
            self._probing = None
            turns = self._input_buffer.turns
            if error is not None or turns is None:
                return
            for stopped in turns.settle(probe, complete=sounds_complete(part.heard or "")):
                self._end_turn(stopped.end_ms, heard=part.heard)

        self._probing = probe, part
        self._recognise(part, judge)

    def _drop_void_probe(self) -> None:
        """Have nobody recognise what the turn no longer waits for: the next words come sooner."""
        turns = self._input_buffer.turns
        if self._probing is None:
            return
        probe, part = self._probing
        if turns is None or not turns.awaits(probe):
            self._probing = None
            self._recogniser.drop(part)

    def _prompt_user(self, timeout: IdleTimeout) -> None:
        item_id = new_id("item")
        self._emit(
            event(
                "input_audio_buffer.timeout_triggered",
                audio_start_ms=timeout.start_ms,
                audio_end_ms=timeout.end_ms,
                item_id=item_id,
            )
        )
        # A recogniser finds words even in silence; nobody spoke, so nothing was said.
        silence = self._input_buffer.take(timeout.start_ms, timeout.end_ms)
        self._commit(item_id, silence, heard="")
        self._respond_to_turn(always=True)

    def _respond_to_turn(self, *, always: bool = False) -> None:
        config = self._turn_detection
        if self._config["type"] != "realtime" or config is None:
            return
        if not (always or config["create_response"]):
            return
        try:
            self._respond()
        except ServerError as error:
            self._emit(error_event(error))

    def _commit_buffer(self, request: JsonDict) -> None:
        turns = self._input_buffer.turns
        announced = turns is not None and turns.speaking
        self._conversation.size.require_room()  # before the buffer is emptied
        audio = self._input_buffer.take_all()
        self._commit(self._turn_id if announced else new_id("item"), audio)

    def _clear_buffer(self, request: JsonDict) -> None:
        self._input_buffer.clear()
        self._emit(event("input_audio_buffer.cleared"))

    def _commit(self, item_id: str, audio: bytes, *, heard: str | None = None) -> None:
        try:
            self._conversation.size.require_room()
        except ServerError as error:
            self._emit(error_event(error))
            return
        part = StoredPart("input_audio", audio=audio, format=self._input_format)
        part.audio_ticks = self._input_format.ticks(len(audio))
        item = StoredItem(item_id, "message", role="user", content=[part])
        self._emit(
            event(
                "input_audio_buffer.committed",
                item_id=item_id,
                previous_item_id=self._conversation.last_id,
            )
        )
        self._add(item)
        transcription = self._input["transcription"]

        def tell(part: StoredPart, error: Exception | None) -> None:
            if transcription is None:
                return
            if error is not None:
                self._emit(failed_event(item_id, error))
                return
            part.transcript = part.heard
            for each in transcript_events(item_id, part, transcription.get("model")):
                self._emit(each)

        if heard is None:
            self._recognise(part, tell)
        else:
            part.heard = heard
            tell(part, None)

    def _recognise(self, part: StoredPart, done: OnHeard) -> None:
        config = self._input["transcription"] or {}
        self._recogniser.recognise(
            part, done, language=config.get("language"), prompt=config.get("prompt")
        )

    # -- the conversation ------------------------------------------------------------------------

    def _add(self, item: StoredItem, *, after: str | None = None) -> None:
        previous = self._conversation.add(item, after=after)
        for name in ("conversation.item.added", "conversation.item.done"):
            self._emit(event(name, previous_item_id=previous, item=item.wire()))

    def _create_item(self, request: JsonDict) -> None:
        item = parse_item(request["item"], "item", format=self._input_format)
        self._conversation.size.require_fit(item, "item")
        self._conversation.size.require_room()
        call_id = item.fields.get("call_id")
        if item.type == "function_call_output" and not self._conversation.has_call(call_id):
            raise fault(
                f"Tool call ID '{call_id}' not found in conversation.",
                code="invalid_tool_call_id",
                param="item.call_id",
            )
        self._add(item, after=request.get("previous_item_id"))

    def _retrieve_item(self, request: JsonDict) -> None:
        item = self._conversation.get(request["item_id"], to="retrieve")
        self._emit(event("conversation.item.retrieved", item=item.wire(with_audio=True)))

    def _delete_item(self, request: JsonDict) -> None:
        item = self._conversation.delete(request["item_id"])
        self._emit(event("conversation.item.deleted", item_id=item.id))
        for part in item.content:
            self._recogniser.drop(part)
        self.responses.forget(item)

    def _truncate_item(self, request: JsonDict) -> None:
        place = {key: request[key] for key in ("item_id", "content_index", "audio_end_ms")}
        self._conversation.truncate(**place)
        self._emit(event("conversation.item.truncated", **place))

    def _silence(self) -> None:
        """Let a caller hear no more of what was said so far; the model is to know no more of it."""
        for item_id, heard_ms in [] if self._line is None else self._line.clear():
            place = {"item_id": item_id, "content_index": 0, "audio_end_ms": heard_ms}
            # It is out of band, was deleted, or is shorter already: there is nothing to be cut.
            with suppress(ServerError):
                self._truncate_item(place)

    # -- the responses -----------------------------------------------------------------------------

    def _create_response(self, request: JsonDict) -> None:
        self._respond(request.get("response"))

    def _respond(self, params: Any = None) -> None:
        self.responses.create(self._config, params)
        if self._input_buffer.turns is not None and self.responses.current is not None:
            self._input_buffer.turns.answering()

    def _cancel_response(self, request: JsonDict) -> None:
        self.responses.cancel(request.get("response_id"))

    def _answered(self, response: ResponseBuilder) -> None:
        calling = any(item.type == "function_call" for item in response.output)
        if self._input_buffer.turns is not None and not calling:
            line = self._line
            left_ms = response.duration_ms if line is None else line.left_ms(response)
            self._input_buffer.turns.answered(left_ms)
