"""What some recordings lack is zeros there, and teaches nothing."""

import numpy as np
import pytest
import torch

from foreworld import catalog
from foreworld.config import from_dict
from foreworld.families.scales import Scales
from foreworld.families.scoring import score, score_all
from foreworld.outputs import Mse
from foreworld.vocab import PRESENT, Spec

T = 8
SPECS = {
    "wrist": Spec((16, 16, 3), "uint8", "image"),
    "arm": Spec((2,), "float32", "vector"),
    "action": Spec((1,), "float32", "vector", -1.0, 1.0),
    PRESENT + "wrist": Spec((), "bool", "vector", record=True),
    PRESENT + "arm": Spec((), "bool", "vector", record=True),
}


def batch(seed=0):
    rng = np.random.default_rng(seed)
    told = {
        "wrist": rng.integers(0, 256, (3, T, 16, 16, 3), np.uint8),
        "arm": 5 + rng.normal(size=(3, T, 2)).astype(np.float32),
        "action": rng.uniform(-1, 1, (3, T, 1)).astype(np.float32),
        "reward": np.zeros((3, T), np.float32),
        "is_first": np.tile(np.arange(T) == 0, (3, 1)),
        "is_last": np.zeros((3, T), bool),
        "is_terminal": np.zeros((3, T), bool),
        PRESENT + "wrist": np.tile(np.array([[True], [False], [True]]), (1, T)),
        PRESENT + "arm": np.tile(np.array([[True], [True], [False]]), (1, T)),
    }
    for key in ("wrist", "arm"):
        told[key][~told[PRESENT + key]] = 0
    return {key: torch.from_numpy(value) for key, value in told.items()}


def test_scales_are_those_of_what_was_recorded():
    scales = Scales(SPECS)
    data = batch()
    scales.update(data)
    torch.testing.assert_close(scales["arm"].mean, data["arm"][:2].flatten(0, 1).mean(0))
    torch.testing.assert_close(
        scales["wrist"].mean, data["wrist"][[0, 2]].float().flatten(0, 1).mean(0) / 255
    )
    before = scales["arm"].mean.clone()
    scales.update(data | {PRESENT + "arm": torch.zeros(3, T, dtype=torch.bool)})
    assert torch.equal(scales["arm"].mean, before), "none of it was there"


def test_nothing_is_asked_about_what_was_not_recorded():
    def predict(states, heads):
        return {"arm": Mse(torch.ones(3 * T, 2), 1)}

    losses = score(predict, (torch.zeros(3, T, 1),), batch(), ["arm"])
    assert (losses["arm"][:2] > 0).all() and (losses["arm"][2] == 0).all()


@pytest.mark.parametrize("family", ["rssm", "tssm", "jepa", "slots"])
def test_a_family_learns_from_what_there_is(family):
    model_class = catalog.resolve(catalog.FAMILIES, family)
    presets = catalog.beside(model_class, "PRESETS")
    torch.manual_seed(0)
    model = model_class(SPECS, from_dict(model_class.Config, presets["debug"]))
    for phase in model.phases():
        data = batch()
        losses, _ = phase.loss(data)
        assert all(torch.isfinite(x).all() for x in losses.values())
    states = model.observe(model.initial(3), batch())
    assert set(model.heads) >= {"wrist", "arm"} and not [h for h in model.heads if PRESENT in h]
    assert torch.isfinite(model.features(states)).all()
    if family == "rssm":
        states, _, _ = model._scan(batch())
        said = score_all(model, states, batch(), 1.0)
        assert int((said["wrist"] == 0).sum()) == T, "the rows of the second recording"
