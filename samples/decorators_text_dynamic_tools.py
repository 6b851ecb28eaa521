"""Give the model a tool for one answer only: a sender returns it beside the text.

Nobody handles the calls here, so the tool, which is a class, answers them itself.
"""

from __future__ import annotations

from realtime_sync import Realtime
from realtime_sync.app import Context, RealtimeTool, async_input


class get_weather(RealtimeTool):  # noqa: N801 -- its name is the tool's
    """Tell the weather in a city."""

    city: str

    def call(self) -> dict[str, object]:
        """Look it up."""
        return {"city": self.city, "condition": "cloudy", "temperature": 12}


app = Realtime("gpt-realtime-2", modalities=["text"])


@app.sender(wait_for_text_response=True)
def send_message(context: Context) -> str | tuple[str, list[type[RealtimeTool]]]:
    message = async_input("You: ")
    if message == "exit":
        raise StopIteration
    return (message, [get_weather]) if "weather" in message else message


@app.receiver("text")
def receive_text(response: str, context: Context) -> None:
    print(f"AI: {response}", flush=True)


@app.receiver("tool")
def show_call(tool: RealtimeTool, context: Context) -> None:
    print(f"called: {tool} returns {tool.call()}", flush=True)


if __name__ == "__main__":
    app.run()
