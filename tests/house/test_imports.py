"""Imports run one way: each room uses only the lines above its own, read from the source."""

import ast
from pathlib import Path

import pytest

import foreworld

PACKAGE = Path(foreworld.__file__).parent
LINES = """
vocab errors disk reference
outputs binned nn config log checkpoint resume
worlds streams families planners
episodes
replay policies data
training evaluation sessions
serving studio
catalog
run
cli
"""
RANK = {room: rank for rank, line in enumerate(LINES.split("\n")) for room in line.split()}
FILES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")
# The shared foundation is split in small files that may build on each other: later on earlier ones.
LADDER = ("disk", "errors", "reference")


def room_of(path):
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def imported_rooms(tree):
    """(line number, room) of every import of ours, wherever it stands: functions hide nothing."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            names = [node.module or ""]
            if node.module == "foreworld":
                names = [f"foreworld.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name == "foreworld" or name.startswith("foreworld."):
                yield node.lineno, (name.split(".") + [""])[1]


def allowed(room, other):
    if room == other:
        return True
    if room in LADDER and other in LADDER:
        return LADDER.index(other) < LADDER.index(room)
    return RANK[other] < RANK[room]


def test_every_room_has_its_place():
    assert {room_of(p) for p in FILES} <= set(RANK)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_one_way(path):
    room = room_of(path)
    wrong = [
        f"{path}:{number}: {room} may not import {other or 'the package itself'}"
        for number, other in imported_rooms(ast.parse(path.read_text()))
        if other not in RANK or not allowed(room, other)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_contract_can_fail():
    tree = ast.parse(
        "def f():\n    from foreworld.families.rssm import Rssm\nimport foreworld.cli.main"
    )
    assert [room for _, room in imported_rooms(tree)] == ["cli", "families"]
    assert not allowed("planners", "families") and not allowed("vocab", "cli")
    assert allowed("cli", "training") and allowed("reference", "errors")
    assert not allowed("errors", "reference")


def test_no_pickle_and_no_junk_drawers():
    drawers = ("utils", "helpers", "common", "misc")
    assert not [p for p in FILES if any(word in p.stem for word in drawers)]
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {"pickle", "dill", "joblib", "cloudpickle"} & {
                n.split(".")[0] for n in names
            }, path
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) != ("torch", "load"), f"{path}:{node.lineno}"
