"""Every page is found from the index, and every link leads somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import PAGES, anchors, links
from programs import REPOSITORY

DOCS = REPOSITORY / "docs"
INDEX = DOCS / "index.md"
SAMPLES = REPOSITORY / "samples"


def name(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def linked_files(page: Path) -> set[Path]:
    relative = {link.partition("#")[0] for link in links(page) if ":" not in link}
    return {(page.parent / path).resolve() for path in relative - {""}}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if ":" in link:
            continue  # another site; the tests ask no network
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name(page)} links to {link}, which is not there"
        assert target.is_relative_to(REPOSITORY), link
        if anchor:
            there = anchors(target)
            assert anchor in there, f"{name(page)} links to {link}; there is {sorted(there)}"


def test_the_index_names_every_page_once() -> None:
    listed = [link for link in links(INDEX) if link != "../README.md"]
    assert len(listed) == len(set(listed))
    pages = {page for page in PAGES if page not in (INDEX, REPOSITORY / "README.md")}
    assert {(DOCS / link).resolve() for link in listed} == pages


def test_the_front_page_names_the_index_and_the_samples() -> None:
    assert {INDEX, SAMPLES / "README.md"} <= linked_files(REPOSITORY / "README.md")


def test_the_index_of_the_samples_names_every_program() -> None:
    """By itself, or by the page of its folder where that is one program of several files."""
    listed = linked_files(SAMPLES / "README.md")
    told = {page.parent for page in listed if page.name == "README.md"}
    programs = {path for path in SAMPLES.rglob("*") if path.suffix in {".py", ".service"}}
    programs -= {path for path in programs if told & set(path.parents)}
    assert {name(path) for path in programs - listed} == set(), "add it to samples/README.md"


@pytest.mark.parametrize("page", sorted(SAMPLES.glob("*/README.md")), ids=name)
def test_the_page_of_a_program_names_its_files(page: Path) -> None:
    text = page.read_text("utf-8")
    assert [path.name for path in page.parent.glob("*.py") if path.name not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_page_begins_with_what_it_is_for(page: Path) -> None:
    """A title, and then a sentence: no table, code or further heading."""
    title, empty, first, *_ = page.read_text("utf-8").splitlines()
    assert title.startswith("# ")
    assert empty == ""
    assert first[:1].isalnum() or first[:1] in "`[", first
