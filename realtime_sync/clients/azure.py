"""Azure OpenAI."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping

from .._net.secrets import show_url
from .._porting import NoOptions, refuse_options
from .._required import is_absent, require_function
from .._types import UNSET, SSLContext, Unset
from .._typing import Unpack
from ..errors import ConfigError
from ..providers import AzureProvider, BetaDialect, DialectFactory, dialect_factory
from ..providers.azure import azure_base_url
from ..rest.api import DEFAULT_MAX_RETRIES
from ..rest.request import Timeout
from ..transport import TransportOptions
from .base import Client, RealtimeResource, mapping_option, text_option

__all__ = ["AzureOpenAI"]

log = logging.getLogger(__name__)


class AzureOpenAI(Client):
    """A resource of Azure OpenAI.

    Without ``api_version`` it speaks the GA API, ``{endpoint}/openai/v1/realtime?model=…``. With
    one it speaks the preview API as the ``openai`` package does,
    ``{endpoint}/openai/realtime?api-version=…&deployment=…``, and by the dialect "beta", since
    that API has the old names and the flat session.

    Args:
        azure_endpoint: ``https://RESOURCE.openai.azure.com``; by default
            ``AZURE_OPENAI_ENDPOINT``.
        azure_deployment: the deployment to use; it stands in for the ``model`` of `connect`.
        api_key: the key, or a callable that returns a fresh one at each connect; by default
            ``AZURE_OPENAI_API_KEY``, unless there is a token.
        azure_ad_token: an Entra ID token; by default ``AZURE_OPENAI_AD_TOKEN``.
        azure_ad_token_provider: returns a fresh token; called at each connect.
        api_version: of the preview API; by default ``OPENAI_API_VERSION``, as in the ``openai``
            package. ``""`` is the GA API whatever the environment says.
        organization: sent as ``OpenAI-Organization``.
        base_url: instead of ``azure_endpoint``, where the path is another one.
        websocket_base_url: where WebSockets are opened, if elsewhere.
        default_headers: added to every request.
        default_query: added to every URL.
        webhook_secret: ``whsec_…``; by default ``OPENAI_WEBHOOK_SECRET``.
        timeout: of REST calls: seconds that the server may be silent, a pair (connect, read), or
            None; see `realtime_sync.rest`.
        max_retries: how often a REST call is tried again.
        proxy: ``http://[user:password@]host:port``; by default what the environment says.
        ssl_context: for a private certificate authority or a client certificate.
        dialect: ``"ga"`` or ``"beta"``, where it is not what the API version says.

    Raises:
        ConfigError: the endpoint or the credential is missing, or there are two.

    Example:
        >>> AzureOpenAI(azure_endpoint="https://my.openai.azure.com", api_key="k", api_version="")
        AzureOpenAI(base_url='https://my.openai.azure.com/openai/v1')
    """

    def __init__(
        self,
        *,
        azure_endpoint: str | None = None,
        azure_deployment: str | None = None,
        api_key: str | Callable[[], str] | None = None,
        azure_ad_token: str | None = None,
        azure_ad_token_provider: Callable[[], str] | None = None,
        api_version: str | None = None,
        organization: str | None = None,
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
        version = _api_version(api_version)
        key, token = _credential(api_key, azure_ad_token, azure_ad_token_provider)
        spoken: DialectFactory | None = BetaDialect if version is not None else None
        self._provider = AzureProvider(
            api_key=key,
            azure_ad_token=token,
            deployment=azure_deployment,
            api_version=version,
            organization=text_option("organization", organization, "OPENAI_ORG_ID"),
            base_url=_base_url(azure_endpoint, base_url, version),
            websocket_base_url=websocket_base_url,
            default_headers=mapping_option(default_headers),
            default_query=mapping_option(default_query),
            dialect=spoken if dialect is None else dialect_factory(dialect),
        )
        self._webhook_secret = text_option(
            "webhook_secret", webhook_secret, "OPENAI_WEBHOOK_SECRET"
        )
        options = TransportOptions(proxy=proxy, ssl_context=ssl_context)
        self.realtime = RealtimeResource(
            lambda: self._provider,
            options,
            default_model=azure_deployment,
            timeout=timeout,
            max_retries=max_retries,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={show_url(self._provider.base_url)})"


def _api_version(given: str | None) -> str | None:
    if given is not None:
        return None if is_absent(given) else given
    version = os.environ.get("OPENAI_API_VERSION")
    if version:
        log.info("OPENAI_API_VERSION is %s: speaking Azure's preview API, not its GA API", version)
    return version or None


def _base_url(endpoint: str | None, base_url: str | None, version: str | None) -> str:
    if base_url is not None:
        if endpoint is not None:
            raise ConfigError("azure_endpoint and base_url were both given: base_url replaces it")
        return base_url
    endpoint = text_option("azure_endpoint", endpoint, "AZURE_OPENAI_ENDPOINT")
    if not endpoint:
        raise ConfigError(
            "no endpoint: pass azure_endpoint='https://RESOURCE.openai.azure.com' or set "
            "AZURE_OPENAI_ENDPOINT"
        )
    return azure_base_url(endpoint, api_version=version)


def _credential(
    api_key: str | Callable[[], str] | None,
    token: str | None,
    provider: Callable[[], str] | None,
) -> tuple[str | Callable[[], str] | None, str | Callable[[], str] | None]:
    if provider is not None:
        what = "azure_ad_token_provider"
        require_function(provider, what, takes=(), error=ConfigError)
    given = [value for value in (api_key, token, provider) if value is not None]
    if len(given) > 1:
        raise ConfigError(
            "api_key, azure_ad_token and azure_ad_token_provider exclude each other: pass one"
        )
    if not given:  # a credential in the call wins over whatever is in the environment
        token = os.environ.get("AZURE_OPENAI_AD_TOKEN")
        api_key = None if token else os.environ.get("AZURE_OPENAI_API_KEY")
    if all(map(is_absent, (api_key, token, provider))):
        raise ConfigError(
            "no credential: pass api_key=…, azure_ad_token=… or azure_ad_token_provider=…, or set "
            "AZURE_OPENAI_API_KEY or AZURE_OPENAI_AD_TOKEN"
        )
    return api_key, provider if token is None else token
