"""Every public callable, every parameter, one wrong value at a time.

Either it works as documented, or the error is one of ours, at once, in a short sentence. Nothing
comes from the inside, nothing hangs, and nothing is left behind.
"""

from __future__ import annotations

import inspect
import queue
import re
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from guards import Guard
from right_values import KEY, MAKERS, Bench, right_values
from wrong_values import VALUES, Callee, callees, fits, holds_anything

from realtime_sync import ConnectError, ConnectionClosed, RealtimeError
from realtime_sync._shown import shown
from realtime_sync._threads import spawn
from realtime_sync.testing import ScriptError

KEYS = ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "API_KEY", "YANDEX_API_KEY")
LONGEST_MESSAGE = 700  # characters; with the value and the names of a few dozen options
LONGEST_VALUE = 200

# What is not called here, with the reason.
NOT_CALLED = {
    r"agents\.(Assistant|System|Input(Audio|Image)|Realtime(Response|ToolCall)).*\.model_.*": (
        "as of InputText and UserMessageItem"
    ),
    r"agents\.(Input|Output)Guardrail\.run": "the session calls it",
    r"agents\.MCPServer(\..*)?": "as of MCPServerStdio",
    r"agents\.MCPServer\w+\.(list_tools|needs_approval)": "the program's own rule gets it",
    r"agents\.OpenAIRealtime\w+\.(bind|check|tell)": "the session calls it",
    r"agents\.Realtime(Agent|Run)Hooks\..*": "the session calls it",
    r"agents\.RealtimeAgent\.get_.*": "takes the context of a session",
    r"agents\.RealtimeModel(Listener|RawServerEvent)?\..*": "the session calls it",
    r"agents\.RealtimePlaybackTracker\.(played_ms|set_audio_format)": "the session calls it",
    r"agents\.SessionHistory": "the session makes it",
    r"agents\.Tool(In|Out)putGuardrail\.run": "the session calls it",
    r"agents\.ToolContext\..*": "takes the context of a call",
    r"agents\.Usage\.from_wire": "what is no count is 0",
    r"agents\.default_tool_error_function": "takes anything",
    r"app\.async_input": "asks at the terminal",
    r"audio\.Speaker\..*": "needs a sound card, and is a Sink like the others",
    r"clients\.base\..*(Resource|_option|is_client)": "the client calls it",
    r"connection\.(ConnectionSettings|resources\.[A-Za-z]+)": "the connection makes it",
    r"distiller\.(DistillerSession|DistillerSessionManager|RealtimeDistiller)": (
        "the client makes it"
    ),
    r"distiller\.(SessionPlace|open_session)": "the client calls it",
    r"events\.(Event|Model)": "nobody makes one: they are the bases of all others",
    r"events\.(?!AudioFormat\.).*\.(model|to)_(?!construct).*": "as of AudioFormat",
    r"providers\..*Provider(\..*)?": "the client makes it",
    r"providers\..*\.(from|to)_wire": "the connection calls it",
    r"providers\.((Yandex|Beta)Dialect|Endpoint|dialect_factory)": "the client calls it",
    r"(Realtime|Translation)Connection(Manager)?": "the client makes it",
    r"ReconnectPolicy\.(covers|delay)": "the connection calls it",
    r"rest\..*(Raw|Streaming)Response.*": "the client makes it",
    r"rest\.(Calls|ClientSecrets|TranslationClientSecrets)": "the client makes it",
    r"rest\.(RealtimeCallIncoming|SipHeader|UnknownWebhook)\..*": "holds what a server sends",
    r"testing\.(ScriptedServer\.open|Step\.reaction)": "the connection calls it",
    r"transport\.Memory(Peer|Transport)": "memory_pair makes it",
    r"transport\.(Memory)?Transport\..*": "the connection calls it",
    r"tools\.Tool(\..*)?": "describe makes it",
}
# What takes more than its annotation says, by the callable and the parameter.
TAKES_ANYTHING = {
    r"agents\.OpenAIRealtime\w+\.(connect|send_event(_if)?) (options|event)": (
        "the first thing to tell is that there is no session, or that it connects"
    ),
    r"agents\.OpenAIRealtime\w+\.remove_listener listener": "of what is none none is removed",
    r"agents\.OpenAIRealtime\w+ transport_config": "is checked when it connects",
    r"agents\.RealtimeAgent (hooks|prompt|voice)": "is checked when its session is entered",
    r"agents\.Realtime(Runner|Session) (agent|client|config|events|hooks|model)": (
        "is checked when the session is entered"
    ),
    r"agents\.function_tool failure_error_function": "None of it lets a failure through",
    r"app\.record(_as_stream)? custom_blocking_event": "the microphone is opened first",
    r"AzureOpenAI azure_ad_token(_provider)?": "a key goes first",
    r"clients\.base\.RealtimeResource\.connect (max_retries|\w+_delay)": "None is the default",
    r"distiller\.DistillerSession\.\w+ (cancel_event|sample_rate|timeout|turns)": (
        "the first thing to tell is that the session has ended"
    ),
    r"distiller\.DistillerEvent\.get name": "no message has such a field",
    r"transport\.connect headers": "None is none of them",
    r"rest\.(Calls|\w*ClientSecrets)\.(accept|create|refer|reject) (?!extra_|timeout).*": (
        "a field of the body goes out as it is, and the server checks it"
    ),
    r"rest\.Webhooks\.\w+ tolerance": "seconds may have a fraction",
    r"voice\.Interruptions\.check_transcription .*": "the loop calls it",
}
# Words of other libraries' exceptions, which tell nobody what to do.
FOREIGN = re.compile(
    r"Traceback|\w(Error|Exception)\(|object (has no attribute|is not)|unexpected keyword|"
    r"codec can't|recursion depth|takes \d+ positional"
)
# Messages that show no value, with the reason; their beginnings.
SHOWS_NO_VALUE = {
    r"(a header|.*(api_key|token|secret)) (is not one line|of the header)": "it is a secret",
    r"no (credential|webhook secret)": "there is none",
    r"\w+ is missing": "there is none",
    r"proxy is not a URL": "it may hold a password",
    r"(\w+|the (base )?URL) has the scheme|the URL holds": "it may hold a password",
    r"audio has (dtype|shape)|\S+ is not base64": "of much sound what is wrong with it is told",
    r".* can't be written as JSON|a value is nested": "what in it has no JSON form is told",
    r"a (client )?event needs a 'type'": "its keys are shown",
    r"there is no configuration": "there is none",
    r"(the (close )?reason|a message|the text) (of a close )?(has|is not|holds)": (
        "of a long text the length is told, of half a character that it is one"
    ),
    r"subprotocols ": "there are few",
    r".*(: can't be read|, line \d+: )": "the file is named",
    r"on_event of a listener": "its method is shown",
    r"malformed json": "the message is shown as text",
    r"the (answer was not over|words were not heard)": "nothing is wrong with the value",
    r"the (header '|history has)|\w+ needs '": "what lacks is told",
    r"write @|the parameter '|.* can't be a tool": "the function is named",
    r"an item that says nothing": "it is empty",
    r".*(must take exactly|takes exactly|is called with) ": "its parameters are told",
}
# Messages that name neither the parameter nor the call, with the reason.
NAMES_NOTHING = {
    r"audio |\d+ bytes of PCM16|\S+ is not base64": "sound is sound in every call",
    r"a server sends events|a client sends events": "it stands somewhere in a script",
    r"malformed json|nested more": "the message is shown",
    r"the body can't|.* can't be written as JSON|a value is nested": "the event is named",
    r"what was given |can't (read|write) |.*(: can't be read|, line \d+: )": "the file is named",
    r"(the (close )?reason|a message|the text) (of a close )?(has|is not|holds)": "it is known",
    r"no (speaker|microphone) is called": "these are devices",
    r"the name of an event": "it is its type",
    r"the (base )?URL |the query of the URL": "there is one URL",
    r"previous_item_id is|UserMessageItem needs": "the field of the wire is named",
    r"\d+ of \S+ links|the words were not heard": "nothing is wrong with the value",
    r"the parameter '|a tool is a function|write @": "the program's function is named",
}


def _is_in(table: dict[str, str], name: str) -> bool:
    return any(re.fullmatch(each, name) for each in table)


def _begins(table: dict[str, str], message: str) -> bool:
    return any(re.match(each, message) for each in table)


CALLED = {each.name: each for each in callees() if not _is_in(NOT_CALLED, each.name)}


def _use(callee: Callee, function: Callable[..., Any], arguments: dict[str, Any]) -> None:
    """Call a function, and take one value of what it yields."""
    given = dict(arguments)
    first = [
        given.pop(name)
        for name, each in callee.parameters.items()
        if each.kind is each.POSITIONAL_ONLY and name in given
    ]
    result = function(*first, **given)
    if inspect.isgenerator(result):
        next(result, None)
        result.close()
        return
    with suppress(RealtimeError, AttributeError):  # what is not open yet tells it at the name
        result.close()


def _message(attempt: Callable[[], object]) -> str | None:
    """Return the message of an error of ours; None for none."""
    try:
        attempt()
    except (ConnectError, ConnectionClosed):  # it has got so far
        return None
    except (RealtimeError, ScriptError) as exc:
        return str(exc)
    return None


def _fault_of(message: str, name: str, parameter: str, value: Any) -> str | None:
    """Return what is wrong with the message that a value brings; None for nothing."""
    if len(message.split()) < 3:
        return f"brings no sentence: {message!r}"
    if len(message) > LONGEST_MESSAGE or "x" * LONGEST_VALUE in message:
        return f"brings {len(message)} characters: {message[:100]}"
    if KEY in message:
        return "brings a message with the key in it"
    if len(message.splitlines()) > 1 or FOREIGN.search(message):
        return f"brings somebody else's words: {message[:200]}"
    if not _shows(message, value) and not _begins(SHOWS_NO_VALUE, message):
        return f"is not shown: {message[:200]}"
    if not _names(message, name, parameter) and not _begins(NAMES_NOTHING, message):
        return f"is not named: {message[:200]}"
    return None


def _shows(message: str, value: Any) -> bool:
    """Whether a message has a value, something in it, or its type."""
    inside = [value]
    if isinstance(value, list | dict | bytes | str | np.ndarray):
        inside += [*value[:1]] if not isinstance(value, dict) else [*value, *value.values()]
    names = [type(each).__name__ for each in inside] + [getattr(value, "__name__", KEY)]
    return any(word in message for word in [*names, *(shown(each)[:12] for each in inside)])


def _names(message: str, name: str, parameter: str) -> bool:
    """Whether a message names a parameter or its call, be it in the singular."""
    call = name.rpartition(".")[2]
    if re.search(rf"\b{parameter}\b", message):
        return True
    words = {call, *parameter.split("_"), *re.findall("[A-Z]?[a-z]+", call)}
    return any(word.lower().removesuffix("s") in message.lower() for word in words if len(word) > 2)


@pytest.mark.parametrize("name", CALLED)
def test_a_wrong_value_brings_an_error_of_ours(
    name: str, guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    callee = CALLED[name]
    monkeypatch.chdir(tmp_path)  # where what is a path for once is written
    for variable in (*KEYS, "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.setenv(variable, "https://127.0.0.1:1" if "ENDPOINT" in variable else KEY)
    verdicts: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    with ExitStack() as stack:
        bench = Bench(tmp_path, stack)
        function = callee.function
        if callee.is_method:
            function = getattr(bench.on(callee), name.rpartition(".")[2])
        right = right_values(callee, bench)
        parameters = [each for each in callee.parameters if each != "clock"]  # which is for tests
        cases = [(each, kind) for each in parameters for kind in VALUES]

        def run() -> None:
            usual = _message(lambda: _use(callee, function, right))
            for parameter, kind in cases:
                verdicts.put(_meet(callee, function, right, parameter, kind, usual))

        thread = spawn(run, name="wrong-values")
        found = [
            f"{parameter}: {kind} {verdict}"
            for parameter, kind in cases
            if (verdict := guard.get(verdicts, f"{name}({parameter}={kind})"))
        ]
        guard.join(thread)
    assert not found, "\n".join(found)


def _meet(
    callee: Callee,
    function: Any,
    right: dict[str, Any],
    parameter: str,
    kind: str,
    usual: str | None,
) -> str | None:
    """Return what is wrong with how a value is met; None for nothing.

    Args:
        callee: what is called.
        function: the same, on its object.
        right: what is right for its parameters.
        parameter: which has another value.
        kind: of that value.
        usual: the message that right values bring, since something is over or not there. Whoever
            says it has taken the value.
    """
    value = VALUES[kind]
    meant = (
        holds_anything(callee)
        or fits(callee.hints[parameter], value)
        or _is_in(TAKES_ANYTHING, f"{callee.name} {parameter}")
    )
    try:
        _use(callee, function, {**right, parameter: value})
    except (ConnectError, ConnectionClosed):
        return None if meant else "is sent"
    except (RealtimeError, ScriptError) as exc:
        if str(exc) != usual:
            return _fault_of(str(exc), callee.name, parameter, value)
    except BaseException as exc:
        return f"brings {type(exc).__name__}: {str(exc)[:80]}"
    return None if meant else "is taken"


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("the rate of a wave must be Hz, not 7", None),
        ("sample_rate=7 is no rate", None),
        ("make_wave() takes Hz, not int", None),
        ("not 7", "brings no sentence"),
        (f"the rate {KEY} is 7", "brings a message with the key"),
        ("the rate must be Hz,\nnot 7", "brings somebody else's words"),
        ("the rate: ValueError('no 7')", "brings somebody else's words"),
        ("the rate: 'int' object has no attribute 'x' 7", "brings somebody else's words"),
        ("the rate must be Hz", "is not shown"),
        ("a number of Hz is due, not 7", "is not named"),
        ("the rate must be 7 or " + "y" * LONGEST_MESSAGE, "brings 722 characters"),
        ("the rate can't be 7" + "x" * LONGEST_VALUE, "brings 219 characters"),
    ],
)
def test_how_messages_are_judged(message: str, fault: str | None) -> None:
    found = _fault_of(message, "audio.make_wave", "sample_rate", 7)
    assert (found or "").startswith(fault or ""), found
    assert bool(found) is bool(fault)


def test_every_reason_is_needed() -> None:
    """One that is not needed any more would hide the next callable."""
    names = [each.name for each in callees()]
    assert [each for each in NOT_CALLED if not any(re.fullmatch(each, n) for n in names)] == []
    owners = {each.owner.__name__ for each in CALLED.values() if each.is_method and each.owner}
    methods = {
        f"{each.owner.__name__}.{each.name.rpartition('.')[2]}"
        for each in CALLED.values()
        if each.owner
    }
    assert set(MAKERS) - owners - methods == set()


def test_there_is_much_to_call() -> None:
    parameters = sum(len(each.parameters) for each in CALLED.values())
    print(f"{len(CALLED)} callables, {parameters} parameters, {parameters * len(VALUES)} calls")
    assert len(CALLED) > 150
