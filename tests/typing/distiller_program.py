"""A program of the Realtime Distiller, as a type checker sees it."""

from __future__ import annotations

from typing import Any

from realtime_sync.distiller import DistillerEvent, DistillerSession, SessionPlace, open_session


def weather(query: str, env_variable: dict[str, Any]) -> dict[str, str]:
    env_variable["city"] = query
    return {"sky": "clear"}


def add(a: int, b: int) -> int:
    return a + b


def words_of(response: DistillerEvent) -> str:
    if response["type"] == "response.text.delta":
        return f"{response.role}: {response.content or ''}"
    return response.text or response.delta or ""


def talk(session: DistillerSession, sound: bytes) -> bytes:
    sent: bool = session.send_audio_chunk(sound)
    if sent:
        session.commit_audio()
    heard = b""
    for response in session.get_responses(timeout=30.0):
        print(words_of(response), dict(response))
        heard += response.pcm
    following: DistillerEvent | None = session.poll(0.0)
    return heard if following is None else b""


def main(place: SessionPlace) -> None:
    agents = {"Weather": weather, "Calculator": {"add": add}}
    with open_session(place, executor_dict=agents) as session:
        session.send_text_query("Hello")
        talk(session, b"\0\0")
