"""Sphinx's settings for the site; tools/make_site.py runs it and says what it is made of."""

import json
from collections.abc import Callable
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

FACTS = json.loads(Path(__file__).with_name("site.json").read_text(encoding="utf-8"))

project = "Hands-on image classification with PyTorch"
author = "The course's authors"
copyright = "the course's authors. Code and text: MIT"
extensions = ["myst_nb"]
root_doc = "index"
exclude_patterns = ["_build"]
nb_execution_mode = "off"  # what is shown is what is stored, and tested
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 4
suppress_warnings = ["mystnb.unknown_mime_type"]

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["course.css"]
html_css_files = ["course.css"]
html_copy_source = True
html_sourcelink_suffix = ""
html_math_renderer = "mathml"
html_theme_options = {
    "use_download_button": True,
    "use_fullscreen_button": False,
    "home_page_in_toc": True,
    "show_navbar_depth": 1,
    "navigation_with_keys": True,
    "navbar_persistent": [],
    "extra_footer": FACTS["verified"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
if FACTS["repository"]:
    html_theme_options |= {
        "repository_url": FACTS["repository"],
        "use_issues_button": True,
    }


def _mathml(display: str) -> Callable[[HTML5Translator, nodes.Element], None]:
    """Formulas as MathML, which browsers draw by themselves: nothing to fetch, and a screen reader can read it."""

    def visit(translator: HTML5Translator, node: nodes.Element) -> None:
        translator.body.append(convert(node.astext(), display=display))
        raise nodes.SkipNode

    return visit


def setup(app: Sphinx) -> None:
    app.add_html_math_renderer("mathml", (_mathml("inline"), None), (_mathml("block"), None))
