"""A spoken session of the Distiller: turns, barge-in, cancelling; no socket and no clock."""

from __future__ import annotations

import base64
import gc
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync.local.distiller.voice_project import TeamAgent, VoiceProject
from realtime_sync.local.distiller.voice_session import Spoken, VoiceSession, Written
from realtime_sync.local.server_settings import ServerSettings
from realtime_sync.local.speech.voice_detector import DetectorPool

LOUD = b"\x01\x10"
PUSH_TO_TALK = VoiceProject(agents=(TeamAgent("A"),))
BARGE_IN = VoiceProject(agents=(TeamAgent("A"),), barge_in=True)

Message = dict[str, Any]


class Ear:
    """Takes for speech whatever is not silent."""

    frame_bytes = 1024

    def probability(self, frame: bytes) -> float:
        return 1.0 if any(frame) else 0.0

    def reset(self) -> None:
        pass


class Desk:
    """A session, what comes out of it, and what it wants done."""

    def __init__(self, project: VoiceProject = PUSH_TO_TALK) -> None:
        self.messages: list[Message] = []
        self.turns: list[Spoken | Written] = []
        self.previews: list[tuple[bytes, int]] = []
        self.stopped = 0
        self.awaited = 0
        self.agents: list[tuple[str, str, Message]] = []
        self.detectors = DetectorPool(Ear)
        self.session = VoiceSession(
            project, self.detectors, self, self.messages.append, ServerSettings()
        )

    def answer(self, turn: Spoken | Written) -> None:
        self.turns.append(turn)

    def preview(self, pcm: bytes, start_ms: int) -> None:
        self.previews.append((pcm, start_ms))

    def stop(self) -> None:
        self.stopped += 1

    def await_more(self) -> None:
        self.awaited += 1

    def agent_answered(self, request_id: str, content: str, memory: Message) -> None:
        self.agents.append((request_id, content, memory))

    # -- what a test does ------------------------------------------------------------------------

    def send(self, type: str, **fields: Any) -> list[str]:
        return self.send_raw({"type": type, **fields})

    def send_raw(self, request: Any) -> list[str]:
        """Hand a message in and return the types of what it brought about."""
        before = len(self.messages)
        for _ in self.session.handle(request):
            pass
        return [message["type"] for message in self.messages[before:]]

    def hear(self, ms: int, sample: bytes = LOUD) -> list[str]:
        audio = base64.b64encode(sample * 16 * ms).decode()
        return self.send("input_audio_buffer.append", audio=audio)

    def pause(self, ms: int = 1_000) -> list[str]:
        return self.hear(ms, b"\0\0")

    def error(self) -> str:
        assert self.messages[-1]["type"] == "error"
        words: str = self.messages[-1]["error_detail"]["message"]
        return words


def spoken(turn: Spoken | Written) -> Spoken:
    assert isinstance(turn, Spoken)
    return turn


@pytest.mark.parametrize(("project", "vad"), [(PUSH_TO_TALK, False), (BARGE_IN, True)])
def test_the_greeting(project: VoiceProject, vad: bool) -> None:
    desk = Desk(project)
    desk.session.open()
    (message,) = desk.messages
    assert message["type"] == "session.created"
    assert message["capabilities"] == {"vad_enabled": vad}
    assert message["session"]["id"].startswith("sess_")


def test_written_turns_wait_for_each_other() -> None:
    desk = Desk()
    assert desk.send("input_text", text="one") == []
    assert desk.send("input_text", text="two") == []
    assert desk.turns == [Written("one"), Written("two")]


def test_the_server_ends_the_turn_after_a_pause() -> None:
    desk = Desk()
    desk.pause(500)
    desk.hear(1_000)
    assert desk.awaited == 1
    desk.pause(500)
    assert desk.turns == [], "somebody who counts pauses so long"
    desk.pause(300)
    (turn,) = desk.turns
    audible = len(spoken(turn).pcm.strip(b"\0")) / 32
    assert audible == pytest.approx(1_000, abs=33)
    assert 300 <= len(spoken(turn).pcm) / 32 - 1_000 - 700 <= 400, "the padding before it"


def test_push_to_talk_hears_nothing_until_the_answer_is_over() -> None:
    desk = Desk()
    desk.hear(500)
    desk.pause()
    assert len(desk.turns) == 1
    desk.hear(500)
    desk.pause()
    desk.session.begin_response()
    desk.hear(500)
    desk.pause()
    assert len(desk.turns) == 1
    desk.session.end_response()
    desk.hear(500)
    desk.pause()
    assert len(desk.turns) == 2
    assert len(spoken(desk.turns[1]).pcm) < 32 * 1_600, "nothing of what was said meanwhile"


def test_a_commit_asks_for_the_words_so_far_and_ends_nothing() -> None:
    desk = Desk()
    assert desk.send("input_audio_buffer.commit") == []
    desk.hear(640)
    desk.send("input_audio_buffer.commit")
    ((pcm, start_ms),) = desk.previews
    assert len(pcm) == 640 * 32
    desk.session.previewed("please tell m", start_ms)
    assert [m.get("delta") for m in desk.messages] == ["please ", "tell "], "the last may be cut"
    desk.session.previewed("please tell me a", start_ms)
    desk.session.previewed("quiz tell me a story", start_ms)
    assert [m.get("delta") for m in desk.messages[2:]] == ["me "], "what was told is not taken back"
    desk.pause()
    (turn,) = desk.turns
    desk.session.heard(spoken(turn), "please tell me a story")
    assert "".join(m.get("delta", "") for m in desk.messages) == "please tell me a story"
    assert desk.messages[-1] == {
        "type": "response.audio_transcript.done",
        "text": "please tell me a story",
    }


def test_final_words_that_are_others() -> None:
    desk = Desk()
    desk.hear(640)
    desk.session.previewed("quiz tell", 0)
    desk.pause()
    desk.session.heard(spoken(desk.turns[0]), "please tell")
    assert [m.get("delta") or m["text"] for m in desk.messages] == ["quiz ", "please tell"]


def test_words_of_a_turn_that_is_over_or_cleared() -> None:
    desk = Desk(BARGE_IN)
    desk.hear(640)
    desk.pause()
    desk.session.previewed("one two", 0)
    desk.hear(640)
    desk.session.previewed("one two", 0)
    desk.send("input_audio_buffer.clear")
    desk.session.previewed("one two", desk.session._start_ms)
    assert desk.messages == []


def test_audio_that_ends_without_a_pause() -> None:
    desk = Desk()
    desk.session.nothing_more()
    assert desk.turns == []
    desk.hear(640)
    desk.session.nothing_more()
    assert len(spoken(desk.turns[0]).pcm) == 640 * 32
    desk.session.nothing_more()
    assert len(desk.turns) == 1


def test_a_cleared_turn_is_none() -> None:
    desk = Desk()
    desk.hear(500)
    desk.send("input_audio_buffer.clear")
    desk.pause()
    assert desk.turns == []


def test_speech_interrupts_an_answer() -> None:
    desk = Desk(BARGE_IN)
    desk.send("input_text", text="hello")
    desk.session.begin_response()
    assert desk.pause() == []
    assert desk.hear(500) == ["response.interrupted"]
    assert desk.stopped == 1
    assert desk.pause() == []
    assert len(desk.turns) == 2
    assert desk.send("response.cancel") == [], "there is no answer any more"


def test_speech_interrupts_what_the_client_still_plays() -> None:
    desk = Desk(BARGE_IN)
    desk.send("playback.started")
    assert desk.hear(500) == ["response.interrupted"]
    assert desk.stopped == 0
    desk.pause()
    assert desk.hear(500) == []
    desk.pause()
    desk.send("playback.started")
    desk.send("playback.stopped")
    assert desk.hear(500) == []


def test_cancelling() -> None:
    desk = Desk()
    assert desk.send("response.cancel") == []
    desk.send("input_text", text="hello")
    assert desk.send("response.cancel") == [], "it has not begun"
    desk.session.begin_response()
    assert desk.send("response.cancel") == ["response.audio.done", "response.done"]
    assert desk.stopped == 1
    desk.hear(500)
    desk.pause()
    assert len(desk.turns) == 2, "the user is listened to again"


def test_too_many_turns() -> None:
    desk = Desk()
    for n in range(12):
        assert desk.send("input_text", text=str(n)) == []
    assert desk.send("input_text", text="one more") == ["error"]
    assert "12 turns wait" in desk.error()
    desk.session.begin_response()
    desk.session.end_response()
    assert desk.send("input_text", text="one more") == []


def test_busy_until_all_is_answered() -> None:
    desk = Desk()
    assert not desk.session.busy
    desk.send("input_text", text="one")
    desk.send("input_text", text="two")
    for busy in (True, False):
        desk.session.begin_response()
        desk.session.end_response()
        assert desk.session.busy is busy


def test_a_turn_too_many_that_just_ends() -> None:
    desk = Desk(BARGE_IN)
    for n in range(12):
        desk.send("input_text", text=str(n))
    desk.hear(500)
    desk.session.nothing_more()
    assert "12 turns wait" in desk.error()
    assert len(desk.turns) == 12


def test_writing_in_the_middle_of_a_turn_drops_it() -> None:
    desk = Desk()
    desk.hear(500)
    desk.send("input_text", text="hello")
    desk.session.nothing_more()
    assert desk.turns == [Written("hello")]


def test_no_answer_to_somebody_who_has_gone_on_to_speak() -> None:
    desk = Desk(BARGE_IN)
    desk.hear(500)
    desk.pause()
    desk.hear(500)
    assert not desk.session.begin_response()
    assert desk.messages == []
    desk.pause()
    assert desk.session.begin_response()
    assert len(desk.turns) == 2


def test_answers_of_agents() -> None:
    desk = Desk()

    def reply(**args: Any) -> None:
        desk.send_raw({"request_type": "executor", "request_id": "r", "request_args": args})

    reply(content="text", memory_updates={"env_variable": {"a": 1}})
    reply(content={"a": [1]}, memory_updates=None)
    reply(content="x" * 100_001)
    assert [(content[:9], memory) for _, content, memory in desk.agents] == [
        ("text", {"env_variable": {"a": 1}}),
        ('{"a": [1]', {}),
        ("x" * 9, {}),
    ]
    assert len(desk.agents[2][1]) == 100_000


@pytest.mark.parametrize("type", ["session.update", "PONG"])
def test_what_needs_no_answer(type: str) -> None:
    assert Desk().send(type) == []


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ([], "'message': expected an object"),
        ({}, "Invalid value for 'type': None"),
        ({"type": []}, "Invalid value for 'type'"),
        (
            {"type": "response.create"},
            "Supported values are: PONG, executor, input_audio_buffer.ap",
        ),
        ({"type": "input_text"}, "'text': expected a string, but got null"),
        ({"type": "input_text", "text": " \n"}, "expected something to answer to"),
        ({"type": "input_text", "text": "x" * 100_001}, "at most 100000 characters"),
        ({"type": "input_audio_buffer.append"}, "'audio': expected a string"),
        ({"type": "input_audio_buffer.append", "audio": "*"}, "base64"),
        ({"type": "input_audio_buffer.append", "audio": "AAAA"}, "2 bytes per sample"),
        ({"request_type": "executor"}, "'request_args': expected an object"),
        ({"request_type": "executor", "request_args": {}}, "'request_id': expected a string"),
    ],
)
def test_mistakes_are_errors_and_the_session_goes_on(request_: Any, words: str) -> None:
    desk = Desk()
    assert desk.send_raw(request_) == ["error"]
    assert words in desk.error()
    desk.send("input_text", text="x" * 100_000)
    assert len(desk.turns) == 1


def test_a_fault_of_ours_costs_one_message(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    desk.answer = None  # type: ignore[method-assign, assignment]  # what a bug would do
    desk.send("input_text", text="hello")
    assert "The server had an error" in desk.error()
    assert "could not be handled" in caplog.text


def test_closing_lets_go_of_the_sound() -> None:
    desk = Desk()
    desk.hear(500)
    desk.session.close()
    desk.session.nothing_more()
    assert desk.turns == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
KINDS = [
    *("input_audio_buffer.append", "input_audio_buffer.commit", "input_audio_buffer.clear"),
    *("input_text", "session.update", "response.cancel", "playback.started", "playback.stopped"),
    *("PONG", "executor", "response.create"),
]
FIELDS = ["audio", "text", "request_id", "request_args", "request_type", "x"]


@given(
    st.lists(
        JSON
        | st.dictionaries(st.sampled_from(FIELDS), JSON).flatmap(
            lambda fields: st.sampled_from(KINDS).map(lambda kind: {**fields, "type": kind})
        ),
        max_size=20,
    )
)
def test_whatever_comes_is_at_most_an_error(requests: list[Any]) -> None:
    desk = Desk(BARGE_IN)
    for request in requests:
        assert set(desk.send_raw(request)) <= {"error", "response.interrupted"}
    assert "The server had an error" not in str(desk.messages)


def test_the_end_gives_back_the_detector_and_all_memory_at_once() -> None:
    desk = Desk()
    desk.session.open()
    session = weakref.ref(desk.session)
    assert desk.detectors.idle == 1
    desk.hear(500)
    assert desk.detectors.idle == 0
    gc.disable()
    try:
        desk.session.close()
        assert desk.detectors.idle == 1
        del desk.session
        assert session() is None, "no cycle of references keeps it"
    finally:
        gc.enable()
