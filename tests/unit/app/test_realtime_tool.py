"""Functions and classes as tools, and their calls as objects."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, ClassVar

import attrs
import pytest
from guards import Guard
from pydantic import BaseModel, Field, field_validator

from realtime_sync.app.realtime_tool import AppTool, OpenAIRealtimeTool, RealtimeTool, as_app_tool
from realtime_sync.errors import ConfigError
from realtime_sync.tools import CallContext, describe
from realtime_sync.tools.kinds import ArgumentError


def format_book(title: str, author: str = "unknown") -> str:
    """Write a book in one line.

    Args:
        title: of the book.
        author: who wrote it.
    """
    return f"{title} by {author}"


class FormatBook(RealtimeTool):
    """Write a book in one line.

    Args:
        title: of the book.
        author: who wrote it.
    """

    shelf: ClassVar[str] = "A"
    title: str
    author: str = "unknown"

    def call(self) -> str:
        return f"{self.title} by {self.author}"


class BookModel(BaseModel):
    """Write a book in one line."""

    title: str = Field(description="of the book.")
    author: str = Field("unknown", description="who wrote it.")

    @field_validator("title")
    @classmethod
    def check(cls, title: str) -> str:
        if title == "forbidden":
            raise ValueError("we do not have it")
        return title

    def call(self) -> str:
        return f"{self.title} by {self.author}"


@dataclass
class BookData:
    title: str
    author: str = "unknown"

    def call(self) -> str:
        return f"{self.title} by {self.author}"


@attrs.frozen
class BookValue:
    """Write a book in one line."""

    title: str
    author: str = "unknown"

    def call(self) -> str:
        return f"{self.title} by {self.author}"


FORMS = (format_book, FormatBook, BookModel, BookData, BookValue)


def called(tool: AppTool, arguments: str = '{"title": "Emma", "author": "Jane Austen"}') -> Any:
    return tool.instance(CallContext(name=tool.name, call_id="call_1", arguments=arguments))


@pytest.mark.parametrize("form", FORMS)
def test_a_call_as_an_object(form: Any) -> None:
    tool = called(as_app_tool(form))
    assert isinstance(tool, RealtimeTool)
    assert (tool.title, tool.author) == ("Emma", "Jane Austen")
    assert tool.args == {"title": "Emma", "author": "Jane Austen"}
    assert tool.call() == "Emma by Jane Austen"
    assert tool._name() == form.__name__
    assert tool.tool_call["call_id"] == "call_1"
    assert "Jane Austen" in tool.tool_call["arguments"]
    assert repr(tool) == f"{form.__name__}(title='Emma', author='Jane Austen')"


@pytest.mark.parametrize("form", FORMS)
def test_a_default_stays_where_the_model_says_null(form: Any) -> None:
    tool = called(as_app_tool(form), '{"title": "Emma", "author": null}')
    assert tool.call() == "Emma by unknown"


@pytest.mark.parametrize("form", FORMS)
def test_what_the_model_is_told(form: Any) -> None:
    told = as_app_tool(form).declaration()
    assert told["name"] == form.__name__
    assert told.get("description", "") == ("" if form is BookData else "Write a book in one line.")
    properties = told["parameters"]["properties"]
    assert list(properties) == ["title", "author"]
    assert properties["title"]["type"] == "string"
    if form not in (BookData, BookValue):
        assert properties["author"]["description"] == "who wrote it."


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("wrong", ["{}", '{"title": 7}', "no JSON", '{"title": "a", "x": 1}'])
def test_wrong_arguments(form: Any, wrong: str) -> None:
    with pytest.raises(ArgumentError):
        called(as_app_tool(form), wrong)


def test_the_rules_of_a_class_count() -> None:
    with pytest.raises(ArgumentError, match="we do not have it"):
        called(as_app_tool(BookModel), '{"title": "forbidden", "author": null}')


def test_a_subclass_stays_what_it_is() -> None:
    assert OpenAIRealtimeTool is RealtimeTool

    tool = called(as_app_tool(FormatBook))
    assert isinstance(tool, FormatBook)
    assert FormatBook(title="Emma").call() == "Emma by unknown"
    assert repr(FormatBook(title="Emma")) == "FormatBook(title='Emma')"


def test_fields_are_inherited() -> None:
    class WithYear(FormatBook):
        year: int

        def call(self) -> str:
            return f"{super().call()}, {self.year}"

    tool = called(as_app_tool(WithYear), '{"title": "Emma", "author": null, "year": 1815}')
    assert tool.call() == "Emma by unknown, 1815"
    assert tool.call() == "Emma by unknown, 1815"
    assert "description" not in as_app_tool(WithYear).declaration(), "nobody wrote one"


def test_an_argument_takes_no_name_of_ours() -> None:
    def dial(call: str, args: str) -> str:
        return f"{call}, {args}"

    tool = called(as_app_tool(dial), '{"call": "home", "args": "now"}')
    assert tool.call() == "home, now"
    assert tool.args == {"call": "home", "args": "now"}


def test_the_work_is_done_once_however_many_ask() -> None:
    counts: list[int] = []
    begun, go_on = threading.Event(), threading.Event()
    guard = Guard()

    def slow() -> int:
        begun.set()
        guard.wait(go_on, "leave to go on")
        counts.append(1)
        return len(counts)

    tool = called(as_app_tool(slow), "{}")
    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.append(tool.call())) for _ in range(3)]
    for thread in threads:
        thread.start()
    guard.wait(begun, "the work")
    go_on.set()
    for thread in threads:
        guard.join(thread)
    assert results == [1, 1, 1]
    assert tool.call() == 1


def test_a_failure_is_everybodys() -> None:
    counts: list[int] = []

    def fail() -> None:
        counts.append(1)
        raise LookupError("no such book")

    tool = called(as_app_tool(fail), "{}")
    for _ in range(2):
        with pytest.raises(LookupError, match="no such book"):
            tool.call()
    assert counts == [1]


def test_a_function_may_ask_for_its_call() -> None:
    def search(words: str, call: CallContext) -> str:
        return f"{words}, {call.call_id}"

    tool = called(as_app_tool(search), '{"words": "a"}')
    assert tool.call() == "a, call_1"
    assert tool.args == {"words": "a"}


def test_a_tool_that_is_described_already() -> None:
    tool = as_app_tool(describe(format_book, name="book"))
    assert tool.name == "book"
    assert as_app_tool(tool) is tool
    assert called(tool)._name() == "book"


def test_a_class_that_does_nothing_says_so() -> None:
    class Lazy(RealtimeTool):
        title: str

    @dataclass
    class Data:
        title: str

    for form in (Lazy, Data):
        with pytest.raises(NotImplementedError, match=r"write call\(\)"):
            called(as_app_tool(form), '{"title": "Emma"}').call()


async def awaited(title: str) -> str:
    return title


class Awaited(RealtimeTool):
    async def call(self) -> str:
        return ""


class Plain:
    pass


@pytest.mark.parametrize("wrong", [awaited, Awaited, Plain, 7, "format_book", None])
def test_what_is_no_tool(wrong: Any) -> None:
    with pytest.raises(ConfigError):
        as_app_tool(wrong)
