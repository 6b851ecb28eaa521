"""The model of a session under the peer's names."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync.agents.model import RealtimeModelListener
from realtime_sync.agents.model_events import (
    RealtimeModelEndOfStreamEvent,
    RealtimeModelToolCallEvent,
)
from realtime_sync.agents.model_facade import OpenAIRealtimeWebSocketModel, facade_of
from realtime_sync.agents.model_inputs import (
    RealtimeModelSendAudio,
    RealtimeModelSendInterrupt,
    RealtimeModelSendRawMessage,
    RealtimeModelSendSessionUpdate,
    RealtimeModelSendToolOutput,
    RealtimeModelSendUserInput,
)
from realtime_sync.errors import ConfigError, UserError


class Session:
    """Notes what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **options: self.asked.append((name, *args, options))


CALL = RealtimeModelToolCallEvent(name="look_up", call_id="call_1", arguments="{}")


@pytest.mark.parametrize(
    ("event", "asked"),
    [
        (
            RealtimeModelSendRawMessage({"type": "response.create"}),
            ("send_raw", {"type": "response.create"}, {}),
        ),
        (
            RealtimeModelSendRawMessage({"type": "x", "other_data": {"a": 1}}),
            ("send_raw", {"type": "x", "a": 1}, {}),
        ),
        (RealtimeModelSendUserInput("Hi!"), ("send_message", "Hi!", {})),
        (RealtimeModelSendAudio(b"\1\0"), ("send_audio", b"\1\0", {"commit": False})),
        (RealtimeModelSendAudio(b"", commit=True), ("send_audio", b"", {"commit": True})),
        (
            RealtimeModelSendToolOutput(CALL, "7", start_response=False),
            ("send_output", "call_1", "7", {"respond": False}),
        ),
        (RealtimeModelSendInterrupt(), ("interrupt", {})),
        (RealtimeModelSendInterrupt(force_response_cancel=True), ("interrupt", {})),
        (
            RealtimeModelSendInterrupt(response_id="resp_1", cancel_response_only=True),
            ("send_raw", {"type": "response.cancel", "response_id": "resp_1"}, {}),
        ),
        (
            RealtimeModelSendSessionUpdate({"voice": "marin"}),
            ("update_settings", {"voice": "marin"}, {}),
        ),
    ],
)
def test_what_is_sent_goes_to_the_session(event: Any, asked: Any) -> None:
    model, session = OpenAIRealtimeWebSocketModel(), Session()
    model.bind(session)  # type: ignore[arg-type]
    model.send_event(event)
    assert session.asked == [asked]


@pytest.mark.parametrize(
    "message", ["response.create", {}, {"type": 7}, {"type": "response.create", "other_data": 7}]
)
def test_a_raw_message_that_is_none(message: Any) -> None:
    model, session = OpenAIRealtimeWebSocketModel(), Session()
    model.bind(session)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"send_event\(\) takes an event for a model, .* not "):
        model.send_event(RealtimeModelSendRawMessage(message))


def test_what_can_not_be_sent() -> None:
    model = OpenAIRealtimeWebSocketModel()
    with pytest.raises(UserError, match="no session yet"):
        model.send_event(RealtimeModelSendUserInput("Hi!"))
    with pytest.raises(UserError, match="no session yet"):
        model.close()
    session = Session()
    model.bind(session)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"send_event\(\) takes an event for a model, .* not "):
        model.send_event("Hi!")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [
        {"response_id": "resp_1"},
        {"playback_only": True},
        {"cancel_response_only": True},
        {"response_id": "resp_1", "cancel_response_only": True, "playback_only": True},
    ],
)
def test_an_interruption_that_can_not_be_made(options: Any) -> None:
    model, session = OpenAIRealtimeWebSocketModel(), Session()
    model.bind(session)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="silences whatever plays"):
        model.send_event(RealtimeModelSendInterrupt(**options))
    assert session.asked == []


@pytest.mark.parametrize("wanted", [True, False])
def test_something_is_sent_if_it_still_is_to_be(wanted: bool) -> None:
    model, session = OpenAIRealtimeWebSocketModel(), Session()
    model.bind(session)  # type: ignore[arg-type]
    assert model.send_event_if(RealtimeModelSendUserInput("Hi!"), lambda: wanted) is wanted
    assert len(session.asked) == wanted


def test_it_has_one_session_which_connects_and_closes() -> None:
    model, session = OpenAIRealtimeWebSocketModel(), Session()
    model.bind(session)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="another session"):
        model.bind(Session())  # type: ignore[arg-type]
    with pytest.raises(UserError, match="enter the session"):
        model.connect({})
    model.close()
    assert session.asked == [("close", {})]


def test_listeners_may_leave_while_they_are_told() -> None:
    model = OpenAIRealtimeWebSocketModel()
    told: list[str] = []

    class Listener(RealtimeModelListener):
        def __init__(self, name: str) -> None:
            self.name = name

        def on_event(self, event: Any) -> None:
            told.append(self.name)
            model.remove_listener(self)
            model.remove_listener(self)

    model.add_listener(Listener("one"))
    model.add_listener(Listener("two"))
    for _ in range(2):
        model.tell(RealtimeModelEndOfStreamEvent())
    assert told == ["one", "two"]


def test_which_models_a_session_takes() -> None:
    given = OpenAIRealtimeWebSocketModel(transport_config={"max_size": 9})
    assert facade_of(given) is given
    assert given.transport_config == {"max_size": 9}
    assert facade_of(None).transport_config == {}
    with pytest.raises(ConfigError, match=r"model=str can't be used.*realtime_sync.testing"):
        facade_of("gpt-realtime-2.1")


def test_it_does_not_keep_a_session_that_is_forgotten() -> None:
    model, session = OpenAIRealtimeWebSocketModel(), Session()
    model.bind(session)  # type: ignore[arg-type]
    model.close()
    del session
    with pytest.raises(UserError, match="no session yet"):
        model.close()
