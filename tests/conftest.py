"""Fixtures for every test; see the modules in ``support/``."""

from __future__ import annotations

import with_fast

pytest_plugins = ["guards", "leaks", "programs", "sound_card"]

# What is proved is the base install; `unit/test_fast.py` repeats with the extra what depends on it.
if not with_fast.WANTED:
    with_fast.hide()
