"""Reading a script: YAML into rules, with errors that name file, line, rule and remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from reprlib import repr as short
from typing import Any, Final, NoReturn

import yaml
from attrs import field, frozen

from ..._types import JsonDict
from ...errors import ConfigError, LocalProtocolError
from ...events.json_writer import write_json
from ._templates import BUILT_INS, names_in, texts_in

__all__ = ["Rule", "Script", "ScriptedCall", "load_script"]

_DEFAULT_SCRIPT = "assistant.yaml"
_MAX_BYTES: Final = 1 << 20
_MAX_VALUES: Final = 100_000  # with what is said again by aliases
_HALF: Final = re.compile("[\ud800-\udfff]")  # of an emoji: it can't be said
# What PyYAML raises over odd scalars, such as a 13th month or "!!bool maybe".
_ODD_SCALAR: Final = (ValueError, LookupError, AttributeError, TypeError, OverflowError)
_TOP_KEYS = {"rules", "opening", "default", "silence"}
_RULE_KEYS = {
    *("pattern", "earlier", "output_of", "instructions"),
    *("reply", "tool", "arguments", "calls", "without_tool"),
}
_CALL_KEYS = {"tool", "arguments"}
_CONDITIONS = ("pattern", "output_of", "instructions")


@frozen
class ScriptedCall:
    """A call that a rule makes.

    Attributes:
        tool: the function.
        arguments: its arguments, as YAML has them; texts in them, at any depth, are templates.
    """

    tool: str
    arguments: JsonDict = field(factory=dict)


@frozen
class Rule:
    """When one of ``patterns`` is found in the user's words, or another condition holds: do this.

    Attributes:
        patterns: searched in the words in lower case without punctuation.
        earlier: one of these must be found in what the user said before, too, if there are any.
        output_of: the name of a tool whose output this rule puts into words.
        instructions: searched in the instructions as they are, before anything else is looked at.
        replies: templates; the first whose names are all known is said.
        calls: what is called instead of a reply, all in one response; those that the session has.
        without_tool: said when the session has none of these functions.
        place: where it stands, for errors: "script 'FILE', rule 2 (line 7)".
    """

    replies: tuple[str, ...] = ()
    patterns: tuple[re.Pattern[str], ...] = ()
    earlier: tuple[re.Pattern[str], ...] = ()
    output_of: str | None = None
    instructions: tuple[re.Pattern[str], ...] = ()
    calls: tuple[ScriptedCall, ...] = ()
    without_tool: str | None = None
    place: str = ""


@frozen
class Script:
    """The rules in the order in which they are tried.

    Attributes:
        rules: the first that fits answers.
        opening: said when asked to speak before the user did, and the instructions fit no rule.
        default: the reply when none fits.
        silence: the reply when nothing was understood.
    """

    rules: tuple[Rule, ...]
    opening: str
    default: str
    silence: str


def load_script(path: str | Path | None = None) -> Script:
    """Read the script at ``path``, or the one that comes with the package.

    Raises:
        ConfigError: the file can't be read or does not follow the form of a script.
    """
    if path is None:
        home = resources.files("realtime_sync.local.scripts") / _DEFAULT_SCRIPT
        return _Reader(_DEFAULT_SCRIPT).read(home.read_text(encoding="utf-8"))
    try:
        with Path(path).open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        text = data.decode()
    except (OSError, ValueError) as exc:  # no UTF-8, or a path that can't be one
        raise ConfigError(f"script {str(path)!r} can't be read: {exc}") from exc
    if len(data) > _MAX_BYTES:
        raise ConfigError(f"script {str(path)!r} has more than {_MAX_BYTES} bytes; shorten it")
    return _Reader(str(path)).read(text)


class _Reader:
    def __init__(self, name: str) -> None:
        self._name = name
        self._where = ""

    def read(self, text: str) -> Script:
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            data = yaml.safe_load(text)
        except RecursionError as exc:
            raise ConfigError(f"script {self._name!r} is nested too deeply") from exc
        except (yaml.YAMLError, *_ODD_SCALAR) as exc:
            raise ConfigError(f"script {self._name!r} is not YAML: {exc}") from exc
        if not isinstance(data, dict):
            self._fail("it must be a mapping with the keys 'rules' and 'default'")
        assert isinstance(node, yaml.MappingNode)
        self._bounded(data)
        self._no_key_twice(node)
        self._only(data, _TOP_KEYS)
        rules = data.get("rules")
        if not isinstance(rules, list):
            self._fail("'rules' must be a list of rules")
        read = []
        lines = [*_lines(node)]
        for number, rule in enumerate(rules, 1):
            # Rules that a merged mapping brings have no line of their own.
            line = f" (line {lines[number - 1]})" if lines else ""
            self._where = f", rule {number}{line}"
            read.append(self._rule(rule))
        self._where = ""
        return Script(
            rules=tuple(read),
            opening=self._template(data, "opening", set()) or "Hello! How can I help you?",
            default=self._template(data, "default", {"text"}) or "I heard: {text}",
            silence=self._template(data, "silence", set()) or "Sorry, I did not hear you.",
        )

    def _bounded(self, data: Any) -> None:
        """Refuse what aliases make endless, and halves of emojis, which can't be said."""
        left = [data]
        count = 0
        while left:
            value = left.pop()
            count += 1
            if count > _MAX_VALUES:
                self._fail(f"it has more than {_MAX_VALUES} values, or one within itself")
            if isinstance(value, (list, tuple)):
                left.extend(value)
            elif isinstance(value, dict):
                left.extend(value.keys())
                left.extend(value.values())
            elif isinstance(value, str) and _HALF.search(value):
                self._fail(f"{short(value)} holds half a surrogate pair; write the whole character")

    def _no_key_twice(self, root: yaml.Node) -> None:
        left = [root]
        seen = set()
        while left:
            node = left.pop()
            if id(node) in seen or not isinstance(node.value, list):
                continue
            seen.add(id(node))
            if not isinstance(node, yaml.MappingNode):
                left.extend(node.value)
                continue
            keys: set[str] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in keys:
                    line = key.start_mark.line + 1
                    self._fail(f"the key {short(key.value)} comes twice (line {line}); leave one")
                keys.add(key.value if isinstance(key, yaml.ScalarNode) else "")
                left.append(value)

    def _rule(self, rule: Any) -> Rule:
        if not isinstance(rule, dict):
            self._fail("it must be a mapping")
        self._only(rule, _RULE_KEYS)
        if sum(name in rule for name in _CONDITIONS) != 1:
            self._fail("it needs one of 'pattern', 'output_of' and 'instructions', and only one")
        calls = "tool" in rule or "calls" in rule
        if "tool" in rule and "calls" in rule:
            self._fail("'calls' stands instead of 'tool' and 'arguments'")
        if "instructions" in rule and calls:
            self._fail("'instructions' goes with 'reply' alone: 'tool' needs 'pattern'")
        if "reply" not in rule and not (calls and "without_tool" in rule):
            self._fail("it needs 'reply', or 'tool' together with 'without_tool'")
        if "earlier" in rule and "pattern" not in rule:
            self._fail("'earlier' needs 'pattern': it is searched when that was found")
        patterns = tuple(map(self._pattern, self._texts(rule, "pattern")))
        earlier = tuple(map(self._pattern, self._texts(rule, "earlier")))
        instructions = tuple(map(self._pattern, self._texts(rule, "instructions")))
        # An output's fields are known only when it is there.
        known = _groups(patterns) | _groups(earlier) | {"text"} if patterns else None
        known = _groups(instructions) if instructions else known
        return Rule(
            patterns=patterns,
            earlier=earlier,
            output_of=self._text(rule, "output_of"),
            instructions=instructions,
            replies=tuple(self._checked(text, known) for text in self._texts(rule, "reply")),
            calls=self._calls(rule, known),
            without_tool=self._template(rule, "without_tool", known),
            place=self._place,
        )

    def _pattern(self, text: str) -> re.Pattern[str]:
        try:
            return re.compile(text)
        except (re.error, OverflowError, RecursionError) as exc:
            self._fail(f"pattern {short(text)} is not a regular expression: {exc}")

    def _calls(self, rule: JsonDict, known: set[str] | None) -> tuple[ScriptedCall, ...]:
        calls = rule.get("calls", [rule] if "tool" in rule else [])
        if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
            self._fail("'calls' must be a list of mappings with 'tool' and 'arguments'")
        if "calls" in rule:
            for call in calls:
                self._only(call, _CALL_KEYS)
        return tuple(self._call(call, known) for call in calls)

    def _call(self, call: JsonDict, known: set[str] | None) -> ScriptedCall:
        tool = self._text(call, "tool")
        if tool is None:
            self._fail("each of 'calls' needs a 'tool'")
        return ScriptedCall(tool, self._arguments(call.get("arguments", {}), known))

    def _arguments(self, value: Any, known: set[str] | None) -> JsonDict:
        if not isinstance(value, dict):
            self._fail("'arguments' must be a mapping")
        try:
            write_json(value, "'arguments'")
        except LocalProtocolError as exc:
            self._fail(f"{exc}; put dates in quotes")
        for text in texts_in(value):
            self._checked(text, known)
        return value

    def _template(self, data: JsonDict, key: str, known: set[str] | None) -> str | None:
        text = self._text(data, key)
        return None if text is None else self._checked(text, known)

    def _checked(self, template: str, known: set[str] | None) -> str:
        try:
            names = names_in(template)
        except ValueError as exc:
            self._fail(f"{short(template)}: {exc}")
        for name, _ in names:
            if known is not None and name not in known and name not in BUILT_INS:
                choice = ", ".join(sorted(known | set(BUILT_INS)))
                self._fail(f"{short(template)} uses {{{name}}}, which is not among {choice}")
        return template

    def _texts(self, data: JsonDict, key: str) -> tuple[str, ...]:
        value = data.get(key, [])
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            self._fail(f"{key!r} must be a text or a list of texts, not {short(value)}")
        return tuple(texts)

    def _text(self, data: JsonDict, key: str) -> str | None:
        value = data.get(key)
        if value is not None and not isinstance(value, str):
            self._fail(f"{key!r} must be a text, not {short(value)}; put it in quotes")
        return value

    def _only(self, data: JsonDict, keys: set[str]) -> None:
        for key in data:
            if key not in keys:
                self._fail(f"key {short(key)} is unknown; choose from {', '.join(sorted(keys))}")

    @property
    def _place(self) -> str:
        return f"script {self._name!r}{self._where}"

    def _fail(self, problem: str) -> NoReturn:
        raise ConfigError(f"{self._place}: {problem}")


def _groups(patterns: tuple[re.Pattern[str], ...]) -> set[str]:
    """Return the names of the groups that there are whichever pattern is found."""
    groups = [set(pattern.groupindex) for pattern in patterns]
    return set.intersection(*groups) if groups else set()


def _lines(node: yaml.MappingNode) -> Iterator[int]:
    for key, value in node.value:
        if key.value == "rules":
            yield from (rule.start_mark.line + 1 for rule in value.value)
