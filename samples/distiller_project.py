"""Create a project of AI Refinery's Distiller from a YAML file, and fetch it again.

With API_KEY set it talks to AI Refinery, without it to the embedded server.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from realtime_sync import AIRefinery, Local
from realtime_sync.distiller.exceptions import ProjectCreationError

CONFIG = Path(__file__).parent / "distiller" / "tutor.yaml"


def main() -> None:
    """Create the project that the command line names."""
    project = sys.argv[1] if len(sys.argv) > 1 else "tutor"
    client = AIRefinery() if "API_KEY" in os.environ else Local().airefinery()
    distiller = client.realtime_distiller
    if not distiller.validate_config(config_path=CONFIG):
        sys.exit(f"the server does not take {CONFIG.name}; its reason is in the log")
    try:
        distiller.create_project(config_path=CONFIG, project=project)
    except ProjectCreationError as exc:
        sys.exit(f"not created: {exc}")
    config = distiller.download_project(project=project)
    for agent in config["utility_agents"]:
        print(f"{agent['agent_name']} ({agent['agent_class']}): {agent['agent_description']}")


if __name__ == "__main__":
    main()
