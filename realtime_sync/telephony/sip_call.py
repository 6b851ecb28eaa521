"""A call that came in by SIP: who calls, how it is handed over and hung up, what has ended it."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from typing import Any, Literal

from attrs import field, frozen

from .._deadline import Deadline
from .._fork import Home
from .._required import is_whole, require
from .._signal_safe import Latch
from .._uncopied import Uncopied
from ..agents import RealtimeSession
from ..clients.base import Client
from ..errors import ConfigError, NotFoundError
from ..rest.webhooks import SipHeader

__all__ = ["Refer", "Reject", "SipCall", "SipEnd"]

SipEnd = Literal["caller", "program", "refer", "reject", "closed", "elsewhere", "error"]
"""Who or what has ended a call; see `SipCall`."""

_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')  # a display name, which may hold anything
_BRACKETED = re.compile(r"<([^>]*)>")
_NUMBER = re.compile(r"\+?[0-9]+")
_SEPARATORS = str.maketrans("", "", "-.()")  # RFC 3966 §5.1.1: they are for the eye
_TARGET = re.compile(r"(?:tel|sips?):[^\s\x00-\x1f\x7f]+")  # a space would end it in a header


def _check_status(_: object, __: Any, value: Any) -> None:
    rule = "a call is rejected with a SIP status from 300 to 699, such as 486"
    require(is_whole(value, 300, 699), rule, value, error=ConfigError)


def _check_target(_: object, __: Any, value: Any) -> None:
    check_target(value)


def check_target(value: object) -> None:
    """Refuse what no call can be handed over to.

    Raises:
        ConfigError: it is no URI of a telephone.
    """
    fits = isinstance(value, str) and _TARGET.fullmatch(value) is not None
    rule = "a call is handed over to a URI such as 'tel:+14155550123' or 'sip:agent@example.com'"
    require(fits, rule, value, error=ConfigError)


@frozen
class Reject:
    """What a program answers for a call that it does not take.

    Args:
        status_code: the SIP status for the caller, 300 to 699: 486 is busy, 603 declined.

    Raises:
        ConfigError: it is none.

    Example:
        >>> Reject(486)
        Reject(status_code=486)
    """

    status_code: int = field(default=603, validator=_check_status)


@frozen
class Refer:
    """What a program answers for a call that it hands over at once, without an agent.

    Args:
        target_uri: whom the caller gets: ``"tel:+14155550123"``, ``"sip:desk@example.com"``.

    Raises:
        ConfigError: it is no such URI.

    Example:
        >>> Refer("tel:+14155550123").target_uri
        'tel:+14155550123'
    """

    target_uri: str = field(validator=_check_target)


class SipCall(Uncopied):
    """A call that came in by SIP, from its webhook to its end; `SipCalls` makes it.

    It is the context of its session: a tool finds it as ``context.context``. What the headers say
    is the caller's claim.

    Attributes:
        id: of the provider: ``rtc_…``.
        headers: of the INVITE, in their order; a name may come twice.
        data: free for the program.
        session: of the agent, from when it has joined the call; None before.
        ended_by: None while the call goes on. ``"caller"``: has hung up, or was gone before anyone
            answered. ``"program"``: `hang_up` was called, the session closed, or the function of
            the call has returned. ``"refer"``: it was handed over. ``"reject"``: it was not
            taken. ``"closed"``: `SipCalls.close`. ``"elsewhere"``: another process has taken it.
            ``"error"``: see ``error``.
        error: what has gone wrong, with ``"error"``.

    Threads: all of it may be used from any thread. A forked child must leave it to its parent.
    """

    def __init__(self, client: Client, call_id: str, headers: Sequence[SipHeader]) -> None:
        self.id = call_id
        self.headers = list(headers)
        self.data: Any = None
        self.error: BaseException | None = None
        self._calls = client.realtime.calls
        self._home = Home()
        self._over = Latch()
        self._state = threading.Lock()  # guards the three below
        self._session: RealtimeSession[SipCall] | None = None
        self._asked: SipEnd | None = None  # why it is to end, where this side has asked for it
        self._ended_by: SipEnd | None = None

    def __repr__(self) -> str:
        return f"SipCall({self.id!r}, ended_by={self.ended_by!r})"

    # -- who calls ---------------------------------------------------------------------------------

    def header(self, name: str) -> str | None:
        """Return what the first header of this name says, whatever its case; None without one."""
        found = (each.value for each in self.headers if each.name.lower() == name.lower())
        return next(found, None)

    @property
    def caller(self) -> str | None:
        """The URI of ``From``, such as ``"sip:+14155550123@example.com"``; None without one."""
        return _uri(self.header("From"))

    @property
    def called(self) -> str | None:
        """The URI of ``To``, which says what was dialled; None without one."""
        return _uri(self.header("To"))

    @property
    def number(self) -> str | None:
        """The caller's telephone number, such as ``"+14155550123"``; None where there is none."""
        return _number(self.caller)

    # -- its end -----------------------------------------------------------------------------------

    @property
    def session(self) -> RealtimeSession[SipCall] | None:
        """The agent's session; see the class."""
        return self._session

    @property
    def ended_by(self) -> SipEnd | None:
        """Who or what has ended it; see the class."""
        return self._ended_by

    def wait_ended(self, timeout: float | None = None) -> bool:
        """Wait until the call is over and its function has returned; False if time is up before.

        Args:
            timeout: seconds; None for as long as it takes.
        """
        self._home.check()
        return self._over.wait(Deadline(timeout))

    def wait_spoken(self, timeout: float | None = 15.0) -> bool:
        """Wait until the caller has heard what the agent says now, for a last word before the end.

        Also what `RealtimeSession.say` has asked for, and what is still being made. The provider
        tells when it begins to play and when it has played all.

        Args:
            timeout: seconds; None for as long as it takes.

        Returns:
            False if it was not heard in time. Where nothing is said it is True at once, and so it
            is before the agent has joined the call, and when the call is over.

        Raises:
            ConfigError: ``timeout`` is no time.
            ConcurrencyError: this is a forked child.
            Exception: what the session has failed of.
        """
        self._home.check()
        Deadline(timeout)  # raises for what is no time
        session = self._session
        return session is None or self._ended_by is not None or session.wait_spoken(timeout)

    def hang_up(self) -> None:
        """End the call. A caller who was quicker is no error.

        Raises:
            ConcurrencyError: this is a forked child.
            Exception: as ``client.realtime.calls.hangup``; then the call goes on.
        """
        self._hang_up("program")

    def refer(self, target_uri: str) -> None:
        """Hand the caller over; the session ends when the provider has done so.

        Args:
            target_uri: ``"tel:+14155550123"``, ``"sip:desk@example.com"``.

        Raises:
            ConfigError: it is no such URI.
            NotFoundError: the caller has hung up.
            ConcurrencyError: this is a forked child.
            Exception: as ``client.realtime.calls.refer``; then the call goes on.
        """
        self._home.check()
        check_target(target_uri)
        self._ask_for("refer")
        try:
            self._calls.refer(self.id, target_uri=target_uri)
        except BaseException:
            self._ask_no_more("refer")
            raise

    # -- of `SipCalls` -----------------------------------------------------------------------------

    def _hang_up(self, why: SipEnd) -> bool:
        """Hang up; return whether the call was still there."""
        self._home.check()
        self._ask_for(why)
        is_there = True
        try:
            self._calls.hangup(self.id)
        except NotFoundError:
            is_there = False
            self._ask_no_more(why)
        except BaseException:
            self._ask_no_more(why)
            raise
        if self._session is not None:  # if it comes later, `_join` sees that it is to end
            self._session.close()
        return is_there

    def _ask_for(self, why: SipEnd) -> None:
        with self._state:
            self._asked = self._asked or why

    def _ask_no_more(self, why: SipEnd) -> None:
        with self._state:
            if self._asked == why:
                self._asked = None

    def _join(self, session: RealtimeSession[SipCall]) -> None:
        """Take the session, which was entered."""
        self._session = session
        if self._asked is not None:
            session.close()

    def _end(self, ended_by: SipEnd) -> None:
        with self._state:
            self._ended_by = self._asked or ended_by


def _uri(value: str | None) -> str | None:
    """Return the URI in a header such as ``"Ann" <sip:ann@example.com>;tag=1``."""
    if value is None:
        return None
    bare = _QUOTED.sub("", value)
    bracketed = _BRACKETED.search(bare)
    return (bracketed[1] if bracketed else bare.partition(";")[0]).strip() or None


def _number(uri: str | None) -> str | None:
    """Return the telephone number in a URI."""
    scheme, _, rest = (uri or "").partition(":")
    user = rest if scheme.lower() == "tel" else rest.rpartition("@")[0]
    digits = user.partition(";")[0].translate(_SEPARATORS)
    return digits if _NUMBER.fullmatch(digits) else None
