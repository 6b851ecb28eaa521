"""A leaking test fails, a clean one passes, whoever owns the longer-lived things."""

from __future__ import annotations

from pathlib import Path

import pytest

SUPPORT = Path(__file__).parent

LEAKING = """
import gc
import socket
import subprocess
import sys
import threading

import pytest

forever = threading.Event()
kept = []

def test_thread():
    threading.Thread(target=forever.wait, name="stray", daemon=True).start()

def test_socket():
    kept.append(socket.socket())

def test_socket_in_a_cycle():
    class Node: pass
    node = Node()
    node.me, node.socket = node, socket.socket()

def test_child_process():
    kept.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))

def test_child_process_that_was_not_reaped():
    child = subprocess.Popen([sys.executable, "-c", ""])
    while (state := open(f"/proc/{child.pid}/stat").read().rsplit(")")[-1].split()[0]) != "Z":
        pass
    kept.append(child)

def test_crashed_thread():
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()

def test_exception_in_a_destructor():
    class Bad:
        def __del__(self):
            raise ValueError("from the destructor")
    Bad()

@pytest.fixture(scope="session", autouse=True)
def the_end():
    yield
    for child in kept[1:]:
        if isinstance(child, subprocess.Popen):
            child.communicate()
    kept[0].close()
    forever.set()
"""

CLEAN = """
import socket
import threading

import pytest

@pytest.fixture(scope="session")
def service():
    # Owns a thread and a socket for the whole session.
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    with socket.socket() as sock:
        yield sock
    end.set()
    thread.join()

@pytest.fixture
def own_thread():
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    yield
    end.set()
    thread.join()

def test_without_anything():
    pass

def test_that_asks_for_the_service_late(request):
    request.getfixturevalue("service")

def test_with_the_service(service):
    pass

def test_with_a_fixture_that_cleans_up(own_thread):
    pass

def test_with_a_thread_that_is_just_ending():
    threading.Timer(0.2, lambda: None).start()

def test_with_a_socket_that_another_thread_closes_soon():
    sock = socket.socket()
    threading.Timer(0.2, sock.close).start()
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project of its own with our fixtures."""
    monkeypatch.setenv("PYTHONPATH", str(SUPPORT))
    pytester.makeini("[pytest]\nfilterwarnings = error\n")
    pytester.makeconftest('pytest_plugins = ["leaks"]\n')
    return pytester


def test_each_leak_fails_its_own_test(run: pytest.Pytester) -> None:
    run.makepyfile(f"import leaks\nleaks.patience_s = 0.3\n{LEAKING}")
    result = run.runpytest_subprocess("-p", "no:cacheprovider", "-rA")
    result.stdout.fnmatch_lines_random(
        [
            "*left behind: thread stray*",
            "*left behind: descriptor * (socket:*",
            "*unclosed <socket*",
            "*left behind: child process *",
            "*ZeroDivisionError*",
            "*from the destructor*",
        ]
    )
    for name in (
        "thread",
        "socket",
        "socket_in_a_cycle",
        "child_process",
        "child_process_that_was_not_reaped",
        "crashed_thread",
        "exception_in_a_destructor",
    ):
        result.stdout.re_match_lines_random([rf"(ERROR|FAILED) .*::test_{name}\b.*"])


def test_clean_tests_pass(run: pytest.Pytester) -> None:
    run.makepyfile(CLEAN)
    result = run.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=6)
