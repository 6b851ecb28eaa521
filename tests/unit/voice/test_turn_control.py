"""The server's own answers and interruptions: switched off, kept off, or told of."""

from __future__ import annotations

from typing import Any

import pytest
from scripted_voice import event

from realtime_sync.conversation.session import SessionState
from realtime_sync.events import SessionCreated, SessionUpdated
from realtime_sync.voice.effects import Effect, Report, UpdateTurns
from realtime_sync.voice.events import RuleUnavailable
from realtime_sync.voice.turn_control import TurnControl

ON = {"create_response": True, "interrupt_response": True}
OFF = {"create_response": False, "interrupt_response": False}


class Server:
    """What a server reports, and the control that looks at it after each report."""

    def __init__(self, *, ends_on_speech: bool = False, interruptions: bool = True) -> None:
        self.known = SessionState()
        self.control = TurnControl(
            self.known, ends_on_speech=ends_on_speech, interruptions=interruptions
        )

    def reports(self, detection: Any, kind: str = "updated") -> list[Effect]:
        wire = {"type": "realtime", "audio": {"input": {"turn_detection": detection}}}
        told = event(f"session.{kind}", session=wire)
        assert isinstance(told, SessionCreated | SessionUpdated)
        self.known.reported(told)
        return self.settle()

    def refuses(self, event_id: str) -> list[Effect]:
        self.known.undo(event_id)
        return self._send(self.control.refused([event_id]))

    def update(self, event_id: str, **session: Any) -> None:
        self.known.sent({"type": "session.update", "event_id": event_id, "session": session})

    def settle(self) -> list[Effect]:
        return self._send(self.control.settle())

    def _send(self, effects: list[Effect]) -> list[Effect]:
        for effect in effects:
            if isinstance(effect, UpdateTurns):
                audio = {"input": {"turn_detection": effect.turn_detection}}
                self.update(effect.event_id, type="realtime", audio=audio)
        return effects


def reasons(effects: list[Effect]) -> list[str]:
    """Return what is told, and that nothing else is done."""
    found = []
    for effect in effects:
        assert isinstance(effect, Report)
        assert isinstance(effect.event, RuleUnavailable)
        found.append(effect.event.reason)
    return found


def test_the_complete_detection_is_sent_with_two_flags_changed() -> None:
    server = Server()
    told = {"type": "server_vad", "threshold": 0.7, "silence_duration_ms": 300, **ON}
    assert server.reports(told, "created") == [UpdateTurns("voice_turns_1", {**told, **OFF})]
    assert not server.control.active, "the server has not taken it yet"
    assert server.settle() == []
    assert server.reports({**told, **OFF}) == []
    assert server.control.active


@pytest.mark.parametrize(
    "flags", [{"create_response": False}, {"interrupt_response": False}, ON, {}]
)
def test_one_flag_is_not_enough(flags: dict[str, bool]) -> None:
    server = Server()
    (update,) = server.reports({"type": "semantic_vad", "eagerness": "low", **flags}, "created")
    assert update == UpdateTurns(
        "voice_turns_1", {"type": "semantic_vad", "eagerness": "low", **flags, **OFF}
    )


def test_where_only_the_name_is_told_that_is_sent() -> None:
    server = Server()
    (update,) = server.reports("server_vad", "created")
    assert update == UpdateTurns("voice_turns_1", {"type": "server_vad", **OFF})


def test_what_is_off_is_left_alone() -> None:
    server = Server()
    assert server.reports({"type": "server_vad", **OFF}, "created") == []
    assert server.control.active


@pytest.mark.parametrize("detection", [None, {"type": "none"}])
def test_without_detection_there_is_nothing_to_switch_off(detection: Any) -> None:
    server = Server()
    assert server.reports(detection, "created") == []
    assert not server.control.active


def test_nothing_is_sent_before_the_session_has_said_how_it_finds_turns() -> None:
    server = Server()
    assert server.settle() == []
    server.update("theirs", audio={"input": {"turn_detection": {"type": "server_vad"}}})
    assert server.settle() == [], "it may be refused"
    assert not server.control.active


def test_a_server_that_ends_responses_by_itself_is_told_once_and_asked_for_nothing() -> None:
    server = Server(ends_on_speech=True)
    (reason,) = reasons(server.reports({"type": "server_vad", **ON}, "created"))
    assert "ends a response by itself" in reason
    assert server.reports({"type": "server_vad", **ON}) == []
    assert server.reports({"type": "server_vad", **OFF}) == []
    assert not server.control.active


@pytest.mark.parametrize("how", ["ignored", "refused", "half"])
def test_a_server_that_does_not_take_it_is_told_once(how: str) -> None:
    server = Server()
    server.reports({"type": "server_vad", **ON}, "created")
    if how == "refused":
        told = server.refuses("voice_turns_1")
    else:
        flags = {**ON, "create_response": how == "ignored"}
        told = server.reports({"type": "server_vad", **flags})
    assert "does not switch off" in reasons(told)[0]
    assert not server.control.active
    server.update("theirs", instructions="Be brief.")
    assert server.reports({"type": "server_vad", **ON}) == []
    assert not server.control.active


def test_the_refusal_of_another_request_is_none() -> None:
    server = Server()
    server.reports({"type": "server_vad", **ON}, "created")
    assert server.control.refused(["other"]) == []
    assert server.reports({"type": "server_vad", **OFF}) == []
    assert server.control.active


def test_it_is_sent_once_for_each_update_of_the_program_s() -> None:
    server = Server()
    server.reports({"type": "server_vad", **ON}, "created")
    server.reports({"type": "server_vad", **OFF})
    for number in (2, 3):
        server.update("theirs", audio={"input": {"turn_detection": {"type": "server_vad", **ON}}})
        assert server.settle() == []
        (update,) = server.reports({"type": "server_vad", "threshold": 0.1 * number, **ON})
        assert isinstance(update, UpdateTurns)
        assert update.event_id == f"voice_turns_{number}"
        assert update.turn_detection["threshold"] == 0.1 * number
        assert not server.control.active
        assert server.reports({"type": "server_vad", "threshold": 0.1 * number, **OFF}) == []
        assert server.control.active


def test_an_update_behind_ours_is_waited_for() -> None:
    server = Server()
    server.reports({"type": "server_vad", **ON}, "created")
    server.update("theirs", instructions="Be brief.")
    assert server.reports({"type": "server_vad", **OFF}) == []
    assert server.reports({"type": "server_vad", **OFF}) == []
    assert server.control.active


def test_an_update_of_something_else_leaves_it_in_force() -> None:
    server = Server()
    server.reports({"type": "server_vad", **OFF}, "created")
    for number in range(2):
        server.update(f"theirs_{number}", instructions="Be brief.")
    for _ in range(2):
        assert server.reports({"type": "server_vad", **OFF}) == []
        assert server.control.active


def test_an_update_that_switches_it_on_ends_it_while_another_is_under_way() -> None:
    server = Server()
    server.reports({"type": "server_vad", **OFF}, "created")
    server.update("theirs_1", audio={"input": {"turn_detection": {"type": "server_vad", **ON}}})
    server.update("theirs_2", instructions="Be brief.")
    assert server.reports({"type": "server_vad", **ON}) == []
    assert not server.control.active


def test_a_new_link_may_not_know_of_it() -> None:
    server = Server()
    server.reports({"type": "server_vad", **ON}, "created")
    server.known.link_lost(["voice_turns_1"])
    (update,) = server.control.link_lost()
    assert update == UpdateTurns("voice_turns_2", {"type": "server_vad", **ON, **OFF})


def test_a_new_link_that_was_restored_needs_nothing() -> None:
    server = Server()
    server.reports({"type": "server_vad", **OFF}, "created")
    assert server.control.link_lost() == []
    assert server.control.active


def test_what_was_switched_off_is_switched_on_again_at_the_end() -> None:
    server = Server()
    before = {"type": "server_vad", "threshold": 0.7, **ON, "interrupt_response": False}
    assert server.control.restore() == []
    server.reports(before)
    assert server.control.restore() == [], "the server has not said yet that it is off"
    server.reports({**before, **OFF})
    (update,) = server.control.restore()
    assert isinstance(update, UpdateTurns)
    assert update.turn_detection == before


def test_what_the_program_had_off_stays_off_at_the_end() -> None:
    server = Server()
    server.reports({"type": "server_vad", **OFF})
    assert server.control.active
    assert server.control.restore() == []


# -- answers alone -------------------------------------------------------------------------------


@pytest.mark.parametrize("interrupts", [True, False])
def test_who_only_says_when_a_turn_is_answered_leaves_interruptions_alone(interrupts: bool) -> None:
    server = Server(interruptions=False)
    told = {"type": "server_vad", "create_response": True, "interrupt_response": interrupts}
    off = {**told, "create_response": False}
    assert server.reports(told, "created") == [UpdateTurns("voice_turns_1", off)]
    assert server.reports(off) == []
    assert server.control.active
    assert server.control.restore() == [UpdateTurns("voice_turns_2", told)]


def test_that_a_server_ends_responses_by_itself_is_no_hindrance_then() -> None:
    server = Server(ends_on_speech=True, interruptions=False)
    server.reports({"type": "server_vad", **ON}, "created")
    server.reports({"type": "server_vad", **ON, "create_response": False})
    assert server.control.active


def test_a_server_that_answers_all_the_same_is_told() -> None:
    server = Server(interruptions=False)
    server.reports({"type": "server_vad", **ON}, "created")
    (reason,) = reasons(server.reports({"type": "server_vad", **ON}))
    assert reason == "the server does not switch off create_response of its turn detection"
    assert not server.control.active
