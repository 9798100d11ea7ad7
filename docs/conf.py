"""Settings of the documentation; ``make docs`` builds it into ``docs/_build/html``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import api_pages
import gallery
import result_tables
from sphinx.application import Sphinx

import tfmkit

project = "tfmkit"
author = "the tfmkit developers"
copyright = author
version = release = tfmkit.__version__
language = "en"

extensions = [
    "mathml",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "generated/tables", "auto_examples/*.ipynb"]
templates_path = ["_templates"]
# Single backticks in docstrings mark names.
default_role = "code"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# Examples on measured data need the network once, or the files in the cache folder.
measured = gallery.measured_data_is_at_hand()

sphinx_gallery_conf = {
    "ignore_pattern": r"__init__\.py" if measured else r"plot_measured",
    "examples_dirs": ["../examples"],
    "gallery_dirs": ["auto_examples"],
    "filename_pattern": r"plot_",
    "image_scrapers": ("gallery",),
    "within_subsection_order": "gallery.subsection_order",
    "only_warn_on_example_error": False,
    "abort_on_example_error": True,
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "min_reported_time": 1e6,
    "write_computation_times": False,
    "remove_config_comments": True,
}

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "tfmkit"
html_static_path = ["_static"]
html_css_files = ["tfmkit.css"]
html_show_sourcelink = False
# Pages without pages below them need no sidebar.
html_sidebars = {
    name: [] for name in (
        "index", "start", "which_method", "input", "beads_to_report", "window", "error_bars", "extend", "glossary",
        "benchmarks", "contributing", "changelog",
    )
}  # fmt: skip
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "header_links_before_dropdown": 4,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

result_tables.write_all(HERE / "generated" / "tables")
api_pages.write(HERE / "generated" / "api.md")


def _without_old_roles(app, pagename, templatename, context, doctree):  # noqa: ARG001
    """Remove roles of reference lists that browsers no longer know."""
    if "body" in context:
        body = context["body"].replace(' role="doc-biblioentry"', "")
        context["body"] = body.replace('<div role="list" class="citation-list">', '<div class="citation-list">')


def setup(app: Sphinx) -> None:
    """Connect; Sphinx calls this."""
    app.connect("html-page-context", _without_old_roles)
