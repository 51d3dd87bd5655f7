"""A video without actions goes all the way: trained, examined, played by its latent actions."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from foreworld.checkpoint import Checkpoint
from foreworld.cli import staging
from foreworld.cli.main import main
from foreworld.config import from_dict
from foreworld.episodes import EpisodeStore
from foreworld.evaluation.fingerprint import of_episode
from foreworld.evaluation.own import own_episode
from foreworld.families.genie import PRESETS, Genie, GenieConfig
from foreworld.replay import Replay
from foreworld.run import load
from foreworld.sessions.session import Session
from foreworld.sessions.starts import episode_start
from foreworld.training import Budget, LoopConfig, Trainer
from foreworld.training.optimiser import OptimiserConfig
from foreworld.vocab import RECORDED, Episode, Spec

SPECS = {"image": Spec((16, 16, 3), "uint8", "image"), "action": Spec((0,), "float32", "vector")}
LENGTH, EPISODES = 24, 24
WORDS = ("--family", "genie", "--preset", "debug", "--set", "labels=0", "--threads", "1")


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    """A bright square that jumps about; nobody noted where to."""
    path, rng = tmp_path_factory.mktemp("video") / "episodes", np.random.default_rng(0)
    row = np.arange(LENGTH)
    with EpisodeStore.create(path, SPECS) as store:
        for _ in range(EPISODES):
            image = np.full((LENGTH, 16, 16, 3), 20, np.uint8)
            for t, (y, x) in enumerate(4 * rng.integers(4, size=(LENGTH, 2))):
                image[t, y : y + 4, x : x + 4] = 220
            rest = {"reward": np.zeros(LENGTH, np.float32), "is_terminal": np.zeros(LENGTH, bool)}
            ends = {"is_first": row == 0, "is_last": row == LENGTH - 1}
            action = np.zeros((LENGTH, 0), np.float32)
            store.append(Episode({"image": image, "action": action, **rest, **ends}))
    return path


@pytest.fixture(scope="module")
def run(video, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("run") / "run"
    train = ["train", str(video), "--run", str(path), "--steps", "12", *WORDS]
    assert main([*train, "--train", "batch_size=4", "log_every=5"]) == 0
    return path


def test_a_run_says_which_actions_it_takes(run, capsys):
    document = json.loads((run / "run.json").read_text())
    assert document["specs"]["action"] == {
        "shape": [], "dtype": "int64", "kind": "discrete", "classes": [8]
    }  # fmt: skip
    assert document["world"] is None
    assert main(["info", str(run), "--json"]) == 0
    panel = json.loads(capsys.readouterr().out)["collapse"]
    assert {"codes_used", "usage_entropy", "delta_psnr", "elsewhere"} == panel["watched"].keys()
    assert any("codes decide nothing" in alarm for alarm in panel["alarms"])


def test_it_is_examined_by_its_own_actions(run):
    groups = ("--groups", "controllability", "--fast", "--episodes", "3", "--threads", "1")
    assert main(["trust", str(run), *groups]) == 0
    report = json.loads((run / "trust" / "report.json").read_text())
    said = {r["metric"]["name"]: r for rs in report["groups"].values() for r in rs}
    for name in ("controllability.response", "controllability.psnr"):
        assert said[name]["value"] is not None, said[name]["reason"]


def test_what_is_read_into_an_episode_is_no_part_of_it(run, video):
    (episode, *_), model = EpisodeStore.open(video), load(run).model
    own = own_episode(model, episode)
    assert own["action"].shape == (LENGTH,) and own[RECORDED].shape == (LENGTH, 0)
    assert of_episode(own) == of_episode(episode), "two models are examined on the same data"


def test_it_is_played_by_keys(run):
    stage = staging.open_stage(staging.offer_of(run))
    assert [key.keys for key in stage.keymap.keys] == [(str(n),) for n in range(1, 9)]
    assert stage.truth is None and {"random", "planner"} <= stage.steerings.keys()
    state, *_ = episode_start(stage.rows, stage.store, seed=3)
    session = Session(stage.rows, seed=7)
    session.begin(state)
    ends = []
    for key in ("1", "2"):
        session.rewind(3)
        for _ in range(3):
            session.step(stage.keymap.action([key], np.zeros((), np.int64)))
        ends.append(stage.rows.features([session.state]))
    assert not torch.equal(*ends), "another key, another future"


def test_no_world_is_explored_with_actions_that_it_does_not_take(tmp_path, capsys):
    pytest.importorskip("gymnasium.envs.classic_control.cartpole")
    words = ["train", "CartPole-v1", "--run", str(tmp_path / "run"), "--steps", "2", *WORDS]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert "finds actions of its own" in said and "--set labels=0.025" in said


@pytest.mark.parametrize("at", [4, 9])  # while codes are found, and begin anew; and afterwards
def test_resuming_equals_not_stopping(video, at):
    store = EpisodeStore.open(video)

    def make(grow=None):
        torch.manual_seed(5)
        settings = PRESETS["debug"] | {"labels": 0.0, "find": 0.5, "patience": 1}
        model = Genie(SPECS, from_dict(GenieConfig, settings))
        config = LoopConfig(optimiser=OptimiserConfig(warmup=3), precision="float32")
        replay, budget = Replay(store, None, 4, 8, seed=1), Budget(updates=12)
        return Trainer(model, replay, budget, config, Silent(), lambda *_: None, grow=grow)

    def stop(updates):
        if updates == at:
            signal.raise_signal(signal.SIGINT)

    whole, stopped, resumed = make(), make(stop), make()
    torch.manual_seed(6)
    assert whole.train()
    torch.manual_seed(6)
    assert not stopped.train()
    arrays, documents = stopped.state()
    torch.manual_seed(99)
    resumed.restore(Checkpoint(arrays, documents, {}))
    assert resumed.train()
    one, other = whole.model.state_dict(), resumed.model.state_dict()
    assert not [k for k in one if not torch.equal(one[k], other[k])]


class Silent:
    def scalars(self, step, values):
        pass
