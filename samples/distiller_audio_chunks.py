"""Send a recording to a Distiller project in chunks, as they would come from a microphone.

With API_KEY set it talks to AI Refinery, without it to the embedded server. The answer is written
to out/answer.wav.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from realtime_sync import AIRefinery, Local
from realtime_sync.audio import WavSource, write_wav
from realtime_sync.distiller import DistillerSession

HERE = Path(__file__).parent
CONFIG = HERE / "distiller" / "tutor.yaml"
RATE = 16_000  # of what is sent, and what the project's speech_config says of the answers


def send(session: DistillerSession, recording: Path) -> None:
    """Send a recording at the pace at which it was spoken, and silence, which ends the question."""
    for chunk in WavSource(recording, rate=RATE, chunk_ms=100):
        if not session.send_audio_chunk(chunk):
            return  # it answers, and hears nothing meanwhile


def main() -> None:
    """Send the recording that the command line names, and keep the answer."""
    recording = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "questions" / "weather.wav"
    client = AIRefinery() if "API_KEY" in os.environ else Local().airefinery()
    client.realtime_distiller.create_project(config_path=CONFIG, project="tutor")
    sound = bytearray()
    with client.realtime_distiller(
        project="tutor", uuid="caller", executor_dict={"Librarian": lambda: "Try the atlas."}
    ) as session:
        sender = threading.Thread(target=send, args=(session, recording))
        sender.start()
        for response in session.get_responses():
            match response["type"]:
                case "response.audio_transcript.done":
                    print(f"You: {response['text']}")
                case "response.text.delta":
                    print(f"{response['role']}: {response['content']}")
                case "response.audio.delta":
                    sound += response.pcm
        sender.join()
    answer = Path("out") / "answer.wav"
    answer.parent.mkdir(exist_ok=True)
    write_wav(answer, bytes(sound), rate=RATE)
    print(f"{len(sound) / 2 / RATE:.1f} s of answer are in {answer}")


if __name__ == "__main__":
    main()
