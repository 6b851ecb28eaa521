"""The dialect of Yandex AI Studio: almost GA, with rates, texts and ends of its own.

Sources: the provider's examples (github.com/yandex-ai-studio/yandex-ai-studio-api-examples,
``realtime/``), its pages on client and server events, and reports of what the server really
sends where those are silent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._types import JsonDict
from ..errors import LocalProtocolError
from ..events.base import plain
from ..events.session_shape import flat_config, nested_config
from ._item_events import ItemEvents

__all__ = ["YandexDialect", "YandexVerbatim"]

_PCM_HZ = 24_000
_OUTPUT_HZ_UNASKED = 44_100  # what it sends where the session says that the rate is null
_GREETING_ID = "realtime_sync_rates"
_GREETING: JsonDict = {
    "type": "session.update",
    "event_id": _GREETING_ID,
    "session": {
        "audio": {
            "input": {"format": {"type": "audio/pcm", "rate": _PCM_HZ}},
            "output": {"format": {"type": "audio/pcm", "rate": _PCM_HZ}},
        }
    },
}
_REFUSED = {
    "input_audio_buffer.clear": (
        "commit what was appended and delete the item, or leave it: the next turn begins at the "
        "next speech"
    ),
    "output_audio_buffer.clear": (
        "what the user hears is played by this program: stop playing, then cancel the response "
        "and truncate its item"
    ),
}
_BUILT_IN = ("web_search", "file_search")


class _YandexServer:
    """What is so of the server, in whatever form a program is given its events."""

    assistant_items = False
    metadata = False
    headers: Mapping[str, str] = {}
    server_tools = frozenset(_BUILT_IN)
    closes_response_on_speech_started = True


class YandexVerbatim(_YandexServer):
    """Yandex AI Studio's own events, as they are on the wire, in both directions.

    The connection still knows what the server can't do and what it means.
    """

    name = "yandex verbatim"
    greeting: Sequence[JsonDict] = ()
    server_types: frozenset[str] = frozenset()
    unasked_hz: Mapping[str, int] = {"input": _PCM_HZ, "output": _OUTPUT_HZ_UNASKED}

    def to_wire(self, event: JsonDict) -> JsonDict:
        """See `Dialect.to_wire`."""
        return event

    def from_wire(self, event: JsonDict) -> list[JsonDict]:
        """See `Dialect.from_wire`."""
        return [event]


class YandexDialect(_YandexServer):
    """GA outside, Yandex AI Studio on the wire.

    Args:
        legacy: speak the format of the retired endpoint, whose session is flat.
    """

    name = "yandex"

    def __init__(self, *, legacy: bool = False) -> None:
        self._legacy = legacy
        self.greeting: Sequence[JsonDict] = () if legacy else (_GREETING,)
        self._greeted = False  # the answer to the greeting is still to come
        self._created: JsonDict | None = None  # session.created, until it has come
        self._updated: JsonDict | None = None  # the latest session.updated, as it came
        self._items = ItemEvents(all_outputs=True)
        self._ends = _Ends()
        self._texts = _Texts()
        self._readers: dict[str, Callable[[JsonDict], list[JsonDict]]] = {
            "session.created": self._session_created,
            "session.updated": self._session_updated,
            "error": self._error,
            "conversation.item.created": self._items.created,
            "input_audio_buffer.speech_started": self._ends.speech_started,
            "input_audio_buffer.speech_stopped": self._ends.speech_stopped,
            "response.created": self._response_created,
            "response.output_item.done": self._items.output_done,
            "response.output_text.delta": self._texts.said,
            "response.output_text.done": self._texts.said,
            "response.done": self._ends.response_done,
        }
        self.server_types = frozenset(self._readers)

    # -- to the server ---------------------------------------------------------------------------

    def to_wire(self, event: JsonDict) -> JsonDict:
        """See `Dialect.to_wire`."""
        kind = event["type"]
        if kind in _REFUSED:
            raise LocalProtocolError(f"Yandex AI Studio has no {kind}: {_REFUSED[kind]}")
        if kind == "session.update":
            self._greeted = self._greeted or event.get("event_id") == _GREETING_ID
            return {**event, "session": self._session(plain(event.get("session")) or {})}
        if kind == "conversation.item.create":
            _refuse_assistant(plain(event.get("item")) or {})
        if kind == "response.create":
            return self._response_create(event)
        return event

    def _session(self, session: JsonDict) -> JsonDict:
        if session.get("type", "realtime") != "realtime":
            raise LocalProtocolError(
                f"Yandex AI Studio has no {session['type']} sessions: leave out 'type'; the "
                "transcripts of what the user says come by themselves"
            )
        mine = {name: value for name, value in session.items() if name != "type"}
        if mine.get("audio"):
            mine["audio"] = _audio(mine["audio"])
        if not self._legacy:
            return mine
        if mine.get("tools"):
            mine["tools"] = [_legacy_tool(tool) for tool in mine["tools"]]
        return flat_config(mine, output_hz=_OUTPUT_HZ_UNASKED)

    def _response_create(self, event: JsonDict) -> JsonDict:
        response = plain(event.get("response"))
        self._texts.asked(response or {})
        if response is None:
            return event
        return {**event, "response": flat_config(response) if self._legacy else response}

    # -- from the server -------------------------------------------------------------------------

    def from_wire(self, event: JsonDict) -> list[JsonDict]:
        """See `Dialect.from_wire`."""
        reader = self._readers.get(event["type"])
        return [event] if reader is None else reader(event)

    def _session_created(self, event: JsonDict) -> list[JsonDict]:
        event = self._take_session(event)
        if not self._greeted:
            return [event]
        self._created = event
        return []

    def _session_updated(self, event: JsonDict) -> list[JsonDict]:
        if event == self._updated:
            # The server may say it twice. It would pass for the answer to the next update.
            return []
        self._updated = event
        event = self._take_session(event)
        self._greeted = False
        if self._created is None:
            return [event]
        # The first one answers the greeting, of which the program knows nothing: for it, the
        # session begins as it is now.
        created, self._created = self._created, None
        return [{**created, "session": {**created["session"], **event["session"]}}]

    def _error(self, event: JsonDict) -> list[JsonDict]:
        self._greeted = False
        created, self._created = self._created, None
        return [event] if created is None else [created, event]

    def _response_created(self, event: JsonDict) -> list[JsonDict]:
        self._texts.response_created(event.get("response") or {})
        return self._ends.response_created(event)

    def _take_session(self, event: JsonDict) -> JsonDict:
        session = {"type": "realtime", **nested_config(event.get("session") or {})}
        session["audio"] = _known_rates(session.get("audio") or {})
        self._texts.session(session)
        self._ends.session(session)
        return {**event, "session": session}


class _Ends:
    """Ends the responses whose ``response.done`` does not come after an interruption.

    The server has the time of the user's words to send it; then it is made up, and the real one
    is dropped should it come still.
    """

    def __init__(self) -> None:
        self._running = ""
        self._interrupted = ""
        self._server_interrupts = True
        self._ended: deque[str] = deque(maxlen=32)

    def session(self, session: JsonDict) -> None:
        turns = (session["audio"].get("input") or {}).get("turn_detection") or {}
        self._server_interrupts = turns.get("interrupt_response") is not False

    def speech_started(self, event: JsonDict) -> list[JsonDict]:
        if self._server_interrupts:
            self._interrupted = self._running
        return [event]

    def speech_stopped(self, event: JsonDict) -> list[JsonDict]:
        return [*self._end(self._interrupted, event), event]

    def response_created(self, event: JsonDict) -> list[JsonDict]:
        ended = self._end(self._interrupted, event)
        self._running = (event.get("response") or {}).get("id") or ""
        return [*ended, event]

    def response_done(self, event: JsonDict) -> list[JsonDict]:
        response_id = (event.get("response") or {}).get("id")
        if response_id in self._ended:
            return []
        if response_id == self._running:
            self._running = self._interrupted = ""
        return [event]

    def _end(self, response_id: str, event: JsonDict) -> list[JsonDict]:
        self._interrupted = ""
        if not response_id or response_id != self._running:
            return []
        self._running = ""
        self._ended.append(response_id)
        done = {
            "type": "response.done",
            "event_id": f"{event.get('event_id')}_{response_id}_done",
            "response": {
                "object": "realtime.response",
                "id": response_id,
                "status": "cancelled",
                "status_details": {"type": "cancelled", "reason": "turn_detected"},
                "output": [],
            },
        }
        return [done]


class _Texts:
    """Names the text of a spoken answer as GA does: a transcript."""

    def __init__(self) -> None:
        self._session_speaks = True
        self._asked: bool | None = None  # by the response.create that is not answered yet
        self._speaking = True

    def session(self, session: JsonDict) -> None:
        self._session_speaks = _speaks(session, True)

    def asked(self, response: JsonDict) -> None:
        self._asked = _speaks(response, self._session_speaks)

    def response_created(self, response: JsonDict) -> None:
        asked, self._asked = self._asked, None
        default = self._session_speaks if asked is None else asked
        self._speaking = _speaks(nested_config(response), default)

    def said(self, event: JsonDict) -> list[JsonDict]:
        if not self._speaking:
            return [event]
        kind = event["type"].replace("output_text", "output_audio_transcript")
        renamed = {**event, "type": kind}
        if "text" in renamed:
            renamed["transcript"] = renamed.pop("text")
        return [renamed]


def _speaks(config: Mapping[str, Any], default: bool) -> bool:
    modalities = config.get("output_modalities")
    return "audio" in modalities if modalities else default


def _audio(audio: JsonDict) -> JsonDict:
    """Return ``session.audio`` with explicit rates and languages, and without ``transcription``.

    Transcripts come anyway; the block itself is not among what the server documents.
    """
    mine = {direction: dict(fields or {}) for direction, fields in audio.items()}
    for fields in mine.values():
        wanted = fields.get("format")
        if isinstance(wanted, Mapping) and wanted.get("type", "audio/pcm") == "audio/pcm":
            fields["format"] = {"type": "audio/pcm", "rate": _PCM_HZ, **wanted}
    hearing = mine.get("input", {})
    transcription = hearing.pop("transcription", None) or {}
    languages = transcription.get("languages")
    if not languages and transcription.get("language"):
        languages = [transcription["language"]]
    if languages:
        hearing.setdefault("languages", languages)
    return mine


def _known_rates(audio: JsonDict) -> JsonDict:
    found = {direction: dict(fields or {}) for direction, fields in audio.items()}
    unasked = {"output": _OUTPUT_HZ_UNASKED, "input": _PCM_HZ}
    for direction, fields in found.items():
        told = fields.get("format")
        if isinstance(told, Mapping) and told.get("rate", 0) is None and direction in unasked:
            fields["format"] = {**told, "rate": unasked[direction]}
    return found


def _refuse_assistant(item: Mapping[str, Any]) -> None:
    if item.get("role") == "assistant":
        raise LocalProtocolError(
            "Yandex AI Studio refuses messages of the assistant, and the dialogue breaks: tell "
            "what was said before in a message of the user's"
        )


def _legacy_tool(tool: JsonDict) -> JsonDict:
    """The retired format wanted the parameters of the built-in tools as text."""
    if tool.get("name") in _BUILT_IN and not tool.get("parameters"):
        return {**tool, "parameters": "{}"}
    return tool
