"""Push to talk: Enter records, Enter again sends it, q and Enter ends.

Enter during an answer interrupts it. Without a sound card, --input FILE.wav speaks instead of you
(several are several turns) and --output FILE.wav keeps the answers.
"""

from __future__ import annotations

import argparse
import threading
from contextlib import ExitStack
from pathlib import Path

from realtime_sync import OpenAI, RealtimeConnection
from realtime_sync.audio import Microphone, Speaker, WavSink, WavSource
from realtime_sync.audio.base import Sink, Source
from realtime_sync.events import ResponseOutputAudioDelta
from realtime_sync.events.sessions import RealtimeSessionCreateRequestParam

PATIENCE_S = 60.0
SESSION: RealtimeSessionCreateRequestParam = {
    "type": "realtime",
    "audio": {"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}},
}


class PushToTalk:
    """A conversation whose turns begin with `press` and end with `release`.

    Threads: `receive` has one to itself, and so has each recording; the rest is one thread's.
    """

    def __init__(self, connection: RealtimeConnection, sink: Sink) -> None:
        self._connection = connection
        self._sink = sink
        self._lock = threading.Lock()  # guards the next three
        self._response_id = ""  # the latest
        self._item_id = ""  # whose audio came last
        self._interrupted = ""  # a response of which nothing more is played
        self._recording: tuple[Source, threading.Thread] | None = None
        self.answered = threading.Event()

    def receive(self) -> None:
        """Play and print what comes, until the connection is closed."""
        for event in self._connection:
            if event.type == "response.created":
                with self._lock:
                    self._response_id = event.response.id or ""
            elif event.type == "response.output_audio.delta":
                self._play(event)
            elif event.type == "response.output_audio_transcript.delta":
                if event.response_id != self._interrupted:
                    print(event.delta, end="", flush=True)
            elif event.type == "conversation.item.input_audio_transcription.completed":
                print(f"[you said: {event.transcript}]")
            elif event.type == "response.done":
                print(f" [{event.response.status}]")
                if event.response.id != self._interrupted:
                    self.answered.set()
            elif event.type == "error" and event.severity != "benign":
                print(f"[error: {event.error.message}]")

    def _play(self, event: ResponseOutputAudioDelta) -> None:
        with self._lock:
            if event.response_id != self._interrupted:
                self._item_id = event.item_id
                self._sink.write(event.audio, item_id=event.item_id)

    def press(self, source: Source) -> None:
        """Interrupt the answer that is running or playing, and record ``source``."""
        with self._lock:
            item_id, response_id = self._item_id, self._response_id
            unheard = not self._sink.drain(0)
            heard_ms = self._sink.played_ms(item_id)
            self._sink.clear()
            self._interrupted = response_id
        if response_id:
            self._connection.response.cancel(response_id=response_id)
        if unheard and heard_ms:
            self._connection.conversation.item.truncate(
                item_id=item_id, content_index=0, audio_end_ms=heard_ms
            )
        elif unheard:
            self._connection.conversation.item.delete(item_id=item_id)
        thread = threading.Thread(target=self._record, args=(source,), name="recording")
        thread.start()
        self._recording = source, thread

    def _record(self, source: Source) -> None:
        for chunk in source:
            self._connection.input_audio_buffer.append(audio=chunk)

    def wait_recorded(self) -> None:
        """Wait for the end of a source that has one."""
        if self._recording:
            self._recording[1].join()

    def release(self) -> None:
        """End the recording and ask for the answer."""
        if self._recording:
            self._recording[0].close()
            self.wait_recorded()
            self._recording = None
            self.answered.clear()
            self._connection.input_audio_buffer.commit()
            self._connection.response.create()


def play_files(talk: PushToTalk, files: list[Path], sink: Sink) -> None:
    """Say each file and listen to the answer."""
    for file in files:
        talk.press(WavSource(file, trailing_silence_ms=0))
        talk.wait_recorded()
        talk.release()
        if not talk.answered.wait(PATIENCE_S) or not sink.drain(PATIENCE_S):
            raise SystemExit(f"no whole answer to {file} within {PATIENCE_S:g} s")


def follow_the_keyboard(talk: PushToTalk) -> None:
    """Record from Enter to Enter, until q."""
    print("Enter: talk; Enter again: send; q: end")
    while input() != "q":
        with Microphone() as microphone:
            talk.press(microphone)
            print("[recording]")
            input()
            talk.release()


def main() -> None:
    """Hold the conversation."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--input", type=Path, action="append", default=[], metavar="FILE.wav")
    parser.add_argument("--output", type=Path, metavar="FILE.wav")
    options = parser.parse_args()
    with ExitStack() as stack:
        client = stack.enter_context(OpenAI())
        connection = stack.enter_context(client.realtime.connect(model="gpt-realtime"))
        connection.session.update(session=SESSION)
        if options.output:
            sink: Sink = stack.enter_context(WavSink(options.output))
        else:
            sink = stack.enter_context(Speaker())
        talk = PushToTalk(connection, sink)
        receiver = threading.Thread(target=talk.receive, name="receiver")
        receiver.start()
        stack.callback(receiver.join)
        stack.callback(connection.close)
        if options.input:
            play_files(talk, options.input, sink)
        else:
            follow_the_keyboard(talk)


if __name__ == "__main__":
    main()
