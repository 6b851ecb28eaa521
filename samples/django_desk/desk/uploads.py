"""Recordings that visitors upload: how large, how long and of what kind they may be."""

from __future__ import annotations

import io
import wave
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload

from realtime_sync import FormatError
from realtime_sync.audio import WavSource

from .dialogue import RATE_HZ

TAKEN = "WAV, FLAC, Ogg and MP3"
_CHUNK_MS = 100
TOO_LARGE = "desk.too_large"  # in `request.META`


class BoundedUpload(FileUploadHandler):
    """Stops an upload that is too large as soon as it is, before it fills the disk."""

    _received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Hand a piece on to the next handler, while all pieces are small enough."""
        self._received += len(raw_data)
        if self._received > settings.DESK_MAX_BYTES:
            assert self.request is not None
            self.request.META[TOO_LARGE] = True
            # The rest is read and thrown away: a browser reads no answer while it still sends.
            raise StopUpload(connection_reset=False)
        return raw_data

    def file_complete(self, file_size: int) -> Any:
        """Leave the file to the next handler."""
        return None


def too_large() -> str:
    """Return what is told of a file that is too large."""
    return f"The file is too large: {settings.DESK_MAX_BYTES // 2**20} MB are taken."


def read_recording(file: UploadedFile[bytes]) -> bytes:
    """Return a recording as PCM16, mono, 24 kHz.

    Raises:
        ValidationError: it is too large or too long, of another kind, damaged or empty; a sentence.
    """
    name = file.name or "The file"
    if file.size is not None and file.size > settings.DESK_MAX_BYTES:
        raise ValidationError(too_large())
    data = file.read()
    if not _is_taken(data[:12]):
        raise ValidationError(
            f"{name} is {_foreign(data[:12])}, which is not taken. Taken are {TAKEN}."
        )
    try:
        pcm = _decode(data, name)
    except FormatError as error:
        raise ValidationError(
            f"{name} can't be read: it is damaged, or has another kind of sound inside. "
            f"Record or convert it again; taken are {TAKEN}."
        ) from error
    if not pcm:
        raise ValidationError(f"There is no sound in {name}. Record it again.")
    return pcm


def wav_file(pcm: bytes) -> bytes:
    """Return PCM16 at 24 kHz, mono, as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        writer.writeframes(pcm)
    return file.getvalue()


def seconds(pcm: bytes) -> float:
    """Return how long PCM16 at 24 kHz, mono, plays."""
    return len(pcm) / 2 / RATE_HZ


def _decode(data: bytes, name: str) -> bytes:
    """Read piece by piece: a small file may hold hours of silence."""
    most = 2 * RATE_HZ * settings.DESK_MAX_SECONDS
    pcm = bytearray()
    with WavSource(
        data, rate=RATE_HZ, chunk_ms=_CHUNK_MS, pace="fast", trailing_silence_ms=0
    ) as source:
        for chunk in source:
            pcm += chunk
            if len(pcm) > most:
                raise ValidationError(
                    f"{name} is too long: {settings.DESK_MAX_SECONDS} seconds are taken."
                )
    return bytes(pcm)


def _is_taken(head: bytes) -> bool:
    """Whether a file begins like one of the kinds that are taken."""
    if head[:4] in (b"RIFF", b"RF64"):
        return head[8:12] == b"WAVE"
    if head.startswith((b"fLaC", b"OggS", b"ID3")):
        return True
    # A frame of MP3 without a tag before it; where the layer's two bits are 0 it is AAC.
    return head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xE0 == 0xE0 and bool(head[1] & 0x06)


def _foreign(head: bytes) -> str:
    if head[4:8] == b"ftyp":
        return "an M4A or MP4 file"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "a WebM file"
    return "no sound file of a known kind"
