"""What becomes of what the user says against an answer: each case, and the order of what is done.

What is done is written down as text, as the engine would do it, with what the connection then
sends by itself.
"""

from __future__ import annotations

from typing import Any

import pytest
from guards import VirtualClock
from scripted_voice import (
    ScriptedFacts,
    call_done,
    created,
    delta,
    done,
    event,
    make_state,
    taken_by,
)

from realtime_sync.errors import ConfigError
from realtime_sync.events import Reconnected, ServerEvent
from realtime_sync.voice import Interruptions
from realtime_sync.voice.effects import (
    AskForOwed,
    CancelResponse,
    ClearInput,
    Commit,
    CreateResponse,
    DeleteItem,
    Effect,
    Flush,
    IgnoreItem,
    Part,
    Pause,
    Play,
    Report,
    Resume,
    RunTool,
    SendToolOutput,
    Silence,
    TruncateItem,
    UpdateTurns,
    UserStopped,
    WithdrawRequest,
)

OFF = {"create_response": False, "interrupt_response": False}
ON = dict.fromkeys(OFF, True)
PADDING, SILENCE = 300, 500
RESUME = Interruptions(resume=True)
BY_LENGTH = Interruptions(resume=True, backchannels=None)


def told_session(
    detection: dict[str, Any] | None, transcription: Any = "whisper-1", kind: str = "updated"
) -> ServerEvent:
    heard = {"turn_detection": detection, "transcription": None}
    if transcription is not None:
        heard["transcription"] = {"model": transcription}
    wire = {"type": "realtime", "audio": {"input": heard}}
    return event(f"session.{kind}", session=wire)


class Talk:
    """A conversation, whose effects are carried out at once.

    Attributes:
        did: what was done to the sink and sent to the server, in order.
        told: the loop's own events.
        handed: how much of a part went to the device.
        heard: how much of it was heard.
    """

    def __init__(self, *, manual: bool = False, **options: Any) -> None:
        self.clock = VirtualClock()
        self.facts = ScriptedFacts()
        self.facts.state.post = self._send_create
        self.did: list[str] = []
        self.told: list[Any] = []
        self.handed: dict[Part, int] = {}
        self.heard: dict[Part, int] = {}
        self.updates: list[dict[str, Any]] = []  # the turn detections that were asked for
        self.state = make_state(
            self.facts,
            self.clock,
            manual_turns=manual,
            handed_ms=lambda part: self.handed.get(part, 0),
            played_ms=lambda part: self.heard.get(part, 0),
            **options,
        )

    def hear(self, *events: ServerEvent) -> None:
        """Take events as the engine does."""
        for one in events:
            self.facts.state.receive(one)
            self.do(taken_by(self.state, one))
            self.do(self.state.tick())

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.do(self.state.tick())

    def do(self, effects: list[Effect]) -> None:
        for effect in effects:
            self._do(effect)

    def _do(self, effect: Effect) -> None:
        match effect:
            case Play() | Flush() | RunTool():
                self.did.append(type(effect).__name__.lower())
            case Pause() | Resume():
                self.did.append(type(effect).__name__.lower())
            case Silence(parts):
                self.did.append("silence")
                self.do(self.state.silenced({part: self.handed.get(part, 0) for part in parts}))
            case CancelResponse(response_id):
                self.did.append(f"cancel {response_id}")
            case TruncateItem((item_id, _), ms):
                self.did.append(f"truncate {item_id} {ms}")
            case DeleteItem(item_id):
                self.did.append(f"delete {item_id}")
            case IgnoreItem(item_id):
                self.facts.history.ignore(item_id)
            case WithdrawRequest(event_id):
                if self.facts.state.withdraw(event_id):
                    self.do(self.state.withdrawn(event_id))
            case AskForOwed():
                self.do(self.state.ask_for_owed())
            case SendToolOutput(call_id):
                self.did.append(f"output {call_id}")
                self.do(self.state.output_sent(call_id))
            case Report(report):
                self.told.append(report)
            case _:
                self._send(effect)

    def _send(self, effect: Effect) -> None:
        match effect:
            case CreateResponse(event_id, response):
                wire = {"type": "response.create", "event_id": event_id, "response": response or {}}
                if self.facts.state.ask_when_idle(wire):
                    self._send_create(wire)
            case Commit():
                self.did.append("commit")
            case ClearInput(event_id):
                self.did.append("clear input")
                self.facts.state.sent(
                    {"type": "input_audio_buffer.clear", "event_id": event_id or "clear"}
                )
            case UpdateTurns(event_id, detection):
                self.did.append("update")
                audio = {"input": {"turn_detection": detection}}
                update = {"type": "realtime", "audio": audio}
                self.facts.state.sent(
                    {"type": "session.update", "event_id": event_id, "session": update}
                )
                self.updates.append(detection)
            case _:
                raise AssertionError(effect)

    def _send_create(self, wire: dict[str, Any]) -> None:
        self.facts.state.sent(wire)
        self.facts.state.transmitted(wire)
        said = wire["response"].get("instructions")
        self.did.append("create" if said is None else f"create {said}")

    def since(self) -> list[str]:
        """Return what was done since the last time, but for the sound that came."""
        did, self.did = self.did, []
        return [one for one in did if one not in ("play", "flush")]

    def tell(self) -> list[str]:
        """Return what the loop told since the last time; tools and figures have other tests."""
        told, self.told = self.told, []
        names = [one.type.removeprefix("voice.") for one in told]
        return [name for name in names if name not in ("tools_unmatched", "turn_metrics")]

    def program_updates(self, **session: Any) -> None:
        self.facts.state.sent({"type": "session.update", "event_id": "theirs", "session": session})

    # -- what the user does ----------------------------------------------------------------------

    def begin(self, item: str = "u", at_ms: float | None = 1000) -> None:
        where = {} if at_ms is None else {"audio_start_ms": at_ms}
        self.hear(event("input_audio_buffer.speech_started", item_id=item, **where))

    def end(self, length_ms: float, item: str = "u", *, begin_ms: float = 1000) -> None:
        """End what has lasted so long, with the silence that the detector waits for."""
        self.clock.advance((length_ms + SILENCE) / 1000)
        end_ms = begin_ms + PADDING + length_ms + SILENCE
        self.hear(event("input_audio_buffer.speech_stopped", item_id=item, audio_end_ms=end_ms))

    def becomes_item(self, item: str = "u", *names: str) -> None:
        wire = {"id": item, "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
        self.hear(event("input_audio_buffer.committed", item_id=item))
        for name in names or ("added", "done"):
            self.hear(event(f"conversation.item.{name}", item={**wire, "status": "completed"}))

    def words(self, text: str | None, item: str = "u", *, name: str = "completed") -> None:
        kind = f"conversation.item.input_audio_transcription.{name}"
        said = {"delta": text} if name == "delta" else {"transcript": text}
        self.hear(event(kind, item_id=item, content_index=0, **(said if text is not None else {})))

    def says(self, length_ms: float, words: str | None = None, item: str = "u") -> None:
        self.begin(item)
        self.end(length_ms, item)
        self.becomes_item(item)
        if words is not None:
            self.words(words, item)

    def reconnects(self, *lost_items: str) -> None:
        state = self.facts.state
        state.link_lost(state.requested)
        lost = Reconnected(code=1006, attempts=1, lost=[], lost_items=list(lost_items))
        self.hear(lost)


def managed(rule: Interruptions | bool = RESUME, **options: Any) -> Talk:
    """A talk in which the server has taken the flags."""
    talk = Talk(interruptions=rule, **options)
    talk.do(talk.state.begin())
    talk.hear(told_session({"type": "server_vad"}))
    assert talk.since() == ["update"]
    talk.hear(told_session({"type": "server_vad", **OFF}))
    assert talk.since() == []
    talk.tell()
    return talk


def with_answer(talk: Talk, handed_ms: int = 300) -> Talk:
    """An answer r1 runs, and its item a of 1 s is playing; b is buffered."""
    talk.hear(created("r1"), delta("r1", "a", 1000), delta("r1", "b", 500))
    talk.handed[("a", 0)] = talk.heard[("a", 0)] = handed_ms
    talk.since()
    talk.tell()
    return talk


def output_of(talk: Talk, call_id: str = "c1") -> None:
    talk.do(talk.state.tool_returned(call_id, "time", "5"))


# -- nothing to be interrupted -------------------------------------------------------------------


def test_a_turn_against_nothing_is_answered_at_its_end_without_its_words() -> None:
    talk = managed()
    talk.begin()
    assert talk.since() == []
    talk.end(200)
    assert talk.since() == ["create"]
    assert talk.tell() == ["turn_ended"]
    talk.becomes_item()
    talk.words("mhm")
    talk.wait(5)
    assert talk.since() == []


def test_what_was_heard_to_its_end_is_nothing_to_be_interrupted() -> None:
    talk = with_answer(managed())
    talk.hear(done("r1"))
    talk.heard[("b", 0)] = 480  # the last of it may never count as heard
    talk.says(200)
    assert talk.since() == ["create"]


# -- an answer -----------------------------------------------------------------------------------


def is_playing(talk: Talk) -> None:
    with_answer(talk)
    talk.hear(done("r1"))
    talk.heard[("b", 0)] = 479


def is_buffered(talk: Talk) -> None:
    talk.hear(created("r1"), delta("r1", "a", 21), done("r1"))


def is_running(talk: Talk) -> None:
    talk.hear(created("r1"))


def is_asked_for(talk: Talk) -> None:
    talk.says(400)
    assert talk.since() == ["create"]


@pytest.mark.parametrize("happens", [is_playing, is_buffered, is_running, is_asked_for])
def test_against_an_answer_the_sink_pauses_and_nothing_is_sent(happens: Any) -> None:
    talk = managed()
    happens(talk)
    talk.since()
    talk.tell()
    talk.begin("u2")
    assert talk.since() == ["pause"]
    assert talk.tell() == ["paused"]
    talk.end(400, "u2")
    talk.becomes_item("u2")
    assert talk.since() == []
    assert talk.tell() == []


def test_meanwhile_sound_is_buffered_and_tools_run_and_what_is_owed_waits() -> None:
    talk = with_answer(managed())
    talk.begin()
    talk.hear(delta("r1", "b", 100), call_done("r1", "c1", "time"), done("r1"))
    output_of(talk)
    assert talk.did == ["pause", "play", "runtool", "output c1"]
    talk.since()
    talk.end(400)
    talk.becomes_item()
    talk.words("Mhm.")
    assert talk.since() == ["delete u", "resume", "create"]


def test_what_waits_to_be_asked_for_is_taken_back() -> None:
    """Else the response would begin with the user's "mhm", and answer it."""
    talk = managed()
    talk.hear(created("r1"), call_done("r1", "c1", "time"), done("r1"))
    talk.hear(created("r2"), delta("r2", "a", 1000))
    output_of(talk)
    talk.since()
    talk.begin()
    talk.hear(done("r2"))
    talk.end(400)
    talk.becomes_item()
    assert talk.since() == ["pause"]
    talk.words("Mhm.")
    assert talk.since() == ["delete u", "resume", "create"]


# -- real, while the user speaks -----------------------------------------------------------------

CUT = ["silence", "cancel r1", "truncate a 300", "delete b", "resume"]


def test_who_speaks_for_long_interrupts() -> None:
    talk = with_answer(managed())
    talk.begin()
    talk.since()
    assert talk.state.due_at == pytest.approx(talk.clock() + 1.5)  # a second, and the silence
    talk.wait(1.499)
    assert talk.since() == []
    talk.wait(0.001)
    assert talk.since() == CUT
    talk.end(2000)
    assert talk.since() == [], "r1 is not done"
    talk.hear(done("r1", "cancelled"))
    assert talk.since() == ["create"]
    talk.becomes_item()
    talk.words("No, stop.")
    talk.wait(5)
    talk.hear(created("r2"), done("r2"))
    assert talk.since() == []


def test_a_word_outside_the_list_interrupts() -> None:
    talk = with_answer(managed())
    talk.begin()
    talk.words("Mhm, ", name="delta")
    assert talk.since() == ["pause"]
    talk.words("no", name="delta")
    assert talk.since() == CUT
    assert talk.tell() == ["paused", "interrupted", "resumed"]
    talk.hear(done("r1", "cancelled"))
    assert talk.since() == [], "the user speaks"
    talk.end(400)
    assert talk.since() == ["create"]
    assert talk.tell() == ["turn_ended"]


# -- the verdict after it ------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["completed", "failed", "limit", "length"])
def test_a_false_one_is_deleted_and_the_answer_goes_on(how: str) -> None:
    talk = with_answer(managed(BY_LENGTH if how == "length" else RESUME))
    view = talk.facts.history.open_view()
    talk.begin()
    talk.end(400)
    talk.becomes_item()
    if how == "completed":
        talk.words("Mhm.")
    elif how == "failed":
        talk.words(None, name="failed")
    elif how == "limit":
        talk.wait(1.499)
        assert talk.since() == ["pause"]
        talk.wait(0.001)
    # At a verdict by length the item is not there yet.
    deleted = ["resume", "delete u"] if how == "length" else ["delete u", "resume"]
    assert talk.since() == ([] if how == "limit" else ["pause"]) + deleted
    (false,) = [one for one in talk.told if one.type == "voice.false_interruption"]
    assert false.item_id == "u"
    assert false.transcript == ("Mhm." if how == "completed" else "")
    assert false.paused_ms == (2400 if how == "limit" else 900)
    assert talk.tell() == ["paused", "resumed", "turn_ended", "false_interruption"]
    assert [item.ignored for item in view.items if item.id == "u"] == [True]
    assert "u" not in [item.get("id") for item in talk.facts.history.replay()[0]]
    talk.wait(5)
    talk.hear(done("r1"))
    assert talk.since() == []


@pytest.mark.parametrize("how", ["completed", "failed", "limit", "length"])
def test_a_real_one_interrupts_and_then_asks_once(how: str) -> None:
    talk = with_answer(managed(BY_LENGTH if how == "length" else RESUME))
    talk.begin()
    length_ms = {"completed": 400, "length": 1001}.get(how, 1001)
    # The end is told before time is looked at, as when the engine was busy.
    talk.end(length_ms)
    talk.becomes_item()
    if how == "completed":
        talk.words("What?")
    elif how == "failed":
        talk.words(None, name="failed")
    elif how == "limit":
        talk.wait(1.5)
    assert talk.since() == ["pause", *CUT]
    assert talk.tell() == ["paused", "interrupted", "resumed", "turn_ended"]
    talk.wait(5)
    assert talk.since() == []
    talk.hear(done("r1", "cancelled"))
    assert talk.since() == ["create"]
    talk.hear(created("r2"), delta("r2", "c", 100), done("r2"))
    assert talk.since() == []
    assert talk.tell() == ["answer_started"]


def test_only_a_response_that_runs_is_cancelled() -> None:
    talk = with_answer(managed())
    talk.begin()
    talk.hear(done("r1"))
    talk.end(400)
    talk.becomes_item()
    talk.words("Stop.")
    did = talk.since()
    assert did == ["pause", "silence", "truncate a 300", "delete b", "resume", "create"]


def test_an_answer_that_was_asked_for_is_cancelled_when_it_begins() -> None:
    talk = managed()
    is_asked_for(talk)
    talk.says(400, "Wait.", "u2")
    assert talk.since() == ["pause", "silence", "resume"]
    talk.hear(created("r1"))
    assert talk.since() == ["cancel r1"]
    talk.hear(delta("r1", "a", 100), done("r1", "cancelled"))
    assert talk.did == ["create"], "nothing of it is played"
    talk.since()
    talk.hear(created("r2"), delta("r2", "b", 100))
    assert talk.did == ["play"]


def test_what_is_asked_for_after_that_is_an_answer_to_be_interrupted_again() -> None:
    talk = managed()
    is_asked_for(talk)
    talk.says(400, "Wait.", "u2")
    talk.hear(created("r1"), done("r1", "cancelled"))
    assert talk.since()[-1] == "create"
    talk.begin("u3")
    assert talk.since() == ["pause"]
    talk.end(300, "u3")
    talk.becomes_item("u3")
    talk.words("Mhm", "u3")
    assert talk.since() == ["delete u3", "resume"]
    talk.hear(created("r2"), delta("r2", "b", 100))
    assert talk.did == ["play"]


def test_a_request_that_still_waits_is_made_anew_and_not_twice() -> None:
    talk = managed()
    talk.hear(created("r1"), call_done("r1", "c1", "time"), done("r1"))
    output_of(talk)
    assert talk.since()[-1] == "create"
    talk.hear(created("r2"), delta("r2", "a", 1000), call_done("r2", "c2", "time"))
    output_of(talk, "c2")
    talk.handed[("a", 0)] = 20
    talk.since()
    talk.says(400, "Wait.")
    assert talk.since() == ["pause", "silence", "cancel r2", "truncate a 20", "resume"]
    talk.hear(done("r2", "cancelled"))
    assert talk.since() == ["create"]
    talk.hear(created("r3"), done("r3"))
    talk.wait(5)
    assert talk.since() == []


def test_the_figures_of_both_answers_are_told() -> None:
    talk = with_answer(managed())
    talk.do(talk.state.settle_turn())
    talk.hear(done("r1"), created("r2"), delta("r2", "c", 900))
    talk.told.clear()
    talk.begin()
    talk.end(400)
    talk.becomes_item()
    ended_at = talk.clock()
    talk.clock.advance(0.7)
    talk.words("Stop.")
    talk.clock.advance(0.3)
    talk.hear(done("r2", "cancelled"), created("r3"), delta("r3", "d", 100))
    talk.do(talk.state.settle_turn())
    cut, answered = [one for one in talk.told if one.type == "voice.turn_metrics"]
    assert cut.interruption_ms is not None
    assert cut.first_delta_ms is None, "nobody had asked"
    assert answered.first_delta_ms == pytest.approx((talk.clock() - ended_at) * 1000)
    (started,) = [one for one in talk.told if one.type == "voice.answer_started"]
    assert started.latency_ms == 1000


def test_a_false_one_is_no_turn_in_the_figures() -> None:
    talk = managed()
    talk.says(400)
    talk.clock.advance(0.25)
    talk.hear(created("r1"), delta("r1", "a", 500))
    talk.says(400, "Mhm.", "u2")
    talk.hear(delta("r1", "a", 500), done("r1"))
    talk.do(talk.state.settle_turn())
    (figures,) = [one for one in talk.told if one.type == "voice.turn_metrics"]
    assert figures.first_delta_ms == pytest.approx(250)
    talk.hear(created("r2"), delta("r2", "b", 100))
    assert talk.told[-1].latency_ms is None, "nobody has asked for that"


# -- more than one -------------------------------------------------------------------------------


def test_it_stays_paused_until_all_are_false_and_nobody_speaks() -> None:
    talk = with_answer(managed())
    talk.says(400, None, "u1")
    talk.begin("u2")
    assert talk.tell() == ["paused"], "once"
    talk.words("Mhm.", "u1")
    assert talk.since() == ["pause"]
    assert talk.state.due_at is not None
    assert talk.state.due_at > talk.clock(), "nothing is due before"
    talk.end(300, "u2")
    talk.becomes_item("u2")
    assert talk.since() == []
    talk.words("Yeah.", "u2")
    assert talk.since() == ["delete u1", "delete u2", "resume"]
    false = [one for one in talk.told if one.type == "voice.false_interruption"]
    assert [(one.item_id, one.transcript) for one in false] == [("u2", "Mhm. Yeah.")]
    assert ends(talk) == [
        ("u1", "false_interruption", False),
        ("u2", "false_interruption", False),
    ]


def test_one_real_makes_all_real_and_one_answer_is_asked_for() -> None:
    talk = with_answer(managed())
    talk.says(400, None, "u1")
    talk.begin("u2")
    talk.words("Mhm.", "u1")
    assert talk.since() == ["pause"]
    talk.words("no", "u2", name="delta")
    assert talk.since() == CUT
    talk.hear(done("r1", "cancelled"))
    talk.end(400, "u2")
    talk.becomes_item("u2")
    talk.words("No.", "u2")
    assert talk.since() == ["create"]
    assert ends(talk) == [("u1", "speech_stopped", False), ("u2", "speech_stopped", True)]


def ends(talk: Talk) -> list[tuple[str | None, str, bool]]:
    told = [one for one in talk.told if one.type == "voice.turn_ended"]
    return [(one.item_id, one.reason, one.answered) for one in told]


def test_when_all_have_stopped_one_answer_is_asked_for_and_each_has_ended() -> None:
    talk = with_answer(managed())
    talk.says(400, None, "u1")
    talk.says(400, None, "u2")
    talk.words("No.", "u2")
    talk.hear(done("r1", "cancelled"))
    assert talk.since() == ["pause", *CUT, "create"]
    assert ends(talk) == [("u1", "speech_stopped", False), ("u2", "speech_stopped", True)]


def test_the_first_one_real_while_the_second_is_spoken() -> None:
    talk = with_answer(managed())
    talk.says(400, None, "u1")
    talk.begin("u2")
    talk.words("Stop.", "u1")
    assert talk.since() == ["pause", *CUT]
    talk.hear(done("r1", "cancelled"))
    assert talk.since() == [], "the user speaks"
    assert ends(talk) == [("u1", "speech_stopped", False)]
    talk.end(400, "u2")
    assert talk.since() == ["create"]
    assert ends(talk)[1:] == [("u2", "speech_stopped", True)]


# -- an item that is not there yet ---------------------------------------------------------------


@pytest.mark.parametrize("name", ["added", "created"])
def test_a_deletion_waits_for_its_item_and_an_owed_answer_for_the_deletion(name: str) -> None:
    talk = with_answer(managed(BY_LENGTH))
    talk.hear(call_done("r1", "c1", "time"), done("r1"))
    talk.since()
    talk.begin()
    output_of(talk)
    talk.end(400)
    assert talk.since() == ["pause", "output c1", "resume"]
    talk.wait(1.4)
    assert talk.since() == []
    wire = {"id": "u", "type": "message", "role": "user", "content": []}
    talk.hear(event(f"conversation.item.{name}", item=wire))
    assert talk.since() == ["delete u", "create"]


def test_an_item_that_never_comes_keeps_nobody_waiting() -> None:
    talk = with_answer(managed(BY_LENGTH))
    talk.hear(call_done("r1", "c1", "time"), done("r1"))
    talk.begin()
    output_of(talk)
    talk.end(400)
    talk.since()
    assert talk.state.due_at == pytest.approx(talk.clock() + 1.5)
    talk.wait(1.499)
    assert talk.since() == []
    talk.wait(0.002)
    assert talk.since() == ["create"]
    assert talk.state.due_at is None


def test_an_item_that_nobody_has_named_is_the_next_that_is_committed() -> None:
    talk = with_answer(managed(BY_LENGTH))
    talk.begin("", None)
    talk.clock.advance(0.9)
    talk.hear(event("input_audio_buffer.speech_stopped"))
    assert talk.since() == ["pause", "resume"]
    talk.becomes_item("u")
    assert talk.since() == ["delete u"]
    talk.begin("", None)
    talk.clock.advance(1.501)
    talk.hear(event("input_audio_buffer.speech_stopped"))
    talk.becomes_item("u2")
    assert "delete u2" not in talk.since(), "that one is real"


# -- a lost link ---------------------------------------------------------------------------------


@pytest.mark.parametrize("speaking", [False, True])
def test_a_lost_link_voids_the_verdict_and_the_rest_plays_on(speaking: bool) -> None:
    talk = with_answer(managed())
    talk.begin()
    if not speaking:
        talk.end(400)
        talk.becomes_item()
    talk.since()
    talk.tell()
    talk.reconnects("u")
    assert talk.since() == ["resume"]
    assert talk.tell() == ["turn_lost", "resumed"]
    talk.wait(10)
    talk.words("Stop.")
    assert talk.since() == []
    assert not talk.state.busy


def test_words_that_were_restored_are_answered_in_doubt() -> None:
    talk = with_answer(managed())
    talk.says(400, None)
    talk.since()
    view = talk.facts.history
    view.receive(
        event(
            "conversation.item.input_audio_transcription.completed",
            item_id="u",
            content_index=0,
            transcript="Stop.",
        )
    )  # the connection is ahead of the conversation
    talk.reconnects()
    assert talk.since() == ["resume", "create"]


def test_the_rest_of_an_answer_pauses_too_and_nothing_of_it_is_truncated() -> None:
    talk = with_answer(managed())
    talk.reconnects()
    assert talk.since() == []
    talk.begin("u2")
    assert talk.since() == ["pause"]
    talk.tell()
    talk.words("Stop", "u2", name="delta")
    assert talk.since() == ["silence", "resume"]
    assert talk.tell() == ["interrupted", "resumed"]


def test_what_was_interrupted_before_it_began_is_forgotten_with_its_link() -> None:
    talk = managed()
    is_asked_for(talk)
    talk.says(400, "Wait.", "u2")
    talk.since()
    talk.reconnects()
    assert talk.since() == ["create"]
    talk.hear(created("r2"), delta("r2", "a", 100))
    assert talk.did == ["play"], "it is not cancelled"


def test_the_flags_are_asked_for_again_if_the_new_link_has_them_not() -> None:
    talk = managed()
    talk.facts.state.renewed([told_session({"type": "server_vad"}, kind="created")])
    talk.reconnects()
    assert talk.since() == ["update"]
    talk.hear(told_session({"type": "server_vad", **OFF}))
    talk.hear(created("r1"))
    talk.begin()
    assert talk.since() == ["pause"]
    assert talk.tell() == ["paused"]


# -- protected -----------------------------------------------------------------------------------


def test_a_protected_answer_plays_on_and_the_turn_is_answered_after_it() -> None:
    talk = managed()
    talk.do(talk.state.say("Fire!", interruptible=False))
    (asked,) = talk.since()
    assert "Fire!" in asked
    talk.says(400, "What?", "u1")  # before it begins
    assert talk.since() == []
    talk.hear(created("r1"), delta("r1", "a", 1000))
    talk.says(2000, "What?", "u2")
    talk.hear(done("r1"))
    assert talk.since() == ["create"]
    talk.hear(created("r2"))
    talk.begin("u3")
    assert talk.since() == [], "what is protected is still heard"
    talk.heard[("a", 0)] = 1000
    talk.end(400, "u3")
    talk.begin("u4")
    assert talk.since() == ["pause"], "the next one is not protected"


def test_what_was_protected_and_is_over_protects_nothing() -> None:
    talk = managed()
    talk.do(talk.state.respond({}, interruptible=False))
    talk.hear(created("r1"), delta("r1", "a", 1000), done("r1"))
    talk.heard[("a", 0)] = 1000
    talk.says(400)
    talk.hear(created("r2"))
    talk.since()
    talk.begin("u2")
    assert talk.since() == ["pause"]


def test_a_refused_request_protects_nothing() -> None:
    talk = managed()
    talk.do(talk.state.say("Fire!", interruptible=False))
    error = {"type": "invalid_request_error", "message": "no", "event_id": "voice_create_1"}
    talk.hear(event("error", error=error), created("r1"))
    talk.since()
    talk.begin()
    assert talk.since() == ["pause"]


def test_what_is_to_be_said_waits_for_the_verdict() -> None:
    talk = with_answer(managed())
    talk.begin()
    talk.do(talk.state.say("Hello."))
    talk.hear(done("r1"))
    talk.end(400)
    talk.becomes_item()
    talk.words("Mhm.")
    *before, said = talk.since()
    assert before == ["pause", "delete u", "resume"]
    assert said.endswith('nothing else: "Hello."')


def test_what_was_to_be_said_is_said_over_the_next_link() -> None:
    talk = managed()
    for words in ("one", "two"):
        talk.do(talk.state.say(words))
    (first,) = talk.since()
    talk.reconnects()
    assert talk.since() == [first]
    talk.hear(created("r1"), done("r1"))
    (second,) = talk.since()
    assert '"two"' in second


@pytest.mark.parametrize("running", [True, False])
def test_with_interruptions_off_a_turn_is_answered_after_the_answer(running: bool) -> None:
    talk = with_answer(managed(False))
    if not running:
        talk.hear(done("r1"))
    talk.says(5000, "Stop!")
    assert talk.since() == ([] if running else ["create"])
    assert "interrupted" not in talk.tell()
    talk.hear(done("r1"))
    assert talk.since() == (["create"] if running else [])


# -- min_ms --------------------------------------------------------------------------------------


def test_the_sink_plays_on_until_the_user_has_spoken_for_so_long() -> None:
    talk = with_answer(managed(Interruptions(min_ms=600)))
    talk.begin()
    assert talk.state.due_at == pytest.approx(talk.clock() + 0.6)
    talk.wait(0.599)
    assert talk.since() == []
    talk.clock.now = talk.state.due_at or 0.0
    talk.wait(0)
    assert talk.since() == ["silence", "cancel r1", "truncate a 300", "delete b"]
    talk.end(1000)
    talk.hear(done("r1", "cancelled"))
    assert talk.since() == ["create"]


def test_a_shorter_turn_is_answered_after_the_answer() -> None:
    talk = with_answer(managed(Interruptions(min_ms=600)))
    talk.begin()
    talk.clock.advance(0.7)
    stopped = event("input_audio_buffer.speech_stopped", item_id="u", audio_end_ms=1800)
    talk.hear(stopped)
    talk.wait(5)
    assert talk.since() == []
    talk.hear(done("r1"))
    assert talk.since() == ["create"]


def test_without_options_an_answer_is_interrupted_at_once() -> None:
    talk = with_answer(managed(Interruptions()))
    talk.begin()
    assert talk.since() == ["silence", "cancel r1", "truncate a 300", "delete b"]
    talk.end(100)
    talk.hear(done("r1", "cancelled"))
    assert talk.since() == ["create"]


# -- by hand -------------------------------------------------------------------------------------


def test_an_interruption_by_hand_settles_the_verdict() -> None:
    talk = with_answer(managed())
    talk.begin()
    talk.do(talk.state.interrupt())
    assert talk.since() == ["pause", *CUT]
    talk.hear(done("r1", "cancelled"))
    talk.end(400)
    talk.becomes_item()
    talk.words("Mhm.")
    assert talk.since() == ["create"]
    assert "false_interruption" not in talk.tell()


def test_and_so_it_does_when_only_the_words_are_awaited() -> None:
    talk = with_answer(managed())
    talk.says(400)
    talk.do(talk.state.interrupt())
    talk.hear(done("r1", "cancelled"))
    assert talk.since() == ["pause", *CUT, "create"]


def test_when_the_server_ends_the_talk_the_rest_plays_on() -> None:
    talk = with_answer(managed())
    talk.begin()
    talk.do(talk.state.over())
    assert talk.since() == ["pause", "resume"]
    assert talk.state.due_at is None
    talk.do(talk.state.over())
    assert talk.since() == []


# -- the server's flags --------------------------------------------------------------------------


def test_words_without_a_transcription_are_refused_at_the_start() -> None:
    told = told_session({"type": "server_vad"}, transcription=None)
    talk = Talk(interruptions=RESUME)
    with pytest.raises(ConfigError, match="transcription"):
        talk.hear(told)
    late = Talk(interruptions=RESUME)
    late.facts.state.receive(told)
    with pytest.raises(ConfigError, match="transcription"):
        late.state.begin()
    Talk(interruptions=BY_LENGTH).hear(told)
    Talk(interruptions=Interruptions(min_ms=300)).hear(told)
    Talk(interruptions=False).hear(told)


def test_a_session_is_judged_when_its_update_is_answered() -> None:
    talk = Talk(interruptions=RESUME)
    talk.program_updates(audio={"input": {"transcription": {"model": "whisper-1"}}})
    talk.hear(told_session({"type": "server_vad"}, transcription=None, kind="created"))
    talk.hear(told_session({"type": "server_vad"}))
    assert talk.since() == ["update"]


@pytest.mark.parametrize("how", ["ignored", "refused"])
def test_a_server_that_keeps_its_flags_is_told_once_and_interrupts_itself(how: str) -> None:
    talk = Talk(interruptions=RESUME)
    talk.hear(told_session({"type": "server_vad"}))
    assert talk.since() == ["update"]
    if how == "ignored":
        talk.hear(told_session({"type": "server_vad", **ON}))
    else:
        error = {"type": "invalid_request_error", "message": "no", "event_id": "voice_turns_1"}
        talk.hear(event("error", error=error))
    assert talk.tell()[-1] == "rule_unavailable"
    with_answer(talk)
    talk.begin()
    assert talk.since() == ["silence", "truncate a 300", "delete b"]
    talk.end(100)
    talk.hear(told_session({"type": "server_vad", **ON}))
    assert talk.since() == [], "the server answers"
    assert "rule_unavailable" not in talk.tell()


def test_a_server_that_ends_responses_by_itself_is_told_at_the_start() -> None:
    talk = Talk(interruptions=RESUME, ends_on_speech=True)
    talk.hear(told_session({"type": "server_vad"}))
    assert talk.since() == []
    assert talk.tell()[-1] == "rule_unavailable"
    with_answer(talk)
    talk.begin()
    assert talk.since() == ["silence", "truncate a 300", "delete b"]


def test_a_program_that_changes_something_else_leaves_the_rules_in_force() -> None:
    talk = with_answer(managed())
    for _ in range(2):
        talk.program_updates(instructions="Be brief.")
    talk.hear(told_session({"type": "server_vad", **OFF}))
    talk.begin()
    assert talk.since() == ["pause"]
    talk.hear(told_session({"type": "server_vad", **OFF}))
    talk.end(400)
    talk.becomes_item()
    talk.words("Mhm.")
    assert talk.since() == ["delete u", "resume"]


def test_a_program_that_sets_the_detection_is_followed_once() -> None:
    talk = managed()
    talk.program_updates(audio={"input": {"turn_detection": {"type": "server_vad"}}})
    theirs = {"type": "server_vad", "threshold": 0.9, "silence_duration_ms": 200}
    talk.hear(told_session({**theirs, **ON}))
    assert talk.since() == ["update"]
    off = {**theirs, **OFF}
    assert talk.updates[-1] == off
    # Until it is taken the server answers and interrupts.
    talk.says(100)
    assert talk.since() == ["silence"]
    talk.hear(created("r0"), done("r0"), told_session(off))
    talk.hear(created("r1"))
    talk.begin()
    assert talk.since() == ["pause"]


def test_without_detection_nothing_is_decided_here() -> None:
    talk = managed()
    talk.program_updates(audio={"input": {"turn_detection": None}})
    talk.hear(told_session(None))
    assert talk.since() == []


# -- a detector of one's own ---------------------------------------------------------------------


def found_here(rule: Interruptions | bool, **session: Any) -> Talk:
    talk = Talk(manual=True, interruptions=rule)
    talk.hear(told_session(None, **session))
    talk.tell()
    return with_answer(talk)


def speak_here(talk: Talk, length_ms: int, by: Any = "detected", silence_ms: int = 500) -> None:
    talk.do(talk.state.user_started(silence_ms))
    talk.wait((length_ms + silence_ms) / 1000)
    talk.do(talk.state.user_stopped(UserStopped(by != "too_short", length_ms, by)))


def test_too_short_is_decided_before_it_is_committed() -> None:
    talk = found_here(BY_LENGTH)
    speak_here(talk, 900)
    assert talk.since() == ["pause", "clear input", "resume"]
    assert talk.tell() == ["paused", "resumed", "turn_ended", "false_interruption"]
    talk.wait(5)
    assert not talk.state._to_delete


def test_where_that_is_refused_it_is_committed_and_deleted() -> None:
    talk = found_here(BY_LENGTH)
    talk.hear(call_done("r1", "c1", "time"), done("r1"))
    speak_here(talk, 400)
    talk.since()
    refused = {"type": "invalid_request_error", "message": "what?", "event_id": ""}
    refused["event_id"] = talk.state._clearing or ""
    talk.hear(event("error", error=refused))
    assert talk.since() == ["commit"]
    output_of(talk)
    assert talk.since() == ["output c1"], "what is owed would answer it"
    talk.becomes_item("u")
    assert talk.since() == ["delete u", "create"]


def test_a_commit_that_is_not_answered_keeps_nobody_waiting() -> None:
    talk = found_here(BY_LENGTH)
    talk.hear(call_done("r1", "c1", "time"), done("r1"))
    speak_here(talk, 400)
    error = {"type": "invalid_request_error", "message": "what?", "event_id": talk.state._clearing}
    talk.hear(event("error", error=error))
    output_of(talk)
    talk.since()
    talk.wait(1.5)
    assert talk.since() == ["create"]


def test_its_silence_is_not_spoken() -> None:
    talk = found_here(BY_LENGTH)
    talk.do(talk.state.user_started(500))
    talk.wait(1.499)
    assert talk.since() == ["pause"]
    talk.wait(0.002)
    assert talk.since() == CUT


def test_a_real_turn_that_was_found_here_is_committed_after_the_cut() -> None:
    talk = found_here(BY_LENGTH)
    talk.do(talk.state.user_started(500))
    talk.clock.advance(1.6)
    talk.do(talk.state.user_stopped(UserStopped(True, 1001, "detected")))
    assert talk.since() == ["pause", *CUT, "commit"]
    assert talk.tell() == ["paused", "interrupted", "resumed", "turn_ended"]
    talk.hear(done("r1", "cancelled"))
    assert talk.since() == ["create"]


@pytest.mark.parametrize(("words", "does"), [("Mhm.", ["delete u", "resume"]), ("Stop.", CUT)])
def test_its_words_decide_after_the_commit(words: str, does: list[str]) -> None:
    talk = found_here(RESUME)
    speak_here(talk, 400)
    talk.becomes_item("u")
    assert talk.since() == ["pause", "commit"]
    assert talk.tell() == ["paused"]
    talk.words(words)
    assert talk.since() == does
    (ended,) = [one for one in talk.told if one.type == "voice.turn_ended"]
    assert ended.item_id == "u"
    assert ended.reason == ("detected" if does is CUT else "false_interruption")


def test_several_that_were_found_here_end_each() -> None:
    talk = found_here(RESUME)
    speak_here(talk, 400)
    talk.becomes_item("u1")
    speak_here(talk, 1600)
    assert ends(talk) == [("u1", "detected", False), (None, "detected", True)]


def test_its_words_need_a_transcription() -> None:
    with pytest.raises(ConfigError, match="transcription"):
        found_here(RESUME, transcription=None)
    found_here(BY_LENGTH, transcription=None)


# -- push to talk --------------------------------------------------------------------------------


def test_a_press_pauses_and_if_it_was_too_short_the_answer_goes_on() -> None:
    talk = found_here(BY_LENGTH)
    speak_here(talk, 99, "too_short", silence_ms=0)
    assert talk.since() == ["pause", "clear input", "resume"]
    (ended,) = [one for one in talk.told if one.type == "voice.turn_ended"]
    assert ended.reason == "too_short"
    assert talk.tell() == ["paused", "resumed", "turn_ended", "false_interruption"]


@pytest.mark.parametrize("respond", [True, False])
def test_else_it_interrupts_however_short(respond: bool) -> None:
    talk = found_here(BY_LENGTH)
    talk.do(talk.state.user_started())
    talk.wait(0.1)
    talk.do(talk.state.user_stopped(UserStopped(respond, 100, "released")))
    assert talk.since() == ["pause", *CUT, "commit"]
    talk.hear(done("r1", "cancelled"))
    assert talk.since() == ["create"][: int(respond)]


def test_without_the_rule_a_press_interrupts_at_once() -> None:
    talk = found_here(True)
    talk.do(talk.state.user_started())
    assert talk.since() == ["silence", "cancel r1", "truncate a 300", "delete b"]


def test_with_interruptions_off_a_press_interrupts_nothing() -> None:
    talk = found_here(False)
    talk.do(talk.state.user_started())
    talk.do(talk.state.user_stopped(UserStopped(True, 400, "released")))
    assert talk.since() == ["commit"]
    talk.hear(done("r1"))
    assert talk.since() == ["create"]
