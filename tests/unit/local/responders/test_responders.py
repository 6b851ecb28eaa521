"""The responders that need no network: script and echo, and a conversation as chat messages."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hidden import assert_hidden_in_error
from prompts import call, only_call, output, script_file, user, words

from realtime_sync.errors import ConfigError
from realtime_sync.local.engines import Finish, ResponderEvent, ResponderPrompt, TextDelta, ToolCall
from realtime_sync.local.responders import make_responder
from realtime_sync.local.responders._chat_messages import messages_of, tool_choice_of, tools_of
from realtime_sync.local.responders.scripted import ScriptedResponder, load_script

NOON = datetime(2026, 3, 1, 12, 5, tzinfo=timezone.utc)  # a Sunday


def weather_tool(argument: str = "city") -> dict[str, Any]:
    return {
        "type": "function",
        "name": "get_weather",
        "description": "Tell the weather.",
        "parameters": {
            "type": "object",
            "properties": {argument: {"type": "string"}},
            "required": [argument],
        },
    }


CLOCK_TOOL = {
    "type": "function",
    "name": "set_alarm",
    "parameters": {
        "type": "object",
        "properties": {
            "label": {"type": "string"},
            "minutes": {"type": "integer"},
            "tone": {"type": "string", "enum": ["soft", "loud"]},
        },
        "required": ["label", "minutes", "tone"],
    },
}


def answer(*items: dict[str, Any], instructions: str = "", **options: Any) -> list[ResponderEvent]:
    responder = ScriptedResponder(load_script(), now=lambda: NOON)
    return list(responder.respond(ResponderPrompt(instructions, list(items), **options)))


# -- the assistant that comes with the package -----------------------------------------------------


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ("Hello there!", "Hello! How can I help you?"),
        ("good morning", "Hello! How can I help you?"),
        ("What time is it?", "It is 12:05 PM."),
        ("stop what time is it", "It is 12:05 PM."),
        ("What day is it today?", "Today is Sunday, March 1."),
        ("Repeat after me: the sky is blue!", "The sky is blue."),
        ("say good morning", "Good morning."),
        ("count to three", "one, two, three."),
        ("please count from one to 4", "one, two, three, four."),
        ("goodbye my friend", "Goodbye! It was nice to talk to you."),
        ("stop talking please", "All right, I stopped."),
        ("thank you very much", "You are welcome."),
        ("what is the weather", "For which city? Ask me: what is the weather in London?"),
        (
            "colorless green ideas",
            "I heard you say: colorless green ideas. I have no answer to that.",
        ),
        ("", "Sorry, I did not hear you."),
        (" ?! ", "Sorry, I did not hear you."),
    ],
)
def test_the_assistant_answers(said: str, answered: str) -> None:
    assert words(answer(user(said))) == answered


def test_a_long_count_and_a_story_give_time_to_interrupt() -> None:
    count = words(answer(user("can you count to twenty five")))
    assert count.startswith("one, two")
    assert count.endswith("twenty four, twenty five.")
    assert words(answer(user("count to a million"))) == "one."  # no number it knows
    assert len(words(answer(user("count to 999999999"))).split(", ")) == 100
    assert len(words(answer(user("tell me a story"))).split()) > 100


def test_spoken_questions_count_by_their_transcript() -> None:
    item = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": "what time is it"}],
    }
    assert words(answer(item)) == "It is 12:05 PM."


def test_a_recognition_that_failed_is_silence() -> None:
    item = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": None}],
    }
    assert words(answer(item)) == "Sorry, I did not hear you."


def test_without_a_user_message_the_instructions_are_followed() -> None:
    assert words(answer(instructions="Say exactly: welcome home")) == "Welcome home."
    assert words(answer(instructions="You are a pirate.")) == "Hello! How can I help you?"


def test_instructions_with_a_rule_of_their_own_come_before_what_was_said() -> None:
    demand = 'Say exactly the following words, and nothing else: "Still, are you {there}? "Yes"!"'
    told = 'Still, are you {there}? "Yes"!'
    assert words(answer(instructions=demand)) == told
    assert words(answer(user("hello"), instructions=demand)) == told
    assert words(answer(call(), output("14"), instructions=demand)) == told
    assert words(answer(user("hello"), instructions="Be brief.")) == "Hello! How can I help you?"


@pytest.mark.parametrize(
    ("said", "city"),
    [
        ("what is the weather in london", "London"),
        ("What's the weather like in New York today?", "New York"),
        ("how is the weather in san francisco right now please", "San Francisco"),
        ("weather for berlin", "Berlin"),
    ],
)
def test_the_weather_calls_the_sessions_tool(said: str, city: str) -> None:
    events = answer(user(said), tools=[CLOCK_TOOL, weather_tool()])
    assert only_call(events) == ("get_weather", {"city": city})


def test_a_tool_whose_argument_has_another_name_gets_it_all_the_same() -> None:
    events = answer(user("what is the weather in paris"), tools=[weather_tool("location")])
    assert only_call(events) == ("get_weather", {"location": "Paris"})


def test_without_the_tool_it_says_so() -> None:
    for options in (
        {},
        {"tools": [CLOCK_TOOL]},
        {"tools": [weather_tool()], "tool_choice": "none"},
    ):
        said = words(answer(user("what is the weather in paris"), **options))
        assert said == "I can't look up the weather in Paris: this session has no tool for it."


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (
            '{"condition": "sunny", "temperature": 21}',
            "The weather in London is sunny, 21 degrees.",
        ),
        ('{"condition": "rainy", "city": "Oslo"}', "The weather in Oslo is rainy."),
        ("cloudy and cold", "The weather in London: cloudy and cold."),
        ("[1, 2]", "The weather in London: [1, 2]."),
    ],
)
def test_the_output_of_the_tool_becomes_words(result: str, said: str) -> None:
    items = [user("what is the weather in london"), call(), output(result)]
    for choice in ("auto", "required", {"type": "function", "name": "get_weather"}):
        assert words(answer(*items, tools=[weather_tool()], tool_choice=choice)) == said


def test_an_output_without_its_call_is_said_as_it_is() -> None:
    assert words(answer(output("done"))) == "done"


def test_a_required_call_prefers_the_tool_that_fits() -> None:
    tools = [CLOCK_TOOL, weather_tool()]
    fits = answer(user("the weather in rome"), tools=tools, tool_choice="required")
    assert only_call(fits) == ("get_weather", {"city": "Rome"})
    other = answer(user("wake me up"), tools=tools, tool_choice="required")
    assert only_call(other) == ("set_alarm", {"label": "wake me up", "minutes": 0, "tone": "soft"})


def test_a_required_call_is_that_of_a_function() -> None:
    tools = [{"type": "mcp", "server_label": "s"}, CLOCK_TOOL]
    events = answer(user("hello"), tools=tools, tool_choice="required")
    assert only_call(events)[0] == "set_alarm"
    assert words(answer(user("hello"), tools=tools[:1], tool_choice="required"))


def test_an_argument_that_may_be_null_is_left_out() -> None:
    schemas: dict[str, Any] = {
        "a": {"type": ["string", "null"]},
        "b": {"type": ["string", "null"], "enum": ["x", None]},
        "c": {"anyOf": [{"type": "array"}, {"type": "null"}]},
        "d": {"anyOf": [{"type": "string"}, 7]},
        "e": {"type": ["string", "integer"]},
    }
    parameters = {"type": "object", "properties": schemas, "required": list(schemas)}
    tools = [{"type": "function", "name": "strict", "parameters": parameters}]
    events = answer(user("hello"), tools=tools, tool_choice="required")
    values = {"a": None, "b": None, "c": None, "d": "hello", "e": "hello"}
    assert only_call(events) == ("strict", values)


def test_a_named_tool_is_called_whatever_was_said() -> None:
    choice = {"type": "function", "name": "set_alarm"}
    events = answer(user("hello"), tools=[weather_tool(), CLOCK_TOOL], tool_choice=choice)
    assert only_call(events)[0] == "set_alarm"
    after = [user("hello"), call(), output("sunny")]
    events = answer(*after, tools=[weather_tool(), CLOCK_TOOL], tool_choice=choice)
    assert only_call(events)[0] == "set_alarm"


def test_the_limit_of_tokens_counts_words() -> None:
    events = answer(user("hello"), max_output_tokens=2)
    assert events == [TextDelta("Hello! "), TextDelta("How "), Finish("max_output_tokens")]
    assert words(answer(user("hello"), max_output_tokens=6)) == "Hello! How can I help you?"


# -- what the user said before ---------------------------------------------------------------------


def spoken(transcript: str | None) -> dict[str, Any]:
    content = [{"type": "input_audio", "transcript": transcript}]
    return {"type": "message", "role": "user", "content": content}


def assistant(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text}]
    return {"type": "message", "role": "assistant", "content": content}


ADA = user("Hi! My name is Ada.")


@pytest.mark.parametrize(
    ("before", "said", "answered"),
    [
        ([], "My name is Ada.", "Nice to meet you, Ada."),
        ([ADA], "What is my name?", "Your name is Ada."),
        ([ADA, assistant("Hello!")], "hello, what's my name please", "Your name is Ada."),
        ([ADA, user("what time is it")], "do you know what my name is", "Your name is Ada."),
        ([ADA, user("my name is O'Neil")], "who am I?", "Your name is O'Neil."),
        ([spoken("my name is jack")], "tell me my name", "Your name is Jack."),
        ([ADA, spoken(None), call(), output("my name is Bo")], "my name", "?"),
        ([assistant("My name is Otto.")], "what is my name", "You have not told me your name."),
        ([user("what my name is")], "what is my name", "You have not told me your name."),
        ([], "what is my name", "You have not told me your name."),
        ([ADA], "what is your name", "I am the assistant of the embedded server."),
    ],
)
def test_the_assistant_remembers_a_name(
    before: list[dict[str, Any]], said: str, answered: str
) -> None:
    reply = words(answer(*before, user(said)))
    assert reply.startswith("I heard you say" if answered == "?" else answered)


def test_what_was_said_before_gives_names_to_a_reply_and_to_a_call(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        r"""
rules:
- pattern: '\bagain\b(?: in (?P<city>\w+))?'
  earlier: ['weather in (?P<city>\w+)', '(?P<city>\w+) weather']
  tool: get_weather
  arguments: {city: "{title:city}"}
  without_tool: "{title:city} again"
- {pattern: again, reply: "nothing before"}
"""
    )
    responder = ScriptedResponder(load_script(path))

    def respond(*said: str, **options: Any) -> list[ResponderEvent]:
        prompt = ResponderPrompt("", [user(text) for text in said], **options)
        return list(responder.respond(prompt))

    before = ("the weather in Rome", "paris weather", "hello")
    assert words(respond(*before, "again")) == "Paris again", "the newest that fits"
    assert words(respond(*before[:1], "again")) == "Rome again"
    assert words(respond(*before, "again in oslo")) == "Oslo again", "the latest words go first"
    assert words(respond("again, the weather in Rome")) == "nothing before"
    options = {"tools": [weather_tool()], "tool_choice": "required"}
    assert only_call(respond(*before, "again", **options)) == ("get_weather", {"city": "Paris"})


# -- scripts of one's own --------------------------------------------------------------------------


def test_a_script_of_ones_own(tmp_path: Path) -> None:
    spec = script_file(tmp_path, "rules:\n- pattern: ping\n  reply: pong\ndefault: '{text}?'\n")
    responder = make_responder(spec)
    assert words(list(responder.respond(ResponderPrompt("", [user("Ping!")])))) == "pong"
    assert words(list(responder.respond(ResponderPrompt("", [user("What")])))) == "what?"


def test_several_calls_in_one_response(tmp_path: Path) -> None:
    text = r"""
rules:
- pattern: both
  calls:
  - {tool: get_weather, arguments: {city: Rome}}
  - {tool: set_alarm, arguments: {label: a, minutes: 1, tone: soft}}
  without_tool: neither
- {output_of: get_weather, reply: "Sun in {output}."}
"""
    responder = make_responder(script_file(tmp_path, text))

    def respond(*items: dict[str, Any], tools: Any = ()) -> list[ResponderEvent]:
        return list(responder.respond(ResponderPrompt("", list(items), tools=list(tools))))

    calls = respond(user("both"), tools=[weather_tool(), CLOCK_TOOL])
    assert [c.name for c in calls if isinstance(c, ToolCall)] == ["get_weather", "set_alarm"]
    assert len(respond(user("both"), tools=[CLOCK_TOOL])) == 1, "those that the session has"
    required = ResponderPrompt(
        "", [user("both")], tools=[weather_tool(), CLOCK_TOOL], tool_choice="required"
    )
    assert list(responder.respond(required)) == calls
    assert words(respond(user("both"))) == "neither"
    two = [call(), call(call_id="call_2"), output("Rome"), output("Oslo", "call_2")]
    assert words(respond(user("both"), *two)) == "Sun in Rome. Sun in Oslo."


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "rules:\n- {pattern: a, tool: b, arguments: {c: [{d: '{e}'}]}, reply: c}\n",
            "rule 1 (line 2): '{e}' uses {e}, which is not among date, text, time, weekday",
        ),
        ("rules:\n- {pattern: a, calls: b, reply: c}\n", "'calls' must be a list of mappings"),
        ("rules:\n- {pattern: a, calls: [{}], reply: c}\n", "each of 'calls' needs a 'tool'"),
        ("rules:\n- {pattern: a, calls: [{to: b}], reply: c}\n", "key 'to' is unknown"),
        ("rules:\n- {pattern: a, tool: b, calls: [], reply: c}\n", "'calls' stands instead of"),
        ("rules: [", "is not YAML"),
        ("- a\n", "must be a mapping"),
        ("rule: []\n", "key 'rule' is unknown; choose from default, opening, rules, silence"),
        ("rules: 3\n", "'rules' must be a list"),
        ("rules:\n- hello\n", "rule 1 (line 2): it must be a mapping"),
        ("rules:\n- reply: x\n", "rule 1 (line 2): it needs one of 'pattern'"),
        ("rules:\n- {pattern: a, instructions: b, reply: x}\n", "'instructions', and only one"),
        ("rules:\n- {instructions: a, tool: b, reply: x}\n", "'tool' needs 'pattern'"),
        ("rules:\n- {instructions: a, reply: '{text}'}\n", "uses {text}, which is not among"),
        ("rules:\n- {instructions: '(', reply: x}\n", "'(' is not a regular expression"),
        ("rules:\n- pattern: x\n", "it needs 'reply', or 'tool' together with 'without_tool'"),
        (
            "rules:\n- {pattern: a, reply: b}\n- {pattern: '(', reply: b}\n",
            "rule 2 (line 3): pattern '(' is not a regular expression",
        ),
        ("rules:\n- {pattern: a, reply: '{b'}\n", "'{b'"),
        (
            "rules:\n- {pattern: a, reply: '{b}'}\n",
            "uses {b}, which is not among date, text, time, weekday",
        ),
        ("rules:\n- {pattern: a, reply: '{b:text}'}\n", "names no function; choose from count"),
        ("rules:\n- {pattern: a, reply: 1}\n", "'reply' must be a text or a list of texts, not 1"),
        ("rules:\n- {output_of: a, earlier: b, reply: x}\n", "'earlier' needs 'pattern'"),
        ("rules:\n- {pattern: a, earlier: '(', reply: x}\n", "'(' is not a regular expression"),
        (
            "rules:\n- {pattern: a, earlier: ['(?P<b>x)', y], reply: '{b}'}\n",
            "uses {b}, which is not among",
        ),
        ("rules:\n- {pattern: a, replies: x}\n", "key 'replies' is unknown"),
        ("rules:\n- {pattern: a, reply: b, tool: 3}\n", "'tool' must be a text, not 3"),
        ("rules: []\ndefault: 3\n", "'default' must be a text"),
    ],
)
def test_a_malformed_script_says_what_is_wrong_and_where(
    tmp_path: Path, text: str, problem: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        make_responder(script_file(tmp_path, text))
    assert "mine.yaml" in str(caught.value)
    assert problem in str(caught.value)


LAUGHS = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10))
DEEP = "\n".join(f"- &d{n} [*d{n - 1}]" for n in range(1, 500))
FIELDS = (
    *("pattern", "earlier", "output_of", "instructions", "reply", "tool", "arguments", "calls"),
    *("without_tool", "rules", "opening", "default", "silence"),
)
# Each is no text, no list of texts and no mapping of JSON; what is a text in YAML stands in quotes.
VALUES = (
    *("1", "-1.5", ".nan", ".inf", "-.inf", "true", "2024-01-01", "2024-01-01 10:00:00+01:00"),
    *("!!binary aGk=", "!!set {a, b}", "!!omap [a: 1]", "!!pairs [a: 1]", "[1]", "[[a]]", "[null]"),
    *("{a: .nan}", "{a: 2024-01-01}", "{a: !!binary aGk=}", "{a: !!set {b}}", "{? [a] : b}"),
    *("{a: {b: .inf}}", '{a: "\\ud800"}', '"\\ud800"', '["\\udfff"]', "&a [*a]", "&a {b: *a}"),
    *("0x", "!!int ''", "!!float ''", "!!int x", "!!bool maybe", "!!timestamp x", "!!null x"),
    *("2024-13-45", "2024-01-01 99:99:99", "9" * 5000, "!!python/object:os.system {}", "*nobody"),
    *("{a: 1, a: 2}", "{1: 2, 1: 3}", "[a, b", "{2024-01-01: a}", "{null: a}", "{.nan: b}"),
)


PROMPTS = (
    ResponderPrompt("hello", [user("hello")], tools=[weather_tool()]),
    ResponderPrompt("hello", [user("hello")], tools=[{"name": "get_weather"}]),
    ResponderPrompt("hello", []),
    ResponderPrompt("", [user("hello"), call(), output("Rome")]),
    ResponderPrompt("", [user("")]),
)


def with_value(field: str, value: str) -> str:
    """Return a script with a value of its field, beside what that needs."""
    if field in ("rules", "opening", "default", "silence"):
        fields = {"rules": "[{pattern: a, reply: b}]", field: value}
        return "\n".join(f"{name}: {text}" for name, text in fields.items())
    rule = {"reply": "b", "tool": "get_weather", "without_tool": "c", field: value}
    if field in ("calls", "instructions", "output_of"):
        del rule["tool"]
    if field not in ("instructions", "output_of"):
        rule.setdefault("pattern", "hello")
    return "rules: [{" + ", ".join(f"{name}: {text}" for name, text in rule.items()) + "}]"


@pytest.mark.parametrize("field", FIELDS)
def test_an_odd_value_is_refused_or_harmless(tmp_path: Path, field: str) -> None:
    """A script that is taken works: its answers can be said, and its calls written as JSON."""
    refusals = []
    for value in VALUES:
        try:
            responder = make_responder(script_file(tmp_path, with_value(field, value)))
        except ConfigError as exc:
            refusals.append(str(exc))
            continue
        for step in (step for prompt in PROMPTS for step in responder.respond(prompt)):
            if isinstance(step, ToolCall):
                json.dumps(json.loads(step.arguments), allow_nan=False)
            else:
                assert isinstance(step, TextDelta)
                step.text.encode()
    assert len(refusals) > len(VALUES) / 2
    assert max(map(len, refusals)) < 1000


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "must be a mapping"),
        (b"\0", "is not YAML"),
        (b"\xff\xfe", "can't be read"),
        ("rules: []".encode("utf-16"), "can't be read"),
        (b"rules: []\nrules: []\n", "the key 'rules' comes twice (line 2)"),
        (b"rules:\n- pattern: a\n  reply: b\n  reply: c\n", "'reply' comes twice (line 4)"),
        (b"rules: []\n---\nrules: []\n", "is not YAML"),
        (b"a: " + b"[" * 3000, "nested too deeply"),
        (b"rules: &a [*a]\n", "or one within itself"),
        (b"l0: &l0 [a]\n" + LAUGHS.encode() + b"\nrules: *l9\n", "more than 100000 values"),
        (b"rules:\n- {pattern: 'a{999999999999}', reply: b}\n", "is not a regular expression"),
        (b"rules:\n- {pattern: '" + b"(" * 5000 + b"', reply: b}\n", "is not a regular expression"),
        (b"<<: {rules: [{reply: b}]}\n", "rule 1: it needs one of 'pattern'"),
        (b'rules: []\ndefault: "\\ud83d"\n', "half a surrogate pair"),
        (b"rules:\n- &d0 []\n" + DEEP.encode(), "more than 100000 values"),
        (b"rules: []\n#" + b"x" * (1 << 20), "more than 1048576 bytes"),
        (b"rules: []\ndefault: " + b"'{" + b"x" * 500_000 + b"'\n", "default"),
    ],
)
def test_an_odd_script(tmp_path: Path, data: bytes, problem: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        make_responder(f"scripted:{path}")
    assert problem in str(caught.value) or problem == "default"
    assert len(str(caught.value)) < 2000


def test_anchors_and_merged_mappings_are_welcome(tmp_path: Path) -> None:
    text = "<<: {default: hm}\nrules:\n- &a {pattern: ping, reply: pong}\n- {<<: *a, pattern: pang}"
    responder = make_responder(script_file(tmp_path, text))
    for said, answered in (("ping", "pong"), ("pang", "pong"), ("else", "hm")):
        assert words(list(responder.respond(ResponderPrompt("", [user(said)])))) == answered


@pytest.mark.parametrize(
    "path", ["", "/", ".", "a\0b", "/dev/zero", "x" * 5000, "\ud800"], ids=repr
)
def test_a_path_that_is_no_script(path: str) -> None:
    with pytest.raises(ConfigError):
        make_responder(f"scripted:{path}")


def test_a_script_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match=r"script '/nowhere/x.yaml' can't be read"):
        make_responder("scripted:/nowhere/x.yaml")


def test_a_script_without_a_name() -> None:
    with pytest.raises(ConfigError, match="'scripted:' names no file"):
        make_responder("scripted:")


@pytest.mark.parametrize("spec", ["", "scrpted", "echo:loud", "http://x"])
def test_an_unknown_responder(spec: str) -> None:
    with pytest.raises(ConfigError, match="choose 'scripted'"):
        make_responder(spec)


def test_echo() -> None:
    echo = make_responder("echo")
    assert words(list(echo.respond(ResponderPrompt("", [user("a b  c")])))) == "a b  c"
    assert words(list(echo.respond(ResponderPrompt("", [])))) == "I heard nothing."


# -- the conversation for a chat model -------------------------------------------------------------


def test_a_conversation_as_chat_messages() -> None:
    spoken = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_audio", "transcript": "Hello."}],
    }
    items = [user("hi"), spoken, call(call_id="a"), call(call_id="b"), output("1", "a")]
    items += [output("2", "b"), call(call_id="interrupted")]
    messages = messages_of(ResponderPrompt("Be kind.", items))
    assert [message["role"] for message in messages] == [
        *("system", "user", "assistant", "assistant", "tool", "tool")
    ]
    assert messages[2]["content"] == "Hello."
    assert [part["id"] for part in messages[3]["tool_calls"]] == ["a", "b"]
    assert messages[4] == {"role": "tool", "tool_call_id": "a", "content": "1"}


def test_images_go_along() -> None:
    item = user("what is this")
    item["content"].append({"type": "input_image", "image_url": "data:image/png;base64,AA=="})
    (message,) = messages_of(ResponderPrompt("", [item]))
    assert message["content"] == [
        {"type": "text", "text": "what is this"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
    ]


def test_tools_are_nested_for_the_chat_api() -> None:
    choice = {"type": "function", "name": "get_weather"}
    prompt = ResponderPrompt("", [], [weather_tool(), {"type": "mcp"}], choice)
    (tool,) = tools_of(prompt)
    assert tool["function"]["name"] == "get_weather"
    assert tool_choice_of(prompt) == {"type": "function", "function": {"name": "get_weather"}}
    assert tool_choice_of(ResponderPrompt("", [], [], "required")) == "required"


@pytest.mark.parametrize("url", ["", "localhost:1/v1", "ftp://x", "http://"])
def test_a_chat_url_that_is_none(url: str) -> None:
    with pytest.raises(ConfigError, match="the chat URL"):
        make_responder(f"chat:{url}")


@pytest.mark.parametrize(
    "spec",
    [
        "chat:ftp://me:hush@h/v1",
        "chat:http://me:hush@h/v1?modle=hush",
        "chat:http://me:hush@/v1",
        "chat:http://me:hush@h:x/v1",
        "chat:http://h:hush/v1",
        "chat:http://[hush]/v1",
        "chat:http://me:hush\uff20h/v1",
        "chat:me:hush@h",
        "Chat:http://me:hush@h/v1",
        "chat//me:hush@h/v1",
    ],
)
def test_a_wrong_chat_url_is_not_repeated(spec: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_responder(spec)
    assert_hidden_in_error(caught.value, ["hush"])


def test_a_chat_url_with_an_unknown_option() -> None:
    with pytest.raises(ConfigError, match="unknown option 'modle'"):
        make_responder("chat:http://x/v1?modle=a")
