"""The Distiller's projects on the disk: a folder for each, a file for each version."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .._types import JsonDict
from ..errors import ConfigError, ServerError

__all__ = ["ProjectStore", "full", "open_projects"]


def full(kind: str, most: int) -> ServerError:
    """Return the error for one more of what the server keeps no more than ``most`` of."""
    return ServerError(
        f"The server keeps {most} {kind} (--max-stored), or less if they are large, and there is "
        "no room for another.",
        "invalid_request_error",
        "too_many_stored",
    )


class ProjectStore:
    """Keeps every version of every project; versions count from 0.

    A version's file is complete from the moment it is there, and never changes. Several servers
    may share a folder.

    Args:
        root: a folder that is there; it holds ``<project>/<version>.json``.
        most: how many versions of all projects together it may hold.

    Threads:
        Any; nothing is kept in memory.
    """

    def __init__(self, root: Path, *, most: int) -> None:
        self._root = root
        self._most = most

    def add(self, name: str, config: JsonDict) -> int:
        """Store ``config`` as the next version of the project, and return its number.

        Raises:
            ServerError: the folder holds enough.
            ConfigError: the folder can't be written to.
        """
        if sum(1 for _ in self._root.glob("*/*.json")) >= self._most:
            raise full("versions of projects", self._most)
        folder = self._root / name
        try:
            folder.mkdir(exist_ok=True)
            draft = _written(folder, config)
            try:
                return self._publish(draft, folder)
            finally:
                draft.unlink()
        except OSError as exc:
            raise ConfigError(f"project {name!r} can't be stored in {self._root}: {exc}") from exc

    def find(self, name: str, version: int | None = None) -> JsonDict | None:
        """Return what is stored, or None when there is no such project or version.

        Args:
            name: of the project.
            version: None for the newest.

        Raises:
            ConfigError: its file can't be read, or somebody has damaged it.
        """
        folder = self._root / name
        if version is None:
            version = _newest(folder)
        path = folder / f"{version}.json"
        if version is None or not path.is_file():
            return None
        try:
            config: JsonDict = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as exc:
            raise ConfigError(f"project file {str(path)!r} can't be read: {exc}") from exc
        return config

    def _publish(self, draft: Path, folder: Path) -> int:
        newest = _newest(folder)
        version = 0 if newest is None else newest + 1
        while not _linked(draft, folder / f"{version}.json"):
            version += 1
        return version


@contextmanager
def open_projects(folder: Path | None, *, most: int) -> Iterator[ProjectStore]:
    """Open the projects in ``folder``, which is made if needed.

    Args:
        folder: None for one that goes away again.
        most: how many versions of all projects together it may hold.

    Raises:
        ConfigError: there can be no such folder.
    """
    if folder is None:
        with _temporary_folder() as temporary:
            yield ProjectStore(Path(temporary), most=most)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise ConfigError(f"there can be no projects in {str(folder)!r}: {exc}") from exc
    yield ProjectStore(folder, most=most)


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="realtime_sync-projects-")
    except OSError as exc:
        raise ConfigError(
            f"there can be no temporary folder for projects: {exc}; name one with --projects, "
            "or another place for all such folders with the environment's TMPDIR"
        ) from exc


def _written(folder: Path, config: JsonDict) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=".", suffix=".draft", dir=folder)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(config, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:  # the disk is full: let no drafts fill what is left of it
        Path(name).unlink()
        raise
    return Path(name)


def _linked(draft: Path, target: Path) -> bool:
    """Give the draft its name; False when another server has just stored something under it."""
    try:
        os.link(draft, target)  # a rename would replace what is there
    except FileExistsError:
        return False
    return True


def _newest(folder: Path) -> int | None:
    numbers = [path.stem for path in folder.glob("*.json")]
    return max((int(each) for each in numbers if each.isascii() and each.isdigit()), default=None)
