"""What was said and heard: the words while they come, and the share of them that was heard."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from audio_clock import AudioClock
from guards import Guard
from scripted_voice import (
    ScriptedConnection,
    created,
    delta,
    done,
    event,
    make_loop,
    session,
    speech_started,
    speech_stopped,
)

from realtime_sync.audio import Source
from realtime_sync.audio.virtual import VirtualSpeaker
from realtime_sync.conversation.history import History
from realtime_sync.conversation.session import SoundFormat
from realtime_sync.events import Reconnected, ServerEvent
from realtime_sync.voice import HistoryItem, HistoryPart
from realtime_sync.voice.transcript import Transcript


class Dial:
    """An output whose position a test sets."""

    def __init__(self) -> None:
        self.ms: Counter[tuple[str, int]] = Counter()
        self.latency_ms = 0

    def played_ms(self, part: tuple[str, int]) -> int:
        return max(0, self.ms[part] - self.latency_ms)

    def handed_ms(self, part: tuple[str, int]) -> int:
        return self.ms[part]


class Talk:
    """A history, a sink and what is known of both, fed as the reader and the engine do."""

    def __init__(self, sound: SoundFormat | None = None) -> None:
        self.history = History(is_out_of_band=lambda _: False)
        self.sink = Dial()
        sound = sound or SoundFormat()
        self.transcript = Transcript(self.history, self.sink, sound_format=lambda: sound)
        self.transcript.open()

    def receive(self, told: ServerEvent) -> None:
        self.history.receive(told)
        self.transcript.view.take(told)

    def says(self, item_id: str, words: str, *, ms: int, index: int = 0) -> None:
        """Let words of an answer come, with their sound."""
        self.receive(added(item_id))
        self.receive(words_of(item_id, words, index))
        self.sounds(item_id, ms, index)

    def sounds(self, item_id: str, ms: int, index: int = 0) -> None:
        audio = delta("r", item_id, ms, index=index)
        self.history.receive_audio(audio)  # type: ignore[arg-type]  # it is one
        self.transcript.plays((item_id, index))

    def retold(self) -> list[str]:
        return [item["content"][0]["text"] for item in self.history.replay()[0]]


def added(item_id: str, role: str = "assistant") -> ServerEvent:
    item = {"id": item_id, "type": "message", "role": role, "status": "in_progress", "content": []}
    return event("conversation.item.added", item=item)


def words_of(item_id: str, words: str, index: int = 0) -> ServerEvent:
    kind = "response.output_audio_transcript.delta"
    return event(kind, item_id=item_id, content_index=index, delta=words)


def test_what_is_heard_grows_with_what_is_played() -> None:
    talk = Talk()
    talk.says("a", "one two three four", ms=1000)
    talk.sink.latency_ms = 200
    heard = {}
    for ms in (0, 250, 500, 1000, 1200):
        talk.sink.ms["a", 0] = ms
        heard[ms] = talk.transcript.heard("a")
    assert heard == {0: "", 250: "", 500: "one", 1000: "one two three", 1200: "one two three four"}
    assert talk.transcript.items[0].parts[0].text == "one two three four"


def test_what_still_plays_will_be_heard() -> None:
    talk = Talk()
    talk.says("a", "one two three four", ms=1000)
    assert talk.transcript.to_be_heard("a") == "one two three four"
    talk.sink.ms["a", 0] = 500
    assert talk.transcript.to_be_heard("a") == "one two three four"
    talk.transcript.settle()  # it was interrupted
    assert talk.transcript.to_be_heard("a") == "one two"
    talk.says("b", "one two three four", ms=1000)
    where = {"item_id": "b", "content_index": 0, "audio_end_ms": 250}
    talk.receive(event("conversation.item.truncated", **where))
    assert talk.transcript.to_be_heard("b") == "one"
    assert talk.transcript.to_be_heard("unknown") == ""


def test_what_was_settled_stays_as_it_was_heard() -> None:
    talk = Talk()
    talk.says("a", "one two three four", ms=1000)
    talk.sink.ms["a", 0] = 500
    talk.transcript.settle()
    talk.sink.ms["a", 0] = 0  # a sink forgets
    assert talk.transcript.heard("a") == "one two"


def test_words_that_come_after_their_sound_was_heard() -> None:
    talk = Talk()
    talk.says("a", "one", ms=1000)
    talk.sink.ms["a", 0] = 985  # resamplers round
    assert talk.transcript.heard("a") == "one"
    talk.transcript.settle()
    talk.receive(words_of("a", " two"))
    assert talk.transcript.heard("a") == "one two"


def test_the_parts_of_an_item_count_together() -> None:
    talk = Talk()
    talk.says("a", "one two", ms=500)
    talk.says("a", "three four", ms=500, index=1)
    talk.sink.ms.update({("a", 0): 500, ("a", 1): 250})
    assert talk.transcript.heard("a") == "one two three"
    talk.transcript.settle()
    assert talk.transcript.heard("a") == "one two three"


def test_where_the_server_truncates_counts() -> None:
    talk = Talk()
    talk.says("a", "one two three four", ms=1000)
    talk.sink.ms["a", 0] = 500
    where = {"item_id": "a", "content_index": 0, "audio_end_ms": 250}
    talk.receive(event("conversation.item.truncated", **where))
    assert talk.transcript.heard("a") == "one"


def test_of_what_has_no_sound_all_is_heard() -> None:
    talk = Talk()
    talk.receive(added("a"))
    talk.receive(event("response.output_text.delta", item_id="a", content_index=0, delta="Hello"))
    assert talk.transcript.heard("a") == "Hello"
    assert talk.transcript.heard("unknown") == ""


def test_a_rate_that_is_no_whole_number_of_samples_a_millisecond() -> None:
    """A minute of it is not taken for 60.1 s, of which a part was not heard."""
    talk = Talk(SoundFormat("audio/pcm", 44_100))
    words = " ".join(["word"] * 150)
    talk.receive(added("a"))
    talk.receive(words_of("a", words))
    for _ in range(60):
        talk.sounds("a", 44_100 * 1000 // 24_000)  # a second, in bytes
    talk.sink.ms["a", 0] = 59_990
    assert talk.transcript.heard("a") == words
    talk.sink.ms["a", 0] = 30_000
    assert len(talk.transcript.heard("a").split()) == 75


def test_sound_of_no_item_is_passed_over() -> None:
    talk = Talk()
    talk.transcript.plays(("", 0))
    talk.transcript.look()
    talk.transcript.settle()
    assert talk.transcript.heard("") == ""


# -- what a new link is told -----------------------------------------------------------------------


def test_an_answer_that_waits_for_the_sink_is_not_told_again() -> None:
    """It is asked for again, and the model shall not take it for said."""
    talk = Talk()
    talk.says("a", "one two", ms=1000)
    talk.transcript.look()
    assert talk.history.replay() == ([], ["a"])


def test_an_answer_that_plays_on_is_told_as_far_as_it_came() -> None:
    talk = Talk()
    talk.says("a", "one two", ms=1000)
    talk.sink.ms["a", 0] = 20
    talk.transcript.look()
    assert talk.retold() == ["one two"]


def test_an_answer_that_was_interrupted_is_told_as_far_as_it_was_heard() -> None:
    talk = Talk()
    talk.says("a", "one two", ms=1000)
    talk.sink.ms["a", 0] = 600
    talk.transcript.look()
    talk.transcript.settle()
    assert talk.retold() == ["one"]
    talk.transcript.close()
    assert talk.history.replay() == ([], ["a"]), "nobody tells what of it was heard"
    assert talk.transcript.heard("a") == "one"


def test_what_no_link_has_any_more_is_gone() -> None:
    talk = Talk()
    talk.says("a", "one two", ms=1000)
    talk.history.keep([])
    talk.receive(Reconnected(code=1006, attempts=1, lost=[], lost_items=["a"]))
    assert talk.transcript.items == []
    assert talk.transcript.heard("a") == ""


# -- in a loop -------------------------------------------------------------------------------------

ANSWER = (
    session(),
    speech_started(),
    speech_stopped(),
    created("r1"),
    added("a"),
    words_of("a", "one two three four"),
    delta("r1", "a", 1000),
)


class Silent(Source):
    """Says nothing, until it is closed."""

    rate = 24_000

    def __init__(self) -> None:
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        Guard().wait(self.closed, "the end of the source")
        yield from ()

    def close(self) -> None:
        self.closed.set()


class Over(Silent):
    """Has ended already."""

    def __init__(self) -> None:
        super().__init__()
        self.close()


@pytest.fixture
def clock() -> AudioClock:
    return AudioClock()


def test_a_loop_knows_what_was_said_and_heard(clock: AudioClock) -> None:
    connection = ScriptedConnection(clock, *ANSWER)
    source = Silent()
    heard: list[str] = []

    def look(message: Any) -> None:
        if message.type == "voice.answer_started":
            clock.advance(0.3)
            heard.append(loop.heard("a"))
            clock.advance(0.3)
            loop.interrupt()
            connection.feed(done("r1", "cancelled"))
        elif message.type == "response.done":
            heard.append(loop.heard("a"))
            source.close()

    loop = make_loop(connection, source, VirtualSpeaker(clock=clock), look)
    assert loop.history == []
    loop.run()
    assert heard == ["one", "one two"]
    assert loop.heard("a") == "one two"
    part = HistoryPart("output_audio", "one two three four")
    assert loop.history == [HistoryItem("a", "message", "in_progress", "assistant", (part,))]


def test_an_answer_that_was_heard_to_its_end(clock: AudioClock) -> None:
    connection = ScriptedConnection(clock, *ANSWER, done("r1"))
    loop = make_loop(connection, Over(), VirtualSpeaker(clock=clock), lambda _: None)
    loop.run()
    assert loop.heard("a") == "one two three four"


def test_a_loop_that_is_closed_while_it_plays(clock: AudioClock) -> None:
    connection = ScriptedConnection(clock, *ANSWER)

    def close(message: Any) -> None:
        if message.type == "voice.answer_started":
            clock.advance(0.5)
            loop.close()

    source = Silent()
    loop = make_loop(connection, source, VirtualSpeaker(clock=clock), close)
    loop.run()
    assert loop.heard("a") == "one two"


def test_it_is_read_while_it_is_written(clock: AudioClock, guard: Guard) -> None:
    """From another thread, as fast as that can, at every moment of a conversation."""
    turns = 200
    script: list[ServerEvent] = [session()]
    for turn in range(turns):
        item = f"item_{turn}"
        script += [created(f"r{turn}"), added(item), words_of(item, "one two three")]
        script += [delta(f"r{turn}", item, 20), done(f"r{turn}")]
    connection = ScriptedConnection(clock, *script)
    loop = make_loop(connection, Over(), VirtualSpeaker(clock=clock), lambda _: None)
    over = threading.Event()
    seen: list[int] = []
    failures: list[Exception] = []

    def read() -> None:
        try:
            while not over.is_set():
                seen.append(len([loop.heard(item.id) for item in loop.history]))
        except Exception as exc:
            failures.append(exc)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        loop.run()
    finally:
        over.set()
        guard.join(reader)
    assert failures == []
    assert seen == sorted(seen)
    assert len(loop.history) == turns
    assert {loop.heard(item.id) for item in loop.history} == {"one two three"}
