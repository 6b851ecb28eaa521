"""What a session has used so far, in tokens."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._shown import shown
from ..errors import ConfigError
from ..events.wire_values import as_number, as_object
from .given import require

__all__ = ["Usage", "UsageInputDetails", "UsageOutputDetails"]

_PER = 1_000_000  # tokens that a price is for


@dataclass
class UsageInputDetails:
    """What the model has read, by kind.

    Attributes:
        cached_tokens: those that the server still had from the response before; they are among
            the others, too.
        text_tokens: written: instructions, tools, texts.
        audio_tokens: spoken.
        image_tokens: seen.
        cached_text_tokens: of the cached ones those that were written.
        cached_audio_tokens: those that were spoken.
        cached_image_tokens: those that were seen.
    """

    cached_tokens: int = 0
    text_tokens: int = 0
    audio_tokens: int = 0
    image_tokens: int = 0
    cached_text_tokens: int = 0
    cached_audio_tokens: int = 0
    cached_image_tokens: int = 0


@dataclass
class UsageOutputDetails:
    """What the model has produced, by kind.

    Attributes:
        reasoning_tokens: what it thought before it spoke.
        text_tokens: what it wrote, calls of tools included.
        audio_tokens: what it said.
    """

    reasoning_tokens: int = 0
    text_tokens: int = 0
    audio_tokens: int = 0


@dataclass
class Usage:
    """Tokens of the responses of a session, as the server counts them.

    Attributes:
        requests: responses that said what they used.
        input_tokens: what the model has read.
        input_tokens_details: the same by kind.
        output_tokens: what it has written and said.
        output_tokens_details: the same by kind.
        total_tokens: both.

    Example:
        >>> usage = Usage.from_wire({"input_tokens": 30, "output_tokens": 12})
        >>> usage.add(Usage(requests=1, input_tokens=5, total_tokens=5))
        >>> usage.requests, usage.input_tokens, usage.total_tokens
        (2, 35, 47)
    """

    requests: int = 0
    input_tokens: int = 0
    input_tokens_details: UsageInputDetails = field(default_factory=UsageInputDetails)
    output_tokens: int = 0
    output_tokens_details: UsageOutputDetails = field(default_factory=UsageOutputDetails)
    total_tokens: int = 0

    @classmethod
    def from_wire(cls, usage: Any) -> Usage:
        """Return the usage of one response; what is no count is 0.

        Args:
            usage: ``response.usage`` of a ``response.done``, in wire form.
        """
        wire = as_object(usage)
        read, made = _count(wire, "input_tokens"), _count(wire, "output_tokens")
        return cls(
            requests=1,
            input_tokens=read,
            input_tokens_details=_input_details(as_object(wire.get("input_token_details"))),
            output_tokens=made,
            output_tokens_details=_output_details(as_object(wire.get("output_token_details"))),
            total_tokens=_count(wire, "total_tokens") or read + made,
        )

    def add(self, other: Usage) -> None:
        """Add what another has used to this.

        Raises:
            UserError: it is no `Usage`.
        """
        require(isinstance(other, Usage), "a Usage adds another one", other)
        self.requests += other.requests
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.total_tokens += other.total_tokens
        _add(self.input_tokens_details, other.input_tokens_details)
        _add(self.output_tokens_details, other.output_tokens_details)

    def cost(self, prices: Mapping[str, float]) -> float:
        """Return what this costs, in the currency of the prices.

        Tokens whose kind the server does not tell count as text.

        Args:
            prices: for a million tokens of a kind: ``input_text``, ``input_audio``,
                ``input_image``, ``output_text``, ``output_audio``, and ``cached_input_text``,
                ``cached_input_audio``, ``cached_input_image``. A cached kind without a price
                costs what it costs uncached; any other kind without one costs nothing.

        Raises:
            ConfigError: a kind is unknown, or a price is no number.

        Example:
            >>> usage = Usage.from_wire(
            ...     {
            ...         "input_tokens": 1000,
            ...         "input_token_details": {"text_tokens": 400, "audio_tokens": 600},
            ...     }
            ... )
            >>> usage.cost({"input_text": 4.0, "input_audio": 32.0})
            0.0208
        """
        tokens = self._tokens_by_kind()
        if not isinstance(prices, Mapping):
            raise ConfigError(f"prices must be a dictionary, got {shown(prices)}")
        for kind, price in prices.items():
            _check_price(kind, price, tokens)
        return sum(count * _price(kind, prices) for kind, count in tokens.items()) / _PER

    def _tokens_by_kind(self) -> dict[str, int]:
        read, made = self.input_tokens_details, self.output_tokens_details
        untold = self.input_tokens - read.text_tokens - read.audio_tokens - read.image_tokens
        return {
            "input_text": max(0, read.text_tokens + untold - read.cached_text_tokens),
            "input_audio": max(0, read.audio_tokens - read.cached_audio_tokens),
            "input_image": max(0, read.image_tokens - read.cached_image_tokens),
            "cached_input_text": read.cached_text_tokens,
            "cached_input_audio": read.cached_audio_tokens,
            "cached_input_image": read.cached_image_tokens,
            "output_text": max(0, self.output_tokens - made.audio_tokens),
            "output_audio": made.audio_tokens,
        }


def _input_details(wire: dict[str, Any]) -> UsageInputDetails:
    cached = as_object(wire.get("cached_tokens_details"))
    audio, image = _count(cached, "audio_tokens"), _count(cached, "image_tokens")
    in_all = _count(wire, "cached_tokens")
    return UsageInputDetails(
        cached_tokens=in_all,
        text_tokens=_count(wire, "text_tokens"),
        audio_tokens=_count(wire, "audio_tokens"),
        image_tokens=_count(wire, "image_tokens"),
        cached_text_tokens=_count(cached, "text_tokens") or max(0, in_all - audio - image),
        cached_audio_tokens=audio,
        cached_image_tokens=image,
    )


def _output_details(wire: dict[str, Any]) -> UsageOutputDetails:
    return UsageOutputDetails(
        reasoning_tokens=_count(wire, "reasoning_tokens"),
        text_tokens=_count(wire, "text_tokens"),
        audio_tokens=_count(wire, "audio_tokens"),
    )


def _count(wire: dict[str, Any], name: str) -> int:
    return max(0, int(as_number(wire.get(name)) or 0))


def _add(to: Any, more: Any) -> None:
    for each in dataclasses.fields(to):
        setattr(to, each.name, getattr(to, each.name) + getattr(more, each.name))


def _check_price(kind: str, price: object, kinds: Mapping[str, int]) -> None:
    if kind not in kinds:
        raise ConfigError(
            f"prices has {shown(kind)}, which is no kind of tokens: {', '.join(kinds)}"
        )
    number = as_number(price)
    if number is None or number < 0:
        raise ConfigError(
            f"prices[{shown(kind)}]={shown(price)} is no price: give a number, at least 0"
        )


def _price(kind: str, prices: Mapping[str, float]) -> float:
    return prices.get(kind, prices.get(kind.removeprefix("cached_"), 0.0))
