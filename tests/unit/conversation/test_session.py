"""What a session says, in either form, while updates are under way."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from realtime_sync.conversation.session import (
    SessionFacts,
    SessionState,
    SoundFormat,
    TurnRules,
    _Update,
    read_session,
)
from realtime_sync.errors import LocalProtocolError
from realtime_sync.events import ServerVad, SessionCreated, SessionUpdated, parse_event

PCM, ULAW, ALAW = SoundFormat("audio/pcm", 24_000), "audio/pcmu", "audio/pcma"
DETECTED = TurnRules(detected=True, kind="server_vad")
MANUAL = TurnRules(manual=True, answers=False, interrupts=False)


@pytest.fixture
def state() -> SessionState:
    return SessionState()


def report(kind: str, session: Any) -> Any:
    event = parse_event(
        json.dumps({"type": f"session.{kind}", "event_id": "e", "session": session})
    )
    assert isinstance(event, SessionCreated | SessionUpdated)
    return event


def send(state: SessionState, event_id: Any, **session: Any) -> None:
    state.sent({"type": "session.update", "event_id": event_id, "session": session})


def heard(**fields: Any) -> dict[str, Any]:
    return {"audio": {"input": fields}}


def listens_to(kind: str) -> dict[str, Any]:
    return heard(format={"type": kind})


# -- formats -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "kind", "rate"),
    [
        ({"type": "audio/pcm", "rate": 24_000}, "audio/pcm", 24_000),
        ({"type": "audio/pcm", "rate": 44_100.0}, "audio/pcm", 44_100),
        ({"type": "audio/pcm"}, "audio/pcm", 24_000),
        ({"type": "audio/pcm", "rate": None}, "audio/pcm", 24_000),
        ({"type": "audio/pcm", "rate": "16000"}, "audio/pcm", 24_000),
        ({"type": "audio/pcm", "rate": True}, "audio/pcm", 24_000),
        ({"type": "audio/pcm", "rate": 999}, "audio/pcm", 24_000),
        ({"type": "audio/pcm", "rate": 1_000}, "audio/pcm", 1_000),
        ({"type": "audio/pcm", "rate": 1_000_000}, "audio/pcm", 1_000_000),
        ({"type": "audio/pcm", "rate": 1_000_001}, "audio/pcm", 24_000),
        ({"type": "audio/pcm", "rate": float("nan")}, "audio/pcm", 24_000),
        ({"type": "audio/pcm", "rate": 10**400}, "audio/pcm", 24_000),
        ({"rate": 16_000}, "audio/pcm", 16_000),
        ({"type": ["x"], "rate": 16_000}, "audio/pcm", 16_000),
        ({}, "audio/pcm", 24_000),
        ({"type": "audio/pcmu"}, ULAW, 8_000),
        ({"type": "audio/pcma"}, ALAW, 8_000),
        ({"type": "audio/opus"}, "audio/opus", None),
        ("pcm16", "audio/pcm", 24_000),
        ("g711_ulaw", ULAW, 8_000),
        ("g711_alaw", ALAW, 8_000),
        ("opus", "opus", None),
        (None, "audio/pcm", None),
        (5, "audio/pcm", None),
        ([], "audio/pcm", None),
    ],
)
@pytest.mark.parametrize("direction", ["input", "output"])
@pytest.mark.parametrize("form", ["nested", "flat"])
def test_a_format(form: str, direction: str, told: object, kind: str, rate: int | None) -> None:
    nested: dict[str, Any] = {"audio": {direction: {"format": told}}}
    session = nested if form == "nested" else {f"{direction}_audio_format": told}
    facts = read_session(session)
    other = {"input": facts.output, "output": facts.input}[direction]
    found = {"input": facts.input, "output": facts.output}[direction]
    assert (found.type, found.rate, found.is_pcm) == (kind, rate, kind == "audio/pcm")
    assert other == SoundFormat("audio/pcm", None)


YANDEX_HZ = {"input": 24_000, "output": 44_100}


@pytest.mark.parametrize(
    ("told", "rate"),
    [
        ({"type": "audio/pcm", "rate": None}, 44_100),
        ({"type": "audio/pcm"}, 44_100),
        ({}, 44_100),
        ({"type": "audio/pcm", "rate": 24_000}, 24_000),
        ({"type": "audio/pcmu"}, 8_000),
        ("pcm16", 44_100),
        ("g711_ulaw", 8_000),
    ],
)
def test_what_a_server_means_where_it_names_no_rate(told: object, rate: int) -> None:
    session = {"audio": {"input": {"format": {}}, "output": {"format": told}}}
    facts = read_session(session, unasked_hz=YANDEX_HZ)
    assert (facts.input.rate, facts.output.rate) == (24_000, rate)


def test_a_state_keeps_what_its_server_means() -> None:
    silent = {"audio": {"output": {"format": {"type": "audio/pcm", "rate": None}}}}
    state = SessionState(unasked_hz=YANDEX_HZ)
    state.reported(report("created", silent))
    assert state.facts.output.rate == 44_100
    send(state, "u1", audio={"output": {"format": {"type": "audio/pcm", "rate": 16_000}}})
    assert state.facts.output.rate == 16_000
    state.reported(report("updated", silent))
    assert state.facts.output.rate == 44_100
    send(state, "u2", output_audio_format="pcm16")
    state.reported(report("updated", {}))
    assert state.facts.output.rate == 44_100


@pytest.mark.parametrize(
    ("sound", "expected"),
    [
        (SoundFormat(), 48_000),
        (PCM, 48_000),
        (SoundFormat("audio/pcm", 44_100), 88_200),
        (SoundFormat("audio/pcm", 1_000), 2_000),
        (SoundFormat(ULAW, 8_000), 8_000),
        (SoundFormat("opus"), 8_000),
    ],
)
def test_bytes_of_a_second(sound: SoundFormat, expected: int) -> None:
    assert sound.bytes_per_s == expected


def test_sessions_share_the_usual_values() -> None:
    told = heard(
        format={"type": "audio/pcm", "rate": 24_000}, turn_detection={"type": "server_vad"}
    )
    one, other = (read_session(json.loads(json.dumps(told))) for _ in range(2))
    assert one.input is other.input
    assert one.turns is other.turns


# -- turns ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (None, MANUAL),
        ("none", MANUAL),
        ({"type": "none"}, MANUAL),
        ({"type": "server_vad"}, DETECTED),
        ("server_vad", DETECTED),
        ({"type": "semantic_vad"}, TurnRules(detected=True, kind="semantic_vad")),
        ("clap", TurnRules(detected=True, kind="clap")),
        ({}, TurnRules(detected=True)),
        ({"type": 5}, TurnRules(detected=True)),
        (
            {"type": "server_vad", "create_response": False},
            TurnRules(detected=True, kind="server_vad", answers=False),
        ),
        (
            {"type": "server_vad", "interrupt_response": False},
            TurnRules(detected=True, kind="server_vad", interrupts=False),
        ),
        ({"type": "server_vad", "create_response": None, "interrupt_response": 0}, DETECTED),
        (5, TurnRules()),
        (False, TurnRules()),
        (["server_vad"], TurnRules()),
    ],
)
@pytest.mark.parametrize("form", ["nested", "flat"])
def test_turn_detection(form: str, told: object, expected: TurnRules) -> None:
    session = heard(turn_detection=told) if form == "nested" else {"turn_detection": told}
    assert read_session(session).turns == expected


def test_what_is_not_said_is_the_protocols_default_and_not_known() -> None:
    turns = read_session({}).turns
    assert (turns.manual, turns.detected) == (False, False)
    assert (turns.answers, turns.interrupts) == (True, True)


def test_a_change_of_a_detector_keeps_what_it_leaves_out() -> None:
    quiet = {"type": "server_vad", "create_response": False, "interrupt_response": False}
    before = read_session(heard(turn_detection=quiet))
    for change in ({"threshold": 0.6}, {"type": "server_vad", "threshold": 0.6}):
        assert read_session(heard(turn_detection=change), before) == before
    other = read_session(heard(turn_detection={"type": "semantic_vad"}), before)
    assert other.turns == TurnRules(detected=True, kind="semantic_vad")
    off = read_session(heard(turn_detection=None), before)
    assert read_session(heard(turn_detection={}), off).turns == TurnRules(detected=True)


def test_a_transcription_session_answers_nothing() -> None:
    facts = read_session({"type": "transcription", **heard(turn_detection={"type": "server_vad"})})
    assert (facts.answers, facts.turns.answers) == (False, True)
    assert read_session({"type": None}, facts).type == "transcription"
    assert read_session({"type": "realtime"}, facts).answers


# -- forms that nobody expects -------------------------------------------------------------------


@pytest.mark.parametrize(
    "session",
    [
        None,
        "x",
        5,
        [],
        [["x"]],
        {},
        {"audio": None},
        {"audio": "x"},
        {"audio": {"input": None, "output": "x"}},
        {"audio": {"input": [], "output": {"format": 1, "voice": []}}},
        {"type": {}, "tools": 5, "instructions": 5, "voice": {}, "expires_at": "soon"},
        {"tools": [None, 5, "x", {}, {"type": []}, {"type": "function", "name": {}}]},
        {"turn_detection": [], "input_audio_format": {"type": {}}, "input_audio_transcription": 5},
        {"expires_at": float("nan")},
        {"expires_at": float("-inf")},
        {"expires_at": 10**400},
        {"expires_at": True},
    ],
)
@pytest.mark.parametrize("kind", ["created", "updated", "sent", "restored"])
def test_odd_sessions_say_nothing(state: SessionState, kind: str, session: Any) -> None:
    if kind == "sent":
        state.sent({"type": "session.update", "event_id": [], "session": session})
    elif kind == "restored":
        state.restored(report("created", session))
    else:
        state.reported(report(kind, session))
    assert (state.facts.type, state.facts.turns) == ("realtime", TurnRules())
    assert (state.facts.input.type, state.facts.output.type) == ("audio/pcm", "audio/pcm")
    assert state.expires_at is None
    assert all(isinstance(tool, dict) for tool in state.tools)
    assert (state.instructions, state.voice, state.transcription) == ("", None, None)
    assert all(isinstance(name, str) for name in state.server_tools)
    assert isinstance(state.restorable, dict)


def test_a_session_without_its_fields(state: SessionState) -> None:
    state.sent({"type": "session.update"})
    state.reported(parse_event('{"type": "session.updated"}'))  # type: ignore[arg-type]
    assert (state.under_way, state.facts, state.restorable) == ((), SessionFacts(), {})


def test_an_update_within_itself_is_refused(state: SessionState) -> None:
    circular: list[Any] = []
    circular.append(circular)
    with pytest.raises(LocalProtocolError, match="within itself"):
        send(state, "u", tools=circular, **listens_to(ULAW))
    assert state.under_way == ()
    assert state.facts == SessionFacts()


# -- updates under way ---------------------------------------------------------------------------


def test_an_update_counts_from_the_moment_it_is_sent(state: SessionState) -> None:
    state.reported(report("created", listens_to("audio/pcm")))
    send(state, "u", **listens_to(ULAW))
    assert not state.facts.input.is_pcm
    assert state.under_way == ("u",)


def test_models_in_an_update_are_read(state: SessionState) -> None:
    send(state, "u", **heard(turn_detection=ServerVad(interrupt_response=False)))
    assert state.facts.turns == TurnRules(detected=True, kind="server_vad", interrupts=False)


def test_an_update_that_its_owner_changes_later_stays_as_it_was_sent(state: SessionState) -> None:
    session = listens_to(ULAW)
    send(state, "u", **session)
    session["audio"]["input"]["format"]["type"] = "audio/pcm"
    send(state, "v")
    assert state.facts.input.type == ULAW


def test_a_refusal_undoes_its_own_update_alone(state: SessionState) -> None:
    send(state, "a", **listens_to(ULAW))
    send(state, "b", **heard(turn_detection=None))
    send(state, "c", **listens_to(ALAW))
    state.undo("b")
    assert state.under_way == ("a", "c")
    assert (state.facts.input.type, state.facts.turns) == (ALAW, TurnRules())
    state.undo("c")
    assert state.facts.input.type == ULAW
    state.undo("somebody else's")
    assert state.under_way == ("a",)
    state.undo("a")
    assert state.facts == SessionFacts()


def test_of_two_updates_with_one_id_one_is_undone(state: SessionState) -> None:
    send(state, "a", **listens_to(ULAW))
    send(state, "a", **listens_to(ALAW))
    state.undo("a")
    assert state.under_way == ("a",)
    assert state.facts.input.type == ALAW


def test_a_report_answers_the_oldest_update_and_replaces_it(state: SessionState) -> None:
    send(state, "a", **listens_to(ULAW))
    send(state, "b", **heard(turn_detection=None))
    state.reported(report("updated", {**listens_to(ALAW), "turn_detection": "server_vad"}))
    assert state.under_way == ("b",)
    assert (state.facts.input.type, state.facts.turns) == (ALAW, MANUAL)
    state.undo("a")  # answered already
    assert state.facts.input.type == ALAW
    state.undo("b")
    assert state.facts.turns == DETECTED


def test_what_a_report_leaves_out_is_as_it_was_asked_for(state: SessionState) -> None:
    send(state, "a", **heard(turn_detection=None))
    state.reported(report("updated", listens_to("audio/pcm")))
    assert state.facts.turns == MANUAL
    state.reported(report("updated", listens_to(ULAW)))
    assert state.facts.turns == MANUAL


def test_a_report_without_a_session_still_is_an_answer(state: SessionState) -> None:
    send(state, "a", **listens_to(ULAW))
    state.reported(report("updated", None))
    state.undo("a")
    assert state.facts.input.type == ULAW


def test_the_session_that_is_created_answers_no_update(state: SessionState) -> None:
    send(state, "a", **listens_to(ULAW))
    state.reported(report("created", listens_to("audio/pcm")))
    assert state.under_way == ("a",)
    assert state.facts.input.type == ULAW
    state.undo("a")
    assert state.facts.input == PCM


def test_a_new_session_begins_with_nothing_of_the_one_before(state: SessionState) -> None:
    state.reported(report("created", {**heard(turn_detection=None), "expires_at": 7}))
    state.restored(report("created", listens_to(ULAW)))
    assert state.facts == SessionFacts(input=SoundFormat(ULAW, 8_000))
    assert state.expires_at is None


def test_a_restored_session_answers_no_update(state: SessionState) -> None:
    send(state, "held", **listens_to(ULAW))
    state.restored(report("created", {}))
    state.restored(report("updated", listens_to(ALAW)))
    assert state.under_way == ("held",)
    assert state.facts.input.type == ULAW
    state.undo("held")
    assert state.facts.input.type == ALAW
    state.restored(report("updated", heard(turn_detection=None)))
    assert state.facts.input.type == ALAW


def test_with_the_link_goes_what_was_under_way_on_it(state: SessionState) -> None:
    send(state, "a", **listens_to(ULAW))
    send(state, "a", **listens_to(ALAW))
    send(state, "held", **heard(turn_detection=None))
    state.link_lost({"a"})
    assert state.under_way == ("held",)
    assert (state.facts.input, state.facts.turns) == (SoundFormat(), MANUAL)


def test_a_server_that_answers_no_update_costs_a_bounded_memory(state: SessionState) -> None:
    for number in range(17):
        send(state, str(number), instructions=str(number))
    assert state.under_way == tuple(map(str, range(1, 17)))
    assert state.instructions == "16"


def test_the_end_is_what_the_link_was_told_at_its_beginning(state: SessionState) -> None:
    state.reported(report("created", {"expires_at": 100.5}))
    state.reported(report("updated", {"expires_at": 900}))
    assert state.expires_at == 100.5


class Overtaken(dict[str, Any]):
    """A session during whose first reading something else happens."""

    happens: Callable[[], None] | None = None

    def get(self, key: str, default: Any = None) -> Any:
        happens, self.happens = self.happens, None
        if happens is not None:
            happens()
        return super().get(key, default)


def test_whoever_is_overtaken_while_it_works_out_the_facts_does_so_again(
    state: SessionState,
) -> None:
    """As where the answer comes while another thread sends an update."""
    session = Overtaken(listens_to(ULAW))
    session.happens = lambda: state.undo("a")
    state._updates.append(_Update("a", session))
    send(state, "b", **heard(turn_detection=None))
    assert state.under_way == ("b",)
    assert (state.facts.input, state.facts.turns) == (SoundFormat(), MANUAL)

    session = Overtaken(instructions="Be brief.")
    session.happens = lambda: state.restored(report("updated", listens_to(ALAW)))
    state._updates.append(_Update("c", session))
    send(state, "d")
    assert state.facts.input.type == ALAW


# -- the configuration ---------------------------------------------------------------------------

SECRET = {"type": "mcp", "server_label": "docs", "authorization": "secret"}
REPORTED = {"type": "mcp", "server_label": "docs"}
FUNCTION = {"type": "function", "name": "f"}


def test_the_configuration_is_restored_as_it_was_reported(state: SessionState) -> None:
    assert state.restorable == {}
    state.reported(report("created", {"instructions": "Be brief.", "new": [1]}))
    send(state, "u", instructions="Be long.")
    assert state.restorable == {"instructions": "Be brief.", "new": [1]}
    flat = {"turn_detection": None, "voice": "sage"}
    state.reported(report("updated", flat))
    assert state.restorable == flat
    state.reported(report("updated", None))
    assert state.restorable == flat, "the last one that says something"


def test_tools_are_restored_as_they_were_given(state: SessionState) -> None:
    send(state, "u", tools=[SECRET, FUNCTION])
    state.reported(report("updated", {"tools": [REPORTED, FUNCTION]}))
    assert state.restorable == {"tools": [SECRET, FUNCTION]}
    state.reported(report("updated", {"tools": [REPORTED, FUNCTION], "voice": "sage"}))
    assert state.restorable["tools"] == [SECRET, FUNCTION]
    assert state.tools == [SECRET, FUNCTION]


@pytest.mark.parametrize(
    "reported", [[], [FUNCTION], [FUNCTION, REPORTED], [REPORTED, REPORTED], None, 5, [5]]
)
def test_other_tools_than_were_given_are_restored_as_reported(
    state: SessionState, reported: Any
) -> None:
    send(state, "u", tools=[SECRET])
    state.reported(report("updated", {"tools": reported}))
    assert state.restorable == {"tools": reported}


def test_tools_that_were_refused_are_not_restored(state: SessionState) -> None:
    state.reported(report("updated", {"tools": [REPORTED]}))
    send(state, "u", tools=[SECRET])
    state.undo("u")
    state.reported(report("updated", {"tools": [REPORTED]}))
    assert state.restorable == {"tools": [REPORTED]}


def test_tools_of_an_update_count_from_the_moment_it_is_sent(state: SessionState) -> None:
    state.reported(report("created", {"tools": [FUNCTION]}))
    assert state.tools == [FUNCTION]
    send(state, "a", instructions="Be brief.")
    send(state, "b", tools=[{"name": "g"}, SECRET, {"type": "web_search"}, 5])
    send(state, "c", instructions="Be long.")
    assert state.tools == [{"name": "g"}, SECRET, {"type": "web_search"}]
    assert state.server_tools == ["docs", "web_search"]
    state.undo("b")
    assert state.tools == [FUNCTION]
    assert state.server_tools == []
    send(state, "d", tools=[])
    assert state.tools == []


@pytest.mark.parametrize("form", ["nested", "flat"])
def test_voice_and_transcription(state: SessionState, form: str) -> None:
    if form == "flat":
        state.reported(report("created", {"voice": "sage", "input_audio_transcription": {"m": 1}}))
    else:
        audio = {"input": {"transcription": {"m": 1}}, "output": {"voice": "sage"}}
        state.reported(report("created", {"audio": audio}))
    assert (state.voice, state.transcription) == ("sage", {"m": 1})
    send(state, "u", audio={"input": {"transcription": None}, "output": {"voice": {"id": "v"}}})
    assert (state.voice, state.transcription) == ("v", None)


def test_the_report_is_kept_as_text(state: SessionState) -> None:
    """Decoded, it would take five times as much, for each connection."""
    event = report("created", {"instructions": "Be brief."})
    state.reported(event)
    assert state._report is event.raw


# -- what was sent, and how turns are found --------------------------------------------------------


def test_the_latest_updates_are_remembered(state: SessionState) -> None:
    assert state.sent_ids == ()
    before = state.sent_ids
    for number in range(40):
        send(state, f"u{number}", instructions="x")
    assert before == (), "it is replaced as a whole"
    assert state.sent_ids == tuple(f"u{number}" for number in range(24, 40))
    state.undo("u39")
    state.reported(report("updated", {}))
    state.link_lost(["u38"])
    assert state.sent_ids[-2:] == ("u38", "u39"), "they were sent all the same"
    send(state, None, instructions="x")
    assert state.sent_ids[-1] == ""


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ({"type": "server_vad", "threshold": 0.5}, {"type": "server_vad", "threshold": 0.5}),
        ("server_vad", {"type": "server_vad"}),
        (None, None),
        ({}, None),
        (5, None),
    ],
)
@pytest.mark.parametrize("form", ["nested", "flat"])
def test_the_detection_is_as_it_was_reported(
    state: SessionState, told: Any, known: Any, form: str
) -> None:
    assert state.turn_detection is None
    session = heard(turn_detection=told) if form == "nested" else {"turn_detection": told}
    state.reported(report("created", session))
    assert state.turn_detection == known
    send(state, "u", **heard(turn_detection={"type": "semantic_vad"}))
    assert state.turn_detection == known, "the server may refuse it"
