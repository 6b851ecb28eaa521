"""What Yandex AI Studio takes, refuses and says.

Sources: its examples and its pages of events, and what is reported from live runs. Written from
those alone.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable

from dialect_rules import Answer, Close, Event, Refusal, RefusedError, Rules, error, known

from realtime_sync.audio import Resampler

__all__ = ["YandexRules"]

_YANDEX_SESSION = [
    "type",
    "instructions",
    "output_modalities",
    "audio",
    "tools",
    "tool_choice",
    "prompt",
]
_YANDEX_AUDIO = {
    "input": ["format", "languages", "turn_detection"],
    "output": ["format", "voice", "role"],
}
_YANDEX_RESPONSE = [
    "instructions",
    "output_modalities",
    "modalities",
    "conversation",
    "audio",
    "tools",
    "tool_choice",
    "max_output_tokens",
    "input",
]
_YANDEX_SAID = {  # the live order of events; nothing else comes
    "session.created",
    "session.updated",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "conversation.item.input_audio_transcription.completed",
    "conversation.item.truncated",
    "conversation.item.deleted",
    "conversation.item.retrieved",
    "response.created",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.output_item.done",
    "response.done",
    "error",
}
_UNASKED_HZ = 44_100
_BUILT_IN = ("web_search", "file_search")
_OWN_CALLS = {f"call_of_{name}" for name in _BUILT_IN}


class YandexRules(Rules):
    """Almost GA. The key is ``Api-Key`` or, as an IAM token, ``Bearer token-of-<key>``.

    A session that has a built-in tool is told of a call of it in each response, as the server runs
    it there; nobody else may answer it.

    Attributes:
        ends_not_told: how many interrupted answers got no ``response.done``.
        built_in: the names of the server's own tools that the session has.
    """

    ignores_pings = True

    def __init__(self, query: dict[str, str]) -> None:
        super().__init__(query)
        self._hz: dict[str, int | None] = {"input": None, "output": None}
        self._resamplers: dict[str, Resampler] = {}
        self._languages: list[str] = []
        self._answering = False
        self._interrupted = False
        self.ends_not_told = 0
        self.built_in: list[str] = []
        self._tools: list[Event] = []

    @classmethod
    def refusal(
        cls, path: str, query: dict[str, str], headers: dict[str, str], key: str
    ) -> Refusal | None:
        """See `Rules`."""
        if path != "/v1/realtime":
            return 404, f"there is no {path}"
        if headers.get("authorization") not in (f"Api-Key {key}", f"Bearer token-of-{key}"):
            return 401, "Unknown api key"
        return None

    def open(self) -> None:
        """Check the model, as the server does after the upgrade."""
        scheme, _, rest = self.query.get("model", "").partition("://")
        if scheme != "gpt" or "/" not in rest:
            raise Close(1008, "Invalid model URI")

    def up(self, event: Event, answer: Answer) -> Iterable[Event]:
        """See `Rules`."""
        try:
            return [self._to_ga(event)]
        except RefusedError as refused:
            answer(error(event=event, **refused.answer))
            return []

    def _to_ga(self, event: Event) -> Event:
        kind = event["type"]
        if kind in ("input_audio_buffer.clear", "output_audio_buffer.clear"):
            raise RefusedError(f"{kind} is not supported", "unsupported", "type")
        if kind == "session.update":
            return {**event, "session": self._session_to_ga(event["session"])}
        if kind == "input_audio_buffer.append":
            pcm = self._resampled("input", base64.b64decode(event["audio"]))
            return {**event, "audio": base64.b64encode(pcm).decode()}
        if kind == "conversation.item.create" and event["item"].get("role") == "assistant":
            raise RefusedError(
                "MessageContentItemOutputText is not supported yet", "unsupported", "item.content"
            )
        if kind == "conversation.item.create" and event["item"].get("call_id", "") in _OWN_CALLS:
            raise RefusedError("the tool is the server's", "invalid_value", "item.call_id")
        if kind == "response.create":
            return {**event, "response": _response_to_ga(event.get("response") or {})}
        return event

    def _session_to_ga(self, session: Event) -> Event:
        known(session, _YANDEX_SESSION, "session")
        audio = {side: dict(fields) for side, fields in session.get("audio", {}).items()}
        for side, fields in audio.items():
            known(fields, _YANDEX_AUDIO.get(side, ()), f"session.audio.{side}")
        for side, fields in audio.items():
            if "format" in fields:
                if fields["format"].get("type") != "audio/pcm":
                    raise RefusedError("only audio/pcm", "invalid_value", f"audio.{side}.format")
                self._hz[side] = fields.pop("format").get("rate")
        self._languages = audio.get("input", {}).pop("languages", self._languages)
        output = audio.get("output", {})
        output.pop("role", None)
        if "voice" in output:  # any name will do here; the server takes those of others by their id
            output["voice"] = {"id": output["voice"]}
        audio.setdefault("input", {})["transcription"] = {"model": "local"}  # comes unasked
        ga = {**session, "type": "realtime", "audio": audio}
        if "output_modalities" in session:
            ga["output_modalities"] = _modalities_to_ga(session["output_modalities"])
        if "tools" in session:
            self._tools = session["tools"]
            ga["tools"] = _without_built_in(self._tools, "session")
            self.built_in = [t["name"] for t in self._tools if t["name"] in _BUILT_IN]
        return ga

    def down(self, event: Event) -> Iterable[Event]:
        """See `Rules`."""
        event = {**event, "type": event["type"].replace("output_audio_transcript", "output_text")}
        kind = event["type"]
        if kind in ("session.created", "session.updated"):
            told = {**event, "session": self._told(event["session"])}
            return [told] if kind == "session.created" else [told, told]
        if kind == "conversation.item.added" and event["item"].get("role") == "user":
            return [{**event, "type": "conversation.item.created"}]
        if kind not in _YANDEX_SAID:
            return []
        if kind == "response.output_text.done" and "transcript" in event:
            event["text"] = event.pop("transcript")
        if kind == "response.output_audio.delta":
            pcm = self._resampled("output", base64.b64decode(event["delta"]))
            event["delta"] = base64.b64encode(pcm).decode()
        if kind == "conversation.item.input_audio_transcription.completed":
            some = event["transcript"].partition(" ")[0]
            return [{**event, "transcript": some}, event]
        return self._kept(event)

    def _kept(self, event: Event) -> list[Event]:
        """Follow the answers; the end of an interrupted one is not told."""
        kind = event["type"]
        if kind == "response.created":
            self._answering, self._interrupted = True, False
            calls = [_own_call(name, event["response"]["id"]) for name in self.built_in]
            return [event, *calls]
        if kind == "input_audio_buffer.speech_started":
            self._interrupted = self._answering
        elif kind == "response.done":
            self._answering = False
            if self._interrupted:
                self.ends_not_told += 1
                return []
        return [event]

    def _told(self, session: Event) -> Event:
        audio = {
            side: {name: fields[name] for name in _YANDEX_AUDIO[side] if name in fields}
            for side, fields in session["audio"].items()
        }
        for side, fields in audio.items():
            fields["format"] = {"type": "audio/pcm", "rate": self._hz[side]}
        audio["input"]["languages"] = self._languages
        voice = audio["output"]["voice"]
        audio["output"]["voice"] = voice["id"] if isinstance(voice, dict) else voice
        told = {"id", "object", "model", "expires_at", *_YANDEX_SESSION} - {"type"}
        return {
            **{name: value for name, value in session.items() if name in told},
            "audio": audio,
            "tools": self._tools,
        }

    def _resampled(self, side: str, pcm: bytes) -> bytes:
        theirs = self._hz[side] or _UNASKED_HZ
        if theirs == 24_000:
            return pcm
        rates = (theirs, 24_000) if side == "input" else (24_000, theirs)
        resampler = self._resamplers.setdefault(side, Resampler(*rates))
        return resampler.process(pcm)


def _response_to_ga(response: Event) -> Event:
    """Take the parameters of an answer in today's form and in that of the examples of 2025."""
    known(response, _YANDEX_RESPONSE, "response")
    ga = {name: value for name, value in response.items() if name != "modalities"}
    if "tools" in ga:
        ga["tools"] = _without_built_in(ga["tools"], "response")
    if ga.get("conversation") == "default":
        ga["conversation"] = "auto"
    modalities = response.get("modalities", response.get("output_modalities"))
    return ga if modalities is None else {**ga, "output_modalities": _modalities_to_ga(modalities)}


def _without_built_in(tools: list[Event], where: str) -> list[Event]:
    """Return the functions; the built-in ones have no parameters, in today's form or 2025's."""
    for tool in tools:
        if tool["name"] in _BUILT_IN and tool.get("parameters", {}) not in ({}, "{}"):
            raise RefusedError("it has none", "invalid_value", f"{where}.tools.parameters")
    return [tool for tool in tools if tool["name"] not in _BUILT_IN]


def _modalities_to_ga(modalities: list[str]) -> list[str]:
    """GA has either, and speech has its text in any case."""
    return ["audio"] if "audio" in modalities else ["text"]


def _own_call(name: str, response_id: str) -> Event:
    item = {
        "id": f"item_of_{name}_in_{response_id}",
        "type": "function_call",
        "status": "completed",
        "call_id": f"call_of_{name}",
        "name": name,
        "arguments": '{"query": "what was asked"}',
    }
    return {
        "type": "response.output_item.done",
        "event_id": f"event_of_{name}_in_{response_id}",
        "response_id": response_id,
        "output_index": 0,
        "item": item,
    }
