"""The embedded server gives back what its sessions took; `make soak` does the same for hours."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from embedded import run_server
from server_soak import (
    MOST_BESIDE_MIB,
    MOST_GROWTH,
    MOST_IDLE_KB,
    Soak,
    growth,
    listen,
    make_a_sound,
)

pytestmark = pytest.mark.timeout(100)


@pytest.fixture(scope="module")
def soak() -> Iterator[Soak]:
    with run_server() as server:
        yield Soak(server)


def test_a_session_that_has_sent_no_sound_is_small(soak: Soak) -> None:
    each = asyncio.run(soak.idle_kb(100))
    print(f"{each:.0f} kB each")
    assert each < MOST_IDLE_KB


def test_the_third_wave_of_sessions_ends_where_the_first_did(soak: Soak) -> None:
    async def waves() -> list[float]:
        await soak.crowd(20, make_a_sound)  # which leaves the detectors of twenty
        figures = []
        for _ in range(3):
            await soak.crowd(20, make_a_sound)
            figures.append(await soak.crowd(300, listen))
        return figures

    figures = asyncio.run(waves())
    print([f"{each / 1_000:.1f} MB" for each in figures])
    assert growth(figures, first=1) <= MOST_GROWTH


def test_unfinished_messages_take_no_more_than_they_may() -> None:
    with run_server("--max-incoming-mib", "32") as server:
        taken = asyncio.run(Soak(server).unfinished_mib(8))
    print(f"{taken:.0f} MiB for 160 MiB that were sent")
    assert taken <= 32 + MOST_BESIDE_MIB
