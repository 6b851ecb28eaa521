"""What `realtime-sync doctor` looks at, one thing after the other."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Literal

from attrs import frozen

from .._installation import install_command
from .._version import __version__
from ..audio import Device, Microphone, Speaker, devices, silence
from ..audio.portaudio import portaudio_version, pyaudio_command
from ..clients.local import Local
from ..errors import ConfigError, RealtimeError
from ._wording import in_our_words

__all__ = ["Finding", "run_checks"]

State = Literal["ok", "missing", "optional"]

_OLDEST_PYTHON = (3, 10)
_NEEDED_EXTRAS = ("audio", "cli", "local")
_FOR_DEVELOPERS = ("test",)
_EXTRA = re.compile(r"([\w.-]+).*;.*extra\s*==\s*['\"]([\w-]+)")
_LEAST = re.compile(r">=\s*([\d.]+)")
# What installs something, at the end of a message; a path in it may hold anything.
_INSTALLS = re.compile(r"(.*?): ((?:apt-get|brew|pip) install .*)", re.DOTALL)
_WITHOUT_SOUND = "or do without: realtime-sync talk --input QUESTION.wav --output ANSWER.wav"
_SERVER_SOCKET_S = 5.0
_DRAIN_S = 10.0


@frozen
class Finding:
    """What one look has found.

    Attributes:
        name: what was looked at.
        state: "ok"; "missing": needed, and not there or broken; "optional": not there, which
            only matters to those who want it.
        detail: one line.
        fix: the command that gets it, or what else to do; None when nothing is to be done.
    """

    name: str
    state: State
    detail: str
    fix: str | None = None


def run_checks() -> Iterator[Finding]:
    """Look at everything that a spoken conversation needs; the slowest comes last."""
    yield _python()
    yield Finding("realtime_sync", "ok", __version__)
    yield from _extras()
    portaudio = _portaudio()
    yield portaudio
    if portaudio.state == "ok":
        found = devices()
        yield _sound_server(found)
        yield _microphone(found)
        yield _speaker(found)
    yield _embedded_server()


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] >= _OLDEST_PYTHON:
        return Finding("Python", "ok", version)
    oldest = ".".join(map(str, _OLDEST_PYTHON))
    return Finding(
        "Python", "missing", f"{version} is too old", f"install Python {oldest} or newer"
    )


def _extras() -> Iterator[Finding]:
    """Look for the packages of each extra, as the installed metadata list them."""
    packages: dict[str, list[tuple[str, str]]] = {}
    try:
        requirements = metadata.requires("realtime_sync") or []
    except metadata.PackageNotFoundError:
        fix = install_command(*_NEEDED_EXTRAS)
        yield Finding("extras", "missing", "unknown: these are only realtime_sync's files", fix)
        return
    for requirement in requirements:
        if match := _EXTRA.match(requirement):
            name, extra = match.groups()
            least = _LEAST.search(requirement)
            packages.setdefault(extra, []).append((name, least[1] if least else "0"))
    for extra in sorted(packages.keys() - set(_FOR_DEVELOPERS)):
        yield _extra(extra, packages[extra])


def _extra(extra: str, packages: list[tuple[str, str]]) -> Finding:
    absent = [text for name, least in packages if (text := _lack(name, least))]
    if not absent:
        there = ", ".join(f"{name} {metadata.version(name)}" for name, _ in packages)
        return Finding(f"extra [{extra}]", "ok", there)
    return Finding(
        f"extra [{extra}]",
        "missing" if extra in _NEEDED_EXTRAS else "optional",
        f"not installed: {', '.join(absent)}",
        pyaudio_command() if "pyaudio" in " ".join(absent) else install_command(extra),
    )


def _lack(name: str, least: str) -> str | None:
    """Return what to say of a package that is not there, or too old."""
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return name
    return f"{name} {least} (there is {version})" if _numbers(version) < _numbers(least) else None


def _numbers(version: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", version)]


def _portaudio() -> Finding:
    try:
        return Finding("PortAudio", "ok", portaudio_version())
    except ConfigError as exc:
        return _failed("PortAudio", exc)


def _microphone(found: list[Device]) -> Finding:
    able = [device for device in found if device.input_channels]
    if not able:
        return Finding("microphone", "missing", "none", f"connect one, {_WITHOUT_SOUND}")
    try:
        with Microphone() as microphone:
            next(iter(microphone))
    except RealtimeError as exc:
        return _failed("microphone", exc)
    return Finding(
        "microphone", "ok", _names(able, next((d for d in able if d.default_input), None))
    )


def _speaker(found: list[Device]) -> Finding:
    able = [device for device in found if device.output_channels]
    if not able:
        return Finding("speaker", "missing", "none", f"connect one, {_WITHOUT_SOUND}")
    try:
        with Speaker() as speaker:
            speaker.write(silence(100))
            if not speaker.drain(_DRAIN_S):
                return Finding(
                    "speaker",
                    "missing",
                    "it opens and plays nothing",
                    f"try another, {_WITHOUT_SOUND}",
                )
    except RealtimeError as exc:
        return _failed("speaker", exc)
    return Finding("speaker", "ok", _names(able, next((d for d in able if d.default_output), None)))


def _names(able: list[Device], default: Device | None) -> str:
    name = (default or able[0]).name
    return f"{name!r} works" + (f", of {len(able)} devices" if len(able) > 1 else "")


def _sound_server(found: list[Device]) -> Finding:
    """Look for PulseAudio, or PipeWire in its place: on a desktop all sound goes through it."""
    name = "sound server"
    if not sys.platform.startswith("linux"):
        return Finding(name, "ok", "part of the system")
    address = os.environ.get("PULSE_SERVER", "").rpartition("}")[2]
    if address.startswith(("tcp", "tcp4", "tcp6")):
        return Finding(name, "ok", f"{address}, on another machine: not looked at")
    folder = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    path = address.removeprefix("unix:") or f"{folder}/pulse/native"
    if not _answers(path):
        if found:
            return Finding(name, "optional", "none; the devices work without one")
        start = "systemctl --user start pipewire-pulse, or: pulseaudio --start"
        return Finding(name, "missing", f"nobody answers at {path}", start)
    if not found and not any(Path("/").glob("usr/lib*/*/alsa-lib/libasound_module_pcm_pulse.so")):
        fix = "apt-get install -y --no-install-recommends libasound2-plugins"
        return Finding(name, "missing", "it runs, but ALSA's plugin for it is not installed", fix)
    return Finding(name, "ok", f"it answers at {path}")


def _answers(path: str) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(_SERVER_SOCKET_S)
            link.connect(path)
    except OSError:
        return False
    return True


def _embedded_server() -> Finding:
    try:
        with Local() as client:
            return Finding("embedded server", "ok", f"it starts, and was at {client.url}")
    except RealtimeError as exc:
        return _failed("embedded server", exc)


def _failed(name: str, exc: RealtimeError) -> Finding:
    """Split a message of ours, "what is wrong; what to do" or "what is wrong: the command"."""
    message = in_our_words(str(exc))
    if match := _INSTALLS.fullmatch(message):
        return Finding(name, "missing", match[1], match[2])
    what, mark, remedy = message.partition("; ")
    if not mark:
        what, _, remedy = message.rpartition(": ")
    return Finding(name, "missing", what or remedy, remedy if what else None)
