"""Every exception of the package, in one hierarchy under `RealtimeError`.

No exception of a dependency crosses the public API: it is translated where the dependency is
called, with the original as ``__cause__``. Data is in attributes *and* in ``args``, so that every
exception survives a pickle (Celery results, process pools). Messages are lower case, name the
value and the rule, and say what to do next; they never contain a key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

__all__ = [
    "AgentError",
    "AnswerLostError",
    "ApiError",
    "AudioError",
    "AuthenticationError",
    "BadRequestError",
    "CallUnknownError",
    "ConcurrencyError",
    "ConfigError",
    "ConflictError",
    "ConnectError",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "DeviceError",
    "DistillerConnectionError",
    "DistillerError",
    "DistillerMessageError",
    "DistillerTimeoutError",
    "FormatError",
    "GuardrailTripped",
    "InternalServerError",
    "LocalProtocolError",
    "MCPServerError",
    "ModelBehaviorError",
    "NotFoundError",
    "PermissionDeniedError",
    "ProjectCreationError",
    "ProjectDownloadError",
    "ProtocolError",
    "QueueFullError",
    "RateLimitError",
    "RealtimeError",
    "RealtimeTimeout",
    "RemoteProtocolError",
    "ServerError",
    "ToolError",
    "ToolTimeoutError",
    "TransportError",
    "TwilioSignatureError",
    "UnprocessableEntityError",
    "UserAlreadyConnectedError",
    "UserError",
    "WebSocketRefused",
    "WebhookSignatureError",
    "api_error",
    "retry_after_s",
]


class RealtimeError(Exception):
    """The root: ``except RealtimeError`` catches whatever this package raises on purpose."""


class ConfigError(RealtimeError, ValueError):
    """An option, an environment variable or an installation is wrong; no request was made."""


class ConcurrencyError(RealtimeError):
    """Two threads consume one connection, or a connection crossed a fork."""


class QueueFullError(RealtimeError):
    """A bounded queue is full and this call would have had to wait behind it."""


class RealtimeTimeout(RealtimeError, TimeoutError):  # noqa: N818 -- as TimeoutError, not a fault
    """A blocking call's ``timeout`` ran out; the connection stays usable."""


# -- the link ------------------------------------------------------------------------------------

# Codes that never travel: they say that the link broke, without a close frame (RFC 6455 §7.4.1).
_BROKEN = (1006, 1015)


class TransportError(RealtimeError):
    """The link to the server could not be made or did not hold."""


class ConnectError(TransportError):
    """The connection could not be opened: name lookup, refused port, TLS, proxy, bad answer."""


class AnswerLostError(ConnectError):
    """The link ended before the answer was complete: the server may have done what was asked."""


class ConnectionClosed(TransportError):  # noqa: N818 -- the peers' name
    """The connection is over.

    What the peer did after our own close, and other details, are in ``__notes__`` (PEP 678).

    Attributes:
        code: the WebSocket close code (RFC 6455 §7.4); 1006 when the link broke without one.
        reason: the words of whoever closed; ours when the link broke; may be empty.
        reconnecting: True when the connection is being re-established behind this error.
        unsent: client events, as JSON text, that waited for a new link that did not come.
        closed_by: ``"this side"``, ``"the server"``, or ``"the network"`` when the link broke; by
            default what the code says. At a server's own socket: ``"this server"``,
            ``"the client"``, or ``"the client's network"``.
        opened_by: the call that opens another, for the message.
    """

    opened_by: str = "connect()"

    def __init__(
        self,
        code: int = 1006,
        reason: str = "",
        reconnecting: bool = False,
        unsent: tuple[str, ...] = (),
        closed_by: str | None = None,
    ) -> None:
        super().__init__(code, reason, reconnecting, unsent, closed_by)
        self.code = code
        self.reason = reason
        self.reconnecting = reconnecting
        self.unsent = unsent
        self.closed_by = closed_by or ("the network" if code in _BROKEN else "the server")

    def copy(self, *, unsent: tuple[str, ...] | None = None) -> ConnectionClosed:
        """Return a fresh exception: one that is raised in many threads would mix tracebacks."""
        code, reason, reconnecting, own, closed_by = self.args
        copy = type(self)(code, reason, reconnecting, own if unsent is None else unsent, closed_by)
        copy.__cause__ = self.__cause__
        if self.opened_by != copy.opened_by:
            copy.opened_by = self.opened_by
        for note in getattr(self, "__notes__", ()):
            copy.note(note)
        return copy

    def note(self, text: str) -> None:
        """Add a detail, as `BaseException.add_note` does from Python 3.11 on."""
        notes: list[str] = self.__dict__.setdefault("__notes__", [])
        notes.append(text)

    def __str__(self) -> str:
        text = f"connection closed with code {self.code}"
        if self.reason:
            text += f": {self.reason}"
        broke = self.closed_by in ("the network", "the client's network")
        who = "the link broke" if broke else f"closed by {self.closed_by}"
        return f"{text} ({who}); {self._next_step()}"

    def _next_step(self) -> str:
        if self.reconnecting:
            return "reconnecting, so ask again"
        if self.code == 1009:
            return "raise max_size, or send less in one message"
        if self.closed_by in ("this server", "the client", "the client's network"):
            return "only the client can open another"
        if self.closed_by == "the server" and (self.code == 1008 or self.code >= 3000):
            return "the server's words say what to change"
        may_take_policy = self.opened_by == ConnectionClosed.opened_by
        if self.code == 1000 or self.closed_by == "this side" or not may_take_policy:
            return f"{self.opened_by} opens another"
        return "connect again, or pass reconnect=ReconnectPolicy()"


class ConnectionClosedOK(ConnectionClosed):
    """Closed on purpose by either side (code 1000 or 1001; by a client also 1005, without one)."""


class ConnectionClosedError(ConnectionClosed):
    """Closed by an error or a broken link (any other code)."""


class WebSocketRefused(TransportError):  # noqa: N818 -- an answer, not a fault of the program
    """A request is not taken as a WebSocket, and has to be answered as any other request.

    It is that answer, too: a WSGI application, so that a view may return it.

    Attributes:
        message: a sentence for whoever sent the request.
        status: the HTTP status: 400, 403, 426 or 503.
        headers: of the answer, beside its type and length.
    """

    def __init__(
        self, message: str, status: int, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(message, status, headers)
        self.message = message
        self.status = status
        self.headers = headers

    def __str__(self) -> str:
        return f"{self.message} (http status {self.status})"

    def __call__(
        self,
        environ: Mapping[str, Any],
        start_response: Callable[[str, list[tuple[str, str]]], object],
    ) -> Iterable[bytes]:
        """Answer the request (PEP 3333)."""
        from http import HTTPStatus

        body = f"{self.message}\n".encode()
        own = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
        phrase = HTTPStatus(self.status).phrase
        start_response(f"{self.status} {phrase}", [*own, *self.headers])
        return [body]


# -- the protocol --------------------------------------------------------------------------------


class ProtocolError(RealtimeError):
    """A message breaks the protocol."""


class LocalProtocolError(ProtocolError):
    """Our caller asked for something the protocol does not allow; nothing was sent."""


class RemoteProtocolError(ProtocolError):
    """The server sent something that is not the protocol, such as malformed JSON."""


class ServerError(RealtimeError):
    """The server answered a request with an ``error`` event.

    Attributes:
        message: the server's words.
        type: the class of the error, such as ``"invalid_request_error"``.
        code: the machine-readable code, or None.
        param: the field at fault, or None.
        event_id: the ``event_id`` of the client event that caused it, or None.
    """

    def __init__(
        self,
        message: str,
        type: str = "server_error",
        code: str | None = None,
        param: str | None = None,
        event_id: str | None = None,
    ) -> None:
        super().__init__(message, type, code, param, event_id)
        self.message = message
        self.type = type
        self.code = code
        self.param = param
        self.event_id = event_id

    def __str__(self) -> str:
        where = f" (param {self.param!r})" if self.param else ""
        return f"{self.code or self.type}: {self.message}{where}"


class ApiError(RealtimeError):
    """The server refused an HTTP request: the upgrade to WebSocket or a REST call.

    Attributes:
        message: the server's words when it sent any, else ours.
        status: the HTTP status code; ``status_code`` is the same under the peers' name.
        request_id: the ``x-request-id`` header, or None.
        body: the decoded JSON body, the text, or None.
        retry_after_s: how long the server asks to wait before the next request, or None.
    """

    def __init__(
        self,
        message: str,
        status: int,
        request_id: str | None = None,
        body: Any = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, status, request_id, body, retry_after_s)
        self.message = message
        self.status = status
        self.request_id = request_id
        self.body = body
        self.retry_after_s = retry_after_s

    @property
    def status_code(self) -> int:
        """The same as ``status``."""
        return self.status

    @property
    def code(self) -> str | None:
        """The server's machine-readable code, such as ``"invalid_api_key"``, or None."""
        return self._detail("code")

    @property
    def param(self) -> str | None:
        """The field of the request at fault, or None."""
        return self._detail("param")

    @property
    def type(self) -> str | None:
        """The class of the error, such as ``"invalid_request_error"``, or None."""
        return self._detail("type")

    def _detail(self, name: str) -> str | None:
        detail = self.body.get("error", self.body) if isinstance(self.body, dict) else None
        value = detail.get(name) if isinstance(detail, dict) else None
        return None if value is None else str(value)

    def __str__(self) -> str:
        return f"{self.message} (http status {self.status})"


class BadRequestError(ApiError):
    """400: the request breaks a rule of the server."""


class AuthenticationError(ApiError):
    """401: the key is missing, wrong or expired."""


class PermissionDeniedError(ApiError):
    """403: the key is valid but may not do this."""


class NotFoundError(ApiError):
    """404: no such path, model, deployment or call."""


class ConflictError(ApiError):
    """409: what the request is about is in another state, such as a call that has ended."""


class UnprocessableEntityError(ApiError):
    """422: the request is well formed, but its values make no sense to the server."""


class RateLimitError(ApiError):
    """429: too many requests; wait before the next one."""


class InternalServerError(ApiError):
    """500 and above: the server, or a gateway before it, failed."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}
_REQUEST_ID_HEADERS = ("x-request-id", "apim-request-id", "request-id", "twilio-request-id")
_MAX_MESSAGE_CHARS = 500


def api_error(status: int, headers: Mapping[str, str], body: bytes | None) -> ApiError:
    """Return the exception for an HTTP answer that refuses the request.

    Args:
        status: the HTTP status code.
        headers: of the answer.
        body: of the answer, undecoded; None or b"" when it had none.
    """
    import json  # only a refusal needs it

    content: Any = None
    if body:
        content = body.decode(errors="replace")
        with suppress(ValueError, RecursionError):
            content = json.loads(content)
    lower = {name.lower(): value for name, value in headers.items()}
    request_id = next((lower[name] for name in _REQUEST_ID_HEADERS if name in lower), None)
    if status < 300:  # to a request for a WebSocket, which 101 would grant
        message = "a web server answered, and no WebSocket server: check the URL and its path"
    elif status < 400:
        message = _redirect_words(lower.get("location", ""))
    else:
        message = _server_words(content) or "the server refused the request"
    cls = _BY_STATUS.get(status, InternalServerError if status >= 500 else ApiError)
    return cls(message, status, request_id, content, retry_after_s(lower))


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds the server asks to wait before the next request, if it does.

    Args:
        headers: of the answer, under lower-case names: ``retry-after-ms`` is preferred to
            ``retry-after``, which holds seconds or a date (RFC 9110 §10.2.3).
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        with suppress(KeyError, ValueError):
            value = float(headers[name]) / unit
            if 0 <= value < float("inf"):
                return value
    if "retry-after" not in headers:
        return None
    import time
    from email.utils import mktime_tz, parsedate_tz

    with suppress(ValueError, OverflowError, OSError):
        date = parsedate_tz(headers["retry-after"])
        if date is not None:
            return max(0.0, mktime_tz(date) - time.time())
    return None


def _redirect_words(location: str) -> str:
    from urllib.parse import urlsplit

    origin = ""
    with suppress(ValueError):
        parts = urlsplit(location)
        origin = f" to {parts.scheme}://{parts.hostname}" if parts.hostname else ""
    return (
        f"the server redirects{origin}; redirects are not followed, because they would hand the "
        "key to another address: connect to the right URL"
    )


def _server_words(content: Any) -> str:
    """Find the message in a decoded body: ``{"error": {"message": ...}}`` and its relatives."""
    if isinstance(content, dict):
        for key in ("error", "message", "detail"):
            if found := _server_words(content.get(key)):
                return found
        return ""
    if not isinstance(content, str) or content.lstrip().startswith("<"):  # a gateway's HTML page
        return ""
    words = " ".join(content.split())
    return words if len(words) <= _MAX_MESSAGE_CHARS else words[:_MAX_MESSAGE_CHARS] + "..."


class WebhookSignatureError(RealtimeError, ValueError):
    """A webhook was not signed with the secret, or is too old: do not act on it."""


class TwilioSignatureError(WebhookSignatureError):
    """A request was not signed by Twilio with the account's token: answer 403."""


class CallUnknownError(RealtimeError):
    """A call was asked for, and no answer says whether it was placed: do not ask once more.

    Attributes:
        to: who was to be called.
        reason: what came instead of an answer; the exception itself is ``__cause__``.
    """

    def __init__(self, to: str, reason: str) -> None:
        super().__init__(to, reason)
        self.to = to
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"whether the call to {self.to!r} was placed is unknown ({self.reason}); look at the "
            "account's calls before you place it again"
        )


# -- audio and agents ----------------------------------------------------------------------------


class AudioError(RealtimeError):
    """Sound could not be captured, played or converted."""


class DeviceError(AudioError):
    """An audio device is missing, busy, or went away."""


class FormatError(AudioError, ValueError):
    """Audio data has the wrong dtype, shape, size or rate."""


class AgentError(RealtimeError):
    """A tool, a guardrail or an agent's configuration failed."""


class UserError(AgentError, ConfigError):
    """A program uses agents in a way that can't work; nothing was sent."""


class ModelBehaviorError(AgentError):
    """The model did what it must not, such as one call id for two different calls."""


class ToolError(AgentError):
    """A tool failed, and its failure is not to be told to the model."""


class ToolTimeoutError(ToolError):
    """A tool that is to raise at its timeout has not returned in time.

    Attributes:
        tool_name: of the tool.
        timeout_seconds: how long it had.
    """

    def __init__(self, tool_name: str, timeout_seconds: float) -> None:
        super().__init__(tool_name, timeout_seconds)
        self.tool_name = tool_name
        self.timeout_seconds = timeout_seconds

    def __str__(self) -> str:
        return f"Tool '{self.tool_name}' timed out after {self.timeout_seconds:g} seconds."


class MCPServerError(AgentError):
    """An MCP server can't be reached, has ended, refuses a request or does not answer in time."""


class GuardrailTripped(AgentError):  # noqa: N818 -- an outcome, which ends a session only if asked
    """A guardrail forbids what was said or done, and is to end the session."""


# -- the realtime distiller ----------------------------------------------------------------------


class DistillerError(RealtimeError):
    """The Distiller refused something; the root of its own errors.

    Attributes:
        message: the server's words when it sent any, else ours.
        error_code: the name of the kind, as the provider's SDK has it.
        status: the HTTP status of the answer, or the one that the kind stands for.
        extra: what else is known, such as the project.
    """

    error_code = "distiller.client.error"
    _status: int | None = None

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = self._status if status is None else status
        self.extra = dict(extra or {})


class ProjectCreationError(DistillerError):
    """The server did not take a project."""

    error_code = "distiller.client.project_creation_error"
    _status = 400


class ProjectDownloadError(DistillerError):
    """The server did not give a project: most often there is none of that name or version."""

    error_code = "distiller.client.project_download_error"
    _status = 404


class DistillerConnectionError(DistillerError):
    """The server ended a session, or did not begin one."""

    error_code = "distiller.client.connection_error"
    _status = 503


class UserAlreadyConnectedError(DistillerConnectionError):
    """Another session of this project and uuid is open, and there may be one at a time."""

    error_code = "distiller.client.user_already_connected"
    _status = 409


class DistillerTimeoutError(DistillerConnectionError, RealtimeTimeout):
    """A session was silent too long: the server ended it, or no longer says that it is there."""

    error_code = "distiller.client.connection_timeout"
    _status = 504


class DistillerMessageError(DistillerConnectionError):
    """The server sent an ``error`` message, after which it sends nothing more."""

    error_code = "distiller.client.websocket_error_received"
