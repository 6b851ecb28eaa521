"""Client secrets: short-lived keys for a browser, a phone or another process.

A secret opens sessions until it expires; a session that it opened goes on after that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from .._types import UNSET, Unset
from .._uncopied import Uncopied
from ..errors import RemoteProtocolError
from ..events import Model, Session, TranscriptionSession
from ..events.base import load
from ..events.client_secrets import ClientSecret, ExpiresAfterParam
from ..events.sessions import (
    RealtimeSessionCreateRequestParam,
    RealtimeTranscriptionSessionCreateRequestParam,
)
from .api import Resource, RestApi
from .raw import as_raw, as_streaming
from .request import Answer, Request, Timeout, expiry_of, json_body, json_object, merged, session_of

__all__ = [
    "ClientSecret",
    "ClientSecrets",
    "ClientSecretsWithRawResponse",
    "ClientSecretsWithStreamingResponse",
    "ExpiresAfterParam",
]


M = TypeVar("M", bound=Model)


def read_secret(cls: type[M]) -> Callable[[Answer], M]:
    """Return what makes a secret of an answer."""

    def parse(answer: Answer) -> M:
        fields = json_object(answer)
        if not isinstance(fields.get("value"), str) or not isinstance(
            fields.get("expires_at"), int
        ):
            raise RemoteProtocolError(
                "the server's answer lacks the secret's value or expires_at; it holds "
                f"{', '.join(sorted(map(repr, fields))) or 'nothing'}"
            )
        return load(cls, fields)

    return parse


class ClientSecrets(Resource):
    """``client.realtime.client_secrets``.

    Example:
        >>> from realtime_sync import Local
        >>> with Local() as client:
        ...     secret = client.realtime.client_secrets.create(
        ...         session={"type": "realtime", "instructions": "Be brief."},
        ...         expires_after={"anchor": "created_at", "seconds": 60},
        ...     )
        >>> secret.value[:3], secret.session.instructions
        ('ek_', 'Be brief.')
    """

    def create(
        self,
        *,
        expires_after: ExpiresAfterParam | Unset = UNSET,
        session: RealtimeSessionCreateRequestParam
        | RealtimeTranscriptionSessionCreateRequestParam
        | Session
        | TranscriptionSession
        | Unset = UNSET,
        extra_headers: Mapping[str, str] | None = None,
        extra_query: Mapping[str, object] | None = None,
        extra_body: Mapping[str, object] | None = None,
        timeout: Timeout | Unset = UNSET,
    ) -> ClientSecret:
        """Make a secret; is tried again after any failure of the server.

        Args:
            expires_after: 10 to 7200 s after its creation, by default 600.
            session: what the sessions that it opens start with; a realtime or a transcription
                session.
            extra_headers, extra_query, extra_body: added to the request; they win.
            timeout: see `realtime_sync.rest`.

        Raises:
            ConfigError, LocalProtocolError, ConnectError, RealtimeTimeout, ApiError,
            RemoteProtocolError: see `realtime_sync.rest`.
        """
        fields = {"expires_after": expiry_of(expires_after), "session": session_of(session)}
        return self._send(
            Request(
                path="/realtime/client_secrets",
                parse=read_secret(ClientSecret),
                body=json_body(merged(fields, extra_body)),
                repeatable=True,
                extra_headers=extra_headers,
                extra_query=extra_query,
                timeout=timeout,
            )
        )

    @property
    def with_raw_response(self) -> ClientSecretsWithRawResponse:
        """The same calls, returning `RawResponse`."""
        return ClientSecretsWithRawResponse(self._api)

    @property
    def with_streaming_response(self) -> ClientSecretsWithStreamingResponse:
        """The same calls, for a ``with`` block that gets a `StreamingResponse`."""
        return ClientSecretsWithStreamingResponse(self._api)


class ClientSecretsWithRawResponse(Uncopied):
    """`ClientSecrets` whose results are raw."""

    def __init__(self, api: RestApi) -> None:
        self.create = as_raw(ClientSecrets(api, "raw").create)


class ClientSecretsWithStreamingResponse(Uncopied):
    """`ClientSecrets` whose results are streamed."""

    def __init__(self, api: RestApi) -> None:
        self.create = as_streaming(ClientSecrets(api, "streaming").create)
