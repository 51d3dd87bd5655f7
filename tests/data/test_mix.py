"""Merged stores remember their parts, and training draws from these as it is told."""

import numpy as np
import pytest

from foreworld.cli.main import main
from foreworld.data.merging import merge, weigh_parts
from foreworld.episodes import EpisodeStore
from foreworld.replay import Replay
from foreworld.vocab import Episode, Spec

SPECS = {
    "who": Spec((1,), "float32", "vector"),
    "action": Spec((1,), "float32", "vector", -1.0, 1.0),
}


def filled(path, who, episodes, length=10):
    with EpisodeStore.create(path, SPECS) as store:
        for n in range(episodes):
            rows = np.arange(length)
            store.append(
                Episode(
                    {
                        "who": np.full((length, 1), who + n / 100, np.float32),
                        "action": np.zeros((length, 1), np.float32),
                        "reward": np.zeros(length, np.float32),
                        "is_first": rows == 0,
                        "is_last": rows == length - 1,
                        "is_terminal": np.zeros(length, bool),
                    }
                )
            )
    return EpisodeStore.open(path)


@pytest.fixture
def both(tmp_path):
    stores = [filled(tmp_path / "a/kitchen", 1, 2), filled(tmp_path / "garage", 2, 20)]
    merge(stores, tmp_path / "both")
    return tmp_path / "both"


def test_parts_are_drawn_from_by_their_shares(both):
    store = EpisodeStore.open(both)
    weigh = weigh_parts(both, {"kitchen": 3, "garage": 1})
    batch = Replay(store, None, 2000, 1, seed=0, weigh=weigh).sample()
    kitchen = float((batch["who"] < 1.9).float().mean())
    assert abs(kitchen - 0.75) < 0.04
    plain = Replay(store, None, 2000, 1, seed=0).sample()
    assert abs(float((plain["who"] < 1.9).float().mean()) - 2 / 22) < 0.03


def test_wrong_shares_are_refused(both, tmp_path):
    with pytest.raises(ValueError, match="did you mean 'kitchen'"):
        weigh_parts(both, {"kitschen": 1, "garage": 1})
    with pytest.raises(ValueError, match="no share above 0 for garage"):
        weigh_parts(both, {"kitchen": 1})
    with pytest.raises(ValueError, match="foreworld data merge"):
        weigh_parts(tmp_path / "garage", {"garage": 1})


def test_stores_of_one_name_are_told_apart(tmp_path):
    stores = [filled(tmp_path / name / "logs", n, 2) for n, name in enumerate("ab")]
    merge(stores, tmp_path / "both")
    assert weigh_parts(tmp_path / "both", {"logs": 1, "logs_2": 1})(np.arange(4)).shape == (4,)


def test_the_command_mixes_and_resumes(both, tmp_path, capsys):
    run = str(tmp_path / "run")
    words = ["--preset", "debug", "--threads", "1", "--train", "batch_size=2", "length=6"]
    assert main(["train", str(both), "--run", run, "--mix", "kitchen=one", *words]) == 1
    assert "PART=SHARE" in capsys.readouterr().err
    mix = ["--mix", "kitchen=1", "garage=1", "--steps", "2"]
    assert main(["train", str(both), "--run", run, *mix, *words]) == 0
    assert main(["train", "--run", run, "--resume", "--steps", "3", "--threads", "1"]) == 0
