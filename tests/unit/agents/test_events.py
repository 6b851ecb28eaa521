"""The events of a session: what programs do with them."""

from __future__ import annotations

import dataclasses
import typing

from realtime_sync import agents, errors
from realtime_sync.agents import (
    RealtimeEventInfo,
    RealtimeGuardrailTripped,
    RealtimeRawModelEvent,
    RealtimeSessionEvent,
    RunContextWrapper,
)
from realtime_sync.agents.model_events import (
    RealtimeModelEvent,
    RealtimeModelFurtherEvent,
    RealtimeModelTurnStartedEvent,
)

INFO = RealtimeEventInfo(RunContextWrapper({"name": "Ann"}))


def types_of(union: object) -> list[str]:
    return [
        next(f.default for f in dataclasses.fields(cls) if f.name == "type")
        for cls in typing.get_args(union)
    ]


def test_there_are_fifteen_each_with_a_type_of_its_own() -> None:
    assert len(set(types_of(RealtimeSessionEvent))) == 15


def test_the_further_events_are_none_of_the_models_and_have_types_of_their_own() -> None:
    known = types_of(RealtimeModelEvent)
    further = types_of(RealtimeModelFurtherEvent)
    assert len({*known, *further}) == len(known) + len(further) == 26


def test_an_event_matches_by_type_and_by_class() -> None:
    event = RealtimeRawModelEvent(data=RealtimeModelTurnStartedEvent("turn_started"), info=INFO)
    assert event.type == "raw_model_event"
    assert dataclasses.asdict(event.data) == {"type": "turn_started", "response_id": None}
    assert event.info.context.context == {"name": "Ann"}


def test_a_guardrail_trips_over_an_answer_unless_it_says_otherwise() -> None:
    assert RealtimeGuardrailTripped([], "text", INFO).kind == "output"
    assert RealtimeGuardrailTripped([], "text", INFO, kind="input").kind == "input"


def test_the_error_event_is_no_exception() -> None:
    assert not issubclass(agents.RealtimeError, BaseException)
    assert issubclass(agents.UserError, errors.RealtimeError)
