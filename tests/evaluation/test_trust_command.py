"""`foreworld trust` on a small run: the files, the gate and its exit code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import gymnasium
import pytest
import torch

from foreworld.checkpoint import latest, load_checkpoint, save_checkpoint
from foreworld.cli.main import main

ID = "TrustDot-v0"
FAMILY = f"{Path(__file__).parents[2] / 'examples' / 'linear_family.py'}:Linear"
QUICK = ("--family", FAMILY, "--groups", "accuracy", "--threads", "1")


@pytest.fixture(scope="module")
def run(tmp_path_factory, dot_env) -> Path:
    folder = tmp_path_factory.mktemp("trust")
    if ID not in gymnasium.registry:
        gymnasium.register(ID, entry_point=dot_env)
    collect = ["collect", ID, "--out", str(folder / "episodes"), "--steps", "2600"]
    assert main([*collect, "--num-envs", "8"]) == 0
    train = ["train", str(folder / "episodes"), "--run", str(folder / "run"), "--steps", "250"]
    sizes = ("batch_size=16", "length=8", "precision=float32", "optimiser.lr=1e-2")
    assert main([*train, "--family", FAMILY, "--threads", "1", "--train", *sizes]) == 0
    assert main(["trust", str(folder / "run"), *QUICK]) == 0
    return folder / "run"


def test_writes_a_report_and_a_page(run, capsys):
    files = {"report.json", "cost.json", "report.html"}
    assert {f.name for f in (run / "trust").iterdir()} == files
    before = (run / "trust" / "report.json").read_bytes()
    assert main(["trust", str(run), *QUICK, "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["schema"] == 1
    assert "What it can be used for" in said.err and "accuracy.images" in said.err
    assert (run / "trust" / "report.json").read_bytes() == before


def test_the_gate_passes_a_twin_and_stops_a_damaged_model(run, tmp_path, capsys):
    baseline = ["--gate", str(run / "trust" / "report.json")]
    assert main(["trust", str(run), *QUICK, "--out", str(tmp_path / "twin"), *baseline]) == 0
    damaged = shutil.copytree(run, tmp_path / "damaged")
    document = json.loads((damaged / "run.json").read_text())
    document["episodes"] = document["episodes"] or str(run / "episodes")
    (damaged / "run.json").write_text(json.dumps(document))
    _damage(damaged / "checkpoints", 0.05)
    capsys.readouterr()
    assert main(["trust", str(damaged), *QUICK, *baseline]) == 1
    said = capsys.readouterr().err
    assert "error: worse than" in said and "most in episode" in said
    assert main(["trust", "--compare", str(damaged / "trust"), str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["worse"] == []


def _damage(checkpoints: Path, share: float) -> None:
    """Every weight times 1 + share * chance."""
    newest = latest(checkpoints)
    generator = torch.Generator().manual_seed(0)
    kept = load_checkpoint(newest)
    noised = {
        group: {
            k: w * (1 + share * torch.randn(w.shape, generator=generator))
            if w.is_floating_point()
            else w
            for k, w in arrays.items()
        }
        for group, arrays in kept.arrays.items()
    }
    save_checkpoint(
        checkpoints / f"{kept.step + 1:012d}",
        arrays=noised, documents=kept.documents, step=kept.step + 1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "what to examine"),
        (["nowhere"], "not a run"),
        (["--compare", "a", "b"], "no trust report at a"),
        (["x", "--groups", "acuracy"], "did you mean 'accuracy'"),
    ],
)
def test_what_cannot_be_done_is_said(words, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["trust", *words]) == 1
    assert says in capsys.readouterr().err
