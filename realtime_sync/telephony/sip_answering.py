"""What becomes of one SIP call: it is accepted for an agent, joined, and watched to its end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

from .._shown import shown
from ..agents import (
    OpenAIRealtimeSIPModel,
    RealtimeAgent,
    RealtimeRunConfig,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionModelSettings,
)
from ..clients.base import Client
from ..errors import (
    ApiError,
    ConfigError,
    ConflictError,
    ConnectionClosed,
    ConnectionClosedOK,
    InternalServerError,
    NotFoundError,
    RealtimeError,
)
from ..events import RealtimeSessionCreateRequestParam
from .sip_call import Refer, Reject, SipCall, SipEnd

__all__ = ["AgentFor", "OnCall", "SipAnswering"]

log = logging.getLogger(__name__)

AgentFor = Callable[[SipCall], RealtimeAgent[Any] | Reject | Refer]
OnCall = Callable[[SipCall, RealtimeSession[SipCall]], object]

_FAILED = 500  # RFC 3261 §21.5.1


class SipAnswering:
    """Answers calls, each on the thread that asks for it; see `SipCalls` for what is given.

    The rule above all others: whatever goes wrong, no caller is left with a model that nobody
    watches. A caller who has hung up is met at every step, as a 404, and is nothing wrong.

    Threads: `answer` and `reject` may be called from any number of threads.
    """

    def __init__(
        self,
        agent_for: AgentFor,
        *,
        client: Client,
        greeting: str | None,
        config: RealtimeRunConfig,
        on_call: OnCall | None,
    ) -> None:
        self._agent_for = agent_for
        self._client = client
        self._greeting = greeting
        self._config = config
        self._on_call = on_call

    def answer(self, call: SipCall) -> SipEnd:
        """Stay with a call from its ringing to its end; return what has ended it."""
        try:
            decision = self._agent_for(call)
            if isinstance(decision, Reject):
                return self.reject(call, decision.status_code)
            body = self._session_of(call, decision)
        except BaseException:  # a program's sys.exit() leaves no caller ringing, either
            self._give_up(call, lambda: self.reject(call, _FAILED))
            raise
        if (end := self._accept(call, body)) is not None:
            return end
        try:
            if isinstance(decision, Refer):
                return self._hand_over(call, decision)
            return self._talk(call, decision)
        except BaseException as exc:
            is_gone = self._give_up(call, lambda: self._client.realtime.calls.hangup(call.id))
            if is_gone and isinstance(exc, ConnectionClosed):  # of the session's, with the call
                return "caller"
            raise

    def _session_of(self, call: SipCall, decision: object) -> RealtimeSessionCreateRequestParam:
        """Return what a call is accepted with."""
        overrides: RealtimeSessionModelSettings = {}
        if isinstance(decision, Refer):  # nobody is to answer in the moment before it is another's
            decision, overrides = RealtimeAgent(name="Nobody"), {"turn_detection": None}
        if not isinstance(decision, RealtimeAgent):
            raise ConfigError(
                f"agent_for has returned {shown(decision)}; return the RealtimeAgent that answers, "
                "Reject(486), or Refer('tel:+14155550123')"
            )
        return OpenAIRealtimeSIPModel.build_initial_session_payload(
            decision, context=call, run_config=self._config, overrides=overrides
        )

    def _accept(self, call: SipCall, body: RealtimeSessionCreateRequestParam) -> SipEnd | None:
        """Accept a call; return what has ended it, if anything has."""
        calls = self._client.realtime.calls
        try:
            calls.accept(call.id, **body)
        except NotFoundError:
            return "caller"
        except ConflictError:  # its webhook has reached another process, too
            return "elsewhere"
        except BaseException as exc:
            # What a gateway says, or nobody, tells not whether the call was accepted.
            refused = isinstance(exc, ApiError) and not isinstance(exc, InternalServerError)
            self._give_up(call, lambda: self.reject(call, _FAILED) if refused else self._end(call))
            raise
        return None

    def _end(self, call: SipCall) -> SipEnd:
        """End a call of which nobody knows whether it was accepted, or still rings."""
        try:
            self._client.realtime.calls.hangup(call.id)
        except NotFoundError:  # which may say that it is not there to be hung up: it rings
            return self.reject(call, _FAILED)
        return "program"

    def _hand_over(self, call: SipCall, decision: Refer) -> SipEnd:
        try:
            call.refer(decision.target_uri)
        except NotFoundError:
            return "caller"
        return "refer"

    def _talk(self, call: SipCall, agent: RealtimeAgent[Any]) -> SipEnd:
        """Join a call that was accepted, and stay until it is over."""
        runner = RealtimeRunner(
            agent,
            model=OpenAIRealtimeSIPModel(),
            client=self._client,
            config=_without_model(self._config),
        )
        session = runner.run(context=call, model_config={"call_id": call.id})
        try:
            session.enter()
        except NotFoundError:
            return "caller"
        with closing(session):
            call._join(session)
            with suppress(ConnectionClosedOK):  # the end of the call, seen by whoever sends
                if self._greeting is not None:
                    session.say(self._greeting)
                if self._on_call is not None:
                    self._on_call(call, session)
            result = session.talk(None if self._on_call is None else 0)
        if result.end_reason == "server_closed" or call._asked is not None:
            return "caller"
        return "program" if call._hang_up("program") else "caller"

    def reject(self, call: SipCall, status_code: int) -> SipEnd:
        """Reject a call; return what has ended it."""
        try:
            self._client.realtime.calls.reject(call.id, status_code=status_code)
        except NotFoundError:
            return "caller"
        return "reject"

    def _give_up(self, call: SipCall, end: Callable[[], object]) -> bool:
        """End a call after a failure, which is what is told; return whether it was over already."""
        try:
            return end() == "caller"
        except NotFoundError:
            return True
        except RealtimeError:
            log.exception("the call %s could not be ended", call.id)
            return False


def _without_model(config: RealtimeRunConfig) -> RealtimeRunConfig:
    """Return the settings for a session that joins a call, which has its model."""
    settings: RealtimeSessionModelSettings = {**config.get("model_settings", {})}
    settings.pop("model_name", None)
    return {**config, "model_settings": settings}
