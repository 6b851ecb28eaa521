"""Every Python block of the documents compiles and runs against the embedded server.

It prints what the document says, where that says so.
"""

from __future__ import annotations

import pytest
from blocks import Block, python_blocks
from programs import REPOSITORY, Program

DOCUMENTS = [REPOSITORY / "README.md", *sorted(REPOSITORY.glob("docs/**/*.md"))]
BLOCKS = [block for path in DOCUMENTS for block in python_blocks(path)]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_it_compiles(block: Block) -> None:
    compile(block.code, str(block.path), "exec")


@pytest.mark.parametrize("block", [b for b in BLOCKS if not b.not_run], ids=str)
def test_it_runs(block: Block, program: Program) -> None:
    file = program.folder / f"{block.path.stem}_line_{block.line}.py"
    file.write_text(block.code, encoding="utf-8")
    printed = program.run(file)
    if block.prints is not None:
        assert printed.strip() == block.prints.strip()
