"""Recipes lie under the flags given by hand, and a run goes on playing as it collected."""

import json

import pytest

from foreworld.cli.main import main
from foreworld.families import rssm
from foreworld.run import read_document

SMALL = ["--threads", "1", "--num-envs", "2", "--prefill", "60", "--steps", "3"]
RECIPE = {
    "preset": ("debug",),
    "set": ("see=0.0", "overshoot=0"),
    "train": ("batch_size=2", "length=6"),
    "planner": "mppi",
    "planner_set": ("horizon=2", "num_candidates=8", "iterations=2"),
    "replan_every": 1,
    "train_ratio": 2.0,
}


@pytest.fixture
def recipes(monkeypatch):
    known = {}
    monkeypatch.setattr(rssm, "RECIPES", known, raising=False)
    return known


def train(run, *words):
    return main(["train", "CartPole-v1", "--run", str(run), *SMALL, *words])


def test_the_usual_one_is_taken_and_flags_go_before_it(recipes, tmp_path, capsys):
    recipes["usual"] = RECIPE
    run = tmp_path / "run"
    assert train(run, "--set", "overshoot=2", "--train", "length=7") == 0
    document = read_document(run)
    training = document["training"]
    assert document["config"]["deter"] == 16 and document["config"]["overshoot"] == 2
    assert training["loop"]["batch_size"] == 2 and training["loop"]["length"] == 7
    assert training["planner"] == "mppi" and training["planner_config"]["num_candidates"] == 8
    assert training["prefill"] == 60, "given by hand"
    capsys.readouterr()
    words = ["evaluate", str(run), "--episodes", "1", "--no-baselines", "--threads", "1", "--json"]
    assert main([*words, "--iterations", "1"]) == 0
    protocol = json.loads(capsys.readouterr().out)["protocol"]
    assert (protocol["policy"], protocol["horizon"], protocol["candidates"]) == ("mppi", 2, 8)
    assert protocol["iterations"] == 1


def test_one_is_named(recipes, tmp_path, capsys):
    recipes["paper"] = RECIPE | {"planner": None, "planner_set": ()}
    assert train(tmp_path / "other", "--recipe", "papers") == 1
    assert "papers" in (said := capsys.readouterr().err) and "paper" in said
    assert (
        train(tmp_path / "run", "--recipe", "paper", "--planner", "icem", "--train-ratio", "9") == 0
    )
    training = read_document(tmp_path / "run")["training"]
    assert training["planner"] == "icem" and training["train_ratio"] == 9.0


def test_several_lie_over_each_other(recipes, tmp_path):
    recipes |= {"paper": RECIPE, "tiny": {"set": ("deter=8",), "train_ratio": 3.0}}
    assert train(tmp_path / "run", "--recipe", "paper", "tiny", "--set", "stoch=3") == 0
    document = read_document(tmp_path / "run")
    config = document["config"]
    assert (config["deter"], config["stoch"], config["hidden"]) == (8, 3, 16)
    assert document["training"]["train_ratio"] == 3.0


def test_a_store_is_learned_from_as_it_is(recipes, tmp_path):
    store = tmp_path / "episodes"
    words = ["collect", "CartPole-v1", "--steps", "60", "--num-envs", "2", "--out", str(store)]
    assert main(words) == 0
    recipes["usual"] = RECIPE
    run = tmp_path / "run"
    assert main(["train", str(store), "--run", str(run), "--steps", "2", "--threads", "1"]) == 0
    training = read_document(run)["training"]
    assert training["train_ratio"] is None and training["planner"] is None
    assert training["loop"]["length"] == 6
