"""The chunks of a WAV file: its format and its sound, also where a header does not tell the truth.

Sources: "Multimedia Programming Interface and Data Specifications 1.0" for RIFF and WAV, the
documentation of WAVEFORMATEXTENSIBLE, and EBU Tech 3306 / ITU-R BS.2088 for RF64 and BW64.

Sizes are hints here, never promises: nothing is allocated by one, and the file's end ends every
chunk. Writers that can't seek leave a size open, as 0 or as the highest number.
"""

from __future__ import annotations

import struct

from attrs import frozen

from ..errors import FormatError
from ._input_file import InputFile
from .pcm import RATES_HZ

__all__ = ["Riff", "WavFormat"]

_OPEN_SIZE = 0xFFFFFFFF
_FORMAT = struct.Struct("<HHIIH")
_FORMAT_BYTES = 40  # with all that WAVEFORMATEXTENSIBLE adds
_EXTENSIBLE = 0xFFFE
# What follows the tag in the identifiers of sub-formats: usual ones, and those of ambisonic files.
_SUB_FORMATS = (
    bytes.fromhex("000000001000800000aa00389b71"),
    bytes.fromhex("00002107d3118644c8c1ca000000"),
)
_CODINGS = {1: "pcm", 3: "float", 6: "audio/pcma", 7: "audio/pcmu"}
_WIDTHS = {"pcm": range(1, 9), "float": (4, 8), "audio/pcma": (1,), "audio/pcmu": (1,)}
# Writers that forget the byte after a chunk of odd length: one of these stands at its place.
_USUAL_CHUNKS = (b"data", b"fmt ", b"fact", b"LIST", b"JUNK", b"bext", b"id3 ", b"ID3 ", b"cue ")
_REPAIR = "convert it anew from its original, or repair it: ffmpeg -i in.wav out.wav"


@frozen
class WavFormat:
    """How the samples are written.

    Attributes:
        coding: "pcm", "float", "audio/pcma", "audio/pcmu"; or the tag of another coding.
        channels: how many are interleaved.
        rate: frames per second, in Hz.
        width: bytes of a sample. Fewer valid bits are the upper ones, so they don't matter.
    """

    coding: str
    channels: int
    rate: int
    width: int

    @property
    def frame_bytes(self) -> int:
        """The bytes of one sample of every channel."""
        return self.channels * self.width


class Riff:
    """A WAV file that is read from its first frame to its last.

    Args:
        file: stands at the beginning; it is read on by `read`.

    Attributes:
        format: how the samples are written.

    Raises:
        FormatError: the header has no format or no sound, or a format that can't be.
        AudioError: the file can't be read.
    """

    def __init__(self, file: InputFile) -> None:
        self._file = file
        self._has_long_sizes = file.read(12)[:4] != b"RIFF"
        self._long_size = 0  # of the sound, where ds64 tells it
        self._pad = False  # whether a byte may follow the last chunk
        self._left: int | None = 0  # bytes of sound in this chunk; None for all there are
        self.format = self._find()

    def read(self, frames: int) -> bytes:
        """Return up to ``frames`` frames, whole ones; b"" at the end."""
        size = self.format.frame_bytes
        while True:
            wanted = frames * size if self._left is None else min(frames * size, self._left)
            data = self._file.read(wanted)
            if self._left is not None:
                self._left -= len(data)
            whole = len(data) // size * size
            if whole:
                return data[:whole]  # at the end of a chunk, without the rest of a frame
            if self._left is None or len(data) < wanted or not self._find_more():
                return b""

    def _find(self) -> WavFormat:
        """Go to the first frame and return the format, whichever comes first in the file."""
        form: WavFormat | None = None
        sound: tuple[int, int] | None = None
        while form is None or sound is None:
            chunk = self._next_chunk()
            if chunk is None:
                break
            name, size = chunk
            if name == b"data" and sound is None:
                sound = (self._file.position, size)
                if form is None:
                    self._skip(size)
            elif name == b"fmt " and form is None:
                form = self._read_format(size)
            elif name == b"ds64" and self._has_long_sizes:
                self._read_long_size(size)
            else:
                self._skip(size)
        if form is None or sound is None:
            raise self._without("format" if form is None else "sound")
        if self._file.position != sound[0]:
            self._file.seek(sound[0])
        self._begin(sound[1])
        return form

    def _find_more(self) -> bool:
        """Go to a further chunk of sound: some writers close one and begin another."""
        while chunk := self._next_chunk():
            name, size = chunk
            if name == b"data":
                self._begin(size)
                return True
            self._skip(size)
        return False

    def _next_chunk(self) -> tuple[bytes, int] | None:
        head = self._file.peek(9)
        if self._pad and head[:4] not in _USUAL_CHUNKS:
            head = head[1:]
            self._file.skip(1)
        self._pad = False
        if len(head) < 8 or not _is_name(head[:4]):
            return None
        self._file.skip(8)
        return head[:4], int.from_bytes(head[4:8], "little")

    def _skip(self, size: int) -> None:
        self._file.skip(size)
        self._pad = size % 2 == 1

    def _begin(self, size: int) -> None:
        """Take the next ``size`` bytes for sound, or all there are where that is no size."""
        if self._has_long_sizes and size == _OPEN_SIZE and self._long_size:
            size = self._long_size
        self._pad = size % 2 == 1
        self._left = None if self._is_open(size) else size

    def _is_open(self, size: int) -> bool:
        if size == _OPEN_SIZE:
            return True
        if size:
            return False
        # None was written in the end, unless there is nothing, or another chunk.
        head = self._file.peek(8)
        remaining = self._file.remaining
        follows = int.from_bytes(head[4:8], "little") + 8
        is_chunk = _is_name(head[:4]) and (remaining is None or follows <= remaining)
        return bool(head) and not is_chunk

    def _read_long_size(self, size: int) -> None:
        body = self._file.read(min(size, 16))
        self._long_size = int.from_bytes(body[8:16], "little")
        self._skip(size - len(body))
        self._pad = size % 2 == 1

    def _read_format(self, size: int) -> WavFormat:
        body = self._file.read(min(size, _FORMAT_BYTES))
        self._skip(size - len(body))
        self._pad = size % 2 == 1
        if len(body) < _FORMAT.size:
            raise self._wrong("its format is cut off")
        tag, channels, rate, bytes_per_s, frame_bytes = _FORMAT.unpack_from(body)
        bits = int.from_bytes(body[14:16], "little")
        if tag == _EXTENSIBLE and body[26:40] in _SUB_FORMATS:
            tag = int.from_bytes(body[24:26], "little")
        coding = _CODINGS.get(tag, f"0x{tag:04x}")
        if rate not in RATES_HZ:
            raise self._wrong(f"it says {rate} Hz, not {RATES_HZ[0]} to {RATES_HZ[-1]}")
        if channels == 0:
            raise self._wrong("it says 0 channels")
        width = _width(channels, bits, frame_bytes, claimed=bytes_per_s // rate)
        if tag in _CODINGS and width not in _WIDTHS[coding]:
            raise self._wrong(f"it says {bits} bits and {frame_bytes} bytes for {channels} samples")
        return WavFormat(coding, channels, rate, width)

    def _wrong(self, fault: str) -> FormatError:
        return FormatError(
            f"{self._file.name} is a WAV file with a wrong header: {fault}; {_REPAIR}"
        )

    def _without(self, what: str) -> FormatError:
        return FormatError(
            f"{self._file.name} is a WAV file without any {what}: it was cut off, or its header is "
            f"damaged; {_REPAIR}"
        )


def _width(channels: int, bits: int, frame_bytes: int, *, claimed: int) -> int:
    """Return the bytes of a sample; 0 where nothing tells.

    Two of three fields outvote the third: the bits of a sample, the bytes of a frame, and those of
    a second. (24 bits in four bytes are not rare.)
    """
    by_bits = (bits + 7) // 8
    by_frame, rest = divmod(frame_bytes, channels)
    if rest or not by_frame:
        return by_bits
    return by_frame if not bits or claimed == frame_bytes else by_bits


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and name.isascii() and name.decode().isprintable()
