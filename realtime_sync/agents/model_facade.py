"""The model of a session under the peer's names: a door to its connection, for raw use."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from .._shown import shown
from .._uncopied import Uncopied
from ..errors import ConfigError, UserError
from .given import require_text
from .model import RealtimeModel, RealtimeModelConfig, RealtimeModelListener, TransportConfig
from .model_events import RealtimeModelEvent, RealtimeModelFurtherEvent, RealtimeModelToolCallEvent
from .model_inputs import (
    RealtimeModelSendAudio,
    RealtimeModelSendEvent,
    RealtimeModelSendInterrupt,
    RealtimeModelSendRawMessage,
    RealtimeModelSendSessionUpdate,
    RealtimeModelSendToolOutput,
    RealtimeModelSendUserInput,
)
from .run_config import RealtimeSessionModelSettings, RealtimeUserInput
from .user_code import require_function

__all__ = ["OpenAIRealtimeWebSocketModel", "SessionDoor", "facade_of"]


class SessionDoor(Protocol):
    """What of a session a model is the door to; see `RealtimeSession`."""

    def send_raw(self, event: dict[str, Any]) -> None:
        """Send an event as it is."""

    def send_message(self, message: RealtimeUserInput) -> None:
        """Send a message of the user's."""

    def send_audio(self, audio: bytes, *, commit: bool = False) -> None:
        """Send some of what the user says."""

    def send_output(self, call_id: str, output: str, *, respond: bool = True) -> None:
        """Answer a call."""

    def interrupt(self) -> None:
        """Silence the answer."""

    def update_settings(self, settings: RealtimeSessionModelSettings) -> None:
        """Change settings."""

    def close(self) -> None:
        """End the session."""


class OpenAIRealtimeWebSocketModel(RealtimeModel, Uncopied):
    """The model behind a session: what it tells, and what can be sent to it beside the session.

    The session makes the connection, whatever client it has; this is how programs reach it that
    were written for the peer.

    Args:
        transport_config: how the link is kept.

    Attributes:
        has_listeners: whether somebody listens.

    Threads: listeners are called in the thread that iterates over the session; `send_event` may be
        called from any.
    """

    def __init__(self, *, transport_config: TransportConfig | None = None) -> None:
        self.transport_config: TransportConfig = (
            {} if transport_config is None else transport_config
        )
        self.has_listeners = False
        self._listeners: list[RealtimeModelListener] = []
        # Not the session itself: one that a program forgets is to be collected.
        self._session: weakref.ref[SessionDoor] | None = None

    def bind(self, session: SessionDoor) -> None:
        """Take the session whose model this is.

        Raises:
            UserError: it has one already.
        """
        if self._session is not None:
            raise UserError("this model belongs to another session; make a new one for each")
        self._session = weakref.ref(session)

    def check(self, config: RealtimeModelConfig) -> None:
        """Check what the session is to be connected by; here, anything is fine.

        Raises:
            UserError: this kind of model can't be reached by that.
        """

    def connect(self, options: RealtimeModelConfig) -> None:
        """Refuse: it is the session that connects.

        Raises:
            UserError: always.
        """
        raise UserError("the session connects its model: enter the session instead")

    def add_listener(self, listener: RealtimeModelListener) -> None:
        """Have a listener called with whatever the model tells, as somebody iterates.

        Raises:
            UserError: it has no ``on_event``, or that is async.
        """
        require_function(getattr(listener, "on_event", None), "on_event of a listener")
        if listener not in self._listeners:
            self._listeners.append(listener)
        self.has_listeners = True

    def remove_listener(self, listener: RealtimeModelListener) -> None:
        """Call a listener no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)
        self.has_listeners = bool(self._listeners)

    def tell(self, event: RealtimeModelEvent | RealtimeModelFurtherEvent) -> None:
        """Call the listeners."""
        for listener in list(self._listeners):
            listener.on_event(event)

    def send_event(self, event: RealtimeModelSendEvent) -> None:
        """Send something to the model.

        Raises:
            UserError: the session is not entered, or this is nothing that can be sent, or an
                interruption that can't be made.
            ConnectionClosed: the connection is over.
        """
        session = self._bound()
        match event:
            case RealtimeModelSendRawMessage({"type": str(), **rest} as message) if isinstance(
                rest.get("other_data", {}), Mapping
            ):
                session.send_raw({"type": message["type"], **message.get("other_data", {})})
            case RealtimeModelSendUserInput(user_input):
                session.send_message(user_input)
            case RealtimeModelSendAudio(audio, commit):
                session.send_audio(audio, commit=commit)
            case RealtimeModelSendToolOutput(
                RealtimeModelToolCallEvent() as call, output, start_response
            ):
                session.send_output(call.call_id, output, respond=start_response)
            case RealtimeModelSendInterrupt():
                _interrupt(session, event)
            case RealtimeModelSendSessionUpdate(settings):
                session.update_settings(settings)
            case _:
                raise UserError(f"{shown(event)} is nothing that can be sent to a model")

    def send_event_if(self, event: RealtimeModelSendEvent, send_if: Callable[[], bool]) -> bool:
        """Send something if ``send_if`` still says so; return whether it was sent.

        Raises:
            UserError: ``send_if`` is no function; or as `send_event`.
            ConnectionClosed: the connection is over.
        """
        require_function(send_if, "send_if")
        if not send_if():
            return False
        self.send_event(event)
        return True

    def close(self) -> None:
        """Close the session."""
        self._bound().close()

    def _bound(self) -> SessionDoor:
        session = None if self._session is None else self._session()
        if session is None:
            raise UserError("this model has no session yet; pass it to RealtimeRunner(model=…)")
        return session


def _interrupt(session: SessionDoor, event: RealtimeModelSendInterrupt) -> None:
    """Silence what plays and cancel what is made of it; or only cancel one response.

    Raises:
        UserError: it is to silence one response among others, or not to cancel what it silences.
    """
    if event.response_id is not None:
        require_text(event.response_id, "response_id")
    if event.response_id is not None and event.cancel_response_only and not event.playback_only:
        session.send_raw({"type": "response.cancel", "response_id": event.response_id})
    elif event.response_id is None and not (event.cancel_response_only or event.playback_only):
        session.interrupt()
    else:
        raise UserError(
            "a session silences whatever plays and cancels what is made of it; to cancel one "
            "response and play what has come, give response_id and cancel_response_only=True"
        )


def facade_of(model: object) -> OpenAIRealtimeWebSocketModel:
    """Return the facade that a session uses.

    Raises:
        ConfigError: it is another kind of model.
    """
    if model is None:
        return OpenAIRealtimeWebSocketModel()
    if not isinstance(model, OpenAIRealtimeWebSocketModel):
        raise ConfigError(
            f"model={type(model).__name__} can't be used: a session makes its own connection. To "
            "test without a server, use realtime_sync.testing; for another wire, "
            "client.realtime.connect(transport=…)"
        )
    return model
