"""Our search trees are those of google-deepmind's mctx, stored and, where it is installed, live."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))  # for trees

from trees import CASES, FILE, Net, by_mctx, network

from foreworld.planners.mcts import Chance, Mcts

GOLDEN = json.loads(FILE.read_text())


def found_by_us(case, net, chance):
    settings = {k: case[k] for k in ("rule", "max_depth", "max_considered") if k in case}
    if "value_range" in case:
        settings["value_range"] = tuple(case["value_range"])
    mcts = Mcts(num_simulations=case["simulations"], **settings)
    model = Net(case, net)
    noise = Chance(torch.tensor(chance["gumbel"]), torch.tensor(chance["dirichlet"]))
    return mcts.search(model, model.root(), noise if case.get("noise") else None)


def assert_equal(found, expected, rule):
    assert np.array_equal(found.visits.numpy(), expected["visits"])
    for key in ("policy", "value", "q"):
        assert np.allclose(getattr(found, key).numpy(), expected[key], rtol=1e-5, atol=1e-5), key
    if rule == "gumbel":  # mctx draws the action of the other from its own key
        assert found.action.tolist() == expected["action"]


@pytest.mark.parametrize("name", CASES)
def test_stored_trees(name):
    net = {k: np.asarray(v, bool if k == "legal" else np.float32)
           for k, v in GOLDEN[name]["net"].items()}  # fmt: skip
    found = found_by_us(CASES[name], net, GOLDEN[name]["found"])
    assert_equal(found, GOLDEN[name]["found"], CASES[name]["rule"])


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_live_trees(name):
    pytest.importorskip("mctx")
    net = network(CASES[name], seed=100)
    expected = by_mctx(CASES[name], net, seed=100)
    assert_equal(found_by_us(CASES[name], net, expected), expected, CASES[name]["rule"])
