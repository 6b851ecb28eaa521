"""User code of the REST calls: never run, only checked."""

from __future__ import annotations

from typing_extensions import assert_never

from realtime_sync import OpenAI
from realtime_sync.events import Session, TranscriptionSession
from realtime_sync.rest import (
    CallAnswer,
    ClientSecret,
    RawResponse,
    RealtimeCallIncoming,
    TranslationClientSecret,
    UnknownWebhook,
)


def secrets(client: OpenAI) -> str:
    secret: ClientSecret = client.realtime.client_secrets.create(
        session={"type": "realtime", "instructions": "x"},
        expires_after={"anchor": "created_at", "seconds": 60},
        timeout=(1.0, None),
    )
    session: Session | TranscriptionSession = secret.session
    raw: RawResponse[ClientSecret] = client.realtime.with_raw_response.client_secrets.create()
    translation: TranslationClientSecret = client.realtime.translations.client_secrets.create(
        session={"model": "gpt-realtime-translate"}, timeout=None
    )
    client.realtime.client_secrets.create(session={"type": "nonsense"})  # type: ignore[arg-type]
    client.realtime.client_secrets.with_raw_response.create(sesion={})  # type: ignore[call-arg]
    return raw.parse().value + translation.value + session.type


def calls(client: OpenAI, call_id: str) -> str | None:
    answer: CallAnswer = client.realtime.calls.create(sdp="v=0")
    client.realtime.calls.accept(call_id, type="realtime", instructions="x", timeout=3.0)
    client.realtime.calls.accept(call_id, instructions=1)  # type: ignore[call-arg, arg-type]
    client.realtime.calls.reject(call_id, status_code=486)
    client.realtime.calls.refer(call_id, target_uri="tel:+1")
    with client.realtime.calls.with_streaming_response.create(sdp="v=0") as response:
        parsed: CallAnswer = response.parse()
    return answer.call_id or parsed.call_id


def webhook(client: OpenAI, body: bytes, headers: dict[str, str]) -> str:
    event = client.webhooks.unwrap(body, headers)
    match event:
        case RealtimeCallIncoming():
            return event.data.sip_headers[0].value
        case UnknownWebhook():
            return event.type
        case _:
            assert_never(event)


def closed() -> str:
    with OpenAI() as client:
        return repr(client)
