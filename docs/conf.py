"""How Sphinx builds these pages: `make docs`."""

import re
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]

project = "tusbridge"
author = "the developers of tusbridge"
release = re.findall(r'__version__ = "(.+)"', (_ROOT / "tusbridge/__init__.py").read_text())[0]
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
# pages include the tables that the benchmark and `make servers-table` write
exclude_patterns = ["_build", "benchmarks/*", "servers/*", "storages/*"]
html_theme = "furo"
html_title = f"tusbridge {release}"
# links to headings of other pages
myst_heading_anchors = 3
nitpicky = True
