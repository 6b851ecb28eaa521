"""What the program's functions are given: its own context, and what the session has used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic

from ..tools.call_context import CallContext
from .usage import Usage

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    # With a default, a program need not say what the context is where it has none.
    TContext = TypeVar("TContext", default=Any)
else:
    from typing import TypeVar  # has defaults from Python 3.13 on

    TContext = TypeVar("TContext")

__all__ = ["RunContextWrapper", "TContext", "ToolContext"]


@dataclass(eq=False)
class RunContextWrapper(Generic[TContext]):
    """What a session hands to the program's functions.

    Attributes:
        context: whatever the program gave to `RealtimeRunner.run`; the model never sees it.
        usage: what the session has used so far.
    """

    context: TContext
    usage: Usage = field(default_factory=Usage)


@dataclass(eq=False)
class ToolContext(RunContextWrapper[TContext]):
    """What a tool is handed: the session's context, and the call that it answers.

    Attributes:
        tool_name: what the model has called.
        tool_call_id: the call's id at the server.
        tool_arguments: JSON text, as the model wrote it.
        agent: the `RealtimeAgent` whose tool it is.
    """

    tool_name: str = ""
    tool_call_id: str = ""
    tool_arguments: str = ""
    agent: Any = None
    _call: CallContext | None = field(default=None, repr=False)

    @property
    def cancelled(self) -> bool:
        """Whether the user has interrupted, or nobody waits for the output any more."""
        return self._call is not None and self._call.cancelled

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the call is cancelled, ``timeout`` seconds at most; say whether it is."""
        return self._call is not None and self._call.wait(timeout)

    @property
    def call(self) -> CallContext:
        """The call under the names of `realtime_sync.tools`, for functions that take that."""
        from ..tools.call_context import CallContext  # only a tool needs it

        if self._call is None:  # made by hand
            self._call = CallContext(
                name=self.tool_name,
                call_id=self.tool_call_id,
                arguments=self.tool_arguments,
                context=self.context,
            )
        return self._call
