"""Ask for the weather: the model calls a tool, and a decorated function answers the call."""

from __future__ import annotations

from realtime_sync import Realtime
from realtime_sync.app import Context, RealtimeTool, async_input


def get_weather(city: str) -> dict[str, object]:
    """Tell the weather in a city.

    Args:
        city: its name.
    """
    return {"city": city, "condition": "sunny", "temperature": 21}


app = Realtime("gpt-realtime-2", modalities=["text"], tools=[get_weather])


@app.sender(wait_for_text_response=True)
def send_message(context: Context) -> str:
    city = async_input("City: ")
    if city == "exit":
        raise StopIteration
    return f"What is the weather in {city}? Use the tool get_weather."


@app.receiver("text")
def receive_text(response: str, context: Context) -> None:
    print(f"AI: {response}", flush=True)


@app.function_call(get_weather)
def look_out_of_the_window(tool: RealtimeTool, context: Context) -> dict[str, object]:
    print(f"called: {tool}", flush=True)
    weather: dict[str, object] = tool.call()
    return weather


if __name__ == "__main__":
    app.run()
