"""TwiML: the documents mean what those of Twilio's own package mean; wrong values are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.twiml.voice_response import VoiceResponse

from realtime_sync.errors import ConfigError
from realtime_sync.telephony import (
    dial_twiml,
    hang_up_twiml,
    pause_twiml,
    play_twiml,
    redirect_twiml,
    reject_twiml,
    say_twiml,
    stream_twiml,
)
from realtime_sync.telephony.twiml import checked_twiml

MEDIA = "wss://example.com/media"
AFTER = "https://example.com/after?a=1&b=2"


def meaning(twiml: str) -> str:
    return ET.canonicalize(twiml)


def theirs(build: Callable[[VoiceResponse], object]) -> str:
    response = VoiceResponse()
    build(response)
    return meaning(str(response))


def connect(response: VoiceResponse, **options: Any) -> None:
    stream = response.connect(**options).stream(url=MEDIA)
    stream.parameter(name='a"<&>', value="ü\n'")


def dial(response: VoiceResponse, kind: str, to: str, **options: Any) -> None:
    getattr(response.dial(**options), kind)(to)


@pytest.mark.parametrize(
    ("ours", "build"),
    [
        (stream_twiml(MEDIA, {'a"<&>': "ü\n'"}), connect),
        (stream_twiml(MEDIA, {'a"<&>': "ü\n'"}, action=AFTER), lambda r: connect(r, action=AFTER)),
        (stream_twiml(MEDIA), lambda r: r.connect().stream(url=MEDIA)),
        (stream_twiml("ws://localhost:80/m"), lambda r: r.connect().stream(url="ws://localhost:80/m")),
        (say_twiml("Fish & <chips>"), lambda r: r.say("Fish & <chips>")),
        (
            say_twiml("Hallo", language="de-DE", voice="Polly.Vicki"),
            lambda r: r.say("Hallo", language="de-DE", voice="Polly.Vicki"),
        ),
        (play_twiml(AFTER), lambda r: r.play(AFTER)),
        (pause_twiml(2), lambda r: r.pause(length=2)),
        (dial_twiml("+15550100"), lambda r: dial(r, "number", "+15550100")),
        (dial_twiml("sip:a@example.com"), lambda r: dial(r, "sip", "sip:a@example.com")),
        (dial_twiml("client:joe"), lambda r: dial(r, "client", "joe")),
        (
            dial_twiml("+15550100", caller_id="+15550199", timeout=20, action=AFTER),
            lambda r: dial(
                r, "number", "+15550100", caller_id="+15550199", timeout=20, action=AFTER
            ),
        ),
        (redirect_twiml(AFTER), lambda r: r.redirect(AFTER)),
        (hang_up_twiml(), lambda r: r.hangup()),
        (reject_twiml(), lambda r: r.reject(reason="busy")),
        (reject_twiml("rejected"), lambda r: r.reject(reason="rejected")),
    ],
)  # fmt: skip
def test_each_document_is_that_of_twilios_package(
    ours: str, build: Callable[[VoiceResponse], object]
) -> None:
    assert meaning(ours) == theirs(build)


def test_what_follows_comes_behind() -> None:
    end = dial_twiml("+15550100", then=play_twiml(AFTER, then=pause_twiml(1, then=hang_up_twiml())))
    whole = stream_twiml(MEDIA, then=say_twiml("Sorry.", then=end))
    verbs = [verb.tag for verb in ET.fromstring(whole)]
    assert verbs == ["Connect", "Say", "Dial", "Play", "Pause", "Hangup"]
    assert whole.startswith('<?xml version="1.0" encoding="UTF-8"?><Response>')
    assert say_twiml("Hi", then="<Response/>") == say_twiml("Hi")


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn"))))
def test_every_text_arrives(text: str) -> None:
    if not text.strip():
        return
    said = ET.fromstring(say_twiml(text)).findtext("Say")
    assert said == text
    parameter = ET.fromstring(stream_twiml(MEDIA, {"n": text[:400]})).find(".//Parameter")
    assert parameter is not None
    assert parameter.get("value") == text[:400]


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: stream_twiml("https://example.com/media"), "must be wss://host/path"),
        (lambda: stream_twiml("wss://example.com/media?a=1"), "give parameters instead"),
        (lambda: stream_twiml("wss://example.com/#a"), "give parameters instead"),
        (lambda: stream_twiml(None), "must be wss://host/path"),
        (lambda: stream_twiml(MEDIA, {"a": 1}), "parameters must be a dictionary of texts"),
        (lambda: stream_twiml(MEDIA, [("a", "b")]), "parameters must be a dictionary of texts"),
        (lambda: stream_twiml(MEDIA, {"a": "x" * 500}), "500 characters at most"),
        (lambda: stream_twiml(MEDIA, action="/after"), "action has the scheme ''"),
        (lambda: stream_twiml(MEDIA, then="Sorry."), "then must be TwiML"),
        (lambda: stream_twiml(MEDIA, then="<Say>Sorry.</Say>"), "then must be TwiML"),
        (lambda: say_twiml(""), "text must be a text with something in it"),
        (lambda: say_twiml(None), "text must be a text with something in it"),
        (lambda: say_twiml("a\x00b"), r"can't hold the character '\\x00'"),
        (lambda: say_twiml("a\uffff"), r"can't hold the character '\\uffff'"),
        (lambda: say_twiml("Hi", language=7), "language must be a text"),
        (lambda: play_twiml("clip.wav"), "url has the scheme ''"),
        (lambda: play_twiml(None), "url must be a text"),
        (lambda: pause_twiml(0), "whole seconds, 1 or more, not 0"),
        (lambda: pause_twiml(1.5), "whole seconds"),
        (lambda: dial_twiml("0100"), r"to must be a number such as '\+15550100'.*not '0100'"),
        (lambda: dial_twiml("+0155501"), "to must be a number"),
        (lambda: dial_twiml("+1234567890123456"), "to must be a number"),
        (lambda: dial_twiml("+15550100\n"), "to must be a number"),
        (lambda: dial_twiml("sip:a b@c"), "to must be a number"),
        (lambda: dial_twiml("client:"), "to must be a number"),
        (lambda: dial_twiml("tel:+15550100"), "to must be a number"),
        (lambda: dial_twiml(None), "to must be a number"),
        (lambda: dial_twiml("+15550100", caller_id="me"), "caller_id must be a number"),
        (lambda: dial_twiml("+15550100", timeout=0), "the timeout must be whole seconds"),
        (lambda: dial_twiml("+15550100", action="ftp://a/b"), "action has the scheme 'ftp'"),
        (lambda: redirect_twiml("/x"), "url has the scheme ''"),
        (lambda: reject_twiml("rude"), "must be 'busy' or 'rejected', not 'rude'"),
    ],
)
def test_wrong_values(make: Callable[[], str], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        make()


def test_bounds() -> None:
    assert dial_twiml("+123456789012345", timeout=1)
    assert dial_twiml("+12")
    assert pause_twiml(1)
    assert stream_twiml(MEDIA, {"a": "x" * 499})


def test_twiml_of_a_request() -> None:
    largest = say_twiml("x" * (4000 - len(say_twiml("x")) + 1))
    assert len(largest) == 4000
    assert checked_twiml(largest) == largest
    with pytest.raises(ConfigError, match=r"4000 characters at most .*, not 4001"):
        checked_twiml(largest.replace("<Say>x", "<Say>xx"))
    for none in ("", "Hello", "<Say>Hi</Say>", "<Response>", None, b"<Response/>", 7):
        with pytest.raises(ConfigError, match="twiml must be TwiML, such as"):
            checked_twiml(none)
