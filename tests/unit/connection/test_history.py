"""What of a conversation can be told again."""

from __future__ import annotations

import itertools
import json
from base64 import b64encode
from typing import Any

import pytest

from realtime_sync.connection._history import G711_BYTES_PER_MS, History
from realtime_sync.events import ServerEvent, parse_event

_ids = itertools.count(1)


def event(kind: str, **fields: Any) -> ServerEvent:
    return parse_event(json.dumps({"type": kind, "event_id": f"e{next(_ids)}", **fields}))


def message(item_id: str, role: str, *content: dict[str, Any]) -> dict[str, Any]:
    return {"id": item_id, "type": "message", "role": role, "content": list(content)}


def written(item_id: str, text: str, role: str = "user") -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    return message(item_id, role, {"type": kind, "text": text})


def done(history: History, item: dict[str, Any], previous: str | None = None) -> None:
    for name in ("added", "done"):
        history.receive(event(f"conversation.item.{name}", item=item, previous_item_id=previous))


def spoken(history: History, item_id: str, text: str, *, size: int, pieces: int = 4) -> None:
    """Let the assistant say something, in ``size`` bytes."""
    item = message(item_id, "assistant")
    history.receive(event("conversation.item.added", item=item))
    for _ in range(pieces):
        delta = b64encode(bytes(size // pieces)).decode()
        history.receive_audio(event("response.output_audio.delta", item_id=item_id, delta=delta))
    part = {"type": "output_audio", "transcript": text}
    history.receive(event("conversation.item.done", item=message(item_id, "assistant", part)))


def ids(history: History) -> list[str]:
    return [item["id"] for item in history.replay()[0]]


def texts(history: History) -> list[str]:
    return [item["content"][0]["text"] for item in history.replay()[0]]


def test_messages_by_role() -> None:
    history = History()
    done(history, written("s", "Be kind.", "system"))
    done(history, written("u", "Hello."))
    done(history, written("a", "Hi.", "assistant"), "u")
    items, lost = history.replay()
    assert lost == []
    assert items == [
        written("s", "Be kind.", "system"),
        written("u", "Hello."),
        written("a", "Hi.", "assistant"),
    ]


def test_what_is_not_done_is_not_told() -> None:
    history = History()
    history.receive(event("conversation.item.added", item=written("a", "Hal", "assistant")))
    assert history.replay() == ([], [])


def test_calls_and_outputs_keep_what_can_be_sent() -> None:
    history = History()
    call = {"id": "c", "type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"}
    output = {"id": "o", "type": "function_call_output", "call_id": "1", "output": "fine"}
    done(history, {**call, "status": "completed", "object": "realtime.item"})
    done(history, {**output, "status": "completed"})
    assert history.replay() == ([call, output], [])


def test_speech_is_told_by_its_transcript_whenever_that_came() -> None:
    history = History()
    for item_id in ("before", "after", "never"):
        done(history, message(item_id, "user", {"type": "input_audio", "transcript": None}))
    for item_id in ("before", "after"):
        history.receive(
            event(
                "conversation.item.input_audio_transcription.completed",
                item_id=item_id,
                content_index=0,
                transcript=item_id,
            )
        )
    items, lost = history.replay()
    assert [item["content"] for item in items] == [
        [{"type": "input_text", "text": "before"}],
        [{"type": "input_text", "text": "after"}],
    ]
    assert lost == ["never"]


def test_images_are_kept() -> None:
    history = History()
    image = {"type": "input_image", "image_url": "data:image/png;base64,AA=="}
    done(history, message("u", "user", image, {"type": "input_text", "text": "What is it?"}))
    assert history.replay()[0][0]["content"][0] == image


def test_what_no_client_may_create_is_lost() -> None:
    history = History()
    done(history, {"id": "m", "type": "mcp_call", "name": "x", "arguments": "{}"})
    done(history, {"id": "n", "type": "brand_new"})
    done(history, message("r", "narrator", {"type": "input_text", "text": "x"}))
    assert history.replay() == ([], ["m", "n", "r"])


def test_deleted_items_are_not_told() -> None:
    history = History()
    done(history, written("u", "Hello."))
    history.receive(event("conversation.item.deleted", item_id="u"))
    history.receive(event("conversation.item.deleted", item_id="unknown"))
    # A late event of the response that made it does not bring it back.
    late = event("response.output_item.done", item=written("u", "Hello."), output_index=0)
    history.receive(late)
    assert history.replay() == ([], [])


@pytest.mark.parametrize("front", ["root", None])
def test_order_by_predecessor(front: str | None) -> None:
    history = History()
    done(history, written("1", "one"))
    done(history, written("3", "three"), "1")
    done(history, written("2", "two"), "1")
    done(history, written("0", "zero"), front)
    done(history, written("4", "four"), "of an item that was let go")
    assert ids(history) == ["0", "1", "2", "3", "4"]


def test_order_of_a_server_that_names_no_predecessors() -> None:
    history = History()
    for item_id in "123":
        done(history, written(item_id, item_id))
    assert ids(history) == ["1", "2", "3"]


def test_the_beta_tells_once_and_the_response_completes_it() -> None:
    history = History()
    created = {"item": message("a", "assistant"), "previous_item_id": None}
    history.receive(event("conversation.item.created", **created))
    assert history.replay() == ([], ["a"])
    item = message("a", "assistant", {"type": "audio", "transcript": "Hi."})
    history.receive(event("response.output_item.done", item=item, output_index=0))
    assert texts(history) == ["Hi."]


@pytest.mark.parametrize(
    ("heard_ms", "words"),
    [
        (0, ""),
        (249, ""),
        (250, "one"),
        (500, "one two"),
        (999, "one two three"),
        (1000, "one two three four"),
        (5000, "one two three four"),
    ],
)
def test_of_a_truncated_answer_the_heard_share_is_told(heard_ms: int, words: str) -> None:
    history = History()
    spoken(history, "a", "one two three four", size=48_000)
    history.receive(
        event("conversation.item.truncated", item_id="a", content_index=0, audio_end_ms=heard_ms)
    )
    assert texts(history) == [words]


def test_the_share_is_right_in_g711_and_in_small_pieces() -> None:
    history = History()
    spoken(history, "a", "one two three four", size=8_000, pieces=100)
    history.receive(
        event("conversation.item.truncated", item_id="a", content_index=0, audio_end_ms=500)
    )
    ((item,), _) = history.replay(G711_BYTES_PER_MS)
    assert item["content"][0]["text"] == "one two"


def test_only_what_the_new_session_has_is_kept() -> None:
    history = History()
    for item_id in "123":
        done(history, written(item_id, item_id))
    history.keep({"1", "3"})
    done(history, written("4", "4"), "1")
    assert ids(history) == ["1", "4", "3"]


def test_the_oldest_items_are_let_go() -> None:
    history = History()
    for number in range(2_100):
        history.receive(event("conversation.item.done", item=written(f"i{number}", "x")))
    assert len(ids(history)) == 2_000
    assert ids(history)[0] == "i100"


@pytest.mark.parametrize("item", [None, "text", {"type": "message"}, {"id": 7}])
def test_what_is_no_item_is_passed_over(item: Any) -> None:
    history = History()
    history.receive(event("conversation.item.done", item=item))
    assert history.replay() == ([], [])
