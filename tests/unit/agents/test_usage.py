"""Tokens: read from the wire, added up, and what they cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from realtime_sync.agents.usage import Usage, UsageInputDetails, UsageOutputDetails
from realtime_sync.errors import ConfigError

WIRE = {
    "total_tokens": 1600,
    "input_tokens": 1000,
    "output_tokens": 600,
    "input_token_details": {
        "text_tokens": 300,
        "audio_tokens": 600,
        "image_tokens": 100,
        "cached_tokens": 260,
        "cached_tokens_details": {"text_tokens": 50, "audio_tokens": 200, "image_tokens": 10},
    },
    "output_token_details": {"text_tokens": 200, "audio_tokens": 400, "reasoning_tokens": 60},
}
PRICES = {
    "input_text": 4,
    "input_audio": 32.0,
    "input_image": 5.0,
    "cached_input_text": 0.4,
    "cached_input_audio": 0.5,
    "cached_input_image": 0.6,
    "output_text": 16.0,
    "output_audio": 64.0,
}


def test_the_usage_of_a_response() -> None:
    assert Usage.from_wire(WIRE) == Usage(
        requests=1,
        input_tokens=1000,
        input_tokens_details=UsageInputDetails(260, 300, 600, 100, 50, 200, 10),
        output_tokens=600,
        output_tokens_details=UsageOutputDetails(60, 200, 400),
        total_tokens=1600,
    )


def test_a_total_that_is_not_told_is_the_sum() -> None:
    assert Usage.from_wire({"input_tokens": 3, "output_tokens": 4}).total_tokens == 7


@pytest.mark.parametrize("wire", [None, "x", [], {}, {"input_tokens": "5", "output_tokens": -3}])
def test_what_is_no_count_is_none(wire: Any) -> None:
    assert Usage.from_wire(wire) == Usage(requests=1)


ODD: list[Any] = [None, True, 0, -1, 7, 2.5, 1e300, 10**400, float("nan"), "5", [], {}]


def odd_usages() -> Iterator[dict[str, Any]]:
    """The usage of a response with one of its fields odd."""
    for value in ODD:
        for name in WIRE:
            yield {**WIRE, name: value}
        for details in ("input_token_details", "output_token_details"):
            for name in ("text_tokens", "audio_tokens", "cached_tokens", "cached_tokens_details"):
                yield {**WIRE, details: {name: value}}
        yield {**WIRE, "input_token_details": {"cached_tokens_details": {"text_tokens": value}}}


def test_whatever_a_server_sends_counts() -> None:
    for wire in odd_usages():
        usage = Usage.from_wire(wire)
        assert usage.cost(PRICES) >= 0
        assert type(usage.total_tokens) is int


def test_usages_add_up_in_all_their_fields() -> None:
    usage = Usage()
    usage.add(Usage.from_wire(WIRE))
    usage.add(Usage.from_wire(WIRE))
    once = dataclasses.asdict(Usage.from_wire(WIRE))
    for name, count in dataclasses.asdict(usage).items():
        if isinstance(count, dict):
            assert count == {kind: 2 * each for kind, each in once[name].items()}
        else:
            assert count == 2 * once[name]


def test_each_kind_has_its_price() -> None:
    expected = (250 * 4 + 400 * 32 + 90 * 5 + 50 * 0.4 + 200 * 0.5 + 10 * 0.6) / 1e6
    expected += (200 * 16 + 400 * 64) / 1e6
    assert Usage.from_wire(WIRE).cost(PRICES) == pytest.approx(expected)


def test_a_cached_kind_without_a_price_costs_what_it_costs_uncached() -> None:
    cost = Usage.from_wire(WIRE).cost({"input_text": 4.0, "input_audio": 32.0})
    assert cost == pytest.approx((300 * 4 + 600 * 32) / 1e6)


def test_without_prices_nothing_costs_anything() -> None:
    assert Usage.from_wire(WIRE).cost({}) == 0
    assert Usage.from_wire(WIRE).cost(dict.fromkeys(PRICES, 0)) == 0


def test_tokens_whose_kind_is_not_told_count_as_text() -> None:
    usage = Usage.from_wire({"input_tokens": 10, "output_tokens": 5})
    assert usage.cost({"input_text": 4.0, "output_text": 16.0}) == pytest.approx(120 / 1e6)


def test_cached_tokens_whose_kind_is_not_told_count_as_text() -> None:
    details = {"text_tokens": 10, "cached_tokens": 4}
    usage = Usage.from_wire({"input_tokens": 10, "input_token_details": details})
    cost = usage.cost({"input_text": 4.0, "cached_input_text": 1.0})
    assert cost == pytest.approx((6 * 4 + 4 * 1) / 1e6)


def test_cached_text_that_is_not_told_is_what_is_left_of_the_cached_tokens() -> None:
    cached = {"audio_tokens": 200, "image_tokens": 10}
    details = {"cached_tokens": 260, "cached_tokens_details": cached}
    usage = Usage.from_wire({"input_token_details": details})
    assert usage.input_tokens_details.cached_text_tokens == 50


@pytest.mark.parametrize(
    ("prices", "message"),
    [
        ({"audio": 1.0}, "prices has 'audio', which is no kind of tokens: input_text, "),
        ({"input_text": -1}, r"prices\['input_text'\]=-1 is no price"),
        ({"input_text": True}, "=True is no price"),
        ([4.0], r"prices must be a dictionary, got \[4.0\]"),
        ({"input_text": float("nan")}, "=nan is no price"),
    ],
)
def test_what_is_no_price(prices: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Usage().cost(prices)
