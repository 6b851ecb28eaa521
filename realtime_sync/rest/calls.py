"""Calls over WebRTC and SIP: begin, accept, reject, refer, hang up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from attrs import field, frozen

from .._headers import checked_headers
from .._required import is_whole, require
from .._types import UNSET, Unset
from .._typing import Unpack
from .._uncopied import Uncopied
from ..errors import ConfigError, RemoteProtocolError
from ..events import Session
from ..events.sessions import RealtimeSessionCreateRequestParam
from .api import Resource, RestApi
from .raw import as_raw, as_streaming
from .request import (
    SDP,
    Answer,
    Request,
    Timeout,
    call_path,
    json_body,
    merged,
    parts_of,
    session_of,
    text_of,
)

__all__ = ["CallAnswer", "Calls", "CallsWithRawResponse", "CallsWithStreamingResponse"]


@frozen(kw_only=True)
class CallAnswer:
    """The server's side of a WebRTC call that was begun.

    ``text``, ``content`` and ``read()`` are the answer too, as in the peers' binary responses.

    Attributes:
        sdp: the SDP answer for ``setRemoteDescription``; not in the repr, because keys are in it.
        call_id: names the call (``rtc_…``) for the other methods and for
            ``connect(call_id=…)``; None if the server did not tell.
    """

    sdp: str = field(repr=False)
    call_id: str | None

    @property
    def text(self) -> str:
        """The SDP answer."""
        return self.sdp

    @property
    def content(self) -> bytes:
        """The SDP answer in UTF-8."""
        return self.sdp.encode()

    def read(self) -> bytes:
        """Return the SDP answer in UTF-8."""
        return self.content


def _read_answer(answer: Answer) -> CallAnswer:
    try:
        sdp = answer.body.decode()
    except UnicodeDecodeError:
        sdp = ""
    if not sdp.lstrip().startswith("v="):  # RFC 8866 §5: the version comes first
        kind = answer.headers.get("content-type", "no content type")
        raise RemoteProtocolError(
            f"the server answered with {len(answer.body)} bytes ({kind}) where an SDP answer is due"
        )
    return CallAnswer(sdp=sdp, call_id=_call_id(answer.headers.get("location", "")))


def _call_id(location: str) -> str | None:
    """Return the last part of the path of the ``Location`` header."""
    try:
        path = urlsplit(location).path
    except ValueError:
        return None
    return unquote(path.rstrip("/").rpartition("/")[2]) or None


def _nothing(answer: Answer) -> None:
    """Read an answer without a result, whatever its body holds."""


def _action(
    call_id: str,
    action: str,
    body: dict[str, Any] | None,
    extra_headers: Mapping[str, str] | None,
    extra_query: Mapping[str, object] | None,
    timeout: Timeout | Unset,
    *,
    repeatable: bool,
) -> Request[None]:
    return Request(
        path=call_path(call_id, action),
        parse=_nothing,
        body=None if body is None else json_body(body),
        accept="*/*",
        repeatable=repeatable,
        extra_headers=extra_headers,
        extra_query=extra_query,
        timeout=timeout,
    )


class Calls(Resource):
    """``client.realtime.calls``.

    Example:
        >>> from realtime_sync import Local, NotFoundError
        >>> with Local() as client:
        ...     try:
        ...         client.realtime.calls.hangup("rtc_1")
        ...     except NotFoundError as error:
        ...         print(error.message)
        No call with id 'rtc_1'.
    """

    def create(
        self,
        *,
        sdp: str,
        session: RealtimeSessionCreateRequestParam | Session | Unset = UNSET,
        extra_headers: Mapping[str, str] | None = None,
        extra_query: Mapping[str, object] | None = None,
        extra_body: Mapping[str, object] | None = None,
        timeout: Timeout | Unset = UNSET,
    ) -> CallAnswer:
        """Begin a WebRTC call with the offer of a peer connection.

        It is not repeated when the server may have begun the call already.

        Args:
            sdp: the SDP offer.
            session: the configuration; without it only the SDP is sent, as for a client secret
                that has one.
            extra_headers, extra_query, extra_body: added to the request; they win. (The
                ``Content-Type`` is that of the body, and fields of ``extra_body`` become parts.)
            timeout: see `realtime_sync.rest`.

        Raises:
            ConfigError, LocalProtocolError, ConnectError, RealtimeTimeout, ApiError,
            RemoteProtocolError: see `realtime_sync.rest`.
        """
        fields = merged({"sdp": text_of(sdp, "sdp"), "session": session_of(session)}, extra_body)
        parts = parts_of(fields)
        alone = set(fields) == {"sdp"}
        given = checked_headers(extra_headers, "extra_headers")
        headers = {k: v for k, v in given.items() if k.lower() != "content-type"}
        return self._send(
            Request(
                path="/realtime/calls",
                parse=_read_answer,
                body=parts[0].data if alone else parts,
                content_type=SDP,
                accept=SDP,
                repeatable=False,
                extra_headers=headers,
                extra_query=extra_query,
                timeout=timeout,
            )
        )

    def accept(
        self,
        call_id: str,
        *,
        extra_headers: Mapping[str, str] | None = None,
        extra_query: Mapping[str, object] | None = None,
        extra_body: Mapping[str, object] | None = None,
        timeout: Timeout | Unset = UNSET,
        **session: Unpack[RealtimeSessionCreateRequestParam],
    ) -> None:
        """Take an incoming call; it is not repeated when the server may have taken it already.

        Args:
            call_id: from the ``realtime.call.incoming`` webhook.
            session: the fields of the session: ``type="realtime"``, ``model=…``,
                ``instructions=…`` …
            extra_headers, extra_query, extra_body: added to the request; they win.
            timeout: see `realtime_sync.rest`.

        Raises:
            ConfigError: ``call_id`` is empty, or another value is wrong.
            NotFoundError: there is no such call, any more.
            LocalProtocolError, ConnectError, RealtimeTimeout, ApiError: see
                `realtime_sync.rest`.
        """
        if "session" in session:
            raise ConfigError(
                "accept() takes the fields of the session themselves: accept(call_id, "
                "type='realtime', model=…), or accept(call_id, **session)"
            )
        fields: dict[str, Any] = {"type": "realtime", **session}
        body = merged(fields, extra_body)
        return self._send(
            _action(call_id, "accept", body, extra_headers, extra_query, timeout, repeatable=False)
        )

    def reject(
        self,
        call_id: str,
        *,
        status_code: int | Unset = UNSET,
        extra_headers: Mapping[str, str] | None = None,
        extra_query: Mapping[str, object] | None = None,
        extra_body: Mapping[str, object] | None = None,
        timeout: Timeout | Unset = UNSET,
    ) -> None:
        """Refuse an incoming call; is tried again after any failure of the server.

        Args:
            call_id: from the ``realtime.call.incoming`` webhook.
            status_code: the SIP status for the caller, such as 486 (busy); by default 603
                (decline).
            extra_headers, extra_query, extra_body: added to the request; they win.
            timeout: see `realtime_sync.rest`.

        Raises:
            ConfigError: ``call_id`` is empty, or another value is wrong.
            NotFoundError: there is no such call, any more.
            LocalProtocolError, ConnectError, RealtimeTimeout, ApiError: see
                `realtime_sync.rest`.
        """
        require(
            status_code is UNSET or is_whole(status_code),
            "status_code must be a SIP status such as 486",
            status_code,
            error=ConfigError,
        )
        body = merged({"status_code": status_code}, extra_body)
        return self._send(
            _action(call_id, "reject", body, extra_headers, extra_query, timeout, repeatable=True)
        )

    def refer(
        self,
        call_id: str,
        *,
        target_uri: str,
        extra_headers: Mapping[str, str] | None = None,
        extra_query: Mapping[str, object] | None = None,
        extra_body: Mapping[str, object] | None = None,
        timeout: Timeout | Unset = UNSET,
    ) -> None:
        """Hand a SIP call over; it is not repeated when the server may have done it already.

        Args:
            call_id: of a call that was accepted.
            target_uri: such as ``"tel:+14155550123"`` or ``"sip:agent@example.com"``.
            extra_headers, extra_query, extra_body: added to the request; they win.
            timeout: see `realtime_sync.rest`.

        Raises:
            ConfigError: ``call_id`` is empty, or another value is wrong.
            NotFoundError: there is no such call, any more.
            LocalProtocolError, ConnectError, RealtimeTimeout, ApiError: see
                `realtime_sync.rest`.
        """
        body = merged({"target_uri": text_of(target_uri, "target_uri")}, extra_body)
        return self._send(
            _action(call_id, "refer", body, extra_headers, extra_query, timeout, repeatable=False)
        )

    def hangup(
        self,
        call_id: str,
        *,
        extra_headers: Mapping[str, str] | None = None,
        extra_query: Mapping[str, object] | None = None,
        extra_body: Mapping[str, object] | None = None,
        timeout: Timeout | Unset = UNSET,
    ) -> None:
        """End a call, of WebRTC or SIP; is tried again after any failure of the server.

        Args:
            call_id: of the call.
            extra_headers, extra_query, extra_body: added to the request; they win.
            timeout: see `realtime_sync.rest`.

        Raises:
            ConfigError: ``call_id`` is empty, or another value is wrong.
            NotFoundError: there is no such call, any more; also when a repetition finds that the
                first try has ended it.
            LocalProtocolError, ConnectError, RealtimeTimeout, ApiError: see
                `realtime_sync.rest`.
        """
        body = merged({}, extra_body) or None
        return self._send(
            _action(call_id, "hangup", body, extra_headers, extra_query, timeout, repeatable=True)
        )

    @property
    def with_raw_response(self) -> CallsWithRawResponse:
        """The same calls, returning `RawResponse`."""
        return CallsWithRawResponse(self._api)

    @property
    def with_streaming_response(self) -> CallsWithStreamingResponse:
        """The same calls, for a ``with`` block that gets a `StreamingResponse`."""
        return CallsWithStreamingResponse(self._api)


class CallsWithRawResponse(Uncopied):
    """`Calls` whose results are raw."""

    def __init__(self, api: RestApi) -> None:
        calls = Calls(api, "raw")
        self.create = as_raw(calls.create)
        self.accept = as_raw(calls.accept)
        self.reject = as_raw(calls.reject)
        self.refer = as_raw(calls.refer)
        self.hangup = as_raw(calls.hangup)


class CallsWithStreamingResponse(Uncopied):
    """`Calls` whose results are streamed."""

    def __init__(self, api: RestApi) -> None:
        calls = Calls(api, "streaming")
        self.create = as_streaming(calls.create)
        self.accept = as_streaming(calls.accept)
        self.reject = as_streaming(calls.reject)
        self.refer = as_streaming(calls.refer)
        self.hangup = as_streaming(calls.hangup)
