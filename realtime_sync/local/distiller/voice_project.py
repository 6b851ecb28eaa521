"""The configuration of a project: what of it matters here, and what is wrong with it.

Everything else in it is kept and given back as it came.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import isfinite
from typing import Any

import yaml
from attrs import field, frozen

from ..._types import JsonDict
from ...errors import ServerError
from ..protocol.validation import require_shallow, wrong_type
from ..protocol.wire import fault

__all__ = ["TeamAgent", "VoiceProject", "parse_config", "read_project"]

_SPEECH_HZ = 16_000
_SLOWEST_HZ, _FASTEST_HZ = 8_000, 48_000
_DEFAULT_AGENT = "Assistant"
# A few kilobytes of YAML can stand for billions of values; 1 MiB of JSON has no more than this.
_MOST_VALUES = 600_000
_PLAIN = (str, int, float, type(None))
# libyaml's where PyYAML was built with it: thirty times as fast.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@frozen
class TeamAgent:
    """One agent of a project.

    Attributes:
        name: the role under which it answers.
        kind: its ``agent_class``.
        description: what it is told about itself.
        tools: the function tools that it may call, as a session's.
    """

    name: str
    kind: str = ""
    description: str = ""
    tools: list[JsonDict] = field(factory=list)


@frozen(kw_only=True)
class VoiceProject:
    """What a spoken session takes from a project.

    Attributes:
        agents: who answers, in this order; at least one.
        voice: the name of the voice.
        speech_hz: the rate of the answers' sound.
        barge_in: whether the user may interrupt an answer by speaking.
    """

    agents: tuple[TeamAgent, ...]
    voice: str = ""
    speech_hz: int = _SPEECH_HZ
    barge_in: bool = False


def parse_config(given: Any) -> JsonDict:
    """Return a configuration that came as an object, or as YAML text.

    Raises:
        ServerError: it is neither, too large or deep, or has values that JSON can't hold.
    """
    config = _load(given) if isinstance(given, str) else given
    if not isinstance(config, dict):
        raise wrong_type("config", "an object", config)
    _require_plain_values(config)
    require_shallow(config, "The configuration")
    return config


def read_project(config: JsonDict) -> VoiceProject:
    """Return what ``config`` says.

    Raises:
        ServerError: a part of it can't be used; the words name the key.
    """
    known = dict(_agents(config))
    orchestrator = _mapping(config, "orchestrator")
    names = [
        _text(entry, "agent_name", where)
        for entry, where in _entries(orchestrator, "agent_list", "orchestrator.agent_list")
    ]
    for index, name in enumerate(names):
        if name not in known:
            raise _wrong(
                f"orchestrator.agent_list[{index}].agent_name",
                f"{name!r} is none of the utility_agents and super_agents",
            )
    agents = [known[name] for name in names] or list(known.values())
    speech = _voice_block(config, "speech_config")
    return VoiceProject(
        agents=tuple(agents) or (TeamAgent(_DEFAULT_AGENT),),
        voice=_optional_text(speech, "voice", "speech_config"),
        speech_hz=_rate(speech.get("sample_rate", _SPEECH_HZ)),
        barge_in=_voice_block(config, "audio_config").get("vad") is not None,
    )


def _load(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_LOADER)  # noqa: S506  # it is a safe one
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise fault(f"The configuration is not valid YAML: {exc}", code="invalid_yaml") from exc


def _require_plain_values(config: JsonDict) -> None:
    """Refuse what YAML knows and JSON does not, such as dates, and too many values."""
    waiting: list[Any] = [config]
    count = 0
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif not isinstance(value, _PLAIN) or (isinstance(value, float) and not isfinite(value)):
            raise fault(
                f"The configuration has {str(value)!r:.80}, which is no value of JSON's: write it "
                "as a text in quotes.",
                code="invalid_value",
            )
        count += 1
        if count + len(waiting) > _MOST_VALUES:
            raise fault(
                f"The configuration has more than {_MOST_VALUES} values.", code="invalid_value"
            )


def _voice_block(config: JsonDict, name: str) -> JsonDict:
    """Return a block of the voice settings: the orchestrator's, else one at the root."""
    found = _mapping(_mapping(config, "orchestrator"), name, f"orchestrator.{name}")
    return found or _mapping(config, name)


def _agents(config: JsonDict) -> Iterator[tuple[str, TeamAgent]]:
    seen = set()
    for key in ("utility_agents", "super_agents"):
        for entry, where in _entries(config, key, key):
            agent = _agent(entry, where)
            if agent.name in seen:
                raise _wrong(f"{where}.agent_name", f"there are two agents {agent.name!r}")
            seen.add(agent.name)
            yield agent.name, agent


def _agent(entry: JsonDict, where: str) -> TeamAgent:
    settings = _mapping(entry, "config", f"{where}.config")
    tools = settings.get("custom_tools") or []
    if not isinstance(tools, list):
        raise wrong_type(f"{where}.config.custom_tools", "an array", tools)
    return TeamAgent(
        _text(entry, "agent_name", where),
        _text(entry, "agent_class", where),
        _optional_text(entry, "agent_description", where),
        [_tool(tool, f"{where}.config.custom_tools[{index}]") for index, tool in enumerate(tools)],
    )


def _tool(text: Any, where: str) -> JsonDict:
    """Return a tool as a session has it; a project has it as JSON text, with one more level."""
    try:
        tool = json.loads(text)
    except (ValueError, TypeError, RecursionError) as exc:
        raise _wrong(where, "expected the JSON text of a function's description") from exc
    function = tool.get("function", tool) if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise _wrong(where, "expected a function's description with a 'name'")
    return {"type": "function", **function}


def _entries(config: JsonDict, key: str, where: str) -> Iterator[tuple[JsonDict, str]]:
    entries = config.get(key)
    if entries is None:
        return
    if not isinstance(entries, list):
        raise wrong_type(where, "an array", entries)
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise wrong_type(f"{where}[{index}]", "an object", entry)
        yield entry, f"{where}[{index}]"


def _mapping(config: JsonDict, key: str, where: str | None = None) -> JsonDict:
    value = config.get(key)
    if value is not None and not isinstance(value, dict):
        raise wrong_type(where or key, "an object", value)
    return value or {}


def _text(entry: JsonDict, key: str, where: str) -> str:
    value = _optional_text(entry, key, where)
    if not value.strip():
        raise fault(
            f"Missing required parameter: '{where}.{key}'.",
            code="missing_required_parameter",
            param=f"{where}.{key}",
        )
    return value


def _optional_text(entry: JsonDict, key: str, where: str) -> str:
    value = entry.get(key)
    if value is not None and not isinstance(value, str):
        raise wrong_type(f"{where}.{key}", "a string", value)
    return value or ""


def _rate(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type("speech_config.sample_rate", "an integer", value)
    if not _SLOWEST_HZ <= value <= _FASTEST_HZ:
        raise _wrong(
            "speech_config.sample_rate",
            f"expected {_SLOWEST_HZ} to {_FASTEST_HZ} (Hz), but got {value}",
        )
    return value


def _wrong(param: str, rule: str) -> ServerError:
    return fault(f"Invalid '{param}': {rule}.", code="invalid_value", param=param)
