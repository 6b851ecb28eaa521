"""The page of `samples/flask_voice` with a real sound card, that is the virtual one."""

from __future__ import annotations

from pathlib import Path

import pytest
from chromium import browsers, needs_chromium
from embedded import QUESTIONS
from guards import Guard
from monitor import as_samples, find
from sound_card import SoundCard
from voice_page import expect, serving_the_page, visiting

pytestmark = [
    pytest.mark.timeout(120),
    needs_chromium,
]


def test_a_question_and_its_answer(sound_card: SoundCard, tmp_path: Path, guard: Guard) -> None:
    with serving_the_page(tmp_path) as setup, browsers() as chromium:
        browser = chromium.start(fake_microphone=False, environment=sound_card.env)
        with visiting(browser, setup.url, echo_control=False) as visit:
            visit.page.locator("#microphone").click()
            visit.is_in("listening")
            guard.until(sound_card.is_heard, "the browser's recorder")
            with sound_card.recording() as recording:
                sound_card.speak(QUESTIONS / "time.wav")
                item_id = visit.waits_for_answer(1)
                visit.has_heard(item_id, setup.provider.samples(item_id))
            expect(visit.rows("assistant").locator(".latency")).to_have_count(1)
            assert visit.words("user") == ["what time is it"]
        browser.close()
        sent = as_samples(setup.provider.audio(item_id))
    match = find(sent, as_samples(recording.pcm), block_ms=20)
    assert match.whole > 0.9, match
