"""Fixtures for every test; see the modules in ``support/``."""

from __future__ import annotations

import signal

import with_fast
from hypothesis import HealthCheck, settings

pytest_plugins = [
    "groups",
    "guards",
    "leaks",
    "programs",
    "realtime_sync.testing.fixtures",
    "sound_card",
]

# What is proved is the base install; `unit/test_fast.py` repeats with the extra what depends on it.
if not with_fast.WANTED:
    with_fast.hide()

# How long an example takes says how busy the machine is.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

# A run in the background may have been started with Ctrl-C ignored, and programs inherit that. One
# that handles it hands down the default, as a terminal would.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# So with the end of a terminal, which `nohup` has ignored.
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
