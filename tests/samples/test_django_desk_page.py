"""The page of the sample `django_desk` in a browser, whose microphone hears a file."""

from __future__ import annotations

import io
import re
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import Browsers, browsers, check_picture, needs_chromium, write_speech
from django_desk import ANSWERS, Desk, Teller, desk, telling
from guards import GUARD_S, Guard
from playwright.sync_api import Page, expect
from programs import REPOSITORY

from realtime_sync import Local
from realtime_sync.audio import silence, write_wav

# In one process with the other tests of the sample, one after the other.
pytestmark = [
    pytest.mark.xdist_group("django_desk"),
    needs_chromium,
]
QUESTION = REPOSITORY / "samples" / "questions" / "weather.wav"


@pytest.fixture(scope="module")
def teller() -> Iterator[Teller]:
    with telling() as model:
        yield model


@pytest.fixture(scope="module")
def running(teller: Teller, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The desk with threads: a browser opens more connections than it needs."""
    with Local(responder=teller.responder) as provider:
        environment = {
            "DJANGO_DEBUG": "1",  # so that it has its script and its style
            "DESK_DATA": str(tmp_path_factory.mktemp("desk")),
            "DESK_HEARTBEAT_S": "0.1",  # by which it is noticed who leaves
            "OPENAI_API_KEY": provider.api_key,
            "OPENAI_BASE_URL": provider.url,
        }
        with desk(environment, "--worker-class", "gthread", "--threads", "12") as server:
            yield server


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsers]:
    with browsers() as driver:
        yield driver


@pytest.fixture
def page(running: Desk, started: Browsers, tmp_path: Path) -> Iterator[Page]:
    """The page, in a browser of its own; it has said nothing on its console in the end."""
    browser = started.start(speech=write_speech(tmp_path / "speech.wav", ["weather"]))
    shown = browser.new_page(viewport={"width": 1100, "height": 780}, color_scheme="light")
    shown.set_default_timeout(GUARD_S * 1000)
    expect.set_options(GUARD_S * 1000)
    complaints: list[str] = []
    shown.on("console", lambda message: complaints.append(message.text))
    shown.on("pageerror", lambda error: complaints.append(str(error)))
    shown.goto(running.url)
    yield shown
    browser.close()
    assert [text for text in complaints if not re.search("status of [45]00", text)] == []


# What no label, no words and no attribute names.
NAMELESS = """[...document.querySelectorAll("button, input:not([type=hidden]), textarea, audio")]
    .filter(each => !(each.labels?.length || each.textContent.trim() || each.ariaLabel))
    .map(each => each.outerHTML)"""
# How many lines the buttons of a recording take: each overlaps the one before, or is on another.
LINES = """[...document.querySelectorAll("#recording > :is(button, meter, input[type=file])")]
    .map(each => each.getBoundingClientRect()).filter(each => each.width)
    .filter((each, i, all) => i == 0 || each.top >= all[i - 1].bottom).length"""


def record(page: Page) -> None:
    """Record the microphone until the question in its file is over."""
    page.get_by_role("button", name="Record", exact=True).click()
    level = "document.getElementById('level').value"
    page.wait_for_function(f"{level} > 0.1")
    page.evaluate("window.quiet = 0")
    # Ten times a second: half a second of silence.
    page.wait_for_function(
        f"(window.quiet = {level} < 0.01 ? window.quiet + 1 : 0) > 5", polling=100
    )
    page.get_by_role("button", name="Stop and send").click()


def test_an_answer_appears_as_it_is_written(page: Page, teller: Teller, guard: Guard) -> None:
    """By the keyboard alone: the question has the focus, and Enter sends it."""
    page.keyboard.type("Tell me a story.")
    page.keyboard.press("Enter")
    answer = page.locator(".turn.assistant")
    expect(answer.locator(".words")).to_have_text("Once ")
    expect(answer).to_have_attribute("data-state", "running")
    expect(page.get_by_role("button", name="Ask")).to_be_disabled()
    guard.get(teller.begun, "the first half")
    teller.go_on.release()
    expect(answer.locator(".words")).to_have_text("Once upon a time.")
    expect(answer).to_have_attribute("data-state", "done")
    expect(page.get_by_role("button", name="Ask")).to_be_enabled()
    page.reload()
    expect(page.locator(".turn.assistant .words")).to_have_text("Once upon a time.")
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)


def test_an_answer_is_stopped(page: Page, running: Desk, teller: Teller, guard: Guard) -> None:
    """The desk notices it by a heartbeat, and has what was said in its log."""
    page.get_by_label("Your question").fill("Tell me a story.")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".turn.assistant .words")).to_have_text("Once ")
    guard.get(teller.begun, "the first half")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("You stopped the answer.")).to_be_visible()
    guard.until(lambda: "the visitor left" in running.log(), "a line of the log")
    teller.go_on.release()
    page.reload()
    expect(page.get_by_text("You left before the end.")).to_be_visible()


def test_a_question_is_spoken_and_its_answer_heard(page: Page) -> None:
    record(page)
    expect(page.locator(".turn.user .words")).to_have_text(re.compile("weather"))
    answer = page.locator(".turn.assistant")
    expect(answer.locator(".words")).to_have_text(ANSWERS["weather"])
    page.wait_for_function("document.querySelector('audio').ended")  # it was played, to its end
    with page.expect_download() as download:
        answer.get_by_role("link", name="Download WAV").click()
    with wave.open(str(download.value.path())) as file:
        assert (file.getnchannels(), file.getframerate()) == (1, 24_000)
        assert file.getnframes() > 12_000


def test_a_double_click_opens_one_microphone(page: Page) -> None:
    """Another one would stay on, and nothing on the page would end it."""
    page.evaluate("""() => {
        const devices = navigator.mediaDevices, open = devices.getUserMedia.bind(devices);
        window.tracks = [];
        devices.getUserMedia = async (wanted) => {
            const stream = await open(wanted);
            tracks.push(...stream.getTracks());
            return stream;
        };
    }""")
    page.evaluate("() => { record.click(); record.click(); }")
    page.get_by_role("button", name="Stop and send").click()
    page.wait_for_function("tracks.at(-1)?.readyState == 'ended'")
    assert page.evaluate("tracks.length") == 1


def test_the_microphone_becomes_a_wav_file(page: Page) -> None:
    """At the rate of the browser's sound; it is told once when the time is up."""
    recorded, rate, times_full = page.evaluate(
        """async () => {
            const { record } = await import("/static/desk/microphone.js");
            let timesFull = 0, blocks = 0, recording;
            await new Promise(async (enough) => {
                recording = await record("/static/desk/recorder.js", {
                    level: () => ++blocks > 8 && enough(),  // of which each is a tenth of a second
                    seconds: 0.3,
                    full: () => ++timesFull,
                });
            });
            const file = await (await recording.stop()).arrayBuffer();
            return [[...new Uint8Array(file)], new AudioContext().sampleRate, timesFull];
        }"""
    )
    assert times_full == 1
    with wave.open(io.BytesIO(bytes(recorded))) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        assert file.getframerate() == rate
        assert file.getnframes() > 8 * 0.09 * rate
        assert len(file.readframes(file.getnframes())) == 2 * file.getnframes()


def test_a_file_is_sent_or_refused(page: Page, tmp_path: Path) -> None:
    choose, send = page.locator("#file"), page.get_by_role("button", name="Send", exact=True)
    telephone = tmp_path / "memo.m4a"
    telephone.write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    choose.set_input_files(telephone)
    send.click()
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("memo.m4a is an M4A or MP4 file, which is not taken.")
    expect(page.locator(".turn")).to_have_count(0)
    silent = tmp_path / "silent.wav"
    write_wav(silent, silence(500))
    choose.set_input_files(silent)
    send.click()
    expect(problem).to_contain_text("No speech was recognised.")
    expect(page.locator(".turn.assistant")).to_contain_text("No speech was recognised.")
    choose.set_input_files(QUESTION)
    send.click()
    expect(page.locator(".turn.assistant").last.locator(".words")).to_have_text(ANSWERS["weather"])
    expect(problem).to_be_hidden()


@pytest.mark.parametrize("width", [320, 360])
def test_a_recording_takes_one_line(page: Page, width: int) -> None:
    """On a telephone: to speak or to choose, then what is chosen, or what is recorded."""
    page.set_viewport_size({"width": width, "height": 640})
    record, choose = page.locator("#record"), page.locator("#file")
    send = page.get_by_role("button", name="Send", exact=True)
    expect(record).to_be_visible()
    expect(send).to_be_hidden()
    assert page.evaluate(LINES) == 1
    choose.set_input_files(QUESTION)
    expect(record).to_be_hidden()
    expect(send).to_be_visible()
    assert page.evaluate(LINES) == 1
    choose.set_input_files([])
    record.click()
    expect(page.get_by_label("Level of the microphone")).to_be_visible()
    expect(choose).to_be_hidden()
    assert page.evaluate(LINES) == 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    record.click()


def test_the_keyboard_keeps_its_place(page: Page) -> None:
    """On the button that was pressed, though it can't be pressed meanwhile."""
    page.get_by_label("Your question").fill("When are you open?")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".turn.assistant")).to_have_attribute("data-state", "done")
    expect(page.get_by_role("button", name="Ask")).to_be_focused()


def test_a_desk_that_is_out_of_order(page: Page) -> None:
    """A reload would show nothing but the same."""
    page.route("**/ask/", lambda route: route.fulfill(status=500, body="<h1>Server Error</h1>"))
    page.get_by_label("Your question").fill("When are you open?")
    page.keyboard.press("Enter")
    told = "Something is wrong with the desk (500). Please try again in a minute."
    expect(page.get_by_role("alert")).to_have_text(told)
    expect(page.locator(".turn")).to_have_count(0)


@pytest.mark.parametrize(
    ("name", "width", "height", "scheme"),
    [("wide", 1100, 780, "light"), ("narrow", 390, 780, "dark")],
)
def test_it_fits(page: Page, name: str, width: int, height: int, scheme: str) -> None:
    """On a screen and on a telephone, in the light and in the dark; every field has a name."""
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.get_by_label("Your question").fill("When are you open?")
    page.keyboard.press("Enter")
    expect(page.locator(".turn.assistant .words")).to_have_text(ANSWERS["open"])
    page.locator("#file").set_input_files(QUESTION)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_role("link", name="Download WAV")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(NAMELESS) == []
    page.wait_for_function("document.querySelector('audio').ended")
    check_picture(page, f"django_desk_{name}")
