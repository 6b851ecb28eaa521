"""Programs that are written for an Azure endpoint: the published `openai` package's, and ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from embedded import Server
from openai_peer import Peer, async_peer, sync_peer

from realtime_sync import AuthenticationError, AzureOpenAI, NotFoundError

pytestmark = pytest.mark.timeout(30)

VERSION = "2025-04-01-preview"
MODEL = "gpt-realtime"


def endpoint(server: Server) -> str:
    return server.url.removesuffix("/v1")


def by_version(server: Server) -> Iterator[Peer]:
    """``/openai/realtime?api-version=…&deployment=…``."""
    client = openai.AsyncAzureOpenAI(
        azure_endpoint=endpoint(server), api_key=server.key, api_version=VERSION
    )
    return async_peer(server, MODEL, client)


def by_token_and_deployment(server: Server) -> Iterator[Peer]:
    """The same, where the client names the deployment."""
    client = openai.AsyncAzureOpenAI(
        azure_endpoint=endpoint(server),
        azure_ad_token=server.key,
        api_version=VERSION,
        azure_deployment=MODEL,
    )
    return async_peer(server, "it is not this one", client)


def by_version_without_tls(server: Server) -> Iterator[Peer]:
    """The same; the package makes a wss URL of every endpoint but this."""
    client = openai.AzureOpenAI(
        azure_endpoint=endpoint(server),
        websocket_base_url=f"{endpoint(server)}/openai".replace("http", "ws", 1),
        api_key=server.key,
        api_version=VERSION,
    )
    return sync_peer(server, MODEL, client)


def by_ga(server: Server) -> Iterator[Peer]:
    """``/openai/v1/realtime?model=…``, as the provider's documents have it."""
    base_url = f"{endpoint(server)}/openai/v1/"
    return sync_peer(server, MODEL, openai.OpenAI(api_key=server.key, base_url=base_url))


def by_ga_async(server: Server) -> Iterator[Peer]:
    base_url = f"{endpoint(server)}/openai/v1/"
    return async_peer(server, MODEL, openai.AsyncOpenAI(api_key=server.key, base_url=base_url))


@pytest.mark.parametrize(
    ("connect", "scheme"),
    [
        (by_version, "wss"),
        (by_token_and_deployment, "wss"),
        (by_version_without_tls, "ws"),
        (by_ga, "ws"),
        (by_ga_async, "wss"),
    ],
)
def test_the_published_client(
    connect: Callable[[Server], Iterator[Peer]], scheme: str, request: pytest.FixtureRequest
) -> None:
    for peer in connect(request.getfixturevalue(f"{scheme}_server")):
        assert peer.next()["session"]["model"] == MODEL
        peer.ask_for(output_modalities=["text"])
        peer.write("Hello!")
        peer.response.create()
        said = peer.answer()["output"][0]["content"][0]["text"]
        assert said == "Hello! How can I help you?"


@pytest.mark.parametrize("deployment", [None, MODEL])
@pytest.mark.parametrize("base", ["openai", "openai/v1"])
def test_its_rest_calls(ws_server: Server, base: str, deployment: str | None) -> None:
    if base == "openai":
        given = {} if deployment is None else {"azure_deployment": deployment}
        client: openai.OpenAI = openai.AzureOpenAI(
            azure_endpoint=endpoint(ws_server), api_key=ws_server.key, api_version=VERSION, **given
        )
    else:
        client = openai.OpenAI(api_key=ws_server.key, base_url=f"{endpoint(ws_server)}/{base}")
    with client:
        secret = client.realtime.client_secrets.create(session={"type": "realtime"})
        assert secret.value.startswith("ek_")
        assert MODEL in [model.id for model in client.models.list()]
        with client.realtime.calls.with_streaming_response.create(sdp=OFFER) as answer:
            place = answer.headers["location"]
        assert place.startswith(f"/{base}/realtime/calls/rtc_")
        client.realtime.calls.hangup(place.rpartition("/")[2])


OFFER = "\r\n".join(["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "m=audio 9 RTP/AVP 0", ""])


@pytest.mark.parametrize(
    "options", [{"api_version": ""}, {"api_version": VERSION, "dialect": "ga"}]
)
def test_ours(ws_server: Server, options: dict[str, Any]) -> None:
    with AzureOpenAI(
        azure_endpoint=endpoint(ws_server), api_key=ws_server.key, **options
    ) as client:
        with client.realtime.connect(model=MODEL) as connection:
            assert connection.ask("Hello!").text == "Hello! How can I help you?"
        assert client.realtime.client_secrets.create().value.startswith("ek_")
        with pytest.raises(NotFoundError, match="'my-deployment' does not exist"):
            client.realtime.connect(model="my-deployment").enter()


def test_a_wrong_key_is_refused_there_too(ws_server: Server) -> None:
    with AzureOpenAI(azure_endpoint=endpoint(ws_server), api_key="wrong", api_version="") as client:
        with pytest.raises(AuthenticationError):
            client.realtime.connect(model=MODEL).enter()
        with pytest.raises(AuthenticationError):
            client.realtime.client_secrets.create()
