"""A Distiller session that follows a script, for what runs over one: no socket, no server."""

from __future__ import annotations

import base64
import queue
from collections.abc import Callable, Mapping
from typing import Any

SPEECH_MS = 200


def speech(ms: int = SPEECH_MS, hz: int = 16_000, level: int = 3000) -> bytes:
    """A tone that is easily told from silence: int16 mono, little-endian."""
    sample = level.to_bytes(2, "little", signed=True)
    return sample * (ms * hz // 1000)


def words(role: str, text: str) -> dict[str, Any]:
    return {"type": "response.text.delta", "role": role, "content": text}


def sound(pcm: bytes, **fields: Any) -> dict[str, Any]:
    audio = base64.b64encode(pcm).decode()
    return {"type": "response.audio.delta", "audio": audio, **fields}


def answer(role: str, text: str, pcm: bytes | None) -> list[dict[str, Any]]:
    """What one agent says, without the bounds of the response."""
    said = [words(role, text), {"type": "response.text.done"}]
    if pcm is not None:
        said += [sound(pcm), {"type": "response.audio.done"}]
    return said


def user_said(text: str) -> list[dict[str, Any]]:
    return [
        {"type": "response.audio_transcript.delta", "delta": text},
        {"type": "response.audio_transcript.done", "text": text},
    ]


def response(*said: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "response.created"}, *said, {"type": "response.done"}]


class SessionScript:
    """What the audio loop needs of a session.

    Args:
        vad_enabled: see `DistillerSession`.
        on_call: gets the name of each call and what it got, in the thread that makes it, and may
            have messages said by `tell`.
    """

    def __init__(
        self,
        *,
        vad_enabled: bool = False,
        on_call: Callable[[SessionScript, str, Any], object] = lambda *_: None,
    ) -> None:
        self.vad_enabled = vad_enabled
        self.calls: list[tuple[str, Any]] = []
        self._on_call = on_call
        self._messages: queue.SimpleQueue[Mapping[str, Any] | BaseException | None]
        self._messages = queue.SimpleQueue()

    def tell(self, *messages: Mapping[str, Any] | BaseException) -> None:
        """Have the session say or raise this next."""
        for message in messages:
            self._messages.put(message)

    def poll(self, timeout: float | None = None) -> Mapping[str, Any] | None:
        try:
            message = self._messages.get(timeout != 0, timeout)
        except queue.Empty:
            return None
        if isinstance(message, BaseException):
            raise message
        return message

    def wake(self) -> None:
        self._messages.put(None)

    def _called(self, name: str, value: Any = None) -> None:
        self.calls.append((name, value))
        self._on_call(self, name, value)

    def send_audio_chunk(self, audio: bytes) -> None:
        self._called("audio", audio)

    def send_text_query(self, text: str) -> None:
        self._called("text", text)

    def commit_audio(self) -> None:
        self._called("commit")

    def clear_audio_buffer(self) -> None:
        self._called("clear")

    def cancel_response(self) -> None:
        self._called("cancel")

    def notify_playback_started(self) -> None:
        self._called("started")

    def notify_playback_stopped(self) -> None:
        self._called("stopped")

    def names(self) -> list[str]:
        """The calls in order, with those of one kind in a row as one."""
        names = [name for name, _ in self.calls]
        return [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]
