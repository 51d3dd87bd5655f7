"""The page of an exported world: the studio's own, with a session that dreams in the tab.

Page and server agree on nothing but the session protocol, so that the one module that speaks with
the server can be taken out, and another put in its place that needs none.
"""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

ROOMS = (("foreworld.studio", "page"), ("foreworld.serving", "web"))  # later files replace earlier
UNUSED = ("studio.js", "gallery.js", "gallery.css")  # what chooses among a server's worlds
CHANGES = {  # in index.html
    '  <link rel="stylesheet" href="/static/gallery.css">\n': "",
    '  <script type="module" src="/static/studio.js">': (
        '  <link rel="stylesheet" href="tab.css">\n  <script type="module" src="tab.js">'
    ),
    "/static/": "",
}


def copy_page(folder: Path) -> None:
    """Put everything but the world itself into a folder."""
    for room, name in ROOMS:
        with resources.as_file(resources.files(room) / name) as files:
            shutil.copytree(files, folder, dirs_exist_ok=True)
    for name in UNUSED:
        (folder / name).unlink()
    index = folder / "index.html"
    text = index.read_text()
    for old, new in CHANGES.items():
        assert old in text, f"the studio's index.html has no {old!r} any more"
        text = text.replace(old, new)
    index.write_text(text)
