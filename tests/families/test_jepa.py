"""The joint-embedding family: its window, its objectives, its phases, and collapse."""

from __future__ import annotations

import pytest
import torch

from foreworld.config import from_dict
from foreworld.families.jepa import PRESETS, Jepa, JepaConfig
from foreworld.families.windows import counted, there
from foreworld.log import Logger
from foreworld.training import Budget, LoopConfig, OptimiserConfig, Trainer
from foreworld.vocab import Spec, map_state

SPECS = {
    "image": Spec((16, 16, 3), "uint8", "image"),
    "place": Spec((2,), "float32", "vector", observed=False),
    "action": Spec((2,), "float32", "vector", low=-1.0, high=1.0),
}
TINY = {"latent": 6, "overshoot": 2, "width": 16, "depth": 1, "heads": 2,
        "condition": 8, "codec": {"channels": 4, "keypoints": 4, "embed": 16, "hidden": 16,
                  "patches": {"size": 4, "width": 16, "depth": 1, "heads": 2}}}  # fmt: skip


def batch(size=8, length=6, seed=0):
    """A white square on a grid of 4 x 4 that goes where the action points; no seams."""
    rng = torch.Generator().manual_seed(seed)
    action = 2 * torch.rand(size, length, 2, generator=rng) - 1
    place = [4 * torch.rand(size, 2, generator=rng) - 0.5]
    for t in range(length - 1):
        place.append((place[-1] + action[:, t]).clamp(0, 3))
    place = torch.stack(place, 1).clamp(0, 3)
    cell = torch.arange(4.0)
    near = (1 - (place.unsqueeze(-1) - cell).abs()).clamp(min=0)
    grid = near[..., 1, :, None] * near[..., 0, None, :]
    image = (255 * grid).repeat_interleave(4, -1).repeat_interleave(4, -2)
    no = torch.zeros(size, length, dtype=torch.bool)
    return {
        "image": image.unsqueeze(-1).expand(-1, -1, -1, -1, 3).to(torch.uint8),
        "place": place,
        "action": action,
        "reward": place[..., 0] * 1.0,
        "is_first": no.clone(),
        "is_last": no,
        "is_terminal": no,
    }


class Squares:
    """Fresh batches for ever."""

    seed = 0

    def sample(self, length=None, keys=None, times=1):
        self.seed += 1
        return batch(24, length or 3, self.seed)

    def state(self):
        return {}

    def restore(self, state):
        pass


def built(specs=SPECS, **config):
    torch.manual_seed(0)
    return Jepa(specs, from_dict(JepaConfig, {**TINY, **config}))


def trained(updates, **config):
    model = built(**config)
    settings = LoopConfig(optimiser=OptimiserConfig(lr=5e-3, warmup=5), precision="float32")
    budget = Budget(updates=updates)
    trainer = Trainer(model, Squares(), budget, settings, Logger([]), save=lambda *_: None)
    trainer.train()
    return trainer


@pytest.mark.parametrize("name", PRESETS)
def test_presets_build_and_learn(name):
    small = {**PRESETS[name], "overshoot": 2}
    if name in ("leworldmodel", "pldm"):  # the papers' depths take seconds
        small |= {"width": 32, "depth": 1, "heads": 2}
    model = Jepa(SPECS, from_dict(JepaConfig, small))
    for phase in model.phases():
        losses = phase.loss(batch()).losses
        torch.stack([loss.mean() for loss in losses.values()]).sum().backward()
    frozen = [n for n, _ in model.named_parameters() if ".twin." in n]
    silent = {n for n, p in model.named_parameters() if p.grad is None} - {*frozen}
    assert not silent, f"parameters that no loss reaches: {silent}"


def test_rows_are_counted_from_the_last_reset():
    first = torch.tensor([[0, 0, 1, 0, 0], [1, 0, 0, 0, 1]]).bool()
    assert counted(torch.tensor([2, 7]), first).tolist() == [[3, 4, 1, 2, 3], [1, 2, 3, 4, 1]]
    assert there(torch.tensor([0, 2, 5]), 3).int().tolist() == [[0, 0, 0], [0, 1, 1], [1, 1, 1]]


@pytest.mark.parametrize("window", [1, 3])
def test_the_ring_is_the_full_window(window):
    """After many single steps: what only the last `window` rows give, in states of one size."""
    model, rows = built(window=window).eval(), batch(3, 9)
    torch.nn.init.normal_(model.predictor.change.weight)
    for block in model.predictor.blocks:
        torch.nn.init.normal_(block.tell.weight)
    state, sizes = model.initial(3), set()
    for t in range(9):
        state = model.observe(state, {k: v[:, t : t + 1] for k, v in rows.items()})
        sizes.add(tuple(leaf.numel() for leaf in state))
    assert len(sizes) == 1
    tail = {k: v[:, 9 - window :] for k, v in rows.items()}
    again = model.observe(model.initial(3), tail)
    ahead, ahead_again = (model.imagine(s, rows["action"][:, -1]) for s in (state, again))
    assert torch.allclose(model.features(ahead), model.features(ahead_again), atol=1e-5)
    if window > 1:
        shorter = model.observe(model.initial(3), {k: v[:, 1:] for k, v in tail.items()})
        less = model.imagine(shorter, rows["action"][:, -1])
        assert not torch.allclose(ahead.embeds[:, -1], less.embeds[:, -1], atol=1e-3)


def test_features_tell_velocities():
    model, rows = built(window=2).eval(), batch(2, 2)
    both = model.observe(model.initial(2), rows)
    only = model.observe(model.initial(2), {k: v[:, 1:] for k, v in rows.items()})
    assert torch.allclose(model.features(both)[:, :6], model.features(only)[:, :6], atol=1e-6)
    assert not model.features(only)[:, 6:].any() and model.features(both)[:, 6:].any()


def test_it_begins_by_saying_that_nothing_changes():
    model, rows = built().eval(), batch(2, 3)
    state = model.observe(model.initial(2), rows)
    ahead = model.imagine(state, rows["action"][:, -1])
    assert torch.equal(ahead.embeds[:, -1], state.embeds[:, -1])


def test_objectives_have_their_losses():
    assert {"sigreg", "prediction"} <= set(built().loss(batch()).losses)
    losses = built(objective="pldm").loss(batch()).losses
    assert {"variance", "covariance", "similarity", "inverse", "prediction"} <= set(losses)
    assert "sigreg" not in losses
    few = built(objective="pldm", similarity=0.0).loss(batch()).losses
    assert "similarity" not in few


def test_nothing_crosses_the_seam_of_two_episodes():
    model = built(objective="pldm", outcomes=False).eval()
    rows = batch(8, 6)
    rows["is_first"][:, 3] = True
    torch.manual_seed(0)
    before = model.loss(rows).losses
    swapped = {k: torch.cat([v[:, :3].roll(1, 0), v[:, 3:]], 1) for k, v in rows.items()}
    after = model.loss(swapped).losses
    for name in ("similarity", "inverse"):
        assert torch.allclose(before[name][:, 3:], after[name][:, 3:], atol=1e-5), name


def test_looking_leaves_the_world_alone():
    model = built(look=0.5)
    world, look = model.phases()
    assert look.trains == ("views",)
    torch.stack([x.mean() for x in look.loss(batch()).losses.values()]).sum().backward()
    moved = {n.split(".")[0] for n, p in model.named_parameters() if p.grad is not None}
    assert moved == {"views"}
    assert set(built(outcomes=False).phases()[1].loss(batch()).losses) >= {"reward", "continue"}


def test_without_a_regulariser_the_alarm_is_raised(capsys):
    free = trained(60, outcomes=False, sigreg=0.0)
    assert free.watch.alarms and "alarm" in capsys.readouterr().err
    kept = trained(60, outcomes=False)
    assert not kept.watch.alarms
    index = [t.model.diagnose(batch(64)).values["collapse_index"] for t in (free, kept)]
    assert index[0] > 0.8 > 0.4 > index[1]


@pytest.mark.parametrize("masks", ["blocks", "tubes"])
def test_guessing_hidden_patches_is_learned(masks):
    config = {"codec": {**TINY["codec"], "image": "patches"}}
    trainer = trained(1, masked={"share": 0.5, "masks": masks, "ema": 0.9}, **config)
    model, phase = trainer.model, trainer.model.phases()[0]
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for seed in range(40):
        (loss,) = phase.loss(batch(8, 3, seed)).losses.values()
        losses.append(float(loss.detach().mean()))
        loss.mean().backward()
        optimiser.step()
        optimiser.zero_grad()
    assert phase.name == "masked" and sum(losses[-5:]) < 0.8 * sum(losses[:5])
    twin, encoder = model.masked["key_image"].twin, model.encoder.transformers()["image"]
    gaps = [
        (a - b).abs().max() for a, b in zip(twin.parameters(), encoder.parameters(), strict=True)
    ]
    assert max(gaps) > 0  # it follows, slowly


def test_convolutions_cannot_be_masked():
    with pytest.raises(ValueError, match="codec.image=patches"):
        built(masked={"share": 0.3})


def test_states_are_rows_of_a_table():
    model = built()
    state = model.observe(model.initial(4), batch(4, 3))
    picked = map_state(lambda x: x[1:2], state)
    assert torch.allclose(model.features(picked), model.features(state)[1:2])
