"""Azure OpenAI's URLs and headers.

Sources: Microsoft's realtime guide for the "v1" (GA) URL; the published ``openai`` package for
the form with an ``api-version``, which is that of the preview API.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from ..errors import ConfigError
from .base import Provider, Secret, a_secret_or_none, a_text_or_none, ask_secret

__all__ = ["AzureProvider", "azure_base_url"]


@frozen(kw_only=True)
class AzureProvider(Provider):
    """The settings of one Azure OpenAI resource; see `Provider` for the others.

    Attributes:
        api_key: sent as ``api-key``; or a callable. Wins over the token.
        azure_ad_token: an Entra ID token, sent as ``Authorization: Bearer``; or a callable.
        deployment: stands in for the model where one is given.
        api_version: of the preview API; None for GA.
        organization: sent as ``OpenAI-Organization``, or None.
    """

    api_key: Secret | None = field(default=None, repr=False, validator=a_secret_or_none)
    azure_ad_token: Secret | None = field(default=None, repr=False, validator=a_secret_or_none)
    deployment: str | None = field(default=None, validator=a_text_or_none)
    api_version: str | None = field(default=None, validator=a_text_or_none)
    organization: str | None = field(default=None, validator=a_text_or_none)

    @property
    def rest_query(self) -> Mapping[str, object]:
        """What the URL of every REST request ends in."""
        if self.api_version is None:
            return self.default_query
        return {"api-version": self.api_version, **self.default_query}

    def _target(self, model: str | None, call_id: str | None) -> dict[str, object]:
        deployment = self.deployment or model
        if self.api_version is None:
            return Provider._target(self, None if call_id else deployment, call_id)
        if deployment is None:
            raise ConfigError(
                "connect() needs model=… with the name of the deployment (or azure_deployment=… "
                "in the client): the preview API finds nothing without one"
            )
        return {"api-version": self.api_version, "deployment": deployment}

    def _identity(self) -> dict[str, str]:
        headers = {}
        if self.api_key is not None:
            headers["api-key"] = ask_secret(self.api_key, "api_key")
        elif self.azure_ad_token is not None:
            token = ask_secret(self.azure_ad_token, "azure_ad_token_provider")
            headers["Authorization"] = f"Bearer {token}"
        if self.organization is not None:
            headers["OpenAI-Organization"] = self.organization
        return headers


def azure_base_url(endpoint: str, *, api_version: str | None) -> str:
    """Return the REST base of a resource.

    Args:
        endpoint: such as ``https://my-resource.openai.azure.com``; what the portal shows behind
            that (``/openai``, ``/openai/v1``) may be left on.
        api_version: of the preview API, or None for GA.

    Example:
        >>> azure_base_url("https://my-resource.openai.azure.com/", api_version=None)
        'https://my-resource.openai.azure.com/openai/v1'
    """
    resource = endpoint.rstrip("/").removesuffix("/v1").removesuffix("/openai")
    return f"{resource}/openai" + ("" if api_version is not None else "/v1")
