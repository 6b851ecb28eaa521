"""What an update of the session has in it."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from realtime_sync.agents.sent_session import SentSession


def session(instructions: str = "Be brief.", voice: Any = "ash") -> dict[str, Any]:
    output = {"speed": 1.0} if voice is None else {"speed": 1.0, "voice": voice}
    return {"type": "realtime", "instructions": instructions, "audio": {"output": output}}


def test_only_what_differs_is_sent() -> None:
    sent = SentSession(session(), lambda: False)
    assert sent.replaced(session("Be kind.")) == {"type": "realtime", "instructions": "Be kind."}
    assert sent.replaced(session("Be kind.")) == {}
    assert sent.changed({"instructions": "Be brief."})["instructions"] == "Be brief."


def test_a_voice_is_changed_before_anything_was_said() -> None:
    sent = SentSession(session(), lambda: False)
    assert sent.replaced(session(voice="marin")) == {
        "type": "realtime",
        "audio": {"output": {"voice": "marin"}},
    }


def test_a_session_that_has_spoken_keeps_its_voice(caplog: pytest.LogCaptureFixture) -> None:
    sent = SentSession(session(), lambda: True)
    with caplog.at_level(logging.INFO, "realtime_sync.agents.sent_session"):
        update = sent.replaced(session("Be kind.", voice="marin"))
    assert update == {"type": "realtime", "instructions": "Be kind."}
    assert "keeps its voice 'ash' instead of 'marin'" in caplog.text
    assert sent.changed({"audio": {"output": {"voice": "cedar", "speed": 1.2}}}) == {
        "type": "realtime",
        "audio": {"output": {"speed": 1.2}},
    }


def test_nothing_is_logged_about_the_same_voice(caplog: pytest.LogCaptureFixture) -> None:
    sent = SentSession(session(), lambda: True)
    with caplog.at_level(logging.INFO, "realtime_sync.agents.sent_session"):
        sent.replaced(session("Be kind."))
    assert caplog.text == ""


@pytest.mark.parametrize("first", ["ash", None])
def test_the_voice_is_sent_with_the_next_session(first: str | None) -> None:
    sent = SentSession(session(voice=first), lambda: True)
    assert sent.replaced(session(voice="marin")) == {}
    assert sent.replaced(session("Be kind.", voice="marin"))["instructions"] == "Be kind."
    sent.reported(session("Be kind."))
    assert sent.link_made_anew() == {"type": "realtime", "audio": {"output": {"voice": "marin"}}}
    sent.reported(session("Be kind.", voice="marin"))
    assert sent.link_made_anew() == {}


def test_what_the_server_has_not_reported_is_sent_once_more() -> None:
    sent = SentSession(session(), lambda: False)
    assert sent.link_made_anew() == session(), "nothing was reported yet"
    sent.reported(session())
    assert sent.link_made_anew() == {}
    sent.changed({"instructions": "Be kind."})
    sent.changed({"tools": [{"type": "function", "name": "look_up"}]})
    sent.reported(session())  # of an update before
    lost = sent.link_made_anew()
    assert (lost["instructions"], lost["tools"][0]["name"]) == ("Be kind.", "look_up")
    sent.reported({**session("Be kind."), "tools": []})
    assert sent.link_made_anew() == lost, "its tools are not there"
    sent.reported({**session("Be kind."), "tools": [{"name": "look_up", "type": "function"}]})
    assert sent.link_made_anew() == {}
