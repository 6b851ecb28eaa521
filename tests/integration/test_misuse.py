"""Misuses of the life cycle: what a program does wrong, and what it is told.

Each row says what is done, which error comes, and words of it: what is wrong, or what to do. All of
them come at once; none hangs, and none leaves a thread or a socket behind.
"""

from __future__ import annotations

import asyncio
import copy
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import openai
import pytest
from guards import Guard
from raw_server import RawServer
from tls import Authority

from realtime_sync import (
    AIRefinery,
    AzureOpenAI,
    ConcurrencyError,
    ConfigError,
    ConnectError,
    ConnectionClosed,
    Local,
    LocalProtocolError,
    OpenAI,
    Realtime,
    RealtimeError,
    RealtimeTimeout,
    TranslationConnection,
    YandexAIStudio,
    transport,
)
from realtime_sync.agents import (
    RealtimeAgent,
    RealtimeRunHooks,
    RealtimeRunner,
    function_tool,
    output_guardrail,
)
from realtime_sync.audio import (
    Microphone,
    Sound,
    Speaker,
    WavSink,
    play,
    read_wav,
    write_wav,
)
from realtime_sync.errors import AudioError, DeviceError, FormatError, UserError
from realtime_sync.testing import (
    MemorySink,
    MemorySource,
    ScriptedClient,
    ScriptedServer,
    ScriptError,
    Step,
    drop_link,
    text_answer,
)
from realtime_sync.voice import VoiceLoop

NOWHERE = "http://127.0.0.1:1/v1"
AGENT = RealtimeAgent[Any](name="Desk")


class Bench:
    """What the misuses are done with; the stack closes it."""

    def __init__(self, stack: ExitStack, folder: Path, guard: Guard) -> None:
        self.stack = stack
        self.folder = folder
        self.guard = guard

    def manager(self, *answers: Any) -> Any:
        return ScriptedClient(ScriptedServer(answers)).realtime.connect()

    def connection(self, *answers: Any) -> Any:
        return self.stack.enter_context(self.manager(*answers))

    def closed(self) -> Any:
        with self.manager() as connection:
            pass
        return connection

    def session(self, **options: Any) -> Any:
        runner = RealtimeRunner(AGENT, client=ScriptedClient(ScriptedServer()), **options)
        return self.stack.enter_context(runner.run())

    def ended_session(self) -> Any:
        with RealtimeRunner(AGENT, client=ScriptedClient(ScriptedServer())).run() as session:
            pass
        return session

    def ended_translation(self) -> TranslationConnection:
        translation = TranslationConnection(self.connection())
        translation.close()
        return translation

    def loop(self, *, source: Any = None) -> VoiceLoop:
        return VoiceLoop(self.connection(), source or MemorySource(), MemorySink())

    def app(self, **options: Any) -> Realtime:
        return Realtime("model", client=ScriptedClient(ScriptedServer()), **options)

    def client(self, **options: Any) -> OpenAI:
        given = {"api_key": "sk-a", "base_url": NOWHERE, "proxy": "", "max_retries": 0, **options}
        return self.stack.enter_context(OpenAI(**given))

    def file(self, name: str, content: str) -> Path:
        path = self.folder / name
        path.write_text(content)
        return path

    @contextmanager
    def consuming(self, connection: Any) -> Iterator[None]:
        """Have another thread wait in `recv` meanwhile."""

        def consume() -> None:
            with suppress(ConnectionClosed):
                receive_all(connection)

        thread = threading.Thread(target=consume)
        thread.start()
        self.guard.until(lambda: "now" in connection._consumer, "the other thread's recv")
        try:
            yield
        finally:
            connection.close()
            self.guard.join(thread)


def in_a_child(
    attempt: Callable[[], object], error: type[RealtimeError] = ConcurrencyError
) -> None:
    """Raise here what a call raises in a forked child.

    Args:
        attempt: the call.
        error: the class of what it is to raise.
    """
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            attempt()
            text = "nothing was raised"
        except BaseException as exc:
            text = f"{type(exc).__name__}: {exc}"
        os.write(write, text.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    assert text.startswith(f"{error.__name__}: "), text
    raise error(text.partition(": ")[2])


class Raising:
    """A source that fails in the middle of what the user says."""

    rate = 24000

    def __iter__(self) -> Iterator[bytes]:
        yield bytes(960)
        raise OSError("the line is cut")

    def close(self) -> None: ...


async def asynchronous(*_: object) -> str:
    """Do nothing."""
    return ""


def plain() -> str:
    """Do nothing."""
    return ""


def close_inside(bench: Bench) -> None:
    connection = bench.connection(text_answer("One two three."))
    connection.response.create()
    for _ in connection:
        connection.close()
    connection.response.create()


def leave_by_error(bench: Bench) -> None:
    kept = None
    try:
        with bench.manager() as kept:
            raise KeyError("of the program")
    except KeyError:
        pass
    assert kept is not None
    kept.response.create()


@contextmanager
def http_server() -> Iterator[int]:
    def serve(peer: Any) -> None:
        peer.read_head()
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with RawServer(serve) as server:
        yield server.port


def connect_to(bench: Bench, **options: Any) -> None:
    bench.client(**options).realtime.connect(model="a").enter()


def client_in_a_child(bench: Bench) -> None:
    """A client that was used before the fork finds nobody there, as it would here."""
    client = bench.client()
    with suppress(ConnectError):
        client.realtime.calls.hangup("rtc_1")
    in_a_child(lambda: client.realtime.connect(model="a").enter(), ConnectError)


def to_http(bench: Bench) -> None:
    connect_to(bench, base_url=f"http://127.0.0.1:{bench.stack.enter_context(http_server())}/v1")


def to_tls(bench: Bench, attempt: Callable[[Any], object]) -> None:
    """Speak without TLS to a server that waits for its handshake."""

    def serve(peer: Any) -> None:
        with suppress(OSError):  # the handshake fails, and ends the link
            Authority().server().wrap_socket(peer.sock, server_side=True)

    server = bench.stack.enter_context(RawServer(serve))
    attempt(bench.client(base_url=f"http://127.0.0.1:{server.port}/v1"))


def to_plain(bench: Bench, attempt: Callable[[Any], object]) -> None:
    """Speak TLS to a server that has none, and takes it for a bad request."""

    def serve(peer: Any) -> None:
        peer.sock.recv(4096)
        peer.sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    server = bench.stack.enter_context(RawServer(serve))
    attempt(bench.client(base_url=f"https://127.0.0.1:{server.port}/v1"))


def iterate(thing: Any) -> None:
    for _ in thing:
        pass


def twice(function: Callable[[], object]) -> None:
    function()
    function()


def recv_beside(bench: Bench) -> None:
    connection = bench.connection()
    with bench.consuming(connection):
        connection.recv(0)


def ask_beside(bench: Bench) -> None:
    connection = bench.connection()
    with bench.consuming(connection):
        connection.ask("Hello?")


def enter_twice(manager: Any) -> None:
    with manager, manager:
        pass


def set_env(bench: Bench, value: str | None) -> None:
    patch = bench.stack.enter_context(pytest.MonkeyPatch.context())
    if value is None:
        patch.delenv("OPENAI_API_KEY", raising=False)
    else:
        patch.setenv("OPENAI_API_KEY", value)


def key_in_env(bench: Bench, value: str | None) -> None:
    set_env(bench, value)
    OpenAI()


def run_app_beside(bench: Bench) -> None:
    app = bench.app()
    started, going_on = threading.Event(), threading.Event()

    @app.sender()
    def wait(context: Any) -> str:
        started.set()
        going_on.wait()
        app.stop()
        return ""

    thread = threading.Thread(target=app.run)
    thread.start()
    bench.guard.wait(started, "the app")
    try:
        app.run()
    finally:
        going_on.set()
        bench.guard.join(thread)


def broken_app(bench: Bench) -> None:
    server = ScriptedServer()
    app = Realtime("model", client=ScriptedClient(server))

    @app.sender(wait_for_text_response=True)
    def say(context: Any) -> str:
        server.emit(drop_link())
        return "Hello!"

    app.run()


def register_late(bench: Bench) -> None:
    app = bench.app()

    @app.sender()
    def register(context: Any) -> str:
        app.receiver("text")(print)
        return ""

    app.run()


def iterate_session_beside(bench: Bench) -> None:
    session = bench.session()

    def consume() -> None:
        while True:
            with suppress(ConcurrencyError):  # the other one was first
                for _ in session:
                    pass
                return

    def refused() -> ConcurrencyError | None:
        try:
            session.recv(timeout=0)
        except ConcurrencyError as exc:
            return exc
        except RealtimeTimeout:
            return None
        return None

    thread = threading.Thread(target=consume)
    thread.start()
    try:
        raise bench.guard.until(refused, "the other thread's iteration")
    finally:
        session.close()
        bench.guard.join(thread)


def receive_all(connection: Any) -> None:
    while True:
        connection.recv()


def refinery(bench: Bench) -> Any:
    client = AIRefinery("a", NOWHERE, proxy="", max_retries=0)
    return bench.stack.enter_context(client).realtime_distiller


def closed_sink(bench: Bench) -> WavSink:
    with WavSink(bench.folder / "a.wav", pace="fast") as sink:
        pass
    return sink


def run_agent(bench: Bench, **options: Any) -> None:
    agent = RealtimeAgent[Any](name="a", **options)
    bench.stack.enter_context(RealtimeRunner(agent, client=ScriptedClient(ScriptedServer())).run())


def run_twice(bench: Bench) -> None:
    loop = bench.loop()
    loop.close()
    loop.run()
    loop.run()


def forked(bench: Bench, attempt: Callable[[Any], object]) -> None:
    connection = bench.connection()
    in_a_child(lambda: attempt(connection))


def leave_and(bench: Bench) -> None:
    manager = bench.manager()
    with manager:
        pass
    manager.recv()


Misuse = Callable[[Bench], object]

MISUSES: dict[str, tuple[Misuse, type[Exception], str]] = {
    # -- a manager, a connection, a client: one taken for the other
    "manager as connection": (
        lambda b: b.manager().session.update(session={}),
        ConfigError,
        "with client.realtime.connect",
    ),
    "manager iterated": (lambda b: iterate(b.manager()), ConfigError, "not open yet"),
    "manager received from": (lambda b: b.manager().recv(), ConfigError, "enter()"),
    "manager opened twice": (
        lambda b: enter_twice(b.manager()),
        ConcurrencyError,
        "connect() for another",
    ),
    "manager after its block": (lambda b: leave_and(b), ConfigError, "what stands after `as`"),
    "connection as manager": (lambda b: b.connection().enter(), AttributeError, "enter"),
    "client class instead of a client": (
        lambda b: Realtime("m", client=OpenAI),
        ConfigError,
        "OpenAI()",
    ),
    "openai's client": (
        lambda b: Realtime("m", client=openai.OpenAI(api_key="a")),
        ConfigError,
        "OpenAI()",
    ),
    "openai's client for agents": (
        lambda b: b.stack.enter_context(
            RealtimeRunner(AGENT, client=openai.OpenAI(api_key="a")).run()
        ),
        UserError,
        "OpenAI()",
    ),
    "an event loop as client": (
        lambda b: Realtime("m", client=asyncio.Future),
        ConfigError,
        "OpenAI()",
    ),
    # -- too late, twice, from two threads, in a child
    "send after close": (
        lambda b: b.closed().response.create(),
        ConnectionClosed,
        "connect() opens another",
    ),
    "recv after close": (
        lambda b: receive_all(b.closed()),
        ConnectionClosed,
        "connect() opens another",
    ),
    "ask after close": (
        lambda b: b.closed().ask("Hello?"),
        ConnectionClosed,
        "connect() opens another",
    ),
    "wait_for after close": (
        lambda b: b.closed().wait_for("response.done"),
        ConnectionClosed,
        "connect() opens another",
    ),
    "connection entered after close": (
        lambda b: b.closed().__enter__().response.create(),
        ConnectionClosed,
        "opens another",
    ),
    "close inside iteration, then send": (close_inside, ConnectionClosed, "closed by this side"),
    "send after a block that failed": (leave_by_error, ConnectionClosed, "closed by this side"),
    "recv from two threads": (recv_beside, ConcurrencyError, "wait_for() in others"),
    "ask beside a recv": (ask_beside, ConcurrencyError, "consume in one thread"),
    "send in a forked child": (
        lambda b: forked(b, lambda c: c.response.create()),
        ConcurrencyError,
        "open one in the child",
    ),
    "recv in a forked child": (
        lambda b: forked(b, lambda c: c.recv(0)),
        ConcurrencyError,
        "open one in the child",
    ),
    "close in a forked child": (
        lambda b: forked(b, lambda c: c.close()),
        ConcurrencyError,
        "open one in the child",
    ),
    "iteration in a forked child": (
        lambda b: forked(b, iterate),
        ConcurrencyError,
        "open one in the child",
    ),
    "wait_for in a forked child": (
        lambda b: forked(b, lambda c: c.wait_for("response.done", timeout=0)),
        ConcurrencyError,
        "open one in the child",
    ),
    "ask in a forked child": (
        lambda b: forked(b, lambda c: c.ask("Hello?")),
        ConcurrencyError,
        "open one in the child",
    ),
    "a client in a forked child, whose server is not there": (
        client_in_a_child,
        ConnectError,
        "refused the connection",
    ),
    "session in a forked child": (
        lambda b: in_a_child((lambda s: lambda: s.send_message("Hi"))(b.session())),
        ConcurrencyError,
        "child",
    ),
    "connection pickled": (
        lambda b: pickle.dumps(b.connection()),
        ConcurrencyError,
        "make another where it is needed",
    ),
    "connection copied": (
        lambda b: copy.copy(b.connection()),
        ConcurrencyError,
        "make another where it is needed",
    ),
    "connection deep-copied": (
        lambda b: copy.deepcopy(b.connection()),
        ConcurrencyError,
        "make another where it is needed",
    ),
    # -- where it connects to
    "nothing listens": (connect_to, ConnectError, "127.0.0.1"),
    "an HTTP server": (to_http, RealtimeError, "WebSocket"),
    "a port too large": (
        lambda b: connect_to(b, base_url="http://127.0.0.1:70000/v1"),
        ConfigError,
        "malformed host or port",
    ),
    "port 0": (lambda b: connect_to(b, base_url="http://127.0.0.1:0/v1"), ConfigError, "port 0"),
    "ws: to a port with TLS": (
        lambda b: to_tls(b, lambda c: c.realtime.connect(model="a").enter()),
        ConnectError,
        "check whether the server expects wss://",
    ),
    "http: to a port with TLS": (
        lambda b: to_tls(b, lambda c: c.realtime.calls.hangup("rtc_1")),
        ConnectError,
        "expect https:// with TLS",
    ),
    "wss: to a port without TLS": (
        lambda b: to_plain(b, lambda c: c.realtime.connect(model="a").enter()),
        ConnectError,
        "does not speak TLS; use ws://",
    ),
    "https: to a port without TLS": (
        lambda b: to_plain(b, lambda c: c.realtime.calls.hangup("rtc_1")),
        ConnectError,
        "does not speak TLS; use http://",
    ),
    "no scheme": (lambda b: connect_to(b, base_url="127.0.0.1:8765"), ConfigError, "http"),
    "a file's URL": (lambda b: connect_to(b, base_url="file:///etc/passwd"), ConfigError, "http"),
    "an http URL for sockets": (
        lambda b: transport.connect("http://a", headers={}),
        ConfigError,
        "ws://",
    ),
    # -- keys
    "no key": (lambda b: key_in_env(b, None), ConfigError, "OPENAI_API_KEY"),
    "an empty key in the environment": (lambda b: key_in_env(b, ""), ConfigError, "OPENAI_API_KEY"),
    "a blank key": (lambda b: OpenAI(api_key="  "), ConfigError, "blank"),
    "a key with its line break": (lambda b: OpenAI(api_key="sk-a\n"), ConfigError, "line break"),
    "a key in bytes": (lambda b: OpenAI(api_key=b"sk-a"), ConfigError, "text"),
    "an async function for keys": (
        lambda b: connect_to(b, api_key=asynchronous),
        ConfigError,
        "coroutine",
    ),
    "azure without endpoint": (
        lambda b: AzureOpenAI(api_key="a"),
        ConfigError,
        "AZURE_OPENAI_ENDPOINT",
    ),
    "azure with two credentials": (
        lambda b: AzureOpenAI(azure_endpoint=NOWHERE, api_key="a", azure_ad_token="b"),
        ConfigError,
        "pass one",
    ),
    "yandex without a key": (lambda b: YandexAIStudio(), ConfigError, "YANDEX_API_KEY"),
    # -- files and sound
    "a path as sound": (
        lambda b: b.connection().ask(audio="question.wav"),
        FormatError,
        "read_wav",
    ),
    "sound as a path": (lambda b: write_wav(bytes(960), bytes(960)), ConfigError, "path of a file"),
    "a path as source": (lambda b: b.loop(source="question.wav"), ConfigError, "source"),
    "a missing file": (lambda b: read_wav(b.folder / "none.wav"), AudioError, "check the path"),
    "a directory": (lambda b: read_wav(b.folder), AudioError, "directory"),
    "a directory to write": (lambda b: write_wav(b.folder, bytes(960)), AudioError, "directory"),
    "no WAV": (lambda b: play(b.file("a.wav", "hello")), FormatError, "not WAV"),
    "samples that are no sound": (lambda b: Sound([1, 2]), FormatError, "to_pcm16"),
    "source class": (lambda b: b.loop(source=MemorySource), ConfigError, "source"),
    "a source that raises": (lambda b: b.loop(source=Raising()).run(), OSError, "the line is cut"),
    "loop run twice": (lambda b: run_twice(b), ConcurrencyError, "make a new one"),
    "loop on a closed connection": (
        lambda b: VoiceLoop(b.closed(), MemorySource(), MemorySink()).run(),
        ConnectionClosed,
        "opens another",
    ),
    "speaker written before start": (lambda b: Speaker().write(bytes(960)), DeviceError, "with"),
    "microphone iterated before start": (lambda b: next(iter(Microphone())), DeviceError, "with"),
    "sink written after close": (lambda b: closed_sink(b).write(bytes(960)), AudioError, "closed"),
    # -- tools, agents, hooks
    "a tool that is no function": (
        lambda b: b.connection().ask("Hi", tools=["weather"]),
        ConfigError,
        "function",
    ),
    "an async tool": (
        lambda b: b.connection().ask("Hi", tools=[asynchronous]),
        ConfigError,
        "async",
    ),
    "an async tool of agents": (lambda b: function_tool(asynchronous), UserError, "async"),
    "an undecorated tool of agents": (
        lambda b: run_agent(b, tools=[plain]),
        UserError,
        "function_tool",
    ),
    "a tool class": (lambda b: run_agent(b, tools=[RealtimeAgent]), UserError, "tool"),
    "an agent class": (lambda b: RealtimeRunner(RealtimeAgent), UserError, "RealtimeAgent"),
    "hooks class": (lambda b: b.session(config={"hooks": RealtimeRunHooks}), UserError, "hooks"),
    "an undecorated guardrail": (
        lambda b: run_agent(b, output_guardrails=[plain]),
        UserError,
        "decorate",
    ),
    "an async guardrail": (lambda b: output_guardrail(asynchronous), UserError, "async"),
    "session entered twice": (lambda b: b.session().enter(), ConcurrencyError, "make a new one"),
    "session entered after close": (
        lambda b: b.ended_session().enter(),
        ConcurrencyError,
        "make a new one",
    ),
    "message after close": (
        lambda b: b.ended_session().send_message("Hi"),
        ConnectionClosed,
        "runner.run() opens another",
    ),
    "connection of a session after its end": (
        lambda b: b.ended_session().connection.response.create(),
        ConnectionClosed,
        "runner.run() opens another",
    ),
    "recv of a session after its end": (
        lambda b: receive_all(b.ended_session()),
        ConnectionClosed,
        "runner.run() opens another",
    ),
    "translation after its end": (
        lambda b: receive_all(b.ended_translation()),
        ConnectionClosed,
        "translations.connect() opens another",
    ),
    "update of a translation after its end": (
        lambda b: b.ended_translation().session.update(session={}),
        LocalProtocolError,
        "translations.connect() opens another",
    ),
    "app whose link breaks": (
        broken_app,
        ConnectionClosed,
        "run() opens another",
    ),
    "message before enter": (
        lambda b: (
            RealtimeRunner(AGENT, client=ScriptedClient(ScriptedServer())).run().send_message("Hi")
        ),
        RealtimeError,
        "with",
    ),
    "session from two threads": (iterate_session_beside, ConcurrencyError, "thread"),
    # -- apps
    "an app without functions": (lambda b: b.app().run(), ConfigError, "sender"),
    "an app run twice at once": (run_app_beside, ConcurrencyError, "running already"),
    "a receiver registered late": (register_late, ConcurrencyError, "register"),
    "a decorator without parentheses": (
        lambda b: b.app().sender(plain),
        ConfigError,
        "parentheses",
    ),
    "an async sender": (lambda b: b.app().sender()(asynchronous), ConfigError, "async"),
    "an unknown receiver": (lambda b: b.app().receiver("words"), ConfigError, "audio_transcript"),
    # -- servers of our own, and tests
    "Local joined with options": (lambda b: Local(url=NOWHERE, port=1), ConfigError, "leave out"),
    "Local with an unknown option": (lambda b: Local(ports=1), TypeError, "ports"),
    "Local with a text for a port": (lambda b: Local(port="8765"), ConfigError, "whole number"),
    "distiller used before with": (
        lambda b: refinery(b).send_text_query("Hi"),
        ConfigError,
        "with client.realtime_distiller",
    ),
    "distiller's manager as session": (
        lambda b: refinery(b)(project="a", uuid="b").send_text_query("Hi"),
        ConfigError,
        "not open yet",
    ),
    "distiller's name with a slash": (
        lambda b: refinery(b)(project="a/b", uuid="c"),
        ConfigError,
        "letters",
    ),
    "distiller's missing file": (
        lambda b: refinery(b).create_project(project="a", config_path="none.yaml"),
        ConfigError,
        "can't be read",
    ),
    "distiller's file that is a folder": (
        lambda b: refinery(b).create_project(project="a", config_path=str(b.folder)),
        ConfigError,
        "can't be read",
    ),
    "distiller's file that is no YAML": (
        lambda b: refinery(b).create_project(project="a", config_path=b.file("a.yaml", "a: [")),
        ConfigError,
        "a.yaml",
    ),
    "a scripted server of a step": (lambda b: ScriptedServer(Step("a", [])), ScriptError, "step"),
    "a scripted client of a client": (
        lambda b: ScriptedClient(b.client()),
        ScriptError,
        "ScriptedServer",
    ),
    "a script that was not played": (
        lambda b: ScriptedServer([Step("response.create", [])]).assert_complete(timeout=0),
        ScriptError,
        "response.create",
    ),
}


@pytest.fixture
def bench(guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """What the misuses are done with."""
    for name in ("OPENAI_API_KEY", "YANDEX_API_KEY", "YANDEX_IAM_TOKEN", "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    with ExitStack() as stack:
        yield Bench(stack, tmp_path, guard)


# From Python 3.12 on a fork beside threads is warned of, and that is what is tried.
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("name", MISUSES)
def test_a_misuse_is_told(name: str, bench: Bench) -> None:
    misuse, error, words = MISUSES[name]
    with pytest.raises(error) as caught:
        misuse(bench)
    assert words in str(caught.value)


# -- what looks like a misuse, and does no harm ----------------------------------------------------


def close_beside(bench: Bench) -> None:
    connection = bench.connection()
    with bench.consuming(connection):
        connection.close()


def nested(bench: Bench) -> None:
    outer, inner = bench.connection(text_answer("A.")), bench.connection(text_answer("B."))
    assert (inner.ask("b").text, outer.ask("a").text) == ("B.", "A.")


def client_after_close(bench: Bench) -> None:
    with ScriptedClient(ScriptedServer([text_answer("Here.")])) as client:
        pass
    with client.realtime.connect() as connection:
        assert connection.ask("Hello?").text == "Here."


def one_in_another(bench: Bench) -> None:
    with Local() as outer, Local() as inner:
        assert outer is not inner


def local_in_a_child(bench: Bench) -> None:
    with Local() as client:
        assert client.url, "the server runs before the fork"

        def ask() -> None:
            with client.realtime.connect() as connection:
                raise RealtimeError(connection.ask("Please count to three.").text)

        with pytest.raises(RealtimeError, match="two"):
            in_a_child(ask, RealtimeError)
        with client.realtime.connect() as connection:
            assert not connection.closed, "the server is the parent's still"


def stopped_before(bench: Bench) -> None:
    app = bench.app()
    app.stop()
    assert not app.is_running()


def left_and_taken_up(bench: Bench) -> None:
    connection = bench.connection(text_answer("One two."))
    connection.response.create()
    for event in connection:
        if event.type == "response.created":
            break
    for event in connection:
        if event.type == "response.done":
            break


HARMLESS: dict[str, Misuse] = {
    "connection closed twice": lambda b: twice(b.closed().close),
    "connection closed beside a recv": close_beside,
    "iteration after close": lambda b: iterate(b.closed()),
    "iteration left and taken up": left_and_taken_up,
    "connections in one another": nested,
    "client used after close": client_after_close,
    "client closed twice": lambda b: twice(b.client().close),
    "Local in Local": one_in_another,
    "Local in a forked child": local_in_a_child,
    "microphone closed twice": lambda b: twice(Microphone().close),
    "speaker closed twice": lambda b: twice(Speaker().close),
    "sink closed twice": lambda b: twice(closed_sink(b).close),
    "session closed twice": lambda b: twice(b.ended_session().close),
    "loop closed before it runs": lambda b: b.loop().close(),
    "app stopped before it runs": stopped_before,
    "handler that was never given is taken back": lambda b: b.connection().off("event", print),
}


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("name", HARMLESS)
def test_what_does_no_harm(name: str, bench: Bench) -> None:
    HARMLESS[name](bench)
