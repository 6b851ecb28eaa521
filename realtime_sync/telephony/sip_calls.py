"""SIP calls for agents: the webhook of an incoming call, and a session that joins the call."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from .._deadline import Deadline
from .._fork import Home, HomeLock
from .._latest import keep_latest
from .._required import require_count, require_function, require_name, require_object
from .._shown import shown
from .._signed import HeadersLike
from .._threads import join_all, spawn
from .._typing import Self
from .._uncopied import Uncopied
from ..agents import RealtimeRunConfig
from ..clients.base import CLIENTS_OF_OURS, Client, is_client
from ..errors import ConfigError, RealtimeError, RemoteProtocolError, WebhookSignatureError
from ..rest.webhooks import CallIncomingData, RealtimeCallIncoming, SipHeader
from .sip_answering import AgentFor, OnCall, SipAnswering
from .sip_call import SipCall, SipEnd

__all__ = ["SipCalls"]

log = logging.getLogger(__name__)

_TAKEN, _REFUSED, _LATER = 200, 400, 503  # a provider sends again what is not answered with 2xx
_BUSY = 486  # RFC 3261 §21.4.24
_MOST_KNOWN = 10_000  # calls of which a repeated webhook is known
_MOST_REFUSED = 16  # so many are being rejected at a time
_CLOSE_S = 5.0


class SipCalls(Uncopied):
    """Answers SIP calls with agents: takes the provider's webhooks, and joins each call.

    ::

        calls = SipCalls(lambda call: agent, client=OpenAI())

        @app.post("/webhook")
        def webhook():
            return "", calls.handle(request.get_data(), request.headers)

    `handle` answers at once; all else is done on a thread of the call's own. That asks
    ``agent_for`` who is to answer, accepts the call with the agent's session, joins it, and stays
    with it to its end. A webhook that is repeated, at the same time or later, makes no second
    session. The end of the session is the end of the call, and the other way round: no caller is
    left with a model that nobody watches.

    Args:
        agent_for: gets the `SipCall`, and returns the agent that answers it, a `Reject`, or a
            `Refer`. It may take its time, but the caller hears it ring.
        client: of the provider, such as ``OpenAI()``.
        secret: of the webhook, by default the client's.
        greeting: what the agent says first, word for word; None where the caller is to begin.
        config: settings of all sessions, as `RealtimeRunner` takes them; ``model_name`` says what
            calls are accepted with.
        on_call: is called with the `SipCall` and its session, which was entered, and iterates over
            it. When it returns, the call is hung up; what it raises is logged, and ends its call
            alone. By default the session talks until it is over.
        on_end: is called with each `SipCall` that is over, whatever became of it.
        max_calls: so many calls at once; one more hears that the line is busy.

    Raises:
        ConfigError: an option is wrong, or there is no secret.

    Threads:
        All methods may be called from any thread. There is a thread for each call until it is
        over, and `close` waits for them. A forked child begins without calls, so that an app may be
        loaded before its workers are forked.
    """

    def __init__(
        self,
        agent_for: AgentFor,
        *,
        client: Client,
        secret: str | None = None,
        greeting: str | None = None,
        config: RealtimeRunConfig | None = None,
        on_call: OnCall | None = None,
        on_end: Callable[[SipCall], object] | None = None,
        max_calls: int = 100,
    ) -> None:
        require_function(agent_for, "agent_for", takes=("call",), error=ConfigError)
        if not is_client(client):
            raise ConfigError(f"client={shown(client)} is none; {CLIENTS_OF_OURS}")
        if greeting is not None:
            require_name(greeting, "greeting", error=ConfigError)
        if config is not None:
            require_object(config, "config", error=ConfigError)
        if on_call is not None:
            require_function(on_call, "on_call", takes=("call", "session"), error=ConfigError)
        if on_end is not None:
            require_function(on_end, "on_end", takes=("call",), error=ConfigError)
        require_count(max_calls, "max_calls", least=1, error=ConfigError)
        with suppress(WebhookSignatureError):  # there is no signature; is there a secret?
            client.webhooks.verify_signature(b"", {}, secret=secret)
        self._client = client
        self._secret = secret
        self._answering = SipAnswering(
            agent_for, client=client, greeting=greeting, config={**(config or {})}, on_call=on_call
        )
        self._on_end = on_end
        self._max_calls = max_calls
        self._closed = False
        self._lock = HomeLock()  # guards all below
        self._home = Home()
        self._running: set[SipCall] = set()
        self._rejecting: set[SipCall] = set()  # for want of room
        self._threads: list[threading.Thread] = []  # of both
        self._known: dict[str, None] = {}  # ids of calls, also of those that are over
        self._refused = 0

    @property
    def calls(self) -> int:
        """How many calls there are now, those included that still ring."""
        with self._lock.here():
            return len(self._own_locked())

    @property
    def refused(self) -> int:
        """How many calls were rejected, because there were ``max_calls``."""
        return self._refused

    def handle(self, body: bytes | str, headers: HeadersLike) -> int:
        """Take a webhook; does not wait for what it brings about.

        Args:
            body: of the request, as it came.
            headers: of the request; anything with ``items()``.

        Returns:
            The HTTP status to answer with at once: 200 for what is taken, was taken before, or is
            nothing for calls; 400 for what is not signed with the secret, too old, or malformed;
            503 when the provider is to try again, because this process is ending or has no thread.

        Raises:
            ConfigError: the body is neither bytes nor text.
        """
        try:
            event = self._client.webhooks.unwrap(body, headers, secret=self._secret)
            if not isinstance(event, RealtimeCallIncoming):
                log.debug("a webhook of the type %s is nothing for calls", shown(event.type))
                return _TAKEN
            call_id, sip_headers = _call_in(event.data)
        except (WebhookSignatureError, RemoteProtocolError) as exc:
            log.warning("a webhook was refused: %s", exc)
            return _REFUSED
        return self._take(call_id, sip_headers)

    def drain(self, timeout: float, *, close_timeout: float = _CLOSE_S) -> bool:
        """Take no new calls, let the others end by themselves for a while, then hang them up.

        Args:
            timeout: seconds that they have.
            close_timeout: seconds for the end of those that had to be hung up.

        Returns:
            True when no call is left.
        """
        deadline = Deadline(timeout)
        Deadline(close_timeout)  # raises for what is no time
        self._closed = True
        return self._wait(deadline) or self._hang_up_all(Deadline(close_timeout))

    def close(self) -> None:
        """Take no new calls, hang up all others, and wait 5 seconds for their end."""
        self._closed = True
        self._hang_up_all(Deadline(_CLOSE_S))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # -- which calls there are ---------------------------------------------------------------------

    def _own_locked(self) -> set[SipCall]:
        """Return the calls of this process; a forked child has none of its parent's."""
        if self._home.left:
            self._home, self._refused, self._threads = Home(), 0, []
            self._running, self._rejecting, self._known = set(), set(), {}
        return self._running

    def _take(self, call_id: str, headers: list[SipHeader]) -> int:
        call = SipCall(self._client, call_id, headers)
        with self._lock.here():
            running = self._own_locked()
            if call_id in self._known:
                return _TAKEN
            is_full = len(running) >= self._max_calls
            if self._closed or (is_full and len(self._rejecting) >= _MOST_REFUSED):
                return _LATER
            place = self._rejecting if is_full else running
            place.add(call)
            self._known[call_id] = None
            keep_latest(self._known, _MOST_KNOWN)
        work = self._turn_away if is_full else self._answering.answer
        try:
            thread = spawn(lambda: self._serve(call, work), name="sip-call")
        except RealtimeError:
            log.exception("a call finds no thread")
            with self._lock.here():
                place.discard(call)
                self._known.pop(call_id, None)
            return _LATER
        with self._lock.here():
            self._threads = [*filter(threading.Thread.is_alive, self._threads), thread]
        return _TAKEN

    def _wait(self, deadline: Deadline) -> bool:
        """Wait until no call is left."""
        with self._lock.here():
            calls, threads = [*self._own_locked(), *self._rejecting], self._threads
        ended = all(call._over.wait(deadline) for call in calls)
        return ended and join_all(threads, deadline)

    def _hang_up_all(self, deadline: Deadline) -> bool:
        """Hang all up, side by side; return whether none is left."""
        with self._lock.here():
            calls = list(self._own_locked())
        ends = [thread for call in calls for thread in self._hang_up_beside(call)]
        if join_all(ends, deadline) and self._wait(deadline):
            return True
        log.warning("a call is not over; its thread is left behind")
        return False

    def _hang_up_beside(self, call: SipCall) -> list[threading.Thread]:
        try:
            return [spawn(lambda: self._hang_up(call), name="sip-end")]
        except RealtimeError:  # the interpreter is ending, for example
            self._hang_up(call)
            return []

    def _hang_up(self, call: SipCall) -> None:
        try:
            call._hang_up("closed")
        except RealtimeError:
            log.exception("the call %s could not be hung up", call.id)

    # -- a call's own thread -----------------------------------------------------------------------

    def _serve(self, call: SipCall, work: Callable[[SipCall], SipEnd]) -> None:
        try:
            ended_by = work(call)
        except BaseException as exc:  # of the program's code, whatever it is, ends its call alone
            log.exception("the call %s has failed", call.id)
            call.error, ended_by = exc, "error"
        call._end(ended_by)
        log.info("the call %s is over: %s", call.id, call.ended_by)
        try:
            if self._on_end is not None:
                self._on_end(call)
        except BaseException:
            log.exception("on_end has failed for the call %s", call.id)
        finally:
            with self._lock.here():
                self._running.discard(call)
                self._rejecting.discard(call)
            call._over.set()

    def _turn_away(self, call: SipCall) -> SipEnd:
        """Reject a call for which there is no room."""
        with self._lock.here():
            self._refused += 1
        log.warning("a call was rejected: there are %d, as max_calls says", self._max_calls)
        return self._answering.reject(call, _BUSY)


def _call_in(data: object) -> tuple[str, list[SipHeader]]:
    """Return the id of a call and the headers of its INVITE.

    Raises:
        RemoteProtocolError: there is no id.
    """
    call_id = data.call_id if isinstance(data, CallIncomingData) else None
    if not isinstance(call_id, str) or not call_id:
        raise RemoteProtocolError("the webhook of an incoming call names no call")
    assert isinstance(data, CallIncomingData)
    given: object = data.sip_headers
    return call_id, [each for each in (given if isinstance(given, list) else []) if _is_whole(each)]


def _is_whole(header: object) -> bool:
    if not isinstance(header, SipHeader):
        return False
    return isinstance(header.name, str) and isinstance(header.value, str)
