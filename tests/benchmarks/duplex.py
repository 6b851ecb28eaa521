"""A conversation with the default microphone and speaker, with our audio and with plain PyAudio."""

from __future__ import annotations

import base64
import contextlib
import queue
import threading
from typing import Any

import pyaudio
from clients import Client

from realtime_sync.audio import Microphone, Speaker

__all__ = ["ours", "plain"]

_RATE = 24_000
_FRAMES = 480  # 20 ms


def ours(client: Client) -> float:
    """Use `realtime_sync.audio`; return the milliseconds that were received."""
    received = 0
    with Microphone() as microphone, Speaker() as speaker:

        def speak() -> None:
            with contextlib.suppress(Exception):  # the end of the conversation
                for pcm in microphone:
                    client.append(pcm)

        speaking = threading.Thread(target=speak)
        speaking.start()
        with contextlib.suppress(Exception):
            while True:
                event = client.receive()
                if event.type == "response.output_audio.delta":
                    received += len(event.audio)
                    speaker.write(event.audio, item_id=event.item_id)
        microphone.close()
        speaking.join()
    return received / 48


def plain(client: Client) -> float:
    """Use PyAudio as programs around openai-python do: two callbacks, a queue and a buffer."""
    received = 0
    heard: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    waiting = bytearray()
    lock = threading.Lock()

    def capture(data: bytes, *_: Any) -> tuple[None, int]:
        heard.put(data)
        return None, pyaudio.paContinue

    def play(_data: Any, frames: int, *_: Any) -> tuple[bytes, int]:
        size = frames * 2
        with lock:
            piece = bytes(waiting[:size])
            del waiting[:size]
        return piece + bytes(size - len(piece)), pyaudio.paContinue

    def speak() -> None:
        with contextlib.suppress(Exception):
            while (pcm := heard.get()) is not None:
                client.append(pcm)

    audio = pyaudio.PyAudio()
    options = {
        "format": pyaudio.paInt16,
        "channels": 1,
        "rate": _RATE,
        "frames_per_buffer": _FRAMES,
    }
    microphone = audio.open(input=True, stream_callback=capture, **options)
    speaker = audio.open(output=True, stream_callback=play, **options)
    speaking = threading.Thread(target=speak)
    speaking.start()
    with contextlib.suppress(Exception):
        while True:
            event = client.receive()
            if event.type == "response.output_audio.delta":
                pcm = base64.b64decode(event.delta)
                received += len(pcm)
                with lock:
                    waiting.extend(pcm)
    heard.put(None)
    speaking.join()
    microphone.close()
    speaker.close()
    audio.terminate()
    return received / 48
