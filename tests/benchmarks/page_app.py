"""The voice page of samples/flask_voice, whose model's name says what the load server does."""

from __future__ import annotations

import os

from samples.flask_voice.agents import CONFIG
from samples.flask_voice.app import create_app

CONFIG["model_settings"]["model_name"] = os.environ["PAGE_BENCH_PLAN"]
app = create_app()
