"""WebSockets of WSGI servers, with other versions of the package that has their protocol."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from peers import REPOSITORY, install, versions

TESTS = ["tests/unit/wsgi", "tests/integration/test_wsgi_servers.py"]
PROBE = "from websockets.version import version; print(version)"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("major", ["15", "17"])
def test_another_version(major: str) -> None:
    install(f"websockets_{major}")
    folder = REPOSITORY / "build" / "peers" / f"websockets_{major}"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(REPOSITORY)])}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    version = run("-c", PROBE).strip()
    assert version.split(".")[0] == major
    said = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not gevent", *TESTS)
    assert " passed" in said
    assert "skipped" not in said
    versions.add(f"websockets {version}")
