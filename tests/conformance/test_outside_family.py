"""A family in one short outside file trains, acts and is tested by its name alone."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from foreworld.cli.main import main
from foreworld.run import load

ROOT = Path(__file__).parents[2]
FILE = ROOT / "examples" / "linear_family.py"
NAME = f"{FILE}:Linear"
TRAIN = ("batch_size=4", "length=8", "precision=float32")


def test_it_is_short():
    lines = [line for line in FILE.read_text().splitlines() if line.strip()]
    assert len(lines) <= 60


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("outside")
    store, run = folder / "episodes", folder / "run"
    collect = ["collect", "Pendulum-v1", "--out", str(store), "--steps", "800"]
    assert main([*collect, "--num-envs", "4"]) == 0
    train = ["train", str(store), "--run", str(run), "--family", NAME, "--steps", "20"]
    assert main([*train, "--threads", "1", "--train", *TRAIN]) == 0
    return run


def test_it_trains_and_loads_by_name(run, capsys):
    opened = load(run, family=NAME)
    assert type(opened.model).__name__ == "Linear" and opened.step == 20
    with pytest.raises(ValueError, match="if you trust it, say so: --family"):
        load(run)
    assert main(["info", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["family"] == NAME


def test_it_plans(run, capsys):
    few = ["--episodes", "1", "--horizon", "3", "--candidates", "16", "--iterations", "1"]
    wanted = ["evaluate", str(run), "--family", NAME, "--no-baselines", *few, "--json"]
    assert main(wanted) == 0
    assert "cem" in json.loads(capsys.readouterr().out)["scores"]


@pytest.mark.slow
def test_it_conforms_by_name():
    tests = ["tests/conformance/test_conformance.py", "-k", "Linear and not compiles"]
    command = [sys.executable, "-m", "pytest", *tests, "-q", "-p", "no:cacheprovider"]
    command += ["--family", "examples/linear_family.py:Linear"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout[-3000:]
    exports = all(find_spec(name) for name in ("onnxscript", "onnxruntime"))
    assert f"{37 if exports else 36} passed" in answer.stdout
