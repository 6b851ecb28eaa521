"""Which sound devices there are."""

from __future__ import annotations

from ._portaudio import Device, list_devices

__all__ = ["Device", "devices"]


def devices() -> list[Device]:
    """Return the sound devices of this machine, an empty list when it has none.

    Raises:
        ConfigError: PyAudio is not installed; the message has the command.
        DeviceError: the sound system can't be started.
    """
    return list_devices()
