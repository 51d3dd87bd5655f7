"""Slots: numbers laid out as things, motion learned by name, cameras that are found."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from foreworld.config import from_dict
from foreworld.families.scales import Scale
from foreworld.families.slots import PRESETS, Slots, SlotsConfig
from foreworld.families.slots_codec import Camera
from foreworld.families.slots_motion import STIR, STRIDE
from foreworld.families.things import Things, named_key
from foreworld.vocab import Spec, rollout

NAMES = ("cup.x", "cup.y", "box.x", "box.y", "box.angle")
SPECS = {
    "image": Spec((16, 16, 3), "uint8", "image"),
    "body": Spec((2,), "float32", "vector", names=("hand.x", "hand.y")),
    "facts": Spec((5,), "float32", "vector", observed=False, names=NAMES),
    "action": Spec((2,), "float32", "vector", low=-1.0, high=1.0),
}


def batch(size=4, length=6):
    rng = torch.Generator().manual_seed(0)
    first = torch.zeros(size, length, dtype=torch.bool)
    first[:, 0] = True
    no = torch.zeros_like(first)
    return {
        "image": torch.randint(256, (size, length, 16, 16, 3), generator=rng, dtype=torch.uint8),
        "body": torch.randn(size, length, 2, generator=rng),
        "facts": torch.randn(size, length, 5, generator=rng),
        "action": 2 * torch.rand(size, length, 2, generator=rng) - 1,
        "reward": torch.rand(size, length, generator=rng),
        "is_first": first,
        "is_last": no,
        "is_terminal": no,
    }


def built(specs=SPECS, **config):
    torch.manual_seed(0)
    return Slots(specs, from_dict(SlotsConfig, PRESETS["debug"] | config))


def nameless():
    return {k: replace(s, names=None) for k, s in SPECS.items()}


def test_the_key_with_most_things_is_kept_in_slots():
    assert named_key(SPECS) == "facts"
    assert named_key(nameless()) is None
    model = built()
    assert model.things is not None
    assert model.things.names == ("cup", "box")
    assert model.initial(3).slots.shape == (3, 2, 3)


def test_reading_undoes_writing():
    things, scale = Things(SPECS["facts"]), Scale(SPECS["facts"])
    vector = torch.randn(2, 7, 5) * torch.tensor([1, 2, 3, 4, 0.1])
    scale.update(vector)
    slots = things.write(vector, scale)
    assert slots.shape == (2, 7, 2, 3)
    assert (slots[..., 0, 2] == 0).all(), "the cup has no angle"
    torch.testing.assert_close(things.read(slots, scale), vector)


def test_rows_of_things_share_their_unit():
    """Two things in one place have the same numbers, wherever each of them usually is."""
    things, scale = Things(SPECS["facts"]), Scale(SPECS["facts"])
    vector = torch.randn(1, 100, 5) + torch.tensor([5.0, 0, -5, 0, 0])
    scale.update(vector)
    slots = things.write(torch.tensor([1.0, 2.0, 1.0, 2.0, 0.0]), scale)
    torch.testing.assert_close(slots[0, :2], slots[1, :2])
    assert things.common == [0, 1]


def test_what_never_changed_is_known():
    things, scale = Things(SPECS["facts"]), Scale(SPECS["facts"])
    vector = torch.randn(1, 50, 5)
    vector[..., 4] = 0.7
    scale.update(vector)
    said = things.read(torch.randn(3, 2, 3), scale)
    torch.testing.assert_close(said[..., 4], torch.full((3,), 0.7))


def test_phases_read_what_they_need_and_reach_every_weight():
    model = built().train()
    phases = {phase.name: phase for phase in model.phases()}
    assert list(phases) == ["frames", "motion", "dynamics"]
    assert phases["motion"].keys == ("facts",)
    reached = set()
    for phase in phases.values():
        rows = batch(length=1 if phase.name == "frames" else phase.length or 6)
        model.zero_grad(set_to_none=True)
        losses = phase.loss(rows).losses
        torch.stack([x.mean() for x in losses.values()]).sum().backward()
        got = {n for n, p in model.named_parameters() if p.grad is not None}
        reached |= {n for n in got if phase.trains is None or n.split(".")[0] in phase.trains}
    silent = {n for n, _ in model.named_parameters()} - reached
    assert not silent, f"parameters that no phase trains: {sorted(silent)}"


def test_worlds_without_names_have_free_slots():
    model = built(nameless(), free=3, numbers=5)
    assert [phase.name for phase in model.phases()] == ["frames", "dynamics"]
    assert model.initial(2).slots.shape == (2, 3, 5)
    losses = model.loss(batch()).losses
    assert all(x.isfinite().all() for x in losses.values())
    assert {"facts", "overshoot_facts", "surprise"} <= set(losses)


def test_pictures_do_not_pull_named_numbers():
    model = built()
    state = model.initial(2)
    slots = torch.randn_like(state.slots).requires_grad_()
    looks = torch.randn_like(state.looks).requires_grad_()
    said = model.predict(state._replace(slots=slots, looks=looks), ["image"])["image"]
    said.loss(torch.rand(2, 16, 16, 3)).sum().backward()
    assert slots.grad is None
    assert looks.grad is not None


def stirred(far):
    """A model whose things all move by about `far` deviations in a step."""
    model = built()
    model.motion.change[-1].weight.data.zero_()
    model.motion.change[-1].bias.data.fill_(far / STRIDE)
    return model


def test_looks_stay_while_things_move():
    model = stirred(10 * STIR).eval()
    start = model.observe(model.initial(4), batch())
    states = rollout(model, start, torch.ones(4, 3, 2))
    moved = states.slots[:, -1] - start.slots
    assert torch.equal(states.looks[:, -1], start.looks)
    nameless = ~model.things.named  # the cup has no angle
    assert nameless.tolist() == [[False, False, True], [False, False, False]]
    assert not moved[:, nameless].any() and (moved[:, ~nameless] > STIR).all()


def test_what_hardly_stirs_stays_but_is_learned_from():
    model = stirred(0.5 * STIR)
    start = model.initial(4)
    action = torch.ones(4, 2)
    assert model.train().imagine(start, action).slots[:, 1].all()
    assert not model.eval().imagine(start, action).slots.any()


def test_a_camera_is_found_by_what_follows_the_things():
    camera, rng = Camera([0, 1]), torch.Generator().manual_seed(0)
    truth = torch.tensor([[0.0, 0.4], [-0.4, 0.0], [0.1, -0.2]])  # turned by 90 degrees
    slots = torch.randn(200, 2, 3, generator=rng)
    where = slots[..., :2] @ truth[:2] + truth[2]
    stray = torch.randn(200, 3, 3, generator=rng)
    for _ in range(60):
        camera.find(slots, torch.cat([torch.cat([where, stray[:, :2, :1]], -1), stray], 1))
    torch.testing.assert_close(camera(slots), where, atol=0.01, rtol=0)


def test_a_camera_without_followers_stays():
    camera = Camera([0, 1])
    before = camera.matrix.clone()
    camera.find(torch.randn(50, 2, 3), torch.randn(50, 4, 3))
    assert torch.equal(camera.matrix, before)


def test_motion_prefers_futures_in_which_something_happens():
    """One window of eight moves; half of what motion learns from must come from it."""
    model = built(overshoot=1).train()
    rows = batch(size=8, length=3)
    rows["facts"] = torch.zeros(8, 3, 5)
    rows["facts"][3, :, 2] = torch.tensor([0.0, 1.0, 2.0])
    assert model.things is not None
    model.scales.update({"facts": torch.randn(4, 20, 5)})
    slots = model.things.write(rows["facts"], model.scales["facts"])
    chosen = model.telling(slots, torch.ones(8, dtype=torch.bool))
    share = (chosen == 3).float().mean()
    assert 0.5 <= share <= 0.7


@pytest.mark.parametrize("shares", [{"see": 0.7, "move": 0.3}, {"see": -0.1}])
def test_impossible_shares_are_refused(shares):
    with pytest.raises(ValueError, match="leave no time"):
        built(**shares)


def test_things_that_share_no_column_are_compared_by_those_that_some_share():
    names = ("dot.x", "dot.y", "wall.x", "wall.width", "door.y", "door.width")
    assert Things(Spec((6,), "float32", "vector", names=names)).common == [0, 1, 2]
    names = ("cup.x", "cup.y", "box.x", "box.y", "box.turn")
    assert Things(Spec((5,), "float32", "vector", names=names)).common == [0, 1]
