"""What the pages list is what the package has: errors, loggers, counters and names."""

from __future__ import annotations

import ast
import inspect
import re
import runpy
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest
from pages import PAGES, rows, words
from programs import REPOSITORY

from realtime_sync import ConnectionStats, errors

DOCS = REPOSITORY / "docs"
PACKAGE = REPOSITORY / "realtime_sync"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

REFERENCE = runpy.run_path(str(REPOSITORY / "scripts" / "write_reference.py"))
MODULES: dict[str, ModuleType] = REFERENCE["public_modules"]()
NAMES = [(module, name) for module in MODULES for name in MODULES[module].__all__]

# -- errors ----------------------------------------------------------------------------------------

CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and value.__module__ == errors.__name__
]


def tree(cls: type = errors.RealtimeError, depth: int = 0) -> Iterator[str]:
    """Yield the lines of the hierarchy, each class below the first of its bases."""
    others = "".join(f" (also a {base.__name__})" for base in cls.__bases__[1:])
    yield "  " * depth + cls.__name__ + others
    for each in CLASSES:
        if each.__bases__[0] is cls:
            yield from tree(each, depth + 1)


def attributes(cls: type) -> set[str]:
    """Return what a class adds to those above it: as its docstring says, and its properties."""
    _, _, section = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:\n")
    documented = set(re.findall(r"^    (\w+):", section, re.MULTILINE))
    return documented | {key for key, value in vars(cls).items() if isinstance(value, property)}


def test_the_errors_page_shows_the_hierarchy() -> None:
    expected = "".join(f"{line}\n" for line in tree())
    assert f"```text\n{expected}```" in (DOCS / "errors.md").read_text("utf-8"), expected


def test_the_errors_page_has_a_row_for_every_class() -> None:
    told = [row[0].strip("`") for row in rows(DOCS / "errors.md", "| error | when | what to do |")]
    expected = [cls.__name__ for cls in CLASSES]
    assert sorted(told) == sorted(expected)


def test_every_class_of_errors_is_public() -> None:
    names = {cls.__name__ for cls in CLASSES}
    assert names == {name for name in errors.__all__ if isinstance(getattr(errors, name), type)}


def test_the_errors_page_has_every_attribute() -> None:
    table = rows(DOCS / "errors.md", "| error | attributes |")
    told = {name.strip("`"): set(re.findall(r"`([a-z_]+)`", text)) for name, text in table}
    assert told == {cls.__name__: attributes(cls) for cls in CLASSES if attributes(cls)}


# -- the log ---------------------------------------------------------------------------------------


def log_calls(path: Path) -> Iterator[str]:
    """Yield the levels of what a file logs."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        target = node.func.value
        if isinstance(target, ast.Name) and target.id.strip("_").lower() in {"log", "logger"}:
            level = node.func.attr.upper()
            yield {"EXCEPTION": "ERROR"}.get(level, level)
    for level in re.findall(r"\blogging\.([A-Z]+)\b", path.read_text("utf-8")):
        yield level  # of a call of `log` itself


def test_the_log_page_has_every_logger_and_level() -> None:
    logged: dict[str, set[str]] = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text("utf-8")
        if "getLogger(" in text and PACKAGE / "cli" not in path.parents:
            logged[path.relative_to(PACKAGE).parts[0]] |= set(log_calls(path)) & set(LEVELS)
    header = "| logger | DEBUG | INFO | WARNING | ERROR |"
    told = {
        name.strip("`").removeprefix("realtime_sync."): {
            level for level, cell in zip(LEVELS, cells, strict=True) if cell
        }
        for name, *cells in rows(DOCS / "observing.md", header)
    }
    assert told == dict(logged)


def test_every_logger_is_named_as_its_package() -> None:
    for path in PACKAGE.rglob("*.py"):
        package = path.relative_to(PACKAGE).parts[0]
        names = set(re.findall(r'getLogger\("?(realtime_sync[\w.]*)', path.read_text("utf-8")))
        assert names <= {f"realtime_sync.{package}"} or package == "cli", path


# -- the counters ----------------------------------------------------------------------------------


def test_the_counters_have_a_row_each() -> None:
    header = "| field | unit | what it counts |"
    told = {name.strip("`"): unit for name, unit, _ in rows(DOCS / "observing.md", header)}
    fields = [field.name for field in attrs.fields(ConnectionStats)]
    expected = {name: "bytes" if "bytes" in name else "messages" for name in fields}
    assert told == expected


# -- names -----------------------------------------------------------------------------------------


def says_what_it_is(module: str, name: str) -> bool:
    """Whether the reference has words for a name: a docstring of its own, or a comment."""
    value: Any = getattr(MODULES[module], name)
    if inspect.isclass(value) or inspect.isfunction(value):
        words = (value.__doc__ or "").strip()
        return bool(words) and not words.startswith(f"{name}(")  # which a dataclass gets by itself
    page = REFERENCE["reference_page"](REFERENCE["home"](module, name))
    entry = page.partition(f":: {REFERENCE['home'](module, name)}.{name}\n\n")[2]
    return entry[:4].strip() not in {"", "."}


@pytest.mark.parametrize("module", MODULES)
def test_the_reference_says_what_every_public_name_is(module: str) -> None:
    silent = [name for name in MODULES[module].__all__ if not says_what_it_is(module, name)]
    assert silent == [], "give each a docstring, or a comment above it"


@pytest.mark.parametrize("module", MODULES)
def test_a_page_names_what_is_public(module: str) -> None:
    """Of agents and events, the pages show the main ones: the others are named as elsewhere."""
    told = set().union(*(words(page) for page in PAGES))
    missing = set(MODULES[module].__all__) - told
    if module in {"realtime_sync.agents", "realtime_sync.events"}:
        missing -= set(words_of_reference(module))
    assert missing == set(), "name it in a page, docs/reference.md for example"


def words_of_reference(module: str) -> list[str]:
    return re.findall(r"\w+", REFERENCE["reference_page"](module))


def test_the_reference_lists_every_module() -> None:
    header = "| module | what is in it | explained in |"
    cells = " ".join(row[0] for row in rows(DOCS / "reference.md", header))
    listed = {f"realtime_sync.{name}" for name in re.findall(r"`(?:realtime_sync)?\.(\w+)`", cells)}
    assert {"realtime_sync", *listed} == set(MODULES)


def test_the_reference_has_every_name_once() -> None:
    pages = "".join(REFERENCE["reference_page"](module) for module in MODULES)
    entries = re.findall(r"^\.\. (?!automodule)[\w:]+:: (\S+\.\w+)$", pages, re.MULTILINE)
    assert len(entries) == len(set(entries))
    assert set(entries) == {f"{REFERENCE['home'](module, name)}.{name}" for module, name in NAMES}


def test_what_several_modules_have_is_on_one_page() -> None:
    homes: dict[tuple[int, str], set[str]] = defaultdict(set)
    for module, name in NAMES:
        homes[id(getattr(MODULES[module], name)), name].add(REFERENCE["home"](module, name))
    assert [each for each in homes.values() if len(each) > 1] == []
    assert REFERENCE["home"]("realtime_sync", "ConfigError") == "realtime_sync.errors"
    assert REFERENCE["home"]("realtime_sync", "Local") == "realtime_sync"
