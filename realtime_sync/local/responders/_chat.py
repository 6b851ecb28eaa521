"""A responder that asks an OpenAI-compatible chat endpoint; the server's only use of requests."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit, urlunsplit

import requests

from ..._types import JsonDict
from ...errors import (
    ApiError,
    AuthenticationError,
    ConfigError,
    ConnectError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RealtimeTimeout,
    RemoteProtocolError,
    ServerError,
    TransportError,
)
from ..engines import Finish, ResponderEvent, ResponderPrompt, TextDelta, ToolCall
from ._chat_messages import messages_of, tool_choice_of, tools_of

__all__ = ["ChatResponder"]

_KEY_VARIABLE = "REALTIME_SYNC_CHAT_API_KEY"
_MODEL_VARIABLE = "REALTIME_SYNC_CHAT_MODEL"
_DEFAULT_MODEL = "default"  # servers of one model take any name
_CONNECT_TIMEOUT = 10.0
_PATH = "/chat/completions"

_BY_STATUS: dict[int, type[ApiError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    429: RateLimitError,
}
_FINISH: dict[str, Literal["max_output_tokens", "content_filter"]] = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
}


class ChatResponder:
    """Answers with a language model behind ``/v1/chat/completions``; an `engines.Responder`.

    Args:
        url: the base URL (``http://localhost:11434/v1``) or the whole one.
        model: the model's name; by default that of ``REALTIME_SYNC_CHAT_MODEL``.
        api_key: sent as bearer token; by default that of ``REALTIME_SYNC_CHAT_API_KEY``, if any.
        timeout: seconds to wait for the next part of the answer.

    Raises:
        ConfigError: ``url`` is not an http or https URL.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str | None = None,
        api_key: str | None = None,
        timeout: float = 60.0,
    ) -> None:
        split = urlsplit(url)
        if split.scheme not in ("http", "https") or not split.netloc:
            raise ConfigError(
                f"chat URL {url!r} must begin with http:// or https://, "
                "for example chat:http://localhost:11434/v1?model=llama3.2"
            )
        path = split.path.rstrip("/")
        path = path if path.endswith(_PATH) else path + _PATH
        self._url = urlunsplit((split.scheme, split.netloc, path, split.query, ""))
        self._shown = urlunsplit((split.scheme, split.netloc.rpartition("@")[2], path, "", ""))
        self._model = model or os.environ.get(_MODEL_VARIABLE) or _DEFAULT_MODEL
        self._api_key = api_key or os.environ.get(_KEY_VARIABLE)
        self._timeout = timeout

    @classmethod
    def from_url(cls, url: str) -> ChatResponder:
        """Build a responder from ``URL[?model=NAME]``.

        Raises:
            ConfigError: ``url`` is not an http or https URL.
        """
        split = urlsplit(url)
        query = parse_qs(split.query)
        models = query.pop("model", [])
        if query:
            raise ConfigError(
                f"chat URL {url!r} has the unknown option {next(iter(query))!r}; "
                "only 'model' is known"
            )
        bare = urlunsplit((split.scheme, split.netloc, split.path, "", ""))
        return cls(bare, model=models[-1] if models else None)

    def respond(self, prompt: ResponderPrompt) -> Iterator[ResponderEvent]:
        """Yield the model's answer as it comes in, its function calls at the end.

        Raises:
            ApiError: the endpoint refused the request; `AuthenticationError` for a wrong key.
            ConnectError: the endpoint can't be reached.
            RealtimeTimeout: no further part came in time.
            RemoteProtocolError: the answer is not a stream of chat completion chunks.
            ServerError: the endpoint reported an error in the middle of the answer.
            TransportError: the answer broke off.
        """
        with _translated(self._shown), self._post(self._body(prompt)) as response:
            if response.status_code != requests.codes.ok:
                raise _refusal(response)
            yield from _answer(_chunks(response))

    def _body(self, prompt: ResponderPrompt) -> JsonDict:
        body: JsonDict = {"model": self._model, "messages": messages_of(prompt), "stream": True}
        if prompt.tools:
            body["tools"] = tools_of(prompt)
            body["tool_choice"] = tool_choice_of(prompt)
        if prompt.max_output_tokens is not None:
            body["max_tokens"] = prompt.max_output_tokens
        return body

    def _post(self, body: JsonDict) -> requests.Response:
        headers = {"Authorization": f"Bearer {self._api_key}"} if self._api_key else {}
        return requests.post(
            self._url,
            json=body,
            headers=headers,
            stream=True,
            timeout=(_CONNECT_TIMEOUT, self._timeout),
        )


@contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except requests.Timeout as exc:
        raise RealtimeTimeout(f"the chat endpoint {url} did not answer in time") from exc
    except requests.exceptions.ChunkedEncodingError as exc:
        raise TransportError(f"the answer of the chat endpoint {url} broke off") from exc
    except requests.ConnectionError as exc:
        # While a body is read, requests reports the socket's timeout as a ConnectionError.
        if "timed out" in str(exc):
            raise RealtimeTimeout(f"the chat endpoint {url} stopped in mid-answer") from exc
        raise ConnectError(
            f"the chat endpoint {url} can't be reached; is it running, and is the URL right?"
        ) from exc
    except requests.RequestException as exc:
        raise TransportError(f"the request to the chat endpoint {url} failed: {exc}") from exc


def _refusal(response: requests.Response) -> ApiError:
    body: Any
    try:
        body = response.json()
    except ValueError:
        body = response.text
    error = body.get("error") if isinstance(body, dict) else None
    message = error.get("message") if isinstance(error, dict) else error or response.reason
    kind = _BY_STATUS.get(response.status_code, ApiError)
    return kind(
        f"the chat endpoint refused the request: {message}",
        response.status_code,
        response.headers.get("x-request-id"),
        body,
    )


def _chunks(response: requests.Response) -> Iterator[JsonDict]:
    """Yield the JSON objects of a stream of server-sent events."""
    # With a chunked body None gives what has arrived; any other body only byte by byte is
    # handed out before it is complete.
    chunked = "chunked" in response.headers.get("Transfer-Encoding", "")
    for line in response.iter_lines(chunk_size=None if chunked else 1):
        if not line.startswith(b"data:"):
            continue  # a comment, an empty line, or a field that means nothing here
        data = line[5:].strip()
        if data == b"[DONE]":
            return
        try:
            chunk = json.loads(data)
        except ValueError as exc:
            raise RemoteProtocolError(
                f"the chat endpoint sent {data[:80]!r}, which is not JSON"
            ) from exc
        if not isinstance(chunk, dict):
            raise RemoteProtocolError(f"the chat endpoint sent {data[:80]!r}, not an object")
        yield chunk


def _answer(chunks: Iterable[JsonDict]) -> Iterator[ResponderEvent]:
    calls: dict[int, JsonDict] = {}
    finish: str | None = None
    for chunk in chunks:
        if chunk.get("error"):
            raise _server_error(chunk["error"])
        for choice in (chunk.get("choices") or ())[:1]:
            delta = choice.get("delta") or {}
            if delta.get("content"):
                yield TextDelta(delta["content"])
            for part in delta.get("tool_calls") or ():
                _collect(calls, part)
            finish = choice.get("finish_reason") or finish
    if finish is None:
        raise TransportError("the chat endpoint's answer ended before it was finished")
    if finish in _FINISH:
        yield Finish(_FINISH[finish])  # calls may be cut in the middle: they are dropped
        return
    for call in calls.values():
        yield ToolCall(call["name"], call["arguments"] or "{}")


def _collect(calls: dict[int, JsonDict], part: JsonDict) -> None:
    """Add a delta to the call it belongs to."""
    function = part.get("function") or {}
    index = part.get("index")
    if index is None:  # some servers leave it out and send each call whole
        index = len(calls) if function.get("name") else len(calls) - 1
    call = calls.setdefault(index, {"name": "", "arguments": ""})
    call["name"] += function.get("name") or ""
    call["arguments"] += function.get("arguments") or ""


def _server_error(error: Any) -> ServerError:
    if not isinstance(error, dict):
        return ServerError(str(error))
    code = error.get("code")
    return ServerError(
        str(error.get("message") or error),
        error.get("type") or "server_error",
        None if code is None else str(code),
    )
