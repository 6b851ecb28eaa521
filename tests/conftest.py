"""Fixtures for every test; see the modules in ``support/``."""

from __future__ import annotations

pytest_plugins = ["guards", "leaks", "programs", "sound_card"]
