"""What a program still says that is ported in part, and what it is told to say instead.

Type checkers see nothing of this, so that they find the same mistakes by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar

from ._typing import TypedDict
from .errors import ConfigError

__all__ = [
    "NAMES_ELSEWHERE",
    "OPTIONS_ELSEWHERE",
    "OTHER_NAMES",
    "Absent",
    "Advising",
    "Blocking",
    "NoOptions",
    "NotAwaited",
    "name_of_another_package",
    "refuse_options",
]

# What other packages call it, and what it is called here.
OTHER_NAMES: Mapping[str, str] = {
    "APIConnectionError": "ConnectError",
    "APIError": "RealtimeError",
    "APIResponseValidationError": "RemoteProtocolError",
    "APIStatusError": "ApiError",
    "APITimeoutError": "RealtimeTimeout",
    "AsyncAIRefinery": "AIRefinery",
    "AsyncAzureOpenAI": "AzureOpenAI",
    "AsyncOpenAI": "OpenAI",
    "AsyncRealtimeConnection": "RealtimeConnection",
    "AsyncRealtimeConnectionManager": "RealtimeConnectionManager",
    "InvalidWebhookSignatureError": "WebhookSignatureError",
    "OpenAIError": "RealtimeError",
    "WebSocketConnectionClosedError": "ConnectionClosedError",
    "WebSocketQueueFullError": "QueueFullError",
}
_LEAVE_OUT = "leave the argument out instead"
_NO_HTTPX = "REST and WebSocket take proxy=… and ssl_context=… instead of an HTTP client"
# What other packages have, and what to do without it.
NAMES_ELSEWHERE: Mapping[str, str] = {
    **dict.fromkeys(("NOT_GIVEN", "NotGiven", "not_given", "Omit", "omit"), _LEAVE_OUT),
    **dict.fromkeys(
        (
            "DefaultAioHttpClient",
            "DefaultAsyncHttpx2Client",
            "DefaultAsyncHttpxClient",
            "DefaultHttpx2Client",
            "DefaultHttpxClient",
        ),
        _NO_HTTPX,
    ),
    "AsyncClient": "import OpenAI; it blocks: delete `async` and `await` where it is used",
    "BaseModel": "the values of realtime_sync.events are instances of their Model",
    "Client": "import OpenAI",
    "DataResidency": "write base_url=… with the address of the region",
    "ReconnectingOverrides": "on_reconnecting returns a dictionary",
    "Timeout": "timeout= takes seconds, or a pair (connect, read)",
}
# Of the clients of the openai package, and of its `realtime.connect`.
OPTIONS_ELSEWHERE: Mapping[str, str] = {
    "_enforce_credentials": "a client always needs a key; leave it out",
    "_strict_response_validation": "what a server sends is kept as it came; leave it out",
    "admin_api_key": "the realtime API takes none; use the `openai` package beside",
    "data_residency": "write base_url=… with the address of the region",
    "http_client": "write proxy=… or ssl_context=…, which hold for REST and WebSocket alike",
    "project": 'write default_headers={"OpenAI-Project": …}',
    "provider": "make the client of the provider: AzureOpenAI, YandexAIStudio, or base_url=…",
    "workload_identity": "write api_key=… with a function that returns a fresh token",
}


class NoOptions(TypedDict):
    """What may be given where another package has options and none of them is here."""


class _OtherNameError(ConfigError, ImportError):
    """Also an ImportError, so that `try: from … import …` goes on with its `except`."""


def name_of_another_package(name: str, asking: FrameType) -> ConfigError | None:
    """Return what to say to who wants a name that another package has, None for others.

    Args:
        name: what the package does not have.
        asking: the frame that asks the package for it.
    """
    ours = OTHER_NAMES.get(name)
    if ours is None and name not in NAMES_ELSEWHERE:
        return None
    words = f"; import {ours} instead" if ours else f": {NAMES_ELSEWHERE[name]}"
    if ours and "Async" in name:
        words += "; it blocks: delete `async` and `await` where it is used"
    # For `from … import …` the import system asks first whether there is such a name. It takes
    # an AttributeError for a no, and its own error says nothing of ours.
    is_import = asking.f_code.co_name == "_handle_fromlist"
    kind = _OtherNameError if is_import else _NotHereError
    return kind(f"realtime_sync has no {name}{words}")


def refuse_options(
    call: str, options: Mapping[str, Any], elsewhere: Mapping[str, str] = OPTIONS_ELSEWHERE
) -> None:
    """Say what to write for options that another package has; None asks for nothing.

    Args:
        call: what was called.
        options: what it was given and does not know.
        elsewhere: what to say of each.

    Raises:
        ConfigError: the option is one of another package's.
        TypeError: nobody has it.
    """
    for name, value in options.items():
        if name not in elsewhere:
            raise TypeError(f"{call}() got an unexpected keyword argument {name!r}")
        if value is not None:
            raise ConfigError(f"{call}() has no {name}=: {elsewhere[name]}")


class NotAwaited:
    """Is there when the call returns; who awaits it is told."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def __await__(self) -> Any:
            raise ConfigError(
                f"`await` got a {type(self).__name__}: the call before it has blocked and is done; "
                "delete `await`"
            )


class Blocking(NotAwaited):
    """Is used without an event loop; who writes ``async`` is told before anything happens."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def __aenter__(self) -> Any:
            raise self._is_not_async("async with", "with")

        def __aexit__(self, *exc: object) -> Any:  # looked up before __aenter__ is called
            raise self._is_not_async("async with", "with")

        def __aiter__(self) -> Any:
            raise self._is_not_async("async for", "for")

    def _is_not_async(self, use: str, instead: str) -> ConfigError:
        return ConfigError(
            f"`{use}` got a {type(self).__name__}, which blocks; write `{instead}`, and main() "
            "instead of asyncio.run(main())"
        )


class _NotHereError(ConfigError, AttributeError):
    """Also an AttributeError, so that `hasattr` and the default of `getattr` work as ever."""


class Absent:
    """An attribute that the same object of another package has, in a class without `Advising`.

    Args:
        name: of the attribute.
        advice: what to write instead.
    """

    __slots__ = ("_words",)

    def __init__(self, name: str, advice: str) -> None:
        self._words = f".{name}: {advice}"

    def __get__(self, obj: object, owner: type) -> Any:
        raise _NotHereError(self._words)


class Advising:
    """Says what to write for attributes that the same object of another package has.

    Attributes:
        _elsewhere: what to say of each of them.
    """

    _elsewhere: ClassVar[Mapping[str, str]] = {}

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            advice = self._elsewhere.get(name)
            if advice is not None:
                raise _NotHereError(f".{name}: {advice}")
            what = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(what, name=name, obj=self)
