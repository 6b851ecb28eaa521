"""User code over events under ``mypy --strict``: what must pass, and what must be refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from mypy import api

RIGHT = """
from typing_extensions import assert_type

from realtime_sync.events import (
    AssistantMessage, ContentPart, ConversationItemCreate, FunctionCall, Response,
    ResponseCreate, ResponseCreateParams, ResponseDone, ResponseOutputAudioDelta, ServerEvent,
    ServerVad, Session, SessionUpdate, TranscriptionSession,
    TranslationSessionUpdate, UnknownEvent, UserMessage,
    parse_client_event, parse_event,
)
from realtime_sync.events.sessions import RealtimeSessionCreateRequestParam


def by_type(event: ServerEvent) -> str:
    if event.type == "response.done":
        assert_type(event, ResponseDone)
        assert_type(event.response, Response)
        return event.response.status or "none"
    if event.type == "response.output_audio.delta":
        assert_type(event.audio, bytes)
        return event.delta
    if event.type == "error":
        return event.error.message
    if event.type == "session.created" and event.session.type == "realtime":
        assert_type(event.session, Session)
    if isinstance(event, UnknownEvent):
        return str(event.data["type"])
    return event.event_id or ""


def by_match(event: ServerEvent) -> int:
    match event:
        case ResponseDone(response=response):
            return response.usage.total_tokens or 0 if response.usage else 0
        case ResponseOutputAudioDelta():
            return len(event.audio)
        case _:
            return 0


def items(event: ResponseDone) -> list[str]:
    found = []
    for item in event.response.output or []:
        if item.type == "function_call":
            assert_type(item, FunctionCall)
            found.append(item.name)
        elif item.type == "message" and item.role == "assistant":
            assert_type(item, AssistantMessage)
            found.extend(part.transcript or "" for part in item.content)
    return found


session: RealtimeSessionCreateRequestParam = {
    "type": "realtime",
    "audio": {"input": {"turn_detection": None}, "output": {"voice": "marin"}},
}
SessionUpdate(session=session, event_id="event_1")
SessionUpdate(session={"type": "realtime", "instructions": "be brief"})
SessionUpdate(session=Session(instructions="be brief"))
SessionUpdate(session=TranscriptionSession())
SessionUpdate(session=TranslationSessionUpdate())
ConversationItemCreate(item=UserMessage(content=[ContentPart(type="input_text", text="a")]))
ConversationItemCreate(item={"type": "message", "role": "user", "content": []})
ResponseCreate()
ResponseCreate(response={"instructions": "be brief"})
ResponseCreate(response=ResponseCreateParams(conversation="none"))
ServerVad(threshold=0.5)
request = parse_client_event("{}")
if request.type == "input_audio_buffer.append":
    assert_type(request.audio, str)
assert_type(parse_event(b"{}"), ServerEvent)
"""

WRONG = """
from realtime_sync.events import ConversationItemCreate, ResponseCreate, ServerVad, parse_event
from realtime_sync.events.sessions import RealtimeSessionCreateRequestParam

event = parse_event("{}")
event.response  # [union-attr]
if event.type == "response.donne":  # [comparison-overlap]
    pass
if event.type == "response.done":
    event.event_id = "event_1"  # [misc]
ConversationItemCreate()  # [call-arg]
ResponseCreate(response=7)  # [arg-type]
ServerVad(treshold=0.5)  # [call-arg]
session: RealtimeSessionCreateRequestParam = {"type": "realtim"}  # [typeddict-item]
other: RealtimeSessionCreateRequestParam = {"instructions": ""}  # [typeddict-item]
"""


def check(path: Path, code: str, cache: Path) -> list[str]:
    path.write_text(code)
    options = ["--strict", "--no-error-summary", "--config-file=", f"--cache-dir={cache}"]
    limit = sys.getrecursionlimit()
    try:
        found, trouble, _ = api.run([*options, str(path)])
    finally:
        sys.setrecursionlimit(limit)  # mypy raises it for good, and other tests reach it
    assert not trouble
    return [line for line in found.splitlines() if ": error:" in line]


def test_user_code(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    assert pytestconfig.cache is not None
    cache = pytestconfig.cache.mkdir("mypy-events") / f"{sys.version_info[1]}"
    assert check(tmp_path / "right.py", RIGHT, cache) == []
    errors = check(tmp_path / "wrong.py", WRONG, cache)
    lines = WRONG.splitlines()
    expected = {n: line.split("  # ")[1] for n, line in enumerate(lines, 1) if "  # [" in line}
    met = {int(e.split(":")[1]): e[e.rindex("[") :] for e in errors}
    assert met.keys() == expected.keys(), errors
    assert met == expected
