"""Sphinx's settings for the documentation, which `make docs` builds (scripts/build_docs.py)."""

from __future__ import annotations

import builtins
from typing import Any

from docutils.nodes import document
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

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
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_custom_sections = ["Threads", "Processes"]
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
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


def setup(app: Sphinx) -> None:
    """Connect what is above."""
    app.connect("doctree-read", settle_ambiguous_names)
    app.connect("missing-reference", find_public_name)
