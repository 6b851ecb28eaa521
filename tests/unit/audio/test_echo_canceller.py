"""WebRTC's canceller: the echo goes, the voice stays."""

from __future__ import annotations

import builtins
import re

import numpy as np
import pytest
from embedded import question

from realtime_sync._installation import install_command
from realtime_sync.audio import EchoCanceller, level_dbfs
from realtime_sync.errors import ConfigError, FormatError


def converse(canceller: EchoCanceller, heard: np.ndarray, played: np.ndarray, hz: int) -> bytes:
    size = hz // 50
    return b"".join(
        canceller.process(heard[at : at + size].tobytes(), played[at : at + size].tobytes())
        for at in range(0, len(played) - size + 1, size)
    )


def delayed(samples: np.ndarray, count: int) -> np.ndarray:
    return np.concatenate((np.zeros(count, "<i2"), samples))[: len(samples)]


@pytest.mark.parametrize("hz", [16_000, 24_000, 48_000])
def test_the_echo_is_taken_out(hz: int) -> None:
    played = np.frombuffer(question("story", hz=hz) * 3, "<i2")
    echo = (delayed(played, hz * 60 // 1000) * 0.316).astype("<i2")
    cleaned = converse(EchoCanceller(rate=hz), echo, played, hz)
    half = len(cleaned) // 4 * 2
    removed = level_dbfs(echo[half // 2 :]) - level_dbfs(cleaned[half:])
    print(f"{removed:.0f} dB of the echo are gone at {hz} Hz")
    assert removed > 20
    assert len(echo) * 2 - len(cleaned) < 2 * hz // 10  # held back, not lost


def test_a_voice_passes_while_nothing_plays() -> None:
    voice = np.frombuffer(question("story"), "<i2")
    cleaned = converse(EchoCanceller(), voice, np.zeros_like(voice), 24_000)
    assert level_dbfs(cleaned) == pytest.approx(level_dbfs(voice), abs=3)


def test_a_known_delay_is_given_to_it() -> None:
    played = np.frombuffer(question("story") * 3, "<i2")
    echo = (delayed(played, 24 * 400) * 0.316).astype("<i2")
    cleaned = converse(EchoCanceller(delay_ms=350), echo, played, 24_000)
    half = len(cleaned) // 4 * 2
    assert level_dbfs(echo[half // 2 :]) - level_dbfs(cleaned[half:]) > 20


def test_what_is_wrong_is_refused() -> None:
    with pytest.raises(ConfigError, match="delay_ms=501"):
        EchoCanceller(delay_ms=501)
    with pytest.raises(ConfigError, match="rate=7"):
        EchoCanceller(rate=7)
    with pytest.raises(FormatError, match="4 bytes were heard while 2 were played"):
        EchoCanceller().process(bytes(4), bytes(2))


def test_without_its_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def hide(name: str, *args: object, **more: object) -> object:
        if name == "pywebrtc_audio":
            raise ImportError(name)
        return real(name, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", hide)
    with pytest.raises(ConfigError, match=re.escape(install_command("aec"))):
        EchoCanceller()
