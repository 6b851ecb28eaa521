"""The door to the `mcp` package: one connected server, for threads.

That package is asynchronous. Each link has an event loop on a thread of its own, which nobody else
sees: what is asked of the server goes there, and whoever asks waits for the answer, and may stop
waiting at any moment.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from .._deadline import Deadline
from .._installation import install_command
from .._signal_safe import Latch
from .._threads import join_all, spawn
from .._types import JsonDict
from ..errors import ConfigError, MCPServerError, UserError

if TYPE_CHECKING:
    from anyio import CancelScope, Event
    from anyio.from_thread import BlockingPortal

__all__ = ["McpLink", "McpTarget", "http_target", "stdio_target"]

_LOOK_S = 0.1  # how soon a call that nobody waits for any more is given up
_CLOSE_S = 10.0  # the package kills a process that does not end after some 4 s
_MAX_PAGES = 100

McpTarget = Callable[[AsyncExitStack], Awaitable[AbstractAsyncContextManager[Any]]]
"""Makes, on the link's thread, what opens the way to a server; it may leave things on the stack."""


def stdio_target(params: JsonDict) -> McpTarget:
    """Return a server that is a process of ours: command, args, env, cwd, encoding.

    Raises:
        ConfigError: the ``mcp`` package is not installed.
        UserError: one of these can't be meant.
    """
    mcp = _mcp()
    try:
        parameters = mcp.StdioServerParameters(**params)
    except ValueError as exc:  # pydantic's
        wrong = exc.errors()[0]  # type: ignore[attr-defined]  # a package that may be missing
        where = ".".join(map(str, wrong["loc"]))
        raise UserError(
            f"an MCP server's params have {where}={wrong['input']!r:.80}: {wrong['msg']}"
        ) from exc

    async def target(stack: AsyncExitStack) -> AbstractAsyncContextManager[Any]:
        from mcp.client.stdio import stdio_client

        return stdio_client(parameters)

    return target


def http_target(
    url: str,
    *,
    headers: dict[str, str] | None,
    timeout: float,
    read_timeout: float,
    auth: Any,
    terminate_on_close: bool,
) -> McpTarget:
    """Return a server behind a URL that speaks the streamable HTTP transport.

    Args:
        url: of the server.
        headers: sent with each request.
        timeout: seconds for each step of a request.
        read_timeout: seconds of silence in an answer.
        auth: as httpx takes it.
        terminate_on_close: whether the server is told that its session is over.
    """
    _mcp()

    async def target(stack: AsyncExitStack) -> AbstractAsyncContextManager[Any]:
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        timeouts = httpx2.Timeout(timeout, read=read_timeout)
        http = httpx2.AsyncClient(headers=headers, timeout=timeouts, auth=auth)
        await stack.enter_async_context(http)
        return streamable_http_client(url, http_client=http, terminate_on_close=terminate_on_close)

    return target


class _Asked:
    """Something that was asked of a server, until the answer is there."""

    def __init__(self, ask: Callable[[], Awaitable[Any]]) -> None:
        self._ask = ask
        self._scope: CancelScope | None = None
        self._given_up = False
        self.done = Latch()
        self.answer: Any = None
        self.error: BaseException | None = EOFError("the connection was closed")

    async def run(self) -> None:
        """Ask, on the link's thread."""
        import anyio

        try:
            with anyio.CancelScope() as self._scope:
                if self._given_up:
                    return
                self.answer = await self._ask()
                self.error = None
        except Exception as exc:
            self.error = exc
        finally:
            self.done.set()

    def give_up(self) -> None:
        """Tell the server that nobody waits any more; on the link's thread."""
        self._given_up = True
        if self._scope is not None:
            self._scope.cancel()


class McpLink:
    """A connection to an MCP server.

    Args:
        target: where it goes.
        name: of the server, for messages.
        timeout: seconds that the server may take for each answer; None for ever.

    Threads: `open` and `close` belong to one thread at a time; all else to any. The loop has the
        thread ``mcp``.
    """

    def __init__(self, target: McpTarget, *, name: str, timeout: float | None) -> None:
        self._target = target
        self._name = name
        self._timeout = timeout
        self._begun = Latch()  # there is a loop, or there never will be
        self._settled = Latch()  # connected, or failed
        self._failure: BaseException | None = None
        # The rest belongs to the loop's thread; the portal is there when it has begun.
        self._portal: BlockingPortal | None = None
        self._scope: CancelScope | None = None
        self._stopping: Event | None = None
        self._is_reached = False  # and may not have said anything
        self._client: Any = None

    def open(self) -> None:
        """Connect.

        Raises:
            MCPServerError: the server can't be reached, or does not speak MCP.
        """
        self._thread = spawn(self._run, name="mcp")
        try:
            self._settled.wait(Deadline(None))
        except BaseException:  # Ctrl-C
            self.close()
            raise
        if self._failure is not None:
            self.close()
            raise self._translated("could not be connected", self._failure)

    def close(self) -> None:
        """Part from the server, and end its process if it is ours; more than once is fine."""
        self._begun.wait(Deadline(_CLOSE_S))
        for step in (self._stop, self._abort):
            if self._portal is not None:
                with suppress(RuntimeError):  # the loop has ended by itself
                    self._portal.start_task_soon(step)
            join_all([self._thread], Deadline(_CLOSE_S))

    def tools(self) -> list[JsonDict]:
        """Return all tools of the server, as the protocol writes them.

        Raises:
            MCPServerError: the server does not tell them.
        """
        tools: list[JsonDict] = []
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            ask = functools.partial(self._list, cursor)
            page = self._ask("has not told its tools", ask)
            tools += [_plain(tool) for tool in page.tools]
            cursor = page.next_cursor
            if cursor is None:
                return tools
        raise MCPServerError(f"the MCP server {self._name!r} has no end of tools")

    async def _list(self, cursor: str | None) -> Any:
        return await self._client.list_tools(cursor=cursor)

    def call(self, name: str, arguments: JsonDict, *, is_over: Callable[[], bool]) -> JsonDict:
        """Return the result of a tool, as the protocol writes it.

        Args:
            name: of the tool.
            arguments: for it.
            is_over: whether nobody waits for the result any more. The server is told then.

        Raises:
            MCPServerError: there is none: the server has refused the call, was too slow, has ended.
        """
        ask = functools.partial(self._call, name, arguments)
        return _plain(self._ask(f"has no result of {name!r}", ask, is_over))

    async def _call(self, name: str, arguments: JsonDict) -> Any:
        return await self._client.call_tool(name, arguments)

    def _ask(
        self,
        failed: str,
        ask: Callable[[], Awaitable[Any]],
        is_over: Callable[[], bool] = lambda: False,
    ) -> Any:
        asked = _Asked(ask)
        assert self._portal is not None  # it is open
        try:
            self._portal.start_task_soon(asked.run)
        except RuntimeError as exc:
            raise MCPServerError(f"the MCP server {self._name!r} is not connected") from exc
        try:
            while not asked.done.wait(Deadline(_LOOK_S)):
                if is_over() or not self._thread.is_alive():
                    raise MCPServerError(f"the MCP server {self._name!r} {failed}: given up")
        except BaseException:
            with suppress(RuntimeError):
                self._portal.start_task_soon(asked.give_up)
            raise
        if asked.error is not None:
            raise self._translated(failed, asked.error)
        return asked.answer

    def _translated(self, failed: str, error: BaseException) -> MCPServerError:
        cause = _innermost(error)
        made = MCPServerError(f"the MCP server {self._name!r} {failed}: {cause}")
        made.__cause__ = cause
        return made

    # -- the loop's thread -------------------------------------------------------------------------

    def _run(self) -> None:
        import anyio

        try:
            anyio.run(self._serve)
        except BaseException as exc:
            self._failure = exc
        finally:
            self._begun.set()
            self._settled.set()

    async def _serve(self) -> None:
        import anyio
        from anyio.from_thread import BlockingPortal

        with anyio.CancelScope() as self._scope:
            async with BlockingPortal() as self._portal:
                self._stopping = anyio.Event()
                self._begun.set()
                await self._converse(self._stopping)

    async def _converse(self, stopping: Event) -> None:
        async with AsyncExitStack() as stack:
            streams = await stack.enter_async_context(await self._target(stack))
            self._is_reached = True
            if stopping.is_set():
                return
            way = nullcontext(streams)
            # `MCPServer` has a cache of its own, which a program can empty.
            client = _mcp().Client(way, read_timeout_seconds=self._timeout, cache=None)
            self._client = await stack.enter_async_context(client)
            self._settled.set()
            await stopping.wait()

    def _stop(self) -> None:
        assert self._stopping is not None
        self._stopping.set()
        # A process that is being started is not to be cancelled: nobody would end it.
        if self._is_reached and self._client is None:
            self._abort()

    def _abort(self) -> None:
        assert self._scope is not None
        self._scope.cancel()


def _mcp() -> Any:
    try:
        import mcp
    except ImportError as exc:
        raise ConfigError(
            f"MCP servers need the mcp package, which is not installed: {install_command('mcp')}"
        ) from exc
    return mcp


def _plain(value: Any) -> JsonDict:
    made: JsonDict = value.model_dump(mode="json", by_alias=True, exclude_none=True)
    return made


def _innermost(error: BaseException) -> BaseException:
    """Return what has gone wrong, out of the groups that task groups make of it."""
    while inner := getattr(error, "exceptions", ()):
        error = inner[0]
    return error
