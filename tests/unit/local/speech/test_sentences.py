from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime_sync.local.speech.sentences import Sentences


@given(st.lists(st.text("ab .,!?\n\"'", max_size=12)))
def test_sentences_lose_nothing(deltas: list[str]) -> None:
    sentences = Sentences()
    pieces = [piece for delta in deltas for piece in sentences.add(delta)]
    whole = "".join(deltas)
    assert "".join([*pieces, *sentences.rest()]).rstrip() == whole.rstrip()
    assert sentences.rest() == []


def test_sentences_end_where_a_speaker_would_pause() -> None:
    sentences = Sentences()
    assert sentences.add("It costs 3.50 now. ") == []
    assert sentences.add("Really? Yes") == ["It costs 3.50 now. ", "Really? "]
    assert sentences.rest() == ["Yes"]
    assert sentences.add("a" * 200 + " " + "b" * 200) == ["a" * 200 + " "]
    assert [len(piece) for piece in Sentences().add("c" * 700)] == [300, 300]
