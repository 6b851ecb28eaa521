"""HTTP answers hold whatever a client has sent."""

from __future__ import annotations

import json

import pytest

from realtime_sync.local.web.refusals import json_answer, refusal


def test_half_a_character_is_no_failure() -> None:
    answer = refusal(400, "Unknown parameter: '\ud83d'.", None, param="\ud83d")
    assert bytes(answer.body).isascii()
    error = json.loads(bytes(answer.body))["error"]
    assert (error["message"], error["param"]) == ("Unknown parameter: '\ud83d'.", "\ud83d")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"].startswith("req_")


def test_what_is_no_json_is_not_sent() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_answer({"a": float("nan")})
