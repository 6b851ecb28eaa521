"""Talk with an agent of a Distiller project: it answers aloud what is written, and what is said.

API_KEY is the key, AIR_BASE_URL the address of a server that is not AI Refinery's.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from realtime_sync import AIRefinery

RATE = 16_000
CONFIG: dict[str, Any] = {
    "utility_agents": [{"agent_class": "SearchAgent", "agent_name": "Tutor"}],
    "orchestrator": {
        "agent_list": [{"agent_name": "Tutor"}],
        "speech_config": {"sample_rate": RATE},
    },
}


def main(question: str) -> None:
    """Ask in writing, and listen for one turn."""
    client = AIRefinery(api_key=os.environ["API_KEY"])
    client.realtime_distiller.create_project(json_config=CONFIG, project="school")
    with client.realtime_distiller(project="school", uuid="caller") as session:
        session.send_text_and_respond(question, sample_rate=RATE)
        print("Speak now.", flush=True)
        session.listen_and_respond(sample_rate=RATE)
        print("That was all.")


if __name__ == "__main__":
    main(sys.argv[1])
