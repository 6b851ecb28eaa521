"""OpenAI, and every server that speaks like it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .._net.secrets import show_url
from .._porting import NoOptions, refuse_options
from .._required import is_absent
from .._types import UNSET, SSLContext, Unset
from .._typing import Unpack
from ..errors import ConfigError
from ..providers import DialectFactory, OpenAIProvider, dialect_factory
from ..rest.api import DEFAULT_MAX_RETRIES
from ..rest.request import Timeout
from ..transport import TransportOptions
from .base import Client, RealtimeResource, mapping_option, secret_option, text_option

__all__ = ["OpenAI"]

_OPENAI_URL = "https://api.openai.com/v1"


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
        ssl_context: SSLContext | None = None,
        dialect: str | DialectFactory | None = None,
        **elsewhere: Unpack[NoOptions],
    ) -> None:
        refuse_options(type(self).__name__, elsewhere)
        key = secret_option(api_key, "OPENAI_API_KEY")
        if is_absent(key):
            raise ConfigError(
                "no API key: pass api_key=… or set OPENAI_API_KEY; Local() needs none"
            )
        self._provider = OpenAIProvider(
            api_key=key,
            base_url=text_option("base_url", base_url, "OPENAI_BASE_URL") or _OPENAI_URL,
            websocket_base_url=websocket_base_url,
            organization=text_option("organization", organization, "OPENAI_ORG_ID"),
            project=text_option("project", project, "OPENAI_PROJECT_ID"),
            default_headers=mapping_option(default_headers),
            default_query=mapping_option(default_query),
            dialect=dialect_factory(dialect),
        )
        self._webhook_secret = text_option(
            "webhook_secret", webhook_secret, "OPENAI_WEBHOOK_SECRET"
        )
        options = TransportOptions(proxy=proxy, ssl_context=ssl_context)
        self.realtime = RealtimeResource(
            lambda: self._provider, options, timeout=timeout, max_retries=max_retries
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={show_url(self._provider.base_url)})"
