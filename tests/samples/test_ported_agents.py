"""The ported samples of agents and what they were: both run, and the rule makes one of the other.

What they were runs with the published `openai-agents` package, against the same server.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from embedded import QUESTIONS
from port_rule import AGENT_PAIRS, PORTED, changed_lines, difference, port
from programs import REPOSITORY, Program

from realtime_sync import Local, OpenAI

HOTEL = Path(__file__).with_name("hotel.yaml")
BOTH = pytest.mark.parametrize("suffix", ["", "_before"])
MODEL = "gpt-realtime-2.1"
VISIT = {
    "I have a question about the house.": ["Front Desk -> House Agent"],
    "Tell me about breakfast.": [
        "House Agent, look_up: Breakfast is from seven to eleven, on the terrace."
    ],
    "Back to the desk, please.": ["House Agent -> Front Desk"],
    "I want another room.": ["Front Desk -> Rooms Agent"],
    "It is booking seven, room twelve.": [
        "approved: change_room",
        "Rooms Agent, change_room: Booking seven has room twelve now.",
    ],
}


@pytest.fixture(scope="module")
def hotel() -> Iterator[Local]:
    """The embedded server, with a script for the agents of the samples."""
    with Local(responder=f"scripted:{HOTEL}") as server:
        assert server.url  # starts it, so that it is no test's
        yield server


def environment(server: Local, query: str = f"model={MODEL}") -> dict[str, str]:
    return {
        "OPENAI_API_KEY": server.api_key,
        "REALTIME_URL": f"{server.url.replace('http', 'ws', 1)}/realtime?{query}",
        "OPENAI_AGENTS_DISABLE_TRACING": "1",
        "PYTHONPATH": str(REPOSITORY),
    }


@pytest.mark.parametrize("name", AGENT_PAIRS)
def test_the_rule_makes_it(name: str) -> None:
    before = (PORTED / f"{name}_before.py").read_text("utf-8")
    assert port(before) == (PORTED / f"{name}.py").read_text("utf-8")


@pytest.mark.parametrize("name", AGENT_PAIRS)
def test_the_document_counts_its_changed_lines(name: str) -> None:
    document = (REPOSITORY / "docs" / "porting_agents.md").read_text("utf-8")
    changed, total = changed_lines(name)
    assert re.search(rf"{name}\.py\).*\b{changed} of {total}\b", document), (changed, total)


def test_the_document_shows_the_difference_of_one() -> None:
    document = (REPOSITORY / "docs" / "porting_agents.md").read_text("utf-8")
    shown = difference("agents_quickstart")
    assert f"```diff\n{shown}```" in document, f"it should be\n{shown}"


@BOTH
def test_the_quickstart(program: Program, hotel: Local, suffix: str) -> None:
    file = PORTED / f"agents_quickstart{suffix}.py"
    output = program.run(file, environment=environment(hotel))
    said = r"(?:new: message \w+\n)+Receptionist has spoken for \d+\.\d s\n"
    assert re.fullmatch(said, output), output


@BOTH
def test_the_agents_of_the_app(program: Program, hotel: Local, suffix: str) -> None:
    file = PORTED / f"agents_app_agent{suffix}.py"
    output = program.run(file, *VISIT, environment=environment(hotel))
    expected = [line for said, seen in VISIT.items() for line in (f"guest: {said}", *seen)]
    assert output.splitlines() == expected


@BOTH
def test_the_agents_of_the_telephone(hotel: Local, suffix: str) -> None:
    """The call ends when the agent has spoken; the session ends with it, without an error."""
    call_id = an_accepted_call(hotel)
    with (
        OpenAI(api_key=hotel.api_key, base_url=hotel.url) as client,
        subprocess.Popen(
            [sys.executable, "-u", str(PORTED / f"agents_sip_agents{suffix}.py"), call_id],
            env=environment(hotel, f"call_id={call_id}"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as program,
    ):
        assert program.stdout is not None
        lines = [program.stdout.readline() for _ in range(2)]
        client.realtime.calls.hangup(call_id)
        rest, errors = program.communicate(timeout=60)
    assert (program.returncode, rest, errors) == (0, "", "")
    assert lines == ["assistant says something\n", "Exchange has finished\n"]


def an_accepted_call(server: Local) -> str:
    request = urllib.request.Request(
        f"{server.url.removesuffix('/v1')}/test/incoming_calls",
        data=b'{"sip_headers": []}',
        headers={"Authorization": f"Bearer {server.api_key}"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        call_id: str = json.load(response)["data"]["call_id"]
    with OpenAI(api_key=server.api_key, base_url=server.url) as client:
        client.realtime.calls.accept(call_id, model=MODEL)
    return call_id


def test_the_command_line_with_files(program: Program, local_server: Local) -> None:
    question = str(QUESTIONS / "weather.wav")
    file = PORTED / "agents_cli.py"
    output = program.run(
        file, "--input", question, "--output", "answer.wav", environment=environment(local_server)
    )
    assert re.search(r"the tool get_weather returns It is sunny in London", output), output
    assert "that was the answer" in output
    assert "error" not in output
    assert output.endswith("the session has ended\n")
    with wave.open(str(program.folder / "answer.wav")) as recorded:
        samples = np.frombuffer(recorded.readframes(recorded.getnframes()), "<i2")
    assert np.count_nonzero(np.abs(samples.astype(int)) > 200) > 5_000, "it speaks"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_ends_the_command_line_without_a_word(local_server: Local, tmp_path: Path) -> None:
    question = str(QUESTIONS / "story.wav")
    answer = str(tmp_path / "answer.wav")
    file = PORTED / "agents_cli.py"
    with subprocess.Popen(
        [sys.executable, "-u", str(file), "--input", question, "--output", answer],
        env=environment(local_server),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "connected: say something\n"
        program.send_signal(signal.SIGINT)
        _, errors = program.communicate(timeout=60)
    assert (program.returncode, errors) == (0, "")
