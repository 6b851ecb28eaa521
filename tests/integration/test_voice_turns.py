"""The loop's own ways to find turns, with the embedded server."""

from __future__ import annotations

from typing import Any

from embedded import Server, question, silence
from room import conversing

from realtime_sync.audio import Vad

MANUAL: dict[str, Any] = {
    "audio": {"input": {"turn_detection": None, "transcription": {"model": "local"}}}
}
HEARD = "conversation.item.input_audio_transcription.completed"


def transcript(done: Any) -> str:
    return str(done.response.output[0].content[0].transcript)


def test_push_to_talk(ws_server: Server) -> None:
    with conversing(ws_server, session=MANUAL, push_to_talk=True, echo_in_room=False) as talk:
        talk.wait_for("session.updated")
        talk.room.user.say(question("hello"))
        talk.wait(lambda: talk.room.user.wait_said(0), "the end of what nobody hears")
        talk.loop.press()
        assert not talk.loop.release()
        talk.loop.press()
        talk.room.user.say(question("story"))
        talk.wait(lambda: talk.room.user.wait_said(0), "the end of the question")
        assert talk.loop.release()
        assert "story" in talk.wait_for(HEARD).transcript
        talk.wait_for("voice.answer_started")
        talk.wait_for("response.done")
        item_id = talk.of("response.output_audio.delta")[-1].item_id
        talk.wait(lambda: talk.room.speaker.played_ms(item_id) > 500, "some of the story")
        talk.loop.press()  # interrupts
        interrupted = talk.wait_for("voice.interrupted")
        assert talk.wait_for("conversation.item.truncated").audio_end_ms == (
            interrupted.audio_end_ms
        )
        talk.room.user.say(question("hello"))
        talk.wait(lambda: talk.room.user.wait_said(0), "the end of the greeting")
        assert talk.loop.release(respond=False)
        talk.wait_for(HEARD, 2)
        talk.hear_out()
        assert len(talk.of("response.created")) == 1
        assert len(talk.of("input_audio_buffer.committed")) == 2
        assert talk.of("input_audio_buffer.speech_started") == []


def test_a_detector_here_does_for_a_server_without_one(ws_server: Server) -> None:
    with conversing(ws_server, session=MANUAL, vad=Vad(), echo_in_room=False) as talk:
        talk.wait_for("session.updated")
        talk.room.user.say(question("story"))
        assert "story" in talk.wait_for(HEARD).transcript
        talk.wait_for("voice.answer_started")
        item_id = talk.of("response.output_audio.delta")[-1].item_id
        talk.wait(lambda: talk.room.speaker.played_ms(item_id) > 500, "some of the story")
        talk.room.user.say(question("stop"))
        interrupted = talk.wait_for("voice.interrupted")
        assert interrupted.item_id == item_id
        assert "stop" in talk.wait_for(HEARD, 2).transcript
        talk.wait_for("voice.answer_started", 2)
        talk.hear_out()
        assert transcript(talk.of("response.done")[-1]) == "All right, I stopped."
        assert talk.of("input_audio_buffer.speech_started") == []


def test_in_half_duplex_nobody_interrupts(ws_server: Server) -> None:
    # At the real pace: faster, the answer is over before what it is to cover was said.
    with conversing(ws_server, half_duplex=True, speed=1.0) as talk:
        talk.room.user.say(question("hello"))
        talk.wait_for("voice.answer_started")
        talk.room.user.say(question("hello"))  # is not heard, and neither is the echo
        talk.hear_out()
        # The microphone stays shut for 250 ms more, which would cut the beginning of the word.
        talk.room.user.say(silence(1000) + question("stop"))
        talk.wait_for("voice.answer_started", 2)
        talk.hear_out()
        assert talk.of("voice.interrupted") == []
        assert transcript(talk.of("response.done")[-1]) == "All right, I stopped."


def test_it_can_be_interrupted_by_hand(ws_server: Server) -> None:
    with conversing(ws_server, echo_in_room=False) as talk:
        talk.room.user.say(question("story"))
        talk.wait_for("voice.answer_started")
        item_id = talk.of("response.output_audio.delta")[-1].item_id
        talk.wait(lambda: talk.room.speaker.played_ms(item_id) > 300, "some of the story")
        talk.loop.interrupt()
        assert talk.room.speaker.drain(0)
        interrupted = talk.wait_for("voice.interrupted")
        truncated = talk.wait_for("conversation.item.truncated")
        assert truncated.audio_end_ms == interrupted.audio_end_ms
        talk.hear_out()
        assert len(talk.of("response.created")) == 1
