"""A PostgreSQL of the tests' own: a cluster in a folder that goes with it, on a socket alone."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

__all__ = ["cluster", "restart"]

_USER = "postgres"


def _programs() -> Path:
    """Return the folder of initdb and pg_ctl; Debian has them outside of the PATH."""
    on_path = shutil.which("pg_ctl")
    if on_path:
        return Path(on_path).resolve().parent
    (*_, newest) = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return newest


def _run(command: str) -> None:
    """Run a command as somebody who may: PostgreSQL refuses root."""
    argv = ["/bin/sh", "-c", command]
    if os.geteuid() == 0:
        argv = ["su", _USER, "-s", "/bin/sh", "-c", command]
    # Its descendant keeps what it inherits of this process, a pipe as well.
    ran = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/")
    assert ran.returncode == 0, ran.stdout + ran.stderr


@contextmanager
def cluster() -> Iterator[str]:
    """Run a cluster, and yield the URL of its first database."""
    # Not below pytest's folders: they are their owner's alone, and too long for a socket's path.
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, _USER)
        _run(f"{_programs()}/initdb -A trust -U {_USER} --no-sync -D {folder}/data")
        _control(folder, "start")
        try:
            yield f"postgres:///postgres?host={folder}&user={_USER}"
        finally:
            _control(folder, "stop")


def restart(url: str) -> None:
    """Restart the cluster of this URL, which ends all connections to it."""
    (folder,) = parse_qs(urlsplit(url).query)["host"]
    _control(folder, "restart")


def _control(folder: str, order: str) -> None:
    options = shlex.quote(f"-c listen_addresses='' -k {folder} -c fsync=off")
    control = f"{_programs()}/pg_ctl -w -D {folder}/data -l {folder}/log -m fast"
    _run(f"{control} {order}" if order == "stop" else f"{control} -o {options} {order}")
