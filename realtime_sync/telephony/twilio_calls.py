"""Calls by Twilio's REST API: place, look at, transfer and hang up.

Source: https://www.twilio.com/docs/voice/api/call-resource
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

from attrs import field, frozen

from .._headers import fits_header
from .._net.address import HTTP_PORTS, server_url
from .._required import is_list_of_texts, is_whole, require, require_name, require_text_values
from .._types import SSLContext
from .._uncopied import Uncopied
from ..errors import (
    AnswerLostError,
    ApiError,
    BadRequestError,
    CallUnknownError,
    ConfigError,
    RealtimeTimeout,
    RemoteProtocolError,
)
from ..rest.api import RestApi
from ..rest.request import FORM, Answer, Request, form_body, json_object
from .twiml import check_address, checked_twiml, checked_web_url, dial_twiml

__all__ = ["TwilioCall", "TwilioCalls"]

_API_URL: Final = "https://api.twilio.com"
_EVENTS: Final = ("initiated", "ringing", "answered", "completed")
_SID: Final = "[0-9a-fA-F]{32}"
_SECONDS: Final = re.compile(r"[0-9]{1,9}")
# "Call is not in-progress": it has ended before.
_ENDED: Final = "21220"
# What the server may have done all the same: it had the request.
_UNKNOWN: Final = (AnswerLostError, RealtimeTimeout, RemoteProtocolError)


def _unchangeable(values: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(values))


@frozen(kw_only=True)
class TwilioCall:
    """A call as Twilio has told of it.

    Attributes:
        sid: names the call (``CA…``).
        status: ``queued``, ``initiated``, ``ringing``, ``in-progress``, or its end:
            ``completed``, ``busy``, ``no-answer``, ``failed``, ``canceled``.
        to: who is called.
        from_: who calls.
        direction: ``inbound``, ``outbound-api`` or ``outbound-dial``.
        answered_by: ``human``, ``machine_start``, ``fax`` …; None where nobody has looked.
        duration_s: how long it was, in seconds; None before its end.
        extra: everything else that Twilio tells, under its own names.
    """

    sid: str
    status: str
    to: str = ""
    from_: str = ""
    direction: str = ""
    answered_by: str | None = None
    duration_s: int | None = None
    extra: Mapping[str, Any] = field(factory=dict, converter=_unchangeable, repr=False)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.status in ("completed", "busy", "no-answer", "failed", "canceled")


class TwilioCalls(Uncopied):
    """The calls of an account.

    Example:
        >>> calls = TwilioCalls("AC" + 32 * "0", "the auth token")
        >>> calls.create(to="0100", from_="+15550199", twiml="<Response/>")
        Traceback (most recent call last):
        ...
        realtime_sync.errors.ConfigError: to must be a number such as '+15550100', or \
sip:name@host, or client:name, not '0100'

    Failures are those of `realtime_sync.rest`, as are timeouts, proxies and repetitions, with one
    exception: `create` is never repeated, because that might call twice.

    Args:
        account_sid: ``AC…``.
        auth_token: of the account.
        api_url: of Twilio's API, or of a simulator of it.
        timeout: see `realtime_sync.rest`.
        max_retries: how many tries may follow the first, 2 by default; ``create`` has none. With 0
            nobody waits longer than ``timeout`` for a Twilio that is silent.
        proxy, ssl_context: as in `realtime_sync.transport.TransportOptions`.

    Raises:
        ConfigError: one of them is no such thing.

    Threads: may be shared.
    """

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        *,
        api_url: str = _API_URL,
        timeout: Any = 10.0,
        max_retries: int = 2,
        proxy: str | None = None,
        ssl_context: SSLContext | None = None,
    ) -> None:
        # Values stay out of the messages: the two may be mixed up.
        if not isinstance(account_sid, str) or not re.fullmatch(f"AC{_SID}", account_sid):
            raise ConfigError(
                "account_sid must be 'AC' and 32 hexadecimal digits; copy it from Twilio's console"
            )
        if not isinstance(auth_token, str) or not auth_token.strip() or not fits_header(auth_token):
            raise ConfigError(
                "auth_token must be one line of printable ASCII; copy it from Twilio's console"
            )
        require_name(api_url, "api_url", error=ConfigError)
        server_url(api_url, name="api_url", ports=HTTP_PORTS, example=_API_URL)
        account = _Account(api_url, account_sid, auth_token)
        options: dict[str, Any] = {
            "timeout": timeout,
            "proxy": proxy,
            "ssl_context": ssl_context,
        }
        self._account_sid = account_sid
        self._api = RestApi(lambda: account, max_retries=max_retries, **options)
        self._once = RestApi(lambda: account, max_retries=0, **options)

    def create(
        self,
        *,
        to: str,
        from_: str,
        twiml: str | None = None,
        url: str | None = None,
        status_callback: str | None = None,
        status_events: Iterable[str] = _EVENTS,
        machine_detection: Literal["Enable", "DetectMessageEnd"] | None = None,
        machine_callback: str | None = None,
        ring_timeout: int | None = None,
        time_limit: int | None = None,
        extra_body: Mapping[str, str] | None = None,
    ) -> TwilioCall:
        """Place a call; the request is never repeated.

        Args:
            to: a number in E.164 (``"+15550100"``), ``sip:name@host`` or ``client:name``.
            from_: a number of the account's, or a verified one.
            twiml: what is to happen when it is answered, 4,000 characters at most.
            url: the URL that answers with that instead.
            status_callback: the URL that is told of the call's progress.
            status_events: of what it is told.
            machine_detection: ``"Enable"`` has Twilio find out whether a machine has answered,
                ``"DetectMessageEnd"`` also when its message is over.
            machine_callback: the URL that is told the outcome while the call goes on; without it
                the TwiML waits for the outcome (``AnsweredBy``).
            ring_timeout: how many seconds it may ring; Twilio's default is 60.
            time_limit: how many seconds the call may have, four hours by default.
            extra_body: further fields under Twilio's own names, such as ``{"SendDigits": "1"}``;
                they win.

        Returns:
            The call, which is ``queued`` as a rule.

        Raises:
            ConfigError: a value is none of these; there must be one of ``twiml`` and ``url``.
            CallUnknownError: no answer came, or a failure of the server's: nobody knows whether
                the call was placed.
            ConnectError: there is no link; the call was not placed.
            ApiError: it was refused, and not placed: `AuthenticationError`, `RateLimitError` …
                with Twilio's ``code`` and ``message``.
        """
        check_address(to, "to")
        check_address(from_, "from_")
        fields = {
            **_instructions(twiml=twiml, url=url),
            **_callbacks(status_callback, status_events),
            **_machine_fields(machine_detection, machine_callback),
            **_seconds_field("Timeout", "ring_timeout", ring_timeout),
            **_seconds_field("TimeLimit", "time_limit", time_limit),
        }
        request = _request("/Calls.json", {"To": to, "From": from_, **fields}, extra_body)
        try:
            return request.parse(self._once.open(request).whole())
        except _UNKNOWN as exc:
            raise _unknown(to, exc) from exc
        except ApiError as exc:
            # 408 as well: what the server has read before it lost patience is unknown.
            if exc.status >= 500 or exc.status == 408:
                raise _unknown(to, exc) from exc
            raise

    def fetch(self, sid: str) -> TwilioCall:
        """Return how a call is now; is tried again after any failure of the server.

        Args:
            sid: of the call.

        Raises:
            ConfigError: it is no call's.
            NotFoundError: the account has no such call.
            ConnectError, RealtimeTimeout, RemoteProtocolError, ApiError: see
                `realtime_sync.rest`.
        """
        return self._send(Request(path=_path(sid), parse=_read_call, repeatable=True, method="GET"))

    def hang_up(self, sid: str) -> TwilioCall:
        """End a call, or its ringing; is tried again after any failure of the server.

        A call that has ended before is what was wanted: it is returned as it is.

        Args:
            sid: of the call.

        Raises:
            ConfigError: it is no call's.
            NotFoundError: the account has no such call.
            ConnectError, RealtimeTimeout, RemoteProtocolError, ApiError: see
                `realtime_sync.rest`.
        """
        try:
            return self._send(_request(_path(sid), {"Status": "completed"}, repeatable=True))
        except BadRequestError as exc:
            if exc.code != _ENDED:
                raise
        return self.fetch(sid)

    def transfer(
        self,
        sid: str,
        *,
        to: str | None = None,
        twiml: str | None = None,
        url: str | None = None,
    ) -> TwilioCall:
        """Have a call that goes on do something else; its media stream ends.

        It is not repeated when the server may have done it already.

        Args:
            sid: of the call.
            to: connects the caller with somebody else, see `dial_twiml`.
            twiml: what is to happen instead, 4,000 characters at most.
            url: the URL that answers with that.

        Returns:
            The call, in its new state.

        Raises:
            ConfigError: a value is none of these; there must be one of the three.
            BadRequestError: the call is not in progress, any more (``code`` is ``"21220"``).
            NotFoundError: the account has no such call.
            ConnectError, RealtimeTimeout, RemoteProtocolError, ApiError: see
                `realtime_sync.rest`.
        """
        path = _path(sid)
        if [to, twiml, url].count(None) != 2:
            raise ConfigError("a transfer has one target: pass one of to=…, twiml=… and url=…")
        if to is not None:
            twiml = dial_twiml(to)
        return self._send(_request(path, _instructions(twiml=twiml, url=url)))

    def close(self) -> None:
        """Close the links that are kept for the next call; a later one opens others."""
        self._api.close()
        self._once.close()

    def _send(self, request: Request[TwilioCall]) -> TwilioCall:
        return request.parse(self._api.open(request).whole())

    def __enter__(self) -> TwilioCalls:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"TwilioCalls({self._account_sid!r})"


def _unknown(to: str, exc: Exception) -> CallUnknownError:
    return CallUnknownError(to, str(exc).partition(";")[0])  # behind it is what to do in general


class _Account:
    """Where the calls of an account are, and its password."""

    rest_query: Mapping[str, object] = MappingProxyType({})

    def __init__(self, api_url: str, account_sid: str, auth_token: str) -> None:
        self.base_url = f"{api_url.rstrip('/')}/2010-04-01/Accounts/{account_sid}"
        login = base64.b64encode(f"{account_sid}:{auth_token}".encode()).decode()
        self._authorization = f"Basic {login}"

    def rest_headers(self, extra: Mapping[str, str]) -> dict[str, str]:
        return {"Authorization": self._authorization, **extra}


def _path(sid: str) -> str:
    fits = isinstance(sid, str) and re.fullmatch(f"CA{_SID}", sid)
    require(fits, "sid must be that of a call, 'CA' and 32 digits", sid, error=ConfigError)
    return f"/Calls/{sid}.json"


def _request(
    path: str,
    fields: Mapping[str, Any],
    extra_body: Mapping[str, str] | None = None,
    *,
    repeatable: bool = False,
) -> Request[TwilioCall]:
    more = {} if extra_body is None else extra_body
    require_text_values(more, "extra_body", error=ConfigError)
    return Request(
        path=path,
        parse=_read_call,
        body=form_body({**fields, **more}),
        content_type=FORM,
        repeatable=repeatable,
    )


def _instructions(*, twiml: str | None, url: str | None) -> dict[str, str]:
    if (twiml is None) == (url is None):
        raise ConfigError("what is to happen in the call: pass one of twiml=… and url=…")
    if twiml is not None:
        return {"Twiml": checked_twiml(twiml)}
    return {"Url": checked_web_url(url, "url")}


def _callbacks(url: str | None, events: Iterable[str]) -> dict[str, Any]:
    if url is None:
        return {}
    names = events if isinstance(events, str) else list(events)
    require(
        is_list_of_texts(names) and set(names) <= set(_EVENTS),
        f"status_events must be among {', '.join(_EVENTS)}",
        events,
        error=ConfigError,
    )
    return {
        "StatusCallback": checked_web_url(url, "status_callback"),
        "StatusCallbackEvent": names,
    }


def _machine_fields(detection: str | None, callback: str | None) -> dict[str, str]:
    if detection is None:
        if callback is not None:
            raise ConfigError("machine_callback is told of a detection; pass machine_detection=…")
        return {}
    require(
        detection in ("Enable", "DetectMessageEnd"),
        "machine_detection must be 'Enable' or 'DetectMessageEnd'",
        detection,
        error=ConfigError,
    )
    if callback is None:
        return {"MachineDetection": detection}
    return {
        "MachineDetection": detection,
        "AsyncAmd": "true",
        "AsyncAmdStatusCallback": checked_web_url(callback, "machine_callback"),
    }


def _seconds_field(name: str, option: str, value: int | None) -> dict[str, str]:
    if value is None:
        return {}
    require(
        is_whole(value, 1), f"{option} must be whole seconds, 1 or more", value, error=ConfigError
    )
    return {name: str(value)}


def _read_call(answer: Answer) -> TwilioCall:
    values = json_object(answer)
    known = {"sid", "status", "to", "from", "direction", "answered_by", "duration"}
    if not _text(values, "sid"):
        raise RemoteProtocolError("Twilio's answer has no sid, so it is no call; check api_url")
    duration = _text(values, "duration")
    return TwilioCall(
        sid=_text(values, "sid"),
        status=_text(values, "status"),
        to=_text(values, "to"),
        from_=_text(values, "from"),
        direction=_text(values, "direction"),
        answered_by=_text(values, "answered_by") or None,
        duration_s=int(duration) if _SECONDS.fullmatch(duration) else None,
        extra={name: value for name, value in values.items() if name not in known},
    )


def _text(values: Mapping[str, Any], key: str) -> str:
    found = values.get(key)
    return found if isinstance(found, str) else ""
