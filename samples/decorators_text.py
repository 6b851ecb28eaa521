"""Write to the model and read its answers, with two decorated functions; "exit" ends it."""

from __future__ import annotations

from realtime_sync import Realtime
from realtime_sync.app import Context, async_input

app = Realtime("gpt-realtime-2", modalities=["text"], instructions="Answer in one sentence.")


@app.sender(wait_for_text_response=True)
def send_message(context: Context) -> str | None:
    message = async_input("You: ")
    if message == "exit":
        app.stop()
        return None
    return message


@app.receiver("text")
def receive_text(response: str, context: Context) -> None:
    print(f"AI: {response}", flush=True)


if __name__ == "__main__":
    app.run()
