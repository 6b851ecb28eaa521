"""Does with airefinery-sdk what `test_airefinery.py` does with this project's client.

Reads from its standard input where the server is, the configuration, and the steps of a session:
``[method, *arguments]``, where ``get_responses`` has the steps that are done at events of a type.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import types
from typing import Any

import numpy as np
from air import AsyncAIRefinery

PROJECT: dict[str, Any] = {"project": "proj_1"}


class Microphone:
    """In place of a device's stream: silence, in blocks, until it is left."""

    def __init__(self, *, blocksize: int, callback: Any, **_: Any) -> None:
        self._block = np.zeros((blocksize, 1), dtype=np.int16)
        self._callback = callback
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._over.wait(0.01):
            self._callback(self._block, len(self._block), None, None)

    def __enter__(self) -> Microphone:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


class Loudspeaker:
    """In place of a device's stream: plays in no time, to nobody."""

    def __init__(self, **_: Any) -> None:
        pass

    def write(self, sound: Any) -> None:
        pass

    def __enter__(self) -> Loudspeaker:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def without_devices() -> None:
    module: Any = types.ModuleType("sounddevice")
    module.InputStream, module.OutputStream = Microphone, Loudspeaker
    sys.modules["sounddevice"] = module


def weather(query: str, env_variable: dict[str, Any]) -> str:
    env_variable["last_city"] = query
    return f"fine in {query}"


def add(a: int, b: float) -> str:
    return str(a + b)


async def do(session: Any, steps: list[list[Any]]) -> None:
    for name, *arguments in steps:
        if name == "get_responses":
            async for response in session.get_responses():
                await do(session, arguments[0].get(response["type"], []))
        elif name == "send_audio_chunk":
            await session.send_audio_chunk(bytes.fromhex(arguments[0]))
        else:
            await getattr(session, name)(*arguments)


async def main() -> None:
    order = json.load(sys.stdin)
    path, config = order["path"], order["config"]
    distiller = AsyncAIRefinery("key", order["url"]).realtime_distiller
    distiller.validate_config(config_path=path)
    distiller.validate_config(config_path=path, send_yaml_string=True)
    distiller.validate_config(config=config)
    distiller.create_project(config_path=path, **PROJECT)
    distiller.create_project(json_config=config, **PROJECT)
    distiller.download_project(**PROJECT)
    distiller.download_project(project_version="0", **PROJECT)
    functions = {"Weather": weather, "Tools": {"add": add}}
    async with distiller(
        uuid="ann", project_version="1", executor_dict=functions, **PROJECT
    ) as session:
        await do(session, order["steps"])


without_devices()
asyncio.run(main())
