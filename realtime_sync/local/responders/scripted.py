"""A responder that follows a script of patterns and replies."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from datetime import datetime
from reprlib import repr as short
from typing import Any, Final

from ..._types import JsonDict
from ...errors import ConfigError
from ..engines import ResponderEvent, ResponderPrompt, ToolCall
from ._prompt import calls_by_id, earlier_messages, last_input, latest_outputs, say, text_of
from ._script import Rule, Script, ScriptedCall, load_script
from ._templates import BUILT_INS, names_in, number_in, render

__all__ = ["ScriptedResponder", "load_script"]

_NOT_WORDS = re.compile(r"[^\w']+")
_ONE_PLACEHOLDER: Final = re.compile(r"\{[^{}]+\}")
# What a forced call puts into a required argument for which the script has nothing.
_FILLERS: Mapping[str, Any] = {
    "array": [],
    "boolean": False,
    "integer": 0,
    "null": None,
    "number": 0,
    "object": {},
}


def _local_now() -> datetime:
    return datetime.now().astimezone()


class ScriptedResponder:
    """Answers by the first rule that fits; an `engines.Responder`.

    The user's last message is matched; where there is none, the instructions are, so that
    ``instructions: "say hello"`` for a first greeting works. Rules for instructions come first:
    what they say is said at any time.

    Args:
        script: the rules, see `load_script`.
        now: the clock for ``{time}``, ``{date}`` and ``{weekday}``.
    """

    def __init__(self, script: Script, *, now: Callable[[], datetime] = _local_now) -> None:
        self._script = script
        self._now = now

    def respond(self, prompt: ResponderPrompt) -> Iterator[ResponderEvent]:
        """Yield function calls, or the reply word by word.

        Raises:
            ConfigError: the rule that fits has no reply whose names are all known.
        """
        told = self._told(prompt)
        if told is not None:
            return self._say(told, prompt)
        item = last_input(prompt)
        if item is None:
            return self._answer(_plain(prompt.instructions), self._script.opening, prompt)
        if item["type"] == "function_call_output":
            return self._after_call(item, prompt)
        text = _plain(text_of(item))
        return self._answer(text, self._script.default if text else self._script.silence, prompt)

    def _told(self, prompt: ResponderPrompt) -> str | None:
        """Return what the instructions demand, whatever the user has said; None for nothing."""
        for rule in self._script.rules:
            values = _names(rule.instructions, prompt.instructions)
            if values is not None:
                return self._reply(rule, rule.replies, values)
        return None

    def _after_call(self, item: JsonDict, prompt: ResponderPrompt) -> Iterator[ResponderEvent]:
        calls = calls_by_id(prompt)
        named = _named_tool(prompt)
        # A choice that the output has just satisfied would otherwise call for ever.
        if named is None or named == calls.get(item.get("call_id", ""), {}).get("name"):
            outputs = latest_outputs(prompt) or [item]
            told = (self._from_output(o, calls.get(o.get("call_id", ""), {})) for o in outputs)
            return self._say(" ".join(told), prompt)
        return iter([self._forced_call(named, "", prompt)])

    def _answer(
        self, text: str, fallback: str, prompt: ResponderPrompt
    ) -> Iterator[ResponderEvent]:
        named = _named_tool(prompt)
        if named is not None:
            return iter([self._forced_call(named, text, prompt)])
        names = [tool["name"] for tool in prompt.tools if "name" in tool]
        required = bool(names) and prompt.tool_choice == "required"
        found = self._find(text, prompt, tools=names if required else None)
        if found is None and required:
            return iter([self._forced_call(names[0], text, prompt)])
        if found is None:
            # Reading the script has made sure that it uses no other name.
            return self._say(render(fallback, {"text": text}, self._now()) or "", prompt)
        rule, values = found
        if not rule.calls:
            return self._say(self._reply(rule, rule.replies, values), prompt)
        tools = [(_tool(prompt, call.tool), call) for call in rule.calls]
        calls = [
            self._call(tool, call, values, text)
            for tool, call in tools
            if tool is not None and prompt.tool_choice != "none"
        ]
        if not calls:
            replies = (rule.without_tool,) if rule.without_tool else rule.replies
            return self._say(self._reply(rule, replies, values), prompt)
        return iter(calls)

    def _find(
        self, text: str, prompt: ResponderPrompt, *, tools: Container[str] | None = None
    ) -> tuple[Rule, dict[str, str]] | None:
        """Return the first rule that fits (and calls one of ``tools``, if given) and its names."""
        for rule in self._script.rules:
            if tools is not None and not any(call.tool in tools for call in rule.calls):
                continue
            names = _names(rule.patterns, text)
            if names is not None and rule.earlier:
                remembered = _remembered(rule, prompt)
                names = None if remembered is None else {**remembered, **names}
            if names is not None:
                return rule, {"text": text, **names}
        return None

    def _from_output(self, item: JsonDict, call: JsonDict) -> str:
        output = str(item.get("output", ""))
        values = {**_fields(call.get("arguments", "")), **_fields(output), "output": output}
        for rule in self._script.rules:
            if rule.output_of is not None and rule.output_of == call.get("name"):
                return self._reply(rule, rule.replies, values)
        return output

    def _say(self, text: str, prompt: ResponderPrompt) -> Iterator[ResponderEvent]:
        return say(text, prompt.max_output_tokens)

    def _reply(self, rule: Rule, replies: tuple[str, ...], values: Mapping[str, str]) -> str:
        now = self._now()
        for template in replies:
            text = render(template, values, now)
            if text is not None:
                return text
        choice = ", ".join(sorted({*values, *BUILT_INS}))
        missing = {name for name, _ in names_in(replies[-1])} - {*values, *BUILT_INS}
        raise ConfigError(
            f"{rule.place}: {short(replies[-1])} uses {{{min(missing)}}}, which is not among what "
            f"is known here: {choice}; add a reply that needs no more"
        )

    def _forced_call(self, name: str, text: str, prompt: ResponderPrompt) -> ToolCall:
        tool = _tool(prompt, name) or {"name": name}
        found = self._find(text, prompt, tools=[name])
        if found is None:
            return self._call(tool, ScriptedCall(name), {}, text)
        rule, values = found
        return self._call(tool, next(c for c in rule.calls if c.tool == name), values, text)

    def _call(
        self, tool: JsonDict, call: ScriptedCall, values: Mapping[str, str], text: str
    ) -> ToolCall:
        schema = tool.get("parameters") or {}
        arguments = _filled(call.arguments, schema, values, self._now())
        return ToolCall(tool["name"], json.dumps(_fit(arguments, schema, text)))


def _plain(text: str) -> str:
    """Return ``text`` in lower case without punctuation, as patterns want it."""
    return _NOT_WORDS.sub(" ", text.lower()).strip()


def _names(patterns: Iterable[re.Pattern[str]], text: str) -> dict[str, str] | None:
    """Return the groups of the first of ``patterns`` that is found in ``text``, if one is."""
    for pattern in patterns:
        if match := pattern.search(text):
            return {name: words for name, words in match.groupdict().items() if words is not None}
    return None


def _remembered(rule: Rule, prompt: ResponderPrompt) -> dict[str, str] | None:
    """Return the groups of what the user said before, the newest that fits, if anything does."""
    for item in earlier_messages(prompt):
        names = _names(rule.earlier, _plain(text_of(item)))
        if names is not None:
            return names
    return None


def _named_tool(prompt: ResponderPrompt) -> str | None:
    """Return the function that ``tool_choice`` names, if it names one."""
    choice = prompt.tool_choice
    return choice.get("name") if isinstance(choice, dict) else None


def _tool(prompt: ResponderPrompt, name: str) -> JsonDict | None:
    return next((tool for tool in prompt.tools if tool.get("name") == name), None)


def _fields(json_text: str) -> dict[str, str]:
    """Return the plain fields of a JSON object as texts, nothing for anything else."""
    try:
        value = json.loads(json_text)
    except ValueError:
        return {}
    if not isinstance(value, dict):
        return {}
    return {k: str(v) for k, v in value.items() if isinstance(v, (str, int, float))}


def _filled(value: Any, schema: Any, values: Mapping[str, str], now: datetime) -> Any:
    """Return ``value``, an argument or a part of one, with the placeholders in its texts filled.

    All else stays what it is in YAML. What the user said is a text even if it is a number, so a
    placeholder that stands alone becomes one where ``schema`` wants it.
    """
    if isinstance(value, dict):
        parts = _mapping(_mapping(schema).get("properties"))
        return {key: _filled(part, parts.get(key), values, now) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        items = _mapping(schema).get("items")
        return [_filled(part, items, values, now) for part in value]
    if not isinstance(value, str):
        return value
    filled = render(value, values, now)
    if filled is None or not _ONE_PLACEHOLDER.fullmatch(value) or not _wants_number(schema):
        return filled
    number = number_in(filled)
    return filled if number is None else number


def _mapping(value: Any) -> JsonDict:
    return value if isinstance(value, dict) else {}


def _wants_number(schema: Any) -> bool:
    kinds = _kinds(_mapping(schema))
    return not kinds.isdisjoint(("integer", "number")) and "string" not in kinds


def _fit(arguments: JsonDict, schema: JsonDict, text: str) -> JsonDict:
    """Bring ``arguments`` under the names that the session's schema uses.

    A script says ``city`` where a session's function may say ``location``: what the schema does
    not know goes to its required texts, in order.
    """
    properties: JsonDict = schema.get("properties") or {}
    if not properties:
        return arguments
    fitting = {key: value for key, value in arguments.items() if key in properties}
    spare = [value for key, value in arguments.items() if key not in properties]
    for key in schema.get("required") or ():
        if key not in fitting:
            fitting[key] = _filler(properties.get(key) or {}, spare, text)
    return fitting


def _kinds(schema: JsonDict) -> set[str]:
    """Return the types that ``schema`` allows, as its own or as one of ``anyOf``."""
    options = [option for option in schema.get("anyOf") or () if isinstance(option, dict)]
    kinds = [option.get("type") for option in (schema, *options)]
    return {
        name
        for kind in kinds
        for name in (kind if isinstance(kind, list) else [kind])
        if isinstance(name, str)
    }


def _filler(schema: JsonDict, spare: list[Any], text: str) -> Any:
    if "null" in _kinds(schema):  # an argument that may be left out
        return None
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type", "string")
    if isinstance(kind, str) and kind in _FILLERS:
        return _FILLERS[kind]
    return spare.pop(0) if spare else text
