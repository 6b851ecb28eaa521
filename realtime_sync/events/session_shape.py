"""The flat session of the beta protocol and the nested one of GA: either into the other.

Parameters and items of responses differ in the same way.

Source: the provider's migration guide "beta to GA" and the published models of both versions.
Fields that only one version knows pass through where they have a place: the server says what it
does not take.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._shown import shown
from .._types import JsonDict
from ..errors import LocalProtocolError

__all__ = [
    "audio_settings",
    "flat_config",
    "flat_item",
    "nested_config",
    "nested_format",
    "nested_item",
]

_PCM_HZ = 24_000
_FLAT_FORMATS = {"audio/pcm": "pcm16", "audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw"}
_NESTED_FORMATS = {flat: nested for nested, flat in _FLAT_FORMATS.items()}

# field inside audio.input or audio.output -> flat field
_FLAT_NAMES = {
    "input": {
        "format": "input_audio_format",
        "transcription": "input_audio_transcription",
        "noise_reduction": "input_audio_noise_reduction",
        "turn_detection": "turn_detection",
    },
    "output": {"format": "output_audio_format", "voice": "voice", "speed": "speed"},
}
_PLACES = {
    flat: (direction, name)
    for direction, names in _FLAT_NAMES.items()
    for name, flat in names.items()
}

_FLAT_PARTS = {"output_text": "text", "output_audio": "audio"}
_NESTED_PARTS = {flat: nested for nested, flat in _FLAT_PARTS.items()}


def flat_config(
    config: Mapping[str, Any], *, input_hz: int = _PCM_HZ, output_hz: int = _PCM_HZ
) -> JsonDict:
    """Return a GA session, or the parameters of a GA response, in the beta's form.

    Args:
        config: wire form without models.
        input_hz: what the server means by ``pcm16`` for what the user says.
        output_hz: what it means by ``pcm16`` for what it says.

    Raises:
        LocalProtocolError: something in ``audio`` has no place in the flat form.
    """
    flat: JsonDict = {}
    for name, value in config.items():
        if name == "output_modalities":
            flat["modalities"] = ["text", "audio"] if "audio" in (value or ()) else ["text"]
        elif name == "max_output_tokens":
            flat["max_response_output_tokens"] = value
        elif name == "input":
            flat["input"] = [flat_item(item) for item in value or ()]
        elif name not in ("type", "audio"):
            flat[name] = value
    rates = {"input": input_hz, "output": output_hz}
    for direction, fields in (config.get("audio") or {}).items():
        for name, value in (fields or {}).items():
            place = _FLAT_NAMES.get(direction, {}).get(name)
            if place is None:
                raise LocalProtocolError(
                    f"audio.{direction}.{name} has no place in the flat session of the beta "
                    "protocol: leave it out"
                )
            is_format = name == "format"
            flat[place] = _flat_format(value, direction, rates[direction]) if is_format else value
    return flat


def nested_config(config: Mapping[str, Any]) -> JsonDict:
    """Return a beta session or response object in the GA form, without setting its type."""
    nested: JsonDict = {}
    audio: dict[str, JsonDict] = {"input": {}, "output": {}}
    for name, value in config.items():
        if name in _PLACES:
            direction, inner = _PLACES[name]
            audio[direction][inner] = nested_format(value) if inner == "format" else value
        elif name == "modalities":
            nested["output_modalities"] = ["audio"] if "audio" in (value or ()) else ["text"]
        elif name == "max_response_output_tokens":
            nested["max_output_tokens"] = value
        elif name == "output":
            nested["output"] = [nested_item(item) for item in value or ()]
        elif name != "audio":
            nested[name] = value
    for direction, fields in (config.get("audio") or {}).items():  # a server that speaks both
        audio.setdefault(direction, {}).update(fields or {})
    found = {direction: fields for direction, fields in audio.items() if fields}
    return {**nested, "audio": found} if found else nested


def audio_settings(session: JsonDict, direction: str) -> JsonDict:
    """Return what a session of either form says of one direction of its sound, under GA's names.

    Formats stay as they came; see `nested_format`. It never raises, whatever a server sent.

    Args:
        session: as received, or as given to ``session.update``.
        direction: ``"input"`` or ``"output"``.
    """
    settings: JsonDict = {}
    for name, flat_name in _FLAT_NAMES[direction].items():
        if flat_name in session:
            settings[name] = session[flat_name]
    audio = session.get("audio")
    nested = audio.get(direction) if isinstance(audio, dict) else None
    if isinstance(nested, dict):
        settings.update(nested)
    return settings


def nested_format(value: Any) -> Any:
    """Return GA's form of an audio format that the beta names with a text."""
    if not isinstance(value, str):
        return value
    if value == "pcm16":
        return {"type": "audio/pcm", "rate": _PCM_HZ}
    kind = "audio/pcm" if value.startswith("pcm") else _NESTED_FORMATS.get(value, value)
    return {"type": kind}


def flat_item(item: Any) -> Any:
    """Return an item with the beta's types of content."""
    return _with_parts(item, _FLAT_PARTS)


def nested_item(item: Any) -> Any:
    """Return an item with GA's types of content."""
    return _with_parts(item, _NESTED_PARTS)


def _with_parts(item: Any, names: Mapping[str, str]) -> Any:
    if not isinstance(item, Mapping) or item.get("role") != "assistant" or not item.get("content"):
        return item
    content = [
        {**part, "type": names.get(part.get("type", ""), part.get("type"))}
        if isinstance(part, Mapping)
        else part
        for part in item["content"]
    ]
    return {**item, "content": content}


def _flat_format(value: Any, direction: str, hz: int) -> Any:
    if not isinstance(value, Mapping):
        return value  # a name of the server's own, such as "pcm24"
    name = _FLAT_FORMATS.get(value.get("type", ""))
    if name is None:
        raise LocalProtocolError(
            f"audio.{direction}.format {shown(value.get('type'))} is unknown to the beta "
            f"protocol: use one of {', '.join(_FLAT_FORMATS)}, or the server's own name for it "
            "as a string"
        )
    rate = value.get("rate")
    if name == "pcm16" and rate not in (None, hz):
        raise LocalProtocolError(
            f"audio.{direction}.format has the rate {rate}, which the flat session can't say; "
            f"{shown(name)} is {hz} Hz: resample, or give the server's own name for the format "
            "as a string"
        )
    return name
