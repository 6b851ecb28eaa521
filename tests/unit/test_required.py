from __future__ import annotations

from collections.abc import Callable

import pytest

from realtime_sync._required import (
    require,
    require_count,
    require_length,
    require_object,
    require_text,
    require_text_values,
    require_texts,
)
from realtime_sync.errors import ConfigError

Check = Callable[..., None]


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (require_text, ""),
        (require_text, "Grüße 🎈"),
        (require_texts, []),
        (require_texts, ("a", "b")),
        (require_text_values, {}),
        (require_text_values, {"a": "b"}),
        (require_object, {}),
        (require_count, 0),
        (require_count, 7),
        (require_length, 0),
        (require_length, 7.5),
    ],
)
def test_what_fits_passes(check: Check, value: object) -> None:
    check(value, "it", error=ConfigError)


@pytest.mark.parametrize(
    ("check", "value", "words"),
    [
        (require_text, b"a", "it must be a text, not b'a'"),
        (require_text, "\ud800", "it must be a text, not "),
        (require_texts, "ab", "it must be a list of texts, not 'ab'"),
        (require_texts, ["a", 7], "it must be a list of texts, not "),
        (require_text_values, {"a": 7}, "it must be a dictionary of texts, not "),
        (require_text_values, {7: "a"}, "it must be a dictionary of texts, not "),
        (require_object, [], "it must be a dictionary, not "),
        (require_count, -1, "it must be a whole number, 0 or more, not -1"),
        (require_count, True, "it must be a whole number, 0 or more, not True"),
        (require_count, 1.0, "it must be a whole number, 0 or more, not 1.0"),
        (require_length, -0.5, "it must be a number, 0 or more, not -0.5"),
        (require_length, float("nan"), "it must be a number, 0 or more, not nan"),
        (require_length, float("inf"), "it must be a number, 0 or more, not inf"),
        (require_length, True, "it must be a number, 0 or more, not True"),
        (require_length, "7", "it must be a number, 0 or more, not '7'"),
    ],
)
def test_what_does_not_fit_is_named_with_its_rule(check: Check, value: object, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(value, "it", error=ConfigError)
    assert str(caught.value).startswith(words)


def test_a_long_value_is_told_in_part() -> None:
    with pytest.raises(ConfigError) as caught:
        require(False, "it must be short", "x" * 1000, error=ConfigError)
    assert len(str(caught.value)) < 110


def test_the_least_count_is_told() -> None:
    require_count(1, "it", least=1, error=ConfigError)
    with pytest.raises(ConfigError, match="must be a whole number, 1 or more, not 0"):
        require_count(0, "it", least=1, error=ConfigError)
