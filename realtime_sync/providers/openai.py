"""OpenAI's own URLs and headers, and those of every server that speaks like it.

Source: the provider's WebSocket guide ("GA" version): ``{base}/realtime?model=…`` with a bearer
token. The ``OpenAI-Beta`` header is sent with the dialect "beta" only: the GA server refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from ..errors import ConfigError
from .base import Endpoint, Provider, Secret, a_secret, a_text_or_none, ask_secret

__all__ = ["OpenAIProvider"]


@frozen(kw_only=True)
class OpenAIProvider(Provider):
    """The settings of one OpenAI-compatible server; see `Provider` for the others.

    Attributes:
        api_key: the key, or a callable that returns a fresh one at each connect.
        organization, project: sent as ``OpenAI-Organization`` and ``OpenAI-Project``, or None.
    """

    api_key: Secret = field(repr=False, validator=a_secret)
    organization: str | None = field(default=None, validator=a_text_or_none)
    project: str | None = field(default=None, validator=a_text_or_none)

    def translation(
        self, *, model: str, extra_query: Mapping[str, object], extra_headers: Mapping[str, str]
    ) -> Endpoint:
        """Return where a translation is opened: ``{base}/realtime/translations?model=…``.

        Raises:
            ConfigError: the query has an ``intent``, which this path does not know.
        """
        query = {**self.default_query, "model": model, **extra_query}
        if "intent" in query:
            raise ConfigError("translations take no intent in the query: leave it out")
        url = self._url("/realtime/translations", query)
        return Endpoint(url, self.rest_headers(extra_headers))

    def _identity(self) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {ask_secret(self.api_key, 'api_key')}"}
        if self.organization is not None:
            headers["OpenAI-Organization"] = self.organization
        if self.project is not None:
            headers["OpenAI-Project"] = self.project
        return headers
