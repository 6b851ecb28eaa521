"""Callers of `samples/twilio_agent` who say nothing: they are asked, and at last hung up on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from embedded import Server
from guards import Guard
from twilio_bridge import FROM, desk_server, recording
from twilio_phone import CALL_SID, TwilioPhone, answering
from twilio_service import ACCOUNT_SID, AUTH_TOKEN, TwilioService

from realtime_sync import Local
from realtime_sync.telephony import TwilioCalls
from realtime_sync.voice import IdleRule
from samples.twilio_agent import calls, texts
from samples.twilio_agent.settings import Settings
from samples.twilio_agent.store import Store
from samples.twilio_agent.talks import Talks

SOON = 0.05


@pytest.fixture(scope="module")
def desk() -> Iterator[Server]:
    with desk_server() as server:
        yield server


@contextmanager
def called(
    desk: Server, folder: Path, service: TwilioService
) -> Iterator[tuple[TwilioPhone, Talks]]:
    """Have a caller on the line, who says nothing yet."""
    settings = Settings(
        account_sid=ACCOUNT_SID,
        auth_token=AUTH_TOKEN,
        caller_number=FROM,
        public_url="https://phone.example.com",
        calls_token="secret",
        recordings=folder,
    )
    talks = Talks(Store(folder / "calls.db"))
    with TwilioCalls(ACCOUNT_SID, AUTH_TOKEN, api_url=service.api_url, max_retries=0) as twilio:
        it = calls.Calls(
            settings,
            provider=Local(url=desk.url, api_key=desk.key),
            twilio=twilio,
            talks=talks,
        )
        token = talks.announce(CALL_SID, texts.GREETING)
        with (
            answering(it.answer) as url,
            TwilioPhone(url, parameters={"token": token}, call_sid=CALL_SID) as phone,
        ):
            yield phone, talks


def lines(folder: Path) -> list[dict[str, Any]]:
    """Return what is written down of the call."""
    path = folder / f"{CALL_SID}.jsonl"
    text = path.read_text("utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.splitlines() if text.endswith("\n")]


def said(folder: Path) -> list[str]:
    return [line["text"] for line in lines(folder) if line.get("who") == "agent"]


def idle_after(monkeypatch: pytest.MonkeyPatch, **times: float) -> None:
    """Have the bridge's own rule with other times."""
    rule = calls.CONFIG["idle"]
    assert rule == IdleRule(after_s=20, say=texts.STILL_THERE, end_after_s=10)
    monkeypatch.setitem(calls.CONFIG, "idle", IdleRule(say=rule.say, **times))


def test_a_caller_who_says_nothing_is_asked_once_and_hung_up_on(
    desk: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle_after(monkeypatch, after_s=SOON, end_after_s=SOON)
    with TwilioService() as service, called(desk, tmp_path, service) as (phone, talks):
        Guard().wait(phone.ended, "the end of the call")
        assert said(tmp_path) == [texts.GREETING, texts.STILL_THERE]
        assert (lines(tmp_path)[-1]["end"], talks.state(CALL_SID)) == ("hung_up", "hung_up")
        (asked,) = service.requests
    assert asked.form == {"Status": ["completed"]}
    assert len(phone.heard()) > 0


def test_a_caller_who_answers_is_asked_anew_after_the_next_silence(
    desk: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle_after(monkeypatch, after_s=SOON, end_after_s=600)
    with TwilioService() as service, called(desk, tmp_path, service) as (phone, talks):
        Guard().until(lambda: texts.STILL_THERE in said(tmp_path), "the question")
        phone.say(recording("hours"))
        Guard().until(lambda: said(tmp_path).count(texts.STILL_THERE) == 2, "another question")
        assert "nine to five" in said(tmp_path)[-2]
        phone.hang_up()
        Guard().wait(phone.ended, "the end of the call")
        Guard().until(lambda: talks.state(CALL_SID) == "caller", "the end of the talk")
        assert service.requests == []
