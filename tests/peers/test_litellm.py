"""LiteLLM's proxy stands between clients and the embedded server, as OpenAI's and as Azure's."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from attrs import frozen
from embedded import Server, question, run_server, silence
from guards import Guard
from openai_peer import Peer, sync_peer
from peers import WEATHER, litellm_python, versions

from realtime_sync import OpenAI

pytestmark = pytest.mark.timeout(300)  # the proxy takes a quarter of a minute to start

# The names under which the proxy knows the server, and how it reaches it.
ROUTES: dict[str, dict[str, Any]] = {
    "plain": {"model": "openai/gpt-realtime", "scheme": "http"},
    "secure": {"model": "openai/gpt-realtime", "scheme": "https"},
    "azure": {"model": "azure/gpt-realtime", "scheme": "https", "realtime_protocol": "GA"},
    "azure-preview": {
        "model": "azure/gpt-realtime",
        "scheme": "https",
        "realtime_protocol": "beta",
        "api_version": "2025-04-01-preview",
    },
}


@frozen
class Upstream:
    """The embedded server twice, and who signed the second one's certificate."""

    plain: Server
    secure: Server
    ca_file: Path

    def parameters(self, model: str, scheme: str, **more: str) -> dict[str, str]:
        """Return how the proxy is told to reach it."""
        server = self.plain if scheme == "http" else self.secure
        root = server.url.removesuffix("/v1")
        return {
            "model": model,
            "api_base": root if model.startswith("azure/") else server.url,
            "api_key": server.key,
            **more,
        }


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    folder = tmp_path_factory.mktemp("tls")
    ca, pem = trustme.CA(), folder / "server.pem"
    ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
    ca.cert_pem.write_to_path(folder / "ca.pem")
    with run_server() as plain, run_server("--tls-cert", str(pem), ca=ca) as secure:
        yield Upstream(plain, secure, folder / "ca.pem")


@pytest.fixture(scope="module")
def proxy(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The proxy, looking like a server."""
    python = litellm_python()
    folder = tmp_path_factory.mktemp("litellm")
    key = f"sk-{secrets.token_hex(32)}"  # it refuses one that is easily guessed
    models = [
        {"model_name": name, "litellm_params": upstream.parameters(**how)}
        for name, how in ROUTES.items()
    ]
    config = {"model_list": models, "general_settings": {"master_key": key}}
    (folder / "config.yaml").write_text(json.dumps(config))
    # Its list of prices would come from the network.
    environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "SSL_CERT_FILE": str(upstream.ca_file)}
    log = folder / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [python, "-c", _PROXY, "--config=config.yaml", "--host=127.0.0.1", "--port=0"],
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        ) as process,
    ):
        try:
            yield Server(f"{_address(process, log)}/v1", key, process)
        finally:
            process.terminate()


_PROXY = """
import sys
from importlib.metadata import version
from litellm import run_server
print("version", version("litellm"), "on", sys.version.split()[0], flush=True)
run_server()
"""


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Return the URL of the proxy as soon as it has told it."""

    def running() -> re.Match[str] | None:
        text = log.read_text(errors="replace")
        if process.poll() is not None:
            pytest.fail(f"LiteLLM has ended with {process.returncode}\n{text}", pytrace=False)
        return re.search(r"version (\S+) on (\S+)[^$]*running on (http://[\d.:]+)", text)

    found = Guard(200).until(running, "LiteLLM's start")
    versions.add(f"litellm {found[1]}, python {found[2]}")
    return found[3]


@pytest.fixture(params=ROUTES)
def peer(request: pytest.FixtureRequest, proxy: Server) -> Iterator[Peer]:
    """The published client, which validates each event, behind the proxy."""
    for made in sync_peer(proxy, request.param):
        assert made.next()["session"]["model"] == "gpt-realtime"
        yield made


def test_text_turn(peer: Peer) -> None:
    peer.ask_for(output_modalities=["text"])
    peer.write("Hello!")
    peer.response.create()
    assert peer.answer()["output"][0]["content"][0]["text"] == "Hello! How can I help you?"


def test_spoken_turn(peer: Peer) -> None:
    peer.ask_for(audio={"input": {"transcription": {"model": "gpt-4o-mini-transcribe"}}})
    peer.speak(question("hello") + silence(1_500))
    said = peer.answer()["output"][0]["content"][0]["transcript"]
    assert said == "I am fine, thank you. What can I do for you?"
    (heard,) = peer.all("conversation.item.input_audio_transcription.completed")
    assert heard["transcript"] == "hello how are you today"
    assert 1 < len(peer.audio()) / 48_000 < 6


def test_function_call(peer: Peer) -> None:
    peer.ask_for(output_modalities=["text"], tools=[{"type": "function", **WEATHER["tool"]}])
    peer.write("What is the weather in London?")
    peer.response.create()
    (call,) = peer.answer()["output"]
    assert json.loads(call["arguments"]) == {"city": "London"}
    output = {"type": "function_call_output", "call_id": call["call_id"]}
    peer.conversation.item.create(item={**output, "output": WEATHER["tool_output"]})
    peer.response.create()
    said = peer.answer()["output"][0]["content"][0]["text"]
    assert said == "The weather in London is sunny, 21 degrees."


@pytest.mark.parametrize("model", ROUTES)
def test_our_client(proxy: Server, model: str) -> None:
    with (
        OpenAI(api_key=proxy.key, base_url=proxy.url) as client,
        client.realtime.connect(model=model) as connection,
    ):
        assert connection.ask("Hello!").text == "Hello! How can I help you?"
