"""The history of a session: what is read from it, and what its changes send."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from realtime_sync.agents.items import AssistantMessageItem, RealtimeToolCallItem, UserMessageItem
from realtime_sync.agents.session_history import SessionHistory
from realtime_sync.conversation.history_item import HistoryItem, HistoryPart
from realtime_sync.errors import UserError


def message(item_id: str, role: str, words: str, **fields: Any) -> HistoryItem:
    kind = "output_audio" if role == "assistant" else "input_audio"
    part = HistoryPart(kind, words)
    return HistoryItem(item_id, "message", "completed", role, (part,), **fields)


def called(kind: str, item_id: str, **fields: Any) -> HistoryItem:
    return HistoryItem(item_id, kind, "completed", call_id="call_1", **fields)


TALK = [
    message("u", "user", "Hello!"),
    called("function_call", "c", name="look", arguments="{}"),
    called("function_call_output", "o", output="seen"),
    message("a", "assistant", "one two three", cut_ms=300),
    message("n", "user", "mhm", ignored=True),
]
HEARD_LATER = {"u": "Hello!", "a": "one two three"}
WORDS = {"u": "Hello!", "a": "one two"}


class Sent:
    """Takes what would go to the server."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def create(self, *, item: dict[str, Any], previous_item_id: Any = "at the end") -> None:
        self.events.append((item["id"], item["type"], previous_item_id))

    def delete(self, *, item_id: str) -> None:
        self.events.append(("delete", item_id))


def history_of(items: list[HistoryItem]) -> tuple[SessionHistory, Sent]:
    sent = Sent()
    store = SimpleNamespace(items={item.id: item for item in items})
    conversation = SimpleNamespace(item=sent, history=store)
    transcript = SimpleNamespace(
        items=items, heard=lambda item_id: WORDS.get(item_id, ""), to_be_heard=HEARD_LATER.get
    )
    connection: Any = SimpleNamespace(conversation=conversation)
    return SessionHistory(transcript, connection, agent_name=lambda: "Desk"), sent  # type: ignore[arg-type]


def test_it_is_read_like_a_list() -> None:
    history, _ = history_of(TALK)
    assert len(history) == 3
    user, call, answer = history
    assert isinstance(user, UserMessageItem)
    assert isinstance(call, RealtimeToolCallItem)
    assert isinstance(answer, AssistantMessageItem)
    assert (call.output, call.status) == ("seen", "completed")
    assert history[-1] == answer
    assert history[1:] == [call, answer]
    assert [item.previous_item_id for item in history] == [None, "u", "c"]
    assert repr(history).startswith("SessionHistory([UserMessageItem(item_id='u'")


def test_what_was_heard() -> None:
    history, _ = history_of(TALK)
    answer = history[-1]
    assert isinstance(answer, AssistantMessageItem)
    assert answer.content[0].model_dump()["transcript"] == "one two three"
    assert answer.heard == history.heard("a") == "one two"
    assert answer.model_dump()["heard"] == "one two"
    assert history.heard("unknown") == ""


def test_a_loop_goes_over_a_snapshot() -> None:
    items = [*TALK]
    history, _ = history_of(items)
    seen = []
    for item in history:
        items.clear()
        seen.append(item.item_id)
    assert seen == ["u", "c", "a"]
    assert list(history) == []


def test_adding() -> None:
    history, sent = history_of(TALK)
    made = history.add("Hello?")
    assert sent.events.pop() == (made, "message", "at the end")
    for after in ("u", "root"):
        assert sent.events == []
        made = history.add({"type": "message", "role": "user", "content": []}, after)
        assert sent.events.pop() == (made, "message", after)


def test_adding_a_call_with_its_output() -> None:
    history, sent = history_of([])
    call = RealtimeToolCallItem(
        item_id="c", call_id="x", status="completed", arguments="{}", name="look", output="seen"
    )
    assert history.add(call, after="u") == "c"
    (first, second) = sent.events
    assert first == ("c", "function_call", "u")
    assert second[1:] == ("function_call_output", "c")
    sent.events.clear()
    history.add(call)
    assert [event[2] for event in sent.events] == ["at the end"] * 2


@pytest.mark.parametrize(
    ("item_id", "gone"), [("u", ["u"]), ("c", ["c", "o"]), ("o", ["o"]), ("unknown", ["unknown"])]
)
def test_deleting(item_id: str, gone: list[str]) -> None:
    history, sent = history_of(TALK)
    history.delete(item_id)
    assert sent.events == [("delete", each) for each in gone]


def test_replacing() -> None:
    history, sent = history_of(TALK)
    answer = history[-1]
    made = history.replace("a", answer.model_copy(update={"content": answer.content}))
    assert made != "a"
    assert sent.events == [(made, "message", "a"), ("delete", "a")]


def test_what_is_no_item_changes_nothing() -> None:
    history, sent = history_of(TALK)
    with pytest.raises(UserError, match="is no item"):
        history.add(7)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="says nothing"):
        history.replace("a", "")
    with pytest.raises(UserError, match="the version None"):
        history.import_history({})
    assert sent.events == []


def test_an_export_is_imported() -> None:
    data = history_of(TALK)[0].export()
    assert (data["version"], data["agent"]) == (1, "Desk")
    content = [{"type": "output_audio", "transcript": "one two three"}]
    assert data["items"][-1]["content"] == content
    history, sent = history_of([])
    history.import_history(data)
    assert [event[0] for event in sent.events] == ["u", "c", "o", "a"]
    assert {event[2] for event in sent.events} == {"at the end"}


def test_what_is_imported_again_changes_nothing() -> None:
    data = history_of(TALK)[0].export()
    history, sent = history_of([])
    history.import_history(data)
    sent.events.clear()
    history.import_history(data)  # nothing of it is confirmed yet
    assert sent.events == []
    history, sent = history_of(TALK)
    history.import_history(data)  # all of it is there
    assert sent.events == []


def test_what_is_there_keeps_its_place_and_the_rest_comes_behind_it() -> None:
    data = history_of(TALK)[0].export()
    history, sent = history_of(TALK[:1])
    history.import_history(data)
    assert [(event[0], event[2]) for event in sent.events] == [("c", "u"), ("o", "c"), ("a", "o")]


def test_what_was_deleted_can_be_imported_again() -> None:
    data = history_of(TALK)[0].export()
    history, sent = history_of([])
    history.import_history(data)
    history.delete("u")
    sent.events.clear()
    history.import_history(data)
    assert [event[0] for event in sent.events] == ["u"]


def test_what_was_confirmed_and_is_gone_can_be_imported_again() -> None:
    data = history_of(TALK)[0].export()
    items: dict[str, Any] = {}
    history, sent = history_of([])
    history._connection.conversation.history.items = items  # type: ignore[misc]
    history.import_history(data)
    items["u"] = TALK[0]
    history.import_history(data)
    del items["u"]
    sent.events.clear()
    history.import_history(data)
    assert [event[0] for event in sent.events] == ["u"]


def test_an_id_that_is_sent_already_is_not_sent_again() -> None:
    history, sent = history_of([])
    item = UserMessageItem.model_validate(
        {"item_id": "u", "content": [{"type": "input_text", "text": "Hello!"}]}
    )
    assert history.add(item) == "u"
    assert history.add(item) != "u"
    assert len({event[0] for event in sent.events}) == 2


def test_what_is_imported_stands_in_front_of_what_is_there() -> None:
    data = history_of(TALK)[0].export()
    history, sent = history_of([message("new", "user", "Hello?")])
    history.import_history(data)
    assert [(event[0], event[2]) for event in sent.events] == [
        ("u", "root"),
        ("c", "u"),
        ("o", "c"),
        ("a", "o"),
    ]
