"""The embedded server as a client: no key, no network."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

from .. import _lazy
from .._fork import HomeLock
from .._net.secrets import show_url
from ..errors import ConfigError
from ..providers import OpenAIProvider
from ..transport import TransportOptions
from ._server_process import ServerProcess, start_server
from .base import Client, RealtimeResource

if TYPE_CHECKING:
    import ssl

    from ..distiller.client import AIRefinery

__all__ = ["Local"]

StrPath = str | os.PathLike[str]

_MODEL = "local"
_PACKAGE = __name__.partition(".")[0]


class Local(Client):
    """The embedded server: a real server of the same protocol, with no key and no network.

    It is started at the first connect, in a process of its own, and ends with `close`, with the
    ``with`` block, or with this process in whatever way that ends.

    Args:
        url: join a server that is running already (``realtime-sync serve``), such as
            ``"http://127.0.0.1:8765/v1"``; by default one is started.
        api_key: the key of the server at ``url``; by default ``REALTIME_SYNC_LOCAL_KEY``.
        responder: who answers: ``"scripted"``, ``"scripted:FILE.yaml"``, ``"echo"`` or
            ``"chat:URL"`` for an OpenAI-compatible chat endpoint. Only for a server of our own.
        grammar: what the recogniser listens for, instead of general English: a list of phrases
            (or single words), of which each turn of the user is one, such as
            ``["turn on the lamp", "stop"]``; or the path of a file with a phrase per line or with
            a JSGF grammar. What does not sound like any of it gives no words. Only for a server
            of our own.
        projects: the folder in which the Distiller's projects are kept; by default they go with
            the server. Only for a server of our own.
        ssl_context: for a server with a certificate of a private authority.

    Raises:
        ConfigError: ``responder``, ``grammar`` or ``projects`` was given for a server that is
            running already, or ``grammar`` is neither phrases nor a path. When the server is
            started: they are wrong; a phrase has words that the pronouncing dictionary lacks.

    Threads: may be shared; connections are independent of each other.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        api_key: str | None = None,
        responder: str | None = None,
        grammar: Sequence[str] | StrPath | None = None,
        projects: StrPath | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        options_of_ours = {
            "responder": _responder_option(responder),
            "grammar": _grammar_options(grammar),
            "projects": _projects_option(projects),
        }
        self._arguments = [each for options in options_of_ours.values() for each in options]
        if url is not None and self._arguments:
            name = next(name for name, options in options_of_ours.items() if options)
            raise ConfigError(f"{name} belongs to a server of our own; leave out url or {name}")
        self._joined_url = url
        self._joined_key = api_key or os.environ.get("REALTIME_SYNC_LOCAL_KEY") or "local"
        self._process: ServerProcess | None = None
        self._lock = HomeLock()  # guards _process; held while it starts, so it starts once
        self._ssl_context = ssl_context
        options = TransportOptions(proxy="", ssl_context=ssl_context)  # it is on this machine
        self.realtime = RealtimeResource(self._provider, options, default_model=_MODEL)

    @property
    def url(self) -> str:
        """The server's REST base URL; starts the server if it is not running."""
        return self._joined_url or self._server().url

    @property
    def api_key(self) -> str:
        """The key that the server takes; starts the server if it is not running."""
        return self._joined_key if self._joined_url else self._server().api_key

    def airefinery(self) -> AIRefinery:
        """Return a client of AI Refinery's protocol for this server; starts it if needed."""
        client = cast("type[AIRefinery]", _lazy.load(_PACKAGE, "distiller.client", "AIRefinery"))
        # A function, so that whoever has the client has the server as well.
        return client(lambda: self.api_key, self.url, proxy="", ssl_context=self._ssl_context)

    def _provider(self) -> OpenAIProvider:
        return OpenAIProvider(api_key=self.api_key, base_url=self.url)

    def _server(self) -> ServerProcess:
        with self._lock.here():
            if self._process is not None and not self._process.running:
                self._process.close()
                self._process = None
            if self._process is None:
                self._process = start_server(self._arguments)
            return self._process

    def close(self) -> None:
        """End the server if it was started here; idempotent. A later connect starts another."""
        super().close()
        with self._lock.here():
            process, self._process = self._process, None
        if process is not None:
            process.close()

    def __repr__(self) -> str:
        where = self._joined_url or (self._process.url if self._process else None)
        return f"{type(self).__name__}(url={show_url(where)})"


def _responder_option(responder: str | None) -> list[str]:
    return [] if responder is None else [f"--responder={responder}"]


def _projects_option(projects: StrPath | None) -> list[str]:
    return [] if projects is None else [f"--projects={os.fspath(projects)}"]


def _grammar_options(grammar: Sequence[str] | StrPath | None) -> list[str]:
    if grammar is None:
        return []
    if isinstance(grammar, (str, os.PathLike)):
        return [f"--grammar={os.fspath(grammar)}"]
    phrases = list(grammar) if isinstance(grammar, Iterable) else []
    if not phrases or not all(isinstance(phrase, str) and phrase.strip() for phrase in phrases):
        raise ConfigError(
            f"grammar={grammar!r:.80} is nothing to listen for; give a list of phrases such as "
            "['turn on the lamp', 'stop'], or the path of a grammar"
        )
    return [f"--phrase={phrase}" for phrase in phrases]
