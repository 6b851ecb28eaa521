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

import pytest
from guards import Guard
from right_values import KEY, MAKERS, Bench, right_values
from wrong_values import VALUES, Callee, callees, fits, is_value

from realtime_sync import ConnectError, RealtimeError
from realtime_sync._threads import spawn
from realtime_sync.testing import ScriptError

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
    r"agents\.OpenAIRealtime\w+\.remove_listener listener": "of what is none none is removed",
    r"agents\.OpenAIRealtime\w+ transport_config": "is checked when it connects",
    r"agents\.RealtimeAgent (hooks|prompt|voice)": "is checked when its session is entered",
    r"agents\.Realtime(Runner|Session) (agent|client|config|events|hooks|model)": (
        "is checked when the session is entered"
    ),
    r"agents\.function_tool failure_error_function": "None of it lets a failure through",
    r"distiller\.DistillerEvent\.get name": "no message has such a field",
    r"transport\.connect headers": "None is none of them",
    r"rest\.Webhooks\.\w+ headers": "what has no items has no header, and that is told",
    r"tools\.CallContext .*": "holds what it is given",
    r"voice\.Interruptions\.check_transcription .*": "the loop calls it",
}


def _is_in(table: dict[str, str], name: str) -> bool:
    return any(re.fullmatch(each, name) for each in table)


CALLED = {each.name: each for each in callees() if not _is_in(NOT_CALLED, each.name)}


def _use(function: Callable[..., Any], arguments: dict[str, Any], positional: list[str]) -> None:
    """Call a function, and take one value of what it yields."""
    first = [arguments.pop(name) for name in positional if name in arguments]
    result = function(*first, **arguments)
    if inspect.isgenerator(result):
        next(result, None)
        result.close()
    elif isinstance(getattr(result, "close", None), Callable):  # type: ignore[arg-type]
        with suppress(RealtimeError):
            result.close()


def _verdict(attempt: Callable[[], object], name: str, value: Any, *, meant: bool) -> str | None:
    """Return what is wrong with how a value is met; None for nothing."""
    try:
        attempt()
    except ConnectError:
        return None if meant else "is sent"
    except (RealtimeError, ScriptError) as exc:
        return _fault_of(str(exc))
    except BaseException as exc:
        return f"brings {type(exc).__name__}: {str(exc)[:80]}"
    return None if meant else "is taken"


def _fault_of(message: str) -> str | None:
    if len(message.split()) < 3:
        return f"brings no sentence: {message!r}"
    if len(message) > LONGEST_MESSAGE or "x" * LONGEST_VALUE in message:
        return f"brings {len(message)} characters: {message[:100]}"
    return "brings a message with the key in it" if KEY in message else None


@pytest.mark.parametrize("name", CALLED)
def test_a_wrong_value_brings_an_error_of_ours(
    name: str, guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    callee = CALLED[name]
    monkeypatch.chdir(tmp_path)  # where what is a path for once is written
    for variable in ("OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT", "API_KEY", "YANDEX_API_KEY"):
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
            for parameter, kind in cases:
                verdicts.put(_meet(callee, function, right, parameter, kind))

        thread = spawn(run, name="wrong-values")
        found = [
            f"{parameter}: {kind} {verdict}"
            for parameter, kind in cases
            if (verdict := guard.get(verdicts, f"{name}({parameter}={kind})"))
        ]
        guard.join(thread)
    assert not found, "\n".join(found)


def _meet(
    callee: Callee, function: Any, right: dict[str, Any], parameter: str, kind: str
) -> str | None:
    value = VALUES[kind]
    positional = [
        name for name, each in callee.parameters.items() if each.kind is each.POSITIONAL_ONLY
    ]
    holds = callee.owner is not None and not callee.is_method and is_value(callee.owner)
    meant = (
        holds
        or fits(callee.hints[parameter], value)
        or _is_in(TAKES_ANYTHING, f"{callee.name} {parameter}")
    )
    arguments = {**right, parameter: value}
    return _verdict(lambda: _use(function, arguments, positional), parameter, value, meant=meant)


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
