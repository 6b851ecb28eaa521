from __future__ import annotations

from pathlib import Path

import pytest
from blocks import Command, command_blocks, python_blocks

DOCUMENT = """\
# Title

```python
print("first")
```

```sh
pip install .  # all of it
```

<!-- not run: it needs a microphone -->

```python
print("second")
```

1. In a list:

   ```python
   if True:
       print("third")
   ```

````python
print("```")
````
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "page.md"
    path.write_text(text)
    return path


def test_it_finds_the_python_blocks(tmp_path: Path) -> None:
    blocks = list(python_blocks(write(tmp_path, DOCUMENT)))
    assert [block.code.strip() for block in blocks] == [
        'print("first")',
        'print("second")',
        'if True:\n    print("third")',
        'print("```")',
    ]
    assert [block.not_run for block in blocks] == [None, "it needs a microphone", None, None]
    assert [str(block) for block in blocks][:2] == ["page.md:4", "page.md:14"]


def test_an_error_has_the_line_of_the_document(tmp_path: Path) -> None:
    (block,) = python_blocks(write(tmp_path, "text\n\n```python\nx = 1\nx = (\n```\n"))
    with pytest.raises(SyntaxError) as caught:
        compile(block.code, str(block.path), "exec")
    assert caught.value.lineno == 5


def test_a_mark_counts_only_right_before_its_block(tmp_path: Path) -> None:
    text = "<!-- not run: why -->\ntext\n```python\nx = 1\n```\n"
    (block,) = python_blocks(write(tmp_path, text))
    assert block.not_run is None


def test_what_a_block_prints(tmp_path: Path) -> None:
    blocks = python_blocks(
        write(tmp_path, f"{DOCUMENT}\n<!-- prints -->\n```text\n    ``\n\n```\n")
    )
    assert [block.prints for block in blocks] == [None, None, None, "    ``\n\n"]


def test_a_block_that_is_not_closed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not closed"):
        list(python_blocks(write(tmp_path, "```python\nx = 1\n")))


def test_the_commands_of_a_block_with_what_they_print(tmp_path: Path) -> None:
    path = write(tmp_path, f"{DOCUMENT}\n```console\n$ cd a   # there\n$ ls '#'\nb\nc\n```\n")
    assert list(command_blocks(path)) == [
        [Command(path, 8, "pip install .")],
        [Command(path, 29, "cd a"), Command(path, 30, "ls '#'", "b\nc\n")],
    ]
