"""Client secrets for sessions that translate."""

from __future__ import annotations

from collections.abc import Mapping

from .._types import UNSET, Unset
from .._uncopied import Uncopied
from ..events import TranslationSession
from ..events.client_secrets import ExpiresAfterParam, TranslationClientSecret
from ..events.sessions import RealtimeTranslationSessionCreateRequestParam
from .api import Resource, RestApi
from .client_secrets import read_secret
from .raw import as_raw, as_streaming
from .request import Request, Timeout, expiry_of, json_body, merged, session_of

__all__ = [
    "TranslationClientSecret",
    "TranslationClientSecrets",
    "TranslationClientSecretsWithRawResponse",
    "TranslationClientSecretsWithStreamingResponse",
    "TranslationsWithRawResponse",
    "TranslationsWithStreamingResponse",
]


class TranslationClientSecrets(Resource):
    """``client.realtime.translations.client_secrets``."""

    def create(
        self,
        *,
        session: RealtimeTranslationSessionCreateRequestParam | TranslationSession,
        expires_after: ExpiresAfterParam | Unset = UNSET,
        extra_headers: Mapping[str, str] | None = None,
        extra_query: Mapping[str, object] | None = None,
        extra_body: Mapping[str, object] | None = None,
        timeout: Timeout | Unset = UNSET,
    ) -> TranslationClientSecret:
        """Make a secret for a translation; is tried again after any failure of the server.

        Args:
            session: what the session starts with; ``model`` is required.
            expires_after: 10 to 7200 s after its creation, by default 600.
            extra_headers, extra_query, extra_body: added to the request; they win.
            timeout: see `realtime_sync.rest`.

        Raises:
            ConfigError, LocalProtocolError, ConnectError, RealtimeTimeout, ApiError,
            RemoteProtocolError: see `realtime_sync.rest`.
        """
        fields = {
            "session": session_of(session, optional=False),
            "expires_after": expiry_of(expires_after),
        }
        return self._send(
            Request(
                path="/realtime/translations/client_secrets",
                parse=read_secret(TranslationClientSecret),
                body=json_body(merged(fields, extra_body)),
                repeatable=True,
                extra_headers=extra_headers,
                extra_query=extra_query,
                timeout=timeout,
            )
        )

    @property
    def with_raw_response(self) -> TranslationClientSecretsWithRawResponse:
        """The same calls, returning `RawResponse`."""
        return TranslationClientSecretsWithRawResponse(self._api)

    @property
    def with_streaming_response(self) -> TranslationClientSecretsWithStreamingResponse:
        """The same calls, for a ``with`` block that gets a `StreamingResponse`."""
        return TranslationClientSecretsWithStreamingResponse(self._api)


class TranslationClientSecretsWithRawResponse(Uncopied):
    """`TranslationClientSecrets` whose results are raw."""

    def __init__(self, api: RestApi) -> None:
        self.create = as_raw(TranslationClientSecrets(api, "raw").create)


class TranslationClientSecretsWithStreamingResponse(Uncopied):
    """`TranslationClientSecrets` whose results are streamed."""

    def __init__(self, api: RestApi) -> None:
        self.create = as_streaming(TranslationClientSecrets(api, "streaming").create)


class TranslationsWithRawResponse(Uncopied):
    """``client.realtime.translations.with_raw_response``."""

    def __init__(self, api: RestApi) -> None:
        self.client_secrets = TranslationClientSecretsWithRawResponse(api)


class TranslationsWithStreamingResponse(Uncopied):
    """``client.realtime.translations.with_streaming_response``."""

    def __init__(self, api: RestApi) -> None:
        self.client_secrets = TranslationClientSecretsWithStreamingResponse(api)
