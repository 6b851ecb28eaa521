"""Guardrails as the documents show them: never run, only checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from realtime_sync.agents import (
    GuardrailFunctionOutput,
    InputGuardrail,
    OutputGuardrail,
    RealtimeAgent,
    RunContextWrapper,
    input_guardrail,
    output_guardrail,
)


@dataclass
class Caller:
    """What the program knows of whoever talks."""

    banned: set[str]


@output_guardrail
def no_prices(
    context: RunContextWrapper[Caller], agent: RealtimeAgent[Any], output: str
) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(output_info={"agent": agent.name}, tripwire_triggered=False)


@output_guardrail(name="manners")
def polite(
    context: RunContextWrapper[Any], agent: RealtimeAgent[Any], output: Any
) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered="damn" in output)


@input_guardrail(run_in_parallel=False)
def no_banned_words(
    context: RunContextWrapper[Caller], agent: RealtimeAgent[Any], input: Any
) -> GuardrailFunctionOutput:
    found = context.context.banned.intersection(str(input).split())
    return GuardrailFunctionOutput(output_info=found, tripwire_triggered=bool(found))


def names() -> list[str]:
    prices: OutputGuardrail[Caller] = no_prices
    manners: OutputGuardrail[Any] = polite
    words: InputGuardrail[Caller] = no_banned_words
    return [prices.get_name(), manners.get_name(), words.get_name()]


agent: RealtimeAgent[Caller] = RealtimeAgent(
    "Front desk", output_guardrails=[no_prices, polite], input_guardrails=[no_banned_words]
)
