"""What a program still says that is ported in part, and what it is told to say instead.

Type checkers see nothing of this, so that they find the same mistakes by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from .errors import ConfigError

__all__ = ["OTHER_NAMES", "Absent", "Advising", "Blocking", "NotAwaited", "name_of_another_package"]

# What other packages call it, and what it is called here.
OTHER_NAMES: Mapping[str, str] = {
    "APIConnectionError": "ConnectError",
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


def name_of_another_package(name: str) -> ConfigError | None:
    """Return what to say of an import by the name that another package has, None for others."""
    ours = OTHER_NAMES.get(name)
    if ours is None:
        return None
    hint = "; it blocks: delete `async` and `await` where it is used" if "Async" in name else ""
    return ConfigError(f"realtime_sync has no {name}; import {ours} instead{hint}")


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
