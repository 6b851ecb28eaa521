"""Each request of the server's to an agent has an answer."""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from guards import Guard, VirtualClock

from realtime_sync._deadline import Deadline
from realtime_sync.distiller import DistillerEvent, SessionPlace
from realtime_sync.distiller.agent_functions import ExecutorDict
from realtime_sync.distiller.custom_agents import CustomAgents


class Desk:
    """The server's side: asks, and gets the answers."""

    def __init__(self, clock: VirtualClock, guard: Guard) -> None:
        self._clock = clock
        self._guard = guard
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.agents: CustomAgents

    def hire(self, executor_dict: ExecutorDict, **config: Any) -> None:
        utilities = [
            {"agent_name": name, "agent_class": "CustomAgent", "config": config}
            for name in executor_dict
        ]
        place = SessionPlace(
            url="ws://x",
            headers=dict,
            account="org-1",
            project="tutor",
            uuid="ann",
            agents={"utility_agents": utilities},
        )
        self.agents = CustomAgents(place, executor_dict, clock=self._clock)

    def ask(self, role: Any = "Tutor", **fields: Any) -> None:
        request = DistillerEvent({"role": role, "status": "wait", "request_id": "r1", **fields})
        self.agents.call(request, self._answers.put)

    def answer(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._guard.get(self._answers, "an answer"))
        return answer

    def content(self) -> Any:
        return self.answer()["request_args"]["content"]


@pytest.fixture
def desk(virtual_clock: VirtualClock, guard: Guard) -> Iterator[Desk]:
    made = Desk(virtual_clock, guard)
    yield made
    made.agents.close(Deadline(30))


def test_an_answer_is_the_sdks_message(desk: Desk) -> None:
    desk.hire({"Tutor": lambda query: f"{query}!"})
    desk.ask(kwargs={"query": "hello"})
    assert desk.answer() == {
        "account": "org-1",
        "request_type": "executor",
        "project": "tutor",
        "uuid": "ann",
        "request_args": {
            "query": "",
            "image": None,
            "content": "hello!",
            "memory_updates": None,
        },
        "role": "Tutor",
        "request_id": "r1",
    }


def test_env_variable_goes_back_with_the_answer(desk: Desk) -> None:
    desk.hire({"Tutor": lambda env_variable: env_variable.update(b=2)})
    desk.ask(kwargs={"env_variable": {"a": 1}})
    assert desk.answer()["request_args"]["memory_updates"] == {"env_variable": {"b": 2}}


@pytest.mark.parametrize("failure", [ValueError("boom"), SystemExit(3), KeyboardInterrupt()])
def test_a_function_that_fails_is_answered_with_why(
    desk: Desk, failure: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise failure

    desk.hire({"Tutor": fail})
    desk.ask()
    error = json.loads(desk.content())["error"]
    assert error["type"] == "exception"
    assert type(failure).__name__ in error["message"]
    assert error["request_id"] == "r1"
    assert "'Tutor' failed" in caplog.text


@pytest.mark.parametrize("role", ["Stranger", None, 5, "\ud83d"])
def test_an_agent_that_is_not_here_is_answered_with_those_that_are(desk: Desk, role: Any) -> None:
    desk.hire({"Tutor": lambda: "x"})
    desk.ask(role)
    error = json.loads(desk.content())["error"]
    assert error["type"] == "not_found"
    assert "known are: Tutor" in error["message"]


def test_a_function_that_is_not_there_is_answered_with_those_that_are(desk: Desk) -> None:
    desk.hire({"Tutor": {"add": lambda: "x"}})
    desk.ask(kwargs={"__executor__": "mul"})
    assert "known are: add" in json.loads(desk.content())["error"]["message"]


@pytest.mark.parametrize(("config", "seconds"), [({}, 600), ({"wait_time": 2}, 2)])
def test_a_function_that_hangs_is_answered_in_the_sdks_form(
    desk: Desk,
    virtual_clock: VirtualClock,
    guard: Guard,
    config: dict[str, Any],
    seconds: float,
    caplog: pytest.LogCaptureFixture,
) -> None:
    runs, release = threading.Event(), threading.Event()

    def hang() -> None:
        runs.set()
        release.wait(30)

    desk.hire({"Tutor": hang}, **config)
    desk.ask()
    guard.wait(runs, "the call")
    virtual_clock.advance(seconds)
    desk.agents.expire()
    assert json.loads(desk.content()) == {
        "error": {
            "type": "timeout",
            "message": "Tool execution timed out.",
            "timeout_sec": seconds,
            "request_id": "r1",
        }
    }
    release.set()
    assert "timed out" in caplog.text


def test_one_that_hangs_keeps_no_other_waiting(desk: Desk) -> None:
    release = threading.Event()
    desk.hire({"Slow": lambda: release.wait(30), "Tutor": lambda: "here"})
    for _ in range(8):
        desk.ask("Slow")
    desk.ask("Tutor")
    assert desk.content() == "here"
    release.set()


@pytest.mark.parametrize("kwargs", [None, [], "x", 5])
def test_a_request_without_arguments_has_none(desk: Desk, kwargs: Any) -> None:
    desk.hire({"Tutor": lambda **given: str(given)})
    desk.ask(kwargs=kwargs, request_id=None)
    answer = desk.answer()
    assert answer["request_args"]["content"] == "{}"
    assert answer["request_id"] == "single_request"


def test_words_of_a_user_are_not_logged_above_debug(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    desk.hire({"Tutor": lambda query: query})
    desk.ask(kwargs={"query": "my secret"})
    assert desk.content() == "my secret"
    assert "my secret" not in caplog.text
