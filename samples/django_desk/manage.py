"""Django's commands for this sample: python samples/django_desk/manage.py COMMAND"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path


def main() -> None:
    """Run a command, such as ``migrate``, ``runserver`` or ``ask``."""
    # The modules have the same names here as under gunicorn, which starts in the checkout.
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "samples.django_desk.settings")
    from django.core.management import execute_from_command_line

    if isinstance(sys.stdout, TextIOWrapper):
        # Letters that a terminal does not have are no reason to stop.
        sys.stdout.reconfigure(errors="replace")
    try:
        execute_from_command_line(sys.argv)
    except BrokenPipeError:  # as with `| head`; nothing is to be written at the exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    main()
