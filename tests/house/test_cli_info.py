"""`foreworld info` tells what runs, stores and checkpoints hold."""

import json

import numpy as np
import pytest
import torch

from foreworld.checkpoint import save_checkpoint
from foreworld.cli.main import main
from foreworld.episodes import EpisodeStore
from foreworld.log import make_logger
from foreworld.vocab import Episode, Spec

SPECS = {
    "vector": Spec((2,), "float32", "vector", unit="m"),
    "action": Spec((), "int64", "discrete", classes=(3,)),
}


def episode(length):
    steps = {
        "vector": np.full((length, 2), 0.5, np.float32),
        "action": np.zeros(length, np.int64),
        "reward": np.r_[0.0, np.ones(length - 1)].astype(np.float32),
        **{flag: np.zeros(length, bool) for flag in ("is_first", "is_last", "is_terminal")},
    }
    steps["is_first"][0] = steps["is_last"][-1] = True
    return Episode(steps)


def info(capsys, path):
    assert main(["info", str(path), "--json"]) == 0
    out, err = capsys.readouterr()
    assert err, "people are told too, on stderr"
    return json.loads(out)


def test_a_store(tmp_path, capsys):
    with EpisodeStore.create(tmp_path / "store", SPECS) as store:
        store.append(episode(4))
        store.append(episode(6))
    found = info(capsys, tmp_path / "store")
    assert (found["episodes"], found["steps"]) == (2, 10)
    assert (found["shortest"], found["longest"]) == (4, 6)
    assert found["specs"]["vector"]["unit"] == "m"
    assert found["statistics"]["returns"]["mean"] == pytest.approx(4.0)


def test_an_empty_store(tmp_path, capsys):
    EpisodeStore.create(tmp_path / "store", SPECS).close()
    assert info(capsys, tmp_path / "store")["episodes"] == 0


def test_a_checkpoint(tmp_path, capsys):
    arrays = {"model": {"w": torch.zeros(3)}}
    save_checkpoint(tmp_path / "c", arrays=arrays, documents={}, step=7)
    assert info(capsys, tmp_path / "c")["step"] == 7


def test_a_run(tmp_path, capsys):
    specs = {key: spec.to_json() for key, spec in SPECS.items()}
    document = {"family": "mine:Model", "config": {"rssm": {"deter": 4}}, "specs": specs}
    (tmp_path / "run.json").write_text(json.dumps(document))
    with make_logger(["jsonl"], tmp_path) as logger:
        logger.scalars(9, {"loss": 0.25})
    fresh = info(capsys, tmp_path)
    assert (fresh["family"], fresh["step"], fresh["heads"]) == ("mine:Model", None, None)
    assert fresh["metrics"]["loss"] == 0.25
    arrays = {"model": {"w": torch.zeros(3)}}
    save_checkpoint(tmp_path / "checkpoints" / "9", arrays=arrays, documents={}, step=9)
    assert info(capsys, tmp_path)["step"] == 9
