"""What a script's rules call and say: arguments of every type, and names that are missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prompts import call, only_call, output, script_file, user, words

from realtime_sync.errors import ConfigError
from realtime_sync.local.engines import ResponderEvent, ResponderPrompt
from realtime_sync.local.responders import make_responder
from realtime_sync.local.responders.scripted import ScriptedResponder, load_script

ORDERS = r"""
rules:
- pattern: 'order (?P<count>[a-z ]+|\d+) (?P<what>\w+)s(?: for (?P<who>\w+))?$'
  tool: place_order
  arguments:
    what: "{title:what}"
    count: "{count}"
    table: 7
    fast: true
    price: 2.5
    note: null
    exact: "3"
    tags: [warm, "{what}", 1]
    parts: [{name: "{what}", count: "{count}", of: {who: "{who}"}}]
  without_tool: "I can't."
- output_of: place_order
  reply: ["{eta}, {who}.", "At {eta}."]
"""


def order_tool(**properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties}
    return {
        "type": "function",
        "name": "place_order",
        "parameters": parameters if properties else {},
    }


def ordered(tmp_path: Path, said: str, tool: dict[str, Any], **options: Any) -> dict[str, Any]:
    responder = make_responder(script_file(tmp_path, ORDERS))
    prompt = ResponderPrompt("", [user(said)], tools=[tool], **options)
    arguments = only_call(list(responder.respond(prompt)))[1]
    assert isinstance(arguments, dict)
    return arguments


@pytest.mark.parametrize("choice", ["auto", {"type": "function", "name": "place_order"}])
def test_arguments_are_what_they_are_in_yaml_and_texts_are_templates_at_any_depth(
    tmp_path: Path, choice: Any
) -> None:
    said = "Order two pizzas for Ada."
    assert ordered(tmp_path, said, order_tool(), tool_choice=choice) == {
        "what": "Pizza",
        "count": "two",
        "table": 7,
        "fast": True,
        "price": 2.5,
        "note": None,
        "exact": "3",
        "tags": ["warm", "pizza", 1],
        "parts": [{"name": "pizza", "count": "two", "of": {"who": "ada"}}],
    }
    parts = ordered(tmp_path, "order two pizzas", order_tool())["parts"]
    assert parts[0]["of"] == {"who": None}, "a group that took no part"


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("2", 2),
        ("0", 0),
        ("two", 2),
        ("Twenty Five", 25),
        ("three hundred", 300),
        ("hundred", 100),
        ("one hundred ten", 110),
        ("9" * 15, 10**15 - 1),
        ("some", "some"),
        ("two large", "two large"),
    ],
)
@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer"},
        {"type": ["number", "null"]},
        {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    ],
)
def test_a_placeholder_alone_is_a_number_where_the_function_wants_one(
    tmp_path: Path, said: str, number: int | str, schema: dict[str, Any]
) -> None:
    item = {"type": "object", "properties": {"count": schema}}
    tool = order_tool(count=schema, parts={"type": "array", "items": item}, exact=schema)
    arguments = ordered(tmp_path, f"order {said} pizzas", tool)
    assert arguments["count"] == number
    assert arguments["parts"][0]["count"] == number
    assert arguments["exact"] == "3", "what stands in quotes without a placeholder"


@pytest.mark.parametrize("schema", [{"type": "string"}, {"type": ["integer", "string"]}, {}, 7])
def test_a_number_that_was_said_stays_a_text_where_one_is_allowed(
    tmp_path: Path, schema: Any
) -> None:
    arguments = ordered(tmp_path, "order 2 pizzas", order_tool(count=schema))
    assert arguments["count"] == "2"


def test_a_reply_without_its_names_is_an_error_that_tells_which_there_are(tmp_path: Path) -> None:
    responder = make_responder(script_file(tmp_path, ORDERS))
    request = {**call('{"what": "pizza"}'), "name": "place_order"}

    def respond(result: str) -> list[ResponderEvent]:
        return list(responder.respond(ResponderPrompt("", [user("x"), request, output(result)])))

    assert words(respond('{"eta": "noon"}')) == "At noon."
    with pytest.raises(ConfigError) as caught:
        respond('{"error": "no oven"}')
    assert str(caught.value) == (
        f"script {str(tmp_path / 'mine.yaml')!r}, rule 2 (line 16): 'At {{eta}}.' uses {{eta}}, "
        "which is not among what is known here: date, error, output, time, weekday, what; "
        "add a reply that needs no more"
    )


@pytest.mark.parametrize(
    "rule",
    [
        "{pattern: 'ping( (?P<who>a))?', reply: '{who}'}",
        "{pattern: 'ping( (?P<who>a))?', tool: b, without_tool: '{who}'}",
        "{instructions: 'be( (?P<who>a))?', reply: '{who}'}",
    ],
)
def test_a_group_that_took_no_part_is_no_name(tmp_path: Path, rule: str) -> None:
    responder = make_responder(script_file(tmp_path, f"rules:\n- {rule}\n"))
    assert words(list(responder.respond(ResponderPrompt("be a", [user("ping a")])))) == "a"
    with pytest.raises(ConfigError, match=r"mine.yaml', rule 1 \(line 2\): '{who}' uses {who}"):
        responder.respond(ResponderPrompt("be", [user("ping")]))


def test_the_assistant_hands_over_to_billing_where_the_session_can() -> None:
    said = user("Hello, I have a question about my bill.")
    transfer = {"type": "function", "name": "transfer_to_billing"}
    responder = ScriptedResponder(load_script())
    asked = list(responder.respond(ResponderPrompt("", [said], tools=[transfer])))
    assert only_call(asked) == ("transfer_to_billing", {})
    request = {**call("{}"), "name": "transfer_to_billing"}
    done = ResponderPrompt("", [said, request, output('{"assistant": "Billing"}')])
    assert words(list(responder.respond(done))) == "This is billing. Which bill do you mean?"
    alone = words(list(responder.respond(ResponderPrompt("", [said]))))
    assert alone == (
        "I heard you say: hello i have a question about my bill. I have no answer to that."
    )
