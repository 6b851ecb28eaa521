"""Parts of files, read as one."""

from __future__ import annotations

import io
import os

from realtime_sync.audio._input_file import WholeFile
from realtime_sync.audio._splice import FilePart, SplicedFile


def test_parts_are_read_as_one_file() -> None:
    digits = WholeFile(io.BytesIO(b"xx0123456789"), 2)
    parts = (FilePart.of(b"head"), FilePart(digits, 4, 3), FilePart.of(b""), FilePart(digits, 0, 2))
    file, whole = SplicedFile(*parts), b"head45601"
    assert file.read(99) == whole
    assert file.read(1) == b""
    for start in range(10):
        for size in (0, 1, 3, 20):
            file.seek(start)
            assert file.read(size) == whole[start : start + size]
            assert file.tell() == min(start + size, len(whole))
    file.seek(-2, os.SEEK_END)
    assert file.read(9) == b"01"
    file.seek(1)
    file.seek(2, os.SEEK_CUR)
    assert file.read(2) == b"d4"
    file.seek(-3)
    assert file.tell() == 0
