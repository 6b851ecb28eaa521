"""The commands that the README and the documents give, and how each is run on a bare system.

`make test-bare` runs them (tests/bare); tests/samples/test_commands.py holds that all is in order.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from blocks import Command, command_blocks

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = [REPOSITORY / "README.md", *sorted(REPOSITORY.glob("docs/**/*.md"))]


@dataclass(frozen=True)
class LeftOut:
    """It can't run there."""

    reason: str


@dataclass(frozen=True)
class Instead:
    """Another command is run for it, which prints what the document shows."""

    command: str
    reason: str


@dataclass(frozen=True)
class Fails:
    """It ends with this exit code, because of what such a system does not have."""

    code: int
    prints: str
    reason: str


@dataclass(frozen=True)
class Serves:
    """It runs until it is stopped: at the next that serves, or at the end of its block.

    Attributes:
        prints: what it does when it serves.
        url: what it then answers, if only by a refusal.
    """

    prints: str
    url: str


MICROPHONE = "it needs a microphone and a speaker"
HEALTH = "http://127.0.0.1:8765/healthz"
DESK = "http://127.0.0.1:8000/"
ASK = "http://127.0.0.1:8000/ask"
KEY = "it needs a key of the provider's, and its server"
# What is not here runs as it stands and ends with exit code 0, printing what the document shows.
EXCEPTIONS: dict[str, LeftOut | Instead | Fails | Serves] = {
    "make test": Instead(
        "make test PYTEST_ARGS='-n0 tests/unit/test_errors.py'",
        "all tests take long, and CI runs them; here it counts that they set themselves up",
    ),
    "realtime-sync doctor": Fails(1, "missing or broken: ", "there is no sound card"),
    "realtime-sync devices --tone": LeftOut(MICROPHONE),
    "realtime-sync devices --meter 10": LeftOut(MICROPHONE),
    "realtime-sync talk": LeftOut(MICROPHONE),
    "realtime-sync talk --push-to-talk": LeftOut(MICROPHONE),
    "realtime-sync talk --echo gate": LeftOut(MICROPHONE),
    "realtime-sync talk --interruptions resume": LeftOut(MICROPHONE),
    "realtime-sync talk --idle 15 --hang-up 30": LeftOut(MICROPHONE),
    "realtime-sync talk --tools my_tools:get_weather": LeftOut(MICROPHONE),
    "realtime-sync talk --provider openai --model gpt-realtime-2 --voice cedar": LeftOut(KEY),
    "realtime-sync talk --provider airefinery --project tutor": LeftOut(KEY),
    "python samples/yandex_voice_agent.py --index INDEX_ID": LeftOut(KEY),
    "realtime-sync serve": Serves(
        "serving the realtime protocol on http://127.0.0.1:8765/v1", HEALTH
    ),
    "realtime-sync serve --projects projects --key secret": Serves(
        "serving the realtime protocol", HEALTH
    ),
    "gunicorn --workers 4 samples.web.flask_app:app": Serves("Booting worker", ASK),
    "gunicorn --worker-class gthread --workers 2 --threads 16 samples.web.flask_app:app": Serves(
        "Booting worker", ASK
    ),
    "gunicorn --workers 4 --timeout 100 samples.django_desk.wsgi:application": Serves(
        "Booting worker", DESK
    ),
    "gunicorn --worker-class gevent --workers 2 samples.web.flask_app:app": Serves(
        "Booting worker", ASK
    ),
    'python samples/django_desk/manage.py ask "Please count to three."': Instead(
        'env -u OPENAI_API_KEY python samples/django_desk/manage.py ask "Please count to three."',
        "the key that the programs find there is no key, and the embedded server wants none",
    ),
    "gunicorn --worker-class gthread --threads 25 --bind 127.0.0.1:8000 phone:app": LeftOut(
        "its program is phone.py, which tests/integration/test_telephony_wsgi.py runs"
    ),
}

_DEVELOPER = ("make demo", "make test", ".venv/")


def blocks_for(who: str) -> list[list[Command]]:
    """Return the blocks of all documents that "developer" or "user" would run.

    A developer's commands set themselves up by make; a user's come after those of the README that
    install the package.
    """
    blocks = [block for path in DOCUMENTS for block in command_blocks(path)]
    return [block for block in blocks if who == _whose(block)]


def _whose(block: Iterable[Command]) -> str:
    is_set_up = any(command.text.startswith(_DEVELOPER) for command in block)
    return "developer" if is_set_up else "user"


def steps(block: Iterable[Command]) -> Iterator[str]:
    """Yield a block's lines of a script for the functions of tests/bare/steps.sh."""
    yield "("
    yield "begin"
    for command in block:
        yield shlex.join(map(str, _step(command)))
    yield "finish"
    yield ") || exit"


def _step(command: Command) -> tuple[object, ...]:
    match EXCEPTIONS.get(command.text):
        case None:
            return "run", command, command.text, 0, command.prints
        case LeftOut(reason):
            return "leave_out", command, command.text, reason
        case Instead(other):
            return "run", command, other, 0, command.prints
        case Fails(code, prints):
            return "run", command, command.text, code, prints
        case Serves(prints, url):
            return "serve", command, command.text, prints, url
