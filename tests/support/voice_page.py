"""A user in front of the page of `samples/flask_voice`, and what the browser hears and says."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from attrs import frozen
from embedded import run_server
from guards import GUARD_S
from numpy.typing import NDArray
from playwright.sync_api import Browser, BrowserContext, Locator, Page, WebSocket, expect
from programs import REPOSITORY
from raw_page import PASSWORD, USERS, voice_server
from relay import Relay, relaying
from wsgi_servers import WebServer

__all__ = ["Setup", "Visit", "expect", "serving_the_page", "visiting"]

SAMPLE = REPOSITORY / "samples" / "flask_voice"
Message = dict[str, Any]
T = TypeVar("T")

expect.set_options(timeout=GUARD_S * 1000)

# Copies what the page's nodes give to the sound card, and get from the microphone.
_TAP = """
(() => {
  const code = `registerProcessor("tap", class extends AudioWorkletProcessor {
    process([[samples]]) {
      if (samples) this.port.postMessage(samples.slice());
      return true;
    }
  });`;
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const pieces = { card: [], microphone: [] };
  const connect = AudioNode.prototype.connect;
  const tap = (node, at) =>
    node.context.audioWorklet.addModule(url).then(() => {
      const tap = new AudioWorkletNode(node.context, "tap", { numberOfOutputs: 0 });
      tap.port.onmessage = ({ data }) => pieces[at].push(data);
      connect.call(node, tap);
    });
  AudioNode.prototype.connect = function (target, ...more) {
    if (target instanceof AudioDestinationNode) tap(this, "card");
    if (this instanceof MediaStreamAudioSourceNode) tap(this, "microphone");
    return connect.call(this, target, ...more);
  };
  globalThis.tapped = async (at) => {
    const bytes = new Uint8Array(await new Blob(pieces[at]).arrayBuffer());
    let text = "";
    for (let at = 0; at < bytes.length; at += 32768) {
      text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    }
    return btoa(text);
  };
})();
"""


@frozen
class Setup:
    """The app, and what it and its provider say to each other."""

    app: WebServer
    provider: Relay

    @property
    def url(self) -> str:
        """Of the page."""
        return f"http://localhost:{self.app.port}/"


# Only what is said in the tests: that is recognised ten times as quickly as anything else.
_PHRASES = [
    "hello how are you today",
    "please tell me a story",
    "stop please",
    "what is the weather in london",
    "what time is it",
]
_SERVED = ["--responder", f"scripted:{SAMPLE / 'travel.yaml'}"]
_SERVED += [part for phrase in _PHRASES for part in ("--phrase", phrase)]


@contextmanager
def serving_the_page(folder: Path) -> Iterator[Setup]:
    """Run the app under gunicorn, with the embedded server as its provider."""
    with (
        run_server(*_SERVED) as server,
        relaying(server.url) as relay,
        voice_server(
            "gthread",
            folder,
            {
                "OPENAI_API_KEY": server.key,
                "OPENAI_BASE_URL": relay.url,
                "FLASK_VOICE_DRAIN_S": "1",
            },
            "--threads",
            "25",
        ) as app,
    ):
        yield Setup(app, relay)


class Visit:
    """One browser on the page.

    Attributes:
        page: of playwright.
        said: the messages that the page has sent, in all of its sockets.
        spoken: the sound that it has sent, chunk by chunk.
        told: those that it got, without the sound.
        problems: what went wrong in the page's scripts.
    """

    def __init__(
        self,
        browser: Browser,
        url: str,
        *,
        tapped: bool = False,
        echo_control: bool = True,
        **options: Any,
    ) -> None:
        # The tap is a script that the page's policy would refuse.
        self.context: BrowserContext = browser.new_context(bypass_csp=tapped, **options)
        self.context.set_default_timeout(GUARD_S * 1000)
        self.page: Page = self.context.new_page()
        self.url = url
        self.said: list[Message] = []
        self.spoken: list[bytes] = []
        self.told: list[Message] = []
        self.problems: list[str] = []
        self.page.on("websocket", self._record)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        if tapped:
            self.page.add_init_script(_TAP)
        if not echo_control:  # it would alter what the microphone hears
            self.page.add_init_script('localStorage.setItem("echo-control", "off")')

    def _record(self, socket: WebSocket) -> None:
        def sent(payload: str | bytes) -> None:
            if isinstance(payload, str):
                self.said.append(json.loads(payload))
            else:
                self.spoken.append(payload)

        def received(payload: str | bytes) -> None:
            if isinstance(payload, str):
                self.told.append(json.loads(payload))

        socket.on("framesent", sent)
        socket.on("framereceived", received)

    def log_in(self, name: str = USERS[0]) -> None:
        """Come to the page, by way of the login."""
        self.page.goto(self.url)
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_label("Password").press("Enter")
        expect(self.page.locator("#page:not([inert])")).to_be_visible()

    def write(self, text: str) -> None:
        """Send a message."""
        self.page.locator("#text").fill(text)
        self.page.locator("#text").press("Enter")

    def is_in(self, *states: str) -> None:
        """Wait until the page is in one of these states."""
        names = re.compile("|".join(states))
        expect(self.page.locator("#page")).to_have_attribute("data-state", names)

    def rows(self, role: str) -> Locator:
        """Return what stands in the transcript of one side: user, assistant, tool, handoff."""
        return self.page.locator(f'#transcript li[data-role="{role}"]')

    def words(self, role: str) -> list[str]:
        """Return the words of these rows."""
        return self.rows(role).locator(".words").all_inner_texts()

    def until(self, condition: Callable[[], T], what: str) -> T:
        """Wait for something that the browser tells meanwhile."""
        give_up = time.monotonic() + GUARD_S
        while not (found := condition()):
            assert time.monotonic() < give_up, f"{what} did not come: {self.told[-5:]}"
            self.page.wait_for_timeout(10)
        return found

    def of(self, record: list[Message], type: str) -> list[Message]:
        """Return the messages of one type."""
        return [each for each in record if each["type"] == type]

    def played(self, item_id: str) -> list[int]:
        """Return the samples of an item that the page said to have played, report by report."""
        reports = self.of(self.said, "played")
        return [each["samples"] for each in reports if each["item_id"] == item_id]

    def waits_for_answer(self, number: int) -> str:
        """Wait until all sound of so many answers has come; return the item of the last."""
        done = self.until(lambda: self.of(self.told, "audio_done")[number - 1 :], "the answer")
        return str(done[0]["item_id"])

    def has_heard(self, item_id: str, samples: NDArray[np.int16]) -> None:
        """Wait until the page says that it has played all of an answer."""
        self.until(lambda: self.played(item_id)[-1:] == [len(samples)], "the end of the answer")

    def heard(self, at: str = "card") -> NDArray[np.int16]:
        """Return all sound for the card, or from the microphone, from its first sample on."""
        pcm = base64.b64decode(self.page.evaluate("at => tapped(at)", at))
        scaled = np.floor(np.frombuffer(pcm, "<f4") * np.float64(32768) + 0.5)  # as Math.round()
        samples = scaled.clip(-32768, 32767).astype(np.int16)
        return samples[np.flatnonzero(samples)[0] :] if samples.any() else samples


@contextmanager
def visiting(browser: Browser, url: str, user: str = USERS[0], **options: Any) -> Iterator[Visit]:
    """Log somebody in; in the end no talk is left, and nothing has gone wrong in the page."""
    visit = Visit(browser, url, **options)
    try:
        visit.log_in(user)
        yield visit
    finally:
        for page in visit.context.pages:
            if page.locator("#end:enabled").count():
                page.locator("#end").click()
        visit.context.close()
    assert visit.problems == []
