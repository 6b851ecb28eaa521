"""The beginning of a conversation: a runner makes sessions of an agent."""

from __future__ import annotations

from typing import Any, Generic, overload

from .._uncopied import Uncopied
from ..clients.base import Client
from .agent import RealtimeAgent
from .given import require
from .hooks import RealtimeRunHooks
from .model import RealtimeModel, RealtimeModelConfig
from .run_config import RealtimeRunConfig
from .run_context import TContext
from .run_result import RealtimeResult
from .session import RealtimeSession
from .session_audio import Audio

__all__ = ["RealtimeRunner"]


class _RunMethod:
    """``run``: on a runner it makes a session, on the class it runs one to its end."""

    @overload
    def __get__(self, runner: None, owner: type[Any]) -> _RunToTheEnd: ...
    @overload
    def __get__(self, runner: RealtimeRunner[Any], owner: type[Any]) -> _MakeSession: ...
    def __get__(
        self, runner: RealtimeRunner[Any] | None, owner: type[Any]
    ) -> _RunToTheEnd | _MakeSession:
        return _RunToTheEnd() if runner is None else _MakeSession(runner)


class _MakeSession:
    """``RealtimeRunner(agent).run(…)``."""

    def __init__(self, runner: RealtimeRunner[Any]) -> None:
        self._runner = runner

    def __call__(
        self,
        *,
        context: Any = None,
        model_config: RealtimeModelConfig | None = None,
        client: Client | None = None,
        audio: Audio = None,
        hooks: RealtimeRunHooks[Any] | None = None,
        events: bool = True,
    ) -> RealtimeSession[Any]:
        """Return a session, to be entered; see `RealtimeSession` for what is given."""
        runner = self._runner
        return RealtimeSession(
            runner.model,
            runner.starting_agent,
            context,
            model_config,
            runner.config,
            client=client or runner.client,
            audio=audio,
            hooks=hooks,
            events=events,
        )


class _RunToTheEnd:
    """``RealtimeRunner.run(agent, session=…)``."""

    def __call__(
        self,
        agent: RealtimeAgent[Any],
        *,
        session: RealtimeSession[Any] | None = None,
        context: Any = None,
        hooks: RealtimeRunHooks[Any] | None = None,
        config: RealtimeRunConfig | None = None,
    ) -> RealtimeResult:
        """Talk until the conversation is over.

        Args:
            agent: who begins.
            session: configured and not entered; by default one on the system's microphone and
                speaker.
            context: handed to tools, guardrails, hooks and instructions.
            hooks: called as it goes on.
            config: settings of the run; what the session has counts more.

        Raises:
            UserError: the session was entered, or has another agent.
            Exception: as `RealtimeSession.talk`.
        """
        if session is None:
            session = RealtimeSession(audio="default", events=False)
        require(isinstance(session, RealtimeSession), "session must be a RealtimeSession", session)
        session.bind(agent, context=context, hooks=hooks, config=config)
        return session.talk()


class RealtimeRunner(Uncopied, Generic[TContext]):
    """Makes sessions of an agent.

    ::

        runner = RealtimeRunner(agent, config={"model_settings": {"voice": "marin"}})
        with runner.run() as session: ...  # a session to talk with
        result = runner.run(audio="default").talk()  # talks until it is over
        result = RealtimeRunner.run(agent)  # the same in one go

    Args:
        starting_agent: who begins.
        model: a facade such as `OpenAIRealtimeWebSocketModel`, for one session.
        config: settings of all sessions.
        client: whose model it is; `realtime_sync.OpenAI` from the environment by default.

    Raises:
        UserError: ``starting_agent`` is no agent.
    """

    run = _RunMethod()

    def __init__(
        self,
        starting_agent: RealtimeAgent[TContext],
        *,
        model: RealtimeModel | None = None,
        config: RealtimeRunConfig | None = None,
        client: Client | None = None,
    ) -> None:
        is_agent = isinstance(starting_agent, RealtimeAgent)
        require(is_agent, "a runner starts with a RealtimeAgent", starting_agent)
        self.starting_agent = starting_agent
        self.model = model
        self.config = config
        self.client = client
