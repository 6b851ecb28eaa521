"""Our models against the published types of ``openai``: drift in either is seen here.

The two are walked side by side from the events down: every field of theirs must be a field of
ours, required where theirs is, and every class of ours must be met.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import attrs
import pytest
from openai.types import realtime as peer
from openai.types.beta import realtime as beta
from pydantic import BaseModel

from realtime_sync.events import (
    CLIENT_EVENTS,
    SERVER_EVENTS,
    Model,
    UnknownItem,
    canonical_type,
    client_secrets,
    config,
    items,
    models,
    session_config,
)

# Fields that only our side declares, with the reason.
OURS = {
    # The beta's parts, and all types of parts in one class.
    "ContentPart": {"audio", "detail", "id", "image_url", "text", "transcript", "type"},
    # The request model, the response model (id, object, expires_at) in one class.
    "Session": {"id", "object", "expires_at", "parallel_tool_calls"},
    "TranscriptionSession": {"id", "object", "expires_at"},
    # Three formats in one class.
    "AudioFormat": {"rate"},
    "McpToolExecutionError": {"code"},  # it inherits the field, and never has it
    # Both kinds of detection are typed alike where transcription sessions have a smaller model.
    "ServerVad": {"idle_timeout_ms", "create_response", "interrupt_response"},
    # Request and response model share the class, which the response only fills in part.
    "AudioInput": {"format", "turn_detection"},
    "AudioConfig": {"input", "output"},
    "AudioOutput": {"speed"},
    "Transcription": {"delay", "keywords", "language", "languages", "prompt"},
    # The session and the transcription session of the beta in one class.
    "BetaSession": set(),
}
# Required by the peer's type, optional in ours, with the reason.
LENIENT = {
    ("ClientSecret", "session"),  # the key alone is of use
    ("TranslationClientSecret", "session"),
    ("TranslationSession", "id"),  # also the value with which a server's own session is built
    ("TranslationSession", "expires_at"),
    ("TranslationSession", "model"),
    ("TranslationSession", "audio"),
    ("Session", "id"),  # required in the server's answer, absent in the client's request
    ("Session", "object"),
    ("TranscriptionSession", "id"),
    ("TranscriptionSession", "object"),
    ("NoiseReduction", "type"),  # required in translation sessions only
    ("Transcription", "model"),
}


Pair = tuple[type[BaseModel], type[Model]]


def without_annotation(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is typing.Annotated else hint


def members(hint: Any) -> list[Any]:
    """The alternatives of a type, with lists and Annotated unwrapped and None left out."""
    hint = without_annotation(hint)
    if get_origin(hint) in (typing.Union, types.UnionType):
        return [m for h in get_args(hint) for m in members(h)]
    if get_origin(hint) is list:
        return members(get_args(hint)[0])
    return [] if hint is type(None) else [hint]


def peer_models(hint: Any) -> list[type[BaseModel]]:
    return [m for m in members(hint) if isinstance(m, type) and issubclass(m, BaseModel)]


def our_hints(cls: type[Model]) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def our_models(hint: Any) -> list[type[Model]]:
    return [m for m in members(hint) if isinstance(m, type) and issubclass(m, Model)]


def literal(hints: dict[str, Any], name: str) -> set[Any]:
    return {v for m in members(hints.get(name)) if get_origin(m) is Literal for v in get_args(m)}


def counterpart(theirs: type[BaseModel], candidates: list[type[Model]]) -> type[Model]:
    """Of our alternatives, the one for the same ``type`` and ``role``, if they are told apart."""
    if len(candidates) == 1:
        return candidates[0]
    known = {name: field.annotation for name, field in theirs.model_fields.items()}
    for ours in candidates:
        hints = our_hints(ours)
        if all(literal(known, key) == literal(hints, key) for key in ("type", "role")):
            return ours
    names = set(theirs.model_fields)  # without tags: by the fields (tracing, sessions, voices)
    return max(candidates, key=lambda c: len(names & c._wire) - len(c._wire - names))


def pairs(theirs: type[BaseModel], ours: type[Model]) -> Iterator[Pair]:
    yield theirs, ours
    hints = our_hints(ours)
    for name, field in theirs.model_fields.items():
        nested = peer_models(field.annotation)
        candidates = our_models(hints.get(name))
        assert not nested or candidates or name in ("variables",), f"{ours.__name__}.{name} is raw"
        for model in nested:
            if candidates:
                yield from pairs(model, counterpart(model, candidates))


def event_type(model: type[BaseModel]) -> str:
    (value,) = get_args(model.model_fields["type"].annotation)
    return str(value)


def peer_events() -> Iterator[Pair]:
    server: Any = (peer.RealtimeServerEvent, peer.RealtimeTranslationServerEvent)
    client: Any = (peer.RealtimeClientEvent, peer.RealtimeTranslationClientEvent)
    for unions, table in ((server, SERVER_EVENTS), (client, CLIENT_EVENTS)):
        for model in (m for union in unions for m in peer_models(union)):
            yield model, table[event_type(model)]


def responses() -> Iterator[Pair]:
    """The models that only answers to REST calls have."""
    yield peer.ClientSecretCreateResponse, client_secrets.ClientSecret
    yield (
        peer.RealtimeTranslationClientSecretCreateResponse,
        client_secrets.TranslationClientSecret,
    )
    yield peer.RealtimeSessionCreateResponse, session_config.Session
    yield peer.RealtimeTranscriptionSessionCreateResponse, session_config.TranscriptionSession


ALL = {
    pair: None for top in (*peer_events(), *responses()) for pair in pairs(*top)
}  # a dict, to keep the order without repetitions


def test_every_event_has_a_class() -> None:
    server = {event_type(m) for m in peer_models(peer.RealtimeServerEvent)}
    client = {event_type(m) for m in peer_models(peer.RealtimeClientEvent)}
    assert (len(server), len(client)) == (46, 11)
    translated = {event_type(m) for m in peer_models(peer.RealtimeTranslationServerEvent)}
    asked = {event_type(m) for m in peer_models(peer.RealtimeTranslationClientEvent)}
    assert set(SERVER_EVENTS) == server | translated
    assert set(CLIENT_EVENTS) == client | asked


def test_every_beta_event_has_a_class() -> None:
    for union, table in (
        (beta.RealtimeServerEvent, SERVER_EVENTS),
        (beta.RealtimeClientEvent, CLIENT_EVENTS),
    ):
        for model in peer_models(union):
            ours = table[canonical_type(event_type(model))]
            assert set(model.model_fields) <= ours._wire


def test_every_beta_session_field_is_known() -> None:
    from openai.types.beta.realtime import session, session_update_event, transcription_session

    for model in (
        session.Session,
        session_update_event.Session,
        transcription_session.TranscriptionSession,
    ):
        assert set(model.model_fields) <= session_config.BetaSession._wire


@pytest.mark.parametrize(
    ("theirs", "ours"), list(ALL), ids=[f"{t.__name__}-{o.__name__}" for t, o in ALL]
)
def test_fields_and_requiredness(theirs: type[BaseModel], ours: type[Model]) -> None:
    fields = {a.name: a for a in attrs.fields(ours) if a.name not in ("extra", "raw")}
    assert set(theirs.model_fields) <= set(fields), "a field of theirs is missing"
    more = set(fields) - set(theirs.model_fields) - OURS.get(ours.__name__, set())
    assert more <= {"event_id"}, "a field of ours that they do not have"
    for name, field in theirs.model_fields.items():
        if name in ("type", "role"):
            continue  # ours have a default: the class says it
        required = fields[name].default is attrs.NOTHING
        if (ours.__name__, name) in LENIENT:
            assert not required
        else:
            assert required == field.is_required(), f"{ours.__name__}.{name}"


def test_every_model_was_met() -> None:
    """No class of ours without a counterpart, so none that only looks checked."""
    met = {ours for _, ours in ALL}
    ours = {
        value
        for module in (client_secrets, config, items, models, session_config)
        for value in (getattr(module, name) for name in module.__all__)
        if isinstance(value, type) and issubclass(value, Model)
    }
    assert ours - met == {
        UnknownItem,
        items.McpError,  # of a type that they do not have
        items.ItemReference,  # only in the typed dictionary of response.create
        session_config.BetaSession,
    }


def test_the_walk_sees_a_difference() -> None:
    """A checker that cannot fail proves nothing."""
    with pytest.raises(AssertionError, match="missing"):
        test_fields_and_requiredness(peer.RealtimeResponse, models.ResponseStatus)
    with pytest.raises(AssertionError, match="do not have"):
        test_fields_and_requiredness(
            peer.RealtimeResponseUsageOutputTokenDetails, models.InputTokenDetails
        )
