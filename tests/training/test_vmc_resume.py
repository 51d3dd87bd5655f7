"""V, M and C are cut short wherever they stand, and go on as if nothing had happened."""

import signal

import pytest
import torch

from foreworld.checkpoint import load_checkpoint, save_checkpoint
from foreworld.config import from_dict
from foreworld.families.vmc import PRESETS, Vmc
from foreworld.log import Logger
from foreworld.training import Budget, LoopConfig, Trainer
from foreworld.training.evolution import EvolutionConfig, EvolutionLearner
from foreworld.vocab import Spec

pytest.importorskip("cma")
SPECS = {
    "place": Spec((3,), "float32", "vector"),
    "action": Spec((), "int64", "discrete", classes=(2,)),
}
SHARES = {"see": 0.2, "control": 0.4}
UPDATES = 40


class Chance:
    """Batches of noise from a generator with a state."""

    def __init__(self):
        self.generator = torch.Generator().manual_seed(3)

    def sample(self, length=None, keys=None, times=1):
        shape = (32 // (length or 8), length or 8)
        no = torch.zeros(shape, dtype=torch.bool)
        return {
            "place": torch.randn(*shape, 3, generator=self.generator),
            "action": torch.randint(2, shape, generator=self.generator),
            "reward": torch.randn(shape, generator=self.generator),
            "is_first": torch.rand(shape, generator=self.generator) < 0.2,
            "is_last": no,
            "is_terminal": no,
        }

    def state(self):
        return {"bytes": self.generator.get_state().tolist()}

    def restore(self, state):
        self.generator.set_state(torch.tensor(state["bytes"], dtype=torch.uint8))


def trainer(folder, seed, until):
    """Of UPDATES updates, that stops after `until` of them; saves when it stops."""
    torch.manual_seed(seed)
    model = Vmc(SPECS, from_dict(Vmc.Config, PRESETS["debug"] | SHARES))
    learner = EvolutionLearner(
        model, EvolutionConfig(4, episodes=2, horizon=3, judge_every=3, temperature=1.2)
    )

    def save(arrays, documents, step):
        save_checkpoint(folder / str(step), arrays=arrays, documents=documents, step=step)

    def grow(updates):
        if updates + 1 == until:
            signal.raise_signal(signal.SIGINT)

    return Trainer(
        model, Chance(), Budget(updates=UPDATES), LoopConfig(), Logger([]), save, grow, learner
    )


def finished(folder):
    return load_checkpoint(folder / str(UPDATES))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    trainer(folder, seed=0, until=UPDATES).train()
    return finished(folder)


@pytest.mark.parametrize("at", [4, 14, 31], ids=["vision", "memory", "controller"])
def test_two_parts_are_the_whole(whole, tmp_path, at):
    trainer(tmp_path, seed=0, until=at).train()
    again = trainer(tmp_path, seed=9, until=UPDATES)
    again.restore(load_checkpoint(tmp_path / str(at)))
    again.train()
    found = finished(tmp_path)
    assert {"model", "policy", "evolution"} <= whole.arrays.keys() == found.arrays.keys()
    for group, tensors in whole.arrays.items():
        assert tensors.keys() == found.arrays[group].keys()
        different = [k for k, v in tensors.items() if not torch.equal(v, found.arrays[group][k])]
        assert not different, group
    assert whole.documents["rng"]["torch"] == found.documents["rng"]["torch"]
    assert whole.arrays["evolution"]["scores"].shape == (16, 4)


def test_weights_stand_still_where_they_should(tmp_path):
    model = {}
    for at in (8, 24, 40):
        trainer(tmp_path, seed=0, until=at).train()
        model[at] = load_checkpoint(tmp_path / str(at)).arrays["model"]

    def moved(first, last):
        return {
            k.split(".")[0] for k in model[8] if not torch.equal(model[first][k], model[last][k])
        }

    assert moved(8, 24) == {"cell", "forecast", "outcomes"}
    assert moved(24, 40) == set()
