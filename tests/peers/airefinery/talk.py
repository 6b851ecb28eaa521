"""One conversation of airefinery-sdk with a server; see ../README.md for its input and output."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from air import AsyncAIRefinery
from air.types.distiller.realtime import ServerResponseEvent

Result = dict[str, Any]

_CHUNK_BYTES = 9_600  # what the package's own microphone sends


class Complaints(logging.Handler):
    """Notes what the package complains about."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._errors = errors

    def emit(self, record: logging.LogRecord) -> None:
        self._errors.append(record.getMessage())


def main() -> None:
    order = json.load(sys.stdin)
    result: Result = {
        "versions": {"airefinery-sdk": version("airefinery-sdk"), "python": sys.version.split()[0]},
        "events": [],
        "errors": [],
        "unknown": [],
        "calls": [],
        "heard": "",
        "said": {},
        "audio_bytes": 0,
    }
    logging.getLogger().addHandler(Complaints(result["errors"]))
    asyncio.run(talk(order, result))
    print(json.dumps(result))


def make_project(distiller: Any, order: dict[str, Any], result: Result) -> None:
    path, name = order["config_path"], order["project"]
    result["valid"] = [
        distiller.validate_config(config_path=path, send_yaml_string=as_text)
        for as_text in (False, True)
    ]
    result["created"] = distiller.create_project(config_path=path, project=name)
    config = distiller.download_project(project=name)["config"]
    result["config"] = json.loads(json.loads(config))


def executors(order: dict[str, Any], result: Result) -> dict[str, Any]:
    """Return the functions of the agents, which note how they are called."""

    def custom(role: str, answer: str) -> Callable[..., str]:
        def run(query: str, env_variable: dict[str, Any]) -> str:
            before = env_variable.get("calls", 0)
            env_variable["calls"] = before + 1
            result["calls"].append({"name": role, "arguments": {"query": query, "calls": before}})
            return answer

        return run

    def function(name: str, answer: str) -> Callable[..., str]:
        def run(**arguments: Any) -> str:
            result["calls"].append({"name": name, "arguments": arguments})
            return answer

        return run

    return {
        role: custom(role, does)
        if isinstance(does, str)
        else {name: function(name, answer) for name, answer in does.items()}
        for role, does in order.get("agents", {}).items()
    }


async def talk(order: dict[str, Any], result: Result) -> None:
    client = AsyncAIRefinery(api_key=order["key"], base_url=order["url"].removesuffix("/v1"))
    distiller = client.realtime_distiller
    make_project(distiller, order, result)
    async with distiller(
        project=order["project"], uuid="peer", executor_dict=executors(order, result)
    ) as session:
        for text in order.get("texts", []):
            await session.send_text_query(text)
            await listen(session, result)
        if order.get("pcm"):
            await speak(session, order["pcm"])
            await session.commit_audio()
            await listen(session, result)
        if order.get("interrupt_pcm"):
            result.update(heard="", said={}, audio_bytes=0)
            await session.notify_playback_started()
            await speak(session, order["interrupt_pcm"])
            await listen(session, result)


async def speak(session: Any, path: str) -> None:
    pcm = Path(path).read_bytes()
    for start in range(0, len(pcm), _CHUNK_BYTES):
        await session.send_audio_chunk(pcm[start : start + _CHUNK_BYTES])


async def listen(session: Any, result: Result) -> None:
    """Take the messages of one answer."""
    async for message in session.get_responses():
        kind = message["type"]
        if kind == "PING":
            continue
        result["events"].append(kind)
        try:
            ServerResponseEvent.validate_python(dict(message))
        except ValueError as error:
            result["unknown"].append(str(error))
        if kind == "response.audio_transcript.done":
            result["heard"] = message["text"]
        elif kind == "response.text.delta":
            said = result["said"]
            said[message["role"]] = said.get(message["role"], "") + message["content"]
        elif kind == "response.audio.delta":
            result["audio_bytes"] += len(message["audio"]) // 4 * 3


main()
