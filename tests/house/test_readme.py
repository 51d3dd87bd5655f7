"""The README's code runs: every ```python block that follows `<!-- run -->`, in one namespace."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"<!--\s*run\s*-->\s*```python\n(.*?)```", re.DOTALL)


def blocks(text):
    """(first line number, code) of the blocks to run."""
    return [(text[: m.start(1)].count("\n"), m[1]) for m in BLOCK.finditer(text)]


def test_blocks_are_found():
    first = "a\n<!-- run -->\n```python\nx = 1\n```\n"
    text = f"{first}```python\nno\n```\n<!--run-->\n\n```python\ny\n```\n"
    assert blocks(text) == [(3, "x = 1\n"), (11, "y\n")]


def test_the_readme_runs(tmp_path, monkeypatch):
    readme = ROOT / "README.md"
    found = blocks(readme.read_text()) if readme.exists() else []
    if not found:
        pytest.skip("the README marks no block with <!-- run -->")
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "readme"}
    for line, code in found:  # empty lines in front: errors name the line in the README
        exec(compile("\n" * line + code, str(readme), "exec"), namespace)
