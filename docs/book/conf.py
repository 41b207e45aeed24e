"""The book: the stored notebooks, the pages under docs/ and the library's docstrings as a site of static files."""

import tomllib
from pathlib import Path

import cnnlab

# `tools/book.py` copies what belongs to the book into one folder; the address is where the project says it is.
_project = tomllib.loads((Path(cnnlab.__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = "cnnlab"
author = copyright = "The cnnlab authors"
release = cnnlab.__version__
language = "en"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_codeautolink",
    "sphinx-mathjax-offline",
]

exclude_patterns = ["built"]
nb_execution_mode = "off"
nb_render_markdown_format = "myst"
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"

codeautolink_concat_default = True  # the cells of a page are one program

html_theme = "sphinx_book_theme"
html_title = "cnnlab"
html_favicon = "static/icon.svg"
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system has it
html_static_path = ["static"]
html_css_files = ["book.css"]
html_theme_options = {
    "repository_url": _project["urls"]["Repository"],
    "use_repository_button": True,
    "use_download_button": True,
    "show_toc_level": 2,
    "navbar_start": [],
    "navbar_persistent": [],
}
