"""What memory the embedded server takes: idle, after crowds and many turns, by half messages.

``make soak`` runs all of it, some minutes, and fails where a bound is broken. The figures are the
memory that processes have for themselves, as the system counts it (USS). The recogniser listens
for the one phrase that is said, or it would take most of the time.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import cache
from typing import Any

import psutil
from attrs import frozen
from embedded import Server, question, run_server, silence
from raw_distiller import agent, create, project
from websockets.asyncio.client import ClientConnection, connect

__all__ = ["MOST_BESIDE_MIB", "MOST_GROWTH", "MOST_IDLE_KB", "Soak", "growth", "listen"]
__all__ += ["make_a_sound"]

MOST_GROWTH = 1.05
MOST_IDLE_KB = 200
MOST_INCOMING_MIB = 256  # --max-incoming-mib
MOST_BESIDE_MIB = 60  # what is on its way, and room that a growing message has
_CHUNK_BYTES = 4_800
_QUESTION, _PHRASE = "hello", "hello how are you today"
_KINDS = ("realtime",) * 6 + ("transcription", "translation", "distiller", "realtime")

_Talk = Callable[[ClientConnection], Awaitable[None]]


def growth(figures: Sequence[float], *, first: int) -> float:
    """Return the last figure as a multiple of that after the ``first`` ones."""
    return figures[-1] / figures[first - 1]


@frozen
class Soak:
    """Opens sessions of one server by the hundred, and looks at its memory."""

    server: Server

    def memory_kb(self, *, workers: bool = False) -> float:
        """What the server has for itself, with its workers or without."""
        server = psutil.Process(self.server.process.pid)
        processes = [server, *(server.children(recursive=True) if workers else ())]
        return float(sum(each.memory_full_info().uss for each in processes)) / 1_000

    async def idle_kb(self, count: int) -> float:
        """Return what each of ``count`` sessions takes whose client only listens."""
        await self.crowd(3, listen)  # which loads what every session needs
        before = self.memory_kb()
        async with AsyncExitStack() as stack:
            for _ in range(count):
                await listen(await stack.enter_async_context(self._session("realtime")))
            return (self.memory_kb() - before) / count

    async def crowd(self, count: int, talk: _Talk) -> float:
        """Have ``count`` sessions at once, each of which talks; return the memory when all left."""
        async with AsyncExitStack() as stack:
            for _ in range(count):
                await talk(await stack.enter_async_context(self._session("realtime")))
        return self.memory_kb()

    async def unfinished_mib(self, count: int) -> float:
        """Have ``count`` clients send 20 MiB of a message each, and no end of it.

        Returns:
            The most that it takes of the server, in MiB.
        """
        before = most = self.memory_kb()
        sending = []
        async with AsyncExitStack() as stack:
            for _ in range(count):
                socket = await stack.enter_async_context(self._session("realtime"))
                stack.callback(socket.transport.abort)  # a close would have to wait for the rest
                sent = asyncio.Event()
                sending.append(asyncio.ensure_future(socket.send(_fragments(sent))))
                await asyncio.wait(
                    [sending[-1], waiting := asyncio.ensure_future(sent.wait())],
                    return_when=asyncio.FIRST_COMPLETED,
                )
                waiting.cancel()
                most = max(most, self.memory_kb())
            for each in sending:
                each.cancel()
            await asyncio.gather(*sending, return_exceptions=True)
        return (most - before) * 1_000 / (1 << 20)

    async def turns(self, count: int) -> float:
        """Have ``count`` sessions of all kinds at once, a spoken turn in each.

        Returns:
            The memory when all have left, with that of the workers.
        """
        kinds = [_KINDS[number % len(_KINDS)] for number in range(count)]
        await asyncio.gather(*(self._turn(kind, number) for number, kind in enumerate(kinds)))
        return self.memory_kb(workers=True)

    async def _turn(self, kind: str, number: int) -> None:
        async with self._session(kind, number) as socket:
            await _TURNS[kind](socket)

    def _session(self, kind: str, number: int = 0) -> connect:
        root = self.server.url.removesuffix("/v1")
        path = {
            "realtime": "/v1/realtime?model=gpt-realtime",
            "transcription": "/v1/realtime?intent=transcription",
            "translation": "/v1/realtime/translations?model=gpt-realtime",
            "distiller": f"/distiller/realtime/local/soak/user{number}",
        }[kind]
        return connect(
            root.replace("http", "ws", 1) + path,
            additional_headers={"Authorization": f"Bearer {self.server.key}"},
            compression=None,
            max_size=None,
            open_timeout=60,
            ping_interval=None,
            proxy=None,
        )


async def _fragments(sent: asyncio.Event) -> AsyncIterator[str]:
    for _ in range(20):
        yield "x" * (1 << 20)
    sent.set()
    await asyncio.Event().wait()


# -- what is said in a session ---------------------------------------------------------------------


async def _send(socket: ClientConnection, type: str, **fields: Any) -> None:
    await socket.send(json.dumps({"type": type, **fields}))


async def _until(socket: ClientConnection, *types: str) -> None:
    while True:
        message = json.loads(await socket.recv())
        if message["type"] in types:
            return
        assert message["type"] != "error", message


async def _speak(socket: ClientConnection, append: str, *, hz: int = 24_000) -> None:
    for audio in _chunks(hz):
        await _send(socket, append, audio=audio)


@cache
def _chunks(hz: int) -> list[str]:
    pcm = question(_QUESTION, hz=hz) + silence(1_000, hz=hz)
    starts = range(0, len(pcm), _CHUNK_BYTES)
    return [base64.b64encode(pcm[start : start + _CHUNK_BYTES]).decode() for start in starts]


async def listen(socket: ClientConnection) -> None:
    await _until(socket, "session.created")


async def make_a_sound(socket: ClientConnection) -> None:
    """Have some sound judged, and wait until that is done."""
    await _send(socket, "input_audio_buffer.append", audio=base64.b64encode(silence(200)).decode())
    await _send(socket, "input_audio_buffer.clear")
    await _until(socket, "input_audio_buffer.cleared")


async def _answered(socket: ClientConnection) -> None:
    await _speak(socket, "input_audio_buffer.append")
    await _until(socket, "response.done")


async def _transcribed(socket: ClientConnection) -> None:
    hearing = {"input": {"transcription": {"model": "gpt-realtime-whisper"}}}
    await _send(socket, "session.update", session={"type": "transcription", "audio": hearing})
    await _speak(socket, "input_audio_buffer.append")
    await _until(socket, "conversation.item.input_audio_transcription.completed")


async def _translated(socket: ClientConnection) -> None:
    await _speak(socket, "session.input_audio_buffer.append")
    await _send(socket, "session.close")
    await _until(socket, "session.closed")


async def _distilled(socket: ClientConnection) -> None:
    await _speak(socket, "input_audio_buffer.append", hz=16_000)
    await _until(socket, "response.done")


_TURNS: dict[str, _Talk] = {
    "realtime": _answered,
    "transcription": _transcribed,
    "translation": _translated,
    "distiller": _distilled,
}


# -- the command -----------------------------------------------------------------------------------


async def _idle(soak: Soak, count: int) -> bool:
    each = await soak.idle_kb(count)
    print(f"a session that has sent no sound: {each:.0f} kB (of {count}; at most {MOST_IDLE_KB})")
    return each < MOST_IDLE_KB


async def _unfinished(soak: Soak, count: int) -> bool:
    taken = await soak.unfinished_mib(count)
    print(
        f"{count} clients with 20 MiB of a message each: {taken:.0f} MiB "
        f"(at most {MOST_INCOMING_MIB} and {MOST_BESIDE_MIB})"
    )
    return taken <= MOST_INCOMING_MIB + MOST_BESIDE_MIB


async def _waves(soak: Soak, count: int) -> bool:
    figures = [await soak.crowd(count, make_a_sound) for _ in range(3)]
    return _told(f"three waves of {count} sessions with sound", figures, first=1)


async def _many_turns(soak: Soak, turns: int, at_once: int) -> bool:
    create(soak.server, "soak", project(agent("Clerk")))
    figures = []
    for number in range(turns // at_once):
        figures.append(await soak.turns(at_once))
        print(f"\r{(number + 1) * at_once} turns: {figures[-1] / 1_000:.1f} MB", end="", flush=True)
    print("\r", end="")
    return _told(
        f"{turns} turns, {at_once} sessions at once", figures, first=max(len(figures) // 4, 1)
    )


def _told(what: str, figures: Sequence[float], *, first: int) -> bool:
    ratio = growth(figures, first=first)
    mb = [f"{figures[index] / 1_000:.1f}" for index in (0, first - 1, -1)]
    print(
        f"{what}: {' → '.join(mb)} MB; its end is {ratio:.3f} of its begin (at most {MOST_GROWTH})"
    )
    return ratio <= MOST_GROWTH


def main() -> None:
    """Measure what the command line asks for; the exit code tells whether all bounds hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=300, help="in each wave")
    parser.add_argument("--unfinished", type=int, default=40, help="clients with half a message")
    parser.add_argument("--turns", type=int, default=1_200, help="spoken, of all kinds of session")
    parser.add_argument("--at-once", type=int, default=40, help="sessions that talk at once")
    options = parser.parse_args()
    with run_server() as server:
        idle = asyncio.run(_idle(Soak(server), options.sessions))
    with run_server() as server:
        unfinished = asyncio.run(_unfinished(Soak(server), options.unfinished))
    with run_server() as server:
        waves = asyncio.run(_waves(Soak(server), options.sessions))
    with run_server("--phrase", _PHRASE) as server:
        turns = asyncio.run(_many_turns(Soak(server), options.turns, options.at_once))
    sys.exit(0 if idle and unfinished and waves and turns else 1)


if __name__ == "__main__":
    main()
