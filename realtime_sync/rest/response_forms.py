"""All resources of REST at once, in their raw and streaming forms."""

from __future__ import annotations

from .._uncopied import Uncopied
from .api import RestApi
from .calls import CallsWithRawResponse, CallsWithStreamingResponse
from .client_secrets import ClientSecretsWithRawResponse, ClientSecretsWithStreamingResponse
from .translations import TranslationsWithRawResponse, TranslationsWithStreamingResponse

__all__ = ["RealtimeWithRawResponse", "RealtimeWithStreamingResponse"]


class RealtimeWithRawResponse(Uncopied):
    """``client.realtime.with_raw_response``: the REST calls, returning `RawResponse`."""

    def __init__(self, api: RestApi) -> None:
        self.client_secrets = ClientSecretsWithRawResponse(api)
        self.calls = CallsWithRawResponse(api)
        self.translations = TranslationsWithRawResponse(api)


class RealtimeWithStreamingResponse(Uncopied):
    """``client.realtime.with_streaming_response``: the REST calls, for ``with`` blocks."""

    def __init__(self, api: RestApi) -> None:
        self.client_secrets = ClientSecretsWithStreamingResponse(api)
        self.calls = CallsWithStreamingResponse(api)
        self.translations = TranslationsWithStreamingResponse(api)
