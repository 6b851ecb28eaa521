"""``${a.b}`` and ``${oc.env:NAME,default}`` in a project's configuration; no I/O.

Source of the rules: OmegaConf (https://omegaconf.readthedocs.io, "Variable interpolation"), with
which the provider's SDK reads configurations. Of its resolvers only ``oc.env`` is known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from attrs import frozen

__all__ = ["InterpolationError", "NodePath", "resolve", "show_path"]

# The keys and indexes that lead from the root to a node.
NodePath = tuple[Any, ...]

_MISSING: Final = "???"  # OmegaConf's mark of a value that is still to be given

_MAX_NODES: Final = 100_000  # a few references to references can ask for any number

_OPENING: Final = re.compile(r"(\\*)\$\{")
_BLANKS: Final = re.compile(r"[ \t]*")
_DOTS: Final = re.compile(r"\.*")
_KEY: Final = re.compile(r"(?:\\[\\.\[\]:=]|[^\\{}()\[\]:. \t'\"])+")
_IN_BRACKETS: Final = re.compile(r"\[([^\]]*)\]")
_NUMBER: Final = re.compile(r"[+-]?\d+", re.ASCII)
_ESCAPED_IN_KEY: Final = re.compile(r"\\(.)")
_RESOLVER: Final = re.compile(r"([A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*)[ \t]*:")
_ESCAPED: Final = re.compile(r"\\([\\()\[\]{}:=, \t])")
_NEEDS_QUOTES: Final = frozenset(["(", ")", "[", "{", "'", '"', ""])
_END_OF_VALUE: Final = re.compile(r"[ \t]*[,\]}]")

_UNSIGNED: Final = r"(?:0|[1-9](?:_?\d)*)"
_POINT: Final = rf"(?:{_UNSIGNED}\.|{_UNSIGNED}?\.\d(?:_?\d)*)"
_INT: Final = re.compile(rf"[+-]?{_UNSIGNED}", re.ASCII)
_FLOAT: Final = re.compile(
    rf"[+-]?(?:{_POINT}|(?:{_POINT}|{_UNSIGNED})e[+-]?\d(?:_?\d)*|inf|nan)",
    re.ASCII | re.IGNORECASE,
)


class InterpolationError(Exception):
    """An interpolation that can't be resolved; never leaves this package.

    Attributes:
        words: what is wrong.
        path: the node whose text holds it.
    """

    def __init__(self, words: str, path: NodePath | None = None) -> None:
        super().__init__(words)
        self.words = words
        self.path = path


def resolve(config: Any, environment: Mapping[str, str]) -> Any:
    """Return a configuration with values in place of its interpolations.

    Args:
        config: dictionaries, lists and scalars; is left as it is.
        environment: what ``oc.env`` looks into.

    Raises:
        InterpolationError: one is malformed, or what it names is missing.

    Example:
        >>> resolve({"host": "${oc.env:HOST,localhost}", "url": "https://${host}/"}, {})["url"]
        'https://localhost/'
    """
    return _Tree(config, environment).value_of(())


def show_path(path: NodePath) -> str:
    """Return a path as one writes it.

    Example:
        >>> show_path(("utility_agents", 0, "agent_name"))
        'utility_agents[0].agent_name'
    """
    shown = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return shown.removeprefix(".")


@frozen
class _Place:
    """A node that an interpolation refers to, where it is the whole of a text."""

    path: NodePath


class _Tree:
    """A configuration whose nodes are resolved."""

    def __init__(self, root: Any, environment: Mapping[str, str]) -> None:
        self._root = root
        self._environment = environment
        self._open: set[NodePath] = set()  # being resolved: who meets one of them goes in a circle
        self._nodes = 0

    def value_of(self, path: NodePath) -> Any:
        """Return what stands at a path, resolved."""
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise InterpolationError(
                f"there are more than {_MAX_NODES:,} values; look for aliases and references that "
                "multiply"
            )
        raw = self._raw(path)
        if not isinstance(raw, dict | list) and not _is_interpolated(raw):
            return raw
        with self._opened(path):
            return self._resolved(raw, path)

    def find(self, text_at: NodePath, dots: int, keys: list[str]) -> _Place:
        """Return the node that a reference names.

        Args:
            text_at: where the reference stands.
            dots: how many it begins with: one for a sibling, two for one of its parent.
            keys: the rest of it.
        """
        if dots > len(text_at):
            raise InterpolationError(f"{dots} dots lead out of the configuration")
        at: NodePath = text_at[: len(text_at) - dots] if dots else ()
        for key in keys:
            at = self._child(self._followed(at), key)
        if self._raw(at) == _MISSING:
            raise InterpolationError(f"{show_path(at)} is '???', a value that is still to be given")
        return _Place(at)

    def environment(self, name: Any, *default: Any) -> str | None:
        """Return what ``oc.env`` gives."""
        if not isinstance(name, str):
            raise InterpolationError(f"oc.env needs the name of a variable, not {name!r}")
        if name in self._environment:
            return self._environment[name]
        if not default:
            raise InterpolationError(
                f"the environment variable {name!r} is not set; set it, or give a default: "
                f"${{oc.env:{name},…}}"
            )
        return None if default[0] is None else str(default[0])

    def _resolved(self, raw: Any, path: NodePath) -> Any:
        if isinstance(raw, dict):
            return {key: self.value_of((*path, key)) for key in raw}
        if isinstance(raw, list):
            return [self.value_of((*path, index)) for index in range(len(raw))]
        found = _Expression(raw, self, path).whole()
        return self.value_of(found.path) if isinstance(found, _Place) else found

    def _followed(self, path: NodePath) -> NodePath:
        """Return where a reference in the middle of another one leads to."""
        raw = self._raw(path)
        if not _is_interpolated(raw):
            return path
        with self._opened(path):
            found = _Expression(raw, self, path).whole()
            if not isinstance(found, _Place):
                return path  # a text, which has no children
            return self._followed(found.path)

    def _child(self, path: NodePath, key: str) -> NodePath:
        node = self._raw(path)
        number = int(key) if _NUMBER.fullmatch(key) else None
        if isinstance(node, dict):
            if key in node:
                return (*path, key)
            if number is not None and number in node:
                return (*path, number)
        elif isinstance(node, list):
            if number is not None and -len(node) <= number < len(node):
                return (*path, number % len(node))
        else:
            raise InterpolationError(f"{show_path(path)} has no {key!r}: it is no mapping or list")
        raise InterpolationError(f"there is no {key!r} in {show_path(path) or 'the configuration'}")

    def _raw(self, path: NodePath) -> Any:
        node = self._root
        for key in path:
            node = node[key]
        return node

    @contextmanager
    def _opened(self, path: NodePath) -> Iterator[None]:
        if path in self._open:
            raise InterpolationError(f"{show_path(path)} leads back to itself")
        self._open.add(path)
        try:
            yield
        except InterpolationError as exc:
            if exc.path is None:  # the innermost text is the one at fault
                exc.path = path
            raise
        finally:
            self._open.remove(path)


def _is_interpolated(raw: Any) -> bool:
    return isinstance(raw, str) and "${" in raw


class _Expression:
    """Reads one text from its beginning to its end, and evaluates what it meets."""

    def __init__(self, text: str, tree: _Tree, path: NodePath) -> None:
        self._text = text
        self._at = 0
        self._tree = tree
        self._path = path

    def whole(self) -> Any:
        """Return a `_Place` or value if the text is one interpolation, else a string."""
        parts = self._parts_until(None)
        return parts[0] if len(parts) == 1 else self._joined(parts)

    # -- text with interpolations in it ------------------------------------------------------------

    def _parts_until(self, quote: str | None) -> list[Any]:
        """Return literal text and results up to the closing quote, or to the end."""
        special = _OPENING if quote is None else re.compile(rf"(\\*)(?:\$\{{|{quote})")
        parts: list[Any] = []
        while match := special.search(self._text, self._at):
            count = len(match[1])
            opening = match[0][count:]
            # As everywhere, a backslash in front of what is special halves their number.
            literal = self._text[self._at : match.start()] + "\\" * (count // 2)
            self._at = match.end()
            if count % 2:
                parts.append(literal + opening)
                continue
            if literal:
                parts.append(literal)
            if opening == quote:
                return parts
            parts.append(self._interpolation())
        if quote is not None:
            raise self._wrong("a quote is not closed")
        if self._at < len(self._text):
            parts.append(self._text[self._at :])
        return parts

    def _joined(self, parts: list[Any]) -> str:
        return "".join(str(self._value(part)) for part in parts)

    def _value(self, part: Any) -> Any:
        return self._tree.value_of(part.path) if isinstance(part, _Place) else part

    # -- one interpolation -------------------------------------------------------------------------

    def _interpolation(self) -> Any:
        """Return what stands behind ``${``, and go on behind its ``}``."""
        self._take(_BLANKS)
        resolver = self._take(_RESOLVER)
        if resolver is None:
            return self._reference()
        if resolver[1] != "oc.env":
            raise InterpolationError(
                f"${{{resolver[1]}:…}} is not known here, only ${{oc.env:NAME}} and references "
                "are; write the value itself"
            )
        arguments = self._values_until("}")
        if not 1 <= len(arguments) <= 2:
            raise InterpolationError("oc.env takes the name of a variable, and a default")
        return self._tree.environment(*arguments)

    def _reference(self) -> _Place:
        dots = self._take(_DOTS)
        assert dots is not None
        keys = [self._bracket()] if self._sees("[") else self._keys()
        while not self._sees("}"):
            if self._sees("["):
                keys.append(self._bracket())
            elif self._sees("."):
                self._at += 1
                keys += self._keys()
            else:
                self._take(_BLANKS)
                self._expect("}")
                self._at -= 1
        self._at += 1
        return self._tree.find(self._path, len(dots[0]), keys)

    def _bracket(self) -> str:
        self._at += 1
        key = self._key()
        self._expect("]")
        return key

    def _keys(self) -> list[str]:
        """Return one key, or several where a nested interpolation gives ``a.b``."""
        if not self._sees("${"):
            return [self._key()]
        key = self._key()
        if key.startswith("."):
            raise InterpolationError(f"{key!r} comes of an interpolation and can't be relative")
        keys = _IN_BRACKETS.sub(r".\1", key).split(".")
        keys = keys[1:] if key.startswith("[") else keys
        if not all(keys):
            raise InterpolationError(f"{key!r} is used for a key, but names none")
        return keys

    def _key(self) -> str:
        if self._sees("${"):
            key = self._nested()
            if isinstance(key, bool) or not isinstance(key, (str, int)):
                raise InterpolationError(f"{key!r} is used for a key, but is no string or integer")
            return str(key)
        found = self._take(_KEY)
        if found is None:
            raise self._wrong("a key is missing")
        return _ESCAPED_IN_KEY.sub(r"\1", found[0])

    def _nested(self) -> Any:
        self._at += len("${")
        return self._value(self._interpolation())

    # -- arguments ---------------------------------------------------------------------------------

    def _values_until(self, end: str) -> list[Any]:
        self._take(_BLANKS)
        if self._sees(end):
            self._at += 1
            return []
        values = [self._argument()]
        while self._sees(","):
            self._at += 1
            values.append(self._argument())
        self._expect(end)
        return values

    def _argument(self) -> Any:
        self._take(_BLANKS)
        first = self._text[self._at : self._at + 1]
        if first in ("'", '"'):
            self._at += 1
            value: Any = self._joined(self._parts_until(first))
        elif first == "[":
            self._at += 1
            value = self._values_until("]")
        else:
            value = self._unquoted()
        self._take(_BLANKS)
        return value

    def _unquoted(self) -> Any:
        parts: list[Any] = []
        plain = True  # so that it may be a number, a boolean or null
        while not _END_OF_VALUE.match(self._text, self._at):
            if self._sees("${"):
                parts.append(self._nested())
                plain = False
            elif escaped := self._take(_ESCAPED):
                parts.append(escaped[1])
            elif self._text[self._at : self._at + 1] in _NEEDS_QUOTES:
                raise self._wrong("this has to stand in quotes, or '}' is missing")
            else:
                parts.append(self._text[self._at])
                self._at += 1
        if plain:
            return _literal("".join(parts))
        return parts[0] if len(parts) == 1 else self._joined(parts)

    # -- reading -----------------------------------------------------------------------------------

    def _sees(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self._text, self._at)
        if match is not None:
            self._at = match.end()
        return match

    def _expect(self, text: str) -> None:
        if not self._sees(text):
            raise self._wrong(f"{text!r} is missing")
        self._at += len(text)

    def _wrong(self, words: str) -> InterpolationError:
        rest = self._text[self._at : self._at + 20]
        where = f"at {rest!r}" if rest else "at the end"
        return InterpolationError(
            f"this is no interpolation: {words} {where}; write \\${{ for text"
        )


def _literal(text: str) -> Any:
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return {"true": True, "false": False, "null": None}.get(text.lower(), text)
