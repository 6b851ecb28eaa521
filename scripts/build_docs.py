"""Build the documentation into build/site: `make docs` runs this in an environment of its own.

    python scripts/build_docs.py [FOLDER]

The pages are those that are read in the repository: README.md, CHANGELOG.md, docs/, the index of
the samples and the pages of their folders. They are copied to `docs` beside the site with what only
a site needs: an outline (from docs/index.md), a page for each sample, and the reference
(scripts/write_reference.py). A warning is an error, and so is anything that a page would fetch from
the network.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from sphinx.cmd.build import build_main
from write_reference import public_modules, reference_page

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = ROOT / "docs" / "site"
INDEX = "docs/index.md"

_ENTRY = re.compile(r"^(?P<indent> *)- \[(?P<title>[^]]+)\]\((?P<path>[^)#]+)\)", re.MULTILINE)
_ORPHAN = "---\norphan: true\n---\n"  # of a page that no outline has
_LINK = re.compile(r"(?<!!)\[(?P<text>[^]]+)\]\((?P<path>[^)#:\s]+)(?P<anchor>#[^)\s]*)?\)")
_FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|audio|video)\b[^>]*\bsrc=["'](?P<src>(?:https?:)?//[^"']+)
    |<link\b(?=[^>]*\brel=["'](?:stylesheet|preconnect|preload|icon))
    [^>]*\bhref=["'](?P<href>(?:https?:)?//[^"']+)""",
    re.VERBOSE | re.IGNORECASE,
)
_IN_STYLE = re.compile(
    r"""url\(\s*["']?(?P<url>(?:https?:)?//[^)"']+)|@import\s+["'](?P<at>[^"']+)"""
)


def build(target: Path) -> None:
    """Write the site into ``target``, and what it is made of beside it: ``docs``, ``doctrees``.

    Raises:
        SystemExit: a warning of Sphinx's, or a page that would fetch something.
    """
    pages = target.with_name("docs")
    doctrees = target.with_name("doctrees")
    for folder in (pages, doctrees, target):
        shutil.rmtree(folder, ignore_errors=True)
    write_pages(pages)
    options = ["-b", "html", "-c", str(SETTINGS), "--fail-on-warning", "--keep-going", "--quiet"]
    if build_main([*options, "-d", str(doctrees), str(pages), str(target)]):
        sys.exit("build_docs: the warnings above are errors")
    if fetched := fetched_urls(target):
        sys.exit("build_docs: these pages would fetch something:\n" + "\n".join(fetched))


def write_pages(target: Path) -> None:
    """Write what Sphinx reads into ``target``."""
    for name in ("README.md", "CHANGELOG.md", "samples/README.md"):
        _copy(target, ROOT / name)
    for pattern in ("*.*", "images/*"):
        for path in sorted((ROOT / "docs").glob(pattern)):
            _copy(target, path)
    for path in sorted((ROOT / "samples").glob("*/README.md")):
        _copy(target, path, _ORPHAN)
    for path in shown_samples():
        _write_sample(target, path)
    for module in public_modules():
        page = target / "docs" / "reference" / f"{module}.rst"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(reference_page(module), encoding="utf-8")
    _write_outline(target)


def shown_samples() -> list[Path]:
    """Return the files of the samples that are text."""
    found = (ROOT / "samples").rglob("*")
    return sorted(path for path in found if path.suffix in {".py", ".yaml", ".service"})


def fetched_urls(site: Path) -> list[str]:
    """Return what the pages would fetch from elsewhere, each as ``page: address``."""
    found = []
    for path in sorted(site.rglob("*")):
        if path.suffix in {".html", ".css"}:
            text = path.read_text(encoding="utf-8")
            matches = [*_FETCHED.finditer(text), *_IN_STYLE.finditer(text)]
            urls = [next(filter(None, match.groups())) for match in matches]
            found += [f"{path.relative_to(site)}: {url}" for url in urls]
    return found


def _copy(target: Path, path: Path, before: str = "") -> None:
    copy = target / path.relative_to(ROOT)
    copy.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".md":
        copy.write_text(before + _with_links(path), encoding="utf-8")
    else:
        shutil.copy(path, copy)


def _with_links(path: Path) -> str:
    """Return a page whose links to samples lead to their pages, and to other files nowhere."""
    samples = set(shown_samples())

    def replaced(match: re.Match[str]) -> str:
        linked = (path.parent / match["path"]).resolve()
        if linked in samples:
            return f"[{match['text']}]({match['path']}.md)"
        if linked.suffix == ".md" and linked.is_file():
            return match[0]
        return match["text"]

    return _LINK.sub(replaced, path.read_text(encoding="utf-8"))


def _write_sample(target: Path, path: Path) -> None:
    name = path.relative_to(ROOT)
    language = {".py": "python", ".yaml": "yaml"}.get(path.suffix, "ini")
    page = target / f"{name}.md"
    page.parent.mkdir(parents=True, exist_ok=True)
    text = path.read_text(encoding="utf-8").rstrip("\n")
    page.write_text(f"{_ORPHAN}# {name}\n\n````{language}\n{text}\n````\n", "utf-8")


def _write_outline(target: Path) -> None:
    """Give the front page and the pages that have others below them their tables of contents."""
    text = (ROOT / INDEX).read_text(encoding="utf-8")
    below: dict[str, list[str]] = {}
    _append_tree(target / "README.md", "", [INDEX])
    for title, part in _parts(text):
        top = []
        for entry in _ENTRY.finditer(part):
            if entry["indent"]:
                below.setdefault(top[-1], []).append(entry["path"])
            elif entry["path"] != "../README.md":
                top.append(entry["path"])
        _append_tree(target / "README.md", title, [_from_root(each) for each in top])
    for page, pages in below.items():
        _append_tree(target / "docs" / page, "", pages)
    references = [
        f"{module.removeprefix('realtime_sync') or module} <reference/{module}.rst>"
        for module in public_modules()
    ]
    _append_tree(target / "docs" / "reference.md", "", references)


def _parts(text: str) -> list[tuple[str, str]]:
    _, *parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return list(zip(parts[::2], parts[1::2], strict=True))


def _from_root(path: str) -> str:
    return (ROOT / "docs" / path).resolve().relative_to(ROOT).as_posix()


def _append_tree(page: Path, caption: str, paths: list[str]) -> None:
    options = f":caption: {caption}\n" if caption else ""
    entries = "\n".join(paths)
    with page.open("a", encoding="utf-8") as file:
        file.write(f"\n```{{toctree}}\n:hidden:\n{options}\n{entries}\n```\n")


if __name__ == "__main__":
    build(Path(sys.argv[1]).resolve() if sys.argv[1:] else ROOT / "build" / "site")
