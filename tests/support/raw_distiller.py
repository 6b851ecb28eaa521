"""A client of the Distiller that sends exactly what a test says."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import groupby
from typing import Any

import requests
from embedded import Server
from websockets.sync.client import connect
from websockets.sync.connection import Connection

Message = dict[str, Any]

ACCOUNT = "local"


def agent(name: str, kind: str = "SearchAgent", **config: Any) -> Message:
    """Return an entry of ``utility_agents``."""
    return {"agent_name": name, "agent_class": kind, "config": config}


def project(*agents: Message, barge_in: bool = False, hz: int = 16_000) -> Message:
    """Return the configuration of a spoken project."""
    return {
        "orchestrator": {
            "agent_list": [{"agent_name": each["agent_name"]} for each in agents],
            "speech_config": {"sample_rate": hz},
            "audio_config": {"vad": {}} if barge_in else {},
        },
        "utility_agents": list(agents),
    }


def post(server: Server, path: str, body: Any = None, *, key: str | None = None) -> Any:
    """Send a REST request and return the answer."""
    headers = {"Authorization": f"Bearer {key or server.key}"}
    url = server.url.removesuffix("/v1") + path
    with requests.Session() as http, ExitStack() as stack:
        trust: Any = True
        if server.ca is not None:
            trust = stack.enter_context(server.ca.cert_pem.tempfile())
        return http.post(url, json=body, headers=headers, verify=trust)


def create(server: Server, name: str, config: Message) -> str:
    """Store a project and return its version."""
    answer = post(server, "/distiller/create", {"project": name, "config": config})
    assert answer.status_code == 201, answer.text
    version: str = answer.json()["project_version"]
    return version


class RawDistiller:
    """A WebSocket to a session."""

    def __init__(self, socket: Connection) -> None:
        self.socket = socket

    def send(self, type: str, **fields: Any) -> None:
        """Send a message."""
        self.socket.send(json.dumps({"type": type, **fields}))

    def speak(self, pcm: bytes, *, chunk: int = 9_600) -> None:
        """Append PCM16 of 16 kHz, as fast as it goes."""
        for start in range(0, len(pcm), chunk):
            audio = base64.b64encode(pcm[start : start + chunk]).decode()
            self.send("input_audio_buffer.append", audio=audio)

    def reply(self, request: Message, content: Any, **memory: Any) -> None:
        """Answer for an agent."""
        args = {"content": content, "memory_updates": {"env_variable": memory} if memory else None}
        message = {"request_type": "executor", "request_id": request["request_id"]}
        self.socket.send(json.dumps({**message, "role": request["role"], "request_args": args}))

    def next(self) -> Message:
        """Receive one message; errors fail."""
        message: Message = json.loads(self.socket.recv())
        assert message.get("type") != "error", message
        return message

    def until(self, type: str) -> list[Message]:
        """Receive until a message of ``type`` came; ``"wait"`` stands for an agent's request."""
        messages = [self.next()]
        while messages[-1].get("type", messages[-1].get("status")) != type:
            messages.append(self.next())
        return messages

    def error(self) -> str:
        """Receive an error and return its words."""
        message = json.loads(self.socket.recv())
        assert message["type"] == "error", message
        words: str = message["error_detail"]["message"]
        return words


def types(messages: list[Message]) -> list[str]:
    """The types in order, each run of one type once."""
    all_types = [message.get("type", message.get("status")) for message in messages]
    return [kind for kind, _ in groupby(all_types)]


def sound(messages: list[Message]) -> bytes:
    """The PCM of the answers."""
    kind = "response.audio.delta"
    return b"".join(base64.b64decode(m["audio"]) for m in messages if m.get("type") == kind)


def words(messages: list[Message], role: str | None = None) -> str:
    """What an agent has said, or all of them."""
    kind = "response.text.delta"
    return "".join(
        m["content"] for m in messages if m.get("type") == kind and role in (None, m["role"])
    )


@contextmanager
def raw_distiller(
    server: Server, target: str, uuid: str = "u", *, account: str = ACCOUNT, key: str | None = None
) -> Iterator[RawDistiller]:
    """Connect to a session of ``target``, which is ``project`` or ``project:version``."""
    root = server.url.removesuffix("/v1").replace("http", "ws", 1)
    with connect(
        f"{root}/distiller/realtime/{account}/{target}/{uuid}",
        ssl=server.tls(),
        proxy=None,
        max_size=None,
        additional_headers={"Authorization": f"Bearer {key or server.key}"},
    ) as socket:
        yield RawDistiller(socket)


@contextmanager
def talking(server: Server, target: str, uuid: str = "u") -> Iterator[RawDistiller]:
    """Connect, and take the greeting."""
    with raw_distiller(server, target, uuid) as client:
        assert client.next()["type"] == "session.created"
        yield client
