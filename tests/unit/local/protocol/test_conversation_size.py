"""A session holds so many items, none too large, and so much in all: what is more is refused."""

from __future__ import annotations

import base64
import sys
from typing import Any

import pytest
from bench import LOUD, Bench

from realtime_sync import ServerError
from realtime_sync.local.protocol.conversation_size import ConversationSize
from realtime_sync.local.protocol.stored_items import StoredItem, StoredPart
from realtime_sync.local.server_settings import ServerSettings

MIB = 1 << 20
CALL = {"type": "function_call", "name": "f", "call_id": "c"}
FULL = "conversation_full"


def message(text: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {"type": "message", "role": "user", "content": content}


def test_the_number_of_items() -> None:
    bench = Bench(settings=ServerSettings(max_items=2))
    bench.write("one", id="one")
    bench.write("two")
    error = bench.error("conversation.item.create", item=message("three"), event_id="e3")
    assert (error["code"], error["event_id"]) == (FULL, "e3")
    assert "has 2 items, and may have 2 (--max-items)" in error["message"]
    bench.send("conversation.item.delete", item_id="one")
    bench.write("three")
    assert bench.error("conversation.item.create", item=message("four"))["code"] == FULL


def test_an_answer_is_an_item_too_and_a_full_conversation_gets_none() -> None:
    bench = Bench(settings=ServerSettings(max_items=2))
    bench.write("one")
    bench.send("response.create")
    bench.say("two", ms=100)
    bench.finish()
    assert bench.error("response.create")["code"] == FULL
    aside = {"conversation": "none"}
    (created,) = bench.send("response.create", response=aside)
    assert created["type"] == "response.created", "it adds nothing"


def test_sound_that_finds_the_conversation_full_stays_in_the_buffer() -> None:
    bench = Bench(settings=ServerSettings(max_items=1))
    bench.listen()
    bench.write("one", id="one")
    bench.hear(500, loud=True)
    assert bench.error("input_audio_buffer.commit")["code"] == FULL
    bench.send("conversation.item.delete", item_id="one")
    assert bench.send("input_audio_buffer.commit")[0]["type"] == "input_audio_buffer.committed"


def test_a_turn_that_finds_the_conversation_full_is_an_error_and_the_session_goes_on() -> None:
    bench = Bench(settings=ServerSettings(max_items=1))
    bench.listen(type="server_vad", silence_duration_ms=320, create_response=False)
    bench.write("one", id="one")
    bench.hear(640, loud=True)
    stopped, error = bench.hear(640, loud=False)
    assert stopped["type"] == "input_audio_buffer.speech_stopped"
    assert error["error"]["code"] == FULL
    bench.send("conversation.item.delete", item_id="one")
    bench.hear(640, loud=True)
    assert "input_audio_buffer.committed" in [e["type"] for e in bench.hear(640, loud=False)]


@pytest.mark.parametrize(
    "item",
    [
        message("x" * MIB),
        {**CALL, "arguments": "x" * MIB},
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_image", "image_url": "data:image/png," + "x" * MIB}],
        },
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_audio", "audio": base64.b64encode(bytes(MIB + 2)).decode()}
            ],
        },
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "x" * 600}] * 1_000,
        },
        {"type": "mcp_list_tools", "server_label": "s", "tools": [{"a": [[]] * 20_000}]},
    ],
    ids=["text", "arguments", "image", "sound", "parts", "small lists"],
)
def test_the_size_of_an_item(item: dict[str, Any]) -> None:
    bench = Bench(settings=ServerSettings(max_item_mib=1))
    error = bench.error("conversation.item.create", item=item)
    assert (error["code"], error["param"]) == ("item_too_large", "item")
    assert "MiB, and may take 1 (--max-item-mib)" in error["message"]
    bench.write("x" * (MIB - 10_000))


def test_the_size_of_settings_for_a_session_or_a_response() -> None:
    bench = Bench(settings=ServerSettings(max_item_mib=1))
    large = {"instructions": "x" * MIB}
    error = bench.error("session.update", session={"type": "realtime", **large})
    assert (error["code"], error["param"]) == ("item_too_large", "session")
    assert bench.update()["instructions"] != large["instructions"]
    error = bench.error("response.create", response=large)
    assert (error["code"], error["param"]) == ("item_too_large", "response")
    error = bench.error("response.create", response={"input": [message("x" * MIB)]})
    assert (error["code"], error["param"]) == ("item_too_large", "response")


def test_the_size_of_all_items() -> None:
    bench = Bench(settings=ServerSettings(max_conversation_mib=1))
    for name in "abcd":
        bench.write("x" * 300_000, id=name)
    error = bench.error("conversation.item.create", item=message("more"))
    assert error["code"] == FULL
    assert (
        "take 1.2 MiB without their sound, and may take 1 (--max-conversation-mib)"
        in (error["message"])
    )
    bench.send("conversation.item.delete", item_id="a")
    bench.write("more")


@pytest.mark.parametrize("cancelled", [False, True])
def test_the_words_of_an_answer_count_when_it_is_over(cancelled: bool) -> None:
    bench = Bench(settings=ServerSettings(max_conversation_mib=1))
    bench.update(output_modalities=["text"])
    bench.send("response.create")
    item_id = bench.say("x" * (MIB + 1))[0]["item"]["id"]
    if cancelled:
        bench.send("response.cancel")
    else:
        bench.finish()
    assert bench.error("response.create")["code"] == FULL
    bench.send("conversation.item.delete", item_id=item_id)
    assert bench.send("response.create")[0]["type"] == "response.created"


def test_an_answer_that_is_deleted_before_its_end_does_not_count() -> None:
    bench = Bench(settings=ServerSettings(max_items=1))
    bench.update(output_modalities=["text"])
    bench.send("response.create")
    bench.send("conversation.item.delete", item_id=bench.say("words")[0]["item"]["id"])
    bench.finish()
    bench.write("one")


def test_sound_does_not_fill_a_conversation() -> None:
    """The oldest items lose theirs, see `ItemStore`."""
    bench = Bench(settings=ServerSettings(max_conversation_mib=1))
    bench.listen()
    for _ in range(3):
        bench.send(
            "input_audio_buffer.append",
            audio=base64.b64encode(LOUD.to_bytes(2, "little") * 300_000).decode(),
        )
        assert bench.send("input_audio_buffer.commit")[0]["type"] == "input_audio_buffer.committed"


def test_the_number_of_responses_at_once() -> None:
    bench = Bench()
    aside = {"conversation": "none"}
    for _ in range(16):
        bench.send("response.create", response=aside)
    error = bench.error("response.create", response=aside)
    assert error["code"] == "too_many_active_responses"
    bench.finish()
    assert bench.send("response.create", response=aside)[0]["type"] == "response.created"


def test_what_an_item_weighs() -> None:
    """Exactly so much fits; what the recogniser heard and the names of fields count, too."""
    size = ConversationSize(ServerSettings(max_item_mib=1))
    fits = "x" * (MIB - sys.getsizeof(""))
    size.require_fit({}, "item")
    size.require_fit(fits, "item")  # type: ignore[arg-type]  # JSON of any kind
    with pytest.raises(ServerError, match=r"it takes 1\.0 MiB"):
        size.require_fit(fits + "x", "item")  # type: ignore[arg-type]  # as above
    with pytest.raises(ServerError, match="Invalid 'item'"):
        size.require_fit({fits: 1}, "item")
    heard = StoredItem("a", "message", content=[StoredPart("input_audio", heard=fits)])
    with pytest.raises(ServerError, match="Invalid 'item'"):
        size.require_fit(heard, "item")


def test_an_item_that_grows_is_counted_once_and_a_cleared_conversation_is_empty() -> None:
    size = ConversationSize(ServerSettings(max_items=2, max_conversation_mib=1))
    part = StoredPart("input_audio", heard="x" * (MIB // 2))
    item = StoredItem("a", "message", content=[part])
    size.add(item)
    for _ in range(3):
        size.weigh_again(item)
    size.require_room()
    part.heard = "x" * MIB
    size.weigh_again(item)
    with pytest.raises(ServerError, match=r"take 1\.0 MiB without their sound"):
        size.require_room()
    size.clear()
    size.weigh_again(item)
    size.require_room()
    size.add(StoredItem("b", "message"))
    size.require_room()
