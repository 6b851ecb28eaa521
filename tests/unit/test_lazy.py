from __future__ import annotations

import importlib
import sys
import types

import pytest

import realtime_sync
from realtime_sync import _lazy


def test_a_name_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(_lazy, "load", lambda *place: asked.append(place) or "found")
    module = types.ModuleType("some_package")
    monkeypatch.setitem(sys.modules, "some_package", module)
    module.__getattr__, module.__dir__ = _lazy.resolver("some_package", {"Name": "a.home"})  # type: ignore[method-assign]
    assert asked == []
    assert [module.Name, module.Name] == ["found", "found"]
    assert asked == [("some_package", "a.home", "Name")]
    assert "Name" in dir(module)
    with pytest.raises(AttributeError, match="'some_package' has no attribute 'Nothing'"):
        module.Nothing  # noqa: B018 -- the access is the test


def test_a_name_that_is_not_asked_for_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "some_package", types.ModuleType("some_package"))
    _, names = _lazy.resolver("some_package", {"Name": "a.home"})
    assert "Name" in names()


def test_a_higher_layer_is_reached_by_name() -> None:
    found = _lazy.load("realtime_sync", "clients.openai", "OpenAI")
    assert found is realtime_sync.OpenAI


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("azure", {"AzureOpenAI"}),
        ("client", {"Local", "OpenAI"}),
        ("yandex", {"YandexAIStudio", "file_search", "web_search"}),
    ],
)
def test_former_modules(module: str, names: set[str]) -> None:
    former = importlib.import_module(f"realtime_sync.{module}")
    assert getattr(realtime_sync, module) is former
    assert set(former.__all__) == names
    for name in names & set(realtime_sync.__all__):
        assert getattr(former, name) is getattr(realtime_sync, name)
    namespace: dict[str, object] = {}
    exec(f"from realtime_sync.{module} import *", namespace)
    assert names <= set(namespace)
    with pytest.raises(ImportError):
        exec(f"from realtime_sync.{module} import Nothing")
