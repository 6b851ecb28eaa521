"""What a session asks of its model: the program's settings, made into ``session.update``.

**Which setting counts.** Within one dictionary what stands under ``audio`` counts more than its
flat name. The model config's ``initial_model_settings`` count more than the run config's
``model_settings``, and these more than the defaults, key by key. None turns ``turn_detection``,
``transcription``, ``noise_reduction`` and ``tracing`` off; elsewhere it says nothing.

**What an agent brings.** Its instructions, prompt and tools replace those in the settings, except
that the model config's hold for the first agent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from attrs import Factory, frozen

from .._shown import shown
from .._types import JsonDict
from ..errors import UserError
from ..events.base import plain
from ..events.session_shape import audio_settings
from ..events.wire_values import as_number, as_object
from .audio_formats import FORMAT_RULE, format_of
from .model import DEFAULT_MODEL, DEFAULT_MODEL_SETTINGS, RealtimeModelConfig
from .run_config import (
    RealtimeAudioConfig,
    RealtimeAudioInputConfig,
    RealtimeAudioOutputConfig,
    RealtimeGuardrailsSettings,
    RealtimeRunConfig,
    RealtimeSessionModelSettings,
    RealtimeToolExecutionConfig,
)

__all__ = [
    "SessionSettings",
    "changed_fields",
    "is_reported",
    "merged_fields",
    "resolve_settings",
    "session_payload",
    "without_formats",
]

# Where a field stands in a session: ("audio", "input", "format").
_Path = tuple[str, ...]

_SPEEDS = (0.25, 1.5)
# What a run config has under these keys is a dictionary of its own.
_NESTED: dict[str, Any] = {
    "guardrails_settings": RealtimeGuardrailsSettings,
    "tool_execution": RealtimeToolExecutionConfig,
}


@frozen
class SessionSettings:
    """What a session asks of its model, without what its agents bring.

    Attributes:
        model: its name; None with a call that is under way.
        session: the fields of a GA session.
        prompt: for agents without one.
        starting: what holds for the first agent: some of ``instructions``, ``prompt``, ``tools``
            and ``handoffs``, as they were given.
    """

    model: str | None
    session: JsonDict = Factory(dict)
    prompt: JsonDict | None = None
    starting: JsonDict = Factory(dict)


def resolve_settings(
    run_config: RealtimeRunConfig | None = None,
    model_config: RealtimeModelConfig | None = None,
    *,
    defaults: RealtimeSessionModelSettings = DEFAULT_MODEL_SETTINGS,
) -> SessionSettings:
    """Return what a session asks of its model.

    A call that is under way has its formats: with ``call_id`` those of the defaults are left out.

    Raises:
        UserError: a key is unknown, a value can't be meant, or ``call_id`` and ``model_name``
            are both given.

    Example:
        >>> settings = resolve_settings(
        ...     {"model_settings": {"voice": "marin"}},
        ...     {"initial_model_settings": {"turn_detection": None}},
        ...     defaults={},
        ... )
        >>> settings.session
        {'audio': {'output': {'voice': 'marin'}, 'input': {'turn_detection': None}}}
    """
    run, connect = _or_nothing(run_config), _or_nothing(model_config)
    _check_keys(run, RealtimeRunConfig, "the run config")
    _check_keys(connect, RealtimeModelConfig, "the model config")
    for name, kind in _NESTED.items():
        _check_keys(run.get(name, {}), kind, name)
    attached = "call_id" in connect
    sources = {
        "the defaults": without_formats(defaults) if attached else defaults,
        "model_settings": _or_nothing(run.get("model_settings")),
        "initial_model_settings": _or_nothing(connect.get("initial_model_settings")),
    }
    fields: dict[_Path, Any] = {}
    brought: dict[str, JsonDict] = {}
    for where, source in sources.items():
        settings = _checked(source, where)
        fields.update(_session_fields(settings, where))
        brought[where] = _brought(settings, where)
    if run.get("tracing_disabled"):
        fields.pop(("tracing",), None)
    starting = brought["initial_model_settings"]
    together = {name: value for each in brought.values() for name, value in each.items()}
    if attached and "model_name" in together:
        raise UserError("call_id and model_name were both given: a running call has its model")
    return SessionSettings(
        model=together.get("model_name", None if attached else DEFAULT_MODEL),
        session=_nested(fields),
        prompt=together.get("prompt"),
        starting={name: value for name, value in starting.items() if name != "model_name"},
    )


def session_payload(
    settings: SessionSettings,
    *,
    instructions: str | None,
    prompt: Mapping[str, Any] | None = None,
    tools: Iterable[Mapping[str, Any]] = (),
    voice: Any = None,
) -> JsonDict:
    """Return the session that an agent has, in GA's form.

    Args:
        settings: of all agents.
        instructions: what the model is told.
        prompt: one that is stored at the provider; None for that of the settings.
        tools: the declarations of its tools and handoffs.
        voice: of its own.

    Raises:
        UserError: the prompt or the voice can't be meant.
    """
    fields = _fields_of(settings.session)
    fields["instructions",] = instructions or ""
    fields["tools",] = [plain(tool) for tool in tools]
    told = settings.prompt if prompt is None else _value("the agent", ("prompt",), prompt, _prompt)
    if told is not None:
        fields["prompt",] = told
    if voice is not None:
        place = ("audio", "output", "voice")
        fields[place] = _value("the agent", ("voice",), plain(voice), _voice)
    return {"type": "realtime", **_nested(fields)}


def changed_fields(before: JsonDict, after: JsonDict) -> JsonDict:
    """Return the smallest session for ``session.update`` that makes one of another; ``{}`` if none.

    Args:
        before: as `session_payload` returned it, the one that the server has.
        after: the one that it is to have. A prompt that is not in it is taken away.
    """
    old, new = _fields_of(before), _fields_of(after)
    changed = {path: value for path, value in new.items() if path not in old or old[path] != value}
    if ("prompt",) in old and ("prompt",) not in new:
        changed["prompt",] = None
    return {"type": "realtime", **_nested(changed)} if changed else {}


def merged_fields(before: JsonDict, changes: JsonDict) -> JsonDict:
    """Return a session with some of its fields changed.

    Args:
        before: as `session_payload` returned it.
        changes: fields of a session, in GA's form.
    """
    return {"type": "realtime", **_nested({**_fields_of(before), **_fields_of(changes)})}


def without_formats(settings: RealtimeSessionModelSettings) -> RealtimeSessionModelSettings:
    """Return settings that leave the audio formats to the call, which has its own."""
    formats = ("input_audio_format", "output_audio_format")
    kept = {name: value for name, value in settings.items() if name not in formats}
    return cast("RealtimeSessionModelSettings", kept)


def is_reported(update: JsonDict, session: JsonDict) -> bool:
    """Whether a session that a server reports has what an update says of the agent.

    That is its instructions and the names of its tools; servers report the rest in forms of
    their own.

    Args:
        update: of a session, in GA's form.
        session: as the server reports it.
    """
    if update.get("instructions", session.get("instructions")) != session.get("instructions"):
        return False
    return "tools" not in update or _names_in(update["tools"]) == _names_in(session.get("tools"))


def _names_in(tools: Any) -> set[object]:
    listed = tools if isinstance(tools, list) else []
    return {tool.get("name") or tool.get("server_label") for tool in map(as_object, listed)}


# -- fields and their places -----------------------------------------------------------------------


def _fields_of(session: Mapping[str, Any]) -> dict[_Path, Any]:
    """Return each field of a GA session by its place; ``type`` is none."""
    fields: dict[_Path, Any] = {
        (name,): value for name, value in session.items() if name not in ("type", "audio")
    }
    for direction, settings in session.get("audio", {}).items():
        for name, value in settings.items():
            fields["audio", direction, name] = value
    return fields


def _nested(fields: Mapping[_Path, Any]) -> JsonDict:
    session: JsonDict = {}
    for (*outer, name), value in fields.items():
        place = session
        for step in outer:
            place = place.setdefault(step, {})
        place[name] = value
    return session


# -- reading one dictionary ------------------------------------------------------------------------


class _Wrong(Exception):  # noqa: N818 -- a rule that a value breaks, on its way to the message
    pass


def _value(where: str, path: Sequence[str], value: Any, read: Callable[[Any], Any]) -> Any:
    try:
        return read(value)
    except _Wrong as exc:
        name = ".".join(path)
        raise UserError(f"{where}: {name}={shown(value)} {exc}") from None


def _need(fine: object, rule: str) -> None:
    if not fine:
        raise _Wrong(rule)


def _checked(source: Any, where: str) -> JsonDict:
    """Return a source without models in it, and only with keys that are known."""
    _check_keys(source, RealtimeSessionModelSettings, where)
    settings = {name: plain(value) for name, value in source.items()}
    audio = _or_nothing(settings.get("audio"))
    _check_keys(audio, RealtimeAudioConfig, f"{where}: audio")
    kinds = {"input": RealtimeAudioInputConfig, "output": RealtimeAudioOutputConfig}
    settings["audio"] = {}
    for direction, kind in kinds.items():
        inner = _or_nothing(audio.get(direction))
        _check_keys(inner, kind, f"{where}: audio.{direction}")
        settings["audio"][direction] = _without_unsaid(inner)
    return _without_unsaid(settings)


def _or_nothing(value: Any) -> Any:
    return {} if value is None else value


def _check_keys(settings: Any, kind: Any, where: str) -> None:
    if not isinstance(settings, Mapping):
        raise UserError(f"{where} must be a dictionary, got {shown(settings)}")
    known = kind.__annotations__
    for name in settings:
        if name not in known:
            raise UserError(f"{where}: {shown(name)} is unknown; there are {', '.join(known)}")


# Fields in which None is a value; elsewhere it says nothing.
_MAY_BE_NONE = frozenset(
    {
        "input_audio_noise_reduction",
        "input_audio_transcription",
        "noise_reduction",
        "tracing",
        "transcription",
        "turn_detection",
    }
)


def _without_unsaid(settings: Mapping[str, Any]) -> JsonDict:
    return {
        name: value for name, value in settings.items() if value is not None or name in _MAY_BE_NONE
    }


def _session_fields(settings: JsonDict, where: str) -> dict[_Path, Any]:
    fields: dict[_Path, Any] = {}
    for direction in ("input", "output"):
        for name, value in audio_settings(settings, direction).items():
            path = ("audio", direction, name)
            fields[path] = _value(where, path, value, _SOUND[name])
    for name, read in _PLAIN.items():
        if name in settings:
            fields[_GA_NAMES.get(name, name),] = _value(where, (name,), settings[name], read)
    return fields


def _brought(settings: JsonDict, where: str) -> JsonDict:
    """Return what names the model, and what agents would bring."""
    return {
        name: _value(where, (name,), settings[name], read)
        for name, read in _BROUGHT.items()
        if name in settings
    }


# -- values ----------------------------------------------------------------------------------------


def _format(value: Any) -> Any:
    known = format_of(value)
    _need(known, FORMAT_RULE)
    return known


def _stage(value: Any) -> Any:
    _need(value is None or isinstance(value, Mapping), "must be a dictionary, or None for off")
    return value


def _detector(value: Any) -> Any:
    if _stage(value) is None:
        return None
    keys = {_snake(name): name for name in value}
    # A key that is given both ways counts as it is written here.
    settings = {name: value.get(name, value[given]) for name, given in keys.items()}
    for name, setting in settings.items():
        if name in _DETECTOR:
            try:
                _DETECTOR[name](setting)
            except _Wrong as exc:
                raise _Wrong(f"has {name}={shown(setting)}, which {exc}") from None
    return settings


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])[A-Z]", lambda found: "_" + found[0].lower(), name)


def _voice(value: Any) -> Any:
    by_id = isinstance(value, Mapping) and isinstance(value.get("id"), str)
    _need(by_id or (isinstance(value, str) and value), "must be a name, or {'id': …}")
    return value


def _speed(value: Any) -> Any:
    number = as_number(value)
    low, high = _SPEEDS
    _need(number is not None and low <= number <= high, f"must be a number from {low} to {high}")
    return value


def _modalities(value: Any) -> Any:
    fine = isinstance(value, list) and value and set(map(str, value)) <= {"text", "audio"}
    _need(fine, "must be ['audio'] or ['text']")
    # GA has words with every sound, and refuses to be asked for both.
    return ["audio"] if "audio" in value else ["text"]


def _max_tokens(value: Any) -> Any:
    number = type(value) is int and value >= 1
    _need(number or value == "inf", "must be a whole number of at least 1, or 'inf'")
    return value


def _tool_choice(value: Any) -> Any:
    fine = isinstance(value, Mapping) or (isinstance(value, str) and value)
    _need(fine, "must be 'auto', 'none', 'required', a tool's name, or a dictionary")
    named = isinstance(value, str) and value not in ("auto", "none", "required")
    return {"type": "function", "name": value} if named else value


def _flag(value: Any) -> Any:
    _need(isinstance(value, bool), "must be True or False")
    return value


def _object(value: Any) -> Any:
    _need(isinstance(value, Mapping), "must be a dictionary")
    return value


def _tracing(value: Any) -> Any:
    fine = value in (None, "auto") or isinstance(value, Mapping)
    _need(fine, "must be 'auto', a dictionary, or None for off")
    return value


def _text(value: Any) -> Any:
    _need(isinstance(value, str), "must be a text")
    return value


def _name(value: Any) -> Any:
    _need(isinstance(value, str) and value, "must be the name of a model")
    return value


def _list(value: Any) -> Any:
    _need(isinstance(value, list), "must be a list")
    return value


def _prompt(value: Any) -> Any:
    prompt = plain(value)
    _need(isinstance(prompt, Mapping) and isinstance(prompt.get("id"), str), "needs an 'id'")
    return _without_unsaid(prompt)


def _ms(value: Any) -> Any:
    _need(type(value) is int and value >= 0, "must be a whole number of milliseconds")


def _share(value: Any) -> Any:
    number = as_number(value)
    _need(number is not None and 0 <= number <= 1, "must be a number from 0 to 1")


def _eagerness(value: Any) -> Any:
    _need(value in ("auto", "low", "medium", "high"), "must be 'auto', 'low', 'medium' or 'high'")


_SOUND: dict[str, Callable[[Any], Any]] = {
    "format": _format,
    "noise_reduction": _stage,
    "transcription": _stage,
    "turn_detection": _detector,
    "voice": _voice,
    "speed": _speed,
}
# The flat name comes first, so that the other one counts.
_PLAIN: dict[str, Callable[[Any], Any]] = {
    "modalities": _modalities,
    "output_modalities": _modalities,
    "max_output_tokens": _max_tokens,
    "tool_choice": _tool_choice,
    "parallel_tool_calls": _flag,
    "reasoning": _object,
    "tracing": _tracing,
}
_GA_NAMES = {"modalities": "output_modalities"}
_BROUGHT: dict[str, Callable[[Any], Any]] = {
    "model_name": _name,
    "instructions": _text,
    "prompt": _prompt,
    "tools": _list,
    "handoffs": _list,
}
# A detector may have other keys, of the server's own.
_DETECTOR: dict[str, Callable[[Any], Any]] = {
    "type": _text,
    "create_response": _flag,
    "interrupt_response": _flag,
    "eagerness": _eagerness,
    "threshold": _share,
    "prefix_padding_ms": _ms,
    "silence_duration_ms": _ms,
    "idle_timeout_ms": lambda value: None if value is None else _ms(value),
}
