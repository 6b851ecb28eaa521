"""What can't be copied or pickled is told so, and what can be is the same afterwards.

Every public class that holds a thread, a socket, a lock or a device is made and tried. That none is
missing from the table is found in the sources: whoever makes one of these refuses to be copied.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from right_values import ENTERED, MAKERS, Bench
from wrong_values import PACKAGES

from realtime_sync import (
    AIRefinery,
    AzureOpenAI,
    ConcurrencyError,
    Local,
    ReconnectPolicy,
    YandexAIStudio,
    agents,
    audio,
    transport,
    voice,
)
from realtime_sync._uncopied import Uncopied
from realtime_sync.connection.translation import TranslationSessionResource
from realtime_sync.distiller import TokenProvider
from realtime_sync.events import parse_event
from realtime_sync.rest import CallAnswer, StreamingResponse
from realtime_sync.testing import MemorySink, MemorySource, ScriptedClient, ScriptedServer

NOWHERE = "http://127.0.0.1:1/v1"

HELD: dict[str, Callable[[Bench], Any]] = {
    **MAKERS,
    # clients, and what hangs on them
    "AIRefinery": lambda b: AIRefinery("a", NOWHERE),
    "AzureOpenAI": lambda b: AzureOpenAI(azure_endpoint=NOWHERE, api_key="a"),
    "Local": lambda b: Local(),
    "OpenAI": lambda b: b.client(),
    "YandexAIStudio": lambda b: YandexAIStudio(api_key="a", folder_id="b"),
    "ScriptedClient": lambda b: ScriptedClient(ScriptedServer()),
    "RealtimeWithRawResponse": lambda b: b.client().realtime.with_raw_response,
    "RealtimeWithStreamingResponse": lambda b: b.client().realtime.with_streaming_response,
    "CallsWithRawResponse": lambda b: b.client().realtime.calls.with_raw_response,
    "CallsWithStreamingResponse": lambda b: b.client().realtime.calls.with_streaming_response,
    "ClientSecretsWithRawResponse": lambda b: b.client().realtime.client_secrets.with_raw_response,
    "StreamingResponseManager": lambda b: b.client().realtime.calls.with_streaming_response.hangup(
        "rtc_1"
    ),
    "TokenProvider": lambda b: TokenProvider(
        client_id="a", client_secret="b", url="http://127.0.0.1:1/token"
    ),
    # what is not open yet, and what hangs on what is
    "DistillerSessionManager": lambda b: AIRefinery("a", NOWHERE).realtime_distiller(
        project="a", uuid="b"
    ),
    "TranslationConnectionManager": lambda b: b.client().realtime.translations.connect("a"),
    "ConversationResource": lambda b: b.connection().conversation,
    "TranslationSessionResource": lambda b: TranslationSessionResource(print),
    "TranslationInputAudioBuffer": lambda b: TranslationSessionResource(print).input_audio_buffer,
    "MemoryTransport": lambda b: transport.memory_pair()[0],
    "ScriptedServer": lambda b: ScriptedServer(),
    # apps, agents, sound
    "RealtimeRunner": lambda b: agents.RealtimeRunner(agents.RealtimeAgent[Any](name="a")),
    "OpenAIRealtimeWebSocketModel": lambda b: agents.OpenAIRealtimeWebSocketModel(),
    "OpenAIRealtimeSIPModel": lambda b: agents.OpenAIRealtimeSIPModel(),
    "MCPServerStdio": lambda b: agents.MCPServerStdio(params={"command": "a"}),
    "MCPServerStreamableHttp": lambda b: agents.MCPServerStreamableHttp(params={"url": NOWHERE}),
    "Microphone": lambda b: audio.Microphone(),
    "Speaker": lambda b: audio.Speaker(),
    "WavSource": lambda b: audio.WavSource(b.folder / "a.wav"),
    "MemorySource": lambda b: MemorySource(),
    "MemorySink": lambda b: MemorySink(),
}
# Made by others and seen through them.
HELD["Client"] = HELD["RealtimeModel"] = HELD["OpenAI"]
# Those of the table that are values.
VALUES = {
    "CallContext", "DistillerEvent", "EchoGate", "Handoff", "InputText", "Interruptions",
    "RealtimePlaybackTracker", "Reply", "SessionHistory", "Sink", "SinkWrapper", "Sound", "Usage",
    "UserMessageItem", "Webhooks", "RealtimeModel", "Client",
}  # fmt: skip
HOLDERS = sorted(set(HELD) - VALUES)

COPIES = (copy.copy, copy.deepcopy, pickle.dumps)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Makes them."""
    audio.write_wav(tmp_path / "a.wav", bytes(960))
    with ExitStack() as stack:
        yield Bench(tmp_path, stack)


@pytest.mark.parametrize("name", HOLDERS)
def test_there_is_no_second_one(name: str, bench: Bench) -> None:
    held = HELD[name](bench)
    if name in ENTERED:
        bench.enter(held)
    assert type(held).__name__ == name
    for attempt in COPIES:
        with pytest.raises(ConcurrencyError, match=f"a {name} can't be copied or pickled, .* make"):
            attempt(held)


def test_an_answer_that_is_read_on_demand_is_one() -> None:
    answer: Any = SimpleNamespace(status=200, headers={}, retries=0)
    for attempt in COPIES:
        with pytest.raises(ConcurrencyError, match="a StreamingResponse can't be copied"):
            attempt(StreamingResponse(answer, print))


def test_what_holds_one_of_them_tells_the_same(bench: Bench) -> None:
    for attempt in (copy.deepcopy, pickle.dumps):
        with pytest.raises(ConcurrencyError, match="a OpenAI can't be copied or pickled"):
            attempt({"client": bench.client()})


# -- none is missing -------------------------------------------------------------------------------

# What a class makes that another process, or a second object, can't have.
OWN = {"Claim", "Condition", "Event", "HomeLock", "Latch", "Lock", "RestApi", "SimpleQueue"}
# Those that hold one all the same, with the reason.
LEFT = {
    "RealtimePlaybackTracker": "the session makes what it holds",
}


def public_classes() -> dict[str, type]:
    found: dict[str, type] = {}
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value) and value.__module__.startswith("realtime_sync"):
                found[value.__name__] = value
    return found


def holds_something(cls: type) -> bool:
    code = getattr(cls.__dict__.get("__init__"), "__code__", None)
    return code is not None and not OWN.isdisjoint(code.co_names)


def test_the_search_finds_them() -> None:
    found = {name for name, cls in public_classes().items() if holds_something(cls)}
    assert {"Local", "RealtimeConnection", "MemorySource", "MemoryTransport"} <= found


def test_every_class_that_holds_something_refuses() -> None:
    silent = {
        name
        for name, cls in public_classes().items()
        if holds_something(cls) and not issubclass(cls, Uncopied)
    }
    assert silent == set(LEFT)


def test_every_class_that_refuses_is_tried() -> None:
    refusing = {name for name, cls in public_classes().items() if issubclass(cls, Uncopied)}
    others = {"Client", "MCPServer", "StreamingResponse"}  # two are abstract; this one is below
    assert refusing - set(HOLDERS) == others


# -- what can be copied ----------------------------------------------------------------------------

COPIED: list[Any] = [
    ReconnectPolicy(max_retries=3),
    transport.TransportOptions(open_timeout=3.0),
    voice.Interruptions(),
    voice.IdleRule(after_s=1.0),
    parse_event('{"type":"response.created","event_id":"a","response":{"id":"b"}}'),
    parse_event('{"type":"a.b","event_id":"a","more":[1]}'),
    CallAnswer(sdp="v=0", call_id="rtc_1"),
]


@pytest.mark.parametrize("value", COPIED, ids=lambda value: type(value).__name__)
def test_values_are_the_same_afterwards(value: Any) -> None:
    for other in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert (type(other), other) == (type(value), value)


def test_sound_is_the_same_afterwards() -> None:
    sound = audio.Sound(b"\1\0" * 480)
    for other in (copy.deepcopy(sound), pickle.loads(pickle.dumps(sound))):
        assert (other.pcm, other.rate) == (sound.pcm, sound.rate)
