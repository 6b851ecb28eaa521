"""Agents that run in this program: each request of the server's gets an answer."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any

from .._deadline import Deadline
from .._types import JsonDict
from ..events.wire_values import as_object
from ..tools.call_context import CallContext
from ..tools.outputs import exception_text
from ..tools.pool import CallExpired, ToolPool
from .agent_functions import AgentResult, ClientAgent, ExecutorDict, NoFunction, client_agents
from .place import SessionPlace
from .wire_messages import DistillerEvent

__all__ = ["CustomAgents"]

log = logging.getLogger(__name__)

# One that hangs holds its thread for ten minutes, and the others are not to wait for it.
_WORKERS = 32
# What the SDK puts where a request has no id.
_NO_ID = "single_request"


class CustomAgents:
    """Runs the agents of one session in a pool, whether or not anybody iterates.

    Args:
        place: of the session; its configuration says which agents there are.
        executor_dict: the program's functions.
        clock: for tests.

    Raises:
        ConfigError: as `client_agents`.

    Threads: `call` is the reader's, and never waits; the rest is anybody's.
    """

    def __init__(
        self,
        place: SessionPlace,
        executor_dict: ExecutorDict,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._place = place
        self._agents = client_agents(place.agents, executor_dict)
        self._pool = ToolPool(workers=_WORKERS, clock=clock)

    def call(self, request: DistillerEvent, answer: Callable[[str], object]) -> None:
        """Have an agent answer a request of the server's.

        Args:
            request: the server's message.
            answer: sends a message over the link on which the request came; called once, on
                another thread.
        """
        role = request.role or ""
        request_id = request.request_id or _NO_ID
        agent = self._agents.get(role)
        call = CallContext(name=role, call_id=request_id, arguments=request.get("kwargs"))
        self._pool.submit(
            call,
            lambda: self._run(agent, call),
            lambda _, outcome: answer(self._answer(role, request_id, outcome)),
            timeout=None if agent is None else agent.wait_s,
        )

    def expire(self) -> None:
        """End the calls whose time is over; the pool does so by itself."""
        self._pool.expire()

    def close(self, deadline: Deadline) -> None:
        """Run no more, and wait until ``deadline`` for what runs; its answers go nowhere."""
        self._pool.close(deadline)

    def _run(self, agent: ClientAgent | None, call: CallContext) -> AgentResult:
        if agent is None:
            known = ", ".join(self._agents) or "none"
            raise NoFunction(f"executor_dict has no function for {call.name!r}; known are: {known}")
        return agent.call(dict(as_object(call.arguments)))

    def _answer(self, role: str, request_id: str, outcome: AgentResult | BaseException) -> str:
        """Return the message that answers a request."""
        environment: JsonDict | None = None
        content: Any
        if isinstance(outcome, BaseException):
            content = _failure(role, request_id, outcome)
        else:
            content, environment = outcome.content, outcome.environment
        message = {
            "account": self._place.account,
            "request_type": "executor",
            "project": self._place.full_project,
            "uuid": self._place.uuid,
            "request_args": {
                "query": "",
                "image": None,
                "content": content,
                "memory_updates": environment and {"env_variable": environment},
            },
            "role": role,
            "request_id": request_id,
        }
        # With escapes, so that even half a surrogate pair in a name of the server's can go back.
        return json.dumps(message, separators=(",", ":"))


def _failure(role: str, request_id: str, failure: BaseException) -> str:
    """Return what the server is told of a call without a result, in the SDK's form."""
    error: JsonDict
    if isinstance(failure, CallExpired):
        seconds = failure.seconds
        error = {
            "type": "timeout",
            "message": "Tool execution timed out.",
            "timeout_sec": int(seconds) if seconds == int(seconds) else seconds,
        }
    elif isinstance(failure, NoFunction):
        log.warning("the server asks for an agent that is not here: %s", failure)
        error = {"type": "not_found", "message": str(failure)}
    else:
        log.warning("agent %r failed", role, exc_info=failure)
        error = {"type": "exception", "message": exception_text(failure)}
    return json.dumps({"error": {**error, "request_id": request_id}})
