"""Telephone calls: of Twilio's and Asterisk's as sources and sinks, and SIP calls for agents.

And what a program beside Twilio's calls needs: its signatures, its TwiML, and its REST API.

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
    from .goodbye import Goodbye
    from .media_streams import MediaStreams
    from .phone_call import CallStats, PhoneCall
    from .phone_sink import PhoneSink
    from .phone_source import PhoneSource
    from .sip_call import Refer, Reject, SipCall, SipEnd
    from .sip_calls import SipCalls
    from .sip_tools import hang_up_tool, refer_tool
    from .twilio_calls import TwilioCall, TwilioCalls
    from .twilio_messages import StreamStart
    from .twilio_signature import SignedRequest, TwilioSignature
    from .twiml import (
        dial_twiml,
        hang_up_twiml,
        pause_twiml,
        play_twiml,
        redirect_twiml,
        reject_twiml,
        say_twiml,
        stream_twiml,
    )

_HOME = {
    "AudioSocket": "audio_socket",
    "AudioSocketServer": "audio_socket_server",
    "CallStats": "phone_call",
    "Goodbye": "goodbye",
    "MediaStreams": "media_streams",
    "PhoneCall": "phone_call",
    "PhoneSink": "phone_sink",
    "PhoneSource": "phone_source",
    "Refer": "sip_call",
    "Reject": "sip_call",
    "SipCall": "sip_call",
    "SipCalls": "sip_calls",
    "SipEnd": "sip_call",
    "SignedRequest": "twilio_signature",
    "SocketLike": "_socket_door",
    "StreamStart": "twilio_messages",
    "TwilioCall": "twilio_calls",
    "TwilioCalls": "twilio_calls",
    "TwilioSignature": "twilio_signature",
    "dial_twiml": "twiml",
    "dtmf_tones": "dtmf",
    "hang_up_tool": "sip_tools",
    "hang_up_twiml": "twiml",
    "pause_twiml": "twiml",
    "play_twiml": "twiml",
    "redirect_twiml": "twiml",
    "refer_tool": "sip_tools",
    "reject_twiml": "twiml",
    "say_twiml": "twiml",
    "stream_twiml": "twiml",
}

__all__ = [
    "AudioSocket",
    "AudioSocketServer",
    "CallStats",
    "Goodbye",
    "MediaStreams",
    "PhoneCall",
    "PhoneSink",
    "PhoneSource",
    "Refer",
    "Reject",
    "SignedRequest",
    "SipCall",
    "SipCalls",
    "SipEnd",
    "SocketLike",
    "StreamStart",
    "TwilioCall",
    "TwilioCalls",
    "TwilioSignature",
    "dial_twiml",
    "dtmf_tones",
    "hang_up_tool",
    "hang_up_twiml",
    "pause_twiml",
    "play_twiml",
    "redirect_twiml",
    "refer_tool",
    "reject_twiml",
    "say_twiml",
    "stream_twiml",
]

__getattr__, __dir__ = _lazy.resolver(__name__, _HOME)
