"""What an event costs does not depend on what came before it: calls and bytes, counted."""

from __future__ import annotations

import asyncio
import sys
import tracemalloc
from collections.abc import AsyncGenerator, Callable
from statistics import median
from types import FrameType
from typing import Any

import pytest
from bench import Bench, LoudnessDetector

from realtime_sync.local.engines import ResponderEvent, ResponderPrompt, SpeechChunk, TextDelta
from realtime_sync.local.protocol.active_responses import ActiveResponses
from realtime_sync.local.protocol.generation import generate
from realtime_sync.local.protocol.input_buffer import InputBuffer
from realtime_sync.local.protocol.item_store import ItemStore
from realtime_sync.local.protocol.response_builder import ResponseBuilder, ResponseSettings
from realtime_sync.local.protocol.stored_items import StoredItem, StoredPart
from realtime_sync.local.protocol.wire import write_event
from realtime_sync.local.protocol.wire_formats import PCM16
from realtime_sync.local.server_settings import ServerSettings

STEP_MS = 100
SOUND = bytes(PCM16.bytes_in(24 * STEP_MS))
MIB_10TH = bytes((1 << 20) // 10)


class Id(str):
    """An item's id that notes each look at it, also those of loops in C."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other)

    def __hash__(self) -> int:
        return str.__hash__(self)


def calls(work: Callable[[], object]) -> int:
    """Return how many functions ``work`` calls, those in C included."""
    count = 0

    def note(frame: FrameType, what: str, argument: object) -> None:
        nonlocal count
        count += what in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def conversation(count: int) -> ItemStore:
    """Return a conversation of so many answers with sound, every second of which was a call."""
    store = ItemStore(ServerSettings())
    for number in range(count):
        store.add(answer(f"item {number}"))
        fields = {"name": "f", "call_id": f"call {number}", "arguments": "{}"}
        store.add(StoredItem(Id(f"call item {number}"), "function_call", fields=fields))
    return store


def answer(item_id: str, sound: bytes = SOUND) -> StoredItem:
    part = StoredPart("output_audio", transcript="", audio=bytearray(sound), format=PCM16)
    part.say("One two three")
    part.spoken.add("One two three", 0, 24 * STEP_MS)
    part.audio_ticks = 24 * STEP_MS
    return StoredItem(Id(item_id), "message", role="assistant", content=[part])


def truncate(store: ItemStore) -> None:
    store.truncate(Id("item 50"), 0, 40)


OPERATIONS: dict[str, Callable[[ItemStore], object]] = {
    "add at the end": lambda store: store.add(answer("new")),
    "add at the beginning": lambda store: store.add(answer("new"), after="root"),
    "add in the middle": lambda store: store.add(answer("new"), after=Id("item 50")),
    "retrieve": lambda store: store.get(Id("item 50"), to="retrieve").wire(with_audio=True),
    "truncate": truncate,
    "delete": lambda store: store.delete(Id("item 50")),
    "look for the one before": lambda store: store.before(Id("item 50")),
    "look for the last": lambda store: store.last_id,
    "look for a call": lambda store: store.has_call("call 50"),
    "look for no call": lambda store: store.has_call("nobody's"),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_long_conversation_costs_what_a_short_one_does(operation: str) -> None:
    work = OPERATIONS[operation]
    few, many = conversation(100), conversation(5_000)
    assert calls(lambda: work(many)) <= calls(lambda: work(few)) + 5  # ids that hash alike


def test_sound_makes_room_at_the_same_cost() -> None:
    def full(count: int) -> ItemStore:
        store = ItemStore(ServerSettings(max_conversation_mib=1))
        for number in range(count):
            store.add(answer(f"item {number}", MIB_10TH))
        assert sum(item.audio_bytes > 0 for item in store) == 10
        return store

    few, many = full(100), full(5_000)
    new = calls(lambda: few.add(answer("new", MIB_10TH)))
    assert calls(lambda: many.add(answer("new", MIB_10TH))) <= new + 5


def test_sound_costs_the_same_however_much_of_it_is_uncommitted() -> None:
    buffer = InputBuffer(PCM16, None, LoudnessDetector(), max_s=900)

    def append() -> None:
        buffer.check(SOUND)
        assert list(buffer.append(SOUND)) == []

    early = calls(append)
    for _ in range(6_000):
        append()
    assert buffer.position_ms == 6_001 * STEP_MS
    assert calls(append) == early


class Client:
    """Takes the events of a session without keeping them."""

    def __init__(self, modality: str) -> None:
        self.settings = ResponseSettings(
            modality=modality,
            instructions="",
            voice="alloy",
            audio_format={"type": "audio/pcm", "rate": 24_000},
        )
        self.conversation = ItemStore(ServerSettings())
        self.responses = ActiveResponses(self.conversation, self, _nothing, _nothing)
        self.response: ResponseBuilder | None = None

    def start(self, response: ResponseBuilder) -> None:
        self.response = response

    def stop(self, response: ResponseBuilder) -> None:
        """Nothing is done for it."""


def _nothing(_: object) -> None:
    """Take what is of no interest here."""


GROWING: dict[str, tuple[str, Callable[[ResponseBuilder], object]]] = {
    "text": ("text", lambda response: response.add_text("and so on ")),
    "speech": ("audio", lambda response: response.add_speech("and so on ", SOUND[:480])),
    "what fits": ("text", lambda response: response.fit("and so on ")),
}


@pytest.mark.parametrize("growing", GROWING)
def test_a_word_of_a_long_answer_costs_what_the_first_does(growing: str) -> None:
    modality, grow = GROWING[growing]
    client = Client(modality)
    response = ResponseBuilder(client.settings, [], client.conversation)

    def say(count: int) -> None:
        for _ in range(count):
            if modality == "text":
                response.add_text("and so on ")
            else:
                response.add_speech("and so on ", SOUND[:480])

    def bytes_of_a_word() -> float:
        """Return the memory that a word takes, and what was copied for it."""
        taken = []
        for _ in range(101):
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            grow(response)
            taken.append(tracemalloc.get_traced_memory()[1] - before)
        return median(taken)

    say(100)
    tracemalloc.start()
    try:
        early = bytes_of_a_word()
        tracemalloc.stop()
        say(20_000)
        tracemalloc.start()
        late = bytes_of_a_word()
    finally:
        tracemalloc.stop()
    assert late <= early + 200
    assert calls(lambda: grow(response)) < 100


class Speech:
    """Speaks a word in 10 ms."""

    async def transcribe(self, pcm16k: bytes, *, language: str | None, prompt: str | None) -> str:
        raise NotImplementedError

    async def synthesize(
        self, text: str, *, voice: str, speed: float
    ) -> AsyncGenerator[SpeechChunk, None]:
        for word in text.split():
            yield SpeechChunk(SOUND[:480], f"{word} ")


async def _room() -> None:
    """Let everything out at once."""


@pytest.mark.parametrize("modality", ["text", "audio"])
@pytest.mark.parametrize("delta", [1, 1_000])
def test_an_answer_costs_the_same_for_each_word(modality: str, delta: int) -> None:
    def cost(words: int) -> float:
        client = Client(modality)
        session = {
            "type": "realtime",
            "output_modalities": [modality],
            "instructions": "",
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "audio": {
                "output": {"voice": "alloy", "speed": 1.0, "format": client.settings.audio_format}
            },
        }
        client.responses.create(session)
        assert client.response is not None

        async def respond(_: ResponderPrompt) -> AsyncGenerator[ResponderEvent, None]:
            for _ in range(words // delta):
                yield TextDelta("on and on " * (delta // 3) + "again, ")

        run = generate(
            client.response, client.responses, respond=respond, speech=Speech(), room=_room
        )
        return calls(lambda: asyncio.run(run)) / words

    assert cost(10_000) <= 1.1 * cost(1_000)


def test_a_prompt_of_many_items_lets_others_have_their_turn() -> None:
    client = Client("text")
    for number in range(1_000):
        part = StoredPart("input_text", text="Hello")
        client.conversation.add(StoredItem(f"{number}", "message", role="user", content=[part]))
    response = ResponseBuilder(client.settings, list(client.conversation), client.conversation)
    turns, prompts = 0, []

    async def respond(prompt: ResponderPrompt) -> AsyncGenerator[ResponderEvent, None]:
        prompts.append((turns, len(prompt.items)))
        return
        yield

    async def run() -> None:
        nonlocal turns
        work: Any = generate(
            response, client.responses, respond=respond, speech=Speech(), room=_room
        )
        task = asyncio.ensure_future(work)
        while not prompts:
            turns += 1
            await asyncio.sleep(0)
        await task

    client.responses._active[response.id] = response
    asyncio.run(run())
    ((turn, items),) = prompts
    assert items == 1_000
    assert turn >= 20


def test_an_update_costs_the_same_however_many_tools_there_are() -> None:
    def cost(count: int) -> int:
        bench = Bench()
        tools = [{"type": "function", "name": f"f{number}"} for number in range(count)]
        list(bench.session.handle(update(tools=tools)))
        sent: list[str] = []
        bench.session._emit = lambda event: sent.append(write_event(event))
        list(bench.session.handle(update(instructions="Be brief.")))  # and each field is written
        cost = calls(lambda: list(bench.session.handle(update(instructions="Be kind."))))
        assert sent[-1].count('"name":"f') == count
        return cost

    def update(**session: Any) -> dict[str, Any]:
        return {"type": "session.update", "session": {"type": "realtime", **session}}

    assert cost(1_000) == cost(1)
