"""Functions that are named at the command line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime_sync.cli._tools import get_weather, load_tools
from realtime_sync.errors import ConfigError
from realtime_sync.tools.schema import describe

MODULES = {
    "good_tools": """
def add(a: int, b: int = 7) -> int:
    "Add two numbers."
    return a + b

def vague(a):
    return a

number = 3
""",
    "other_tools": "from good_tools import add",
    "raises": "raise RuntimeError('two\\nlines')",
    "leaves": "import sys; sys.exit(3)",
    "lacks": "import a_package_that_nobody_has",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name in MODULES:
        sys.modules.pop(name, None)


def test_a_function_is_imported_from_this_folder_and_described() -> None:
    tools = load_tools(["good_tools:add"])
    assert list(tools) == ["add"]
    declared = tools["add"].declaration()
    assert (declared["name"], declared["description"]) == ("add", "Add two numbers.")


def test_the_tool_for_demonstration_can_be_described() -> None:
    assert describe(get_weather).declaration()["parameters"]["required"] == ["city"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["good_tools"], "give MODULE:FUNCTION"),
        ([":add"], "give MODULE:FUNCTION"),
        (["good_tools:"], "give MODULE:FUNCTION"),
        (["no_such_module:add"], "there is no module no_such_module"),
        (["good_tools.inner:add"], "there is no module good_tools.inner"),
        (["good_tools:subtract"], "the module good_tools has no subtract"),
        (["good_tools:number"], "that is no function, but int"),
        (["good_tools:vague"], "the parameter 'a' of vague has no annotation"),
        (["raises:f"], "raises can't be imported: RuntimeError: two lines"),
        (["leaves:f"], "leaves can't be imported: SystemExit: 3"),
        (["lacks:f"], "lacks imports a_package_that_nobody_has, which is not there"),
        (["good_tools:add", "other_tools:add"], "two tools are called add"),
    ],
)
def test_what_can_not_be_had_is_one_sentence(names: list[str], words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_tools(names)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
