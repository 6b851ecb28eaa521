"""The command `realtime-sync talk`, as a newcomer types it."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import wave
from base64 import b64decode, b64encode
from collections.abc import Callable
from itertools import dropwhile, groupby
from pathlib import Path

import numpy as np
import psutil
import pytest
from dialect_server import open_front
from distiller_peer import DistillerLine, DistillerPeer
from embedded import QUESTIONS, Server
from guards import Guard
from raw_distiller import agent, project
from raw_server import CLOSE, RawPeer, close_payload
from scripted_server import hang_up, hear, say, scripted
from yandex_rules import YandexRules

from realtime_sync import AIRefinery
from realtime_sync.audio import read_wav
from realtime_sync.audio.g711 import encode_ulaw
from realtime_sync.cli import main
from realtime_sync.cli import talk as talk_command

TALK = (sys.executable, "-m", "realtime_sync", "talk")
TELEPHONE = {"type": "audio/pcmu"}
SESSION = {
    "type": "realtime",
    "audio": {
        "input": {"format": TELEPHONE, "turn_detection": {"type": "server_vad"}},
        "output": {"format": TELEPHONE},
    },
}
DESK = ("--provider", "airefinery", "--project", "desk")
CHUNK_MS = 20
CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def inputs(*names: str) -> list[str]:
    return [part for name in names for part in ("--input", str(QUESTIONS / f"{name}.wav"))]


def talk(*arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TALK, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=110,
        env=os.environ | env,
    )


def noise(path: Path, *, peak: int, seconds: int = 1) -> Path:
    """A recording in which nobody speaks."""
    samples = np.random.default_rng(1).uniform(-peak, peak, 24_000 * seconds)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(np.rint(samples).astype("<i2").tobytes())
    return path


def test_recordings_are_answered_and_the_answers_kept(tmp_path: Path) -> None:
    answers = tmp_path / "answers.wav"
    run = subprocess.run(
        [*TALK, *inputs("weather"), "--output", str(answers)],
        capture_output=True,
        text=True,
        timeout=110,
    )
    print(run.stdout)
    assert (run.returncode, run.stderr) == (0, "")
    lines = run.stdout.splitlines()
    assert lines[0] == "you: what is the weather in london"
    assert 'calls get_weather {"city": "London"}' in lines
    assert "assistant: The weather in London is sunny, 21 degrees." in lines
    with wave.open(str(answers), "rb") as file:
        assert file.getnframes() > 2 * file.getframerate()


def test_names_that_are_no_utf8_are_read_written_and_told(tmp_path: Path) -> None:
    question, answer = (
        os.fsdecode(os.fsencode(tmp_path) + name) for name in (b"/q\xe9", b"/a\xe9")
    )
    Path(question).write_bytes((QUESTIONS / "hello.wav").read_bytes())
    run = talk("--input", question, "--output", answer, PYTHONIOENCODING="utf-8:strict")
    assert run.returncode == 0, run.stderr
    assert "a\N{REPLACEMENT CHARACTER}" in run.stdout
    assert len(read_wav(answer)) > 24_000


def test_ctrl_c_ends_it_quietly(tmp_path: Path) -> None:
    command = [*TALK, *inputs("story"), "--output", str(tmp_path / "a.wav")]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a terminal sends Ctrl-C to the server's process, too
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "you: please tell me a story\n"
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=Guard().seconds)
    assert (process.returncode, errors.strip()) == (130, "")
    _, alive = psutil.wait_procs(children, timeout=Guard().seconds)
    assert alive == []


def test_without_a_microphone_it_says_what_to_do(tmp_path: Path) -> None:
    config = tmp_path / "asound.conf"  # whatever sound card this machine has
    config.write_text("pcm.!default { type pulse }\nctl.!default { type pulse }\n")
    silent = {"ALSA_CONFIG_PATH": str(config), "PULSE_SERVER": f"unix:{tmp_path}/nobody"}
    run = subprocess.run(
        TALK, capture_output=True, text=True, timeout=60, env={**os.environ, **silent}
    )
    assert run.returncode == 1
    assert len(run.stderr.splitlines()) == 1
    assert "no microphone" in run.stderr
    assert "--input QUESTION.wav" in run.stderr


@pytest.mark.parametrize(
    ("provider", "env", "words"),
    [
        ("openai", {}, "set OPENAI_API_KEY"),
        ("azure", {}, "set AZURE_OPENAI_API_KEY (or AZURE_OPENAI_AD_TOKEN) and AZURE_OPENAI_ENDP"),
        ("azure", {"AZURE_OPENAI_API_KEY": "k"}, "set AZURE_OPENAI_ENDPOINT to https://"),
        ("yandex", {}, "set YANDEX_API_KEY (or YANDEX_IAM_TOKEN) and YANDEX_FOLDER_ID"),
        (
            "yandex",
            {"YANDEX_API_KEY": "k"},
            "set YANDEX_FOLDER_ID, or give the whole name: --model",
        ),
        ("airefinery", {}, "no API key: set API_KEY"),
    ],
)
def test_without_a_key_it_names_the_variable(
    tmp_path: Path, provider: str, env: dict[str, str], words: str
) -> None:
    others = {
        name: ""
        for name in os.environ | dict.fromkeys(("OPENAI_API_KEY",))
        if name.startswith(("OPENAI_", "AZURE_OPENAI_", "YANDEX_", "API_KEY"))
    }
    env = others | env
    which = ["--project", "desk"] if provider == "airefinery" else []
    run = talk(
        "--provider", provider, *which, *inputs("hello"), "--output", tmp_path / "a.wav", **env
    )
    assert run.returncode == 1
    assert len(run.stderr.splitlines()) == 1
    assert words in run.stderr


def talk_to_a_project(
    server: Server, tmp_path: Path, *options: str, barge_in: bool
) -> subprocess.CompletedProcess[str]:
    """Talk to a project that was just made; the answers are in ``a.wav``."""
    with AIRefinery(server.key, base_url=server.url) as client:
        config = project(agent("Clerk"), barge_in=barge_in, hz=22_050)
        client.realtime_distiller.create_project(project="spoken", json_config=config)
    where = ("--provider", "airefinery", "--url", server.url, "--project", "spoken")
    return talk(*where, *options, "--output", tmp_path / "a.wav", API_KEY=server.key)


@pytest.mark.parametrize("barge_in", [False, True])
def test_a_project_of_the_distiller_answers_each_recording(
    ws_server: Server, tmp_path: Path, barge_in: bool
) -> None:
    run = talk_to_a_project(ws_server, tmp_path, *inputs("weather", "goodbye"), barge_in=barge_in)
    assert (run.returncode, run.stderr) == (0, "")
    lines = run.stdout.splitlines()
    assert lines[0] == "you: what is the weather in london"
    speakers = [line.partition(":")[0] for line in lines if line.startswith(("you:", "assistant:"))]
    assert speakers == ["you", "assistant", "you", "assistant"]
    with wave.open(str(tmp_path / "a.wav"), "rb") as file:
        assert file.getnframes() > 2 * file.getframerate()


def test_a_project_that_hears_an_answer_needs_something_against_the_echo(
    ws_server: Server, tmp_path: Path
) -> None:
    options = ("--echo", "gate", *inputs("hello"))
    run = talk_to_a_project(ws_server, tmp_path, *options, barge_in=True)
    assert (run.returncode, run.stderr) == (0, "")
    assert "assistant: " in run.stdout


def test_a_project_that_hears_nobody_while_it_answers_needs_nothing_against_the_echo(
    ws_server: Server, tmp_path: Path
) -> None:
    options = ("--echo", "gate", *inputs("hello"))
    run = talk_to_a_project(ws_server, tmp_path, *options, barge_in=False)
    assert (run.returncode, run.stdout) == (2, "")
    assert "project 'spoken' hears nobody while it answers" in run.stderr
    assert "leave out --echo" in run.stderr


def scripted_project(peer: DistillerPeer, *options: str | Path) -> subprocess.CompletedProcess[str]:
    """Talk to a project whose server says what the test says."""
    where = ("--provider", "airefinery", "--url", peer.base_url, "--project", "scripted")
    return talk(*where, *options, API_KEY="key")


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (lambda line: line.event("error", error={"message": "out of credit"}), "out of credit"),
        (
            lambda line: line.close(1011, "restarting"),
            (
                "the session has ended in the middle of a turn, which can't be taken up again "
                "(code 1011: restarting); start again"
            ),
        ),
    ],
)
def test_a_session_of_a_project_ends_with_the_servers_own_words(
    tmp_path: Path, end: Callable[[DistillerLine], None], words: str
) -> None:
    def fail(line: DistillerLine) -> None:
        line.begin()
        line.expect("input_audio_buffer.append")
        end(line)

    with DistillerPeer(fail) as peer:
        run = scripted_project(peer, *inputs("hello"), "--output", tmp_path / "a.wav")
    assert (run.returncode, run.stdout, run.stderr) == (1, "", f"error: {words}\n")


def test_a_project_without_vad_gets_nothing_of_the_user_while_its_answer_plays(
    tmp_path: Path,
) -> None:
    """The answer of a second is there at once, and the user speaks on and on."""
    heard: list[bytes] = []

    def answer(line: DistillerLine) -> None:
        line.begin()
        line.expect("input_audio_buffer.append")
        line.event("response.audio_transcript.done", text="well")
        line.answer("Listen.", pcm=b"\1\0" * 16_000)
        while True:
            heard.append(b64decode(line.expect("input_audio_buffer.append")["audio"]))

    recording = noise(tmp_path / "q.wav", peak=8_000, seconds=4)
    with DistillerPeer(answer) as peer:
        run = scripted_project(peer, "--input", recording, "--output", tmp_path / "a.wav")
    assert (run.returncode, run.stderr) == (0, "")
    runs = [(loud, b"".join(chunks)) for loud, chunks in groupby(heard, key=any)]
    print([(loud, len(pcm) / 32_000) for loud, pcm in runs])
    silence, after = [*dropwhile(lambda run: run[0], runs)][:2]
    assert len(silence[1]) > 16_000, "half of the answer at the least"
    assert after[0], "and then the user is heard again"


def test_a_project_that_is_not_there_is_one_sentence(ws_server: Server, tmp_path: Path) -> None:
    where = ("--provider", "airefinery", "--url", ws_server.url, "--project", "nobody")
    run = talk(*where, *inputs("hello"), "--output", tmp_path / "a.wav", API_KEY=ws_server.key)
    assert run.returncode == 1
    assert len(run.stderr.splitlines()) == 1
    assert "project 'nobody' can't be had" in run.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--provider", "airefinery"], "needs --project"),
        (["--project", "desk"], "--project goes with --provider airefinery"),
        ([*DESK, "--model", "m"], "--model is not for a Distiller's project"),
        ([*DESK, "--voice", "x"], "--voice is not for"),
        ([*DESK, "--instructions", "Be brief."], "--instructions is not for"),
        ([*DESK, "--tools", "my_tools:f"], "--tools is not for"),
        ([*DESK, "--idle", "5"], "--idle is not for"),
        ([*DESK, "--push-to-talk"], "--push-to-talk is"),
        ([*DESK, "--interruptions", "off"], "--interruptions is"),
        ([*DESK, "--interruptions", "resume"], "--interruptions is"),
        (["--hang-up", "3"], "--hang-up comes after --idle"),
        (["--half-duplex", "--interruptions", "resume"], "leave out --interruptions"),
        (["--half-duplex", "--echo", "gate"], "leave out --echo"),
        (["--push-to-talk", *inputs("hello")], "leave out --input"),
    ],
)
def test_options_that_exclude_one_another_are_wrong_usage(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        main(["talk", *options])
    assert exited.value.code == 2
    assert words in capsys.readouterr().err


def test_a_recording_is_not_overwritten_by_its_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording, same = tmp_path / "question.wav", tmp_path / "answer.wav"
    recording.write_bytes((QUESTIONS / "hello.wav").read_bytes())
    same.hardlink_to(recording)
    for output in (recording, same):
        with pytest.raises(SystemExit) as exited:
            main(["talk", "--input", str(recording), "--output", str(output)])
        assert exited.value.code == 2
        assert "would overwrite the recording" in capsys.readouterr().err
    assert recording.read_bytes() == (QUESTIONS / "hello.wav").read_bytes()


def test_functions_of_a_module_are_the_models_tools(tmp_path: Path) -> None:
    (tmp_path / "my_tools.py").write_text(
        "def get_weather(city: str, days: int = 3) -> str:\n"
        "    'The weather for some days.'\n"
        "    return f'{days} days of rain'\n"
    )
    run = talk(
        "--tools",
        "my_tools:get_weather",
        *inputs("weather"),
        "--output",
        tmp_path / "a.wav",
        PYTHONPATH=f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}",
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert "get_weather returned 3 days of rain" in run.stdout


def test_a_tool_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    run = talk("--tools", "nobody_s_tools:f", *inputs("hello"), "--output", tmp_path / "a.wav")
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith("error: --tools: there is no module nobody_s_tools")
    assert len(run.stderr.splitlines()) == 1


@pytest.mark.parametrize("interruptions", ["off", "resume"])
def test_who_decides_about_interruptions_answers_each_turn(
    tmp_path: Path, interruptions: str
) -> None:
    output = ("--output", tmp_path / "a.wav")
    run = talk("--interruptions", interruptions, *inputs("hello", "goodbye"), *output)
    assert (run.returncode, run.stderr) == (0, "")
    answers = [line for line in run.stdout.splitlines() if line.startswith("assistant: ")]
    assert len(answers) == 2
    assert "Goodbye!" in answers[1]


def test_a_recording_of_silence_is_no_success(tmp_path: Path) -> None:
    run = talk("--input", noise(tmp_path / "q.wav", peak=0), "--output", tmp_path / "a.wav")
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == "error: q.wav has nothing but silence in it; record it again\n"


def test_a_recording_in_which_nobody_speaks_is_no_success(tmp_path: Path) -> None:
    run = talk("--input", noise(tmp_path / "q.wav", peak=100), "--output", tmp_path / "a.wav")
    assert run.returncode == 1
    assert "nobody was heard to speak in q.wav, though its level is -55 dBFS" in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_silence_on_both_sides_is_asked_about_and_ends_the_talk(tmp_path: Path) -> None:
    recording = noise(tmp_path / "q.wav", peak=100)
    run = talk(
        "--input", recording, "--output", tmp_path / "a.wav", "--idle", "0.5", "--hang-up", "0.5"
    )
    lines = run.stdout.splitlines()
    assert lines[0].startswith("nobody has spoken for ")
    assert lines[0].endswith(" s: you are asked")
    assert any(line.endswith(" s: that is the end") for line in lines)
    assert (run.returncode, run.stderr) == (1, "error: not answered: q.wav\n")


def test_a_server_that_closes_before_it_has_answered_is_no_success(tmp_path: Path) -> None:
    def close(peer: RawPeer) -> None:
        peer.accept()
        say(peer, "session.created", session=SESSION)
        hear(peer)
        hang_up(peer, 1000)

    with scripted(close) as server:
        url = f"http://127.0.0.1:{server.port}/v1"
        run = talk("--url", url, *inputs("hello"), "--output", tmp_path / "a.wav")
    assert (run.returncode, run.stderr) == (1, "error: not answered: hello.wav\n")


def test_settings_that_are_refused_are_told_in_one_line(tmp_path: Path) -> None:
    """And not what else goes wrong without them, such as tools that the session does not have."""
    run = talk("--voice", "cedarr", *inputs("hello"), "--output", tmp_path / "a.wav")
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith("error: invalid_value: Invalid value for 'session.audio.output.")
    assert "'cedarr'" in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_a_server_that_confirms_no_settings_is_talked_to_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(talk_command, "_SETTLING_S", 0.01)
    heard: list[str] = []

    def listen(peer: RawPeer) -> None:
        peer.accept()
        say(peer, "session.created", session=SESSION)
        heard.extend(hear(peer)["type"] for _ in range(2))
        hang_up(peer, 1000)

    with scripted(listen) as server:
        url = f"http://127.0.0.1:{server.port}/v1"
        with pytest.raises(SystemExit):
            main(["talk", "--url", url, *inputs("hello"), "--output", str(tmp_path / "a.wav")])
    assert heard == ["session.update", "input_audio_buffer.append"]
    assert capsys.readouterr().err == "error: not answered: hello.wav\n"


def test_a_session_on_the_telephone_is_converted(tmp_path: Path) -> None:
    """G.711 both ways, with the voice that was asked for; a tone of a second is the answer."""
    heard = bytearray()
    asked: list[dict[str, object]] = []
    turns = np.arange(8_000) / 8_000
    tone = encode_ulaw(np.rint(8_000 * np.sin(2 * np.pi * 440 * turns)).astype("<i2").tobytes())
    place = {"response_id": "r", "item_id": "a", "output_index": 0, "content_index": 0}

    def answer(peer: RawPeer) -> None:
        peer.accept()
        say(peer, "session.created", session=SESSION)
        asked.append(hear(peer)["session"])
        say(peer, "session.updated", session=SESSION)
        say(peer, "input_audio_buffer.speech_started", item_id="u", audio_start_ms=0)
        while len(heard) < 8_000:
            heard.extend(b64decode(hear(peer)["audio"]))
        say(peer, "input_audio_buffer.speech_stopped", item_id="u", audio_end_ms=1000)
        say(peer, "response.created", response={"id": "r", "status": "in_progress"})
        say(peer, "response.output_audio_transcript.delta", delta="Beep.", **place)
        say(peer, "response.output_audio.delta", delta=b64encode(tone).decode(), **place)
        say(peer, "response.output_audio.done", **place)
        say(peer, "response.done", response={"id": "r", "status": "completed"})
        while peer.frame()[0] != CLOSE:
            pass
        peer.send(CLOSE, close_payload(1000, ""))

    with scripted(answer) as server:
        run = talk(
            *("--url", f"http://127.0.0.1:{server.port}/v1", "--voice", "cedar"),
            *inputs("hello"),
            "--output",
            tmp_path / "a.wav",
        )
    assert (run.returncode, run.stderr) == (0, "")
    assert "assistant: Beep." in run.stdout.splitlines()
    (session,) = asked
    assert session["audio"]["output"] == {"voice": "cedar"}  # type: ignore[index]
    with wave.open(str(tmp_path / "a.wav"), "rb") as file:
        rate, sound = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2")
    loud = np.flatnonzero(np.abs(sound) > 1000)
    assert (loud[-1] - loud[0]) / rate == pytest.approx(1.0, abs=0.01)


def test_an_answer_that_does_not_begin_is_told(tmp_path: Path) -> None:
    def listen(peer: RawPeer) -> None:
        peer.accept()
        say(peer, "session.created", session=SESSION)
        say(peer, "input_audio_buffer.speech_started", item_id="u", audio_start_ms=0)
        say(peer, "input_audio_buffer.speech_stopped", item_id="u", audio_end_ms=1000)
        peer.expect_end()

    with scripted(listen) as server:
        command = [*TALK, "--url", f"http://127.0.0.1:{server.port}/v1", *inputs("hello")]
        with subprocess.Popen(
            [*command, "--output", str(tmp_path / "a.wav")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=Guard().seconds)
    assert line == "no answer yet: the server has begun none for 5 s\n"
    assert process.returncode == 130


def test_a_server_that_interrupts_by_itself_and_has_other_rates(
    tmp_path: Path, ws_server: Server
) -> None:
    answers = tmp_path / "a.wav"
    with open_front(YandexRules, ws_server) as front:
        run = talk(
            *("--provider", "yandex", "--url", f"{front.url}/v1", "--interruptions", "resume"),
            *inputs("hello"),
            "--output",
            answers,
            YANDEX_API_KEY=ws_server.key,
            YANDEX_FOLDER_ID="b1g",
        )
    assert (run.returncode, run.stderr) == (0, "")
    lines = run.stdout.splitlines()
    assert lines[0].startswith("error: --interruptions has no effect: the server ends a response")
    assert "assistant: I am fine, thank you. What can I do for you?" in lines
    with wave.open(str(answers), "rb") as file:
        assert file.getnframes() > 2 * file.getframerate()


def test_in_a_terminal_the_lines_stay_and_the_level_goes(tmp_path: Path) -> None:
    terminal, keyboard = pty.openpty()
    with subprocess.Popen(
        [*TALK, *inputs("hello"), "--output", str(tmp_path / "a.wav")],
        stdin=keyboard,
        stdout=keyboard,
        stderr=keyboard,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "100"},
    ) as process:
        os.close(keyboard)
        shown = b""
        try:
            while part := os.read(terminal, 65_536):
                shown += part
        except OSError:  # so a terminal says that nobody is left to write to it
            os.close(terminal)
    assert process.returncode == 0
    lines = re.split(r"[\r\n]+", CONTROL.sub("", shown.decode()))
    assert "you: hello how are you today" in lines
    assert "assistant: I am fine, thank you. What can I do for you?" in lines
    assert any("dBFS" in line for line in lines)
    assert not any("Traceback" in line for line in lines)
