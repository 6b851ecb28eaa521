"""Sphinx's settings for the documentation, which `make docs` builds (scripts/build_docs.py)."""

from __future__ import annotations

import builtins
import re
from typing import Any

from docutils.nodes import document
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PyObject
from sphinx.environment import BuildEnvironment
from write_reference import value_names

from realtime_sync import __version__

project = "realtime_sync"
author = "realtime_sync"
release = __version__
root_doc = "README"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
nitpicky = False  # the annotations name private classes, too
suppress_warnings = ["misc.highlighting_failure"]  # shown parts of a message need not be valid JSON

# -- the pages --
myst_heading_anchors = 4  # as where the files are read
myst_links_external_new_tab = False

# -- the reference, from the docstrings --
default_role = "py:obj"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_custom_sections = ["Threads", "Processes"]
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
autodoc_type_aliases = value_names()  # annotations name a union, and do not spell it out
toc_object_entries_show_parents = "hide"

# -- what it looks like: everything that a page needs is beside it --
html_theme = "furo"
html_title = f"realtime_sync {release}"
html_static_path = ["custom.css"]
html_css_files = ["custom.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
templates_path = ["templates"]
html_additional_pages = {"index": "to_front_page.html"}
pygments_style = "friendly"
pygments_dark_style = "monokai"


def find_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: Any
) -> Any | None:
    """Resolve a name that says where something is defined, or that says no module at all.

    The reference has each object once, under the module that programs import it from.
    """
    if node.get("refdomain") != "py":
        return None
    python = env.get_domain("py")
    names = python.objects  # type: ignore[attr-defined]
    target = str(node["reftarget"]).split(".")
    for length in (2, 1):
        ending = "." + ".".join(target[-length:])
        found = [name for name in names if name.endswith(ending)]
        if len(target) >= length and len(found) == 1:
            node["reftarget"] = found[0]
            return python.resolve_xref(
                env, node["refdoc"], app.builder, "obj", found[0], node, contnode
            )
    return None


def settle_ambiguous_names(app: Sphinx, doctree: document) -> None:
    """Say which one an annotation means, where several things have its name."""
    for node in list(doctree.findall(pending_xref)):
        target = node.get("reftarget")
        if node.get("refdomain") != "py":
            continue
        if hasattr(builtins, target):
            node.attributes.pop("refspecific", None)  # Python's own, not what ends like it
        elif target == "RealtimeError" and "agents" not in (node.get("py:module") or ""):
            node["reftarget"] = "realtime_sync.errors.RealtimeError"


_SEVERAL = re.compile(r"    (?P<first>\w+), (?P<others>\w+(?:, \w+)*): (?P<words>.*)")
_INLINE = re.compile(r"(?P<section>Threads|Processes): (?P<words>.*)")


def complete_sections(
    app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]
) -> None:
    """Write sections as napoleon expects them.

    ``Threads: words`` becomes a section, and each name of ``a, b: words`` an entry of its own.
    """
    parted: list[str] = []
    entry: list[str] = []
    for line in [*lines, ""]:
        if entry and not line.startswith("     "):  # the entry has ended
            parted += entry
            entry = []
        if match := _INLINE.fullmatch(line):
            words = match["words"]
            parted += [f"{match['section']}:", f"    {words[0].upper()}{words[1:]}"]
        elif match := _SEVERAL.fullmatch(line):
            parted.append(f"    {match['first']}: {match['words']}")
            entry = [
                f"    {each}: see ``{match['first']}``." for each in match["others"].split(", ")
            ]
        else:
            parted.append(line)
    lines[:] = parted


def name_unions(
    app: Sphinx, what: str, name: str, value: Any, options: Any, signature: str, returns: str
) -> tuple[str | None, str | None]:
    """Write the names in ``autodoc_type_aliases`` as names, also beside others."""
    both = [part and _ALIAS.sub(r"\1", part) for part in (signature, returns)]
    return both[0], both[1]


_ALIAS = re.compile(r"TypeAliasForwardRef\('([\w.]+)'\)")


def setup(app: Sphinx) -> None:
    """Connect what is above."""
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.connect("autodoc-process-docstring", complete_sections, priority=100)  # before napoleon
    app.connect("autodoc-process-signature", name_unions)
    app.connect("doctree-read", settle_ambiguous_names)
    app.connect("missing-reference", find_public_name)
