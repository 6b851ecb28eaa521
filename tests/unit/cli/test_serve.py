"""`realtime-sync serve`: where its options come from, and how it fails."""

from __future__ import annotations

from click.testing import CliRunner

from realtime_sync.cli.serve import serve

VARIABLE = "REALTIME_SYNC_LOCAL_RESPONDER"


def test_a_responder_from_the_environment() -> None:
    url = "chat:http://me:hush@localhost/v1?modle=a"
    result = CliRunner().invoke(serve, ["--port", "0"], env={VARIABLE: url})
    assert result.exit_code == 1
    assert result.output.startswith("Error: the chat URL has the unknown option 'modle'")
    assert "hush" not in result.output
    result = CliRunner().invoke(serve, ["--port=0", "--responder=nobody"], env={VARIABLE: url})
    assert "responder 'nobody' is unknown" in result.output
