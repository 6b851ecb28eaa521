"""Where the bytes of a sound file may come from, and what is said of what is no file."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from guards import Guard
from sound_files import wav

from realtime_sync.audio import Sound, StereoRecorder, WavSink, WavSource, read_wav, write_wav
from realtime_sync.audio._input_file import InputFile, WholeFile
from realtime_sync.errors import AudioError, ConfigError, FormatError

PCM = bytes(range(256)) * 20
WAV = wav(PCM)


class Text(str):
    __slots__ = ()


class Place(os.PathLike):  # type: ignore[type-arg]
    def __init__(self, path: Path | bytes) -> None:
        self.path = path

    def __fspath__(self) -> str | bytes:
        return str(self.path) if isinstance(self.path, Path) else self.path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "a.wav"
    place.write_bytes(WAV)
    return place


def test_every_kind_of_file_is_read(path: Path) -> None:
    for file in (path, str(path), Text(path), Place(path), WAV, bytearray(WAV), memoryview(WAV)):
        assert read_wav(file) == PCM
        assert Sound.from_wav(file) == Sound(PCM)
        assert b"".join(WavSource(file, pace="fast", trailing_silence_ms=0)).startswith(PCM)
    assert read_wav(memoryview(WAV * 2)[::1][: len(WAV)]) == PCM


def test_a_name_that_is_no_utf8_is_read_and_written(tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav")
    for path in (name, Path(name), Place(Path(name)), Place(os.fsencode(name))):
        write_wav(path, PCM)
        assert [os.fsencode(file.name) for file in tmp_path.iterdir()] == [b"caf\xe9.wav"]
        assert read_wav(path) == PCM
        Path(name).unlink()
        with WavSink(path, pace="fast") as sink:
            sink.write(PCM)
        assert b"".join(WavSource(path, pace="fast", trailing_silence_ms=0)).startswith(PCM)
        StereoRecorder(path).close()
        Sound(PCM).save(path)
        assert Sound.from_wav(path) == Sound(PCM)


def test_what_can_be_no_path_is_told_so(tmp_path: Path) -> None:
    for path in ("a\0b", "\ud800", Place(7)):  # type: ignore[arg-type]
        with pytest.raises(AudioError, match=r"^can't read .*: no file can have this name"):
            read_wav(path)
        with pytest.raises(ConfigError, match=r"^path must be the path of a file, a text or a"):
            write_wav(path, PCM)
    encoded = os.fsencode(tmp_path / "a.wav")
    for write in (WavSink, StereoRecorder):
        with pytest.raises(ConfigError, match=r"such as os\.fsdecode\(path\), not b'"):
            write(encoded)
    with pytest.raises(FormatError, match=r"is text, .*if it is a path, decode it: os\.fsdecode"):
        read_wav(encoded)
    for data in (b"text\0", b"t" * 1025):
        with pytest.raises(FormatError, match="ffmpeg") as caught:
            read_wav(data)
        assert "fsdecode" not in str(caught.value)


def test_an_open_file_is_read_from_where_it_stands_and_stays_open(path: Path) -> None:
    path.write_bytes(b"in front" + WAV)
    for buffering in (0, -1):
        with path.open("rb", buffering) as file:
            file.seek(8)
            assert read_wav(file) == PCM
            assert not file.closed
            file.seek(8)
            source = WavSource(file, pace="fast", trailing_silence_ms=0)
            assert b"".join(source) == b"".join(source) != b"", "each iteration from there on"
            assert not file.closed


def test_a_named_pipe_is_read(tmp_path: Path, guard: Guard) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(WAV,))
    writer.start()
    assert read_wav(pipe) == PCM
    guard.join(writer)


def test_a_pipe_is_spoken_as_it_comes_and_once() -> None:
    """Its writer has written only a part when the first chunk is taken."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe, os.fdopen(writing, "wb", 0) as out:
        out.write(WAV[:4844])
        source = WavSource(pipe, pace="fast", trailing_silence_ms=0)
        chunks = iter(source)
        assert next(chunks) == PCM[:960]
        out.write(WAV[4844:])
        out.close()
        assert b"".join(chunks).startswith(PCM[960:])
        with pytest.raises(AudioError, match="only once"):
            next(iter(source))


def test_a_pipe_that_nobody_iterates_is_closed(tmp_path: Path, guard: Guard) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(WAV,))
    writer.start()
    WavSource(pipe).close()  # a warning would fail the test
    guard.join(writer)


def test_a_socket_s_file_is_read(guard: Guard) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, ours.makefile("rb") as file:
        writer = threading.Thread(target=lambda: (theirs.sendall(WAV), theirs.close()))
        writer.start()
        assert read_wav(file) == PCM
        guard.join(writer)


def test_a_file_that_is_not_open_for_bytes(path: Path) -> None:
    for encoding in ("latin-1", "utf-8"):  # one reads everything, the other not this
        with path.open(encoding=encoding) as text, pytest.raises(FormatError, match="gives str"):
            read_wav(text)  # type: ignore[arg-type]

    class NotYet(io.RawIOBase):
        def read(self, size: int = -1) -> None:
            return None

    with pytest.raises(FormatError, match="gives NoneType"):
        read_wav(NotYet())  # type: ignore[arg-type]
    closed = path.open("rb")
    closed.close()
    with pytest.raises(AudioError, match=r"can't read '.*a\.wav': .*closed"):
        read_wav(closed)


@pytest.mark.parametrize("wrong", [None, 5, 3.5, [1, 2], {"path": "a.wav"}, object()])
def test_what_is_no_file_is_refused(wrong: object) -> None:
    for read in (read_wav, WavSource, Sound.from_wav):
        with pytest.raises(FormatError, match=r"is no sound file; give a path"):
            read(wrong)  # type: ignore[operator]


@pytest.mark.parametrize("wrong", ["", "a\0b", "\ud800", "x" * 300, "no/such/file.wav"])
def test_a_path_that_can_not_be_is_an_error_of_ours(wrong: str) -> None:
    for read in (read_wav, WavSource, Sound.from_wav):
        with pytest.raises(AudioError, match=r"can't read '.*check the path"):
            read(wrong)  # type: ignore[operator]


class Failing(io.BytesIO):
    """A file on a medium that fails behind its beginning."""

    def __init__(self, data: bytes, *, at: int = 44) -> None:
        super().__init__(data)
        self.name = "card.wav"
        self._at = at

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() >= self._at:
            raise OSError(errno.EIO, "Input/output error")
        return super().read(size)

    def seek(self, position: int, whence: int = 0) -> int:
        if position > self._at or (whence == 2 and self._at < 12):
            raise OSError(errno.EIO, "Input/output error")
        return super().seek(position, whence)


@pytest.mark.parametrize("at", [0, 20, 44])
def test_a_medium_that_fails_is_an_error_of_ours(at: int) -> None:
    with pytest.raises(AudioError, match=r"can't read 'card\.wav': Input/output error"):
        read_wav(Failing(WAV, at=at))


@pytest.mark.parametrize("module", [gzip, lzma, bz2])
def test_what_another_s_file_raises_is_an_error_of_ours(module: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.wav.packed"
    with module.open(path, "wb") as file:
        file.write(WAV + os.urandom(20_000))
    path.write_bytes(path.read_bytes()[:10_000])
    with module.open(path) as file, pytest.raises(AudioError, match=r"^can't read .*; check that"):
        read_wav(file)


def test_no_permission(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may read everything
    with pytest.raises(AudioError, match=r"a\.wav': Permission denied; check the path"):
        read_wav(path)


def test_reading_ahead_and_skipping() -> None:
    for seekable in (True, False):
        raw = io.BytesIO(bytes(range(100)))
        raw.seekable = lambda: seekable  # type: ignore[method-assign]  # noqa: B023
        file = InputFile(raw)
        assert file.peek(3) == bytes([0, 1, 2])
        assert file.read(2) == bytes([0, 1])
        file.skip(3)
        assert (file.position, file.peek(1)) == (5, b"\5")
        file.skip(0)
        assert file.read(1) == b"\5"
        assert file.remaining == (94 if seekable else None)
        assert file.peek(200) == bytes(range(6, 100))
        file.skip(10**12)
        assert (file.position, file.read(1)) == (100, b"")


def test_a_pipe_can_not_go_back() -> None:
    raw = io.BytesIO(b"abc")
    raw.seekable = lambda: False  # type: ignore[method-assign]
    with pytest.raises(FormatError, match="is a pipe: save it as a file"):
        InputFile(raw).seek(0)


def test_a_whole_file_is_seen_from_its_beginning_and_never_raises() -> None:
    raw = io.BytesIO(b"in front0123456789")
    whole = WholeFile(raw, 8)
    whole.seek(2)
    assert (whole.tell(), whole.read(3)) == (2, b"234")
    whole.seek(1, os.SEEK_CUR)
    assert whole.read(1) == b"6"
    whole.seek(-1, os.SEEK_END)
    assert whole.read(9) == b"9"
    for offset, whence in ((-1, os.SEEK_SET), (-11, os.SEEK_CUR), (-11, os.SEEK_END), (-99, 2)):
        whole.seek(offset, whence)
        assert whole.tell() == 10, "there is no such place"
    raw.close()
    whole.seek(0)
    assert (whole.tell(), whole.read(1)) == (-1, b"")
