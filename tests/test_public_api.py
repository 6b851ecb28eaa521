"""What the package promises to whoever imports it."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
import without_extras

import realtime_sync

# Cost more than the rest of the package together, and nobody needs them to import it.
HEAVY = (
    "asyncio",
    "attr",
    "attrs",
    "numpy",
    "requests",
    "urllib3",
    "ssl",
    "websocket",
    "realtime_sync.events",
)

HIDE_EXTRAS = f"""
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name in {without_extras.EXTRAS!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hidden())
"""


def is_public(name: str) -> bool:
    return not any(part.startswith("_") for part in name.split("."))


PUBLIC_MODULES = [
    module.name
    for module in pkgutil.walk_packages(realtime_sync.__path__, "realtime_sync.")
    if is_public(module.name)
]


def run(program: str, **environment: str) -> str:
    """Run ``program`` in a process of its own, where nothing is loaded yet."""
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("name", realtime_sync.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(realtime_sync, name) is not None
    assert name in dir(realtime_sync)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="NoSuchName"):
        realtime_sync.NoSuchName  # noqa: B018 -- the access is the test


@pytest.mark.parametrize("name", PUBLIC_MODULES)
def test_every_public_module_says_what_it_promises(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    defined = {
        key
        for key, value in vars(module).items()
        if not key.startswith("_") and getattr(value, "__module__", None) == name
    }
    promised = getattr(module, "__all__", None)
    assert promised is not None or not defined, f"{name} has no __all__ but defines {defined}"
    for key in promised or ():
        assert hasattr(module, key), f"{name}.__all__ names {key}, which is not there"


def test_programs_of_agents_import_all_from_one_place() -> None:
    """What a program needs is a name of the package: no document or sample asks a module."""
    root = Path(__file__).parent.parent
    shown = [
        *(root / "docs").glob("*.md"),
        *(root / "samples").rglob("*.py"),
        *(root / "tests" / "typing").glob("*.py"),
    ]
    assert [path.name for path in shown if "from realtime_sync.agents." in path.read_text()] == []


@pytest.mark.parametrize("name", ["", ".agents", ".app", ".distiller"])
def test_importing_the_package_loads_nothing_heavy(name: str) -> None:
    probe = f"import realtime_sync{name}, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    loaded = run(probe)
    assert loaded == "[]\n"


def test_it_works_where_no_extra_is_installed(tmp_path: Path) -> None:
    """The variable reaches the child processes too; `make test-install` does it for real."""
    (tmp_path / "sitecustomize.py").write_text(HIDE_EXTRAS)
    output = run(
        f"import runpy; runpy.run_path({without_extras.__file__!r}, run_name='__main__')",
        PYTHONPATH=str(tmp_path),
    )
    assert "works without its extras" in output
