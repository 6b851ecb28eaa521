"""Telephone calls: of Twilio's and Asterisk's as sources and sinks, and SIP calls for agents.

The names resolve on first use, so that importing the package loads nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _lazy

if TYPE_CHECKING:
    from ._socket_door import SocketLike
    from .audio_socket import AudioSocket
    from .audio_socket_server import AudioSocketServer
    from .dtmf import dtmf_tones
    from .media_streams import MediaStreams
    from .phone_call import CallStats, PhoneCall
    from .phone_sink import PhoneSink
    from .phone_source import PhoneSource
    from .sip_call import Refer, Reject, SipCall, SipEnd
    from .sip_calls import SipCalls
    from .sip_tools import hang_up_tool, refer_tool
    from .twilio_messages import StreamStart

_HOME = {
    "AudioSocket": "audio_socket",
    "AudioSocketServer": "audio_socket_server",
    "CallStats": "phone_call",
    "MediaStreams": "media_streams",
    "PhoneCall": "phone_call",
    "PhoneSink": "phone_sink",
    "PhoneSource": "phone_source",
    "Refer": "sip_call",
    "Reject": "sip_call",
    "SipCall": "sip_call",
    "SipCalls": "sip_calls",
    "SipEnd": "sip_call",
    "SocketLike": "_socket_door",
    "StreamStart": "twilio_messages",
    "dtmf_tones": "dtmf",
    "hang_up_tool": "sip_tools",
    "refer_tool": "sip_tools",
}

__all__ = [
    "AudioSocket",
    "AudioSocketServer",
    "CallStats",
    "MediaStreams",
    "PhoneCall",
    "PhoneSink",
    "PhoneSource",
    "Refer",
    "Reject",
    "SipCall",
    "SipCalls",
    "SipEnd",
    "SocketLike",
    "StreamStart",
    "dtmf_tones",
    "hang_up_tool",
    "refer_tool",
]

__getattr__, __dir__ = _lazy.resolver(__name__, _HOME)
