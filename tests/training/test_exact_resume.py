"""A hundred steps and a hundred more are two hundred: with a policy that collects as it learns."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from foreworld.checkpoint import latest, load_checkpoint
from foreworld.cli.main import main
from foreworld.episodes import EpisodeStore
from foreworld.reference import locate
from foreworld.run import load, load_policy

pytest.importorskip("gymnasium.envs.classic_control.cartpole")
WORDS = ["--preset", "debug", "--set", "see=0.0", "imagine_last=2", "--threads", "1"]
WORDS += ["--train", "batch_size=2", "length=8", "optimiser.final=1.0", "optimiser.warmup=1"]
WORDS += ["--prefill", "100", "--num-envs", "2", "--train-ratio", "4"]
WORDS += [
    "--learner",
    "actor_critic",
    "--learner-set",
    "horizon=3",
    "networks.hidden=8",
    "networks.bins=15",
]
BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "kill_train.py"


def train(*words):
    return main(["train", *map(str, words)])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    run = tmp_path_factory.mktemp("whole") / "run"
    assert train("CartPole-v1", "--run", run, "--steps", 200, *WORDS) == 0
    return run


def test_a_hundred_and_a_hundred_are_two_hundred(whole, tmp_path):
    broken = tmp_path / "run"
    assert train("CartPole-v1", "--run", broken, "--steps", 100, *WORDS) == 0
    assert load(broken).step == 100
    torch.manual_seed(77)  # as in a new process, chance stands elsewhere
    np.random.seed(77)
    assert train("--run", broken, "--resume", "--steps", 200, "--threads", 1) == 0
    one, other = (load_checkpoint(latest(run / "checkpoints")) for run in (whole, broken))
    assert one.step == other.step == 200
    assert one.arrays.keys() == other.arrays.keys()
    assert {"model", "optimizer", "policy", "policy_actor", "policy_critic"} <= one.arrays.keys()
    for group, tensors in one.arrays.items():
        assert tensors.keys() == other.arrays[group].keys()
        different = [k for k, v in tensors.items() if not torch.equal(v, other.arrays[group][k])]
        assert not different, group
    for name in ("replay", "optimizer", "policy_actor"):
        assert one.documents[name] == other.documents[name], name
    assert one.documents["rng"]["torch"] == other.documents["rng"]["torch"]
    with EpisodeStore.open(whole / "episodes") as a, EpisodeStore.open(broken / "episodes") as b:
        assert len(a) == len(b) and a.num_steps == b.num_steps >= 100 + 199 * 4
        assert all(np.array_equal(x[k], y[k]) for x, y in zip(a, b, strict=True) for k in x.steps)


RECIPES = {  # made small
    "tdmpc": ["--planner-set", "num_candidates=12", "num_policy=4", "num_elites=4", "iterations=2"],
    "muzero": ["--learner-set", "act.num_simulations=2", "learn.num_simulations=2",
               "refresh_every=7"],
    "tssm": ["--learner-set", "horizon=3", "networks.hidden=8", "networks.bins=15"],
}  # fmt: skip


@pytest.mark.parametrize("family", RECIPES)
def test_so_it_is_by_the_usual_recipe(family, tmp_path):
    """Made small: plans collect, a search, a policy."""
    words = ["--family", family, "--preset", "debug", "--threads", 1, "--seed", 3]
    words += ["--train", "batch_size=4", "optimiser.warmup=1", "optimiser.final=1.0"]
    words += ["--train-ratio", 16, "--prefill", 40, "--num-envs", 2, *RECIPES[family]]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert train("CartPole-v1", "--run", whole, "--steps", 60, *words) == 0
    assert train("CartPole-v1", "--run", broken, "--steps", 30, *words) == 0
    torch.manual_seed(77)
    assert train("--run", broken, "--resume", "--steps", 60, "--threads", 1) == 0
    one, other = (load_checkpoint(latest(run / "checkpoints")) for run in (whole, broken))
    assert one.step == other.step == 60
    for group, tensors in one.arrays.items():
        different = [k for k, v in tensors.items() if not torch.equal(v, other.arrays[group][k])]
        assert not different, group
    with EpisodeStore.open(whole / "episodes") as a, EpisodeStore.open(broken / "episodes") as b:
        assert len(a) == len(b) and a.num_steps == b.num_steps >= 40 + 59
        assert all(np.array_equal(x[k], y[k]) for x, y in zip(a, b, strict=True) for k in x.steps)


def test_the_policy_is_there_to_act(whole, capsys):
    policy = load_policy(load(whole))
    carry = policy.init(3)
    rows = {"vector": np.zeros((3, 4), np.float32), "is_first": np.ones(3, bool)}
    carry, action = policy.act(carry, rows)
    assert action.shape == (3,) and set(action.tolist()) <= {0, 1}
    words = ["evaluate", str(whole), "--policy", "actor", "--full", "--episodes", "4", "--json"]
    assert main([*words, "--threads", "1"]) == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    assert list(scores) == ["actor_critic", "random", "noop"]
    assert all(s["returns"]["n"] == 4 and s["returns"]["value"] > 5 for s in scores.values())


def test_a_run_without_a_policy_says_so(tmp_path, capsys):
    run = tmp_path / "run"
    words = ["--preset", "debug", "--train", "batch_size=2", "length=8", "--prefill", "100"]
    assert train("CartPole-v1", "--run", run, "--steps", 1, *words, "--threads", 1) == 0
    capsys.readouterr()
    assert main(["evaluate", str(run), "--policy", "actor_critic", "--threads", "1"]) == 1
    assert "learned no policy in imagination: foreworld train WORLD --learner" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--learner", "actor_critc"], "did you mean 'actor_critic'?"),
        (["--learner-set", "horizon=3"], "--learner-set is for a --learner"),
        (["--learner", "actor_critic", "--learner-set", "horizn=3"], "did you mean 'horizon'?"),
    ],
)
def test_mistakes_are_one_line(tmp_path, capsys, words, says):
    assert train("CartPole-v1", "--run", tmp_path / "run", "--steps", 5, *words) == 1
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_kill_costs_nothing_before_the_last_checkpoint(tmp_path):
    found = locate(f"{BENCHMARK}:measure")(tmp_path / "run", kills=2, seed=0)
    assert found["lost"] == found["unreadable"] == 0, found
    assert found["updates_after"] == sorted(found["updates_after"])
    assert found["updates_after"][-1] > 0 and found["finished"]
