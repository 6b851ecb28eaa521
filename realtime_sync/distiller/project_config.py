"""A project's configuration: read from YAML, its interpolations resolved, its agents looked at.

What the server has to judge is left to it. Only what this side would misread, or reads itself, is
checked here, and every error names the file, the line and the key.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from attrs import field, frozen

from .._required import require_path
from .._shown import shown
from .._types import JsonDict
from ..errors import ConfigError
from .interpolation import InterpolationError, NodePath, resolve, show_path

__all__ = ["check_agents", "load_project_config", "read_project_text"]

StrPath = str | os.PathLike[str]
ErrorAt = Callable[[NodePath, str], ConfigError]

_MOST_SHOWN = 100  # characters of a path
_READ_HERE = ("agent_name", "agent_class")  # of each agent, when a session is opened


def load_project_config(path: StrPath) -> JsonDict:
    """Return the configuration in a YAML file, as it is sent.

    Args:
        path: of the file. ``${oc.env:NAME,default}`` and ``${a.b}`` in it are resolved as OmegaConf
            does it.

    Raises:
        ConfigError: it can't be read, is no YAML, holds an interpolation that can't be resolved, or
            its root or an agent is not what it must be.
    """
    text = read_project_text(path)
    file = os.fspath(path)
    try:
        document = _parse(file, text)
        config = resolve(document.value, os.environ)
    except InterpolationError as exc:
        raise document.error(exc.path or (), exc.words) from exc
    except RecursionError as exc:
        raise ConfigError(f"{file}: is nested too deeply, or holds itself") from exc
    if not isinstance(config, dict) or not config:
        kind = "nothing" if not config else f"a {type(config).__name__}"
        raise document.error((), f"the file holds {kind}; a mapping of settings is due")
    check_agents(config, document.error)
    return config


def read_project_text(path: StrPath) -> str:
    """Return a file's text.

    Raises:
        ConfigError: it can't be read, or is not UTF-8.
    """
    file = require_path(path, "config_path", error=ConfigError)
    try:
        return Path(file).read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise ConfigError(f"{_one_line(file)}: can't be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        line = exc.object.count(b"\n", 0, exc.start) + 1
        raise ConfigError(f"{_one_line(file)}, line {line}: is not UTF-8; save it so") from exc


def _one_line(file: str) -> str:
    return (
        file[:_MOST_SHOWN].encode("unicode_escape").decode() if "\n" in file else file[:_MOST_SHOWN]
    )


def check_agents(config: Mapping[str, Any], error: ErrorAt) -> None:
    """Refuse agents whose name or class this side could not read.

    Args:
        config: the whole configuration.
        error: makes the exception for what is wrong at a path.

    Raises:
        ConfigError: as ``error`` makes it.
    """
    if "utility_agents" not in config:
        return
    agents = config["utility_agents"]
    if not isinstance(agents, list | tuple):
        raise error(("utility_agents",), f"is {_shown(agents)}; a list of agents is due")
    for index, agent in enumerate(agents):
        path = ("utility_agents", index)
        if not isinstance(agent, Mapping):
            raise error(path, f"is {_shown(agent)}; a mapping with agent_name is due")
        for name in _READ_HERE:
            if name not in agent:
                raise error(path, f"{name} is missing")
            if not isinstance(agent[name], str) or not agent[name].strip():
                raise error((*path, name), f"is {_shown(agent[name])}; a string is due")


def _shown(value: Any) -> str:
    return "null" if value is None else f"{shown(value, 40)}"


@frozen
class _Document:
    """A file that was parsed.

    Attributes:
        file: its name.
        node: its root, which knows lines; None for an empty file.
        value: what it holds.
    """

    file: str
    node: yaml.Node | None = field(repr=False)
    value: Any = field(repr=False)

    def error(self, path: NodePath, words: str) -> ConfigError:
        """Return the error for what is wrong at a path."""
        key = f"{show_path(path)}: " if path else ""
        return ConfigError(f"{self.file}, line {self._line(path)}: {key}{words}")

    def _line(self, path: NodePath) -> int:
        """Return the line of what stands at a path, or of what is nearest above it."""
        node = self.node
        if node is None:
            return 1
        line: int = node.start_mark.line
        for key in path:
            node = _child(node, key)
            if node is None:
                break
            line = node.start_mark.line
        return line + 1


def _child(node: yaml.Node, key: Any) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode):
        found: yaml.Node = node.value[key]
        return found
    if isinstance(node, yaml.MappingNode):
        # The last counts, since what a mapping was merged with (`<<`) stands before its own.
        for key_node, value_node in reversed(node.value):
            if _Loader("").construct_object(key_node, deep=True) == key:
                return value_node  # type: ignore[no-any-return]
    return None


class _Loader(yaml.SafeLoader):
    """Reads scalars as OmegaConf does: ``1e3`` is a number, a date is text; no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = (key_node.tag, key_node.value)
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == _MERGE:
                continue
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key_node.value!r} is there twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_MERGE = "tag:yaml.org,2002:merge"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"

_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9]+(?:_[0-9]+)*(?:\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}


def _parse(file: str, text: str) -> _Document:
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        value = None if node is None else loader.construct_document(node)
        return _Document(file, node, value)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        words = " ".join(filter(None, (exc.context, exc.problem)))
        where = f"{file}, line {mark.line + 1}" if mark is not None else file
        raise ConfigError(f"{where}: is no YAML: {words}") from exc
    except yaml.reader.ReaderError as exc:
        line = text.count("\n", 0, exc.position) + 1
        raise ConfigError(f"{file}, line {line}: is no YAML: {exc.reason}") from exc
    except (ValueError, LookupError, AttributeError, TypeError) as exc:
        # `!!int x`, `!!float ''`, `!!bool x`: PyYAML trusts the tag, and tells no line.
        raise ConfigError(f"{file}: is no YAML: the text of a tagged value is none: {exc}") from exc
