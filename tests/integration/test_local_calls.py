"""Several calls in one response of a script: on the wire, with this client, with the Agents SDK."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner
from embedded import Server, run_server
from raw_client import Event, RawClient, raw_client

from realtime_sync import Local

pytestmark = pytest.mark.timeout(30)

SCRIPT = r"""
rules:
  - pattern: '\bin (?P<one>\w+) and (?P<two>\w+)'
    calls:
      - {tool: get_weather, arguments: {city: "{title:one}"}}
      - {tool: get_time, arguments: {city: "{title:one}"}}
      - {tool: get_weather, arguments: {city: "{title:two}"}}
    without_tool: "I can't tell."
  - output_of: get_weather
    reply: "{city} is {output}."
  - output_of: get_time
    reply: "It is {output} there."
"""
QUESTION = "How are things in London and Rome?"
SENTENCES = ["It is noon there.", "London is foggy.", "Rome is sunny."]
WEATHER = {"London": "foggy", "Rome": "sunny"}
CALLS = [("get_weather", "London"), ("get_time", "London"), ("get_weather", "Rome")]
TEXT: Any = {"output_modalities": ["text"]}


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    path = tmp_path_factory.mktemp("script") / "cities.yaml"
    path.write_text(SCRIPT)
    with run_server("--responder", f"scripted:{path}") as server:
        yield server


def sentences(text: str) -> list[str]:
    """Return the sentences in any order: outputs come as the functions return."""
    return sorted(f"{sentence}." for sentence in text.strip(" .").split(". "))


def output_in(event: Event) -> list[str]:
    """Return the output of a call that the conversation has now; none for another event."""
    item = event.get("item", {})
    is_output = event["type"] == "conversation.item.done" and item["type"] == "function_call_output"
    return [item["output"]] if is_output else []


def declared(name: str) -> dict[str, Any]:
    properties = {"city": {"type": "string"}}
    parameters = {"type": "object", "properties": properties, "required": ["city"]}
    return {"type": "function", "name": name, "parameters": parameters}


def asked(client: RawClient, *names: str) -> list[Event]:
    """Ask the question, and return the items of the answer."""
    client.session(tools=[declared(name) for name in names], output_modalities=["text"])
    client.write(QUESTION)
    client.send("response.create")
    output: list[Event] = client.until("response.done")["response"]["output"]
    return output


def test_each_call_is_an_item_of_its_own_on_the_wire(scripted: Server) -> None:
    with raw_client(scripted) as client:
        output = asked(client, "get_weather", "get_time")
        called = [(item["name"], json.loads(item["arguments"])["city"]) for item in output]
        assert called == CALLS
        assert {item["type"] for item in output} == {"function_call"}
        assert len({item["id"] for item in output}) == len({i["call_id"] for i in output}) == 3
        kinds = client.types()
        assert kinds[kinds.index("response.created") :] == [
            "response.created",
            *[
                "response.output_item.added",
                "conversation.item.added",
                "response.function_call_arguments.done",
                "response.output_item.done",
                "conversation.item.done",
            ]
            * 3,
            "response.done",
        ]
        for index, item in enumerate(output):
            at = [event for event in client.events if event.get("output_index") == index]
            assert {event.get("item_id", item["id"]) for event in at} == {item["id"]}
            assert "".join(event.get("delta", "") for event in at) == item["arguments"]
        for item, words in zip(reversed(output), ("sunny", "noon", "foggy"), strict=True):
            result = {"call_id": item["call_id"], "output": words}
            client.send("conversation.item.create", item={"type": "function_call_output", **result})
        client.send("response.create")
        (message,) = client.until("response.done")["response"]["output"]
        said = message["content"][0]["text"]
        assert said == "Rome is sunny. It is noon there. London is foggy.", "in their order"


def test_what_the_session_lacks_is_not_called(scripted: Server) -> None:
    with raw_client(scripted) as client:
        assert [item["name"] for item in asked(client, "get_time")] == ["get_time"]
    with raw_client(scripted) as client:
        assert asked(client)[0]["content"][0]["text"] == "I can't tell."


def test_an_output_that_is_deleted_is_not_put_into_words(scripted: Server) -> None:
    with raw_client(scripted) as client:
        for number, item in enumerate(asked(client, "get_weather", "get_time")):
            result = {"id": f"o{number}", "call_id": item["call_id"], "output": "fine"}
            client.send("conversation.item.create", item={"type": "function_call_output", **result})
        client.send("conversation.item.delete", item_id="o1")
        client.send("response.create")
        (message,) = client.until("response.done")["response"]["output"]
        assert message["content"][0]["text"] == "London is fine. Rome is fine."


class Tools:
    """Functions that return only when all three calls are running."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self._together = threading.Barrier(3, timeout=20)

    def get_weather(self, city: str) -> str:
        """Tell the weather in a city."""
        self.calls.append(("get_weather", city))
        self._together.wait()
        return WEATHER[city]

    def get_time(self, city: str) -> str:
        """Tell the time in a city."""
        self.calls.append(("get_time", city))
        self._together.wait()
        return "noon"


def test_the_tools_of_this_client(scripted: Server) -> None:
    tools = Tools()
    with Local(url=scripted.url, api_key=scripted.key).realtime.connect() as connection:
        functions = [tools.get_weather, tools.get_time]
        reply = connection.ask(QUESTION, tools=functions, response=TEXT, timeout=20)
    assert sentences(reply.text) == SENTENCES
    assert sorted(tools.calls) == sorted(CALLS)


def test_the_tools_of_the_agents_sdk(scripted: Server) -> None:
    calls: list[tuple[str, str]] = []

    @function_tool
    def get_weather(city: str) -> str:
        """Tell the weather in a city."""
        calls.append(("get_weather", city))
        return WEATHER[city]

    @function_tool
    def get_time(city: str) -> str:
        """Tell the time in a city."""
        calls.append(("get_time", city))
        return "noon"

    async def run() -> list[str]:
        agent = RealtimeAgent(name="Friend", tools=[get_weather, get_time])
        runner = RealtimeRunner(agent, config={"tracing_disabled": True})
        settings: Any = {"model_name": "gpt-realtime", "output_modalities": ["text"]}
        url = f"{scripted.url.replace('http', 'ws', 1)}/realtime?model=gpt-realtime"
        config: Any = {
            "url": url,
            "api_key": scripted.key,
            "initial_model_settings": settings,
        }
        outputs: list[str] = []  # of the answer to them, the SDK may lose the last
        async with await runner.run(model_config=config) as session:
            await session.send_message(QUESTION)
            async for event in session:
                assert event.type != "error", event
                if event.type == "raw_model_event" and event.data.type == "raw_server_event":
                    outputs += output_in(event.data.data)
                if len(outputs) == len(CALLS):
                    break
        return sorted(outputs)

    assert asyncio.run(run()) == ["foggy", "noon", "sunny"]
    assert sorted(calls) == sorted(CALLS)
