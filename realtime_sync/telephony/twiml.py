"""TwiML: what Twilio is to do with a call, as XML text; pure.

Each function makes a whole document of one verb; ``then`` is a document whose verbs follow when it
is done. Source: https://www.twilio.com/docs/voice/twiml
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from xml.etree import ElementTree as ET

from .._net.address import HTTP_PORTS, server_url
from .._required import is_whole, require, require_name, require_text_values
from ..errors import ConfigError

__all__ = [
    "MAX_TWIML_CHARS",
    "check_address",
    "checked_twiml",
    "checked_web_url",
    "dial_twiml",
    "hang_up_twiml",
    "pause_twiml",
    "play_twiml",
    "redirect_twiml",
    "reject_twiml",
    "say_twiml",
    "stream_twiml",
]

MAX_TWIML_CHARS: Final = 4000  # in a request to Twilio; a webhook's answer may have 64 kB
_MAX_PARAMETER_CHARS: Final = 500
_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>'

# ITU-T E.164: a country's code and the number, 15 digits together.
_ADDRESS: Final = re.compile(r"\+[1-9][0-9]{1,14}|sip:[^\s@]+@[^\s@]+|client:\S+")
_STREAM_URL: Final = re.compile(r"wss?://[^\s?#]+")
_NO_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def stream_twiml(
    url: str,
    parameters: Mapping[str, str] | None = None,
    *,
    action: str | None = None,
    then: str | None = None,
) -> str:
    """Connect the call to a program, for `MediaStreams`.

    Example:
        >>> print(stream_twiml("wss://example.com/media", {"language": "English"}))
        <?xml version="1.0" encoding="UTF-8"?><Response><Connect><Stream \
url="wss://example.com/media"><Parameter name="language" value="English" \
/></Stream></Connect></Response>

    Args:
        url: of the WebSocket, ``wss://…`` without a query, which Twilio does not pass on;
            ``ws://`` is for a simulator.
        parameters: what `MediaStreams.start.custom_parameters` is to be; name and value have 500
            characters together at most.
        action: the URL that Twilio asks for TwiML when the program has closed the stream. With it
            ``then`` is not reached.
        then: follows when the program has closed the stream; without both the call ends.

    Raises:
        ConfigError: a value is none of these.
    """
    fits = isinstance(url, str) and _STREAM_URL.fullmatch(url)
    require(
        fits,
        "the url of a stream must be wss://host/path without a query (give parameters instead)",
        url,
        error=ConfigError,
    )
    given = {} if parameters is None else parameters
    require_text_values(given, "parameters", error=ConfigError)
    connect = ET.Element("Connect", _attributes(action=_action(action)))
    stream = ET.SubElement(connect, "Stream", {"url": url})
    for name, value in given.items():
        require(
            len(name) + len(value) <= _MAX_PARAMETER_CHARS,
            f"name and value of a parameter must have {_MAX_PARAMETER_CHARS} characters at most",
            f"{name}={value}",
            error=ConfigError,
        )
        ET.SubElement(stream, "Parameter", {"name": name, "value": value})
    return _document(connect, then)


def say_twiml(
    text: str, *, language: str | None = None, voice: str | None = None, then: str | None = None
) -> str:
    """Have Twilio speak a text.

    Example:
        >>> print(say_twiml("All lines are busy.", then=hang_up_twiml()))
        <?xml version="1.0" encoding="UTF-8"?><Response><Say>All lines are busy.</Say><Hangup \
/></Response>

    Args:
        text: the words.
        language: such as ``"de-DE"``; by default Twilio's, American English.
        voice: the name of one of Twilio's voices.
        then: follows.

    Raises:
        ConfigError: a value is no text, or an empty one.
    """
    require_name(text, "text", error=ConfigError)
    say = ET.Element("Say", _attributes(language=language, voice=voice))
    say.text = text
    return _document(say, then)


def play_twiml(url: str, *, then: str | None = None) -> str:
    """Have Twilio play a sound file.

    Args:
        url: of a WAV or MP3, ``http(s)://…``.
        then: follows.

    Raises:
        ConfigError: a value is none of these.
    """
    play = ET.Element("Play")
    play.text = checked_web_url(url, "url")
    return _document(play, then)


def pause_twiml(seconds: int, *, then: str | None = None) -> str:
    """Wait in silence.

    Args:
        seconds: 1 or more.
        then: follows.

    Raises:
        ConfigError: a value is none of these.
    """
    rule = "the length of a pause must be whole seconds, 1 or more"
    require(is_whole(seconds, 1), rule, seconds, error=ConfigError)
    return _document(ET.Element("Pause", {"length": str(seconds)}), then)


def dial_twiml(
    to: str,
    *,
    caller_id: str | None = None,
    timeout: int | None = None,
    action: str | None = None,
    then: str | None = None,
) -> str:
    """Connect the call with somebody else.

    Example:
        >>> print(dial_twiml("+15550100", timeout=20))
        <?xml version="1.0" encoding="UTF-8"?><Response><Dial \
timeout="20"><Number>+15550100</Number></Dial></Response>

    Args:
        to: a number in E.164 (``"+15550100"``), ``sip:name@host`` or ``client:name``.
        caller_id: what is shown there; by default who calls.
        timeout: how many seconds it may ring; Twilio's default is 30.
        action: the URL that Twilio asks for TwiML when that talk is over. With it ``then`` is not
            reached.
        then: follows when that talk is over, or nobody has answered.

    Raises:
        ConfigError: a value is none of these.
    """
    check_address(to, "to")
    if caller_id is not None:
        check_address(caller_id, "caller_id")
    rule = "the timeout must be whole seconds, 1 or more"
    require(timeout is None or is_whole(timeout, 1), rule, timeout, error=ConfigError)
    attributes = _attributes(
        callerId=caller_id,
        timeout=None if timeout is None else str(timeout),
        action=_action(action),
    )
    dial = ET.Element("Dial", attributes)
    kind, _, name = to.partition(":")
    if kind == "client":
        ET.SubElement(dial, "Client").text = name
    else:
        ET.SubElement(dial, "Sip" if kind == "sip" else "Number").text = to
    return _document(dial, then)


def redirect_twiml(url: str) -> str:
    """Go on with the TwiML of a URL.

    Raises:
        ConfigError: it is no ``http(s)://…``.
    """
    redirect = ET.Element("Redirect")
    redirect.text = checked_web_url(url, "url")
    return _document(redirect, None)


def hang_up_twiml() -> str:
    """End the call."""
    return _document(ET.Element("Hangup"), None)


def reject_twiml(reason: str = "busy") -> str:
    """Refuse an incoming call before it is answered; it costs nothing.

    Args:
        reason: ``"busy"`` or ``"rejected"``: which tone the caller hears.

    Raises:
        ConfigError: it is none of the two.
    """
    fits = reason in ("busy", "rejected")
    require(fits, "the reason must be 'busy' or 'rejected'", reason, error=ConfigError)
    return _document(ET.Element("Reject", {"reason": reason}), None)


def check_address(value: object, what: str) -> None:
    """Refuse what can't be called.

    Args:
        value: a number in E.164, ``sip:name@host`` or ``client:name``.
        what: names it in the error.

    Raises:
        ConfigError: it is none of these.
    """
    require(
        isinstance(value, str) and _ADDRESS.fullmatch(value),
        f"{what} must be a number such as '+15550100', or sip:name@host, or client:name",
        value,
        error=ConfigError,
    )


def checked_twiml(value: object, what: str = "twiml") -> str:
    """Return TwiML that Twilio takes in a request.

    Raises:
        ConfigError: it is no text, no XML, no ``<Response>``, or has more than 4,000 characters.
    """
    text = "" if not isinstance(value, str) else value
    _verbs(text, what, value)
    require(
        len(text) <= MAX_TWIML_CHARS,
        f"{what} must have {MAX_TWIML_CHARS} characters at most (pass a url that answers with it)",
        len(text),
        error=ConfigError,
    )
    return text


def checked_web_url(value: object, what: str) -> str:
    """Return a URL that Twilio can ask; it may hold a user name and a password.

    Raises:
        ConfigError: it is no whole ``http(s)://host/path``.
    """
    require_name(value, what, error=ConfigError)
    url = str(value)
    server_url(url, name=what, ports=HTTP_PORTS, example="https://host/path", login=True)
    return url


def _document(verb: ET.Element, then: str | None) -> str:
    response = ET.Element("Response")
    response.append(verb)
    if then is not None:
        response.extend(_verbs(then, "then", then))
    text = ET.tostring(response, encoding="unicode")
    found = _NO_XML.search(text)
    if found is not None:
        raise ConfigError(f"TwiML can't hold the character {found[0]!r}; leave it out")
    return _DECLARATION + text


def _verbs(twiml: object, what: str, shown: object) -> list[ET.Element]:
    """Return the verbs of a document."""
    root = None
    if isinstance(twiml, str):
        try:
            root = ET.fromstring(twiml)  # noqa: S314 -- the program's own, which it hands to Twilio
        except (ET.ParseError, ValueError):
            root = None
    fits = root is not None and root.tag == "Response"
    require(fits, f"{what} must be TwiML, such as say_twiml('Bye.')", shown, error=ConfigError)
    return [] if root is None else list(root)


def _action(url: str | None) -> str | None:
    return None if url is None else checked_web_url(url, "action")


def _attributes(**values: str | None) -> dict[str, str]:
    for name, value in values.items():
        if value is not None:
            require_name(value, name, error=ConfigError)
    return {name: value for name, value in values.items() if value is not None}
