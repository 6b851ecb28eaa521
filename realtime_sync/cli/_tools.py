"""The tools of `realtime-sync talk`: functions that are named at the command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from ..errors import ConfigError
from ..tools.schema import Function, Tool, describe

__all__ = ["get_weather", "load_tools"]


def get_weather(city: str) -> dict[str, object]:
    """The weather in a city. For demonstration: it is made up."""
    return {"city": city, "condition": "sunny", "temperature": 21, "note": "made up"}


def load_tools(names: Sequence[str]) -> dict[str, Tool]:
    """Import functions and describe them, by name.

    Args:
        names: ``module:function`` each; modules of the current folder are found, too.

    Raises:
        ConfigError: one is not there, can't be imported or described, or two have one name.
    """
    tools: dict[str, Tool] = {}
    for name in names:
        tool = describe(_load(name))
        if tool.name in tools:
            raise ConfigError(f"--tools {name}: two tools are called {tool.name}; leave one out")
        tools[tool.name] = tool
    return tools


def _load(name: str) -> Function:
    path, colon, function_name = name.partition(":")
    if not (path and colon and function_name):
        raise ConfigError(f"--tools {name}: give MODULE:FUNCTION, such as my_tools:get_weather")
    module = _import(path)
    function = getattr(module, function_name, None)
    if function is None:
        raise ConfigError(f"--tools {name}: the module {path} has no {function_name}")
    if not callable(function):
        raise ConfigError(f"--tools {name}: that is no function, but {type(function).__name__}")
    return function  # type: ignore[no-any-return]  # whatever the module has under that name


def _import(path: str) -> ModuleType:
    folder = str(Path.cwd())
    if folder not in sys.path:  # an installed command does not look there
        sys.path.insert(0, folder)
    try:
        return import_module(path)
    except ModuleNotFoundError as exc:
        if exc.name != path.partition(".")[0] and exc.name != path:
            raise ConfigError(f"--tools: {path} imports {exc.name}, which is not there") from exc
        raise ConfigError(
            f"--tools: there is no module {path}; it is looked for in this folder and among the "
            "installed packages"
        ) from exc
    except (Exception, SystemExit) as exc:  # whatever its code raises
        what = " ".join(f"{type(exc).__name__}: {exc}".split())
        raise ConfigError(f"--tools: {path} can't be imported: {what}") from exc
