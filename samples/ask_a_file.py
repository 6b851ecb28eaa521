"""Ask with a recording of any format: python samples/ask_a_file.py [FILE]

With OPENAI_API_KEY set it asks OpenAI, without it the embedded server. The answer is written to
out/answer.wav.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from realtime_sync import Local, OpenAI
from realtime_sync.audio import read_wav

QUESTION = Path(__file__).parent / "questions" / "weather.wav"


def main() -> None:
    """Ask with the file that the command line names, and keep the answer."""
    question = read_wav(sys.argv[1] if len(sys.argv) > 1 else QUESTION)
    client = OpenAI() if "OPENAI_API_KEY" in os.environ else Local()
    with client, client.realtime.connect(model="gpt-realtime") as connection:
        reply = connection.ask(audio=question)
    answer = Path("out") / "answer.wav"
    answer.parent.mkdir(exist_ok=True)
    reply.save(answer)
    print(f"{reply.text} ({reply.audio_ms / 1000:.1f} s, in {answer})")


if __name__ == "__main__":
    main()
