"""The only door to PyAudio: one instance per process, quiet, with errors of ours."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal, NoReturn

from attrs import frozen

from .._deadline import Deadline
from .._installation import install_command
from .._threads import join_all, spawn
from ..errors import ConfigError, DeviceError

__all__ = ["Device", "Stream", "devices", "open_stream", "portaudio_version", "pyaudio_command"]

Direction = Literal["input", "output"]
Callback = Callable[[bytes | None, int], bytes | None]
"""Gets the captured bytes (input) and the frame count; returns the bytes to play (output)."""

# Except for Windows PyAudio is built where it is installed.
_BUILDS_PYAUDIO = {
    "linux": "apt-get install -y --no-install-recommends "
    "portaudio19-dev gcc libc6-dev python3-dev && ",
    "darwin": "brew install portaudio && ",
}

_NO_PORTAUDIO = "apt-get install -y --no-install-recommends libportaudio2"

# With a sound server that does not answer: for a stream to close, and for others to let go.
_CLOSE_S = 5.0
_TURN_S = 15.0

_log = logging.getLogger("realtime_sync.audio")

# PortAudio's start, end and device calls are not safe to run side by side. Held across them on
# purpose; no callback ever wants it.
_library_lock = threading.Lock()
_instance: Any = None  # guarded by _library_lock
_users = 0  # guarded by _library_lock


@frozen
class Device:
    """A sound device as PortAudio lists it.

    Attributes:
        index: what ``device=`` takes, along with the name or a part of it; may change when
            devices come and go.
        name: what the system calls it.
        host_api: the sound system it belongs to, such as "ALSA".
        input_channels: 0 for a device that can't record.
        output_channels: 0 for a device that can't play.
        rate: its own sample rate in Hz.
        default_input: whether it records when no device is named.
        default_output: whether it plays when no device is named.
    """

    index: int
    name: str
    host_api: str
    input_channels: int
    output_channels: int
    rate: int
    default_input: bool = False
    default_output: bool = False


class Stream:
    """An open callback stream; made by `open_stream`."""

    def __init__(self, raw: Any, *, rate: int, channels: int, latency_s: float) -> None:
        self.rate = rate
        self.channels = channels
        self.latency_s = latency_s
        self._raw = raw
        # Guards _raw's end: PortAudio must not be asked about a stream that it is freeing.
        self._end_lock = threading.Lock()
        self._closed = False

    def start(self) -> None:
        """Let the callback be called.

        Raises:
            DeviceError: the device refuses.
        """
        try:
            with _library():
                self._raw.start_stream()
        except OSError as exc:
            _raise_device_error(exc, "start the stream")

    @property
    def active(self) -> bool:
        """Whether the callback is still called; PortAudio ends it when the device goes away."""
        with self._end_lock:
            try:
                return not self._closed and bool(self._raw.is_active())
            except OSError:
                return False

    def close(self) -> None:
        """Stop and close. Waits for a callback that is under way: hold no lock that it wants."""
        with self._end_lock:
            self._closed = True
        # On a thread of its own, because a sound server that is frozen holds it up for as long.
        closer = spawn(self._free, name="device-close")
        if not join_all([closer], Deadline(_CLOSE_S)):
            _log.warning("the sound system does not answer; a stream is left behind half closed")

    def _free(self) -> None:
        with _library_lock:
            with suppress(OSError):  # the device went away by itself
                self._raw.close()
            _release_locked()


def portaudio_version() -> str:
    """Return what PortAudio calls itself.

    Raises:
        ConfigError: PyAudio is not installed.
    """
    return str(_pyaudio().get_portaudio_version_text())


def pyaudio_command() -> str:
    """Return the command for a shell that installs PyAudio, and before it what builds it."""
    return _BUILDS_PYAUDIO.get(sys.platform, "") + install_command("audio")


def devices() -> list[Device]:
    """Return the sound devices of this machine, an empty list when it has none.

    Raises:
        ConfigError: PyAudio is not installed; the message has the command.
        DeviceError: the sound system can't be started.
    """
    audio = _acquire()
    try:
        return _devices_of(audio)
    finally:
        _release()


def open_stream(
    direction: Direction,
    *,
    device: int | str | None,
    rate: int,
    frames_per_buffer: Callable[[int], int],
    callback: Callback,
) -> Stream:
    """Open a stream, not started yet, at ``rate`` or else at the device's own rate.

    Args:
        direction: "input" or "output".
        device: index, name, part of a name, or None for the system's default.
        rate: the wanted rate in Hz; see `Stream.rate` for the one it became.
        frames_per_buffer: gets the rate it became, returns the frames of one callback.
        callback: called on PortAudio's thread. Must not raise, wait or do I/O.

    Raises:
        ConfigError: PyAudio is not installed.
        DeviceError: there is no such device, it is busy, or it takes no format of ours.
    """
    audio = _acquire()
    try:
        found = _choose(_devices_of(audio), direction, device)
        real_rate, real_channels = _format(audio, direction, found, rate)
        raw = _open(
            audio,
            direction,
            found,
            real_rate,
            real_channels,
            frames_per_buffer(real_rate),
            callback,
        )
    except BaseException:
        _release()
        raise
    latency = raw.get_input_latency() if direction == "input" else raw.get_output_latency()
    return Stream(raw, rate=real_rate, channels=real_channels, latency_s=latency)


def _open(
    audio: Any,
    direction: Direction,
    device: Device,
    rate: int,
    channels: int,
    frames: int,
    callback: Callback,
) -> Any:
    import pyaudio

    go_on = pyaudio.paContinue

    def adapt(data: bytes | None, count: int, _time: object, _status: int) -> tuple[Any, int]:
        return callback(data, count), go_on

    try:
        with _library():
            return audio.open(
                rate=rate,
                channels=channels,
                format=pyaudio.paInt16,
                frames_per_buffer=frames,
                start=False,
                stream_callback=adapt,
                **{direction: True, f"{direction}_device_index": device.index},
            )
    except (OSError, ValueError) as exc:
        _raise_device_error(exc, f"open {device.name!r} for {direction}")


def _format(audio: Any, direction: Direction, device: Device, rate: int) -> tuple[int, int]:
    """Return rate and channels: the wanted rate and mono if the device can, else its own."""
    channels = min(2, getattr(device, f"{direction}_channels"))
    choices = [(hz, count) for hz in (rate, device.rate) for count in (1, channels)]
    for hz, count in choices:
        if _supports(audio, direction, device, hz, count):
            return hz, count
    return choices[-1]  # opening it says why not


def _supports(audio: Any, direction: Direction, device: Device, rate: int, channels: int) -> bool:
    import pyaudio

    try:
        with _library():
            return bool(
                audio.is_format_supported(
                    rate,
                    **{
                        f"{direction}_device": device.index,
                        f"{direction}_channels": channels,
                        f"{direction}_format": pyaudio.paInt16,
                    },
                )
            )
    except ValueError:
        return False


def _choose(listed: list[Device], direction: Direction, wanted: int | str | None) -> Device:
    able = [d for d in listed if getattr(d, f"{direction}_channels")]
    word = "microphone" if direction == "input" else "speaker"
    if not able:
        raise DeviceError(
            f"this machine has no {word}: connect one, or use a file (WavSource, WavSink)"
        )
    if wanted is None:
        return next((d for d in able if getattr(d, f"default_{direction}")), able[0])
    if isinstance(wanted, str):
        exact = [d for d in able if d.name == wanted]
        matches = exact or [d for d in able if wanted.casefold() in d.name.casefold()]
    else:
        matches = [d for d in able if d.index == wanted]
    if matches:
        return matches[0]
    names = ", ".join(f"{d.index} {d.name!r}" for d in able)
    raise DeviceError(f"no {word} is called {wanted!r}; choose one of: {names}")


def _devices_of(audio: Any) -> list[Device]:
    with _library():
        infos = [audio.get_device_info_by_index(i) for i in range(audio.get_device_count())]
        defaults = {
            "input": _default_index(audio.get_default_input_device_info),
            "output": _default_index(audio.get_default_output_device_info),
        }
        apis = {i: audio.get_host_api_info_by_index(i) for i in {d["hostApi"] for d in infos}}
    return [
        Device(
            index=int(info["index"]),
            name=str(info["name"]),
            host_api=str(apis[info["hostApi"]]["name"]),
            input_channels=int(info["maxInputChannels"]),
            output_channels=int(info["maxOutputChannels"]),
            rate=int(info["defaultSampleRate"]),
            default_input=info["index"] == defaults["input"],
            default_output=info["index"] == defaults["output"],
        )
        for info in infos
    ]


def _default_index(ask: Callable[[], Any]) -> int | None:
    try:
        return int(ask()["index"])
    except OSError:  # there is none
        return None


def _acquire() -> Any:
    global _instance, _users
    pyaudio = _pyaudio()
    with _library():
        if _instance is None:
            _silence_the_backends()
            try:
                _instance = pyaudio.PyAudio()
            except OSError as exc:
                _raise_device_error(exc, "start the sound system")
        _users += 1
        return _instance


def _pyaudio() -> Any:
    try:
        import pyaudio
    except ModuleNotFoundError as exc:
        raise ConfigError(
            f"the sound card needs PyAudio, which is not installed: {pyaudio_command()}"
        ) from exc
    except ImportError as exc:  # it is there, what it is linked to is not
        raise ConfigError(f"PyAudio does not load ({exc}): {_NO_PORTAUDIO}") from exc
    return pyaudio


@contextmanager
def _library() -> Iterator[None]:
    """Have PortAudio alone.

    Raises:
        DeviceError: somebody has it who waits in vain for a sound server that is frozen.
    """
    if not _library_lock.acquire(timeout=_TURN_S):
        raise DeviceError(
            f"the sound system has not answered for {_TURN_S:g} s; restart the sound server"
        )
    try:
        yield
    finally:
        _library_lock.release()


def _release() -> None:
    with _library():
        _release_locked()


def _release_locked() -> None:
    global _instance, _users
    _users -= 1
    if not _users:
        _instance.terminate()
        _instance = None


def _silence_the_backends() -> None:
    """Keep ALSA and JACK from printing some 65 lines about devices that are not there.

    Their error handlers become a libc function that ignores its arguments: no Python on an audio
    thread, and the process's stderr stays as it is.
    """
    if not sys.platform.startswith("linux"):
        return
    os.environ.setdefault("JACK_NO_START_SERVER", "1")
    nothing = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p)
    for library, setters in (
        ("libasound.so.2", ("snd_lib_error_set_handler",)),
        ("libjack.so.0", ("jack_set_error_function", "jack_set_info_function")),
    ):
        try:
            loaded = ctypes.CDLL(library)
        except OSError:
            continue
        for setter in setters:
            getattr(loaded, setter)(nothing)


def _raise_device_error(exc: Exception, what: str) -> NoReturn:
    detail = str(exc.args[0]) if len(exc.args) == 1 else str(exc.args[-1])
    if detail == "Unanticipated host error":  # all that PortAudio has for a sound server's refusal
        detail = "the sound system refused it"
    raise DeviceError(
        f"can't {what}: {detail.strip() or 'unknown reason'}; check that it is connected and that "
        "no other program has it"
    ) from exc
