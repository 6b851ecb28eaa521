"""Items that a program gives: what is sent of them, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync.agents.item_forms import create_forms
from realtime_sync.agents.items import (
    AssistantAudio,
    AssistantMessageItem,
    AssistantText,
    InputAudio,
    InputImage,
    InputText,
    RealtimeToolCallItem,
    SystemMessageItem,
    UserMessageItem,
)
from realtime_sync.errors import UserError


def forms_of(item: Any, *taken: str) -> list[dict[str, Any]]:
    return create_forms(item, taken.__contains__)


def call(**fields: Any) -> RealtimeToolCallItem:
    given = {"call_id": "call_1", "status": "completed", "arguments": "{}", "name": "look"}
    return RealtimeToolCallItem(**{"item_id": "c", **given, **fields})


def test_a_text_is_the_users() -> None:
    (form,) = forms_of("Hello!")
    item_id = form.pop("id")
    assert item_id.startswith("item_")
    assert len(item_id) <= 32  # the most that OpenAI takes
    content = [{"type": "input_text", "text": "Hello!"}]
    assert form == {"type": "message", "role": "user", "content": content}
    assert forms_of("Hello!")[0]["id"] != item_id


@pytest.mark.parametrize(
    ("item", "content"),
    [
        (
            SystemMessageItem(item_id="i", content=[InputText(text="Be brief.")]),
            [{"type": "input_text", "text": "Be brief."}],
        ),
        (
            UserMessageItem(
                item_id="i",
                content=[
                    InputText(text="Look:"),
                    InputImage(image_url="data:image/png;base64,AA==", detail="low"),
                    InputImage(image_url="https://example.com/a.png"),
                    InputAudio(transcript="What is it?"),
                    InputAudio(audio="AAAA", transcript="What is it?"),
                    InputAudio(),
                    InputText(text=""),
                ],
            ),
            [
                {"type": "input_text", "text": "Look:"},
                {
                    "type": "input_image",
                    "image_url": "data:image/png;base64,AA==",
                    "detail": "low",
                },
                {"type": "input_image", "image_url": "https://example.com/a.png"},
                {"type": "input_text", "text": "What is it?"},
                {"type": "input_audio", "audio": "AAAA"},
            ],
        ),
        (
            AssistantMessageItem(
                item_id="i",
                status="incomplete",
                content=[AssistantText(text="A cat."), AssistantAudio(audio="AA", transcript="Or")],
                heard="A cat.",
            ),
            [{"type": "output_text", "text": "A cat."}, {"type": "output_text", "text": "Or"}],
        ),
    ],
)
def test_messages(item: Any, content: list[Any]) -> None:
    expected = {"id": "i", "type": "message", "role": item.role, "content": content}
    assert forms_of(item) == [expected]


def test_a_call() -> None:
    fields = {"call_id": "call_1", "name": "look", "arguments": "{}"}
    assert forms_of(call()) == [{"id": "c", "type": "function_call", **fields}]
    first, second = forms_of(call(output="seen"))
    assert first["type"] == "function_call"
    assert second.pop("id").startswith("item_")
    assert second == {"type": "function_call_output", "call_id": "call_1", "output": "seen"}


def test_the_protocols_form_passes_through() -> None:
    item = {"id": "i", "type": "mcp_approval_response", "approval_request_id": "r", "approve": True}
    assert forms_of(item) == [item]
    message = {"type": "message", "role": "user", "content": []}
    assert forms_of(message)[0].items() > message.items()
    assert "id" not in message


def test_an_id_that_is_taken_is_replaced() -> None:
    message = {"type": "message", "role": "user", "content": []}
    assert forms_of({"id": "i", **message}, "j")[0]["id"] == "i"
    for item in ({"id": "i", **message}, {"id": "", **message}, {"id": 7, **message}):
        assert forms_of(item, "i")[0]["id"].startswith("item_")


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (7, "7 is no item"),
        (None, "None is no item"),
        ({}, "an example"),
        ({"type": "message"}, "an example"),
        ({"type": 7}, "an example"),
        ("", "says nothing"),
        (UserMessageItem(item_id="i", content=[InputAudio()]), "says nothing"),
        (call(call_id=None), "without a call_id and a name"),
        (call(name=""), "without a call_id and a name"),
    ],
)
def test_what_is_no_item(item: Any, why: str) -> None:
    with pytest.raises(UserError, match=why):
        forms_of(item)
