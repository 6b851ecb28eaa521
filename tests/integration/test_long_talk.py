"""Ten minutes of talk with ten broken links in them, and a program that does not come back."""

from __future__ import annotations

import random
import threading
from collections import Counter
from typing import Any

import pytest
from attrs import frozen
from embedded import Server, question
from fault_proxy import FaultProxy, Kind
from guards import Guard
from room import Conversation, conversing

from realtime_sync import Local, ReconnectPolicy
from realtime_sync.audio import VirtualMicrophone, VirtualSpeaker
from realtime_sync.voice import VoiceLoop

MINUTES = 10
FAULTS = 10
SEED = 1_117
TURNS = 34  # those among which the links break; it takes some more for ten minutes
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
STOPPED = "All right, I stopped."
GOODBYE = "Goodbye! It was nice to talk to you."
QUESTIONS = ("hello", "time", "weather", "weather_paris", "repeat", "goodbye")


def get_weather(city: str) -> dict[str, object]:
    return {"city": city, "condition": "foggy", "temperature": 9}


@frozen
class Turn:
    """What came of one question.

    Attributes:
        heard: the items of which something was heard.
        lost: how often a lost turn was told.
        struck: whether the link was broken meanwhile.
        kinds: the types of the events, for whoever reads of a failure.
    """

    heard: list[str]
    lost: int
    struck: bool
    kinds: list[str]


def type_of(event: Any) -> str:
    return str(event.type)


class LongTalk:
    """A conversation in turns, and what is counted of it."""

    def __init__(self, talk: Conversation, proxy: FaultProxy, rng: random.Random) -> None:
        self.talk = talk
        self.written: Counter[str] = Counter()  # bytes that were given to the speaker, by item
        self._proxy = proxy
        self._rng = rng
        self._write = talk.room.speaker.write
        talk.room.speaker.write = self._count  # type: ignore[method-assign]

    def _count(self, audio: Any, *, item_id: str | None = None, content_index: int = 0) -> None:
        self.written[item_id or ""] += len(audio)
        self._write(audio, item_id=item_id, content_index=content_index)

    def turn(self, *, strike: bool) -> Turn:
        """Ask something, and hear the answer to its end; perhaps the link breaks meanwhile."""
        talk, before = self.talk, len(self.talk.events)
        recovered = len(talk.of("reconnected"))
        talk.room.user.say(question(self._rng.choice(QUESTIONS)))
        if strike:
            due = talk.clock() + self._rng.uniform(0.2, 18)
            talk.wait(lambda: talk.clock() >= due, "the moment of the fault")
            self._proxy.strike(self._rng.choice((Kind.DROP, Kind.RESET)))
            talk.wait_for("reconnected", recovered + 1)
        talk.hear_out()
        talk.catch_up()
        events = talk.events[before:]
        items = {
            event.item_id: None for event in events if event.type == "response.output_audio.delta"
        }
        heard = [item_id for item_id in items if talk.room.speaker.played_ms(item_id)]
        lost = sum(event.type == "voice.turn_lost" for event in events)
        kinds = [kind for kind in map(type_of, events) if not kind.endswith((".delta", ".updated"))]
        return Turn(heard=heard, lost=lost, struck=strike, kinds=kinds)


@pytest.mark.timeout(400)
def test_ten_minutes_with_ten_broken_links(ws_server: Server) -> None:
    rng = random.Random(SEED)
    with (
        FaultProxy(ws_server.url) as proxy,
        conversing(
            ws_server,
            session={"tools": [WEATHER], "audio": {"input": {"transcription": {"model": "any"}}}},
            proxy=proxy,
            speed=30.0,
            echo_in_room=False,
            tools={"get_weather": get_weather},
        ) as talk,
    ):
        talk.wait_for("session.updated")
        long, began = LongTalk(talk, proxy, rng), talk.clock()
        turns: list[Turn] = []
        faults = set(rng.sample(range(TURNS), FAULTS))
        while talk.clock() - began < MINUTES * 60 or len(turns) < TURNS:
            turns.append(long.turn(strike=len(turns) in faults))
        minutes = (talk.clock() - began) / 60
        # Without its microphone no time passes in the room, and a silence has to be waited for.
        quiet = talk.clock() + 3
        talk.wait(lambda: talk.clock() >= quiet, "some silence")
        talk.room.close()
        talk.wait(lambda: talk.over, "the end of the talk")

    assert len(talk.of("reconnected")) == FAULTS
    for turn in turns:
        assert turn.struck or not turn.lost, turn
        # Of a turn that the drop has cut, the rest may be heard over the new link, and answered.
        assert len(turn.heard) == 1 or (turn.lost and not turn.heard), turn
    received: Counter[str] = Counter()
    for delta in talk.of("response.output_audio.delta"):
        received[delta.item_id] += len(delta.audio)
    assert long.written <= received, "no item is played twice"
    calls, finished = talk.of("voice.tool_started"), talk.of("voice.tool_finished")
    assert len(calls) == len(finished) > 0
    assert talk.of("voice.interrupted") == []
    print(
        f"\n{minutes:.1f} minutes, {len(turns)} turns, {len(calls)} calls of tools, "
        f"{FAULTS} lost links: {sum(turn.lost for turn in turns)} turns told as lost"
    )


def test_a_program_that_does_not_come_back_keeps_nobody_waiting(
    ws_server: Server, guard: Guard
) -> None:
    """The engine interrupts, answers and reconnects, while ``on_event`` has its first event."""
    may_return = threading.Event()
    events: list[Any] = []

    def on_event(event: Any) -> None:
        events.append(event)
        guard.wait(may_return, "the end of the callback")

    with (
        FaultProxy(ws_server.url) as proxy,
        Local(url=proxy.url, api_key=ws_server.key).realtime.connect(
            reconnect=ReconnectPolicy(initial_delay=0.01)
        ) as connection,
    ):
        written = {"audio": {"input": {"transcription": {"model": "any"}}}}
        connection.session.update(session={"type": "realtime", **written})
        history = connection.conversation.history
        microphone, speaker = VirtualMicrophone(), VirtualSpeaker()
        loop = VoiceLoop(connection, microphone, speaker, on_event=on_event)
        thread = threading.Thread(target=loop.run)
        thread.start()
        try:
            microphone.say(question("story"))
            guard.until(lambda: sum(played_ms(speaker, history)) > 500, "some of the answer")
            microphone.say(question("stop"))
            cut = guard.until(
                lambda: [item for item in history.items.values() if item.cut_ms], "the truncation"
            )
            guard.until(lambda: STOPPED in words_of(history), "the next answer")
            guard.until(lambda: loop.idle, "its end")
            proxy.strike(Kind.DROP)
            microphone.say(question("goodbye"))
            guard.until(lambda: GOODBYE in words_of(history), "the answer after the reconnect")
            assert [event.type for event in events] == ["session.created"]
            may_return.set()
            guard.until(lambda: "reconnected" in [event.type for event in events], "the events")
        finally:
            may_return.set()
            loop.close()
            guard.join(thread)
    kinds = [event.type for event in events]
    (interrupted,) = [event for event in events if event.type == "voice.interrupted"]
    assert (interrupted.item_id, interrupted.audio_end_ms) == (cut[0].id, cut[0].cut_ms)
    assert kinds.index("voice.interrupted") < kinds.index("reconnected")
    assert loop.dropped_events == 0


def played_ms(speaker: VirtualSpeaker, history: Any) -> list[int]:
    """Return how much was played, item by item."""
    return [speaker.played_ms(item_id) for item_id in history.items]


def words_of(history: Any) -> list[str]:
    """Return what was said, item by item."""
    items = history.items.values()
    return ["".join(part.text for part in item.parts) for item in items]
