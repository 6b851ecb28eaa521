"""What servers of the beta protocol take, refuse and say, Azure's preview API among them.

Sources: the published flat models of the beta and the guide "beta to GA"; Microsoft's realtime
guide. Written from those alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from dialect_rules import Answer, Event, Refusal, RefusedError, Rules, error, known

__all__ = ["AzureRules", "BetaRules"]

_BETA_SESSION = [
    "modalities",
    "instructions",
    "voice",
    "speed",
    "input_audio_format",
    "output_audio_format",
    "tools",
    "input_audio_transcription",
    "input_audio_noise_reduction",
    "turn_detection",
    "tool_choice",
    "model",
    "temperature",
    "max_response_output_tokens",
    "tracing",
]
_BETA_TRANSCRIPTION = [
    "input_audio_format",
    "input_audio_transcription",
    "input_audio_noise_reduction",
    "turn_detection",
    "include",
]
_BETA_RESPONSE = [
    "modalities",
    "instructions",
    "voice",
    "output_audio_format",
    "tools",
    "tool_choice",
    "temperature",
    "max_response_output_tokens",
    "conversation",
    "metadata",
    "input",
]
_BETA_NAMES = {
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
}
_BETA_FORMATS = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}


class BetaRules(Rules):
    """The flat session and the old names; the header is demanded."""

    needs_header: ClassVar[bool] = True

    @classmethod
    def refusal(
        cls, path: str, query: dict[str, str], headers: dict[str, str], key: str
    ) -> Refusal | None:
        """See `Rules`."""
        if path != "/v1/realtime":
            return 404, f"there is no {path}"
        if headers.get("authorization") != f"Bearer {key}":
            return 401, "Incorrect API key provided"
        if headers.get("openai-beta") != "realtime=v1":
            return 400, "You must provide the 'OpenAI-Beta: realtime=v1' header"
        return None

    def up(self, event: Event, answer: Answer) -> Iterable[Event]:
        """See `Rules`."""
        try:
            return [self._to_ga(event)]
        except RefusedError as refused:
            answer(error(event=event, **refused.answer))
            return []

    def _to_ga(self, event: Event) -> Event:
        transcribing = self.query.get("intent") == "transcription"
        kind = event["type"]
        if kind == "transcription_session.update" and transcribing:
            known(event["session"], _BETA_TRANSCRIPTION, "session")
            session = {"type": "transcription", **_nested(event["session"])}
            return {**event, "type": "session.update", "session": session}
        if kind == "session.update" and not transcribing:
            known(event["session"], _BETA_SESSION, "session")
            return {**event, "session": {"type": "realtime", **_nested(event["session"])}}
        if kind in ("session.update", "transcription_session.update"):
            raise RefusedError(f"'{kind}' is for the other kind of session", "wrong_kind", "type")
        if kind == "response.create" and "response" in event:
            known(event["response"], _BETA_RESPONSE, "response")
            response = _nested(event["response"])
            if "input" in response:
                response["input"] = [_item_to_ga(item) for item in response["input"]]
            return {**event, "response": response}
        if kind == "conversation.item.create":
            return {**event, "item": _item_to_ga(event["item"])}
        return event

    def down(self, event: Event) -> Iterable[Event]:
        """See `Rules`."""
        kind = event["type"]
        event = {**event, "type": _BETA_NAMES.get(kind, kind)}
        if kind == "conversation.item.done":
            return []
        if kind == "conversation.item.added":
            event["type"] = "conversation.item.created"
        if kind in ("session.created", "session.updated"):
            if event["session"]["type"] == "transcription":
                event["type"] = f"transcription_{kind}"
            told = {"id", "object", "expires_at", *_BETA_SESSION, *_BETA_TRANSCRIPTION}
            flat = _flat(event["session"])
            event["session"] = {name: value for name, value in flat.items() if name in told}
        if "response" in event:
            event["response"] = _flat(event["response"])
            output = event["response"].get("output") or []
            event["response"]["output"] = [_item_from_ga(item) for item in output]
        if "item" in event:
            event["item"] = _item_from_ga(event["item"])
        return [event]


def _nested(flat: Event) -> Event:
    ga = dict(flat)
    audio: dict[str, Event] = {"input": {}, "output": {}}
    for side in audio:
        if f"{side}_audio_format" in ga:
            name = ga.pop(f"{side}_audio_format")
            if name not in _BETA_FORMATS:
                raise RefusedError(f"Invalid value: {name!r}", "invalid_value", "session")
            audio[side]["format"] = {"type": _BETA_FORMATS[name]}
    for name in ("transcription", "noise_reduction"):
        if f"input_audio_{name}" in ga:
            audio["input"][name] = ga.pop(f"input_audio_{name}")
    if "turn_detection" in ga:
        audio["input"]["turn_detection"] = ga.pop("turn_detection")
    for name in ("voice", "speed"):
        if name in ga:
            audio["output"][name] = ga.pop(name)
    if "modalities" in ga:
        modalities = sorted(ga.pop("modalities"))
        if modalities not in (["text"], ["audio", "text"]):
            raise RefusedError(f"Invalid modalities: {modalities}", "invalid_value", "session")
        ga["output_modalities"] = ["audio"] if "audio" in modalities else ["text"]
    if "max_response_output_tokens" in ga:
        ga["max_output_tokens"] = ga.pop("max_response_output_tokens")
    ga.pop("temperature", None)
    return {**ga, "audio": {side: fields for side, fields in audio.items() if fields}}


def _flat(ga: Event) -> Event:
    flat = {name: value for name, value in ga.items() if name not in ("type", "audio")}
    audio = ga.get("audio") or {}
    names = {kind: name for name, kind in _BETA_FORMATS.items()}
    for side, fields in audio.items():
        if fields.get("format"):
            flat[f"{side}_audio_format"] = names[fields["format"]["type"]]
        for name in ("voice", "speed", "turn_detection"):
            if name in fields:
                flat[name] = fields[name]
        for name in ("transcription", "noise_reduction"):
            if name in fields:
                flat[f"input_audio_{name}"] = fields[name]
    if "output_modalities" in flat:
        speaks = flat.pop("output_modalities") == ["audio"]
        flat["modalities"] = ["text", "audio"] if speaks else ["text"]
    if "max_output_tokens" in flat and ga.get("object") != "realtime.response":
        flat["max_response_output_tokens"] = flat.pop("max_output_tokens")
    return flat


def _item_to_ga(item: Event) -> Event:
    return _renamed(item, {"text": "output_text", "audio": "output_audio"})


def _item_from_ga(item: Event) -> Event:
    return _renamed(item, {"output_text": "text", "output_audio": "audio"})


def _renamed(item: Event, names: dict[str, str]) -> Event:
    if item.get("role") != "assistant":
        return item
    for part in item["content"]:
        if part["type"] not in names:
            raise RefusedError(
                f"Invalid value: {part['type']!r}", "invalid_value", "item.content.type"
            )
    content = [{**part, "type": names[part["type"]]} for part in item["content"]]
    return {**item, "content": content}


class AzureRules(BetaRules):
    """Both forms of the URL: GA, and the preview, which speaks the beta.

    The key is ``api-key``, or the token ``token-of-<key>`` as a bearer.
    """

    @classmethod
    def refusal(
        cls, path: str, query: dict[str, str], headers: dict[str, str], key: str
    ) -> Refusal | None:
        """See `Rules`."""
        shown = [headers.get("api-key"), headers.get("authorization")]
        if shown not in ([key, None], [None, f"Bearer token-of-{key}"]):
            return 401, "Access denied due to invalid subscription key or wrong API endpoint"
        if path == "/openai/v1/realtime":
            good = bool({"model", "call_id", "intent"} & set(query)) and "api-version" not in query
        elif path == "/openai/realtime":
            good = {"api-version", "deployment"} <= set(query)
        else:
            return 404, "Resource not found"
        return None if good else (400, f"wrong query for {path}: {sorted(query)}")

    def up(self, event: Event, answer: Answer) -> Iterable[Event]:
        """See `Rules`."""
        return super().up(event, answer) if "api-version" in self.query else [event]

    def down(self, event: Event) -> Iterable[Event]:
        """See `Rules`."""
        return super().down(event) if "api-version" in self.query else [event]
