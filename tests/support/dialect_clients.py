"""Our clients, connected to the fronts of `dialect_server`."""

from __future__ import annotations

from typing import Any

from dialect_server import Front

from realtime_sync import AzureOpenAI, OpenAI, RealtimeConnection, YandexAIStudio

__all__ = ["MODEL", "connect_azure", "connect_beta", "connect_preview", "connect_yandex"]

MODEL = "speech-realtime-260528"


def connect_beta(front: Front, key: str, **options: Any) -> RealtimeConnection:
    client = OpenAI(api_key=key, base_url=f"{front.url}/v1", dialect="beta", proxy="")
    return client.realtime.connect(**{"model": "gpt-realtime"} | options).enter()


def connect_azure(front: Front, key: str, **options: Any) -> RealtimeConnection:
    client = AzureOpenAI(
        azure_endpoint=front.url, proxy="", **{"api_key": key, "api_version": ""} | options
    )
    return client.realtime.connect(model="my-deployment").enter()


def connect_preview(front: Front, key: str, **options: Any) -> RealtimeConnection:
    return connect_azure(front, key, api_version="2025-04-01-preview", **options)


def connect_yandex(
    front: Front, key: str, *, dialect: Any = "yandex", **options: Any
) -> RealtimeConnection:
    client = YandexAIStudio(
        api_key=key, folder_id="b1g", base_url=f"{front.url}/v1", dialect=dialect, proxy=""
    )
    return client.realtime.connect(**{"model": MODEL} | options).enter()
