"""What the sdist and the wheel hold, and what both say of the package.

`make dist` builds them as they are published, and installs them. Here they are built by the
setuptools of this environment, without a network.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path
from types import ModuleType

import pytest

from realtime_sync import __version__

REPOSITORY = Path(__file__).parents[1]
BUILD = """
import sys
from setuptools import build_meta
out = sys.argv[1]  # a build has arguments of its own
build_meta.build_sdist(out)
build_meta.build_wheel(out)
"""
# What `build/lib` holds gets into every wheel that is built there, so `make dist` builds in a copy.
OLD_BUILD = "build/lib/realtime_sync/gone.py"
LEFTOVERS = (
    "realtime_sync/__pycache__/errors.cpython-311.pyc",
    "samples/__pycache__/demo.cpython-311.pyc",
    "samples/out/conversation.wav",
    "tests/.pytest_cache/v/cache/lastfailed",
    "tests/.hypothesis/examples/a/b",
    ".mypy_cache/3.10/a.json",
    ".venv/bin/python",
    ".coverage",
    "dist/realtime_sync-0.0.1.tar.gz",
    "out/conversation.wav",
    "notes.txt",
)


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dist", REPOSITORY / "scripts" / "dist.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


dist = load_script()


class Built:
    """A copy of this checkout in which something was left, and what was built of it."""

    def __init__(self, folder: Path) -> None:
        tree = folder / "tree"
        dist.copy_tree(tree)
        self.files = {
            path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file()
        }
        for name in LEFTOVERS:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text("left")
        command = [sys.executable, "-c", BUILD, str(folder)]
        ran = subprocess.run(command, cwd=tree, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        (sdist,) = folder.glob("*.tar.gz")
        (wheel,) = folder.glob("*.whl")
        with tarfile.open(sdist) as packed:
            self.in_sdist = {
                each.name.partition("/")[2] for each in packed.getmembers() if each.isfile()
            }
        with zipfile.ZipFile(wheel) as packed_wheel:
            self.in_wheel = set(packed_wheel.namelist())
            place = f"realtime_sync-{__version__}.dist-info"
            self.info = {name for name in self.in_wheel if name.startswith(place)}
            self.metadata = Parser().parsestr(packed_wheel.read(f"{place}/METADATA").decode())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(tmp_path_factory.mktemp("built"))


def test_the_sdist_has_what_the_repository_has(built: Built) -> None:
    made = {"PKG-INFO"} | {name for name in built.in_sdist if ".egg-info/" in name}
    assert built.in_sdist - made == built.files
    for name in (
        "CHANGELOG.md",
        "Makefile",
        "docs/index.md",
        "scripts/setup.sh",
        "tests/conftest.py",
    ):
        assert name in built.in_sdist


def test_the_wheel_has_the_package_and_nothing_else(built: Built) -> None:
    package = {name for name in built.files if name.startswith("realtime_sync/")}
    assert built.in_wheel - built.info == package
    assert {"realtime_sync/py.typed", "realtime_sync/local/scripts/assistant.yaml"} <= package
    assert any(name.endswith("/LICENSE") for name in built.info)


def test_the_metadata_are_complete(built: Built) -> None:
    metadata: Message = built.metadata
    assert metadata["Name"].replace("-", "_") == "realtime_sync"
    assert metadata["Version"] == __version__
    assert metadata["Author"] == "realtime_sync contributors"
    assert metadata["Requires-Python"] == ">=3.10"
    assert "Apache-2.0" in (metadata["License"] or metadata["License-Expression"])
    assert "voice" in metadata["Keywords"]
    assert metadata["Summary"]
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload() == (REPOSITORY / "README.md").read_text()
    classifiers = metadata.get_all("Classifier", [])
    for version in ("3.10", "3.11", "3.12", "3.13"):
        assert f"Programming Language :: Python :: {version}" in classifiers
    assert "Typing :: Typed" in classifiers
    assert "Operating System :: POSIX :: Linux" in classifiers
    assert "License :: OSI Approved :: Apache Software License" in classifiers


def test_the_copy_has_none_of_the_leftovers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where there is no git to ask, as in what an sdist unpacks to."""
    root = tmp_path / "root"
    for name in (*LEFTOVERS, OLD_BUILD, "README.md", "realtime_sync/errors.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    monkeypatch.setattr(dist, "ROOT", root)
    copy = tmp_path / "copy"
    dist.copy_tree(copy)
    names = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
    assert names == {"README.md", "notes.txt", "realtime_sync/errors.py"}


URL = "https://example.com/a/b"
FILES = f"{URL}/blob/HEAD"


@pytest.mark.parametrize(
    ("text", "absolute"),
    [
        ("[it](docs/a.md#b), [c `[d]`](c)", f"[it]({FILES}/docs/a.md#b), [c `[d]`]({FILES}/c)"),
        ("![a picture](docs/a.svg)", f"![a picture]({URL}/raw/HEAD/docs/a.svg)"),
        ("[![a](a.svg)](a.md)", f"[![a]({URL}/raw/HEAD/a.svg)]({FILES}/a.md)"),
        ("[there](#there) [far](https://example.org/x) [us](mailto:a@b)", None),
        ("```python\nx[0](a)\n```\n[a](b)", f"```python\nx[0](a)\n```\n[a]({FILES}/b)"),
    ],
)
def test_relative_links_become_absolute(text: str, absolute: str | None) -> None:
    assert dist.with_absolute_links(text, URL) == (absolute or text)


def test_the_readme_has_no_relative_link_left() -> None:
    text = dist.with_absolute_links((REPOSITORY / "README.md").read_text(), URL)
    assert f"]({FILES}/docs/connection.md)" in text
    assert f"]({URL}/raw/HEAD/docs/demo.svg)" in text
    assert "](docs/" not in text
    assert "](CHANGELOG" not in text


@pytest.mark.parametrize(
    ("setup", "url"),
    [
        ("[metadata]\nname = a\n", None),
        ("[metadata]\nurl =\n", None),
        (f"[metadata]\nurl = {URL}/\n", URL),
    ],
)
def test_the_address_stands_in_setup_cfg(setup: str, url: str | None) -> None:
    assert dist.repository_url(setup) == url


def test_two_wheels_are_compared_by_all_they_hold(tmp_path: Path) -> None:
    def wheel(name: str, **members: str) -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w") as packed:
            for member, text in members.items():
                packed.writestr(member, text)
        return path

    one = wheel("one", a="1", b="2", c="3")
    assert dist.different_members(one, wheel("other", b="2", c="4", d="5")) == ["a", "c", "d"]
    assert dist.different_members(one, wheel("same", c="3", b="2", a="1")) == []
