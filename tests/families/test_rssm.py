"""The recurrent state-space model: its presets, its heads, and the choices in its config."""

from __future__ import annotations

import pytest
import torch

from foreworld.config import from_dict
from foreworld.families.rssm import PRESETS, Rssm, RssmConfig
from foreworld.vocab import Spec

SPECS = {
    "image": Spec((16, 16, 3), "uint8", "image"),
    "room": Spec((2,), "int64", "discrete", classes=(3, 4)),
    "cost": Spec((), "float32", "vector", observed=False),
    "action": Spec((2,), "float32", "vector", low=-1.0, high=(1.0, 3.0)),
}
TINY = {"deter": 16, "hidden": 16, "stoch": 4, "classes": 4}


def batch(size=2, length=6):
    rng = torch.Generator().manual_seed(0)
    first = torch.zeros(size, length, dtype=torch.bool)
    first[:, 0] = True
    no = torch.zeros_like(first)
    return {
        "image": torch.randint(256, (size, length, 16, 16, 3), generator=rng, dtype=torch.uint8),
        "room": torch.randint(3, (size, length, 2), generator=rng),
        "cost": torch.rand(size, length, generator=rng),
        "action": 2 * torch.rand(size, length, 2, generator=rng) - 1,
        "reward": torch.rand(size, length, generator=rng),
        "is_first": first,
        "is_last": no,
        "is_terminal": no,
    }


def built(**config):
    torch.manual_seed(0)
    return Rssm(SPECS, from_dict(RssmConfig, config))


@pytest.mark.parametrize("name", PRESETS)
def test_presets_build_and_learn(name):
    model = built(**PRESETS[name])
    losses = model.loss(batch(length=8)).losses
    assert {"image", "room", "cost", "reward", "continue"} <= set(losses)
    torch.stack([loss.mean() for loss in losses.values()]).sum().backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None]
    assert not silent, f"parameters that no loss reaches: {silent}"


@pytest.mark.parametrize("latent", ["gaussian", "categorical"])
@pytest.mark.parametrize("blocks", [1, 4])
@pytest.mark.parametrize("overshoot", [0, 3])
def test_choices_go_together(latent, blocks, overshoot):
    residual = latent == "gaussian"
    model = built(**TINY, latent=latent, blocks=blocks, overshoot=overshoot, residual=residual)
    losses = model.loss(batch()).losses
    assert any(name.startswith("overshoot") for name in losses) == bool(overshoot)
    assert all(loss.isfinite().all() for loss in losses.values())


def test_priors_far_ahead_are_held_to_posteriors_that_stand_still():
    model = built(**TINY, residual=False, latent_overshoot=3, free_nats=0.0)
    model.loss(batch(length=8)).losses["overshoot_latent"].sum().backward()
    moved = {n.split(".")[0] for n, p in model.named_parameters() if p.grad is not None}
    assert {"prior", "cell", "inward"} <= moved
    # Through the first state only: its posterior starts the dream, later ones are targets.
    single = built(**TINY, residual=False, latent_overshoot=3, free_nats=1e9)
    single.loss(batch(length=8)).losses["overshoot_latent"].sum().backward()
    assert not any(p.grad is not None and p.grad.any() for p in single.parameters())
    with pytest.raises(ValueError, match="set residual=false"):
        built(**TINY, latent_overshoot=3)


def test_classes_have_no_residual():
    with pytest.raises(ValueError, match="set residual=false"):
        built(**TINY, latent="categorical", residual=True)


def test_free_nats_stop_the_divergence():
    both = {"dynamics", "representation"}
    free = built(**TINY, free_nats=1e3)
    losses = free.loss(batch()).losses
    total = torch.stack([losses[name].mean() for name in both]).sum()
    total.backward()
    assert not any(p.grad is not None and p.grad.any() for p in free.parameters())


def test_balance_moves_one_side_each():
    # In a single row neither side depends on the other through the rows before.
    for name, moved, still in (
        ("dynamics", "prior", "posterior"),
        ("representation", "posterior", "prior"),
    ):
        model = built(**TINY, free_nats=0.0)
        model.loss(batch(length=1)).losses[name].sum().backward()
        for part, expected in ((moved, True), (still, False)):
            parameters = getattr(model, part).parameters()
            assert any(p.grad is not None and p.grad.any() for p in parameters) == expected, part


def test_starts_are_the_last_states():
    out = built(**TINY, imagine_last=3).loss(batch(size=2, length=6))
    assert out.starts.deter.shape[0] == 2 * 3


def test_nothing_to_see_is_refused():
    with pytest.raises(ValueError, match="nothing to see"):
        Rssm({"action": SPECS["action"]}, RssmConfig())


def test_nothing_is_asked_about_the_reward_of_a_first_instant():
    model, seen = built(**TINY), batch()
    losses = []
    for early in (0.0, 9.0):
        seen["reward"][:, 0] = early
        model.eval()  # scales stay
        torch.manual_seed(0)
        losses.append(model.see(seen).losses["reward"])
    assert torch.equal(*losses)
    assert (losses[0][:, 0] == 0).all() and (losses[0][:, 1:] != 0).all()
