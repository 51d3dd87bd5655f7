"""`foreworld train` makes runs from stores and worlds, and goes on with them."""

import json
import signal
import subprocess
import sys
import time

import pytest
import torch

from foreworld.checkpoint import latest, load_checkpoint
from foreworld.cli.main import main
from foreworld.config import from_dict
from foreworld.episodes import EpisodeStore
from foreworld.log import read_jsonl
from foreworld.run import load, read_document

SMALL = ["--preset", "debug", "--threads", "1", "--train", "batch_size=2", "length=8"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "episodes"
    words = ["collect", "tabletop", "--steps", "800", "--num-envs", "4", "--out", str(path)]
    assert main([*words, "--env", "task=push"]) == 0
    return path


def train(*words):
    return main(["train", *map(str, words)])


def final(run):
    return load_checkpoint(latest(run / "checkpoints"))


def test_a_store_becomes_a_run(store, tmp_path, capsys):
    run = tmp_path / "run"
    words = [store, "--run", run, "--steps", 6, *SMALL, "--set", "hidden=24", "--json"]
    assert train(*words) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["updates"] == 6 and result["complete"] and result["losses"]["loss"] > 0
    opened = load(run)
    assert opened.step == 6 and opened.model.config.hidden == 24 and opened.model.config.deter == 16
    assert opened.world.env_kwargs == {"task": "push"}, "the store knows its world"
    assert opened.store_path == store
    assert train(*words) == 1
    assert "is there already: --resume goes on with it" in capsys.readouterr().err


def test_only_training_episodes_are_learned_from(store, tmp_path, monkeypatch):
    from foreworld.replay import Replay

    seen = []
    monkeypatch.setattr(Replay, "sample", lambda self, *_: seen.append(self._ids) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train(store, "--run", tmp_path / "run", "--steps", 1, *SMALL)
    with EpisodeStore.open(store) as opened:
        assert seen[0].tolist() == opened.split()[0].tolist()
        assert len(opened.split()[1]) > 0


def test_resuming_equals_not_stopping(store, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    same = [*SMALL, "optimiser.final=1.0"]  # a schedule would know that the budget was smaller
    assert train(store, "--run", whole, "--steps", 10, *same, "--set", "see=0.0") == 0
    assert train(store, "--run", broken, "--steps", 4, *same, "--set", "see=0.0") == 0
    assert train("--run", broken, "--resume", "--steps", 10) == 0
    one, other = final(whole), final(broken)
    assert one.step == other.step == 10
    for group in ("model", "optimizer"):
        assert one.arrays[group].keys() == other.arrays[group].keys()
        assert all(torch.equal(v, other.arrays[group][k]) for k, v in one.arrays[group].items())
    assert read_document(broken)["training"]["steps"] == 10


def test_a_world_is_collected_in_and_explored(tmp_path):
    run = tmp_path / "run"
    words = ["CartPole-v1", "--run", run, "--steps", 12, "--prefill", 200, "--num-envs", 2]
    assert train(*words, *SMALL, "--train-ratio", 1) == 0
    with EpisodeStore.open(run / "episodes") as store:
        # 12 updates of 2 x 8 steps at a ratio of 1; the last draw is preceded by 11 updates
        assert store.num_steps >= 190 + 11 * 16
    assert load(run).world.env == "CartPole-v1"


def test_training_ends_once_the_world_is_mastered(tmp_path, capsys):
    run = tmp_path / "run"
    words = ["CartPole-v1", "--run", run, "--steps", 500, "--prefill", 600, "--num-envs", 2]
    words += [*SMALL, "--train-ratio", 1, "--until", 12]  # a pole left to chance stays up longer
    assert train(*words) == 0
    assert 0 < final(run).step < 50 and "foreworld imagine" in capsys.readouterr().out
    assert train("--run", run, "--resume", "--threads", 1) == 0  # it is mastered still
    assert final(run).step < 50


def test_ctrl_c_saves(store, tmp_path):
    run = tmp_path / "run"
    command = [sys.executable, "-m", "foreworld.cli.main", "train", str(store), "--run", str(run)]
    command += ["--steps", "1000000", *SMALL]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    metrics = run / "metrics.jsonl"
    while not (metrics.exists() and len(read_jsonl(metrics)) > 2):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err.splitlines()[-1] == "error: interrupted"
    assert f"foreworld train --run {run} --resume" in out and "Warning" not in err
    step = final(run).step
    assert step >= 40 and load(run).step == step
    assert train("--run", run, "--resume", "--steps", step + 2, "--threads", 1) == 0
    assert final(run).step == step + 2


def test_a_model_that_breaks_is_one_line(store, tmp_path, capsys):
    run = tmp_path / "run"
    assert train(store, "--run", run, "--steps", 3, *SMALL) == 0
    capsys.readouterr()
    words = ["--train", "optimiser.lr=1e30", "optimiser.warmup=1", "optimiser.final=1.0"]
    assert train("--run", run, "--resume", "--steps", 50, *words, "--threads", 1) == 1
    err = capsys.readouterr().err.splitlines()[-1]
    assert "not finite; the checkpoint of update 3 is good" in err and "--resume" in err
    assert final(run).step == 3


def test_weights_of_another_version_are_one_line(store, tmp_path, capsys):
    run = tmp_path / "run"
    assert train(store, "--run", run, "--steps", 1, *SMALL) == 0
    document = json.loads((run / "run.json").read_text())
    document["config"]["hidden"] += 1
    (run / "run.json").write_text(json.dumps(document))
    assert main(["info", str(run)]) == 1
    assert "does not fit the rssm of this version (size mismatch" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["STORE"], "training without an end: give --steps 10000 or --budget 5m"),
        (["STORE", "--budget", "5x"], "write 90s, 5m or 1h30m"),
        (["STORE", "--steps", "5", "--set", "detr=3"], "did you mean 'deter'?"),
        (["STORE", "--steps", "5", "--train", "optimiser.lrr=3"], "did you mean 'optimiser.lr'?"),
        (["STORE", "--steps", "5", "--preset", "dreamer"], "did you mean 'dreamer_v"),
        (["STORE", "--steps", "5", "--family", "rsm"], "did you mean 'rssm'?"),
        (["STORE", "--steps", "5", "--train-ratio", "4"], "name the world instead"),
        (["CartPole-v1", "--steps", "5", "--until", "9"], "add --train-ratio"),
        (["--steps", "5"], "what to learn from?"),
        (["CartPol-v1", "--steps", "5"], "there is nothing at CartPol-v1; as a world"),
        (["CartPole-v1", "--steps", "5", "--policy", "rndom"], "did you mean 'random'?"),
        (["CartPole-v1", "--steps", "5", "--policy", "play"], "know the tabletop only"),
        (["--resume"], "is not a run"),
        (["--resume", "--seed", "3"], "leave out --seed"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(store, tmp_path, capsys, words, says):
    words = [str(store) if word == "STORE" else word for word in words]
    assert train(*words, "--run", tmp_path / "run", "--threads", 1) == 1
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_settings_survive_their_file(store, tmp_path):
    from foreworld.cli.learning import Learning

    assert train(store, "--run", tmp_path / "r", "--steps", 2, "--budget", "1m", *SMALL) == 0
    learning = from_dict(Learning, read_document(tmp_path / "r")["training"])
    assert (learning.steps, learning.budget_s, learning.loop.batch_size) == (2, 60.0, 2)
    assert learning.policy is None
