"""Fifty sessions of agents at once in one process: nothing is lost, doubled, or left behind.

Tools run, users interrupt, calls wait for approval, agents hand over, and links break, all at
random. ``python tests/support/many_sessions.py`` does the same for a minute or more.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from embedded import Server, run_server
from many_sessions import Crowd, write_script

pytestmark = pytest.mark.xdist_group("many_sessions")

SESSIONS = 50
SECONDS = 15.0
SEED = 20_262


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with run_server("--responder", write_script(tmp_path_factory.mktemp("script"))) as running:
        yield running


def test_fifty_sessions_at_once(server: Server) -> None:
    crowd = Crowd(SESSIONS, url=server.url, key=server.key, seed=SEED)
    crowd.run(SECONDS)
    print(crowd.report())
    for program in crowd.programs:
        assert program.failure is None, (program.number, program.stage)
        assert not program.problems, (program.number, program.problems)
    assert crowd.lost, "links have broken"
    assert sum(program.answered for program in crowd.programs) > SESSIONS
    assert sum(program.interrupted for program in crowd.programs)
    gc.collect()
    assert not [p.number for p in crowd.programs if p.session is not None and p.session()]
