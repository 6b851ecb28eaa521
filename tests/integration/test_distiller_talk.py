"""Spoken turns of a Distiller's session with the embedded server: its ears and its voice."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from embedded import Server, question
from raw_distiller import agent, project

from realtime_sync import AIRefinery
from realtime_sync.audio import VirtualMicrophone, VirtualSpeaker
from realtime_sync.distiller import DistillerSession
from realtime_sync.errors import DistillerConnectionError

pytestmark = pytest.mark.timeout(60)

HZ = 16_000
Pace = Literal["fast", "realtime"]


@pytest.fixture
def client(ws_server: Server) -> Iterator[AIRefinery]:
    with AIRefinery(ws_server.key, base_url=ws_server.url) as client:
        yield client


class Room:
    """A user who speaks and listens without devices."""

    def __init__(self, *, output_hz: int = HZ, pace: Pace = "fast") -> None:
        self.heard = bytearray()
        self.microphone = VirtualMicrophone(rate=HZ)
        self.speaker = VirtualSpeaker(rate=output_hz, pace=pace, tap=self.heard.extend)

    def say(self, name: str) -> None:
        self.microphone.say(question(name, hz=HZ))

    @property
    def loud_s(self) -> float:
        samples = memoryview(bytes(self.heard)).cast("h")
        return sum(abs(sample) > 300 for sample in samples) / self.speaker.rate


@pytest.fixture
def room() -> Iterator[Room]:
    """One where an answer takes no time."""
    room = Room()
    with room.microphone, room.speaker:
        yield room


@pytest.fixture
def real_room() -> Iterator[Room]:
    """One where an answer takes as long as it lasts, so that it can be interrupted."""
    room = Room(pace="realtime")
    with room.microphone, room.speaker:
        yield room


def opened(client: AIRefinery, config: dict[str, Any], **functions: Any) -> Any:
    distiller = client.realtime_distiller
    distiller.create_project(project="talk", json_config=config)
    uuid = f"user-{threading.get_ident()}"
    return distiller(project="talk", uuid=uuid, executor_dict=functions)


def test_a_spoken_question_is_answered_aloud(
    client: AIRefinery, room: Room, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(client, project(agent("Clerk"))) as session:
        room.say("weather")
        session.listen_and_respond(source=room.microphone, sink=room.speaker)
    printed = capsys.readouterr().out
    assert re.fullmatch(
        r"You: what is the weather in london\nClerk: .*weather in London.*\n", printed
    )
    assert room.loud_s > 0.5


def test_a_written_question_is_answered_aloud(
    client: AIRefinery, room: Room, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(client, project(agent("Clerk"))) as session:
        session.send_text_and_respond("hello", sink=room.speaker)
    assert capsys.readouterr().out.startswith("Clerk: ")
    assert room.loud_s > 0.3


def test_several_agents_are_heard_in_one_answer(
    client: AIRefinery, room: Room, capsys: pytest.CaptureFixture[str]
) -> None:
    """The provider's SDK stops at the end of the first one's sound, for ever."""
    config = project(agent("Planner", kind="CustomAgent"), agent("Expert", kind="CustomAgent"))
    functions = {"Planner": lambda: "Let me ask.", "Expert": lambda: "Forty two."}
    with opened(client, config, **functions) as session:
        session.send_text_and_respond("what is the answer", sink=room.speaker)
    assert capsys.readouterr().out == "Planner: Let me ask.\nExpert: Forty two.\n"


def test_the_sound_of_an_answer_has_the_rate_of_the_project(client: AIRefinery) -> None:
    config = project(agent("Clerk"), hz=24_000)
    high, low = Room(output_hz=24_000), Room(output_hz=8_000)
    with opened(client, config) as session:
        for room in (high, low):
            with room.speaker:
                session.send_text_and_respond("hello", 24_000, sink=room.speaker)
    assert high.loud_s == pytest.approx(low.loud_s, rel=0.3)


def test_the_user_interrupts_an_answer_by_speaking(
    client: AIRefinery, real_room: Room, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(client, project(agent("Clerk"), barge_in=True)) as session:
        assert session.vad_enabled
        real_room.say("story")
        watch = threading.Thread(target=interrupt_when_loud, args=(real_room,))
        watch.start()
        session.listen_and_respond(source=real_room.microphone, sink=real_room.speaker)
        watch.join()
    printed = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in printed] == ["You", "Clerk", "You", "Clerk"]
    assert printed[0] == "You: please tell me a story"
    assert "stop" in printed[2]


def interrupt_when_loud(room: Room) -> None:
    while room.loud_s < 0.5:
        threading.Event().wait(0.05)
    room.say("interrupt")


def test_two_turns_are_two_answers(
    client: AIRefinery, room: Room, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(client, project(agent("Clerk"))) as session:
        room.say("weather")
        watch = threading.Thread(target=ask_again, args=(room,))
        watch.start()
        session.listen_and_respond(turns=2, source=room.microphone, sink=room.speaker)
        watch.join()
    printed = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in printed] == ["You", "Clerk", "You", "Clerk"]


def ask_again(room: Room) -> None:
    """Ask again when the first answer was heard."""
    while room.loud_s < 0.5:
        threading.Event().wait(0.05)
    threading.Event().wait(1.0)  # until the next turn; the microphone is silent meanwhile
    room.say("weather")


def test_closing_in_another_thread_ends_a_talk_without_end(
    client: AIRefinery, real_room: Room
) -> None:
    with opened(client, project(agent("Clerk"))) as session:
        real_room.say("weather")
        watch = threading.Thread(target=close_when_loud, args=(real_room, session))
        watch.start()
        session.listen_and_respond(turns=None, source=real_room.microphone, sink=real_room.speaker)
        watch.join()
        with pytest.raises(DistillerConnectionError):
            session.send_text_query("hello")


def close_when_loud(room: Room, session: DistillerSession) -> None:
    while room.loud_s < 0.3:
        threading.Event().wait(0.05)
    session.close()


def test_the_program_cancels_an_answer(client: AIRefinery, real_room: Room) -> None:
    cancel = threading.Event()
    with opened(client, project(agent("Clerk"))) as session:

        def cancel_when_loud() -> None:
            while real_room.loud_s < 0.5:
                threading.Event().wait(0.05)
            cancel.set()

        watch = threading.Thread(target=cancel_when_loud)
        watch.start()
        session.send_text_and_respond(
            "please tell me a story", cancel_event=cancel, sink=real_room.speaker
        )
        watch.join()
        assert real_room.loud_s < 5
        session.send_text_query("hello")  # the session goes on
        assert [event.type for event in session.get_responses(30)][-1] == "response.done"
