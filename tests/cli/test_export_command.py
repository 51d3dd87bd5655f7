"""`foreworld export` writes a folder for other programs, once."""

import json

import pytest
import torch
from safetensors.torch import load_file

from foreworld.cli.main import main
from foreworld.episodes import EpisodeStore
from foreworld.run import load
from foreworld.vocab import predict_all, rollout


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run, store = (tmp_path_factory.mktemp("made") / name for name in ("pole_run", "episodes"))
    assert main(["collect", "CartPole-v1", "--out", str(store), "--steps", "300"]) == 0
    small = ["--preset", "debug", "--steps", "3", "--threads", "1"]
    assert main(["train", str(store), "--run", str(run), *small]) == 0
    return run


def test_a_world_is_carried_away(run, tmp_path, capsys):
    out = tmp_path / "pole"
    words = ["--to", "torch", "--out", str(out), "--rows", "3", "--heads", "reward", "continue"]
    capsys.readouterr()
    assert main(["export", str(run), *words, "--json"]) == 0
    manifest = json.loads(capsys.readouterr().out)
    assert manifest["title"] == "Pole run" and manifest["world"] == "CartPole-v1"
    assert manifest["action"]["kind"] == "discrete"
    assert [key["label"] for key in manifest["keymap"]] == ["left", "right"]
    assert set(manifest["heads"]) == {"reward", "continue"} and manifest["images"] == {}
    assert manifest["graphs"]["imagine"]["inputs"]["action"] == {"dtype": "int64", "shape": [3]}
    starts = load_file(out / "starts.safetensors")
    program = torch.export.load(out / "predict.pt2").module()
    inputs = manifest["graphs"]["predict"]["inputs"]
    said = program(*(starts[name.removeprefix("state.")][1:4] for name in inputs))
    assert [tuple(x.shape) for x in said] == [(3,), (3,)]
    assert main(["export", str(run), *words]) == 1
    assert "exists already" in capsys.readouterr().err


def test_what_cannot_be_carried_is_said(run, tmp_path, capsys):
    out = str(tmp_path / "out")
    assert main(["export", str(run), "--out", out, "--rows", "2"]) == 1
    assert "1 for the web" in capsys.readouterr().err
    assert main(["export", str(run), "--out", out, "--to", "torch", "--heads", "image"]) == 1
    assert "unknown head 'image'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_small_run_imagines_the_same_to_three_digits(run, tmp_path, capsys):
    out = tmp_path / "small"
    assert main(["export", str(run), "--to", "run", "--out", str(out), "--episodes", "2"]) == 0
    big, small = load(run), load(out)
    assert not (out / "checkpoints" / f"{big.step:012d}" / "optimizer.safetensors").exists()
    weights = load_file(out / "checkpoints" / f"{big.step:012d}" / "model.safetensors")
    assert any(x.dtype == torch.float16 for x in weights.values())
    said = []
    for model in (big.model, small.model):
        state = rollout(model, model.initial(1), torch.ones(1, 20, dtype=torch.int64))
        said.append(predict_all(model, state, ["vector"])["vector"])
    torch.testing.assert_close(*said, atol=2e-2, rtol=0)
    with EpisodeStore.open(small.store_path) as kept, EpisodeStore.open(big.store_path) as all_:
        first = all_.split()[1][0]
        assert len(kept) == 2 and (kept[0]["vector"] == all_[first]["vector"]).all()
