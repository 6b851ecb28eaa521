"""The items of a conversation: how they are learnt, told again, and shown to programs."""

from __future__ import annotations

import itertools
import json
import random
from base64 import b64encode
from typing import Any

import pytest

from realtime_sync.conversation.history import (
    FOLLOWED,
    G711_BYTES_PER_S,
    VIEWED,
    History,
    HistoryView,
)
from realtime_sync.events import Reconnected, ServerEvent, parse_event

_ids = itertools.count(1)


def event(kind: str, **fields: Any) -> ServerEvent:
    return parse_event(json.dumps({"type": kind, "event_id": f"e{next(_ids)}", **fields}))


def message(item_id: str, role: str, *content: dict[str, Any]) -> dict[str, Any]:
    return {"id": item_id, "type": "message", "role": role, "content": list(content)}


def written(item_id: str, text: str, role: str = "user") -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    return message(item_id, role, {"type": kind, "text": text})


ABSENT = object()


def tell(
    history: History, name: str, item: Any, previous: Any = ABSENT, *, hidden: bool = False
) -> None:
    """Tell of an item, by the last word of the event's type."""
    where = {} if previous is ABSENT else {"previous_item_id": previous}
    assert history.receive(event(f"conversation.item.{name}", item=item, **where)) is hidden


def done(history: History, item: dict[str, Any], previous: Any = None) -> None:
    for name in ("added", "done"):
        tell(history, name, item, previous)


def respond(history: History, name: str, response_id: str = "r", **fields: Any) -> None:
    """Tell of a response, or of an item of one, by the end of the event's type."""
    if name in ("created", "done"):
        fields = {"response": {"id": response_id, **fields}}
    else:
        fields["response_id"] = response_id
    history.receive(event(f"response.{name}", **fields))


def transcribed(history: History, item_id: str, transcript: Any, **where: Any) -> None:
    where.setdefault("content_index", 0)
    name = "conversation.item.input_audio_transcription.completed"
    history.receive(event(name, item_id=item_id, transcript=transcript, **where))


def truncated(history: History, item_id: str, ms: Any) -> None:
    cut = {"item_id": item_id, "content_index": 0, "audio_end_ms": ms}
    history.receive(event("conversation.item.truncated", **cut))


def sounds(history: History, item_id: str, size: int) -> None:
    delta = b64encode(bytes(size)).decode()
    history.receive_audio(event("response.output_audio.delta", item_id=item_id, delta=delta))


def spoken(history: History, item_id: str, text: str, *, size: int, pieces: int = 4) -> None:
    """Let the assistant say something, in ``size`` bytes."""
    tell(history, "added", message(item_id, "assistant"))
    for _ in range(pieces):
        sounds(history, item_id, size // pieces)
    part = {"type": "output_audio", "transcript": text}
    tell(history, "done", message(item_id, "assistant", part))


def new_history(*out_of_band: str) -> History:
    return History(is_out_of_band=lambda response_id: response_id in out_of_band)


def ids(history: History) -> list[str]:
    return [item["id"] for item in history.replay()[0]]


def texts(history: History) -> list[str]:
    return [item["content"][0]["text"] for item in history.replay()[0]]


def test_messages_by_role() -> None:
    history = new_history()
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


def test_calls_and_outputs_keep_what_can_be_sent() -> None:
    history = new_history()
    call = {"id": "c", "type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"}
    output = {"id": "o", "type": "function_call_output", "call_id": "1", "output": "fine"}
    done(history, {**call, "status": "completed", "object": "realtime.item"})
    done(history, {**output, "status": "completed"})
    assert history.replay() == ([call, output], [])


def test_speech_is_told_by_its_transcript_whenever_that_came() -> None:
    history = new_history()
    for item_id in ("before", "after", "never"):
        done(history, message(item_id, "user", {"type": "input_audio", "transcript": None}))
    for item_id in ("before", "after"):
        transcribed(history, item_id, item_id)
    transcribed(history, "never", None)
    items, lost = history.replay()
    assert [item["content"] for item in items] == [
        [{"type": "input_text", "text": "before"}],
        [{"type": "input_text", "text": "after"}],
    ]
    assert lost == ["never"]


def test_images_are_kept() -> None:
    history = new_history()
    image = {"type": "input_image", "image_url": "data:image/png;base64,AA=="}
    done(history, message("u", "user", image, {"type": "input_text", "text": "What is it?"}))
    assert history.replay()[0][0]["content"][0] == image


def test_what_no_client_may_create_is_lost() -> None:
    history = new_history()
    done(history, {"id": "m", "type": "mcp_call", "name": "x", "arguments": "{}"})
    done(history, {"id": "n", "type": "brand_new"})
    done(history, message("r", "narrator", {"type": "input_text", "text": "x"}))
    assert history.replay() == ([], ["m", "n", "r"])


@pytest.mark.parametrize(
    "item",
    [
        {"type": "function_call", "call_id": "1", "name": "f"},
        {"type": "function_call", "call_id": "1", "arguments": "{}"},
        {"type": "function_call", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": 1, "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": None},
        {"type": "function_call_output", "call_id": "1", "output": {"deep": 1}},
        {"type": "function_call_output", "output": "fine"},
        {"type": ["message"], "role": "user", "content": [{"type": "input_text", "text": "x"}]},
        {"type": "message", "role": {}, "content": [{"type": "input_text", "text": "x"}]},
        {"type": "message", "role": "user", "content": "x"},
        {"type": "message", "role": "user", "content": [None, 5, {"text": 7}]},
        {"type": "message", "role": "user", "content": [{"type": "input_image"}]},
    ],
)
def test_an_item_that_is_odd_or_incomplete_is_lost_by_name(item: dict[str, Any]) -> None:
    history = new_history()
    done(history, {"id": "odd", **item})
    done(history, written("good", "x"))
    assert ids(history) == ["good"]
    assert history.replay()[1] == ["odd"]


def test_a_call_whose_arguments_are_still_coming_is_lost() -> None:
    history = new_history()
    call = {"id": "c", "type": "function_call", "call_id": "1", "name": "f"}
    tell(history, "added", {**call, "arguments": "", "status": "in_progress"})
    assert history.replay() == ([], ["c"])
    tell(history, "done", {**call, "arguments": "", "status": "completed"})
    assert history.replay() == ([{**call, "arguments": ""}], [])


# -- ways of telling -------------------------------------------------------------------------------


def test_added_alone_is_enough() -> None:
    history = new_history()
    tell(history, "added", written("u", "Hello."))
    tell(
        history, "added", {"id": "o", "type": "function_call_output", "call_id": "1", "output": ""}
    )
    assert ids(history) == ["u", "o"]


def test_items_that_only_a_response_tells_of() -> None:
    history = new_history()
    tell(history, "created", written("u", "Hello."))
    respond(history, "output_item.added", item=message("a", "assistant"), output_index=0)
    assert history.replay()[1] == ["a"], "no word of it has come"
    item = written("a", "Hi.", "assistant")
    respond(history, "output_item.done", item=item, output_index=0)
    respond(history, "done", output=[item, written("b", "And?", "assistant"), None, 5])
    assert ids(history) == ["u", "a", "b"]
    assert texts(history) == ["Hello.", "Hi.", "And?"]


@pytest.mark.parametrize("output", [None, "x", {}, [[]], [{"id": {}}]])
def test_a_response_with_an_odd_output_brings_nothing(output: Any) -> None:
    history = new_history()
    respond(history, "done", output=output)
    history.receive(event("response.done", response=output))
    assert history.replay() == ([], [])


def test_what_a_new_session_has_more_is_complete() -> None:
    history = new_history()
    history.receive(event("conversation.item.added", item=written("1", "x")))
    history.reconnected(
        Reconnected(
            code=1006, attempts=1, lost=[], lost_items=["1"], new_items=[message("2", "user")]
        )
    )
    assert [(item.id, item.status) for item in history.items.values()] == [("2", "completed")]


def test_what_is_told_again_with_less_in_it_loses_nothing() -> None:
    history = new_history()
    done(history, written("a", "Hi.", "assistant"))
    respond(history, "done", output=[message("a", "assistant")])
    tell(history, "added", {**message("a", "assistant"), "status": "in_progress"})
    assert history.replay() == ([written("a", "Hi.", "assistant")], [])


def test_words_of_the_user_that_are_told_after_their_transcript() -> None:
    history = new_history()
    item = message("u", "user", {"type": "input_audio", "transcript": "the first"})
    done(history, item)
    transcribed(history, "u", "the better")
    tell(history, "done", {**item, "content": [{"type": "input_audio", "transcript": None}]})
    assert texts(history) == ["the better"]
    tell(history, "done", item)
    assert texts(history) == ["the first"]


def any_telling(rng: random.Random) -> ServerEvent:
    """Return an event about one of two items, in one of a few forms, so that many repeat."""
    item_id = rng.choice("ab")
    part = {"type": rng.choice(("input_audio", "output_audio")), "transcript": rng.choice("xy")}
    item = message(item_id, "user", *rng.choice(([], [part], [{}, part])))
    if status := rng.choice((None, "in_progress", "completed", "incomplete")):
        item["status"] = status
    kind = rng.choice(
        ("added", "done", "output_item.added", "output_item.done", "response", "heard", "deleted")
    )
    where = {} if rng.random() < 0.5 else {"previous_item_id": rng.choice((None, "a", "b"))}
    match kind:
        case "added" | "done":
            return event(f"conversation.item.{kind}", item=item, **where)
        case "response":
            return event("response.done", response={"id": "r", "output": [item, item]})
        case "heard":
            name = "conversation.item.input_audio_transcription.completed"
            return event(name, item_id=item_id, content_index=0, transcript=rng.choice("xyz"))
        case "deleted":
            return event("conversation.item.deleted", item_id=item_id)
    return event(f"response.{kind}", response_id="r", output_index=0, item=item)


def test_an_item_that_comes_in_the_same_form_again_is_as_if_it_was_read_again() -> None:
    rng = random.Random(6)
    for _ in range(300):
        quick, slow = new_history(), new_history()
        for telling in [any_telling(rng) for _ in range(12)]:
            slow._told.clear()
            quick.receive(telling)
            slow.receive(telling)
            assert list(quick.items.values()) == list(slow.items.values())
        assert quick._unplaced == slow._unplaced


def test_forms_in_which_items_came_are_kept_for_one_response() -> None:
    history = new_history()
    for number in range(20):
        done(history, written(f"i{number}", "x"))
    assert len(history._told) == 8
    respond(history, "done", output=[])
    assert history._told == {}


def test_out_of_band_items_are_not_in_the_conversation() -> None:
    history = new_history("apart")
    for response_id in ("apart", "inside"):
        item = written(f"{response_id}_1", "x", "assistant")
        respond(history, "output_item.added", response_id, item=item, output_index=0)
        respond(history, "output_item.done", response_id, item=item, output_index=0)
    respond(history, "done", "apart", output=[written("apart_1", "x")])
    respond(history, "done", "other", output=[written("other_1", "x", "assistant")])
    assert ids(history) == ["inside_1", "other_1"]


def test_speech_that_only_its_transcript_tells_of() -> None:
    history = new_history()
    transcribed(history, "u", "Hello.")
    failed = "conversation.item.input_audio_transcription.failed"
    history.receive(event(failed, item_id="v", content_index=0, error={}))
    history.receive(event(failed, item_id=["v"], content_index=0, error=None))
    assert history.replay() == ([written("u", "Hello.")], ["v"])


@pytest.mark.parametrize(
    ("index", "words"), [(0, "x"), (None, "x"), ("0", "x"), (-1, None), (64, None), (10**400, None)]
)
def test_an_odd_content_index(index: Any, words: str | None) -> None:
    history = new_history()
    done(history, message("u", "user", {"type": "input_audio"}))
    transcribed(history, "u", "x", content_index=index)
    assert texts(history) == ([] if words is None else [words])


def test_deleted_items_are_gone_until_they_are_made_anew() -> None:
    history = new_history()
    spoken(history, "a", "one two", size=48_000)
    history.receive(event("conversation.item.deleted", item_id="a"))
    history.receive(event("conversation.item.deleted", item_id="unknown"))
    # Late events of the response that made it, of its sound and its words do not bring it back.
    item = written("a", "one two", "assistant")
    respond(history, "output_item.done", item=item, output_index=0)
    respond(history, "done", output=[item])
    tell(history, "done", item)
    transcribed(history, "a", "one two")
    truncated(history, "a", 10)
    sounds(history, "a", 100)
    assert history.replay() == ([], [])
    tell(history, "added", item)
    assert ids(history) == ["a"]


@pytest.mark.parametrize("item_id", [None, 7, [], {"a": 1}, ""])
def test_ids_that_are_no_texts(item_id: Any) -> None:
    history = new_history()
    done(history, written("u", "x"))
    done(history, {**written("u", "x"), "id": item_id}, previous=[])
    history.receive(event("conversation.item.deleted", item_id=item_id))
    transcribed(history, item_id, "x")
    truncated(history, item_id, 1)
    history.receive_audio(event("response.output_audio.delta", item_id=item_id, delta="AAAA"))
    respond(history, "output_item.done", item_id, item=written("a", "x"), output_index=0)
    assert ids(history) == ["u", "a"]


# -- order -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("front", ["root", None])
def test_order_by_predecessor(front: str | None) -> None:
    history = new_history()
    done(history, written("1", "one"))
    done(history, written("3", "three"), "1")
    done(history, written("2", "two"), "1")
    done(history, written("0", "zero"), front)
    done(history, written("4", "four"), "of an item that was let go")
    assert ids(history) == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("previous", [ABSENT, None, 5, [], "of an item that was let go"])
def test_order_of_a_server_that_names_no_predecessors(previous: Any) -> None:
    history = new_history()
    for item_id in "123":
        done(history, written(item_id, item_id), previous)
    assert ids(history) == ["1", "2", "3"]


def test_absent_is_not_first() -> None:
    history = new_history()
    done(history, written("1", "one"))
    done(history, written("2", "two"), "1")
    tell(history, "done", written("3", "three"), ABSENT)
    assert ids(history) == ["1", "2", "3"]


def test_null_moves_only_what_is_new() -> None:
    """A server that names predecessors, but not of what its responses make."""
    history = new_history()
    done(history, written("1", "one"))
    done(history, written("2", "two"), "1")
    respond(history, "output_item.added", item=message("3", "assistant"), output_index=0)
    done(history, written("3", "three", "assistant"), None)
    assert ids(history) == ["1", "2", "3"]


def test_an_item_is_moved_when_its_place_becomes_known_and_not_again() -> None:
    history = new_history()
    done(history, written("1", "one"))
    respond(history, "output_item.added", item=message("2", "assistant"), output_index=0)
    done(history, written("3", "three"), "1")
    assert ids(history) == ["1", "3"]
    tell(history, "added", written("2", "two", "assistant"), "1")
    assert ids(history) == ["1", "2", "3"]
    tell(history, "done", written("2", "two", "assistant"), "3")
    assert ids(history) == ["1", "2", "3"]
    tell(history, "done", written("1", "one"), "1")
    assert ids(history) == ["1", "2", "3"], "none stands behind itself"


def test_the_beta_tells_once_and_the_response_completes_it() -> None:
    history = new_history()
    created = {"item": message("a", "assistant"), "previous_item_id": None}
    history.receive(event("conversation.item.created", **created))
    assert history.replay() == ([], ["a"])
    item = message("a", "assistant", {"type": "audio", "transcript": "Hi."})
    respond(history, "output_item.done", item=item, output_index=0)
    assert texts(history) == ["Hi."]


# -- what was heard --------------------------------------------------------------------------------


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
    history = new_history()
    spoken(history, "a", "one two three four", size=48_000)
    truncated(history, "a", heard_ms)
    assert texts(history) == [words]


@pytest.mark.parametrize(
    ("size", "heard_ms", "words"),
    [
        (48_047, 1000, "one two three four"),  # 1000.98 ms: nobody can hear more whole ones
        (48_047, 999, "one two three"),
        (48_048, 1000, "one two three"),
        (47, 0, "one two three four"),
    ],
)
def test_of_what_was_received_whole_milliseconds_count(
    size: int, heard_ms: int, words: str
) -> None:
    history = new_history()
    spoken(history, "a", "one two three four", size=size, pieces=1)
    truncated(history, "a", heard_ms)
    assert texts(history) == [words]


@pytest.mark.parametrize(
    ("heard_ms", "words"),
    [
        (499.5, "one"),
        (-5, ""),
        (10**400, "one two three four"),
        *[(odd, "one two three four") for odd in ("500", None, [], {}, float("nan"), float("inf"))],
    ],
)
def test_an_odd_truncation(heard_ms: Any, words: str) -> None:
    history = new_history()
    spoken(history, "a", "one two three four", size=48_000)
    truncated(history, "a", heard_ms)
    assert texts(history) == [words]


@pytest.mark.parametrize(
    ("tokens", "heard_ms", "words"),
    [
        (20, 500, "one two"),
        (20, 1000, "one two three four"),
        (40, 500, "one"),
        (None, 500, "one two three four"),
        ("20", 500, "one two three four"),
        (True, 500, "one two three four"),
    ],
)
def test_of_an_answer_whose_sound_goes_to_a_caller_the_cost_tells_the_length(
    tokens: Any, heard_ms: int, words: str
) -> None:
    history = new_history()
    part = {"type": "output_audio", "transcript": "one two three four"}
    usage = {"output_token_details": {"audio_tokens": tokens}}
    response = {"id": "r", "output": [message("a", "assistant", part)], "usage": usage}
    history.receive(event("response.done", response=response))
    truncated(history, "a", heard_ms)
    assert texts(history) == [words]


def test_what_has_come_of_an_answer_counts_more_than_its_cost() -> None:
    history = new_history()
    spoken(history, "a", "one two three four", size=48_000)
    part = {"type": "output_audio", "transcript": "one two three four"}
    usage = {"output_token_details": {"audio_tokens": 200}}
    response = {"id": "r", "output": [message("a", "assistant", part)], "usage": usage}
    history.receive(event("response.done", response=response))
    truncated(history, "a", 500)
    assert texts(history) == ["one two"]


def test_of_two_answers_in_one_response_nobody_knows_how_long_each_is() -> None:
    history = new_history()
    part = {"type": "output_audio", "transcript": "one two"}
    output = [message(each, "assistant", part) for each in ("a", "b")]
    usage = {"output_token_details": {"audio_tokens": 20}}
    response = {"id": "r", "output": output, "usage": usage}
    history.receive(event("response.done", response=response))
    truncated(history, "a", 250)
    assert texts(history) == ["one two", "one two"]


def test_the_share_is_right_in_g711_and_in_small_pieces() -> None:
    history = new_history()
    spoken(history, "a", "one two three four", size=8_000, pieces=100)
    truncated(history, "a", 500)
    ((item,), _) = history.replay(G711_BYTES_PER_S)
    assert item["content"][0]["text"] == "one two"


def test_the_share_is_right_at_a_rate_that_is_no_whole_number_of_samples_a_millisecond() -> None:
    history = new_history()
    spoken(history, "a", " ".join(["word"] * 100), size=88_200 * 30)
    truncated(history, "a", 30_000)
    ((item,), _) = history.replay(88_200)
    assert len(item["content"][0]["text"].split()) == 100


# -- a new session ---------------------------------------------------------------------------------


def test_only_what_the_new_session_has_is_kept() -> None:
    history = new_history()
    for item_id in "123":
        done(history, written(item_id, item_id))
    told = history.replay()[0]
    done(history, written("late", "came over the old link"))
    assert history.keep([told[0], told[2]]) == ["2", "late"]
    done(history, written("4", "4"), "1")
    assert ids(history) == ["1", "4", "3"]


def test_what_was_told_as_heard_is_not_shortened_again() -> None:
    history = new_history()
    spoken(history, "a", "one two three four", size=48_000)
    truncated(history, "a", 500)
    for _ in range(2):
        assert texts(history) == ["one two"]
        history.keep(history.replay()[0])


def test_what_the_server_says_again_of_restored_items_is_hidden() -> None:
    history = new_history()
    history.keep([written("1", "x"), written("2", "x")], ["1", "the server's own"])
    for name, hidden in (("created", True), ("added", True), ("done", True), ("done", False)):
        tell(history, name, written("1", "other words"), hidden=hidden)
    tell(history, "done", written("2", "x"))
    tell(history, "done", written("the server's own", "x"), hidden=True)
    assert ids(history) == ["1", "2"]


def test_what_is_made_anew_is_not_hidden() -> None:
    history = new_history()
    history.keep([written("1", "x")], ["1"])
    history.receive(event("conversation.item.deleted", item_id="1"))
    tell(history, "added", written("1", "new"))
    assert texts(history) == ["new"]


# -- bounds ----------------------------------------------------------------------------------------


def test_the_oldest_items_are_let_go() -> None:
    history = new_history()
    for number in range(2_100):
        history.receive(event("conversation.item.done", item=written(f"i{number}", "x")))
    assert len(ids(history)) == 2_000
    assert ids(history)[0] == "i100"
    assert len(history._received) == 2_000
    assert len(history._unplaced) == 2_000


def test_no_more_than_the_latest_deletions_are_remembered() -> None:
    history = new_history()
    for number in range(300):
        history.receive(event("conversation.item.deleted", item_id=f"i{number}"))
    tell(history, "done", written("i0", "x"))
    tell(history, "done", written("i299", "x"))
    assert ids(history) == ["i0"]


def test_audio_is_not_kept() -> None:
    history = new_history()
    part = {"type": "input_audio", "audio": "A" * 10_000, "transcript": "Hi."}
    done(history, message("u", "user", part))
    assert "AAAA" not in repr(history.items)


@pytest.mark.parametrize("item", [None, "text", {"type": "message"}, {"id": 7}])
def test_what_is_no_item_is_passed_over(item: Any) -> None:
    history = new_history()
    history.receive(event("conversation.item.done", item=item))
    assert history.replay() == ([], [])


# -- turns whose words come late -------------------------------------------------------------------


def begins(history: History, item_id: Any) -> None:
    history.receive(event("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=0))


def in_order(history: History) -> str:
    return " ".join(history.items)


def test_words_that_come_late_stand_where_the_user_began() -> None:
    history = new_history()
    done(history, written("a", "Hello.", "assistant"))
    begins(history, "u")
    tell(history, "done", written("b", "Yes.", "assistant"))
    transcribed(history, "u", "words")
    assert in_order(history) == "a u b"


def test_the_first_turn() -> None:
    history = new_history()
    begins(history, "u")
    tell(history, "done", written("a", "Hello.", "assistant"))
    transcribed(history, "u", "words")
    assert in_order(history) == "u a"


@pytest.mark.parametrize("order", [*itertools.permutations("uvw")])
def test_several_turns_whose_words_come_in_any_order(order: tuple[str, ...]) -> None:
    history = new_history()
    tell(history, "done", written("a", "Hello.", "assistant"))
    begins(history, "u")
    begins(history, "v")
    tell(history, "done", written("b", "Yes.", "assistant"))
    begins(history, "w")
    begins(history, "v")  # only a turn's first beginning counts
    tell(history, "done", written("c", "No.", "assistant"))
    for item_id in order:
        transcribed(history, item_id, "words")
    assert in_order(history) == "a u v b w c"


def test_a_place_that_the_server_names_counts_more() -> None:
    history = new_history()
    done(history, written("a", "Hello.", "assistant"))
    begins(history, "u")
    tell(history, "done", written("b", "Yes.", "assistant"))
    transcribed(history, "u", "words")
    assert in_order(history) == "a u b"
    tell(history, "added", written("u", "u"), "b")
    assert in_order(history) == "a b u"
    begins(history, "v")
    tell(history, "done", written("c", "No.", "assistant"))
    tell(history, "added", written("v", "v"), "a")
    assert in_order(history) == "a v b u c"


def test_a_turn_behind_something_that_is_gone_stands_at_the_end() -> None:
    history = new_history()
    done(history, written("a", "Hello.", "assistant"))
    tell(history, "done", written("b", "Hello?", "assistant"))
    begins(history, "u")
    history.receive(event("conversation.item.deleted", item_id="b"))
    tell(history, "done", written("c", "Yes.", "assistant"))
    transcribed(history, "u", "words")
    assert in_order(history) == "a c u"


def test_turns_that_began_behind_each_other_stand_at_the_end() -> None:
    # A server that names an item once more, for a turn that began behind it.
    history = new_history()
    tell(history, "done", written("a", "Hello.", "assistant"))
    begins(history, "u")
    history.receive(event("conversation.item.deleted", item_id="a"))
    tell(history, "added", written("u", "u"))
    begins(history, "a")
    history.receive(event("conversation.item.deleted", item_id="u"))
    begins(history, "v")
    tell(history, "done", written("b", "Yes.", "assistant"))
    transcribed(history, "v", "words")
    assert in_order(history) == "v b"


def test_a_turn_that_began_behind_itself_stands_at_the_end() -> None:
    history = new_history()
    tell(history, "done", written("u", "Hello."))
    begins(history, "u")  # its item is there already
    history.receive(event("conversation.item.deleted", item_id="u"))
    begins(history, "v")
    tell(history, "done", written("b", "Yes.", "assistant"))
    transcribed(history, "v", "words")
    assert in_order(history) == "v b"


def test_beginnings_are_forgotten() -> None:
    history = new_history()
    done(history, written("a", "Hello.", "assistant"))
    for number in range(100):
        begins(history, f"u{number}")
    assert len(history._began) == 64
    transcribed(history, "u99", "words")
    assert in_order(history) == "a u99"
    history.keep([written("a", "Hello.", "assistant")])
    assert history._began == {}
    for odd in ("", None, 7, []):
        begins(history, odd)
    assert history._began == {}


# -- the view for programs -------------------------------------------------------------------------


def feed(history: History, view: HistoryView, kind: str, **fields: Any) -> list[tuple[Any, ...]]:
    """Let an event come to the reader and then to the program; return what has changed."""
    told = event(kind, **fields)
    if kind in FOLLOWED:
        history.receive(told)
    return [
        (change.before and change.before.id, change.after and change.after.id)
        for change in view.receive(told)
    ]


def says(history: History, view: HistoryView, *deltas: str, item_id: str = "a") -> None:
    for delta in deltas:
        kind = "response.output_audio_transcript.delta"
        feed(history, view, kind, item_id=item_id, content_index=0, delta=delta)


def begun(item_id: str = "a") -> tuple[History, HistoryView]:
    """A history with an answer of which the first words come."""
    history = new_history()
    view = history.open_view()
    item = {**message(item_id, "assistant"), "status": "in_progress"}
    feed(history, view, "conversation.item.added", item=item)
    return history, view


def test_without_a_view_no_words_of_an_answer_in_progress_are_known() -> None:
    history = new_history()
    tell(history, "added", {**message("a", "assistant"), "status": "in_progress"})
    sounds(history, "a", 48_000)
    assert history.replay() == ([], ["a"])


def test_an_answer_in_progress_is_told_as_far_as_it_was_received() -> None:
    history, view = begun()
    says(history, view, "one two", " three", " four")
    sounds(history, "a", 48_000)
    assert texts(history) == ["one two three four"]
    view.played("a", 500)
    assert texts(history) == ["one two"], "as far as it was heard"
    truncated(history, "a", 750)
    assert texts(history) == ["one two three"], "as the server knows it"
    view.close()
    view.close()
    assert history.replay() == ([], ["a"])


def test_an_answer_of_which_nothing_was_heard_is_not_told() -> None:
    history, view = begun()
    says(history, view, "one two")
    sounds(history, "a", 48_000)
    view.played("a", 0)
    assert history.replay() == ([], ["a"])
    view.played("a", None)
    assert texts(history) == ["one two"], "all that comes of it will be heard"


def test_what_was_played_by_now_is_known_better_than_before() -> None:
    history, view = begun()
    says(history, view, "one two three four")
    sounds(history, "a", 48_000)
    view.played("a", 250)
    assert view.heard("a") == "one"
    assert view.heard("a", played_ms=500) == "one two"
    truncated(history, "a", 750)
    assert view.heard("a", played_ms=500) == "one two three", "as the server knows it"


def test_of_a_whole_answer_all_is_told_however_much_was_played() -> None:
    history, view = begun()
    says(history, view, "one two")
    sounds(history, "a", 48_000)
    view.played("a", 500)
    part = {"type": "output_audio", "transcript": "One, two."}
    feed(history, view, "conversation.item.done", item=message("a", "assistant", part))
    assert texts(history) == ["One, two."]
    assert view.heard("a") == "One,"


def test_words_that_are_whole_before_their_item_is() -> None:
    history, view = begun()
    says(history, view, "one tow")
    done_part = {"item_id": "a", "content_index": 0}
    feed(history, view, "response.output_audio_transcript.done", transcript="one two", **done_part)
    assert texts(history) == ["one two"]
    feed(history, view, "response.output_text.delta", item_id="a", content_index=1, delta="th")
    feed(history, view, "response.output_text.delta", item_id="a", content_index=1, delta="r")
    feed(history, view, "response.output_text.done", item_id="a", content_index=1, text="three")
    (item,) = view.items
    assert [(part.type, part.text) for part in item.parts] == [
        ("output_audio", "one two"),
        ("output_text", "three"),
    ]


def test_the_users_partial_words() -> None:
    history = new_history()
    view = history.open_view()
    part = {"type": "input_audio", "transcript": None}
    feed(history, view, "conversation.item.done", item=message("u", "user", part))
    name = "conversation.item.input_audio_transcription"
    for delta in ("Hel", "lo"):
        feed(history, view, f"{name}.delta", item_id="u", content_index=0, delta=delta)
    assert texts(history) == ["Hello"]
    feed(history, view, f"{name}.completed", item_id="u", content_index=0, transcript="Hello!")
    assert view.items[0].parts[0].text == "Hello!"


def test_what_changes_is_told_once() -> None:
    history, view = begun()
    delta = {"item_id": "a", "content_index": 0, "delta": "one"}
    words = "response.output_audio_transcript.delta"
    assert feed(history, view, words, **delta) == [("a", "a")]
    assert feed(history, view, words, **{**delta, "delta": ""}) == []
    assert feed(history, view, words, **{**delta, "item_id": "unknown"}) == []
    assert feed(history, view, "rate_limits.updated") == []
    item = {**written("a", "one", "assistant"), "status": "completed"}
    assert feed(history, view, "conversation.item.done", item=item) == [("a", "a")]
    assert feed(history, view, "response.done", response={"id": "r", "output": [item]}) == []
    assert feed(history, view, "conversation.item.done", item=written("u", "x")) == [(None, "u")]
    assert feed(history, view, "conversation.item.deleted", item_id="u") == [("u", None)]
    assert set(VIEWED) > {words, "reconnected"}


def test_a_reconnection_changes_what_could_not_be_restored() -> None:
    history, view = begun()
    feed(history, view, "conversation.item.done", item=written("u", "x"))
    history.keep([])
    changes = view.receive(Reconnected(code=1006, attempts=1, lost=[], lost_items=[]))
    assert [(c.before and c.before.id, c.after) for c in changes] == [("a", None), ("u", None)]


def test_status_and_words_of_an_item() -> None:
    history, view = begun()
    assert [item.status for item in view.items] == ["in_progress"]
    item = {**written("a", "one", "assistant"), "status": "incomplete"}
    feed(history, view, "conversation.item.done", item=item)
    assert [item.status for item in view.items] == ["incomplete"]
    assert view.heard("a") == "one"


def test_an_item_that_is_deleted_while_it_plays_is_gone() -> None:
    history, view = begun()
    says(history, view, "one two")
    sounds(history, "a", 48_000)
    feed(history, view, "conversation.item.deleted", item_id="a")
    says(history, view, " three")
    view.played("a", 700)
    assert view.items == []
    assert view.heard("a") == ""
    assert history.replay() == ([], [])


def test_a_view_forgets_what_is_gone() -> None:
    history = new_history()
    view = history.open_view()
    for number in range(300):
        item_id = f"i{number}"
        feed(history, view, "conversation.item.added", item=message(item_id, "assistant"))
        says(history, view, "x", item_id=item_id)
        view.played(item_id, 1)
        feed(history, view, "conversation.item.deleted", item_id=item_id)
    assert len(view._partial) <= 1
    assert len(view._played) <= 1


@pytest.mark.parametrize("odd", [None, 5, [], {}])
def test_odd_deltas_are_passed_over(odd: Any) -> None:
    history, view = begun()
    says(history, view, "one")
    for kind in sorted(VIEWED - FOLLOWED - {"reconnected"}):
        words = {"delta": odd, "transcript": odd, "text": odd}
        assert feed(history, view, kind, item_id="a", content_index=0, **words) == []
        assert feed(history, view, kind, item_id=odd, content_index=0, **words) == []
        assert feed(history, view, kind, item_id="a", content_index=10**400, delta="x") == []
    assert texts(history) == ["one"]


# -- what nobody is to answer ----------------------------------------------------------------------


def talk_with_ignored() -> tuple[History, HistoryView]:
    history = new_history()
    view = history.open_view()
    for item_id, role in (("q", "user"), ("a", "assistant"), ("mhm", "user"), ("q2", "user")):
        feed(history, view, "conversation.item.added", item=written(item_id, item_id, role))
        feed(history, view, "conversation.item.done", item=written(item_id, item_id, role))
    return history, view


def shown(view: HistoryView) -> list[str]:
    return [item.id for item in view.items]


def told_again(history: History) -> list[str]:
    items, lost = history.replay()
    assert lost == []
    return [item["content"][0]["text"] for item in items]


def test_what_is_ignored_is_shown_and_not_told_again() -> None:
    history, view = talk_with_ignored()
    history.ignore("mhm")
    assert history.is_ignored("mhm")
    assert told_again(history) == ["q", "a", "q2"]
    for deleted in (False, True):
        assert shown(view) == ["q", "a", "mhm", "q2"], deleted
        assert [item.ignored for item in view.items] == [False, False, True, False]
        feed(history, view, "conversation.item.deleted", item_id="mhm")
    feed(history, view, "conversation.item.deleted", item_id="q2")
    assert shown(view) == ["q", "a", "mhm"], "others go"


def test_a_view_tells_that_an_item_is_ignored() -> None:
    history, view = talk_with_ignored()
    history.ignore("mhm")
    deleted = event("conversation.item.deleted", item_id="mhm")
    history.receive(deleted)
    (change,) = view.receive(deleted)
    assert change.before is not None
    assert change.after is not None
    assert (change.before.ignored, change.after.ignored) == (False, True)


def test_its_words_may_come_late() -> None:
    history, view = talk_with_ignored()
    feed(history, view, "conversation.item.added", item=message("u", "user"))
    history.ignore("u")
    feed(history, view, "conversation.item.deleted", item_id="u")
    name = "conversation.item.input_audio_transcription.completed"
    feed(history, view, name, item_id="u", content_index=0, transcript="Mhm.")
    assert view.items[-1].parts[0].text == "Mhm."
    assert "u" not in told_again(history)


@pytest.mark.parametrize("deleted", [False, True])
def test_it_outlives_a_reconnect_in_its_place(deleted: bool) -> None:
    history, view = talk_with_ignored()
    history.ignore("mhm")
    if deleted:
        feed(history, view, "conversation.item.deleted", item_id="mhm")
    for _ in range(2):
        told, _lost = history.replay()
        assert history.keep(told) == [], "it is not lost"
        assert shown(view) == ["q", "a", "mhm", "q2"]
        assert told_again(history) == ["q", "a", "q2"]
    feed(history, view, "reconnected")
    assert [item.ignored for item in view.items] == [False, False, True, False]


@pytest.mark.parametrize(
    ("kept", "order"),
    [
        (("q", "q2"), ["q", "mhm", "q2"]),  # what stood before it could not be restored
        (("q2",), ["mhm", "q2"]),
        (("q", "a"), ["q", "a", "mhm"]),
        ((), ["mhm"]),
    ],
)
def test_its_place_is_behind_what_is_left_before_it(
    kept: tuple[str, ...], order: list[str]
) -> None:
    history, view = talk_with_ignored()
    history.ignore("mhm")
    lost = history.keep([written(item_id, item_id) for item_id in kept])
    assert shown(view) == order
    assert lost == [item_id for item_id in ("q", "a", "q2") if item_id not in kept]


def test_two_that_are_ignored_keep_their_order() -> None:
    history, view = talk_with_ignored()
    for item_id in ("mhm", "q"):
        history.ignore(item_id)
    history.keep([written("a", "a", "assistant"), written("q2", "q2")])
    assert shown(view) == ["q", "a", "mhm", "q2"]


def test_an_item_may_be_ignored_before_it_comes() -> None:
    history, view = talk_with_ignored()
    history.ignore("late")
    feed(history, view, "conversation.item.added", item=message("late", "user"))
    assert view.items[-1].ignored
    history.ignore("mhm")
    assert history.is_ignored("late")


def test_what_is_gone_is_forgotten() -> None:
    history = new_history()
    for number in range(100):
        history.ignore(f"never came {number}")
    assert len(history._ignored) == 1
