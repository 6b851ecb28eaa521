"""Inside the embedded server, imports point one way: sockets know the protocol, not vice versa."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import realtime_sync

PACKAGE = Path(realtime_sync.__file__).parent
FILES = sorted((PACKAGE / "local").rglob("*.py"))

# An import points to a smaller number, or stays in its folder.
LEVELS = {
    "callers": 0,
    "engines": 0,
    "project_store": 0,
    "scripts": 0,
    "words": 0,
    "server_settings": 1,
    "responders": 1,
    "speech": 1,
    "protocol": 2,
    "engine_set": 2,
    "distiller": 3,
    "web": 4,
    "__main__": 5,
}


def part_of(names: tuple[str, ...]) -> str:
    """Return the folder or module of `local/` that a path belongs to."""
    return names[1].removesuffix(".py")


def imported_parts(path: Path) -> Iterator[str]:
    """The parts of `local/` that a file imports, at the top or inside a function."""
    inside = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = inside[: len(inside) - node.level + 1]
            module = tuple(node.module.split(".")) if node.module else ()
            for alias in node.names:
                target = (*base, *module, alias.name)
                if target[0] == "local":
                    yield part_of(target)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    part = part_of(path.relative_to(PACKAGE).parts)
    for target in imported_parts(path):
        assert target == part or LEVELS[target] < LEVELS[part], f"{part} imports {target}"


def test_the_check_sees_imports() -> None:
    service = PACKAGE / "local" / "web" / "translation_service.py"
    assert {"engines", "engine_set", "protocol", "responders", "web"} <= set(
        imported_parts(service)
    )
    assert {"responders", "speech"} <= set(imported_parts(PACKAGE / "local" / "engine_set.py"))
