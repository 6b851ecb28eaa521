"""Whole apps, with a server that follows a script."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest
from scripted_app import app_of, say, sent

import realtime_sync
from realtime_sync import (
    AzureOpenAI,
    ConcurrencyError,
    ConfigError,
    ConnectError,
    OpenAI,
    ReconnectPolicy,
)
from realtime_sync.app import Context, Realtime, realtime
from realtime_sync.app.app_run import AppPlan
from realtime_sync.testing import (
    ScriptedServer,
    Step,
    drop_link,
    function_call,
    text_answer,
)

Server = Callable[..., ScriptedServer]


def test_it_is_a_name_of_the_package() -> None:
    assert realtime_sync.Realtime is Realtime


# -- the session -----------------------------------------------------------------------------------


def test_without_settings_the_session_is_the_servers(scripted_server: Server) -> None:
    server = scripted_server()
    app = app_of(server)
    say(app)
    app.run()
    assert server.sent == []
    assert server.urls[0].endswith("realtime?model=gpt-realtime")


def test_settings_under_the_ported_names(scripted_server: Server) -> None:
    def look_up(word: str) -> str:
        """Look a word up."""
        return word

    server = scripted_server()
    app = app_of(
        server,
        modalities=["text", "audio"],
        instructions="Be brief.",
        voice="marin",
        turn_detection=None,
        input_audio_format="g711_ulaw",
        output_audio_format="pcm16",
        input_audio_transcription={"model": "whisper-1"},
        tool_choice="required",
        temperature=0.7,
        max_response_output_tokens=100,
        tools=[look_up],
    )
    say(app)
    app.run()
    [update] = sent(server, "session.update")
    session = update["session"]
    tools = session.pop("tools")
    assert [tool["name"] for tool in tools] == ["look_up"]
    assert session == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": "Be brief.",
        "audio": {
            "input": {
                "format": {"type": "audio/pcmu"},
                "transcription": {"model": "whisper-1"},
                "turn_detection": None,
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "marin"},
        },
        "tool_choice": "required",
        "temperature": 0.7,
        "max_output_tokens": 100,
    }


def test_no_header_of_the_old_protocol(scripted_server: Server) -> None:
    """With it the provider refuses the connection today."""
    server = scripted_server()
    seen: list[dict[str, str]] = []

    def opened(url: str, headers: Any, options: Any) -> Any:
        seen.append(dict(headers))
        return server.open(url, headers, options)

    client = realtime_sync.OpenAI(api_key="k", base_url="http://x.invalid/v1")
    app = Realtime("gpt-realtime", client=client, connection_options={"transport": opened})
    say(app)
    app.run()
    assert [name for name in seen[0] if "beta" in name.lower()] == []


def test_on_another_client(scripted_server: Server) -> None:
    server = scripted_server([text_answer("Hello.")])
    client = AzureOpenAI(azure_endpoint="https://x.invalid", api_key="k", api_version="2025-08-28")
    app = Realtime("mine", client=client, connection_options={"transport": server.open})
    heard: list[str] = []
    say(app, "Hi.")
    app.receiver("text")(lambda text, context: heard.append(text))
    app.run()
    assert heard == ["Hello."]
    assert "x.invalid" in server.urls[0]


def test_the_client_of_the_environment(
    scripted_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://y.invalid/v1")
    server = scripted_server()
    app = Realtime("gpt-realtime", connection_options={"transport": server.open})
    say(app)
    app.run()
    assert "y.invalid" in server.urls[0]


def test_options_of_the_connection_are_checked(scripted_server: Server) -> None:
    options = {"websocket_connection_options": {"no_such": 1}}
    app = app_of(ScriptedServer(), connection_options=options)
    say(app)
    with pytest.raises(ConfigError, match="no_such"):
        app.run()
    assert not app.is_running()


def test_the_context_is_the_programs(scripted_server: Server) -> None:
    context: dict[str, Any] = {}
    server = scripted_server([text_answer("Hello.")])
    app = app_of(server, context=context)
    assert app.context is context

    @app.sender()
    def send(context: Context) -> str:
        if context.setdefault("calls", 0):
            raise StopIteration
        context["calls"] += 1
        return "Hi."

    @app.receiver("text")
    def receive(text: str, context: Context) -> None:
        context["text"] = text

    app.run()
    assert context == {"calls": 1, "text": "Hello."}


# -- mistakes --------------------------------------------------------------------------------------


async def awaited(*arguments: Any) -> None: ...


async def streamed(context: Context) -> Any:
    yield "text"


class Awaited:
    async def __call__(self, *arguments: Any) -> None: ...


@pytest.mark.parametrize("function", [awaited, streamed, Awaited()])
def test_async_functions_are_refused(function: Any) -> None:
    app = Realtime("gpt-realtime")

    def tool(word: str) -> str:
        return word

    for register in (app.sender(), app.receiver("text"), app.function_call(tool)):
        with pytest.raises(ConfigError, match="delete async"):
            register(function)


def test_functions_that_take_something_else_are_refused() -> None:
    app = Realtime("gpt-realtime")

    def tool(word: str) -> str:
        return word

    def nothing() -> str:
        return ""

    for register, takes in (
        (app.sender(), r"sender 'nothing' is called with \(context\), and takes \(\)"),
        (app.receiver("text"), r"receiver 'nothing' is called with \(response, context\)"),
        (app.function_call(tool), r"handler 'nothing' is called with \(call, context\)"),
    ):
        with pytest.raises(ConfigError, match=takes):
            register(nothing)  # type: ignore[arg-type]
        register(print)  # says nothing of what it takes


def test_what_else_is_refused() -> None:
    app = Realtime("gpt-realtime")
    with pytest.raises(ConfigError, match="parentheses"):
        app.sender(awaited)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="there is no receiver of 'sound'"):
        app.receiver("sound")  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="is a function"):
        app.receiver("text")(7)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="model must be a text with something in it"):
        Realtime("")
    with pytest.raises(ConfigError, match="takes a list"):
        Realtime("gpt-realtime", tools=print)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="connection_options takes a dictionary"):
        Realtime("gpt-realtime", connection_options=["reconnect"])  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="connection_options has no 'retries'; connect"):
        Realtime("gpt-realtime", connection_options={"retries": 3})
    with pytest.raises(ConfigError, match="client=7 is none"):
        Realtime("gpt-realtime", client=7)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="no receiver of"):
        app.receiver(["text"])  # type: ignore[call-overload]
    for wrong in (0, True):
        with pytest.raises(ConfigError, match=rf"max_queue_bytes .* 1 or more, not {wrong}"):
            Realtime("gpt-realtime", max_queue_bytes=wrong)

    def look_up(word: str) -> str:
        return word

    with pytest.raises(ConfigError, match="two tools are called look_up"):
        Realtime("gpt-realtime", tools=[look_up, look_up])


def test_a_decorator_returns_the_function() -> None:
    app = Realtime("gpt-realtime")

    def function(*arguments: Any) -> str:
        return ""

    assert app.sender()(function) is function
    assert app.receiver("text")(function) is function


# -- running ---------------------------------------------------------------------------------------


def test_it_tells_the_truth_about_running(scripted_server: Server) -> None:
    server = scripted_server([text_answer("Hello.")])
    app = app_of(server)
    seen: list[Any] = []
    say(app, "Hi.")

    @app.receiver("text")
    def receive(text: str, context: Context) -> None:
        seen.append(app.is_running())
        seen.append(app.connection.closed)
        with pytest.raises(ConcurrencyError, match="running already"):
            app.run()
        with pytest.raises(ConcurrencyError, match="the app is running"):
            app.receiver("text")(receive)

    assert not app.is_running()
    app.run()
    assert seen == [True, False]
    assert not app.is_running()
    with pytest.raises(ConfigError, match="no connection"):
        app.connection  # noqa: B018


def test_it_may_run_again(scripted_server: Server) -> None:
    server = scripted_server([text_answer("One."), text_answer("Two.")])
    app = app_of(server)
    heard: list[str] = []
    texts = iter(["a", None, "b"])

    @app.sender(wait_for_text_response=True)
    def send(context: Context) -> str:
        text = next(texts)
        if text is None:
            raise StopIteration
        return text

    app.receiver("text")(lambda text, context: heard.append(text))
    app.run()
    assert heard == ["One."]
    app.run()
    assert heard == ["One.", "Two."]


def test_stop_before_and_after_does_nothing(scripted_server: Server) -> None:
    app = app_of(scripted_server())
    app.stop()
    say(app)
    app.run()
    app.stop()


@pytest.mark.parametrize("where", ["sender", "receiver", "elsewhere"])
def test_it_can_be_stopped_from_anywhere(scripted_server: Server, where: str) -> None:
    server = scripted_server([text_answer("Hello.")])
    app = app_of(server)
    begun = threading.Event()

    @app.sender(wait_for_text_response=True)
    def send(context: Context) -> str | None:
        if begun.is_set():
            if where == "sender":
                app.stop()
            return None
        return "Hi."

    @app.receiver("text")
    def receive(text: str, context: Context) -> None:
        begun.set()
        if where == "receiver":
            app.stop()

    def elsewhere() -> None:
        begun.wait(30)
        if where == "elsewhere":
            app.stop()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    app.run()
    thread.join(30)


@pytest.mark.parametrize("choice", ["required", "auto"])
def test_a_forced_call_is_not_forced_again(scripted_server: Server, choice: str) -> None:
    """Else the answer to its output would be another call, and so on for ever."""

    def look_up(word: str) -> str:
        """Look a word up."""
        return word

    call = function_call("look_up", {"word": "a"})
    server = scripted_server([call, text_answer("Hello.")])
    app = app_of(server, tools=[look_up], tool_choice=choice)
    say(app, "Hi.", wait_for_text_response=True)
    app.run()
    _, follow_up = sent(server, "response.create")
    forced = choice == "required"
    assert follow_up["response"].get("tool_choice") == ("auto" if forced else None)


class Unreachable:
    """A transport that comes about never; meanwhile something happens."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self.meanwhile = meanwhile

    def __call__(self, *arguments: Any) -> NoReturn:
        self.meanwhile()
        raise ConnectError("nobody is there")


def test_stop_while_it_connects() -> None:
    """From the call of `run` on it is running, and can be stopped."""
    client = OpenAI(api_key="key")
    app = Realtime("gpt-realtime", client=client)
    say(app)
    app._connection_options["transport"] = Unreachable(lambda: app.stop())
    app.run()
    app._connection_options["transport"] = Unreachable(lambda: None)
    with pytest.raises(ConnectError, match="nobody"):
        app.run()


def test_stop_as_soon_as_it_is_running(
    scripted_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_of(scripted_server())
    monkeypatch.setattr(realtime, "AppPlan", lambda **plan: (app.stop(), AppPlan(**plan))[1])
    app.sender()(lambda context: None)
    app.run()


def test_an_app_of_receivers_ends_with_the_connection(scripted_server: Server) -> None:
    from realtime_sync.testing import close_link

    server = scripted_server()
    app = app_of(server)
    heard: list[str] = []
    app.receiver(None)(lambda event, context: heard.append(event["type"]))

    def end() -> None:
        server.wait_opened(1)
        server.emit([*text_answer("Hello."), *close_link(1000, "bye")])

    thread = threading.Thread(target=end)
    thread.start()
    app.run()
    thread.join(30)
    assert heard[0] == "session.created"
    assert heard[-1] == "response.done", "all that came before is delivered"


def test_a_lost_link_ends_it_visibly(scripted_server: Server) -> None:
    server = scripted_server([Step("response.create", drop_link())])
    app = app_of(server)
    say(app, "Hi.", wait_for_text_response=True)
    with pytest.raises(realtime_sync.ConnectionClosedError):
        app.run()
    assert not app.is_running()


def test_with_a_policy_it_goes_on_with_its_state(scripted_server: Server) -> None:
    server = scripted_server(
        [
            text_answer("Nice to meet you."),
            [*text_answer("You are")[:3], *drop_link()],
            text_answer("You are Tom."),
        ]
    )
    app = app_of(server, connection_options={"reconnect": ReconnectPolicy(initial_delay=0)})
    heard: list[str] = []
    say(app, "I am Tom.", "Who am I?", "Who am I?", wait_for_text_response=True)
    app.receiver("text")(lambda text, context: heard.append(text))
    app.run()
    assert heard == ["Nice to meet you.", "You are Tom."]
    assert len(server.urls) == 2
    told = [event["item"] for event in sent(server, "conversation.item.create")]
    texts = [part["text"] for item in told for part in item["content"]]
    assert texts.count("I am Tom.") == 2, "the new session was told"


def test_a_generator_streams(scripted_server: Server) -> None:
    server = scripted_server([text_answer("I heard you.")], session={})
    app = app_of(server, turn_detection=None)
    calls: list[int] = []

    @app.sender(wait_for_text_response=True)
    def send(context: Context) -> Iterator[bytes]:
        if calls:
            raise StopIteration
        calls.append(1)
        yield b"\1\0" * 100
        yield b"\2\0" * 100

    heard: list[str] = []
    app.receiver("text")(lambda text, context: heard.append(text))
    app.run()
    assert server.heard == b"\1\0" * 100 + b"\2\0" * 100
    kinds = [event["type"] for event in server.sent]
    assert kinds == [
        "session.update",
        "input_audio_buffer.append",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "response.create",
    ]
    assert heard == ["I heard you."]
