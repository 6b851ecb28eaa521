"""`make docs`: the site is built without a warning, is complete, and fetches nothing."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from pages import PAGES, links
from programs import REPOSITORY

SCRIPTS = REPOSITORY / "scripts"
_LIMIT_S = 900  # half a minute of CPU, on a machine that does other things as well


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("documents") / "site"
    result = subprocess.run(
        [sys.executable, str(SCRIPTS / "build_docs.py"), str(target)],
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    return target


@pytest.fixture(scope="module")
def builder() -> dict[str, Any]:
    sys.path.insert(0, str(SCRIPTS))
    try:
        return runpy.run_path(str(SCRIPTS / "build_docs.py"))
    finally:
        sys.path.remove(str(SCRIPTS))


@pytest.mark.xdist_group("site")
@pytest.mark.timeout(_LIMIT_S + 60)
def test_the_site_has_every_page_and_its_outline_names_it(site: Path) -> None:
    front = (site / "README.html").read_text("utf-8")
    sidebar = front[front.index('class="sidebar-tree"') :]
    for page in PAGES[1:]:
        name = page.relative_to(REPOSITORY).with_suffix(".html").as_posix()
        assert (site / name).is_file()
        assert f'href="{name}"' in sidebar, f"docs/index.md does not lead to {name}"


@pytest.mark.xdist_group("site")
@pytest.mark.timeout(_LIMIT_S + 60)
def test_the_reference_has_an_entry_for_every_public_name(site: Path) -> None:
    reference = runpy.run_path(str(SCRIPTS / "write_reference.py"))
    modules = reference["public_modules"]()
    for module in modules:
        page = (site / "docs" / "reference" / f"{module}.html").read_text("utf-8")
        entries = set(re.findall(r'<dt class="sig[^>]*id="([^"]+)"', page))
        own = {f"{module}.{name}" for name in modules[module].__all__}
        own = {name for name in own if reference["home"](module, name.rpartition(".")[2]) == module}
        assert own <= entries


@pytest.mark.xdist_group("site")
@pytest.mark.timeout(_LIMIT_S + 60)
def test_docstrings_are_rendered_as_they_are_written(site: Path) -> None:
    page = (site / "docs" / "reference" / "realtime_sync.connection.html").read_text("utf-8")
    text = unescape(re.sub(r"<[^>]+>", "", page))
    assert "TypeAliasForwardRef" not in text
    recv = text[text.index("recv(") : text.index("poll(")]
    assert re.search(r"→ ServerEvent\W+Return the next event\.\s+Parameters:\s+timeout", recv)
    assert re.search(r"Raises:\s+ConfigError\W+the timeout is no number", recv)
    attributes = (
        r"Attributes:\s+session\W+the client\W*s\s+events as methods\.\s+response\W+see session"
    )
    assert re.search(attributes, text)
    assert re.search(r"Threads\s+Any thread may send", text)


@pytest.mark.xdist_group("site")
@pytest.mark.timeout(_LIMIT_S + 60)
def test_a_link_to_a_sample_shows_it(site: Path) -> None:
    assert 'href="demo.py.html"' in (site / "samples" / "README.html").read_text("utf-8")
    page = (site / "samples" / "demo.py.html").read_text("utf-8")
    assert "A spoken conversation with no key" in unescape(re.sub(r"<[^>]+>", "", page))


@pytest.mark.xdist_group("site")
@pytest.mark.timeout(_LIMIT_S + 60)
def test_the_page_of_a_sample_and_the_pictures_of_the_documents_are_there(site: Path) -> None:
    text = (site / "samples" / "django_desk" / "README.html").read_text("utf-8")
    assert 'href="../../docs/web_django.html"' in text
    shown = {Path(link).name for page in PAGES for link in links(page)}
    pictures = {name for name in shown if name.endswith((".png", ".svg"))}
    assert "django_desk_wide.png" in pictures
    assert pictures <= {path.name for path in (site / "_images").iterdir()}


@pytest.mark.parametrize(
    "markup",
    [
        '<script src="https://cdn.example/a.js"></script>',
        '<link rel="stylesheet" type="text/css" href="//fonts.example/css">',
        '<link href="https://fonts.example" rel="preconnect">',
        "<img alt='' src='http://example/a.png'>",
        "<style>body { background: url(https://example/a.png) }</style>",
        '<style>@import "https://example/a.css";</style>',
    ],
)
def test_what_a_page_would_fetch_is_found(
    markup: str, builder: dict[str, Any], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    page.write_text('<a href="https://example">a link</a><img src="a.png">', "utf-8")
    assert builder["fetched_urls"](tmp_path) == []
    page.write_text(markup, "utf-8")
    assert len(builder["fetched_urls"](tmp_path)) == 1
