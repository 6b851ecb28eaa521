"""User code is typed: what is right passes ``mypy --strict``, and mistakes are found.

A program of agents, and one on ported names, pass the strict mode of pyright, too; ``basedpyright``
brings its own node.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]  # where setup.cfg is


def test_user_code_under_mypy_strict() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(HERE)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_programs_under_pyright_strict(tmp_path: Path) -> None:
    samples = (REPOSITORY / "samples" / "ported").glob("agents_*.py")
    ported = [path for path in samples if not path.stem.endswith("_before")]
    config = {
        "include": [
            str(path)
            for path in sorted((*HERE.glob("agents_*.py"), HERE / "ported_names.py", *ported))
        ],
        "extraPaths": [str(REPOSITORY)],
        "pythonVersion": "3.10",
        "typeCheckingMode": "strict",
    }
    file = tmp_path / "pyrightconfig.json"
    file.write_text(json.dumps(config))
    result = subprocess.run(
        [sys.executable, "-m", "basedpyright", "-p", str(file), "--pythonpath", sys.executable],
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 errors" in result.stdout
