"""One blocking turn: what `ask` returns, and the sans-I/O follower of its events."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable

from attrs import field, frozen

from .._shown import shown
from .._types import JsonDict
from ..audio.pcm import SampleJoiner
from ..conversation.session import SessionFacts, SoundFormat, read_session
from ..conversation.unconfirmed import Refusal, Refusals
from ..errors import AudioError, FormatError, RemoteProtocolError, ServerError
from ..events import (
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDone,
    ErrorEvent,
    FunctionCall,
    Response,
    ResponseCreated,
    ResponseDone,
    ResponseFunctionCallArgumentsDelta,
    ResponseMcpCallArgumentsDelta,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ResponseUsage,
    ServerEvent,
)
from ..events.base import as_came
from ..events.server import detail_of
from ..events.wire_values import as_code, as_id, as_index, as_object, as_text

__all__ = ["Reply", "ReplyDelta", "Turn", "failure_of", "server_error"]

log = logging.getLogger(__name__)

# What `RealtimeConnection.stream` yields; each has ``.delta``.
ReplyDelta = (
    ResponseOutputTextDelta
    | ResponseOutputAudioDelta
    | ResponseOutputAudioTranscriptDelta
    | ResponseFunctionCallArgumentsDelta
    | ResponseMcpCallArgumentsDelta
)

_USUAL = SoundFormat()
_G711 = ("audio/pcmu", "audio/pcma")

# The metadata key by which a response is known as the one of a certain turn.
_TURN_KEY = "realtime_sync_turn"


@frozen(kw_only=True)
class Reply:
    """A finished answer.

    Attributes:
        text: the answer in words: what was written, else what was said.
        audio: the speech in the response's output format (PCM16: int16 mono, little-endian,
            24 kHz, unless the session or the response asks for another); ``b""`` for a written
            answer.
        transcript: the words of ``audio``; ``""`` for a written answer. What the user has said is
            not in it, for servers transcribe no items.
        usage: the tokens the server counted, or None.
        function_calls: the calls that the model asks for and that ``tools=`` has not answered;
            answer each with a ``function_call_output`` item, then ``ask()`` again. Calls of tools
            that the server runs itself are left out.
        response: the whole response as in ``response.done``; its ``status`` is ``completed``,
            ``incomplete`` or ``cancelled``.
        sound: the encoding of ``audio`` that was asked for, by the session or for this response;
            what the response itself reports is in force.
    """

    text: str
    audio: bytes = field(repr=lambda audio: f"<{len(audio)} bytes>")
    transcript: str
    usage: ResponseUsage | None
    function_calls: list[FunctionCall]
    response: Response
    sound: SoundFormat = _USUAL

    @property
    def audio_ms(self) -> int:
        """How long ``audio`` plays, in whole milliseconds; 0 for a written answer.

        Raises:
            FormatError: the audio is neither PCM16 nor G.711.

        Example:
            >>> said = dict(text="Hi", transcript="Hi", usage=None, function_calls=[])
            >>> Reply(audio=bytes(480), response=Response(), **said).audio_ms
            10
            >>> telephone = Response(audio={"output": {"format": {"type": "audio/pcmu"}}})
            >>> Reply(audio=bytes(480), response=telephone, **said).audio_ms
            60
        """
        if not self.audio:
            return 0
        sound = self._sound_format()
        samples = len(self.audio) // (2 if sound.is_pcm else 1)
        return samples * 1000 // sound.hz

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the speech as a WAV file, 16 bits, mono, at its own rate; G.711 is decoded.

        The response tells the format; where it does not, it is the one that was asked for.

        Args:
            path: the file; an existing one is replaced.

        Raises:
            AudioError: there is no audio (an existing file is left alone), or the file can't be
                written.
            FormatError: the audio is neither PCM16 nor G.711.

        Example:
            >>> said = dict(text="Hi", transcript="Hi", usage=None, function_calls=[])
            >>> Reply(audio=bytes(480), response=Response(), **said).save("hi.wav")
        """
        if not self.audio:
            raise AudioError(
                "the reply has no audio: it was written, or only calls functions; ask with "
                "response={'output_modalities': ['audio']} to have it spoken"
            )
        sound = self._sound_format()
        from ..audio.wav import write_wav  # with NumPy, which few turns need

        write_wav(path, _pcm16(self.audio, sound), rate=sound.hz)

    def _sound_format(self) -> SoundFormat:
        """Return the encoding of ``audio``, as the response reports it in GA's form or flat.

        It may be another one than was asked for; where a server reports none, it is that.
        """
        sound = read_session(self.response.to_dict(), SessionFacts(output=self.sound)).output
        if not sound.is_pcm and sound.type not in _G711:
            raise FormatError(
                f"the reply's audio is {shown(sound.type)}, of which only the server knows the "
                "form; ask for 'audio/pcm', 'audio/pcmu' or 'audio/pcma'"
            )
        return sound


class Turn:
    """Follows the events of one request for an answer; knows which are its own.

    A server that echoes metadata (OpenAI, Azure, the embedded one) tells exactly which response
    belongs to this turn. With one that does not, it is the first that is created; should the
    request then be refused because of that very response, it was somebody else's.

    Args:
        with_metadata: whether the server takes metadata.
        refusal_of: returns which request an error refuses; by default the one that it names.
    """

    def __init__(
        self,
        *,
        with_metadata: bool = True,
        refusal_of: Callable[[ErrorEvent], Refusal | None] | None = None,
    ) -> None:
        self._with_metadata = with_metadata
        self._refusal_of = refusal_of or Refusals().of
        self.token = secrets.token_hex(8)
        self.request_id = f"{self.token}_response"
        self.response_id: str | None = None
        self.response: Response | None = None
        self.requested = False
        self.must_repeat = False
        self.sound = SoundFormat()  # that is asked for
        self.asked_at = 0  # how many messages had come when it was requested
        # The links for which its first message and its request were held; 0 for none.
        self.begun_for = self.asked_for = 0
        self.gone = False  # with the link it was requested over
        self.certain = False  # the server said whose response it is
        self._refused = False
        self._text: list[str] = []
        self._transcript: list[str] = []
        self._audio: list[bytes] = []
        self._joiner = SampleJoiner()
        self._calls: list[FunctionCall] = []
        self._item_ids: set[str] = set()
        self._item_requests: list[str] = []

    @property
    def requests(self) -> tuple[str, ...]:
        """The ``event_id`` of each of its requests, as far as they are known."""
        return (*self._item_requests, self.request_id)

    def item_create(self, item: JsonDict) -> JsonDict:
        """Return the client event that adds an item: the user's message, a function's output."""
        number = f"_{len(self._item_requests)}" if self._item_requests else ""
        item_id, event_id = f"item_{self.token}{number}", f"{self.token}_item{number}"
        self._item_requests.append(event_id)
        self._item_ids.add(item_id)
        return {
            "type": "conversation.item.create",
            "event_id": event_id,
            "item": {"id": item_id, **item},
        }

    def response_create(self, response: JsonDict) -> JsonDict:
        """Return the client event that asks for the answer."""
        self.requested = True
        self.must_repeat = False
        if self._with_metadata:
            metadata = {**(response.get("metadata") or {}), _TURN_KEY: self.token}
            response = {**response, "metadata": metadata}
        event: JsonDict = {"type": "response.create", "event_id": self.request_id}
        return {**event, "response": response} if response else event

    def cancel(self) -> JsonDict:
        """Return the client event that ends the answer early."""
        event: JsonDict = {"type": "response.cancel", "event_id": f"{self.token}_cancel"}
        if self.response_id is not None:
            event["response_id"] = self.response_id
        return event

    @property
    def done(self) -> bool:
        """Whether nothing more will come: the response is over, or was refused."""
        return self.response is not None or self._refused

    def receive(self, event: ServerEvent, *, early: bool = False) -> bool:
        """Take ``event`` if it is one of this turn's; say whether it was.

        Args:
            event: what the server sent.
            early: it came before the answer was asked for.

        Raises:
            ServerError: the event says that one of this turn's requests was refused.
        """
        match event:
            case ErrorEvent():
                return self._take_error(event)
            case ResponseCreated(response=Response() as response) if self._is_mine(response, early):
                self.response_id = as_id(response.id)
                return True
            case ResponseDone(response=Response() as response) if self._is_known(response):
                self._finish(response)
                return True
            case ConversationItemAdded() | ConversationItemCreated() | ConversationItemDone():
                return _item_id(event) in self._item_ids
        if self.response_id is None or not self._came_in_mine(event):
            return False
        self._collect(event)
        return True

    def _start_again(self) -> None:
        self.must_repeat = True
        self.response_id = None
        self._forget()

    def _forget(self) -> None:
        self._text.clear()
        self._transcript.clear()
        self._audio.clear()
        self._joiner.clear()
        self._calls.clear()

    def _take_error(self, event: ErrorEvent) -> bool:
        refusal = self._refusal_of(event)
        mine = [name for name in refusal.requests if name.startswith(self.token)] if refusal else []
        if refusal is None or not mine:
            return False
        if self.request_id in mine:
            # Somebody else's response, begun by the user's speech perhaps, came first.
            if refusal.busy:
                self._start_again()
                return True
            self._refused = True
        raise server_error(event)

    def discard(self, event: ServerEvent, *, early: bool = False) -> bool:
        """Like `receive` for a turn that was given up: keep nothing, raise nothing."""
        try:
            mine = self.receive(event, early=early)
        except ServerError:
            mine = True
            if isinstance(event, ErrorEvent) and self._is_cancel_in_vain(event):
                self._refused = True
        self._refused = self._refused or self.must_repeat  # nobody will
        self._forget()
        return mine

    def _is_cancel_in_vain(self, event: ErrorEvent) -> bool:
        """Whether the server knows of no response to cancel: the request for it was not sent."""
        refusal = self._refusal_of(event)
        refused = () if refusal is None else refusal.requests
        return self.response_id is None and f"{self.token}_cancel" in refused

    def _is_known(self, response: Response) -> bool:
        return self.response_id is not None and response.id == self.response_id

    def _is_mine(self, response: Response, early: bool) -> bool:
        token = as_object(response.metadata).get(_TURN_KEY)
        if token is not None:
            self.certain = token == self.token
            return self.certain
        return self.response_id is None and not early

    def _came_in_mine(self, event: ServerEvent) -> bool:
        """Whether an event is of this turn's response, which is running."""
        response_id = getattr(event, "response_id", None)
        if isinstance(event, ResponseOutputItemDone) and isinstance(event.item, FunctionCall):
            # A call that does not name its response came in the one that runs.
            return as_id(response_id) in (None, self.response_id)
        return bool(response_id == self.response_id)

    def _collect(self, event: ServerEvent) -> None:
        match event:
            case ResponseOutputTextDelta():
                self._text.append(as_text(event.delta) or "")
            case ResponseOutputAudioTranscriptDelta():
                self._transcript.append(as_text(event.delta) or "")
            case ResponseOutputAudioDelta():
                self._hear(event)
            case ResponseOutputItemDone(item=FunctionCall() as call):
                self._calls.append(call)
            case _:
                # response.output_item.added: the item's conversation events belong here, too
                if item_id := _item_id(event):
                    self._item_ids.add(item_id)

    def _hear(self, event: ResponseOutputAudioDelta) -> None:
        try:
            audio = event.audio
        except RemoteProtocolError as exc:  # the rest of the answer is as good as before
            log.warning("a piece of the answer can't be heard: %s", exc)
            self._joiner.clear()  # what comes next is taken to begin with a whole sample
            return
        if self.sound.is_pcm:
            part = (as_id(event.item_id) or "", as_index(event.content_index))
            audio = self._joiner.join(audio, part)
        self._audio.append(audio)

    def _finish(self, response: Response) -> None:
        self.response = response
        error = failure_of(response.to_dict())
        if error is not None:
            raise error

    @property
    def calls(self) -> list[JsonDict]:
        """The calls of the finished answer as items in wire form, some of them twice.

        Some servers have them in ``response.done`` alone, others only as items of their own.
        """
        assert self.response is not None
        return [call.to_dict() for call in (*self._calls, *_calls_in(self.response))]

    def reply(self) -> Reply:
        """Return the finished answer; only after `done`."""
        assert self.response is not None
        transcript = "".join(self._transcript)
        usage: object = self.response.usage
        return Reply(
            text="".join(self._text) or transcript,
            audio=b"".join(self._audio),
            transcript=transcript,
            usage=usage if isinstance(usage, ResponseUsage) else None,
            function_calls=_calls_in(self.response) or list(self._calls),
            response=self.response,
            sound=self.sound,
        )


def failure_of(response: JsonDict) -> ServerError | None:
    """Return why a response has failed; None for one that has not.

    Args:
        response: in wire form.
    """
    if response.get("status") != "failed":
        return None
    error = as_object(as_object(response.get("status_details")).get("error"))
    return ServerError(
        as_text(error.get("message")) or "the response failed",
        as_text(error.get("type")) or "server_error",
        as_code(error.get("code")),
    )


def _pcm16(audio: bytes, sound: SoundFormat) -> bytes:
    """Return ``audio`` as PCM16; the half of a sample at an end that was cut off is left out."""
    from ..audio.g711 import DECODERS

    if sound.is_pcm:
        return audio[: len(audio) // 2 * 2]
    return DECODERS[sound.type](audio)


def _calls_in(response: Response) -> list[FunctionCall]:
    output: object = response.output
    items = output if isinstance(output, list) else []
    return [item for item in items if isinstance(item, FunctionCall)]


def _item_id(event: ServerEvent) -> str | None:
    return as_text(as_object(as_came(event, "item")).get("id"))


def server_error(event: ErrorEvent) -> ServerError:
    """Return the exception that tells of an ``error`` event."""
    error = detail_of(event)
    message = error.message or "the server did not say what is wrong"
    return ServerError(message, error.type, error.code, error.param, error.event_id)
