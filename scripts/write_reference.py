"""The pages of the reference, in reStructuredText, for `scripts/build_docs.py`.

There is one for each public module: what its `__all__` names, each once, under the module that
programs import it from. A package's page has a section for each file that defines some of them.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from types import ModuleType

import realtime_sync

__all__ = ["home", "public_modules", "reference_page", "value_names"]

_MANY = 20  # names, from which on a page has sections
_SHORT = {"g711": "G.711", "mcp": "MCP", "pcm": "PCM", "sip": "SIP", "vad": "VAD", "wav": "WAV"}


@cache
def public_modules() -> dict[str, ModuleType]:
    """Return what programs import from: the package, and each module in it that has `__all__`."""
    found = {"realtime_sync": realtime_sync}
    for each in pkgutil.iter_modules(realtime_sync.__path__, "realtime_sync."):
        if not each.name.rpartition(".")[2].startswith("_"):
            module = importlib.import_module(each.name)
            if hasattr(module, "__all__"):
                found[each.name] = module
    return found


@cache
def home(module: str, name: str) -> str:
    """Return the public module whose page has ``name`` of ``module``.

    The package itself, or the one whose file defines it: not one that only passes it on.
    """
    modules = public_modules()
    defined = _defined_in(module, name)
    candidates = [each for each in modules if name in modules[each].__all__]
    candidates = [each for each in candidates if _is_in(defined, each)]
    return max(candidates, key=len, default=module)


def value_names() -> dict[str, str]:
    """Return the full name of each public value that is no class or function, such as a union."""
    found: dict[str, set[str]] = defaultdict(set)
    for module, names in ((each, public_modules()[each].__all__) for each in public_modules()):
        for name in names:
            value = getattr(public_modules()[module], name)
            if not inspect.isclass(value) and not inspect.isfunction(value):
                found[name].add(f"{home(module, name)}.{name}")
    return {name: full.pop() for name, full in found.items() if len(full) == 1}


@cache
def reference_page(module: str) -> str:
    """Return the page of one public module."""
    names = public_modules()[module].__all__
    own = [name for name in names if home(module, name) == module]
    lines = [module, "=" * len(module), "", f".. automodule:: {module}", ""]
    lines += [".. py:currentmodule:: None", ""]  # the entries have full names
    for part, section in _sections(module, own):
        if part:
            heading = _heading(part)
            lines += [heading, "-" * len(heading), "", _first_paragraph(part), ""]
        for name in section:
            lines += _entry(module, name)
    passed_on = [f":py:obj:`~{home(module, name)}.{name}`" for name in names if name not in own]
    if passed_on:
        lines += ["From other modules", "------------------", "", ", ".join(passed_on), ""]
    return "\n".join(lines)


def _is_in(defined: str, module: str) -> bool:
    return defined == module or defined.startswith(module + ".")


@cache
def _defined_in(module: str, name: str) -> str:
    """Return the name of the module whose file defines ``name``."""
    value = getattr(public_modules()[module], name)
    if inspect.isclass(value) or inspect.isfunction(value):
        return str(value.__module__)
    parts = sorted(each for each in sys.modules if each.startswith(module + "."))
    return next((part for part in parts if name in _assignments(part)), module)


@cache
def _assignments(module: str) -> dict[str, ast.stmt]:
    found: dict[str, ast.stmt] = {}
    for node in ast.parse(_source(module)).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        found |= {each.id: node for each in targets if isinstance(each, ast.Name)}
    return found


def _source(module: str) -> str:
    return inspect.getsource(sys.modules[module])


def _sections(module: str, names: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the files and what each defines; one without a file, where that is not much."""
    if len(names) < _MANY:
        yield "", sorted(names)
        return
    parts: dict[str, list[str]] = defaultdict(list)
    for name in names:
        parts[_defined_in(module, name)].append(name)
    for part in sorted(parts, key=_heading):
        yield part, sorted(parts[part])


def _heading(part: str) -> str:
    words = part.rpartition(".")[2].strip("_").split("_")
    text = " ".join(_SHORT.get(word, word) for word in words)
    return text[0].upper() + text[1:]


def _first_paragraph(part: str) -> str:
    return inspect.cleandoc(sys.modules[part].__doc__ or "").partition("\n\n")[0]


def _entry(module: str, name: str) -> list[str]:
    value = getattr(public_modules()[module], name)
    full = f"{module}.{name}"
    if inspect.isclass(value):
        kind = "exception" if issubclass(value, BaseException) else "class"
        lines = [f".. auto{kind}:: {full}", "   :members:"]
        if ends := _inherited_up_to(value):
            lines.append(f"   :inherited-members: {', '.join(ends)}")
        return [*lines, ""]
    if inspect.isfunction(value):
        return [f".. autofunction:: {full}", ""]
    words = _told_in_file(_defined_in(module, name), name)
    return [f".. py:data:: {full}", "", *(f"   {line}".rstrip() for line in words), ""]


def _inherited_up_to(cls: type) -> list[str]:
    """Return where inherited members end, if some come from a class that the reference lacks."""
    ours = [base for base in cls.__mro__[1:] if base.__module__.startswith("realtime_sync.")]
    if all(base in _public_classes() for base in ours):
        return []
    return [
        base.__name__ for base in cls.__mro__[1:] if base not in ours or base in _public_classes()
    ]


@cache
def _public_classes() -> frozenset[type]:
    modules = public_modules().values()
    values = [getattr(module, name) for module in modules for name in module.__all__]
    return frozenset(value for value in values if inspect.isclass(value))


def _told_in_file(module: str, name: str) -> list[str]:
    """Return what is said of a value, below it or in the comment above, and how it is made."""
    lines, node = _source(module).splitlines(), _assignments(module)[name]
    words = _string_below(module, node) or _comment_above(lines, node.lineno - 1)
    code = [f"   {line}" for line in lines[node.lineno - 1 : node.end_lineno]]
    return [*words, *([""] if words else []), ".. code-block:: python", "", *code]


def _string_below(module: str, node: ast.stmt) -> list[str]:
    for each, following in pairwise(ast.parse(_source(module)).body):
        if each.lineno == node.lineno and isinstance(following, ast.Expr):
            value = following.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                return inspect.cleandoc(value.value).splitlines()
    return []


def _comment_above(lines: list[str], first: int) -> list[str]:
    end = first
    while first and re.match(r"#:? (?!--)", lines[first - 1]):
        first -= 1
    return [line.lstrip("#: ") for line in lines[first:end]]
