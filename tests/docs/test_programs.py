"""The programs in the documents are typed: mypy's strict mode and pyright take them.

What a reader copies into a project with a type checker passes there as it is. Samples pass pyright
here, and mypy in `make check`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from blocks import python_blocks
from pages import PAGES
from programs import REPOSITORY

MYPY = f"""\
[mypy]
strict = True
mypy_path = {REPOSITORY}
python_version = 3.10
explicit_package_bases = True

# The package is judged by `make check`.
[mypy-realtime_sync.*]
follow_imports = silent

# It ships neither annotations nor stubs, and is not installed here.
[mypy-celery.*,gevent.*]
ignore_missing_imports = True
[mypy-docs_deployment.*]
disallow_untyped_decorators = False
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the blocks of each page in a folder of its own, lines numbered as there."""
    folder = tmp_path_factory.mktemp("programs")
    for page in PAGES:
        for block in python_blocks(page):
            name = page.relative_to(REPOSITORY).with_suffix("").as_posix().replace("/", "_")
            file = folder / name / f"line_{block.line}.py"
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.code, encoding="utf-8")
    return folder


def check(command: list[str], folder: Path) -> str:
    result = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.timeout(330)
def test_programs_of_the_documents_under_mypy_strict(programs: Path) -> None:
    config = programs.with_suffix(".ini")
    config.write_text(MYPY)
    check(["mypy", "--config-file", str(config), "."], programs)


@pytest.mark.timeout(330)
def test_programs_and_samples_under_pyright(programs: Path) -> None:
    samples = (REPOSITORY / "samples").rglob("*.py")
    config = {
        "include": [str(programs), *(str(path) for path in samples if "_before" not in path.stem)],
        "extraPaths": [str(REPOSITORY)],
        "pythonVersion": "3.10",
        "typeCheckingMode": "standard",
        "reportMissingImports": False,  # what some of them use is not installed here
    }
    file = programs.with_suffix(".json")
    file.write_text(json.dumps(config))
    command = ["basedpyright", "-p", str(file), "--pythonpath", sys.executable]
    assert "0 errors" in check(command, programs)
