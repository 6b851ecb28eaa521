"""Looking for secrets in every corner of an exception."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Iterable

from realtime_sync.errors import RealtimeError

__all__ = ["assert_hidden", "assert_hidden_in_error"]


def assert_hidden(text: str, secrets: Iterable[str]) -> None:
    """Assert that none of ``secrets`` is in ``text``."""
    for secret in secrets:
        at = text.find(secret)
        assert at < 0, f"a secret: {text[max(0, at - 200) : at + 100]!r}"


def assert_hidden_in_error(error: BaseException, secrets: Iterable[str]) -> None:
    """Assert it of an error of ours, of those behind it, and of what a pickle keeps of it."""
    assert isinstance(error, RealtimeError)
    secrets = [*secrets]
    behind = [error]
    for each in behind:  # it grows
        assert_hidden(f"{each} {each!r} {each.args!r} {vars(each)!r}", secrets)
        behind += [other for other in (each.__cause__, each.__context__) if other is not None]
    assert_hidden("".join(traceback.format_exception(error)), secrets)
    pickled = pickle.dumps(error)
    assert_hidden(pickled.decode("latin-1"), secrets)
    again = pickle.loads(pickled)
    assert_hidden(f"{again} {again!r} {vars(again)!r}", secrets)
    assert type(again) is type(error)
