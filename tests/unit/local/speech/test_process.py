"""A worker's jobs and the processes in turn, with processes that the test plays."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from guards import GUARD_S
from seconds import Seconds, turns

from realtime_sync.errors import AudioError, ConfigError
from realtime_sync.local.engines import EngineError
from realtime_sync.local.speech import _process
from realtime_sync.local.speech._messages import Message
from realtime_sync.local.speech._process import Job, WorkerProcess

PIECES = 16  # that may lie unread


class Process:
    """Stands for a `Child`: answers what the test says."""

    def __init__(self) -> None:
        self.exit_code: int | None = None
        self.stdin = self
        self.killed = False
        self.written = 0
        self._messages: asyncio.Queue[Message | Exception] = asyncio.Queue()

    def write(self, message: bytes) -> None:
        self.written += 1

    async def drain(self) -> None:
        pass

    def say(self, event: str, key: int, **fields: Any) -> None:
        self._messages.put_nowait(({"event": event, "id": key, **fields}, b""))

    def die(self, code: int = 1) -> None:
        self.exit_code = code
        self._messages.put_nowait(EOFError())

    def babble(self) -> None:
        self._messages.put_nowait(ValueError("no event"))

    async def receive(self) -> Message:
        message = await self._messages.get()
        if isinstance(message, Exception):
            raise message
        return message

    def kill(self) -> None:
        self.killed = True
        self.die(-9)

    async def end(self) -> None:
        pass


class Theatre:
    """A worker, and the processes that it has started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = Seconds()
        self.processes: list[Process] = []
        self.problems: Iterator[Exception | None] = itertools.repeat(None)
        monkeypatch.setattr(_process, "_sleep", self.seconds.sleep)
        monkeypatch.setattr(_process, "launch", self._launch)

    async def _launch(self, kind: str, spec: str) -> Process:
        problem = next(self.problems)
        if problem is not None:
            raise problem
        self.processes.append(Process())
        return self.processes[-1]

    def play(self, scene: Callable[[WorkerProcess], Awaitable[None]]) -> None:
        async def main() -> None:
            worker = WorkerProcess("transcribe", "any")
            await worker.start()
            await turns()
            try:
                await asyncio.wait_for(scene(worker), GUARD_S)
            finally:
                await worker.close()
            assert not worker.running
            assert asyncio.all_tasks() == {asyncio.current_task()}, "no task is left behind"

        asyncio.run(main())


@pytest.fixture
def theatre(monkeypatch: pytest.MonkeyPatch) -> Theatre:
    return Theatre(monkeypatch)


async def submit(worker: WorkerProcess, sound_s: float = 0.0) -> Job:
    return await worker.submit({"op": "transcribe"}, sound_s=sound_s)


async def texts(job: Job) -> list[str]:
    return [header["text"] async for header, _ in job.pieces()]


async def failure(job: Job) -> str:
    with pytest.raises(AudioError) as caught:
        await texts(job)
    assert not isinstance(caught.value, EngineError)
    return str(caught.value)


def test_one_that_hangs_is_replaced(theatre: Theatre) -> None:
    async def scene(worker: WorkerProcess) -> None:
        stuck = [await submit(worker, 3.0), await submit(worker, 1.0)]
        await theatre.seconds.go(16)
        assert not theatre.processes[0].killed
        await theatre.seconds.go(1)
        assert theatre.processes[0].killed
        for job in stuck:
            assert await failure(job) == (
                "the transcribe worker gave no answer for 16 s and was ended; ask again"
            )
        again = await submit(worker)
        theatre.processes[1].say("piece", 3, text="hello")
        theatre.processes[1].say("done", 3)
        assert await texts(again) == ["hello"]
        await theatre.seconds.go(100)
        assert len(theatre.processes) == 2, "who has nothing to do does not hang"

    theatre.play(scene)


@pytest.mark.parametrize("end", ["hang", "death"])
def test_the_job_at_which_it_ends_is_not_to_be_tried_again(theatre: Theatre, end: str) -> None:
    async def scene(worker: WorkerProcess) -> None:
        jobs = [await submit(worker) for _ in range(3)]
        first = theatre.processes[0]
        first.say("begun", 1)
        first.say("piece", 1, text="hello")
        first.say("begun", 2)
        if end == "hang":
            await theatre.seconds.go(11)
            why = "the transcribe worker gave no answer for 10 s and was ended"
        else:
            first.die(7)
            why = "the transcribe worker ended unexpectedly (exit code 7)"
        assert await failure(jobs[0]) == await failure(jobs[2]) == f"{why}; ask again"
        with pytest.raises(EngineError) as caught:
            await texts(jobs[1])
        assert str(caught.value) == why
        again = await submit(worker)  # 4, and nothing of the old process is left
        theatre.processes[1].die(7)
        assert (await failure(again)).endswith("ask again")

    theatre.play(scene)


def test_the_start_of_a_job_is_no_answer(theatre: Theatre) -> None:
    async def scene(worker: WorkerProcess) -> None:
        await submit(worker)
        for _ in range(2):
            await theatre.seconds.go(5)
            theatre.processes[0].say("begun", 1)
        await theatre.seconds.go(1)
        assert theatre.processes[0].killed
        await turns()
        theatre.processes[1].die()
        await turns()
        assert worker.refuses, "two in a row have answered nothing"

    theatre.play(scene)


def test_close_blames_no_job(theatre: Theatre) -> None:
    async def scene(worker: WorkerProcess) -> None:
        job = await submit(worker)
        theatre.processes[0].say("begun", 1)
        await turns()
        await worker.close()
        assert (await failure(job)) == "the speech service was closed; start another one"

    theatre.play(scene)


def test_what_an_engine_says_is_of_its_job(theatre: Theatre) -> None:
    async def scene(worker: WorkerProcess) -> None:
        for kind, error in (
            ("ConfigError", ConfigError),
            ("AudioError", EngineError),
            ("", EngineError),
        ):
            job = await submit(worker)
            theatre.processes[0].say("error", job._key, kind=kind, message="no")
            with pytest.raises(error, match=r"^no$"):
                await texts(job)

    theatre.play(scene)


def test_one_that_answers_somebody_does_not_hang(theatre: Theatre) -> None:
    async def scene(worker: WorkerProcess) -> None:
        await submit(worker)
        other = await submit(worker)
        for _ in range(5):
            await theatre.seconds.go(10)
            theatre.processes[0].say("piece", 2, text="")
            await turns()
        other.cancel()
        await theatre.seconds.go(10)
        assert len(theatre.processes) == 1

    theatre.play(scene)


def test_one_whose_pieces_nobody_takes_owes_nothing(theatre: Theatre) -> None:
    async def scene(worker: WorkerProcess) -> None:
        job = await submit(worker)
        for _ in range(PIECES):
            theatre.processes[0].say("piece", 1, text="word")
        await theatre.seconds.go(1_000)
        assert len(theatre.processes) == 1
        pieces = job.pieces()
        for _ in range(PIECES // 2):
            await pieces.__anext__()
        await theatre.seconds.go(11)
        assert len(theatre.processes) == 2, "now it was asked for more"

    theatre.play(scene)


def test_one_that_dies_in_the_middle(theatre: Theatre, caplog: pytest.LogCaptureFixture) -> None:
    async def scene(worker: WorkerProcess) -> None:
        job = await submit(worker)
        theatre.processes[0].say("begun", 1)
        theatre.processes[0].say("piece", 1, text="hello")
        theatre.processes[0].die(7)
        why = "the transcribe worker ended unexpectedly (exit code 7)"
        assert await failure(job) == f"{why}; ask again"
        await submit(worker)
        assert theatre.processes[1].written == 1

    theatre.play(scene)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == (
        "the transcribe worker ended unexpectedly (exit code 7); it is replaced, 1 requests failed"
    )


def test_one_that_answers_what_is_no_message(theatre: Theatre) -> None:
    async def scene(worker: WorkerProcess) -> None:
        job = await submit(worker)
        theatre.processes[0].babble()
        assert "gave an answer that can't be read (no event) and was ended" in await failure(job)
        assert theatre.processes[0].killed
        job = await submit(worker)
        theatre.processes[1].say("piece", 2)
        assert "(event 'piece' without 'text')" in await failure(job)

    theatre.play(scene)


def test_one_that_dies_at_every_start_is_not_started_for_ever(
    theatre: Theatre, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(worker: WorkerProcess) -> None:
        for number, pause in enumerate((0, 1, 2, 4, 8, 16, 32, 60, 60), 1):
            theatre.processes[-1].die()
            await turns()
            if pause:
                assert worker.refuses
                with pytest.raises(AudioError, match=rf"started within {pause} s, ask again then"):
                    await submit(worker)
                await theatre.seconds.go(pause - 1)
                assert len(theatre.processes) == number
                await theatre.seconds.go(1)
            assert len(theatre.processes) == number + 1
        job = await submit(worker)
        theatre.processes[-1].say("done", 1)
        assert await texts(job) == []
        theatre.processes[-1].die()
        await turns()
        assert worker.running, "it was of use, so the next one started at once"

    theatre.play(scene)
    assert sum(record.levelname == "ERROR" for record in caplog.records) == 8


def test_one_that_does_not_start_again(theatre: Theatre) -> None:
    async def scene(worker: WorkerProcess) -> None:
        problems = [ConfigError("its package is missing"), AudioError("it was not ready"), None]
        theatre.problems = iter(problems)
        theatre.processes[0].die()
        await turns()
        with pytest.raises(AudioError, match="its package is missing; another one is started"):
            await submit(worker)
        await theatre.seconds.go(1)
        with pytest.raises(AudioError, match="it was not ready; another one is started within 2 s"):
            await submit(worker)
        await theatre.seconds.go(2)
        assert await submit(worker)

    theatre.play(scene)


def test_requests_wait_for_a_slow_start(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = asyncio.Event()
    launch = _process.launch

    async def slow(kind: str, spec: str) -> Any:
        await ready.wait()
        return await launch(kind, spec)

    async def scene(worker: WorkerProcess) -> None:
        monkeypatch.setattr(_process, "launch", slow)
        theatre.processes[0].die()
        await turns()
        waiting = [asyncio.create_task(submit(worker)) for _ in range(3)]
        await turns()
        assert worker.pending == 3
        waiting.pop().cancel()
        await turns()
        assert worker.pending == 2
        ready.set()
        await asyncio.gather(*waiting)
        assert theatre.processes[1].written == 2

    theatre.play(scene)


def test_close_fails_what_is_in_hand(theatre: Theatre) -> None:
    async def scene(worker: WorkerProcess) -> None:
        job = await submit(worker)
        await worker.close()
        assert theatre.processes[0].killed
        assert "was closed; start another one" in await failure(job)
        with pytest.raises(AudioError, match="was closed; start another one"):
            await submit(worker)
        await worker.close()

    theatre.play(scene)


@pytest.mark.parametrize("state", ["starting", "pausing"])
def test_close_between_two_processes(
    state: str, theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(kind: str, spec: str) -> Any:
        if state == "pausing":
            raise AudioError("no")
        await asyncio.get_running_loop().create_future()

    async def scene(worker: WorkerProcess) -> None:
        monkeypatch.setattr(_process, "launch", never)
        theatre.processes[0].die()
        await turns()
        waiting = asyncio.create_task(submit(worker))
        await turns()
        assert waiting.done() == worker.refuses == (state == "pausing")
        await worker.close()
        with pytest.raises(AudioError, match="closed" if state == "starting" else "ask again then"):
            await waiting

    theatre.play(scene)


def test_a_worker_that_was_not_started() -> None:
    with pytest.raises(AudioError, match="was not started"):
        asyncio.run(submit(WorkerProcess("transcribe", "any")))
