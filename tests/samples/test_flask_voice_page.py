"""The page of `samples/flask_voice` in a real browser, with gunicorn and the embedded server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from browser import serving_pages
from chromium import Browsers, browsers, check_picture, needs_chromium, write_speech
from fault_proxy import FaultProxy
from numpy.typing import NDArray
from playwright.sync_api import Browser, FilePayload, Page, Route
from raw_page import USERS
from voice_page import Setup, Visit, expect, serving_the_page, visiting

pytestmark = [
    pytest.mark.timeout(120),
    needs_chromium,
    pytest.mark.xdist_group("browser"),
]
FADE = 128  # samples, of the page's player
SAMPLES_PER_MS = 24
Samples = NDArray[np.int16]


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    with serving_the_page(tmp_path_factory.mktemp("app")) as found:
        yield found


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browsers]:
    with browsers() as found:
        yield found


@pytest.fixture(scope="module")
def browser(chromium: Browsers) -> Browser:
    """A browser whose microphone hears nothing."""
    return chromium.start()


@pytest.fixture
def visit(browser: Browser, setup: Setup) -> Iterator[Visit]:
    """Somebody who is logged in, and has no microphone yet."""
    with visiting(browser, setup.url) as visit:
        yield visit


def take(heard: Samples, said: Samples) -> Samples:
    """Check that ``heard`` begins with all of ``said``, bit for bit; return what comes behind.

    Left out are silences: before it, and where sound came too late on a busy machine, which the
    player fills with zeros.
    """
    said = np.trim_zeros(said)
    while len(said):
        heard = np.trim_zeros(heard, "f")
        size = min(len(heard), len(said))
        alike = np.append(heard[:size] == said[:size], False).argmin()
        assert alike > 0, f"{len(said)} samples were not heard"
        heard, said = heard[alike:], np.trim_zeros(said[alike:], "f")
    return heard


# -- sound -----------------------------------------------------------------------------------------


def test_an_interruption_is_exact(chromium: Browsers, setup: Setup, tmp_path: Path) -> None:
    browser = chromium.start(speech=write_speech(tmp_path / "speech.wav", ["stop"]))
    with visiting(browser, setup.url, tapped=True, echo_control=False) as visit:
        visit.write("tell me a story")
        visit.is_in("speaking")
        visit.page.locator("#microphone").press("Enter")
        first, second = visit.waits_for_answer(1), visit.waits_for_answer(2)
        visit.has_heard(second, setup.provider.samples(second))
        visit.is_in("listening")
        assert visit.words("user") == ["tell me a story", "stop please"]
        assert visit.words("assistant")[1] == "All right, I stopped."
        expect(visit.rows("assistant").first).to_have_class("interrupted")
        expect(visit.rows("assistant").locator(".latency").last).to_contain_text("heard after")
        story, answer = setup.provider.samples(first), setup.provider.samples(second)
        counted, heard = visit.played(first)[-1], visit.heard()
    browser.close()

    # Of what was interrupted so much was heard as the page has said, and the provider knows. Then
    # it fades out, and the second answer is heard to its end.
    assert 0 < counted < len(story)
    assert setup.provider.truncations(first) == [counted // SAMPLES_PER_MS]
    rest = take(heard, story[:counted])
    fading = story[counted : counted + FADE] * (1 - np.arange(1, FADE + 1) / FADE)
    behind = rest[np.flatnonzero(story[:counted][::-1])[0] :]
    assert np.max(np.abs(behind[:FADE] - fading)) < 2
    assert not take(behind[FADE:], answer).any()


# A network that takes 1.5 times what the microphone gives, at 44.1 kHz.
_SLOW = """
(() => {
  const send = WebSocket.prototype.send;
  let buffered = 0;
  let since = 0;
  const left = () => Math.max(0, buffered - (performance.now() - since) * 0.001 * RATE);
  WebSocket.prototype.send = function (data) {
    if (data instanceof ArrayBuffer) {
      buffered = left() + data.byteLength;
      since = performance.now();
    }
    send.call(this, data);
  };
  Object.defineProperty(WebSocket.prototype, "bufferedAmount", { get: left });
})();
""".replace("RATE", str(int(44100 * 2 * 1.5)))


def test_who_speaks_early_is_heard(chromium: Browsers, setup: Setup, tmp_path: Path) -> None:
    browser = chromium.start(speech=write_speech(tmp_path / "speech.wav", ["time"]))
    with visiting(browser, setup.url, tapped=True, echo_control=False) as visit:
        visit.page.add_init_script(_SLOW)
        visit.page.reload()
        waiting: list[Route] = []
        visit.page.route("**/talks", lambda route: waiting.append(route))
        visit.page.locator("#microphone").click()
        level = visit.page.locator("#level")
        visit.until(lambda: level.evaluate("meter => meter.value > 0.3"), "a loud voice")
        assert visit.spoken == []
        visit.until(lambda: waiting, "the page's request")[0].continue_()
        visit.waits_for_answer(1)
        assert visit.words("user") == ["what time is it"]
        rate, chunks = visit.said[0]["rate"], [*visit.spoken]
        given = np.trim_zeros(visit.heard("microphone"))
    browser.close()

    # And it was sent as the microphone has given it, in chunks of 20 ms.
    assert {len(chunk) for chunk in chunks} == {rate // 50 * 2}
    assert len(given) > rate
    sent = np.trim_zeros(np.frombuffer(b"".join(chunks), "<i2"))
    assert not take(sent, given).any()


def test_three_talk_at_once(chromium: Browsers, setup: Setup, tmp_path: Path) -> None:
    asked = {
        "time": "what time is it",
        "hello": "hello how are you today",
        "weather": "what is the weather in london",
    }
    visits: dict[str, Visit] = {}
    with ExitStack() as stack:
        for name, user in zip(asked, USERS, strict=True):
            browser = chromium.start(speech=write_speech(tmp_path / f"{name}.wav", [name]))
            stack.callback(browser.close)
            visits[name] = stack.enter_context(
                visiting(browser, setup.url, user, tapped=True, echo_control=False)
            )
        for visit in visits.values():
            visit.page.locator("#microphone").click()
        for name, visit in visits.items():
            item_id = visit.waits_for_answer(1)
            visit.has_heard(item_id, setup.provider.samples(item_id))
            assert visit.words("user") == [asked[name]]
            assert not take(visit.heard(), setup.provider.samples(item_id)).any()


def test_the_stop_key_is_exact(visit: Visit, setup: Setup) -> None:
    visit.write("tell me a story")
    visit.is_in("speaking")
    item_id = visit.until(lambda: visit.of(visit.told, "audio"), "sound")[0]["item_id"]
    visit.until(lambda: visit.played(item_id)[2:], "a beginning")
    visit.page.keyboard.press("Escape")
    visit.until(lambda: visit.of(visit.said, "interrupt"), "the interruption")
    visit.is_in("written")
    visit.until(lambda: setup.provider.truncations(item_id), "the provider's knowledge")
    assert setup.provider.truncations(item_id) == [visit.played(item_id)[-1] // SAMPLES_PER_MS]
    assert visit.said[-1] == {"type": "interrupt"} or visit.said[-1]["type"] == "cleared"
    expect(visit.rows("assistant")).to_have_class("interrupted")


# -- lost and found --------------------------------------------------------------------------------


def test_a_lost_network(browser: Browser, setup: Setup) -> None:
    with FaultProxy(setup.url) as network, visiting(browser, network.url, tapped=True) as visit:
        lose_the_network(visit, network)
        item_id = visit.of(visit.told, "audio")[0]["item_id"]
        visit.has_heard(item_id, setup.provider.samples(item_id))
        assert not take(visit.heard(), setup.provider.samples(item_id)).any()
        assert visit.words("user") == ["count to eight"]


def lose_the_network(visit: Visit, network: FaultProxy) -> None:
    """Twice: the link breaks, and the machine has no network for a while."""
    visit.write("count to eight")
    visit.is_in("speaking")
    # A proxy in front that does not reach the server is no word of the server's.
    visit.page.route("**/talks", lambda route: route.fulfill(status=502, body="?"), times=1)
    network.cut()
    visit.until(lambda: len(visit.of(visit.told, "ready")) == 2, "the second socket")
    visit.context.set_offline(True)
    visit.is_in("reconnecting")
    expect(visit.page.locator("#notice")).to_contain_text("Trying again for")
    visit.context.set_offline(False)
    visit.until(lambda: len(visit.of(visit.told, "ready")) == 3, "the third socket")
    expect(visit.page.locator("#notice")).to_be_hidden()


def test_a_reload_goes_on(browser: Browser, setup: Setup) -> None:
    with visiting(browser, setup.url, tapped=True) as visit:
        visit.write("count to eight")
        visit.is_in("speaking")
        item_id = visit.until(lambda: visit.of(visit.told, "audio"), "sound")[0]["item_id"]
        visit.until(lambda: visit.played(item_id)[4:], "a beginning")
        visit.page.reload()
        visit.is_in("speaking")
        visit.has_heard(item_id, setup.provider.samples(item_id))
        again = visit.of(visit.told, "audio")[-1]["from"]
        assert again in visit.played(item_id), "where the page was when it was loaded again"
        assert not take(visit.heard(), setup.provider.samples(item_id)[again:]).any()
        assert visit.words("user") == ["count to eight"]
        assert len(visit.words("assistant")) == 1


# -- what is shown and done ------------------------------------------------------------------------


def test_tools_consent_and_handoff(visit: Visit) -> None:
    visit.write("what time is it")
    expect(visit.rows("assistant")).to_contain_text("It is")
    expect(visit.rows("tool")).to_contain_text("get_time() has returned: ")
    visit.write("i want to book a trip")
    expect(visit.rows("handoff")).to_have_text("Guide hands over to Booking")
    expect(visit.page.locator("#agent")).to_have_text("Booking")
    for city, choice, outcome in (
        ("Rome", "Reject", "rejected"),
        ("Paris", "Always approve", "booked"),
    ):
        visit.write(f"book a trip to {city}")
        visit.is_in("asking")
        visit.page.get_by_role("button", name=f"{choice} book_trip", exact=True).click()
        expect(visit.rows("tool").last).to_contain_text(outcome)
        expect(visit.page.locator(".choice")).to_have_count(0)
    expect(visit.rows("assistant").last).to_contain_text(
        "About your trip: a trip to Paris is booked"
    )
    visit.write("book a trip to Oslo")
    expect(visit.rows("tool").last).to_contain_text("a trip to Oslo is booked")
    assert len(visit.of(visit.said, "approve")) == 2, "the third time nobody is asked"
    roles = visit.page.locator("#transcript li").evaluate_all(
        "rows => rows.map(r => r.dataset.role)"
    )
    assert roles[:3] == ["user", "tool", "assistant"]
    assert [role for role in roles if role != "assistant"] == [
        *("user", "tool", "user", "handoff", *("user", "tool") * 3)
    ]


def test_images(visit: Visit, setup: Setup) -> None:
    picture: FilePayload = {
        "name": "picture.png",
        "mimeType": "image/png",
        "buffer": visit.page.screenshot(),
    }
    visit.page.locator("#text").fill("look at this picture")
    visit.page.locator("#image").set_input_files(picture)
    expect(visit.rows("user").locator("canvas")).to_have_count(1)
    expect(visit.rows("assistant")).to_contain_text("Thank you for the picture.")
    for kind in ("paste", "drop"):
        visit.page.evaluate(GIVE_IMAGE, kind)
    expect(visit.rows("user").locator("canvas")).to_have_count(3)
    items = [each["item"] for each in setup.provider.asked if "item" in each]
    parts = [part for item in items for part in item.get("content", [])]
    urls = [part["image_url"] for part in parts if part["type"] == "input_image"]
    assert [url.partition(",")[0] for url in urls] == ["data:image/jpeg;base64"] * 3
    visit.page.locator("#image").set_input_files(picture | {"buffer": b"no picture"})
    expect(visit.page.locator("#notice")).to_contain_text("no image")


def test_rows_stand_where_they_belong(visit: Visit) -> None:
    keys = visit.page.evaluate("""async () => {
        const { Transcript } = await import("/static/transcript.js");
        const transcript = new Transcript(document.createElement("ol"), () => {});
        const item = (item_id, after, text) => transcript.show({
            type: "item", item_id, after, text, role: "user", images: 0, final: true,
        });
        item("a", null, "a");
        transcript.show({ type: "tool", call_id: "t", name: "t", arguments: "{", state: "done" });
        item("c", null, "c");
        item("b", "a", "b");
        item("a", null, "A");
        item("d", "c", "d");
        item("e", "d", "e");
        transcript.show({ type: "gone", item_id: "d" });
        transcript.show({ type: "words", item_id: "e", delta: "!" });
        return [...transcript.list.children].map((row) => row.querySelector(".words").textContent);
    }""")
    assert keys == ["A", "({) has returned: undefined", "b", "c", "e!"]


GIVE_IMAGE = """async (kind) => {
  const canvas = document.createElement("canvas");
  const blob = await new Promise((done) => canvas.toBlob(done));
  const given = new DataTransfer();
  given.items.add(new File([blob], "a.png", { type: "image/png" }));
  const event = kind === "paste" ? new ClipboardEvent(kind, { clipboardData: given })
                                 : new DragEvent(kind, { dataTransfer: given });
  document.dispatchEvent(event);
}"""


def test_the_keyboard(visit: Visit) -> None:
    page = visit.page
    names = []
    page.locator("body").focus()
    while "Write instead" not in names:
        page.keyboard.press("Tab")
        names.append(
            page.evaluate("document.activeElement.ariaLabel || document.activeElement.innerText")
        )
        style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert style == "solid", f"one sees that {names[-1]} has the focus"
        assert len(names) < 50
    assert [name for name in names if name in ("Start talking", "Send an image")] == [
        *("Start talking", "Send an image")
    ]
    page.locator("#microphone").press("Space")
    visit.is_in("listening")
    assert page.locator("#microphone").get_attribute("aria-label") == "Turn the microphone off"
    page.locator("#microphone").press("Enter")
    visit.is_in("muted")
    page.locator("#end").press("Enter")
    visit.is_in("idle")
    expect(page.locator("#notice")).to_contain_text("The conversation is over.")


def test_echo_control_is_kept(visit: Visit) -> None:
    switch = visit.page.get_by_role("switch", name="Echo control")
    expect(switch).to_be_checked()
    visit.page.locator("#microphone").click()
    visit.is_in("listening")
    switch.click()
    visit.is_in("listening")
    visit.page.reload()
    expect(switch).not_to_be_checked()
    visit.is_in("listening")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_looks(browser: Browser, setup: Setup, scheme: str) -> None:
    narrow = {"width": 360, "height": 720}
    with visiting(
        browser, setup.url, color_scheme=scheme, reduced_motion="reduce", viewport=narrow
    ) as visit:
        page = visit.page
        visit.write("i want to book a trip")
        expect(visit.rows("handoff")).to_have_count(1)
        expect(page.locator(".latency")).to_have_count(1)
        visit.write("book a trip to Rome")
        visit.is_in("asking")
        red, green, blue = colours(page, "body", "backgroundColor")
        assert (red + green + blue < 384) == (scheme == "dark")
        for name in ("body", ".user", "#state", ".choice button", "#transcript li"):
            assert contrast(page, name) >= 4.5, f"{name} can be read"
        check_picture(visit.page, f"flask_voice_narrow_{scheme}")
        page.set_viewport_size({"width": 900, "height": 720})
        check_picture(visit.page, f"flask_voice_{scheme}")
        page.set_viewport_size(narrow)
        page.get_by_role("button", name="Approve book_trip", exact=True).click()
        visit.write("a" * 1000)
        expect(visit.rows("user")).to_have_count(3)
        assert page.evaluate("document.documentElement.scrollWidth") <= narrow["width"]
        assert page.evaluate("document.getAnimations().length") == 0


def colours(page: Page, selector: str, property: str) -> tuple[float, ...]:
    """Return a computed colour, from 0 to 255."""
    style = page.locator(selector).first.evaluate(
        """(each, property) => {
            const colour = () => getComputedStyle(each)[property];
            while (colour() === "rgba(0, 0, 0, 0)") each = each.parentElement;
            return colour();
        }""",
        property,
    )
    return tuple(float(each) for each in re.findall(r"[\d.]+", style)[:3])


def contrast(page: Page, selector: str) -> float:
    """Return how much ink and ground differ, as WCAG reckons it: 1 is nothing, 21 all."""

    def luminance(property: str) -> float:
        parts = [each / 255 for each in colours(page, selector, property)]
        linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((luminance("color"), luminance("backgroundColor")))
    return (lighter + 0.05) / (darker + 0.05)


# -- what goes wrong -------------------------------------------------------------------------------


def test_no_microphone(chromium: Browsers, setup: Setup) -> None:
    # Not the card of this machine, nor that of another test.
    no_card = {"PULSE_SERVER": "unix:/nowhere", "ALSA_CONFIG_PATH": "/dev/null"}
    for start, words in (
        ({"allowed": False}, "may not use the microphone"),
        (
            {"allowed": True, "fake_microphone": False, "environment": no_card},
            "There is no microphone",
        ),
    ):
        browser = chromium.start(autoplay=False, **start)
        with visiting(browser, setup.url) as visit:
            visit.page.locator("#microphone").click()
            expect(visit.page.locator("#notice")).to_contain_text(words)
            visit.write("hello")
            expect(visit.rows("assistant")).to_contain_text("Hello!")
            if not start["allowed"]:
                join_in_another_tab(visit)
        browser.close()


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        ('Object.defineProperty(navigator, "mediaDevices", {})', "only over HTTPS"),
        ("navigator.mediaDevices.getUserMedia = REFUSE", "Another program uses"),
    ],
)
def test_microphones_that_do_not_start(visit: Visit, break_it: str, words: str) -> None:
    refuse = '() => Promise.reject(new DOMException("", "NotReadableError"))'
    visit.page.evaluate(f"() => {{ {break_it.replace('REFUSE', refuse)} }}")
    visit.page.locator("#microphone").click()
    expect(visit.page.locator("#notice")).to_contain_text(words)
    visit.is_in("written")


def test_a_microphone_is_unplugged(visit: Visit) -> None:
    visit.page.evaluate("""() => {
        const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (wanted) => {
            globalThis.stream = await open(wanted);
            return stream;
        };
    }""")
    visit.page.locator("#microphone").click()
    visit.is_in("listening")
    visit.page.evaluate('stream.getAudioTracks()[0].dispatchEvent(new Event("ended"))')
    expect(visit.page.locator("#notice")).to_contain_text("The microphone has gone.")
    visit.is_in("written")
    visit.page.locator("#microphone").click()
    visit.is_in("listening")


def test_no_microphone_stays_on_after_an_early_end(visit: Visit) -> None:
    """Browsers ask the user first, who may end the talk before the answer."""
    visit.page.evaluate("""() => {
        const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        globalThis.asked = new Promise((tell) => {
            navigator.mediaDevices.getUserMedia = async (wanted) => {
                await new Promise((allow) => tell({ allow }));
                return (globalThis.stream = await open(wanted));
            };
        });
    }""")
    visit.page.locator("#microphone").click()
    visit.page.evaluate("async () => { globalThis.user = await asked; }")
    visit.page.locator("#end").click()
    visit.page.evaluate("user.allow()")
    over = "globalThis.stream?.getTracks()[0].readyState == 'ended'"
    visit.until(lambda: visit.page.evaluate(over), "the end of the microphone")
    visit.is_in("idle")


def test_an_early_end_gives_the_line_back(visit: Visit) -> None:
    """The talk is there as soon as its ticket is, and would wait for a page."""
    asked: list[Route] = []
    visit.page.route("**/talks", lambda route: asked.append(route))
    with visit.page.expect_request("**/talks"):
        visit.page.locator("#microphone").click()
    visit.page.locator("#end").click()
    with visit.page.expect_response(lambda answer: answer.request.method == "DELETE") as given_up:
        asked[0].continue_()
    assert given_up.value.status == 204


def join_in_another_tab(visit: Visit) -> None:
    """Open a tab as a reload would: with the talk's id, and before anybody has clicked on it."""
    kept = visit.page.evaluate("sessionStorage.talk")
    other = visit.context.new_page()
    other.add_init_script(f"sessionStorage.talk = {json.dumps(kept)}")
    other.add_init_script(TELL_WHEN_LOCKED)
    # Nothing is asked of the tab before it tells, for a driver's questions count as clicks.
    with other.expect_console_message(lambda message: "before you have clicked" in message.text):
        other.goto(visit.url)
    expect(visit.page.locator("#notice")).to_contain_text("goes on in another tab")
    other.locator("body").click()
    expect(other.locator("#unlock")).to_be_hidden()


TELL_WHEN_LOCKED = """new MutationObserver(() => {
  const unlock = document.getElementById("unlock");
  if (unlock && !unlock.hidden) console.log(unlock.textContent);
}).observe(document, { subtree: true, attributes: true });"""


def test_the_door(visit: Visit, browser: Browser, setup: Setup) -> None:
    stranger = Visit(browser, setup.url)
    stranger.page.goto(setup.url)
    assert stranger.page.url.endswith("/login")
    stranger.page.get_by_label("Name").fill("ada")
    stranger.page.get_by_label("Password").fill("guessed")
    stranger.page.get_by_role("button", name="Log in").click()
    expect(stranger.page.get_by_role("alert")).to_contain_text("wrong")
    stranger.context.close()

    with serving_pages() as pages:  # another site, which has the cookies all the same
        pages.pages["/"] = "a foreign page"
        foreign = visit.context.new_page()
        foreign.goto(f"http://localhost:{pages.port}/")
        for attempt in (OPEN_SOCKET, ASK_FOR_TALK):
            assert foreign.evaluate(attempt, setup.url) == "refused"
    visit.write("hello")
    visit.is_in("speaking")
    other = visit.context.new_page()
    other.goto(setup.url)
    other.get_by_role("button", name="Log out").click()
    visit.is_in("idle")
    expect(visit.page.locator("#notice")).to_contain_text("logged out")


OPEN_SOCKET = """(url) => new Promise((done) => {
  const socket = new WebSocket(`${url.replace("http", "ws")}talk?ticket=x`);
  socket.onopen = () => done("open");
  socket.onerror = () => done("refused");
})"""
ASK_FOR_TALK = """(url) => fetch(`${url}talks`, {
  method: "POST", credentials: "include", headers: {"Content-Type": "application/json"}, body: "{}"
}).then(() => "taken", () => "refused")"""


def test_limits_are_told(visit: Visit) -> None:
    pages = [visit.page, visit.context.new_page(), visit.context.new_page()]
    for page in pages:
        page.goto(visit.url)
        page.locator("#microphone").click()
        page.wait_for_timeout(1)
        expect(page.locator("#page")).not_to_have_attribute("data-state", "connecting")
    expect(pages[2].locator("#notice")).to_contain_text("more than 2 at a time")
