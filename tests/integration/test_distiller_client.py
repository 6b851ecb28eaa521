"""The client and its sessions on real links: from the key to the last answer."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from distiller_peer import ACCOUNT, DistillerLine, DistillerPeer
from http_recorder import reply

from realtime_sync import AIRefinery, AuthenticationError, ConcurrencyError, ConfigError, Local
from realtime_sync.distiller import DistillerSession, RealtimeDistiller
from realtime_sync.errors import ProjectDownloadError, UserAlreadyConnectedError

pytestmark = pytest.mark.timeout(60)

AGENT = {"agent_name": "Assistant", "agent_class": "CustomAgent"}


def answer_questions(line: DistillerLine) -> None:
    line.begin()
    while True:
        line.expect("input_text")
        line.answer("Hello")


def test_a_whole_program(tmp_path: Path) -> None:
    file = tmp_path / "project.yaml"
    file.write_text("name: Assistant\nutility_agents: [{agent_name: '${name}', agent_class: X}]\n")
    with DistillerPeer(answer_questions) as peer, AIRefinery("key", peer.base_url) as client:
        distiller = client.realtime_distiller
        assert distiller.create_project(project="tutor", config_path=file) is True
        with distiller(project="tutor", uuid="ann", project_version="0") as session:
            session.send_text_query("Hello!")
            own = [response["type"] for response in session.get_responses(timeout=30)]
            distiller.send_text_query("Hello again!")  # as the documents write it, too
            forwarded = [response["type"] for response in distiller.get_responses(timeout=30)]
        assert (own[0], own[1:]) == ("session.created", forwarded)
        assert forwarded[-1] == "response.done"
        (line,) = peer.lines
        assert line.target == f"/distiller/realtime/{ACCOUNT}/tutor:0/ann"
        assert line.headers["authorization"] == "Bearer key"
        assert (line.headers["airefinery_account"], line.headers["sdk_version"]) == (
            ACCOUNT,
            "1.33.2",
        )
    assert [asked.target for asked in peer.posted] == [
        "/authentication/validate",
        "/distiller/create",
        "/distiller/download",
    ]


def test_agents_of_the_downloaded_project_run_here() -> None:
    def ask(line: DistillerLine) -> None:
        line.begin()
        line.send(
            {"role": "Assistant", "status": "wait", "request_id": "1", "kwargs": {"query": "x"}}
        )
        assert line.expect_answer()["request_args"]["content"] == "xx"
        line.answer("done")

    functions = {"Assistant": lambda query: query * 2}
    config = {"utility_agents": [AGENT]}
    with DistillerPeer(ask, config=config) as peer, AIRefinery("key", peer.base_url) as client:
        opened = client.realtime_distiller(project="p", uuid="u", executor_dict=functions)
        with opened as session:
            assert [r["type"] for r in session.get_responses(timeout=30)][-1] == "response.done"


def test_sessions_after_and_beside_each_other() -> None:
    """Nothing of a session is left for the next one, whatever its state was."""
    with DistillerPeer(answer_questions) as peer, AIRefinery("key", peer.base_url) as client:
        distiller = client.realtime_distiller
        for _ in range(2):
            with distiller(project="p", uuid="u"):
                distiller.send_text_query("Hello!")  # and nobody takes the answer
        with distiller(project="p", uuid="u") as one, distiller(project="p", uuid="v") as two:
            with pytest.raises(ConcurrencyError):
                distiller.send_text_query("Who?")
            for session in (one, two):
                session.send_text_query("Hello!")
                assert [r["type"] for r in session.get_responses(timeout=30)][-1] == "response.done"
        with pytest.raises(ConfigError):
            distiller.commit_audio()
    assert len(peer.lines) == 4


def test_what_keeps_a_session_from_opening() -> None:
    def busy(line: DistillerLine) -> None:
        line.close(1011, "User is already connected")

    with DistillerPeer(busy) as peer, AIRefinery("key", peer.base_url) as client:
        opened = client.realtime_distiller(project="p", uuid="u")
        with pytest.raises(UserAlreadyConnectedError):
            opened.enter()
        peer.replies["/distiller/download"] = reply(404, {"detail": "no such project"})
        with pytest.raises(ProjectDownloadError, match="no such project"):
            opened.enter()
        assert len(peer.lines) == 1
    with DistillerPeer() as peer, AIRefinery("key", peer.base_url) as client:
        peer.replies["/authentication/validate"] = reply(401, {"detail": "unknown key"})
        with pytest.raises(AuthenticationError, match="unknown key"):
            client.realtime_distiller(project="p", uuid="u").enter()
        assert peer.lines == []


def test_every_method_of_a_session_is_the_client_s_too() -> None:
    # What a program does not call while it talks: the end, and what the audio loop consumes by.
    left_out = {"close", "poll", "wake"}
    methods = {name for name, value in vars(DistillerSession).items() if callable(value)}
    methods = {name for name in methods if not name.startswith("_")} - left_out
    assert methods <= set(dir(RealtimeDistiller))


def test_a_client_of_the_embedded_server_keeps_it_running() -> None:
    client = Local().airefinery()
    gc.collect()
    with client:
        assert client.realtime_distiller.account == "local"


def test_a_session_that_is_forgotten_is_told_of_and_ends() -> None:
    with DistillerPeer(answer_questions) as peer, AIRefinery("key", peer.base_url) as client:
        sessions = [client.realtime_distiller(project="p", uuid="u").enter()]
        with pytest.warns(ResourceWarning, match="unclosed"):
            sessions.clear()
        with pytest.raises(ConfigError):
            client.realtime_distiller.send_text_query("Hello!")
