"""Search trees of google-deepmind's mctx on small random networks, and the same networks as ours.

python tests/planners/trees.py     writes trees.json anew (needs mctx, which brings jax)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from foreworld.outputs import Categorical, Mse
from foreworld.vocab import Spec, WorldModel

FILE = Path(__file__).with_name("trees.json")
ROWS, WIDTH = 3, 6
CASES: dict[str, dict[str, Any]] = {
    "puct": {"rule": "puct", "actions": 4, "simulations": 24},
    "puct_deep": {"rule": "puct", "actions": 3, "simulations": 60, "scale": 3.0},
    "puct_shallow": {"rule": "puct", "actions": 4, "simulations": 30, "max_depth": 2},
    "puct_masked": {"rule": "puct", "actions": 7, "simulations": 25, "masked": True},
    "puct_noise": {"rule": "puct", "actions": 5, "simulations": 32, "noise": True, "masked": True},
    "puct_turns": {"rule": "puct", "actions": 4, "simulations": 40, "discount": -1.0},
    "puct_range": {"rule": "puct", "actions": 4, "simulations": 40, "discount": -1.0,
                   "value_range": [-6.0, 6.0]},
    "gumbel": {"rule": "gumbel", "actions": 4, "simulations": 24, "noise": True},
    "gumbel_deep": {"rule": "gumbel", "actions": 3, "simulations": 60, "scale": 3.0},
    "gumbel_shallow": {"rule": "gumbel", "actions": 4, "simulations": 30, "max_depth": 2},
    "gumbel_many": {"rule": "gumbel", "actions": 20, "simulations": 32, "noise": True},
    "gumbel_masked": {"rule": "gumbel", "actions": 9, "simulations": 16, "noise": True,
                      "masked": True, "max_considered": 4},
    "gumbel_turns": {"rule": "gumbel", "actions": 7, "simulations": 50, "noise": True,
                     "masked": True, "discount": -1.0},
}  # fmt: skip


def network(case: dict[str, Any], seed: int) -> dict[str, np.ndarray]:
    """Random weights, root states and masks of a case."""
    rng, num = np.random.default_rng(seed), case["actions"]
    scale = case.get("scale", 1.0)
    legal = rng.random((ROWS, num)) < 0.6 if case.get("masked") else np.ones((ROWS, num), bool)
    legal[np.arange(ROWS), rng.integers(num, size=ROWS)] = True
    arrays = {
        "root": rng.normal(size=(ROWS, WIDTH)),
        "move": rng.normal(size=(WIDTH, WIDTH)),
        "push": rng.normal(size=(num, WIDTH)),
        "reward": scale * rng.normal(size=WIDTH),
        "value": scale * rng.normal(size=WIDTH),
        "policy": rng.normal(size=(WIDTH, num)),
    }
    return {k: v.astype(np.float32) for k, v in arrays.items()} | {"legal": legal}


def by_mctx(case: dict[str, Any], net: dict[str, np.ndarray], seed: int) -> dict[str, Any]:
    """What mctx finds, with the noise that it drew."""
    import jax
    import mctx

    discount = case.get("discount", 0.97)
    key, invalid = jax.random.PRNGKey(seed), ~net["legal"]

    def step(params, key, action, latent):
        latent = jax.numpy.tanh(latent @ net["move"] + jax.numpy.asarray(net["push"])[action])
        reward = latent @ net["reward"]
        out = mctx.RecurrentFnOutput(
            reward=reward,
            discount=jax.numpy.full_like(reward, discount),
            prior_logits=latent @ net["policy"],
            value=latent @ net["value"],
        )
        return out, latent

    root = mctx.RootFnOutput(
        prior_logits=jax.numpy.asarray(net["root"] @ net["policy"]),
        value=jax.numpy.asarray(net["root"] @ net["value"]),
        embedding=jax.numpy.asarray(net["root"]),
    )
    given = (None, key, root, step, case["simulations"], invalid, case.get("max_depth"))
    shape, noise = net["legal"].shape, case.get("noise", False)
    zeros = np.zeros(shape)
    if case["rule"] == "puct":
        dirichlet = jax.random.dirichlet(
            jax.random.split(key, 3)[1], jax.numpy.full([shape[1]], 0.3), (shape[0],)
        )
        more = {"dirichlet_fraction": 0.25 if noise else 0.0}
        if "value_range" in case:
            low, high = case["value_range"]

            def scaled(tree, node):
                return mctx.qtransform_by_min_max(tree, node, min_value=low, max_value=high)

            more["qtransform"] = scaled
        found = mctx.muzero_policy(*given, **more)
        chance = {"gumbel": zeros, "dirichlet": dirichlet}
    else:
        found = mctx.gumbel_muzero_policy(
            *given,
            gumbel_scale=1.0 if noise else 0.0,
            max_num_considered_actions=case.get("max_considered", 16),
        )
        chance = {"gumbel": found.search_tree.extra_data.root_gumbel, "dirichlet": zeros}
    said = found.search_tree.summary()
    told = {
        "action": found.action,
        "policy": found.action_weights,
        "value": said.value,
        "visits": said.visit_counts,
        "q": said.qvalues,
    }
    return {k: np.asarray(v).tolist() for k, v in (told | chance).items()}


class NetState(NamedTuple):
    latent: Tensor  # [B, WIDTH]
    legal: Tensor  # [B, A]
    action: Tensor  # [B]


class Net(WorldModel):
    """The same network as a world model."""

    Config = object
    heads = ("reward", "value", "policy", "legal")

    def __init__(self, case: dict[str, Any], net: dict[str, np.ndarray]) -> None:
        super().__init__()
        discount = case.get("discount", 0.97)
        self.num, self.discount = case["actions"], abs(discount)
        action = Spec((), "int64", "discrete", classes=(self.num,), turns=discount < 0)
        self.specs = {"action": action}
        self.net = {k: torch.as_tensor(v) for k, v in net.items()}
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def root(self) -> NetState:
        rows = torch.zeros(len(self.net["root"]), dtype=torch.long)
        return NetState(self.net["root"], self.net["legal"].float(), rows)

    def initial(self, batch_size):
        raise NotImplementedError

    observe = features = loss = noise = initial

    def imagine(self, state, action, noise=None):
        latent = torch.tanh(state.latent @ self.net["move"] + self.net["push"][action])
        return NetState(latent, torch.ones_like(state.legal), torch.zeros_like(action))

    def predict(self, state, heads=None):
        x, net = state.latent, self.net
        said = {
            "reward": Mse(x @ net["reward"], 0),
            "value": Mse(x @ net["value"], 0),
            "policy": Categorical(x @ net["policy"], (self.num,), scalar=True),
            "legal": Mse(state.legal, 1),
        }
        return {h: said[h] for h in heads or self.heads}


def main() -> None:
    cases = {}
    for seed, (name, case) in enumerate(CASES.items()):
        net = network(case, seed)
        found = by_mctx(case, net, seed)
        cases[name] = {"net": {k: v.tolist() for k, v in net.items()}, "found": found}
    FILE.write_text(json.dumps(rounded(cases)) + "\n")


def rounded(tree: Any) -> Any:
    """Floats with as many digits as a float32 has."""
    if isinstance(tree, dict):
        return {k: rounded(v) for k, v in tree.items()}
    if isinstance(tree, list):
        return [rounded(v) for v in tree]
    return float(f"{tree:.9g}") if isinstance(tree, float) else tree


if __name__ == "__main__":
    main()
