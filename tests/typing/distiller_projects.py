"""User code of the Distiller's projects: never run, only checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from realtime_sync import AIRefinery, Local
from realtime_sync.distiller import RealtimeDistiller, TokenProvider
from realtime_sync.distiller.exceptions import DistillerClientError, ProjectCreationError


def clients(local: Local) -> list[AIRefinery]:
    provider = TokenProvider(url="https://h/token", client_id="a", client_secret="b")
    AIRefinery(7)  # type: ignore[arg-type]
    return [
        AIRefinery(),
        AIRefinery("key", "https://h", {"X-Mine": "1"}),
        AIRefinery(lambda: "key", timeout=(1.0, None), max_retries=0),
        AIRefinery(provider),
        local.airefinery(),
    ]


def projects(distiller: RealtimeDistiller) -> dict[str, Any]:
    made: bool = distiller.create_project(project="p", config_path=Path("p.yaml"))
    made = distiller.create_project(project="p", json_config={"utility_agents": []})
    made = distiller.validate_config(config="a: 1", timeout=3)
    distiller.create_project("p")  # type: ignore[call-arg]
    try:
        return distiller.download_project("p", 3 if made else "4", raw=True)
    except ProjectCreationError as exc:
        return exc.extra
    except DistillerClientError as exc:
        return {"status": exc.status}
