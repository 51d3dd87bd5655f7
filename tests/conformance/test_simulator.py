"""The simulator worn as a model keeps a model's promises and foretells without error."""

from __future__ import annotations

import pytest
import torch
from checks import CHECKS
from point_world import PointWorld, Worn

from foreworld.evaluation.simulator_model import SimulatorModel
from foreworld.vocab import predict_all, rollout

TRAINED = {  # what a model without weights has no part in
    "losses_are_usable",
    "config_survives_json",
    "saves_and_loads",
    "never_sees_targets",
}


@pytest.mark.parametrize("name", sorted(CHECKS.keys() - TRAINED))
def test_conforms(name):
    CHECKS[name](Worn())


def test_foretells_exactly():
    worn = Worn()
    batch = worn.windows(8, 9, seed=3)
    state = worn.model.observe(
        worn.model.initial(8), {k: v[:, :4].clone() for k, v in batch.items()}
    )
    said = predict_all(worn.model, rollout(worn.model, state, batch["action"][:, 3:-1]))
    assert torch.allclose(said["position"], batch["position"][:, 4:], atol=1e-5)
    assert (said["image"] - batch["image"][:, 4:] / 255).abs().max() < 0.01
    assert torch.allclose(said["reward"], batch["reward"][:, 4:], atol=1e-5)
    assert said["continue"].min() > 0.999


def test_losses_are_of_the_step_from_the_row_before():
    worn = Worn()
    batch = worn.windows(8, 6, seed=3, seams=0.2)
    losses = worn.model.loss(batch).losses
    assert set(losses) == {"image", "position", "far", "reward", "continue"}
    assert losses["position"].shape == (8, 6) and losses["position"].max() < 1e-6
    late = {**batch, "action": batch["action"].roll(1, 1)}
    assert worn.model.loss(late).losses["position"].mean() > 0.01


def test_needs_the_state_of_the_world():
    specs = {k: v for k, v in Worn().specs.items() if k != "state"}
    with pytest.raises(ValueError, match="hold 'state' as well"):
        SimulatorModel(PointWorld(), specs)
