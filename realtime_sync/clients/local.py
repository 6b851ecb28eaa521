"""The embedded server as a client: no key, no network."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from .. import _lazy
from .._fork import HomeLock
from .._net.address import HTTP_PORTS, server_url
from .._net.secrets import show_url
from .._required import is_absent, is_number, is_text, is_whole, require, require_path, require_text
from .._shown import shown
from .._types import SSLContext
from .._typing import TypedDict, Unpack
from ..errors import ConfigError
from ..providers import OpenAIProvider
from ..providers.base import check_secret
from ..transport import TransportOptions
from ._server_process import ServerProcess, start_server
from .base import Client, RealtimeResource, secret_option

if TYPE_CHECKING:
    from ..distiller.client import AIRefinery
else:
    AIRefinery = Any  # of a higher layer, reached by name

__all__ = ["Local", "ServerOptions"]

StrPath = str | os.PathLike[str]

_MODEL = "local"
_PACKAGE = __name__.partition(".")[0]
# The options that are given once for each text of a list: how, and what the list is to hold.
_LISTS = {
    "grammar": (
        "--phrase",
        "phrases such as ['turn on the lamp', 'stop'], or the path of a grammar",
    ),
    "allow_hosts": ("--allow-host", "names such as ['voice.example']"),
    "allow_origins": ("--allow-origin", "origins such as ['https://app.example']"),
    "models": ("--model", "names such as ['my-model', 'test-*']"),
}

_PATHS = ("grammar", "projects", "tls_cert", "tls_key")
_WHOLE = (
    "max_conversation_mib", "max_incoming_mib", "max_item_mib", "max_items", "max_sessions",
    "max_stored", "port",
)  # fmt: skip
_NUMBERS = (
    *_WHOLE, "drain", "idle_timeout", "max_input_audio", "message_timeout", "ping_interval",
    "request_timeout", "session_limit",
)  # fmt: skip
_LARGEST = 1 << 63
_LONGEST_TEXT = 4096


class ServerOptions(TypedDict, total=False):
    """The options of a server of our own: those of ``realtime-sync serve``, under their names.

    Attributes:
        host: the address to bind; by default this machine only.
        port: the port to bind; by default any free one.
        tls_cert: file of a certificate chain (PEM): https and wss. Give a private authority's to
            ``ssl_context``.
        tls_key: file of its private key (PEM), unless in the same file.
        allow_hosts: further names by which it may be asked, such as ``["voice.example"]``.
        allow_origins: sites whose pages may use it, such as ``["https://app.example"]``.
        models: names of further models to take, with ``*`` for anything.
        responder: who answers: ``"scripted"`` (the default), ``"scripted:FILE.yaml"``, ``"echo"``
            or ``"chat:URL"`` for an OpenAI-compatible chat endpoint.
        grammar: what the recogniser listens for, instead of general English: a list of phrases
            (or single words), of which each turn of the user is one, such as
            ``["turn on the lamp", "stop"]``; or the path of a file with a phrase per line or with
            a JSGF grammar. What does not sound like any of it gives no words.
        synthesizer: who speaks: ``"espeak"`` (the default) or ``"flite"``.
        session_limit: seconds after which a session expires, 3600 by default.
        projects: the folder in which the Distiller's projects are kept; by default they go with
            the server.
        ping_interval: seconds between two ``PING`` of the Distiller, 10 by default.
        idle_timeout: seconds without a message after which the Distiller closes a session, 1800
            by default.
        drain: seconds that open sessions may go on after SIGTERM, 20 by default.
        log_level: what it logs to its standard error: ``"debug"``, ``"info"``, ``"warning"`` (the
            default) or ``"error"``.
        max_sessions: how many sessions of all kinds may be open at once, 512 by default.
        max_items: how many items a conversation may hold, 50,000 by default.
        max_item_mib: how large one of them may be, its sound included, 16 MiB by default.
        max_conversation_mib: how much sound a conversation keeps, and how much of everything else
            it may hold, 128 MiB by default.
        max_input_audio: how many seconds of sound may wait in a session's input buffer, 900 by
            default.
        request_timeout: within how many seconds a new connection must have sent a complete
            request, 10 by default.
        message_timeout: within how many seconds a message must be complete, 30 by default.
        max_incoming_mib: how much the unfinished messages of all clients may take together, 256
            MiB by default.
        max_stored: how many client secrets, calls and versions of projects are kept, of each,
            10,000 by default.
    """

    host: str | None
    port: int | None
    tls_cert: StrPath | None
    tls_key: StrPath | None
    allow_hosts: Sequence[str] | None
    allow_origins: Sequence[str] | None
    models: Sequence[str] | None
    responder: str | None
    grammar: Sequence[str] | StrPath | None
    synthesizer: str | None
    session_limit: float | None
    projects: StrPath | None
    ping_interval: float | None
    idle_timeout: float | None
    drain: float | None
    log_level: str | None
    max_sessions: int | None
    max_items: int | None
    max_item_mib: int | None
    max_conversation_mib: int | None
    max_input_audio: float | None
    request_timeout: float | None
    message_timeout: float | None
    max_incoming_mib: int | None
    max_stored: int | None


class Local(Client):
    """The embedded server: a real server of the same protocol, with no key and no network.

    It is started at the first connect, in a process of its own, and ends with `close`, with the
    ``with`` block, or with this process in whatever way that ends.

    Args:
        url: join a server that is running already (``realtime-sync serve``), such as
            ``"http://127.0.0.1:8765/v1"``; by default one is started.
        api_key: the key of the server. By default a server of our own gets a random one, and for
            one at ``url`` it is ``REALTIME_SYNC_LOCAL_KEY``.
        ssl_context: for a server with a certificate of a private authority.
        options: of a server of our own, such as ``responder="echo"``, see `ServerOptions`. None
            leaves one out.

    Raises:
        ConfigError: an option was given for a server that is running already, ``grammar`` is
            neither phrases nor a path, or ``models`` are no names. When the server is started: an
            option is wrong; a phrase has words that the pronouncing dictionary lacks.

    Threads: may be shared; connections are independent of each other.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        api_key: str | None = None,
        ssl_context: SSLContext | None = None,
        **options: Unpack[ServerOptions],
    ) -> None:
        given = {name: value for name, value in options.items() if value is not None}
        for name in given:
            if name not in ServerOptions.__annotations__:
                raise TypeError(f"Local() got an unexpected keyword argument {name!r}")
            if url is not None:
                raise ConfigError(f"{name} belongs to a server of our own; leave out url or {name}")
        _check_joined(url, api_key)
        self._arguments = [each for item in given.items() for each in _arguments(*item)]
        self._joined_url = url
        self._given_key = api_key
        self._joined_key = secret_option(api_key, "REALTIME_SYNC_LOCAL_KEY") or "local"
        self._process: ServerProcess | None = None
        self._lock = HomeLock()  # guards _process; held while it starts, so it starts once
        self._ssl_context = ssl_context
        transport = TransportOptions(proxy="", ssl_context=ssl_context)  # it is on this machine
        self.realtime = RealtimeResource(self._provider, transport, default_model=_MODEL)

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
                self._process = start_server(self._arguments, api_key=self._given_key)
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


def _check_joined(url: object, api_key: object) -> None:
    if url is not None:
        require_text(url, "url", error=ConfigError)
        example = "http://127.0.0.1:8765/v1"
        server_url(str(url), name="url", ports=HTTP_PORTS, example=example, login=True)
    if not is_absent(api_key):
        if not isinstance(api_key, str):
            raise ConfigError(f"api_key is a {type(api_key).__name__}; pass a text")
        check_secret(api_key, "api_key")


def _single(name: str, value: object) -> object:
    """Return an option with one value; what it may be, the server says.

    Raises:
        ConfigError: it is of another type.
    """
    if name in _PATHS:
        return require_path(value, name, error=ConfigError)
    if name in _NUMBERS:
        whole = name in _WHOLE
        fits = is_whole(value, -_LARGEST, _LARGEST) if whole else is_number(value)
        require(
            fits, f"{name} must be a {'whole ' if whole else ''}number", value, error=ConfigError
        )
    else:
        fits = is_text(value) and "\0" not in value
        require(fits, f"{name} must be a text", value, error=ConfigError)
        require(len(str(value)) < _LONGEST_TEXT, f"{name} is too long", value, error=ConfigError)
    return value


def _arguments(name: str, value: object) -> list[str]:
    """Return an option as the server's command line has it."""
    is_text = isinstance(value, (str, os.PathLike))
    if name not in _LISTS or (name == "grammar" and is_text):
        return [f"--{name.replace('_', '-')}={_single(name, value)}"]
    flag, wanted = _LISTS[name]
    texts: list[object] = []
    if isinstance(value, Iterable) and not is_text and not isinstance(value, Mapping):
        texts = list(value)
    if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        raise ConfigError(f"{name}={shown(value)} is wrong; give a list of {wanted}")
    return [f"{flag}={text}" for text in texts]
