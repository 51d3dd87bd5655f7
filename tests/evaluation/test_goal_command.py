"""`foreworld evaluate RUN --judge goal` on a run of the debug preset in the rooms."""

import json

import pytest

from foreworld.cli import evaluate
from foreworld.cli.main import main


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "rooms"
    small = ["--preset", "debug", "--train", "batch_size=2", "length=8", "--threads", "1"]
    begun = ["train", "rooms", "--run", str(path), "--steps", "2", "--prefill", "200"]
    assert main([*begun, "--image-size", "16", "--env", "max_steps=12", *small]) == 0
    return path


def test_plans_go_towards_goals_with_settings_of_their_own(run, capsys):
    args = evaluate.Args(run, judge="goal", episodes=4, candidates=8, iterations=1, threads=1)
    result = evaluate.run(args)
    assert list(result["scores"]) == ["icem", "random", "noop", "expert"]
    score = result["scores"]["noop"]
    assert score["success"]["value"] == 0 and score["solved_at_start"] == 0
    assert result["scores"]["icem"]["success"]["n"] == 4
    protocol = json.loads((run / "evaluation.json").read_text())["protocol"]
    chosen = {k: protocol[k] for k in ("judge", "policy", "horizon", "action_block")}
    assert chosen == {"judge": "goal", "policy": "icem", "horizon": 30, "action_block": 5}
    assert "expert" in capsys.readouterr().out


def test_flags_that_are_given_stay(run):
    few = {"episodes": 2, "candidates": 4, "iterations": 1, "baselines": False, "threads": 1}
    result = evaluate.run(evaluate.Args(run, judge="goal", policy="cem", horizon=6, **few))
    assert list(result["scores"]) == ["cem"] and result["protocol"]["horizon"] == 6
    other = evaluate.run(evaluate.Args(run, **few))
    assert (other["protocol"]["policy"], other["protocol"]["horizon"]) == ("cem", 12)


def test_goals_already_reached_do_not_count(run):
    few = {"episodes": 150, "baselines": False, "policy": "noop", "threads": 1}
    score = evaluate.run(evaluate.Args(run, task="any", **few))["scores"]["noop"]
    assert score["solved_at_start"] > 0 and score["success"]["value"] == 0
    assert score["success"]["n"] == 150 - score["solved_at_start"]


def test_a_world_without_goals_is_told(tmp_path):
    path = tmp_path / "run"
    small = ["--preset", "debug", "--train", "batch_size=2", "length=8", "--threads", "1"]
    begun = ["train", "CartPole-v1", "--run", str(path), "--steps", "2", "--prefill", "200"]
    assert main([*begun, *small]) == 0
    with pytest.raises(ValueError, match="sees vector, for which the world shows no goal"):
        evaluate.run(evaluate.Args(path, judge="goal", threads=1))
