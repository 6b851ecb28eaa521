"""A server that follows a script, at the other end of links without a network."""

from __future__ import annotations

import itertools
import json
import logging
import threading
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, cast

from .._deadline import Deadline
from .._shown import shown
from .._types import JsonDict
from .._typing import Self
from .._uncopied import Uncopied
from ..errors import ConnectionClosed
from ..transport import MemoryPeer, MemoryTransport, Transport, TransportOptions, memory_pair
from .script_error import (
    ScriptError,
    require,
    require_count,
    require_flag,
    require_object,
)
from .scripted_session import APPEND, ScriptedSession
from .steps import Expectation, ServerScript, Step, UnconsumedSteps, check_expectation, matches
from .traffic import LinkEnd, Traffic, check_traffic, session_created

__all__ = ["ScriptedServer"]

log = logging.getLogger(__name__)

_BROKEN = 1006
_SCRIPT_FAILED = 4000  # a code of our own, after which nobody connects anew


class ScriptedServer(Uncopied):
    """Plays the server by a script; no network, no sound, no waiting.

    ::

        server = ScriptedServer(
            [
                function_call("get_weather", {"city": "Oslo"}, "call_1"),
                Step({"item": {"type": "function_call_output", "call_id": "call_1"}}),
                spoken_answer("It is raining."),
            ]
        )
        with ScriptedClient(server).realtime.connect() as connection:
            ...
        server.assert_complete()

    It confirms what a real server confirms: updates of the session, items, deleted and truncated
    ones, commits, cancels. When the user begins to speak, it cancels the running response unless
    the session says otherwise. What the next `Step` expects takes that step, and the server sends
    its confirmation first, unless the step emits an error. What is no `Step` is the next answer:
    to a ``response.create``, or to a turn of the user if the session has the server respond. A
    ``response.create`` without an answer gets an empty response.

    Args:
        steps: steps and answers, in their order. Sessions one after the other (of a connection
            that reconnects) share them.
        session: fields of each session besides the usual ones, in wire form.
        strict: confirm nothing, and expect every event but the sound that is appended; what is
            not expected closes the link, and `assert_complete` raises it.

    Raises:
        ScriptError: something is no step and no answer; ``session`` is no dictionary, or has no
            JSON form; ``strict`` is neither True nor False.

    Threads:
        Any thread may call any method. Functions of the script are called on the thread that
        sends, one at a time; they may call `emit` and `extend`. What a client sends that is no
        event is a `ScriptError` on that thread, out of its ``send_raw``; the link stays.
    """

    def __init__(
        self,
        steps: Iterable[Step | Traffic] = (),
        *,
        session: Mapping[str, Any] | None = None,
        strict: bool = False,
    ) -> None:
        require_flag(strict, "strict")
        self._strict = strict
        self._fields = {} if session is None else _checked_fields(session)
        self._counter = itertools.count(1)
        self._changed = threading.Condition()
        # All guarded by _changed, but for what is taken from the script: whoever has set _working
        # does that, and nobody else.
        self._script = ServerScript(steps)
        self._sent: list[JsonDict] = []
        self._urls: list[str] = []
        self._refusals: deque[Exception | None] = deque()
        self._link: _Link | None = None
        self._waiting: deque[Callable[[], None]] = deque()
        self._working = False
        self._failure: BaseException | None = None

    @property
    def sent(self) -> list[JsonDict]:
        """Every event that the client has sent, in wire form, over all links."""
        with self._changed:
            return list(self._sent)

    @property
    def heard(self) -> bytes:
        """All the sound that the client has appended, in the session's encoding.

        Raises:
            ScriptError: it has appended what is no base64.
        """
        appended = [each for each in self.sent if each["type"] == APPEND]
        try:
            return b"".join(b64decode(each.get("audio", b"")) for each in appended)
        except (TypeError, ValueError) as exc:
            raise ScriptError(f"the client has appended what is no base64: {exc}") from exc

    @property
    def urls(self) -> list[str]:
        """The URLs at which links were asked for."""
        with self._changed:
            return list(self._urls)

    @property
    def remaining_steps(self) -> int:
        """How many steps and answers are left."""
        with self._changed:
            return len(self._script)

    def open(self, url: str, headers: Mapping[str, str], options: TransportOptions) -> Transport:
        """Open a link; for ``connect(transport=server.open)``, and what `ScriptedClient` uses.

        Raises:
            Exception: what `refuse` has in store.
        """
        with self._changed:
            self._urls.append(url)
            refusal = self._refusals.popleft() if self._refusals else None
            self._changed.notify_all()
        if refusal is not None:
            raise refusal
        link = _Link(
            ScriptedSession(self._script, self._new_id, strict=self._strict, session=self._fields),
            self._receive,
        )
        with self._changed:
            self._link = link
        self._run(lambda: link.send(link.session.greet()))
        return link.transport

    def extend(self, *steps: Step | Traffic) -> None:
        """Go on with more steps and answers after what is left of the script.

        Raises:
            ScriptError: something is neither.
        """
        with self._changed:
            self._script.extend(steps)

    def refuse(self, *failures: Exception | None) -> None:
        """Have the next links fail to open.

        Args:
            failures: what opening raises, one for each link; None for one that opens.

        Raises:
            ScriptError: something is no exception.
        """
        for failure in failures:
            fits = failure is None or isinstance(failure, Exception)
            require(fits, "opening a link raises an exception, or None for one that opens", failure)
        with self._changed:
            self._refusals.extend(failures)

    def emit(self, *traffic: Traffic) -> None:
        """Send now what no event of the client's brings about, such as a turn of the user.

        Raises:
            ScriptError: no server could send that; no link is open; or the script has failed.
        """
        for each in traffic:
            check_traffic(each)
        with self._changed:
            self._check_locked()
            link = self._link
        if link is None or link.transport.closed:
            raise ScriptError("no link is open; connect first")
        events = [event for each in traffic for event in each]
        self._run(lambda: link.send(link.session.play(events)))

    def wait_sent(
        self, expect: Expectation, *, count: int = 1, timeout: float | None = 30.0
    ) -> JsonDict:
        """Wait until the client has sent something, and return it.

        Args:
            expect: see `Step`.
            count: the how manieth that is, of all that was ever sent.
            timeout: seconds; None for as long as it takes.

        Raises:
            ScriptError: it was not sent in time; that can't be expected; or the script has failed.
            ConfigError: ``timeout`` is no time.
        """
        check_expectation(expect)
        require_count(count, "count", least=1)
        remaining_s = Deadline(timeout).remaining()
        found: list[JsonDict] = []

        def is_there() -> bool:
            found[:] = [message for message in self._sent if matches(expect, message)]
            return len(found) >= count or self._failure is not None

        with self._changed:
            if self._changed.wait_for(is_there, remaining_s) and len(found) >= count:
                return found[count - 1]
            self._check_locked()
            types = ", ".join(message["type"] for message in self._sent) or "nothing"
            raise ScriptError(
                f"the client has not sent {shown(expect)} ({len(found)} of {shown(count)}) within "
                f"{timeout:g} s; it has sent: {types}"
            )

    def wait_opened(self, count: int, *, timeout: float | None = 30.0) -> None:
        """Wait until so many links were asked for.

        Args:
            count: how many.
            timeout: seconds; None for as long as it takes.

        Raises:
            ScriptError: they were not in time; or ``count`` is no number.
            ConfigError: ``timeout`` is no time.
        """
        require_count(count, "count")
        remaining_s = Deadline(timeout).remaining()
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._urls) >= count, remaining_s):
                raise ScriptError(f"{len(self._urls)} of {shown(count)} links within {timeout:g} s")

    def assert_complete(self, *, timeout: float | None = 0.0) -> None:
        """Check that the client has sent all that was expected, and taken every answer.

        Args:
            timeout: seconds to wait for that; by default it must be so now. None for as long as it
                takes.

        Raises:
            UnconsumedSteps: steps are left.
            UnexpectedSend: the client has sent what a strict script does not expect.
            Exception: what a function of the script has raised.
            ConfigError: ``timeout`` is no time.
        """
        remaining_s = Deadline(timeout).remaining()
        with self._changed:
            self._changed.wait_for(
                lambda: self._failure is not None or not (self._script or self._working),
                remaining_s,
            )
            self._check_locked()
            if self._script:
                raise UnconsumedSteps(len(self._script), self._script.next_expectation)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.assert_complete()

    def _new_id(self, kind: str) -> str:
        return f"{kind}_of_server_{next(self._counter)}"

    def _check_locked(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _receive(self, link: _Link, text: str) -> None:
        message = _event_of(text)

        def react() -> None:
            with self._changed:
                self._sent.append(message)
            link.send(link.session.receive(message))

        self._run(react)

    def _run(self, work: Callable[[], None]) -> None:
        """Do ``work`` after what was to be done before it, on this thread or on that one's.

        So two threads that send at once are answered one after the other, and a function of the
        script may call the server without waiting for itself.
        """
        with self._changed:
            self._waiting.append(work)
            if self._working:
                return
            self._working = True
        while True:
            with self._changed:
                if not self._waiting:
                    self._working = False
                    self._changed.notify_all()
                    return
                work = self._waiting.popleft()
            try:
                work()
            except Exception as exc:
                self._fail(exc)

    def _fail(self, exc: Exception) -> None:
        """Keep what went wrong for the test's own thread, and let the client know."""
        log.warning("the script of a test has failed: %s", exc)
        with self._changed:
            self._failure = self._failure or exc
            link = self._link
        if link is not None:
            link.send([LinkEnd(_SCRIPT_FAILED, f"the script has failed: {exc}"[:120])])


def _checked_fields(session: object) -> JsonDict:
    require_object(session, "session")
    fields = dict(cast("JsonDict", session))
    fits = all(isinstance(name, str) for name in fields)
    require(fits, "session must have texts as the names of its fields", session)
    session_created(**fields)  # refuses what has no JSON form
    return fields


def _event_of(text: str) -> JsonDict:
    """Return what a client has sent; what no server understands fails where it is sent."""
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        event = None
    fits = isinstance(event, dict) and isinstance(event.get("type"), str)
    require(fits, "a client sends events, which are JSON objects with a type", text)
    return cast("JsonDict", event)


class _Link:
    """One link, and the session on it."""

    def __init__(self, session: ScriptedSession, receive: Callable[[_Link, str], None]) -> None:
        self.session = session
        self.transport: MemoryTransport
        self._peer: MemoryPeer
        self.transport, self._peer = memory_pair(on_send=lambda text: receive(self, text))

    def send(self, traffic: Traffic) -> None:
        """Send events until the link ends."""
        with suppress(ConnectionClosed):  # the client has hung up meanwhile
            for event in traffic:
                if isinstance(event, LinkEnd):
                    self._end(event)
                    return
                self._peer.send(json.dumps(event))

    def _end(self, end: LinkEnd) -> None:
        if end.code == _BROKEN:
            self._peer.drop()
        else:
            self._peer.close(end.code, end.reason)
