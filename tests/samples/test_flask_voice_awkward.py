"""The page of `samples/flask_voice` with a quick user, a bad network, or no server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from chromium import browsers, needs_chromium
from playwright.sync_api import Browser, Route
from voice_page import Setup, Visit, expect, serving_the_page, visiting

pytestmark = [
    pytest.mark.timeout(120),
    needs_chromium,
    pytest.mark.xdist_group("browser"),
]


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    with serving_the_page(tmp_path_factory.mktemp("app")) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsers() as found:
        yield found.start()


@pytest.fixture
def visit(browser: Browser, setup: Setup) -> Iterator[Visit]:
    """Somebody who is logged in, and has no microphone yet."""
    with visiting(browser, setup.url) as visit:
        yield visit


# The user is asked for the microphone, and takes a while.
ASK_FOR_MICROPHONE = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
globalThis.asked = []; // {wanted, allow}
navigator.mediaDevices.getUserMedia = async (wanted) => {
  await new Promise((allow) => asked.push({ wanted, allow }));
  return (globalThis.stream = await open(wanted));
};
"""


# -- the microphone --------------------------------------------------------------------------------


def test_a_second_press_is_none(visit: Visit) -> None:
    page, button = visit.page, visit.page.locator("#microphone")
    tickets: list[str] = []
    page.on("request", lambda asked: tickets.append(asked.url) if "/talks" in asked.url else None)
    button.dblclick()
    visit.is_in("listening")
    second = "button => button.dispatchEvent(new MouseEvent('click', { detail: 2 }))"
    button.evaluate(second)  # of a double click that the talk was quicker than
    expect(button).to_have_attribute("data-microphone", "on")
    page.locator("#end").click()
    button.focus()
    for _ in range(5):  # the key is held
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    visit.is_in("listening")
    page.locator("#end").click()
    # Everything at once: there is one talk, with microphone, as the switch was left.
    page.evaluate(f"() => {{ {ASK_FOR_MICROPHONE} }}")
    page.locator("#text").fill("hello")
    page.evaluate("""() => {
        document.getElementById("writing").requestSubmit();
        for (const id of ["microphone", "microphone", "echo"]) document.getElementById(id).click();
    }""")
    visit.until(lambda: page.evaluate("asked.length"), "the question for the microphone")
    page.evaluate("asked[0].allow()")
    expect(button).to_have_attribute("data-microphone", "on")
    assert page.evaluate("asked.map(({ wanted }) => wanted.audio.echoCancellation)") == [False]
    expect(visit.rows("assistant")).to_contain_text("Hello!")
    assert [url.rpartition("/")[2] for url in tickets] == ["talks"] * 3


def test_a_muted_microphone_is_muted_after_a_reload(visit: Visit) -> None:
    page = visit.page
    page.locator("#microphone").click()
    visit.is_in("listening")
    page.locator("#microphone").click()
    visit.is_in("muted")
    page.add_init_script(ASK_FOR_MICROPHONE)
    page.reload()
    # The talk goes on before the user has said whether the page may hear it.
    visit.until(lambda: len(visit.of(visit.told, "ready")) == 2, "the talk")
    visit.until(lambda: page.evaluate("asked.length"), "the question for the microphone")
    page.evaluate("asked[0].allow()")
    visit.is_in("muted")
    assert page.evaluate("stream.getAudioTracks()[0].enabled") is False
    # And while the echo control changes, too; then it can be turned on.
    page.locator("#echo").click()
    visit.until(lambda: page.evaluate("asked.length == 2"), "the question for the microphone")
    page.evaluate("globalThis.before = stream, asked[1].allow()")
    visit.until(lambda: page.evaluate("stream !== before"), "the other microphone")
    visit.is_in("muted")
    assert page.evaluate("stream.getAudioTracks()[0].enabled") is False
    page.locator("#microphone").click()
    visit.is_in("listening")
    assert page.evaluate("stream.getAudioTracks()[0].enabled") is True


def test_a_microphone_that_comes_after_the_end(visit: Visit) -> None:
    """It is stopped, and what it was meant for says nothing to the talk that is there now."""
    visit.write("hello")
    visit.waits_for_answer(1)
    visit.page.evaluate(f"() => {{ {ASK_FOR_MICROPHONE} }}")
    visit.page.locator("#microphone").click()
    visit.until(lambda: visit.page.evaluate("asked.length"), "the question for the microphone")
    visit.page.locator("#end").click()
    visit.write("hello")
    visit.is_in("speaking")
    visit.page.evaluate("""() => {
        globalThis.states = new Set();
        const page = document.getElementById("page");
        const note = () => states.add(page.dataset.state);
        new MutationObserver(note).observe(page, { attributes: true });
        asked[0].allow();
    }""")
    over = "globalThis.stream?.getTracks()[0].readyState == 'ended'"
    visit.until(lambda: visit.page.evaluate(over), "the end of the microphone")
    visit.waits_for_answer(2)
    assert "idle" not in visit.page.evaluate("[...states]")


def test_a_gesture_is_whatever_the_browser_takes_for_one(visit: Visit) -> None:
    visit.write("hello")
    visit.waits_for_answer(1)
    resumed = visit.page.evaluate("""() => {
        let resumed = 0;
        AudioContext.prototype.resume = () => Promise.resolve((resumed += 1));
        return ["pointerdown", "pointerup", "keydown"].map((kind) => {
            resumed = 0;
            document.body.dispatchEvent(new Event(kind, { bubbles: true }));
            return resumed;
        });
    }""")
    assert resumed == [2, 2, 2], "both contexts, each time"


# -- the network -----------------------------------------------------------------------------------


def test_an_answer_that_ends_while_the_page_is_away(visit: Visit, setup: Setup) -> None:
    def done() -> int:
        return sum(each["type"] == "response.done" for each in [*setup.provider.told])

    before = done()
    visit.write("hello")
    visit.is_in("thinking", "speaking")
    visit.context.set_offline(True)
    visit.is_in("reconnecting")
    notice = visit.page.locator("#notice")
    assert notice.evaluate("notice => notice.ariaLive") == "off", "no second is read out"
    visit.until(lambda: done() > before, "the end of the answer")
    # Somebody sets the clock: the seconds that are left are the same.
    visit.page.evaluate("(now => { Date.now = () => now() + 3600e3; })(Date.now.bind(Date))")
    expect(notice).to_contain_text(" for 2")
    visit.context.set_offline(False)
    item_id = visit.waits_for_answer(1)
    visit.has_heard(item_id, setup.provider.samples(item_id))
    visit.is_in("written")


def test_pictures_and_consent_over_a_lost_network(visit: Visit) -> None:
    visit.page.evaluate(GIVE, "red")
    visit.waits_for_answer(1)
    visit.write("i want to book a trip")
    visit.waits_for_answer(2)
    visit.write("book a trip to Rome")
    visit.is_in("asking")
    names = visit.rows("assistant").locator(".who").all_inner_texts()
    visit.context.set_offline(True)
    visit.is_in("reconnecting")
    approve = visit.page.get_by_role("button", name="Approve book_trip", exact=True)
    approve.click()
    expect(approve).to_be_visible()  # for nobody was told
    visit.page.evaluate(GIVE, "blue")
    visit.context.set_offline(False)
    expect(visit.rows("user").last.locator("canvas")).to_be_visible()
    colours = visit.rows("user").locator("canvas").evaluate_all(COLOURS)
    assert colours == ["255,0,0", "0,0,255"], "each row has its own"
    approve.click()
    expect(visit.rows("tool").last).to_contain_text("is booked")
    assert visit.page.evaluate("document.activeElement.id") == "transcript", "the focus is not lost"
    visit.page.reload()
    expect(visit.rows("tool").last).to_contain_text("is booked")
    again = visit.rows("assistant").locator(".who").all_inner_texts()
    assert again[: len(names)] == names, "those before the handover keep their agent"


GIVE = """async (colour) => {
  const canvas = document.createElement("canvas");
  const brush = canvas.getContext("2d");
  brush.fillStyle = colour;
  brush.fillRect(0, 0, canvas.width, canvas.height);
  const blob = await new Promise((done) => canvas.toBlob(done));
  const clipboardData = new DataTransfer();
  clipboardData.items.add(new File([blob], "a.png", { type: "image/png" }));
  document.dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
}"""
COLOURS = """canvases => canvases.map((canvas) =>
  canvas.getContext("2d").getImageData(5, 5, 1, 1).data.slice(0, 3).join())"""


def test_a_server_that_says_nothing(visit: Visit) -> None:
    page, notice = visit.page, visit.page.locator("#notice")
    page.route("**/talks", leave_waiting)
    page.evaluate("(limit => { AbortSignal.timeout = () => limit(1); })(AbortSignal.timeout)")
    page.locator("#microphone").click()
    visit.is_in("idle")
    expect(notice).to_contain_text("can't be reached")
    page.evaluate("""() => {
        const fail = () => Promise.reject(new DOMException("", "AbortError"));
        AudioWorklet.prototype.addModule = fail;
    }""")
    page.locator("#notice-close").click()
    page.locator("#microphone").click()
    expect(notice).to_contain_text("can't be reached")
    visit.is_in("idle")


def leave_waiting(_: Route) -> None:
    """Answer nothing."""


@pytest.mark.parametrize(("first", "outcome"), [("", "failed"), ("ready", "lost")])
def test_a_socket_without_a_word_is_lost(visit: Visit, first: str, outcome: str) -> None:
    """Whether it has ever opened or not; a talk that never was there is not waited for."""
    told = visit.page.evaluate(
        """async (first) => {
        const { Wire } = await import("/static/wire.js");
        globalThis.fetch = () => Promise.resolve(Response.json({ ticket: "t", talk: "t" }));
        globalThis.WebSocket = class { close() {} };
        const wait = setTimeout;
        globalThis.setTimeout = (then, ms) => wait(then, ms === 15000 ? 1 : ms);
        return new Promise((tell) => {
            const on = { message() {}, lost: () => tell("lost"), failed: () => tell("failed") };
            const wire = new Wire({ csrf: "", hello: () => ({}), on });
            const ready = JSON.stringify({ type: first, rejoin_s: 30 });
            wire.connect().then(() => first && wire.take(ready));
        });
    }""",
        first,
    )
    assert told == outcome


# -- what is shown ---------------------------------------------------------------------------------


def test_nothing_is_read_out_twice(visit: Visit) -> None:
    visit.write("count to eight")
    visit.is_in("speaking")
    visit.page.evaluate("""() => {
        globalThis.written = 0;
        const count = (changes) => (written += changes.length);
        for (const id of ["state", "notice", "figures", "agent"]) {
            const seen = { subtree: true, childList: true, characterData: true };
            new MutationObserver(count).observe(document.getElementById(id), seen);
        }
    }""")
    reports = len(visit.of(visit.said, "played"))
    visit.until(lambda: len(visit.of(visit.said, "played")) > reports + 5, "some sound")
    assert visit.page.evaluate("written") == 0


def test_the_newest_stays_in_sight(visit: Visit) -> None:
    page = visit.page
    page.set_viewport_size({"width": 360, "height": 640})
    page.evaluate("""async () => {
        const { Transcript } = await import("/static/transcript.js");
        globalThis.list = document.getElementById("transcript");
        globalThis.transcript = new Transcript(list, () => {});
        globalThis.item = (item_id, text, images = 0) => ({
            type: "item", item_id, after: null, text, role: "user", images, final: true,
        });
        globalThis.behind = () => list.scrollHeight - list.scrollTop - list.clientHeight;
        transcript.replace(["a", "b"].map((name) => item(name, `${name} long `.repeat(200))));
    }""")
    assert page.evaluate("behind()") < 2
    page.evaluate("""() => {
        const picture = document.createElement("canvas");
        picture.height = 500;
        transcript.canvases.push(picture);
        transcript.show(item("c", "مرحبا: 1, 2", 1));
    }""")
    assert page.evaluate("behind()") < 2
    words = visit.rows("user").last.locator(".words")
    assert words.evaluate("words => getComputedStyle(words).direction") == "rtl"
    for width, height in ((360, 600), (1280, 800), (320, 640)):  # as a keyboard or a turn does it
        page.set_viewport_size({"width": width, "height": height})
        visit.until(lambda: page.evaluate("behind()") < 2, "the newest")
    scrolled = 'new Promise((done) => list.addEventListener("scroll", done, { once: true }))'
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    page.evaluate(f"() => {{ const scrolled = {scrolled}; list.scrollTop = 0; return scrolled; }}")
    page.evaluate("transcript.show(item('d', 'd'))")
    assert page.evaluate("list.scrollTop") == 0, "who reads above is left in peace"


def test_a_tool_that_runs_is_waited_for(visit: Visit) -> None:
    states = visit.page.evaluate("""async () => {
        const { Talk } = await import("/static/talk.js");
        const talk = new Talk({ state() {}, message() {} }, "");
        Object.assign(talk, { link: "open", player: {}, microphone: {} });
        return ["running", "needs_approval", "running", "done", "rejected"].map((state) => {
            talk.take({ type: "tool", call_id: "a", state });
            return talk.state;
        });
    }""")
    assert states == ["thinking", "asking", "thinking", "written", "written"]


def test_the_microphone_is_seen_to_be_on_with_the_systems_colours(visit: Visit) -> None:
    button = visit.page.locator("#microphone")
    visit.page.emulate_media(forced_colors="active")
    ground = "button => getComputedStyle(button).backgroundColor"
    before = button.evaluate(ground)
    button.click()
    visit.is_in("listening")
    assert button.evaluate(ground) != before


def test_what_is_dropped_and_pasted(visit: Visit) -> None:
    page, notice = visit.page, visit.page.locator("#notice")
    page.evaluate("""() => {
        globalThis.give = (kind, ...files) => {
            const given = new DataTransfer();
            for (const type of files) {
                if (type === "words") given.setData("text/plain", "words");
                else given.items.add(new File(["?"], "a", { type }));
            }
            const more = { bubbles: true, cancelable: true };
            const event = kind === "paste"
                ? new ClipboardEvent(kind, { ...more, clipboardData: given })
                : new DragEvent(kind, { ...more, dataTransfer: given });
            document.getElementById("text").dispatchEvent(event);
            return event.defaultPrevented;
        };
    }""")
    # Words are dropped as everywhere, and cells of a table, which come with a picture, are words.
    assert page.evaluate('give("drop", "words")') is False
    page.evaluate('give("paste", "words", "image/png")')
    page.locator("#notice").evaluate("() => new Promise((done) => setTimeout(done))")
    expect(notice).to_be_hidden()
    assert page.evaluate('give("drop", "application/pdf")') is True
    expect(notice).to_contain_text("no image")


# -- the player's worklet --------------------------------------------------------------------------

WORKLET = """
globalThis.sampleRate = 24000;
globalThis.currentFrame = 0;
globalThis.AudioWorkletProcessor = class {
  port = { postMessage: ({ spans }) => heard.push(...spans) };
};
globalThis.heard = [];
globalThis.registerProcessor = (_name, Processor) => (globalThis.player = new Processor());
await import("/static/player-worklet.js");
const say = (type, data) => player.port.onmessage({ data: { type, ...data } });
const audio = (part, ms) => say("audio", { part, pcm: new Int16Array(ms * 24).fill(1).buffer });
const play = (ms) => { // returns how much of it was sound
  let sound = 0;
  for (const end = currentFrame + ms * 24; currentFrame < end; currentFrame += 120) {
    const out = new Float32Array(120);
    player.process([], [[out]]);
    sound += out.filter((sample) => sample !== 0).length;
  }
  return sound / 24;
};
"""


def test_the_jitter_buffer_grows_where_it_ran_dry(visit: Visit) -> None:
    told = visit.page.evaluate(f"""async () => {{
        {WORKLET}
        const told = [];
        say("begin", {{ part: 1, from: 0 }});
        for (const wanted of [100, 200, 400, 800, 800]) {{
            audio(1, wanted - 5);
            told.push(play(1000));
            audio(1, 5);
            told.push(play(1000));
        }}
        player.tell();
        return {{ told, underruns: player.underruns, heard: heard.at(-1), currentFrame }};
    }}""")
    assert told["told"] == [0, 100, 0, 200, 0, 400, 0, 800, 0, 800]
    assert told["underruns"] == 4
    last = told["heard"]
    assert last["from"] + last["length"] == 2300 * 24, "every sample is counted"


def test_a_part_whose_end_nobody_told_holds_nothing_up(visit: Visit) -> None:
    told = visit.page.evaluate(f"""async () => {{
        {WORKLET}
        say("begin", {{ part: 1, from: 0 }});
        audio(1, 50);
        const before = play(100);
        say("begin", {{ part: 2, from: 0 }});
        audio(2, 10);
        const short = play(100);
        audio(2, 90);
        return [before, short, play(200)];
    }}""")
    assert told == [0, 50, 100]
