"""What a program is told that is ported in part, and that nothing else happens."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

import openai as openai_package
import pytest

import realtime_sync
from realtime_sync import (
    AIRefinery,
    AzureOpenAI,
    ConfigError,
    Local,
    OpenAI,
    RealtimeConnection,
    TranslationConnection,
    YandexAIStudio,
)
from realtime_sync._porting import NAMES_ELSEWHERE, OPTIONS_ELSEWHERE, OTHER_NAMES
from realtime_sync.agents import RealtimeAgent, RealtimeRunner
from realtime_sync.connection import ConnectionSettings
from realtime_sync.events import parse_event
from realtime_sync.transport import MemoryPeer, memory_pair


def no_link(*_: object) -> NoReturn:
    pytest.fail("it dials")


def openai() -> Any:
    return OpenAI(api_key="k")


def connect() -> Any:
    return openai().realtime.connect(model="gpt-realtime", transport=no_link)


@pytest.fixture
def connection() -> Any:
    transport, _ = memory_pair()
    return RealtimeConnection(transport, settings=ConnectionSettings())  # not started


def run(step: Callable[[], Coroutine[Any, Any, object]]) -> str:
    """Return what a coroutine of a program is told."""
    with pytest.raises(ConfigError) as told:
        asyncio.run(step())
    return str(told.value)


# -- async with, async for, await ----------------------------------------------------------------

OPENED: dict[str, Callable[[], Any]] = {
    "OpenAI": openai,
    "AzureOpenAI": lambda: AzureOpenAI(azure_endpoint="https://a", api_key="k", api_version="v"),
    "YandexAIStudio": lambda: YandexAIStudio(folder_id="f", api_key="k"),
    "Local": Local,
    "RealtimeConnectionManager": connect,
    "TranslationConnectionManager": lambda: openai().realtime.translations.connect("m"),
    "RealtimeSession": lambda: RealtimeRunner(RealtimeAgent(name="a")).run(client=openai()),
    "DistillerSessionManager": lambda: AIRefinery(
        api_key="k", base_url="http://h"
    ).realtime_distiller(project="p", uuid="u"),
}


@pytest.mark.parametrize("name", OPENED)
def test_async_with(name: str) -> None:
    async def enter() -> None:
        async with OPENED[name]():
            pytest.fail("it is entered")

    assert run(enter) == (
        f"`async with` got a {name}, which blocks; write `with`, and main() instead of "
        "asyncio.run(main())"
    )


def test_async_for(connection: Any) -> None:
    async def iterate() -> None:
        async for _ in connection:
            pytest.fail("there are events")

    assert run(iterate) == (
        "`async for` got a RealtimeConnection, which blocks; write `for`, and main() instead of "
        "asyncio.run(main())"
    )


def test_async_for_of_a_translation(connection: Any) -> None:
    async def iterate() -> None:
        async for _ in TranslationConnection(connection):  # type: ignore[attr-defined]
            pytest.fail("there are events")

    assert "got a TranslationConnection, which blocks; write `for`" in run(iterate)


def test_await_of_what_connect_returns() -> None:
    async def wait() -> None:
        await connect()

    assert run(wait).startswith("`await` got a RealtimeConnectionManager: the call before it")


def test_await_of_what_is_received() -> None:
    transport, peer = memory_pair()
    receiving = RealtimeConnection(transport, settings=ConnectionSettings())

    async def wait(connection: Any, peer: MemoryPeer) -> None:
        with connection:
            peer.send(json.dumps({"type": "response.done", "event_id": "e", "response": {}}))
            await connection.recv(timeout=30)

    receiving.start()
    assert run(lambda: wait(receiving, peer)) == (
        "`await` got a ResponseDone: the call before it has blocked and is done; delete `await`"
    )


@pytest.mark.parametrize("type", ["response.output_audio.delta", "error", "of.tomorrow"])
def test_await_of_any_event(type: str) -> None:
    async def wait() -> None:
        await parse_event(json.dumps({"type": type}))  # type: ignore[misc]

    assert "delete `await`" in run(wait)


# -- names and attributes ------------------------------------------------------------------------


@pytest.mark.parametrize(("theirs", "ours"), OTHER_NAMES.items())
def test_an_import_by_another_package_s_name(theirs: str, ours: str) -> None:
    with pytest.raises(ConfigError, match=f"has no {theirs}; import {ours} instead") as told:
        exec(f"from realtime_sync import {theirs}")
    assert isinstance(told.value, ImportError)
    assert ("delete `async` and `await`" in str(told.value)) == theirs.startswith("Async")
    assert hasattr(realtime_sync, ours)
    assert theirs not in realtime_sync.__all__


@pytest.mark.parametrize(("theirs", "advice"), NAMES_ELSEWHERE.items())
def test_an_import_of_what_is_not_here(theirs: str, advice: str) -> None:
    with pytest.raises(ConfigError) as told:
        exec(f"from realtime_sync import {theirs}")
    assert isinstance(told.value, ImportError)
    assert str(told.value) == f"realtime_sync has no {theirs}: {advice}"


def test_a_program_that_tries_imports_goes_on() -> None:
    found: dict[str, object] = {}
    exec(
        "try: from realtime_sync import AsyncOpenAI as Client\n"
        "except ImportError: from realtime_sync import OpenAI as Client",
        found,
    )
    assert found["Client"] is OpenAI


@pytest.mark.parametrize("name", ["AsyncOpenAI", "NOT_GIVEN"])
def test_to_ask_the_package_for_a_name_raises_nothing(name: str) -> None:
    assert not hasattr(realtime_sync, name)
    assert getattr(realtime_sync, name, "none") == "none"
    with pytest.raises(ConfigError, match=f"realtime_sync has no {name}") as told:
        getattr(realtime_sync, name)
    assert isinstance(told.value, AttributeError)


# -- options ---------------------------------------------------------------------------------------


def options_of(function: Callable[..., object]) -> set[str]:
    return inspect.signature(function).parameters.keys() - {"self", "elsewhere"}


THEIR_OPTIONS = [
    *((OpenAI, {"api_key": "k"}, name) for name in options_of(openai_package.OpenAI)),
    *(
        (AzureOpenAI, {"api_key": "k", "azure_endpoint": "https://a"}, name)
        for name in options_of(openai_package.AzureOpenAI)
    ),
]


@pytest.mark.parametrize(("client", "needed", "name"), sorted(THEIR_OPTIONS, key=str))
def test_an_option_of_their_client_is_here_or_told(
    client: type[Any], needed: dict[str, str], name: str
) -> None:
    if name in options_of(client):
        return
    client(**needed, **{name: None})  # it asks for nothing
    words = f"{client.__name__}() has no {name}=: {OPTIONS_ELSEWHERE[name]}"
    with pytest.raises(ConfigError, match=re.escape(words)):
        client(**needed, **{name: object()})


def test_every_option_of_their_connect_is_here() -> None:
    theirs = openai_package.OpenAI(api_key="k").realtime.connect
    assert options_of(theirs) <= options_of(openai().realtime.connect)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("timeout", r"write websocket_connection_options=\{'open_timeout': …\}, or recv"),
        ("max_size", r"write websocket_connection_options=\{'max_size': …\}"),
        ("extra_body", r"write connection\.session\.update\(session=…\)"),
        ("api_key", "the client has it; make another client"),
    ],
)
def test_an_option_of_connect_that_is_elsewhere(option: str, words: str) -> None:
    with pytest.raises(ConfigError, match=rf"connect\(\) has no {option}=: {words}"):
        openai().realtime.connect(model="m", **{option: 3})


@pytest.mark.parametrize(
    "call",
    [
        lambda: OpenAI(api_key="k", no_such=1),  # type: ignore[call-arg]
        lambda: openai().realtime.connect(model="m", no_such=None),
    ],
)
def test_any_other_option_is_a_type_error_as_ever(call: Callable[[], object]) -> None:
    with pytest.raises(TypeError, match="got an unexpected keyword argument 'no_such'"):
        call()


# -- attributes ------------------------------------------------------------------------------------


def test_any_other_name_is_an_import_error_as_ever() -> None:
    with pytest.raises(ImportError, match="NoSuchName"):
        exec("from realtime_sync import NoSuchName")


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda c: c.beta.realtime.connect(model="m"), r"\.beta: .* write client\.realtime, with"),
        (lambda c: c.beta.threads, r"\.beta: .*"),
        (
            lambda c: c.ask("Hello!"),
            r"\.ask: of connections; write with client\.realtime",
        ),
        (lambda c: c.connect(), r"\.connect: of connections; write with"),
        (lambda c: c.copy(timeout=3), r"\.copy: .*make another client"),
        (lambda c: c.with_options(timeout=3), r"\.with_options: .*make another client"),
        (lambda c: c.chat.completions.create(), r"\.chat: .*use the `openai` package beside"),
        (lambda c: c.responses.create(), r"\.responses: .*use the `openai` package beside"),
        (lambda c: c.audio.speech.create(), r"\.audio: .*use the `openai` package beside"),
        (lambda c: c.realtime.sessions.create(), r"\.sessions: .*client_secrets\.create"),
        (
            lambda c: c.realtime.transcription_sessions.create(),
            r"\.transcription_sessions: .*client_secrets\.create",
        ),
    ],
)
@pytest.mark.parametrize("name", ["OpenAI", "AzureOpenAI", "YandexAIStudio", "Local"])
def test_an_attribute_of_another_package_s_client(
    name: str, ask: Callable[[Any], object], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        ask(OPENED[name]())


@pytest.mark.parametrize("name", ["beta", "chat", "copy"])
def test_to_ask_whether_it_is_there_raises_nothing(name: str) -> None:
    assert not hasattr(openai(), name)
    assert getattr(openai(), name, "none") == "none"


def test_the_beta_s_resource_of_a_connection(connection: Any) -> None:
    with pytest.raises(ConfigError, match=r"session\.update\(session=\{'type': 'transcription'"):
        connection.transcription_session.update(session={})


def test_any_other_attribute_is_an_attribute_error_as_ever(connection: Any) -> None:
    for asked in (openai(), openai().realtime, connection):
        assert not hasattr(asked, "no_such_name")
        with pytest.raises(AttributeError, match=f"'{type(asked).__name__}'.*'no_such_name'") as e:
            asked.no_such_name  # noqa: B018
        assert (e.value.name, e.value.obj) == ("no_such_name", asked)
