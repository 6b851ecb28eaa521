"""A responder that asks an OpenAI-compatible chat endpoint; the server's only use of requests."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any, Literal
from urllib.parse import SplitResult, parse_qs, urlunsplit

import requests

from ..._net.address import HTTP_PORTS, login_in, server_url
from ..._net.connect_errors import MAX_REFUSAL_BYTES, refusal
from ..._net.secrets import Secrets
from ..._types import JsonDict
from ...errors import (
    ApiError,
    ConfigError,
    ConnectError,
    RealtimeError,
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
_EXAMPLE = "chat:http://localhost:11434/v1?model=llama3.2"

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
        parts = _parts(url)
        path = parts.path.rstrip("/")
        path = path if path.endswith(_PATH) else path + _PATH
        place = parts.netloc.rpartition("@")[2]
        self._url = urlunsplit((parts.scheme, place, path, parts.query, ""))
        self._shown = urlunsplit((parts.scheme, place, path, "", ""))
        self._model = model or os.environ.get(_MODEL_VARIABLE) or _DEFAULT_MODEL
        key = api_key or os.environ.get(_KEY_VARIABLE)
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        # Not in the URL, which the libraries log and quote. And ~/.netrc must not replace the key.
        self._auth = login_in(url) or _as_it_is
        self._secrets = Secrets(url, self._headers)
        self._timeout = timeout

    @classmethod
    def from_url(cls, url: str) -> ChatResponder:
        """Build a responder from ``URL[?model=NAME]``.

        Raises:
            ConfigError: ``url`` is not an http or https URL.
        """
        parts = _parts(url)
        query = parse_qs(parts.query)
        models = query.pop("model", [])
        if query:
            raise ConfigError(
                f"the chat URL has the unknown option {next(iter(query))!r}; only 'model' is known"
            )
        bare = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
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
        try:
            with self._post(self._body(prompt)) as response:
                if response.status_code != requests.codes.ok:
                    raise self._refusal(response)
                yield from _answer(_chunks(response), self._secrets)
            return
        except requests.RequestException as exc:
            error = _translate(exc, self._shown, self._secrets.hide(str(exc)))
            cause = self._secrets.clean_cause(exc)
        raise error from cause  # not inside the handler: what a library says may repeat a secret

    def _body(self, prompt: ResponderPrompt) -> JsonDict:
        body: JsonDict = {"model": self._model, "messages": messages_of(prompt), "stream": True}
        if prompt.tools:
            body["tools"] = tools_of(prompt)
            body["tool_choice"] = tool_choice_of(prompt)
            if not prompt.parallel_tool_calls:  # not all endpoints know it
                body["parallel_tool_calls"] = False
        if prompt.max_output_tokens is not None:
            body["max_tokens"] = prompt.max_output_tokens
        return body

    def _post(self, body: JsonDict) -> requests.Response:
        return requests.post(
            self._url,
            json=body,
            headers=self._headers,
            auth=self._auth,
            stream=True,
            allow_redirects=False,  # they would take the conversation to another address
            timeout=(_CONNECT_TIMEOUT, self._timeout),
        )

    def _refusal(self, response: requests.Response) -> ApiError:
        body = b""
        for piece in response.iter_content(MAX_REFUSAL_BYTES):
            body += piece
            if len(body) >= MAX_REFUSAL_BYTES:
                break
        error = refusal(response.status_code, response.headers.items(), body, self._secrets)
        message = f"the chat endpoint {self._shown}: {error.message}"
        return type(error)(message, *error.args[1:])


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _parts(url: str) -> SplitResult:
    return server_url(url, name="the chat URL", ports=HTTP_PORTS, example=_EXAMPLE, login=True)[0]


def _translate(exc: requests.RequestException, url: str, words: str) -> RealtimeError:
    if isinstance(exc, requests.Timeout):
        return RealtimeTimeout(f"the chat endpoint {url} did not answer in time")
    if isinstance(exc, requests.exceptions.ChunkedEncodingError):
        return TransportError(f"the answer of the chat endpoint {url} broke off")
    if isinstance(exc, requests.ConnectionError):
        # While a body is read, requests reports the socket's timeout as a ConnectionError.
        if "timed out" in words:
            return RealtimeTimeout(f"the chat endpoint {url} stopped in mid-answer")
        return ConnectError(
            f"the chat endpoint {url} can't be reached; is it running, and is the URL right?"
        )
    return TransportError(f"the request to the chat endpoint {url} failed: {words}")


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


def _answer(chunks: Iterable[JsonDict], secrets: Secrets) -> Iterator[ResponderEvent]:
    calls: dict[int, JsonDict] = {}
    finish: str | None = None
    for chunk in chunks:
        if chunk.get("error"):
            raise _server_error(chunk["error"], secrets)
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


def _server_error(error: Any, secrets: Secrets) -> ServerError:
    if not isinstance(error, dict):
        return ServerError(secrets.hide(str(error)))
    code = error.get("code")
    return ServerError(
        secrets.hide(str(error.get("message") or error)),
        error.get("type") or "server_error",
        None if code is None else str(code),
    )
