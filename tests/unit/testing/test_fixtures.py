from __future__ import annotations

import pytest

CONFTEST = 'pytest_plugins = ["realtime_sync.testing.fixtures"]'
TESTS = """
from realtime_sync.testing import Step

def test_complete(scripted_server):
    assert scripted_server(session={"instructions": "Hi."}).remaining_steps == 0

def test_incomplete(scripted_server):
    scripted_server()
    scripted_server([Step("response.create")])
"""


def test_a_script_must_come_to_its_end(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*UnconsumedSteps: steps left of the script: 1,*"])
