"""`Realtime`: an app out of decorated functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, TypeVar, overload

from .._required import (
    is_async,
    require,
    require_count,
    require_flag,
    require_name,
    require_parameters,
)
from .._shown import shown
from .._signal_safe import Claim, StopSignal
from .._types import UNSET, JsonDict, Unset
from .._uncopied import Uncopied
from ..audio.sound import Sound
from ..clients.base import CLIENTS_OF_OURS, Client, RealtimeResource, is_client
from ..connection.connection import RealtimeConnection
from ..connection.settings import DEFAULT_MAX_QUEUE_BYTES
from ..errors import ConcurrencyError, ConfigError, ConnectError
from ..events.session_shape import nested_config
from .answer_parts import KINDS, Kind
from .app_run import AppPlan, AppReceiver, AppRun
from .app_settings import check_settings
from .realtime_tool import AppTool, RealtimeTool, ToolLike, as_app_tool
from .sender_thread import AppSender

__all__ = ["Context", "Realtime"]

Context = dict[str, Any]
"""What an app hands to its senders, receivers and handlers: a dictionary that they share."""

F = TypeVar("F", bound=Callable[..., Any])
V = TypeVar("V")

_ReceiverOf = Callable[[Callable[[V, Context], object]], Callable[[V, Context], object]]


class Realtime(Uncopied):
    """A voice app: functions that send, and functions that receive, each on its own thread.

    ::

        app = Realtime("gpt-realtime-2", modalities=["text"])

        @app.sender(wait_for_text_response=True)
        def send_message(context: Context) -> str:
            return async_input("You: ")

        @app.receiver("text")
        def receive_text(response: str, context: Context) -> None:
            print("AI:", response)

        app.run()

    Args:
        model: the model's name.
        client: whose model it is; `realtime_sync.OpenAI` from the environment by default.
        context: handed to every function; an empty dictionary by default.
        modalities: ``["text"]``, or ``["text", "audio"]``; so, and with all settings below, what is
            left out is the server's to decide.
        instructions: what the model is told.
        voice: what it speaks with.
        turn_detection: how the server finds the turns of the user; None for not at all.
        input_audio_format: such as ``"pcm16"`` or ``"g711_ulaw"``.
        output_audio_format: likewise.
        input_audio_transcription: such as ``{"model": "gpt-4o-mini-transcribe"}``.
        tool_choice: ``"auto"``, ``"none"``, ``"required"`` or a tool.
        temperature: for servers of the beta protocol; others refuse it.
        max_response_output_tokens: a number, or ``"inf"``.
        tools: functions, or classes with a ``call()``, that the model may call in every answer.
        connection_options: keywords of ``client.realtime.connect``, such as
            ``{"reconnect": ReconnectPolicy()}``.
        max_queue_bytes: how much may wait for one receiver; what is beyond ends the app.

    Attributes:
        context: as given.

    Raises:
        ConfigError: an option is wrong, or a tool can't be described.

    Threads:
        `stop` may be called anywhere, also in a signal handler. Functions are registered before
        `run`.
    """

    def __init__(
        self,
        model: str,
        *,
        client: Client | None = None,
        context: Context | None = None,
        modalities: Sequence[str] | Unset = UNSET,
        instructions: str | Unset = UNSET,
        voice: str | Unset = UNSET,
        turn_detection: Mapping[str, Any] | Unset | None = UNSET,
        input_audio_format: str | Unset = UNSET,
        output_audio_format: str | Unset = UNSET,
        input_audio_transcription: Mapping[str, Any] | Unset | None = UNSET,
        tool_choice: str | Mapping[str, Any] | Unset = UNSET,
        temperature: float | Unset = UNSET,
        max_response_output_tokens: int | Literal["inf"] | Unset = UNSET,
        tools: Sequence[ToolLike] = (),
        connection_options: Mapping[str, Any] | None = None,
        max_queue_bytes: int = DEFAULT_MAX_QUEUE_BYTES,
    ) -> None:
        settings = {
            "modalities": modalities,
            "instructions": instructions,
            "voice": voice,
            "turn_detection": turn_detection,
            "input_audio_format": input_audio_format,
            "output_audio_format": output_audio_format,
            "input_audio_transcription": input_audio_transcription,
            "tool_choice": tool_choice,
            "temperature": temperature,
            "max_response_output_tokens": max_response_output_tokens,
        }
        given = {name: value for name, value in settings.items() if value is not UNSET}
        require_name(model, "model", error=ConfigError)
        check_settings(given)
        require_count(max_queue_bytes, "max_queue_bytes", least=1, error=ConfigError)
        if client is not None and not is_client(client):
            raise ConfigError(f"client={shown(client)} is none; {CLIENTS_OF_OURS}")
        if context is not None:
            require(
                isinstance(context, dict),
                "context must be a dictionary",
                context,
                error=ConfigError,
            )
        self.context: Context = {} if context is None else context
        self._model = model
        self._client = client
        self._session: JsonDict = nested_config(given)
        self._tools = _by_name(tools)
        self._connection_options = _options(connection_options)
        self._max_queue_bytes = max_queue_bytes
        self._senders: list[AppSender] = []
        self._receivers: list[AppReceiver] = []
        self._handlers: dict[str, Callable[..., Any]] = {}
        self._running = Claim()  # of the run whose end this signal is
        self._connection: RealtimeConnection | None = None

    # -- registering -----------------------------------------------------------------------------

    def sender(
        self,
        wait_for_text_response: bool = False,
        wait_for_audio_transcript_response: bool = False,
        tools: Sequence[ToolLike] | None = None,
    ) -> Callable[[F], F]:
        """Register a function that says something, and is called again and again.

        It gets the context and returns text; or sound, as PCM in the session's format, or as a WAV
        file in bytes or `io.BytesIO`; or one of these and the tools of this answer: ``(value,
        [tools])``. The message is sent, and an answer is asked for. None and ``""`` send nothing.

        A generator yields the same piece by piece, as a microphone does. When it ends, its turn is
        over: without turn detection it is committed and answered; with it the server has answered
        what it heard, and only speech that goes on is committed.

        `stop`, ``StopIteration`` and ``asyncio.CancelledError`` end the app in order, and any other
        exception with that.

        Args:
            wait_for_text_response: call it again only when the answer, with all that follows from
                calls in it, is over, and the receivers of text have returned.
            wait_for_audio_transcript_response: the same for the receivers of transcripts.
            tools: for this sender's answers instead of the app's. A generator's are added to the
                session's.

        Raises:
            ConfigError: it is no plain function, or a tool can't be described.
            ConcurrencyError: the app is running.
        """
        if callable(wait_for_text_response):
            raise ConfigError("write @app.sender() with its parentheses")
        for name, flag in (
            ("wait_for_text_response", wait_for_text_response),
            ("wait_for_audio_transcript_response", wait_for_audio_transcript_response),
        ):
            require_flag(flag, name, error=ConfigError)
        kinds: list[Kind] = []
        if wait_for_text_response:
            kinds += ["text", "text_chunk"]
        if wait_for_audio_transcript_response:
            kinds += ["audio_transcript", "audio_transcript_chunk"]
        described = None if tools is None else [*_by_name(tools).values()]

        def register(function: F) -> F:
            self._check(function, "sender", ("context",))
            self._senders.append(AppSender(function, tuple(kinds), described))
            return function

        return register

    @overload
    def receiver(self, response_type: Literal["text", "audio_transcript"]) -> _ReceiverOf[str]: ...
    @overload
    def receiver(self, response_type: Literal["audio"]) -> _ReceiverOf[Sound]: ...
    @overload
    def receiver(self, response_type: Literal["tool"]) -> _ReceiverOf[RealtimeTool]: ...
    @overload
    def receiver(
        self,
        response_type: Literal["text_chunk", "audio_chunk", "audio_transcript_chunk", "tool_chunk"]
        | None,
    ) -> _ReceiverOf[dict[str, Any]]: ...

    def receiver(self, response_type: Any) -> Any:
        """Register a function that gets what comes, and the context.

        Each has a thread and a queue of its own, so a slow one delays nobody.

        Args:
            response_type: ``"text"`` and ``"audio_transcript"``: a str, when that part of an answer
                is complete. ``"audio"``: a `realtime_sync.audio.Sound`, which
                `realtime_sync.audio.play` takes. ``"tool"``: a call, a `RealtimeTool`. Each of
                the four with ``_chunk``: the event of a piece, as a dictionary. None: every event
                of the server's, as a dictionary.

        Raises:
            ConfigError: there is no such type, or it is no plain function.
            ConcurrencyError: the app is running.
        """
        if response_type is not None and not _is_kind(response_type):
            raise ConfigError(
                f"there is no receiver of {shown(response_type)}; there are {', '.join(KINDS)} and "
                "None for all events"
            )

        def register(function: F) -> F:
            self._check(function, "receiver", ("response", "context"))
            self._receivers.append(AppReceiver(function, response_type))
            return function

        return register

    def function_call(self, tool: ToolLike) -> Callable[[F], F]:
        """Register a function that answers the calls of a tool, in place of the tool itself.

        It gets the call, a `RealtimeTool`, and the context. What it returns is told to the model,
        which is then asked to go on. It runs beside all else, several calls at once.

        Args:
            tool: as in ``tools=``.

        Raises:
            ConfigError: it is no plain function, or the tool can't be described.
            ConcurrencyError: the app is running.
        """
        name = as_app_tool(tool).name

        def register(function: F) -> F:
            self._check(function, "handler", ("call", "context"))
            self._handlers[name] = function
            return function

        return register

    def _check(self, function: object, what: str, takes: tuple[str, ...]) -> None:
        if self.is_running():
            raise ConcurrencyError(f"the app is running: register the {what} before")
        if not callable(function):
            raise ConfigError(f"a {what} is a function, not {shown(function)}")
        if is_async(function):
            raise ConfigError(
                f"the {what} {getattr(function, '__name__', '')!r} is async and nobody would await "
                "it; delete async and await"
            )
        name = f"the {what} {getattr(function, '__name__', '')!r}"
        require_parameters(function, name, takes=takes, error=ConfigError)

    # -- running ---------------------------------------------------------------------------------

    def run(self) -> None:
        """Connect, and run until the app is ended; every thread of it has ended then, too.

        It returns after `stop`, when a sender has nothing more to say, or when the server closes
        the connection in order. Ctrl-C ends it with `KeyboardInterrupt`. A function that does not
        return within five seconds is left behind, which is logged.

        Raises:
            ConfigError: it has no functions.
            ConcurrencyError: it is running already.
            ConnectError, ApiError: the server can't be reached, or refuses.
            ConnectionClosedError: the connection broke.
            ServerError: the server refused something that the app has sent.
            QueueFullError: a receiver was too slow for what came.
            BaseException: what a sender or a receiver has raised.
        """
        # The signal is the claim's token, so that from the first moment on `stop` finds it.
        running, stop = self._running, StopSignal()
        try:  # see `Claim`
            if running.setdefault("now", stop) is not stop:
                raise ConcurrencyError("this app is running already; make another, or stop() it")
            self._run(stop)
        finally:
            if "now" in running and running["now"] is stop:
                del running["now"]

    def _run(self, stop: StopSignal) -> None:
        if not self._senders and not self._receivers and not self._handlers:
            raise ConfigError(
                "this app has no functions, so it would wait for ever: register some before "
                "run(), such as @app.sender()"
            )
        plan = AppPlan(
            senders=tuple(self._senders),
            receivers=tuple(self._receivers),
            handlers=dict(self._handlers),
            tools=self._tools,
            context=self.context,
            session=self._session,
            follow_up=self._follow_up,
            max_queue_bytes=self._max_queue_bytes,
        )
        try:
            with self._open_client() as client:
                manager = client.realtime.connect(model=self._model, **self._connection_options)
                with manager as connection:
                    self._connection = connection
                    connection.opened_by = "run()"
                    AppRun(plan, connection, stop).run()
        except ConnectError:
            if not stop.is_set:  # else nobody wants the connection any more
                raise
        finally:
            self._connection = None

    def _open_client(self) -> AbstractContextManager[Client]:
        """Return the program's client, or one of our own that is closed after this run."""
        if self._client is not None:
            return nullcontext(self._client)
        from ..clients.openai import OpenAI

        return OpenAI()

    @property
    def _follow_up(self) -> JsonDict:
        """The settings of answers to outputs: a choice that forced a call would force the next."""
        forced = self._session.get("tool_choice", "auto") not in ("auto", "none")
        return {"tool_choice": "auto"} if forced else {}

    def stop(self) -> None:
        """End the app in order: `run` returns. Idempotent; it does not wait."""
        stop = self._running.get("now")
        if isinstance(stop, StopSignal):
            stop.set()

    def is_running(self) -> bool:
        """Return whether `run` has been called and has not returned."""
        return self._running.locked()

    @property
    def connection(self) -> RealtimeConnection:
        """The connection while the app runs: its history, and all that a client can send.

        The app consumes it, so `recv`, iteration, `ask` and `stream` are not for others; `wait_for`
        and `watch` are.

        Raises:
            ConfigError: the app has no connection.
        """
        connection = self._connection
        if connection is None:
            raise ConfigError("the app has no connection; it has one while run() is running")
        return connection


def _is_kind(response_type: object) -> bool:
    return isinstance(response_type, str) and response_type in KINDS


def _options(given: Mapping[str, Any] | None) -> dict[str, Any]:
    if given is not None and not isinstance(given, Mapping):
        raise ConfigError(f"connection_options takes a dictionary of keywords, not {shown(given)}")
    known = {*inspect.signature(RealtimeResource.connect).parameters} - {"self", "model"}
    if unknown := sorted(map(repr, set(given or {}) - known)):
        raise ConfigError(
            f"connection_options has no {', '.join(unknown)}; connect() knows "
            f"{', '.join(sorted(known))}"
        )
    return dict(given or {})


def _by_name(tools: Sequence[ToolLike]) -> dict[str, AppTool]:
    if not isinstance(tools, list | tuple):
        raise ConfigError(f"tools= takes a list of functions and classes, not {shown(tools)}")
    found: dict[str, AppTool] = {}
    for each in map(as_app_tool, tools):
        if each.name in found:
            raise ConfigError(f"two tools are called {each.name}; rename one")
        found[each.name] = each
    return found
