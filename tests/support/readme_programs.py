"""A program: runs the Python blocks of a document with this interpreter, in an empty folder.

Run by `scripts/test_install.sh` where the package is installed and nothing of the tests is.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from blocks import python_blocks

_LIMIT_S = 100


def main() -> None:
    blocks = [block for block in python_blocks(Path(sys.argv[1])) if not block.not_run]
    assert blocks, f"{sys.argv[1]} has no programs"
    for block in blocks:
        with TemporaryDirectory() as folder:
            file = Path(folder, "program.py")
            file.write_text(block.code, "utf-8")
            command = [sys.executable, "-W", "error", file.name]
            subprocess.run(command, cwd=folder, check=True, timeout=_LIMIT_S)
    print(f"{len(blocks)} programs of {sys.argv[1]} ran")


if __name__ == "__main__":
    main()
