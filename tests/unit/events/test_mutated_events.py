"""Whatever a server sends, an event of it can be read, shown and written again."""

from __future__ import annotations

import contextlib
import json

import attrs
import pytest
from mutations import BETA_TYPES, TYPES, examples, mutations

from realtime_sync import RealtimeError, RemoteProtocolError
from realtime_sync.connection.reply import server_error
from realtime_sync.events import AudioDelta, ErrorEvent, Model, UnknownEvent, parse_event

ALL_TYPES = [*TYPES, *BETA_TYPES]


def read_all(model: Model) -> None:
    """Read every field, those of what stands in them too."""
    for field in attrs.fields(type(model)):
        value = getattr(model, field.name)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, Model):
                read_all(each)


@pytest.mark.parametrize("type", ALL_TYPES)
def test_an_example_is_valid(type: str) -> None:
    for example in examples(type):
        event = parse_event(json.dumps(example))
        assert not isinstance(event, UnknownEvent) or type == "transcription_session.created"
        assert {**event.to_dict(), "type": type} == example or type in BETA_TYPES


@pytest.mark.parametrize("type", ALL_TYPES)
def test_an_odd_event_can_be_read(type: str) -> None:
    for name, text in mutations(type):
        try:
            event = parse_event(text)
        except RemoteProtocolError:
            assert "too deep" in name, name  # the only thing that costs the whole event
            continue
        try:
            wire = event.to_dict()
            assert json.loads(event.to_json()).keys() == wire.keys()
            assert event.model_dump() == wire or "NaN" in text
            event.model_dump(exclude_none=True)
            read_all(event)
            assert event.to_json() == event.model_dump_json()
            assert event.raw == text
            assert len(repr(event)) < 100_000
            assert event == event.replace() or "NaN" in text
            if isinstance(event, ErrorEvent):
                assert event.severity in ("benign", "failed", "fatal")
                assert str(server_error(event))
            if isinstance(event, AudioDelta):
                assert event.audio_size >= 0
                with contextlib.suppress(RealtimeError):
                    assert isinstance(event.audio, bytes)
        except BaseException as exc:
            raise AssertionError(f"{name}: {exc!r}") from exc
