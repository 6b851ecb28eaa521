"""Projects are kept whole, in versions that count from 0, and outlive the server."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from realtime_sync import ConfigError, ServerError
from realtime_sync.local.project_store import ProjectStore, open_projects


def test_versions_count_from_0_for_each_project(tmp_path: Path) -> None:
    store = ProjectStore(tmp_path, most=100)
    assert [store.add("a", {"n": n}) for n in range(11)] == list(range(11))
    assert store.add("b", {"n": "b"}) == 0
    assert store.find("a") == {"n": 10}, "the newest, by number and not by name"
    assert store.find("a", 2) == {"n": 2}
    assert store.find("b") == {"n": "b"}


def test_what_is_not_there(tmp_path: Path) -> None:
    store = ProjectStore(tmp_path, most=100)
    store.add("a", {})
    assert store.find("a", 1) is None
    assert store.find("b") is None
    assert store.find("b", 0) is None


def test_one_file_per_version_and_no_draft_left(tmp_path: Path) -> None:
    store = ProjectStore(tmp_path, most=100)
    store.add("a", {"x": 1})
    store.add("a", {"x": 2})
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*"))
    assert files == ["a", "a/0.json", "a/1.json"]


def test_they_survive_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "projects"
    with open_projects(folder, most=100) as store:
        store.add("a", {"x": "ä"})
    with open_projects(folder, most=100) as store:
        assert store.find("a") == {"x": "ä"}
        assert store.add("a", {}) == 1


def test_a_temporary_folder_goes_away() -> None:
    with open_projects(None, most=100) as store:
        store.add("a", {})
        (folder,) = [value for value in vars(store).values() if isinstance(value, Path)]
        assert folder.is_dir()
    assert not folder.exists()


def test_a_server_beside_takes_the_same_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is there when ours is to be published: neither replaces the other."""
    here, there = ProjectStore(tmp_path, most=100), ProjectStore(tmp_path, most=100)
    link = os.link

    def late(source: Any, target: Any) -> None:
        monkeypatch.setattr(os, "link", link)
        assert there.add("a", {"of": "there"}) == 0
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    assert here.add("a", {"of": "here"}) == 1
    assert here.find("a", 0) == {"of": "there"}
    assert here.find("a", 1) == {"of": "here"}


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Any, target: Any) -> None:
        raise OSError(28, "No space left on device")

    store = ProjectStore(tmp_path, most=100)
    monkeypatch.setattr(os, "link", full)
    with pytest.raises(ConfigError, match=r"project 'a' can't be stored in .*No space left"):
        store.add("a", {})
    assert store.find("a") is None
    assert list((tmp_path / "a").iterdir()) == []


def test_a_damaged_file(tmp_path: Path) -> None:
    store = ProjectStore(tmp_path, most=100)
    store.add("a", {})
    (tmp_path / "a" / "0.json").write_text("{")
    with pytest.raises(ConfigError, match=r"project file '.*0\.json' can't be read"):
        store.find("a")


def test_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ConfigError, match="there can be no projects in"),
        open_projects(tmp_path / "file" / "x", most=100),
    ):
        pass


def test_so_many_versions_are_kept_and_no_more(tmp_path: Path) -> None:
    store = ProjectStore(tmp_path, most=2)
    assert store.add("desk", {}) == 0
    assert store.add("door", {}) == 0
    with pytest.raises(ServerError, match=r"keeps 2 versions of projects \(--max-stored\)") as full:
        store.add("desk", {})
    assert full.value.code == "too_many_stored"
    assert store.find("desk") == {}
    assert store.find("desk", 1) is None


def test_a_full_disk_leaves_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ProjectStore(tmp_path, most=100)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match=r"project 'a' can't be stored in .*No space left"):
        store.add("a", {"x": 1})
    assert [path.name for path in tmp_path.rglob("*")] == ["a"]


def test_no_place_for_a_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with (
        pytest.raises(ConfigError, match=r"no temporary folder for projects: .*--projects"),
        open_projects(None, most=1),
    ):
        pytest.fail("there is none")
