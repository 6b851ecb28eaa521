"""The embedded server's translation session, without sockets."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from realtime_sync.local.protocol.translation import SLICE_MS, Translation, Utterance
from realtime_sync.local.server_settings import ServerSettings
from realtime_sync.local.speech.voice_detector import DetectorPool

LOUD = b"\x01\x10"
SLICE_BYTES = SLICE_MS * 48


class Ear:
    """Takes for speech whatever is not silent."""

    frame_bytes = 1024

    def probability(self, frame: bytes) -> float:
        return 1.0 if any(frame) else 0.0

    def reset(self) -> None:
        pass


class Desk:
    """A session and what comes out of it."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.said: list[Utterance | None] = []
        self.detectors = DetectorPool(Ear)
        self.session = Translation(
            model="m",
            expires_at=1_700_000_000,
            detectors=self.detectors,
            settings=ServerSettings(),
            emit=self.events.append,
            interpret=self.said.append,
        )

    def send(self, type: str, **fields: Any) -> None:
        for _ in self.session.handle({"type": type, **fields}):
            pass

    def hear(self, ms: int, sample: bytes = LOUD) -> None:
        audio = base64.b64encode(sample * 24 * ms).decode()
        self.send("session.input_audio_buffer.append", audio=audio)

    @property
    def utterances(self) -> list[Utterance]:
        return [each for each in self.said if each is not None]

    def error(self) -> dict[str, Any]:
        assert self.events[-1]["type"] == "error"
        error: dict[str, Any] = self.events[-1]["error"]
        return error


def test_the_greeting() -> None:
    desk = Desk()
    desk.session.open()
    session = desk.events[0]["session"]
    assert (session["type"], session["model"]) == ("translation", "m")
    assert session["audio"]["output"] == {"language": "en"}


def test_an_utterance_ends_at_a_pause() -> None:
    desk = Desk()
    desk.hear(1000)
    assert not desk.said
    desk.hear(1000, b"\0\0")
    (utterance,) = desk.utterances
    assert (utterance.language, utterance.shown) == ("en", False)
    assert 1000 <= len(utterance.audio) / 48 <= 1500, "ms"


def test_less_than_a_slice_waits() -> None:
    desk = Desk()
    desk.hear(SLICE_MS - 1)
    assert len(desk.session._pending) == SLICE_BYTES - 48
    desk.hear(1)
    assert not desk.session._pending


def test_the_close_ends_what_is_being_said() -> None:
    desk = Desk()
    desk.hear(550)
    desk.send("session.close")
    (utterance,) = desk.utterances
    assert len(utterance.audio) >= 500 * 48
    assert desk.said == [utterance, None], "nothing comes after the last"
    desk.hear(20)
    assert desk.error()["code"] == "session_closing"


def test_an_update_changes_what_is_present() -> None:
    desk = Desk()
    transcription = {"model": "x"}
    desk.send("session.update", session={"audio": {"input": {"transcription": transcription}}})
    desk.send("session.update", session={"audio": {"output": {"language": "de"}}})
    audio = desk.events[-1]["session"]["audio"]
    assert audio == {
        "input": {"transcription": transcription, "noise_reduction": None},
        "output": {"language": "de"},
    }
    desk.hear(500)
    desk.send("session.close")
    (utterance,) = desk.utterances
    assert (utterance.language, utterance.shown) == ("de", True)


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        ({"type": "response.create"}, "type"),
        ({}, "type"),
        ({"type": "session.update", "session": {"voice": "x"}}, "session.voice"),
        ({"type": "session.update", "session": 1}, "session"),
        ({"type": "session.input_audio_buffer.append", "audio": "?"}, "audio"),
        ({"type": "session.input_audio_buffer.append"}, "audio"),
        ([], "event"),
    ],
)
def test_what_is_refused(request_: Any, param: str) -> None:
    desk = Desk()
    for _ in desk.session.handle(request_):
        pass
    assert desk.error()["param"] == param


def test_the_detector_is_borrowed_from_the_first_sound_to_the_end() -> None:
    desk = Desk()
    desk.session.open()
    assert desk.detectors.idle == 1
    desk.hear(500)
    assert desk.detectors.idle == 0
    desk.session.close()
    assert desk.detectors.idle == 1
