"""Items as values: what is read of the wire, merged, and shared out."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync.conversation.history_item import (
    HistoryItem,
    HistoryPart,
    create_form,
    heard,
    merged,
    read,
    sound,
)

FAMILY = "👨\u200d👩\u200d👧"
ACCENT = "e\u0301"


def known(wire: dict[str, Any], *, done: bool = False) -> HistoryItem:
    item = read({"id": "i", **wire}, done=done)
    assert item is not None
    return item


@pytest.mark.parametrize("wire", [None, "x", [], {}, {"id": 5}, {"id": ""}, {"id": {}}])
def test_what_is_nobodys_item(wire: Any) -> None:
    assert read(wire, done=True) is None


@pytest.mark.parametrize(
    ("said", "done", "content", "status"),
    [
        ("completed", False, [], "completed"),
        ("incomplete", True, [], "incomplete"),
        ("in_progress", False, [{"text": "x"}], "in_progress"),
        ("in_progress", True, [], "completed"),
        (None, False, [], "in_progress"),
        (None, False, [{"text": "x"}], "completed"),
        (None, False, [{"image_url": "data:,"}], "completed"),
        (None, True, [], "completed"),
        ({}, False, [{"text": "x"}], "in_progress"),
        ("brand new", True, [], "completed"),
    ],
)
def test_the_status(said: Any, done: bool, content: list[Any], status: str) -> None:
    item = known({"role": "user", "content": content, "status": said}, done=done)
    assert item.status == status


def test_the_type_is_a_message_where_none_is_said() -> None:
    assert known({"role": "user"}).type == "message"
    assert known({"type": None}).type == ""


def test_the_newer_is_right_where_it_says_something() -> None:
    older = known({"role": "user", "content": [{"type": "input_text", "text": "a"}, {"text": "b"}]})
    newer = known({"role": "assistant", "content": [{"type": "output_text"}, {"text": "c"}]})
    both = merged(older, newer)
    assert both.role == "assistant"
    assert both.parts == (HistoryPart("output_text", "a"), HistoryPart("", "c"))


@pytest.mark.parametrize(
    ("older", "newer", "arguments"),
    [(None, "", ""), ("", None, ""), ("{}", "", "{}"), ("{}", "[]", "[]"), (None, None, None)],
)
def test_arguments_are_not_lost(older: Any, newer: Any, arguments: str | None) -> None:
    both = merged(known({"arguments": older}), known({"arguments": newer}))
    assert both.arguments == arguments


def test_an_event_that_comes_late_takes_nothing_back() -> None:
    whole = known({"role": "user", "content": [{"text": "Hello."}]}, done=True)
    late = known({"role": "user", "content": [{"text": "Hel"}], "status": "in_progress"})
    assert merged(whole, late).status == "completed"
    assert merged(whole, late).parts[0].text == "Hello."


@pytest.mark.parametrize(
    ("words", "heard_ms", "share"),
    [
        ("one two three four", 499, "one"),
        ("one two three four", 500, "one two"),
        ("one two", 999, "one"),
        ("one two three four", None, "one two three four"),
        ("one two three four", 1000, "one two three four"),
        ("今日はいい天気です。", 500, "今日はいい"),
        ("今日はいい天気です。", 599, "今日はいい"),
        ("今日はいい天気です。", 600, "今日はいい天"),
        ("今日はいい天気です。", 0, ""),
        ("สวัสดี", 500, "สวั"),
        ("สวัสดี", 400, "ส"),  # the vowel sign goes with its consonant
        (ACCENT * 2, 250, ""),
        (ACCENT * 2, 500, ACCENT),
        (ACCENT * 2, 750, ACCENT),
        (f"a{FAMILY}b", 700, "a"),
        (f"a{FAMILY}b", 860, f"a{FAMILY}"),
        ("a👍🏽b", 500, "a"),
        ("a\ud83d\ude00b", 500, "a"),
        ("", 0, ""),
    ],
)
def test_the_share_that_was_heard(words: str, heard_ms: int | None, share: str) -> None:
    assert heard(words, heard_ms, 1000) == share


def test_of_no_audio_all_was_heard() -> None:
    assert heard("one", 0, 0) == "one"


@pytest.mark.parametrize(
    ("words", "text"),
    [("plain", "plain"), ("é", "é"), ("\ud83d\ude00", "😀"), ("a\ud83d", "a\ufffd"), ("😀", "😀")],
)
def test_half_an_emoji_can_not_be_sent(words: str, text: str) -> None:
    assert sound(words) == text
    item = known({"role": "user", "content": [{"type": "input_text", "text": words}]}, done=True)
    form = create_form(item, None, 0)
    assert form is not None
    assert form["content"][0]["text"] == text


def test_an_id_that_can_not_be_sent_can_not_be_restored() -> None:
    content = [{"type": "input_text", "text": "x"}]
    item = known({"id": "\ud83d", "role": "user", "content": content}, done=True)
    assert create_form(item, None, 0) is None


def test_an_image_keeps_its_detail() -> None:
    image = {"type": "input_image", "image_url": "data:,", "detail": "low"}
    item = known({"role": "user", "content": [{**image, "new": 1}]}, done=True)
    form = create_form(item, None, 0)
    assert form is not None
    assert form["content"] == [image]
