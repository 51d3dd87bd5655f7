"""The learner that searches: what it adds to batches, who plays, and what it keeps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from foreworld.config import from_dict
from foreworld.families.muzero import PRESETS, Muzero, MuzeroConfig
from foreworld.families.rssm import Rssm, RssmConfig
from foreworld.planners import Mcts
from foreworld.training.budget import Budget
from foreworld.training.loop import LoopConfig, Trainer
from foreworld.training.optimiser import OptimiserConfig
from foreworld.training.search import SearchConfig, SearchLearner
from foreworld.vocab import Spec

SPECS = {
    "vector": Spec((1,), "float32", "vector"),
    "action": Spec((), "int64", "discrete", classes=(2,)),
}
SMALL = Mcts(num_simulations=6, min_spread=0.1)
FAST = SearchConfig(SMALL, SMALL, refresh_every=3)


def built(seed=0, config=FAST):
    torch.manual_seed(seed)
    model = Muzero(SPECS, from_dict(MuzeroConfig, PRESETS["debug"]))
    return model, SearchLearner(model, config)


class Sign:
    """Batches of a world that shows a sign: the action that agrees with it is worth 1."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def sample(self, length=None, keys=None, times=1):
        sign = torch.from_numpy(self.rng.choice([-1.0, 1.0], (16, 1, 1))).float()
        sign = sign.repeat(1, 8, 1)
        action = torch.from_numpy(self.rng.integers(2, size=(16, 8)))
        right = (sign[:, :-1, 0] > 0) == (action[:, :-1] == 1)
        reward = torch.nn.functional.pad(right.float(), (1, 0))
        first = torch.zeros(16, 8, dtype=torch.bool)
        no = torch.zeros_like(first)
        first = torch.nn.functional.pad(no[:, 1:], (1, 0), value=True)
        return {"vector": sign, "action": action, "reward": reward, "is_first": first,
                "is_last": no, "is_terminal": no}  # fmt: skip

    def state(self):
        return {}

    def restore(self, state): ...


def test_batches_get_targets_of_the_slow_copy():
    model, learner = built()
    batch = Sign().sample()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)  # not the copy's
    found = learner.prepare(batch)
    assert found["search_policy"].shape == (16, 8, 2) and found["search_value"].shape == (16, 8)
    assert torch.allclose(found["search_policy"].sum(-1), torch.ones(16, 8))
    assert torch.equal(found["search_policy"], built()[1].prepare(batch)["search_policy"])
    assert set(found) == {*batch, "search_policy", "search_value"}


def test_the_copy_follows_in_strides():
    model, learner = built()
    batch, first = learner.prepare(Sign().sample()), next(iter(model.parameters()))
    copies = []
    for _ in range(4):
        with torch.no_grad():
            first.add_(1.0)
        learner.update(batch, model.initial(1), 1.0)
        copies.append((next(iter(learner.slow.parameters())) - first).detach().abs().max().item())
    assert copies == pytest.approx([0, 1, 2, 0], abs=1e-5)


def test_it_learns_to_choose():
    model, learner = built()
    config = LoopConfig(
        optimiser=OptimiserConfig(lr=4e-3, warmup=5, final=1.0), precision="float32"
    )

    class Quiet:
        def scalars(self, step, values): ...

    trainer = Trainer(
        model, Sign(), Budget(updates=120), config, Quiet(), lambda *_: None, learner=learner
    )
    trainer.train()
    model.eval()
    signs = np.array([[-1.0], [1.0], [-1.0], [1.0]], np.float32)
    policy = learner.policy()
    _, action = policy.act(policy.init(4), {"vector": signs, "is_first": np.ones(4, bool)})
    assert action.tolist() == [0, 1, 0, 1]


def test_models_that_cannot_be_searched_are_refused():
    model = Rssm(SPECS, from_dict(RssmConfig, {"deter": 8, "hidden": 8, "stoch": 2}))
    with pytest.raises(ValueError, match="unknown head for a tree search 'value'"):
        SearchLearner(model, FAST)
