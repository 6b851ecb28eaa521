"""Ask the agents of a Distiller project in writing; one of them runs in this program.

With API_KEY set it talks to AI Refinery, without it to the embedded server. "exit" ends it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from realtime_sync import AIRefinery, Local

CONFIG = Path(__file__).parent / "distiller" / "tutor.yaml"


def find_book(query: str, env_variable: dict[str, Any]) -> str:
    """Find a book; what is written into ``env_variable`` goes to the project's memory."""
    env_variable["last_question"] = query
    return f"On the shelf there is a book about {query.strip('?.! ').split()[-1]}."


def main() -> None:
    """Ask what is typed."""
    client = AIRefinery() if "API_KEY" in os.environ else Local().airefinery()
    client.realtime_distiller.create_project(config_path=CONFIG, project="tutor")
    with client.realtime_distiller(
        project="tutor", uuid="reader", executor_dict={"Librarian": find_book}
    ) as session:
        while (question := input("You: ")) != "exit":
            session.send_text_query(question)
            speaker = None
            for response in session.get_responses():
                if response["type"] != "response.text.delta":
                    continue
                if response["role"] != speaker:
                    speaker = response["role"]
                    print(f"\n{speaker}: ", end="")
                print(response["content"], end="", flush=True)
            print()


if __name__ == "__main__":
    main()
