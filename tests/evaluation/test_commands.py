"""`foreworld imagine` and `foreworld evaluate` on a run of the debug preset."""

import json

import gymnasium
import pytest
import torch

from foreworld import config
from foreworld.checkpoint import save_checkpoint
from foreworld.cli import evaluate, imagine
from foreworld.episodes import EpisodeStore
from foreworld.families.rssm import PRESETS
from foreworld.run import World, build, describe
from foreworld.streams import GymStream, collect

ID = "EvaluationDot-v0"


@pytest.fixture(scope="module")
def run(tmp_path_factory, dot_env):
    path = tmp_path_factory.mktemp("runs") / "dot"
    if ID not in gymnasium.registry:
        gymnasium.register(ID, entry_point=dot_env)
    stream = GymStream(ID, num_envs=4)
    with EpisodeStore.create(path / "episodes", stream.specs) as store:
        from foreworld.policies import RandomPolicy

        for episode in collect(stream, RandomPolicy(stream.specs["action"]), episodes=20):
            store.append(episode)
    model = build("rssm", stream.specs, PRESETS["debug"])
    describe(path, "rssm", model, World(ID), {})
    arrays = {"model": model.state_dict()}
    save_checkpoint(path / "checkpoints" / "7", arrays=arrays, documents={}, step=7)
    return path


def test_imagine_writes_films_and_a_page(run, tmp_path, capsys):
    args = imagine.Args(run, episodes=2, horizon=4, context=3, out=tmp_path)
    result = imagine.run(args)
    names = {"future_1.png", "future_1.gif", "future_2.png", "future_2.gif", "imagined.html"}
    assert {f.name for f in tmp_path.iterdir()} == names and len(result["files"]) == 5
    curve = result["imagination"]["curves"]["image"]
    assert len(curve["skill"]) == 4 and curve["skill"][0]["n"] == 2
    assert "skill at 4" in capsys.readouterr().out
    json.dumps(result, allow_nan=False)


def test_imagine_under_given_actions(run, tmp_path):
    args = imagine.Args(run, actions="1,0;0,1", episodes=1, horizon=3, out=tmp_path)
    assert imagine.run(args)["imagination"] is None
    assert "1,0;0,1" in (tmp_path / "imagined.html").read_text()
    with pytest.raises(ValueError, match="Valid: recorded, random, constant"):
        imagine.run(imagine.Args(run, actions="rndom", out=tmp_path))


def test_evaluate_writes_scores_with_their_protocol(run, capsys):
    args = evaluate.Args(
        run, episodes=3, horizon=3, candidates=8, iterations=1, env=("max_steps=6",), full=True
    )
    result = evaluate.run(args)
    assert list(result["scores"]) == ["cem", "random", "noop"]
    assert result["scores"]["noop"]["length"]["value"] == 6, "--env reaches the world"
    assert result["scores"]["cem"]["returns"]["n"] == 3
    written = json.loads((run / "evaluation.json").read_text())
    assert written["protocol"]["first_seed"] == 1_000_000 and written["protocol"]["step"] == 7
    assert written["protocol"]["world"]["env_kwargs"] == {"max_steps": 6}
    assert written["provenance"]["torch"] == torch.__version__
    assert "success" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"policy": "cme"},
            r"did you mean 'cem'\? Valid: cem, gradient, icem, mcts, mppi, actor_critic",
        ),
        ({"policy": "expert"}, "unknown policy"),
        ({"env": ("max_steps",)}, "write key=value"),
        ({"episodes": 0}, "at least 1"),
    ],
)
def test_evaluate_says_what_is_wrong(run, change, says):
    with pytest.raises(ValueError, match=says):
        evaluate.run(evaluate.Args(run, **change))


def test_a_run_without_a_world_cannot_act(run, tmp_path):
    document = json.loads((run / "run.json").read_text())
    config.write_json(tmp_path / "run.json", {**document, "world": None})
    (tmp_path / "checkpoints").symlink_to(run / "checkpoints")
    with pytest.raises(ValueError, match="names no world to act in"):
        evaluate.run(evaluate.Args(tmp_path))
