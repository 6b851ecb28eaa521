"""The clients: who to talk to. ``client.realtime.connect(...)`` opens a conversation."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ._server_process import ServerProcess
from ._types import UNSET, Unset
from .errors import ConfigError
from .providers import DialectFactory, OpenAIProvider, dialect_factory
from .realtime import Client, RealtimeResource
from .rest._api import DEFAULT_MAX_RETRIES
from .transport import TransportOptions

if TYPE_CHECKING:
    import ssl

    from .rest._request import Timeout

__all__ = ["Local", "OpenAI"]

_OPENAI_URL = "https://api.openai.com/v1"
_LOCAL_MODEL = "local"


class OpenAI(Client):
    """OpenAI, or any server that speaks like it.

    Args:
        api_key: the key, or a callable that returns a fresh one at each connect; by default the
            environment variable ``OPENAI_API_KEY``.
        organization: by default ``OPENAI_ORG_ID``.
        project: by default ``OPENAI_PROJECT_ID``.
        base_url: by default ``OPENAI_BASE_URL``, else OpenAI's own.
        websocket_base_url: where WebSockets are opened, if elsewhere.
        default_headers: added to every request.
        default_query: added to every URL.
        webhook_secret: ``whsec_…``; by default ``OPENAI_WEBHOOK_SECRET``.
        timeout: of REST calls: seconds that the server may be silent, a pair (connect, read), or
            None; see `realtime_sync.rest`.
        max_retries: how often a REST call is tried again.
        proxy: ``http://[user:password@]host:port``; by default what the environment says.
        ssl_context: for a private certificate authority or a client certificate.
        dialect: ``"beta"`` for a server that still has the old names and the flat session; the
            program speaks GA with it all the same. Or what makes a
            `realtime_sync.providers.Dialect` for each connection.

    Raises:
        ConfigError: there is no key, or an option is wrong.

    Example:
        >>> client = OpenAI(api_key="sk-test")
        >>> client
        OpenAI(base_url='https://api.openai.com/v1')
    """

    def __init__(
        self,
        *,
        api_key: str | Callable[[], str] | None = None,
        organization: str | None = None,
        project: str | None = None,
        base_url: str | None = None,
        websocket_base_url: str | None = None,
        default_headers: Mapping[str, str] | None = None,
        default_query: Mapping[str, object] | None = None,
        webhook_secret: str | None = None,
        timeout: Timeout | Unset = UNSET,
        max_retries: int = DEFAULT_MAX_RETRIES,
        proxy: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        dialect: str | DialectFactory | None = None,
    ) -> None:
        key = api_key or os.environ.get("OPENAI_API_KEY")
        if not key:
            raise ConfigError(
                "no API key: pass api_key=… or set OPENAI_API_KEY; Local() needs none"
            )
        self._provider = OpenAIProvider(
            api_key=key,
            base_url=base_url or os.environ.get("OPENAI_BASE_URL") or _OPENAI_URL,
            websocket_base_url=websocket_base_url,
            organization=organization or os.environ.get("OPENAI_ORG_ID"),
            project=project or os.environ.get("OPENAI_PROJECT_ID"),
            default_headers=default_headers or {},
            default_query=default_query or {},
            dialect=dialect_factory(dialect),
        )
        self._webhook_secret = webhook_secret
        options = TransportOptions(proxy=proxy, ssl_context=ssl_context)
        self.realtime = RealtimeResource(
            lambda: self._provider, options, timeout=timeout, max_retries=max_retries
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._provider.base_url!r})"


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
        ssl_context: for a server with a certificate of a private authority.

    Raises:
        ConfigError: ``responder`` was given for a server that is running already.

    Threads: may be shared; connections are independent of each other.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        api_key: str | None = None,
        responder: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        if url is not None and responder is not None:
            raise ConfigError(
                "responder belongs to a server of our own; leave out url or responder"
            )
        self._joined_url = url
        self._joined_key = api_key or os.environ.get("REALTIME_SYNC_LOCAL_KEY") or "local"
        self._arguments: Sequence[str] = () if responder is None else ("--responder", responder)
        self._process: ServerProcess | None = None
        self._lock = threading.Lock()  # guards _process; held while it starts, so it starts once
        options = TransportOptions(proxy="", ssl_context=ssl_context)  # it is on this machine
        self.realtime = RealtimeResource(self._provider, options, default_model=_LOCAL_MODEL)

    @property
    def url(self) -> str:
        """The server's REST base URL; starts the server if it is not running."""
        return self._joined_url or self._server().url

    @property
    def api_key(self) -> str:
        """The key that the server takes; starts the server if it is not running."""
        return self._joined_key if self._joined_url else self._server().api_key

    def _provider(self) -> OpenAIProvider:
        return OpenAIProvider(api_key=self.api_key, base_url=self.url)

    def _server(self) -> ServerProcess:
        with self._lock:
            if self._process is not None and not self._process.running:
                self._process.close()
                self._process = None
            if self._process is None:
                self._process = ServerProcess(self._arguments)
            return self._process

    def close(self) -> None:
        """End the server if it was started here; idempotent. A later connect starts another."""
        super().close()
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.close()

    def __repr__(self) -> str:
        where = self._joined_url or (self._process.url if self._process else None)
        return f"{type(self).__name__}(url={where!r})"
