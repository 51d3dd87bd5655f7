"""`import foreworld` costs nothing, and every name it promises is there."""

import subprocess
import sys
import time

import pytest

import foreworld
from foreworld import PUBLIC


def python(code):
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_resolves(name):
    thing = getattr(foreworld, name)
    assert getattr(thing, "__module__", PUBLIC[name]).startswith(
        ("foreworld.", "typing", "collections")
    )
    assert name in dir(foreworld)


def test_names_that_do_not_exist_fail_as_usual():
    assert not hasattr(foreworld, "NoSuchThing")
    assert foreworld.__all__ == list(PUBLIC)


def test_import_is_instant_and_brings_no_torch():
    code = (
        "import sys, time; start = time.perf_counter(); import foreworld;"
        "heavy = [m for m in ('torch', 'numpy', 'rich') if m in sys.modules];"
        "print(time.perf_counter() - start, *heavy)"
    )
    seconds, *modules = min(
        (python(code).split() for _ in range(3)), key=lambda said: float(said[0])
    )
    assert float(seconds) < 0.2
    assert modules == []


def test_the_overview_is_instant_and_brings_no_torch():
    code = (
        "import sys; from foreworld.cli.main import main; code = main(['--help']);"
        "print(code, [m for m in ('torch', 'numpy', 'tyro', 'rich') if m in sys.modules])"
    )
    start = time.perf_counter()
    assert python(code).endswith("0 []")
    assert time.perf_counter() - start < 1.0
