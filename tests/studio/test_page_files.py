"""The page's files without a browser: small, whole, and nothing in them from elsewhere."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

PAGE = Path(str(files("foreworld.studio") / "page"))
FILES = sorted(p for p in PAGE.iterdir() if p.suffix in {".js", ".css", ".html", ".svg"})
MODULES = [p for p in FILES if p.suffix == ".js"]


def test_the_page_is_there():
    assert {"index.html", "look.css", "studio.js"} <= {p.name for p in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_files_are_small_and_ask_nobody_else(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    elsewhere = set(re.findall(r"""\bhttps?://[^\s"'`$]+""", text))
    assert not elsewhere - {"http://www.w3.org/2000/svg"}
    assert "eval(" not in text and "innerHTML" not in text


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.name)
def test_what_is_imported_is_exported_and_used(path):
    text = path.read_text()
    for names, module in re.findall(r'import \{([^}]+)\} from "\./([^"]+)"', text):
        there = (PAGE / module).read_text()
        for name in (name.strip() for name in names.split(",") if name.strip()):
            assert re.search(rf"export (async )?(function|class|const) {name}\b", there), name
            assert len(re.findall(rf"\b{name}\b", text)) > 1, f"{name} is imported for nothing"


def test_parts_that_are_named_are_there():
    html = (PAGE / "index.html").read_text()
    code = "\n".join(p.read_text() for p in MODULES)
    for name in re.findall(r'/static/([^"]+)"', html):
        assert (PAGE / name).exists(), name
    drawn = set(re.findall(r'id="icon-(\w+)"', html))
    asked = set(re.findall(r'icon\("(\w+)"\)', code)) | set(re.findall(r"#icon-(\w+)", html))
    assert asked <= drawn
    assert {p.name for p in MODULES} == reached("studio.js")


def reached(name, known=None):
    """Every module that is imported from `name` on: none lies about unused."""
    known = known if known is not None else set()
    if name not in known:
        known.add(name)
        for other in re.findall(r'from "\./([^"]+)"', (PAGE / name).read_text()):
            reached(other, known)
    return known
