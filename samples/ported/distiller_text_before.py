"""Two agents of a Distiller project answer in writing; one of them runs in this program.

API_KEY is the key, AIR_BASE_URL the address of a server that is not AI Refinery's.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from air import AsyncAIRefinery

CONFIG = Path(__file__).parents[1] / "distiller" / "tutor.yaml"


async def find_book(query: str, **_: Any) -> str:
    """Find a book."""
    await asyncio.sleep(0.1)  # the catalogue is slow
    return f"On the shelf there is a book about {query}."


async def main(questions: list[str]) -> None:
    """Ask, and print what the agents say."""
    distiller = AsyncAIRefinery(api_key=os.environ["API_KEY"]).realtime_distiller
    distiller.create_project(config_path=str(CONFIG), project="library")
    agents: dict[str, Any] = {"Librarian": find_book}
    async with distiller(project="library", uuid="reader", executor_dict=agents) as session:
        for question in questions:
            await session.send_text_query(question)
            async for response in session.get_responses():
                if response["type"] == "response.text.delta":
                    print(f"{response['role']}: {response['content']}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
