"""Where a session is opened."""

from __future__ import annotations

from realtime_sync.distiller import SessionPlace


def test_the_version_is_part_of_the_projects_name() -> None:
    def place(version: str | None) -> SessionPlace:
        return SessionPlace(
            url="ws://x",
            headers=lambda: {"Authorization": "Bearer secret"},
            account="org-1",
            project="tutor",
            project_version=version,
            uuid="ann",
        )

    assert place(None).full_project == "tutor"
    assert place("0").full_project == "tutor:0"
    assert "secret" not in repr(place(None))
