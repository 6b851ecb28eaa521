"""Chromium without a window, driven by playwright; what its microphone hears is a file."""

from __future__ import annotations

import os
import shutil
import struct
import wave
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from embedded import question, silence
from playwright.sync_api import Browser, Page, Playwright, sync_playwright
from programs import REPOSITORY

__all__ = ["Browsers", "browsers", "check_picture", "needs_chromium", "write_speech"]

_CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(_CHROMIUM is None, reason="no Chromium on this machine")

_FLAGS = [
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
_SPEECH_HZ = 44_100  # as the browser has it without a card: so nothing is resampled
# The file begins when a page asks for the microphone, and is lost until its worklet runs.
_LEAD_MS = 2000


class Browsers:
    """Starts browsers, which end with the block of `browsers`."""

    def __init__(self, driver: Playwright, stack: ExitStack) -> None:
        self._driver = driver
        self._stack = stack

    def start(
        self,
        *,
        speech: Path | None = None,
        fake_microphone: bool = True,
        allowed: bool = True,
        autoplay: bool = True,
        hosts: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Browser:
        """Start a browser.

        Args:
            speech: a WAV file, which the microphone hears once; silence without one.
            fake_microphone: False for the sound card of ``environment``.
            allowed: whether pages get the microphone; the user is never there to be asked.
            autoplay: whether pages may make sound before somebody clicks.
            hosts: the names that lead somewhere, and the addresses; no other name but those of
                this machine does.
            environment: of its process, beside that of this one.
        """
        known = [f"MAP {name} {address}" for name, address in (hosts or {}).items()]
        rules = ", ".join([*known, "MAP * ~NOTFOUND", "EXCLUDE *localhost", "EXCLUDE 127.0.0.1"])
        flags = [*_FLAGS, f"--host-resolver-rules={rules}"]
        if fake_microphone:
            flags.append("--use-fake-device-for-media-stream")
        if speech is not None:
            flags.append(f"--use-file-for-fake-audio-capture={speech.absolute()}%noloop")
        if allowed:
            flags.append("--use-fake-ui-for-media-stream")
        policy = "no-user-gesture-required" if autoplay else "document-user-activation-required"
        flags.append(f"--autoplay-policy={policy}")
        browser = self._driver.chromium.launch(
            executable_path=_CHROMIUM,
            chromium_sandbox=False,  # the pages are ours, and containers often have no namespaces
            args=flags,
            ignore_default_args=None if fake_microphone else ["--mute-audio"],
            env={**os.environ, **(environment or {})},
        )
        self._stack.callback(browser.close)
        return browser


@contextmanager
def browsers() -> Iterator[Browsers]:
    """Drive browsers; all of them have ended behind the block."""
    with sync_playwright() as driver, ExitStack() as stack:
        yield Browsers(driver, stack)


def write_speech(path: Path, said: Sequence[str | int]) -> Path:
    """Write what a microphone is to hear, with the silence before it that a page needs to open.

    Args:
        path: the file.
        said: names of `samples/questions`, and milliseconds of silence.
    """
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_SPEECH_HZ)
        for each in (_LEAD_MS, *said, _LEAD_MS):
            file.writeframes(
                silence(each, hz=_SPEECH_HZ)
                if isinstance(each, int)
                else question(each, hz=_SPEECH_HZ)
            )
    return path


def check_picture(page: Page, name: str) -> None:
    """Check that a page is as large as its picture in docs/images.

    REALTIME_SYNC_SCREENSHOTS=1 takes it anew. What is in it is checked by the test that shows it:
    pixels differ by fonts and versions.
    """
    path = REPOSITORY / "docs" / "images" / f"{name}.png"
    page.evaluate("document.activeElement.blur()")
    png = page.screenshot()
    if os.environ.get("REALTIME_SYNC_SCREENSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(png)
    assert _size_of(path.read_bytes()) == _size_of(png), "REALTIME_SYNC_SCREENSHOTS=1 takes it anew"


def _size_of(png: bytes) -> tuple[int, int]:
    """Return a picture's width and height."""
    assert png.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", png[16:24])
    return width, height
