"""Our typed dictionaries against those of ``openai``: the same keys, the same ones required."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import pytest
import typing_extensions
from openai.types import realtime as peer
from openai.types.realtime import RealtimeResponseCreateParamsParam as PeerResponseParams

from realtime_sync.events import SessionUpdate, sessions

TOP = [
    "RealtimeSessionCreateRequestParam",
    "RealtimeTranscriptionSessionCreateRequestParam",
    "RealtimeTranslationSessionCreateRequestParam",
    "RealtimeTranslationSessionUpdateRequestParam",
]
# Where one dictionary of ours stands for several of theirs.
JOINED = {
    "AudioFormatParam": {"type", "rate"},
    "NoiseReductionParam": {"type", "strength"},
    "ConversationItemParam": set(),
}
OPTIONAL_IN_OURS = {("NoiseReductionParam", "type")}


def hints(cls: Any) -> dict[str, Any]:
    return typing_extensions.get_type_hints(cls, include_extras=True)


def is_required(hint: Any) -> bool:
    return get_origin(hint) is typing_extensions.Required


def dictionaries(hint: Any) -> list[Any]:
    if typing_extensions.is_typeddict(hint):
        return [hint]
    if get_origin(hint) is Literal:
        return []
    return [d for part in get_args(hint) for d in dictionaries(part)]


def tag(cls: Any) -> set[Any]:
    """What tells the members of a union apart: the literals of ``type`` and ``role``."""

    def literals(hint: Any) -> set[Any]:
        if get_origin(hint) is Literal:
            return set(get_args(hint))
        return {v for part in get_args(hint) for v in literals(part)}

    found = hints(cls)
    return {v for key in ("type", "role") if key in found for v in literals(found[key])}


def counterpart(theirs: Any, candidates: list[Any]) -> Any:
    if len(candidates) == 1:
        return candidates[0]
    if not tag(theirs):
        return max(candidates, key=lambda c: len(set(hints(c)) & set(hints(theirs))))
    return next(c for c in candidates if tag(theirs) <= tag(c))


def pairs(theirs: Any, ours: Any) -> Iterator[tuple[Any, Any]]:
    yield theirs, ours
    own = hints(ours)
    for name, hint in hints(theirs).items():
        nested = dictionaries(hint)
        candidates = dictionaries(own.get(name))
        assert bool(nested) == bool(candidates), f"{ours.__name__}.{name}"
        for inner in nested:
            yield from pairs(inner, counterpart(inner, candidates))


def walk() -> list[tuple[Any, Any]]:
    tops = [(getattr(peer, name), getattr(sessions, name)) for name in TOP]
    tops.append((PeerResponseParams, sessions.RealtimeResponseCreateParamsParam))
    return list({(id(t), id(o)): (t, o) for top in tops for t, o in pairs(*top)}.values())


ALL = walk()


@pytest.mark.parametrize(
    ("theirs", "ours"), ALL, ids=[f"{t.__name__}-{o.__name__}" for t, o in ALL]
)
def test_keys_and_requiredness(theirs: Any, ours: Any) -> None:
    their_hints, own = hints(theirs), hints(ours)
    assert set(their_hints) <= set(own)
    assert set(own) - set(their_hints) <= JOINED.get(ours.__name__, set())
    for name, hint in their_hints.items():
        if (ours.__name__, name) not in OPTIONAL_IN_OURS:
            assert is_required(own[name]) == is_required(hint), name


def test_every_dictionary_was_met() -> None:
    met = {ours.__name__ for _, ours in ALL}
    unions = {"ConversationItemParam", "McpErrorParam", "PromptVariableParam", "SessionParam"}
    names = set(sessions.__all__) - unions - {"ResponseCreateParams"}
    assert names - met == {"ResponseItemReferenceParam"}  # their type for it is not reachable


def test_a_dictionary_goes_to_the_wire_as_it_is() -> None:
    session: sessions.RealtimeSessionCreateRequestParam = {
        "type": "realtime",
        "audio": {"input": {"turn_detection": None, "transcription": None}},
    }
    assert SessionUpdate(session=session).to_dict()["session"] == session
