"""Talk to the agents of a Distiller project, with a microphone and a speaker.

With API_KEY set it talks to AI Refinery, without it to the embedded server. ``--input`` says a WAV
file instead of you, ``--output`` keeps the answers in one, and ``--write`` asks in writing.
"""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack
from pathlib import Path

from realtime_sync import AIRefinery, Local
from realtime_sync.audio import VirtualMicrophone, WavSink, read_wav

CONFIG = Path(__file__).parent / "distiller" / "tutor.yaml"
RATE = 16_000  # what the project's speech_config says


def main() -> None:
    """Take turns until Ctrl-C, or one with a recording."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", type=Path, help="WAV file to say")
    parser.add_argument("--output", type=Path, help="WAV file for the answers")
    parser.add_argument("--write", metavar="TEXT", help="question in writing")
    options = parser.parse_args()
    client = AIRefinery() if "API_KEY" in os.environ else Local().airefinery()
    client.realtime_distiller.create_project(config_path=CONFIG, project="tutor")
    agents = {"Librarian": lambda: "Try the atlas on the second floor."}
    with ExitStack() as stack:
        microphone = speaker = None  # the system's own
        if options.input is not None:
            microphone = stack.enter_context(VirtualMicrophone(rate=RATE))
            microphone.say(read_wav(options.input, rate=RATE))
        if options.output is not None:
            speaker = stack.enter_context(WavSink(options.output, rate=RATE))
        session = stack.enter_context(
            client.realtime_distiller(project="tutor", uuid="caller", executor_dict=agents)
        )
        if options.write is not None:
            session.send_text_and_respond(options.write, sample_rate=RATE, sink=speaker)
            return
        turns = None if options.input is None else 1
        print("speak whenever you like; Ctrl-C ends it", flush=True)
        session.listen_and_respond(sample_rate=RATE, turns=turns, source=microphone, sink=speaker)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("\ngoodbye")
