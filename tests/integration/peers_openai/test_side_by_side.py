"""One program, twice: with the `openai` package, and by the port rule with `realtime_sync`.

Both run against the same server and must see the same events in the same order, and the same
words. The texts below are what a user of the package writes; `port` makes the others of them.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from embedded import Server, question, silence
from port_rule import port

pytestmark = pytest.mark.timeout(60)

Seen = tuple[list[str], object]

OPENING = """
import asyncio

from openai import AsyncOpenAI


async def say(connection, text):
    content = [{"type": "input_text", "text": text}]
    await connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": content}
    )


async def main(url, key, pcm):
    types, words = [], ""
    async with AsyncOpenAI(api_key=key, base_url=url) as client:
"""

PROGRAMS = {
    "written": """
        async with client.realtime.connect(model="gpt-realtime") as connection:
            await connection.session.update(
                session={"type": "realtime", "output_modalities": ["text"]}
            )
            await say(connection, "Hello!")
            await connection.response.create(response={"metadata": {"turn": "1"}})
            async for event in connection:
                types.append(event.type)
                if event.type == "response.output_text.delta":
                    words += event.delta
                elif event.type == "response.done":
                    assert event.response.metadata == {"turn": "1"}
                    assert event.response.output[0].content[0].text == words
                    break
""",
    "a loop that is left and taken up": """
        async with client.realtime.connect(model="gpt-realtime") as connection:
            for turn in ("Hello!", "Please count to three."):
                await say(connection, turn)
                await connection.response.create(response={"output_modalities": ["text"]})
                async for event in connection:
                    types.append(event.type)
                    if event.type == "response.done":
                        words += event.response.output[0].content[0].text
                        break
""",
    "spoken, by hand": """
        async with client.realtime.connect(model="gpt-realtime") as connection:
            session = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
            await connection.session.update(session=session)
            for start in range(0, len(pcm), 9600):
                await connection.input_audio_buffer.append(audio=base64(pcm[start : start + 9600]))
            await connection.input_audio_buffer.commit()
            await connection.response.create()
            async for event in connection:
                types.append(event.type)
                if event.type == "response.output_audio_transcript.delta":
                    words += event.delta
                elif event.type == "response.done":
                    break
""",
    "spoken, the server hears the end": """
        async with client.realtime.connect(model="gpt-realtime") as connection:
            await connection.input_audio_buffer.append(audio=base64(pcm))
            async for event in connection:
                types.append(event.type)
                if event.type == "response.output_audio_transcript.done":
                    words = event.transcript
                elif event.type == "response.done":
                    break
""",
    "a function": """
        async with client.realtime.connect(model="gpt-realtime") as connection:
            tool = {
                "type": "function",
                "name": "get_weather",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
            }
            await connection.session.update(
                session={"type": "realtime", "output_modalities": ["text"], "tools": [tool]}
            )
            await say(connection, "What is the weather in London?")
            await connection.response.create()
            async for event in connection:
                types.append(event.type)
                if event.type != "response.done":
                    continue
                item = event.response.output[-1]
                if item.type != "function_call":
                    words += item.content[0].text
                    break
                words += item.arguments
                output = '{"city": "London", "condition": "sunny", "temperature": 21}'
                await connection.conversation.item.create(
                    item={
                        "type": "function_call_output",
                        "call_id": item.call_id,
                        "output": output,
                    }
                )
                await connection.response.create()
""",
    "a refusal is an event": """
        async with client.realtime.connect(model="gpt-realtime") as connection:
            await connection.session.update(
                session={"type": "realtime", "audio": {"output": {"speed": 99}}}, event_id="mine"
            )
            await connection.input_audio_buffer.clear()
            while True:
                event = await connection.recv()
                types.append(event.type)
                if event.type == "error":
                    error = event.error
                    words = f"{error.type} {error.code} {error.param} {error.event_id}"
                elif event.type == "input_audio_buffer.cleared":
                    break
""",
    "handlers, and what is sent before": """
        manager = client.realtime.connect(model="gpt-realtime")
        manager.on("event", lambda event: types.append(event.type))
        manager.send({"type": "response.create", "response": {"output_modalities": ["text"]}})
        connection = await manager.enter()

        @connection.on("response.output_text.done")
        async def written(event):
            nonlocal words
            words = event.text

        @connection.once("response.done")
        async def done(event):
            await connection.close()

        await connection.dispatch_events()
        del types[types.index("response.done") + 1 :]  # what came before the close arrived
""",
    "bytes": """
        async with client.realtime.connect(model="gpt-realtime") as connection:
            await connection.send({"type": "input_audio_buffer.clear", "event_id": "one"})
            await connection.send_raw('{"type": "input_audio_buffer.clear", "event_id": "two"}')
            for _ in range(3):
                data = await connection.recv_bytes()
                event = connection.parse_event(data)
                assert event.model_dump()["type"] in data.decode()
                assert event.to_dict()["type"] == event.type
                types.append(event.type)
""",
}
QUESTIONS = {"spoken, by hand": 200, "spoken, the server hears the end": 1_000}


def program(name: str) -> str:
    return f"{OPENING}{PROGRAMS[name]}    return types, words\n"


def load(text: str) -> Any:
    from base64 import b64encode

    names: dict[str, Any] = {"base64": lambda data: b64encode(data).decode()}
    exec(compile(text, "<a user's program>", "exec"), names)
    return names["main"]


def shape(seen: Seen) -> tuple[list[str], set[str], object]:
    """Without how the server cut the deltas, and how text and sound lie beside each other."""
    types, words = seen
    deltas = {kind for kind in types if kind.endswith(".delta")}
    return [kind for kind in types if kind not in deltas], deltas, words


@pytest.mark.parametrize("name", PROGRAMS)
def test_both_see_the_same(name: str, ws_server: Server) -> None:
    pcm = question("hello") + silence(QUESTIONS.get(name, 0))
    theirs: Seen = asyncio.run(load(program(name))(ws_server.url, ws_server.key, pcm))
    ours: Seen = load(port(program(name)))(ws_server.url, ws_server.key, pcm)
    assert shape(ours) == shape(theirs)
    assert len(ours[0]) >= 3, "there was something to see"
    if name == "written":
        assert ours == theirs, "to the last delta"


def test_what_is_ported_has_no_trace_of_the_other() -> None:
    for name in PROGRAMS:
        assert not {"async", "await", "openai", "asyncio"} & set(port(program(name)).split())
