from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

from realtime_sync._uncopied import Uncopied
from realtime_sync.errors import ConcurrencyError


class Link(Uncopied):
    """Of a program."""


@pytest.mark.parametrize("attempt", [copy.copy, copy.deepcopy, pickle.dumps])
def test_there_is_no_second_one(attempt: Callable[[object], object]) -> None:
    with pytest.raises(ConcurrencyError, match="a Link can't be copied or pickled"):
        attempt(Link())
