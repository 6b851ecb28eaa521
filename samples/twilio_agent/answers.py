"""What Twilio is to do with a call next, as TwiML."""

from __future__ import annotations

from realtime_sync.telephony import dial_twiml, hang_up_twiml, say_twiml, stream_twiml

from . import texts
from .settings import Settings

__all__ = ["after", "apology", "talk", "to_machine"]


def talk(settings: Settings, token: str) -> str:
    """Stream the call to this app; at the stream's end it is asked what is `after` that."""
    return stream_twiml(settings.media_url, {"token": token}, action=f"{settings.public_url}/after")


def after(settings: Settings, state: str | None) -> str:
    """Go on when a stream is over.

    Args:
        settings: of the bridge.
        state: of the talk, see `Talks.state`.
    """
    if state in ("announced", "busy"):  # no stream was taken; or the provider took no session
        return apology(settings, texts.BUSY)
    if state == "failed":  # the caller has heard the clip
        return _person(settings)
    if state in ("talking", "cut"):  # its process has died, or its link: nothing was said of that
        return apology(settings, texts.BROKEN)
    return hang_up_twiml()


def apology(settings: Settings, text: str) -> str:
    """Say why nobody talks; then put the caller through to a person, if there is one."""
    return say_twiml(text, then=_person(settings))


def to_machine(settings: Settings) -> str:
    """Leave a message, if there is one."""
    bye = hang_up_twiml()
    return say_twiml(settings.voicemail, then=bye) if settings.voicemail else bye


def _person(settings: Settings) -> str:
    for number in settings.transfer_to.values():
        return dial_twiml(number)
    return hang_up_twiml()
