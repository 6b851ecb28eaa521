"""Sound: capture, playback, formats and files.

Audio between the parts is PCM16: int16 samples, mono, little-endian, as bytes. A *source* iterates
such bytes at a known ``rate``; a *sink* plays them and tells how far it has come.

The names resolve on first use, so that importing the package loads neither NumPy nor PyAudio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _lazy

if TYPE_CHECKING:
    from .base import Sink, SinkWrapper, Source, SourceWrapper
    from .echo_canceller import EchoCanceller
    from .echo_gate import EchoGate
    from .g711 import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw
    from .microphone import Microphone
    from .pcm import from_pcm16, level_dbfs, mix_down, silence, to_pcm16
    from .portaudio import Device, devices
    from .recorder import StereoRecorder
    from .resample import Resampler
    from .sound import Sound
    from .speaker import Speaker, play
    from .vad import Vad
    from .virtual import VirtualMicrophone, VirtualSpeaker
    from .wav import WavSink, WavSource, read_wav, write_wav

_HOME = {
    "Device": "portaudio",
    "EchoCanceller": "echo_canceller",
    "EchoGate": "echo_gate",
    "Microphone": "microphone",
    "Resampler": "resample",
    "Sink": "base",
    "SinkWrapper": "base",
    "Sound": "sound",
    "Source": "base",
    "SourceWrapper": "base",
    "Speaker": "speaker",
    "StereoRecorder": "recorder",
    "Vad": "vad",
    "VirtualMicrophone": "virtual",
    "VirtualSpeaker": "virtual",
    "WavSink": "wav",
    "WavSource": "wav",
    "decode_alaw": "g711",
    "decode_ulaw": "g711",
    "devices": "portaudio",
    "encode_alaw": "g711",
    "encode_ulaw": "g711",
    "from_pcm16": "pcm",
    "level_dbfs": "pcm",
    "mix_down": "pcm",
    "play": "speaker",
    "read_wav": "wav",
    "silence": "pcm",
    "to_pcm16": "pcm",
    "write_wav": "wav",
}

__all__ = [
    "Device",
    "EchoCanceller",
    "EchoGate",
    "Microphone",
    "Resampler",
    "Sink",
    "SinkWrapper",
    "Sound",
    "Source",
    "SourceWrapper",
    "Speaker",
    "StereoRecorder",
    "Vad",
    "VirtualMicrophone",
    "VirtualSpeaker",
    "WavSink",
    "WavSource",
    "decode_alaw",
    "decode_ulaw",
    "devices",
    "encode_alaw",
    "encode_ulaw",
    "from_pcm16",
    "level_dbfs",
    "mix_down",
    "play",
    "read_wav",
    "silence",
    "to_pcm16",
    "write_wav",
]

__getattr__, __dir__ = _lazy.resolver(__name__, _HOME)
