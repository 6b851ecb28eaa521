"""GA into what Yandex AI Studio speaks, and back."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync import LocalProtocolError
from realtime_sync.clients.yandex import web_search
from realtime_sync.events import SERVER_EVENTS
from realtime_sync.providers import YandexDialect, YandexVerbatim

Event = dict[str, Any]
PCM_24 = {"type": "audio/pcm", "rate": 24000}


def update(session: Event, **options: Any) -> Event:
    sent = YandexDialect(**options).to_wire({"type": "session.update", "session": session})
    result: Event = sent["session"]
    return result


def told(dialect: YandexDialect, *events: Event) -> list[Event]:
    return [result for event in events for result in dialect.from_wire(event)]


def types(events: list[Event]) -> list[str]:
    return [event["type"] for event in events]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"type": "realtime", "instructions": "hi"}, {"instructions": "hi"}),
        (
            {
                "audio": {
                    "output": {"format": {"type": "audio/pcm"}, "voice": "dasha", "role": "good"}
                }
            },
            {"audio": {"output": {"format": PCM_24, "voice": "dasha", "role": "good"}}},
        ),
        (
            {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 44100}}}},
            {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 44100}}}},
        ),
        (
            {"audio": {"input": {"transcription": {"model": "m", "language": "ru"}}}},
            {"audio": {"input": {"languages": ["ru"]}}},
        ),
        (
            {
                "audio": {
                    "input": {"transcription": {"languages": ["ru-RU"]}, "languages": ["en-US"]}
                }
            },
            {"audio": {"input": {"languages": ["en-US"]}}},
        ),
        (
            {"audio": {"input": {"turn_detection": None}}},
            {"audio": {"input": {"turn_detection": None}}},
        ),
        ({"tools": [web_search()]}, {"tools": [web_search()]}),
    ],
)
def test_a_session(given: Event, sent: Event) -> None:
    assert update(given) == sent


def test_the_greeting_asks_for_rates() -> None:
    dialect = YandexDialect()
    (greeting,) = dialect.greeting
    audio = dialect.to_wire(greeting)["session"]["audio"]
    assert audio == {"input": {"format": PCM_24}, "output": {"format": PCM_24}}


def test_the_program_sees_one_session_created_with_the_rates() -> None:
    dialect = YandexDialect()
    dialect.to_wire(dialect.greeting[0])
    unknown = {"audio": {"output": {"format": {"type": "audio/pcm", "rate": None}}}}
    assert told(dialect, {"type": "session.created", "event_id": "e1", "session": unknown}) == []
    known = {"audio": {"output": {"format": PCM_24}}, "instructions": "x"}
    (created,) = told(dialect, {"type": "session.updated", "event_id": "e2", "session": known})
    assert created["type"] == "session.created"
    assert created["event_id"] == "e1"
    assert created["session"] == {"type": "realtime", **known}
    # What comes now is told as it comes.
    assert types(told(dialect, {"type": "session.updated", "session": known})) == [
        "session.updated"
    ]


def test_what_the_server_says_twice_is_no_second_answer() -> None:
    dialect = YandexDialect()
    one = {"type": "session.updated", "event_id": "e1", "session": {"instructions": "x"}}
    assert len(told(dialect, one, dict(one))) == 1
    assert len(told(dialect, {**one, "event_id": "e2"})) == 1, "another answer, as it seems"


def test_a_greeting_that_is_refused_hides_nothing() -> None:
    dialect = YandexDialect()
    dialect.to_wire(dialect.greeting[0])
    events = told(dialect, {"type": "session.created", "session": {}}, {"type": "error"})
    assert types(events) == ["session.created", "error"]
    assert types(told(dialect, {"type": "session.updated", "session": {}})) == ["session.updated"]


def test_a_rate_of_null_is_44100() -> None:
    audio = {"output": {"format": {"type": "audio/pcm", "rate": None}}}
    (updated,) = told(YandexDialect(), {"type": "session.updated", "session": {"audio": audio}})
    assert updated["session"]["audio"]["output"]["format"]["rate"] == 44100


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"type": "input_audio_buffer.clear"}, "no input_audio_buffer.clear: commit"),
        ({"type": "output_audio_buffer.clear"}, "no output_audio_buffer.clear: .* stop playing"),
        (
            {"type": "conversation.item.create", "item": {"role": "assistant", "content": []}},
            "refuses messages of the assistant",
        ),
        ({"type": "session.update", "session": {"type": "transcription"}}, "no transcription"),
    ],
)
def test_what_the_server_lacks_is_refused_here(event: Event, words: str) -> None:
    with pytest.raises(LocalProtocolError, match=words):
        YandexDialect().to_wire(event)


def test_what_it_is_not_fit_for() -> None:
    dialect = YandexDialect()
    assert not dialect.assistant_items
    assert not dialect.metadata
    assert dialect.closes_response_on_speech_started


# -- texts ---------------------------------------------------------------------------------------

DELTA = {"type": "response.output_text.delta", "event_id": "e", "delta": "a", "item_id": "i"}
DONE = {"type": "response.output_text.done", "event_id": "f", "text": "a", "item_id": "i"}


def created(response_id: str = "r", **fields: Any) -> Event:
    return {"type": "response.created", "response": {"id": response_id, **fields}}


def test_the_text_of_a_spoken_answer_is_its_transcript() -> None:
    delta, done = told(YandexDialect(), DELTA, DONE)
    assert delta == {**DELTA, "type": "response.output_audio_transcript.delta"}
    assert done["type"] == "response.output_audio_transcript.done"
    assert done["transcript"] == "a"
    assert "text" not in done


def test_a_written_answer_has_no_transcript() -> None:
    by_session = YandexDialect()
    told(by_session, {"type": "session.updated", "session": {"output_modalities": ["text"]}})
    assert told(by_session, created(), DELTA)[1:] == [DELTA]
    by_request = YandexDialect()
    asked = {"type": "response.create", "response": {"output_modalities": ["text"]}}
    by_request.to_wire(asked)
    assert told(by_request, created(), DELTA)[1:] == [DELTA]
    assert told(by_request, created("r2"), DELTA)[1:] != [DELTA], "the session speaks"
    by_answer = YandexDialect()
    assert told(by_answer, created(output_modalities=["text"]), DELTA)[1:] == [DELTA]


def test_a_server_that_sends_transcripts_is_believed() -> None:
    own = {"type": "response.output_audio_transcript.delta", "delta": "a"}
    assert told(YandexDialect(), own) == [own]


def test_transcripts_that_grow_pass() -> None:
    kind = "conversation.item.input_audio_transcription.completed"
    assert kind not in YandexDialect().server_types


# -- items ---------------------------------------------------------------------------------------


def test_items_are_added_and_done_though_the_server_says_less() -> None:
    dialect = YandexDialect()
    user = {"id": "u", "role": "user", "content": []}
    answer = {"id": "a", "role": "assistant", "status": "completed", "content": []}
    events = told(
        dialect,
        {"type": "conversation.item.created", "item": user},
        {"type": "response.output_item.done", "item": answer},
    )
    assert types(events) == [
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.added",
        "response.output_item.done",
        "conversation.item.done",
    ]


# -- ends ----------------------------------------------------------------------------------------

STARTED = {"type": "input_audio_buffer.speech_started", "event_id": "s1"}
STOPPED = {"type": "input_audio_buffer.speech_stopped", "event_id": "s2"}


def done(response_id: str = "r", status: str = "cancelled") -> Event:
    return {"type": "response.done", "response": {"id": response_id, "status": status}}


def test_an_interrupted_response_ends_when_the_user_has_spoken() -> None:
    dialect = YandexDialect()
    assert types(told(dialect, created(), STARTED)) == ["response.created", STARTED["type"]]
    end, stopped = told(dialect, STOPPED)
    assert end["type"] == "response.done"
    assert end["response"]["id"] == "r"
    assert end["response"]["status"] == "cancelled"
    assert stopped == STOPPED
    assert told(dialect, done()) == [], "the real one, late"
    assert types(told(dialect, created("r2"), done("r2"))) == ["response.created", "response.done"]


def test_or_when_the_next_one_begins() -> None:
    dialect = YandexDialect()
    events = told(dialect, created(), STARTED, created("r2"))
    assert types(events)[-2:] == ["response.done", "response.created"]


def test_a_real_end_is_waited_for() -> None:
    events = told(YandexDialect(), created(), STARTED, done(), STOPPED)
    assert types(events) == [
        "response.created",
        STARTED["type"],
        "response.done",
        STOPPED["type"],
    ]


def test_nothing_is_made_up_where_the_server_does_not_interrupt() -> None:
    dialect = YandexDialect()
    turns = {"type": "server_vad", "interrupt_response": False}
    session = {"audio": {"input": {"turn_detection": turns}}}
    told(dialect, {"type": "session.updated", "session": session})
    events = told(dialect, created(), STARTED, STOPPED, done(status="completed"))
    assert types(events).count("response.done") == 1
    assert events[-1]["response"]["status"] == "completed"


# -- untranslated --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        {"type": "session.update", "session": {"type": "transcription", "modalities": ["text"]}},
        {"type": "input_audio_buffer.clear"},
        {"type": "conversation.item.create", "item": {"role": "assistant", "content": []}},
        {"type": "response.create", "response": {"modalities": ["audio"]}},
    ],
)
def test_verbatim_sends_what_it_is_given(event: Event) -> None:
    before = {**event}
    assert YandexVerbatim().to_wire(event) == before


def test_verbatim_passes_what_it_gets() -> None:
    dialect = YandexVerbatim()
    assert dialect.server_types == frozenset()
    assert dialect.greeting == ()
    assert dialect.from_wire(DELTA) == [DELTA]
    assert dialect.from_wire(created()) == [created()]


def test_verbatim_is_the_same_server() -> None:
    mine, theirs = YandexVerbatim(), YandexDialect()
    for name in ("assistant_items", "metadata", "headers", "server_tools"):
        assert getattr(mine, name) == getattr(theirs, name), name
    assert mine.closes_response_on_speech_started
    assert mine.unasked_hz == {"input": 24_000, "output": 44_100}


def test_the_providers_names_are_those_of_our_events() -> None:
    """So that `type` is what came on the wire: a beta name would be read as its GA name."""
    documented = (
        "conversation.item.created",
        "conversation.item.input_audio_transcription.completed",
        "conversation.item.truncated",
        "error",
        "input_audio_buffer.speech_started",
        "response.output_audio.delta",
        "response.output_item.done",
        "response.output_text.delta",
        "session.updated",
    )
    assert set(documented) <= set(SERVER_EVENTS)


# -- the retired format --------------------------------------------------------------------------


def test_the_retired_format_is_flat_and_has_no_greeting() -> None:
    session = {
        "output_modalities": ["audio"],
        "audio": {
            "input": {"format": PCM_24, "turn_detection": None},
            "output": {"format": {"type": "audio/pcm", "rate": 44100}, "voice": "dasha"},
        },
        "tools": [web_search(), {"type": "function", "name": "f", "parameters": {}}],
    }
    assert update(session, legacy=True) == {
        "modalities": ["text", "audio"],
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "turn_detection": None,
        "voice": "dasha",
        "tools": [
            {**web_search(), "parameters": "{}"},
            {"type": "function", "name": "f", "parameters": {}},
        ],
    }
    assert YandexDialect(legacy=True).greeting == ()
