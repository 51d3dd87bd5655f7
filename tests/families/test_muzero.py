"""MuZero: what its targets are, where episodes end, and what of a batch it learns from."""

from __future__ import annotations

import pytest
import torch

from foreworld.config import from_dict
from foreworld.families.muzero import PRESETS, Muzero, MuzeroConfig, halved
from foreworld.vocab import Spec, rollout

BOARD = {
    "board": Spec((3, 3, 2), "float32", "vector", low=0.0, high=1.0),
    "legal": Spec((9,), "int64", "discrete", classes=(2,) * 9),
    "action": Spec((), "int64", "discrete", classes=(9,), turns=True),
}
PLAIN = {
    "vector": Spec((2,), "float32", "vector"),
    "action": Spec((), "int64", "discrete", classes=(3,)),
}
TINY = {"latent": 8, "hidden": 16, "channels": 4, "blocks": 1, "bins": 41, "reach": 20.0,
        "codec": {"embed": 8, "hidden": 8}}  # fmt: skip


def built(specs, **config):
    torch.manual_seed(0)
    return Muzero(specs, from_dict(MuzeroConfig, TINY | config))


def batch(specs, length=6, size=2, seam=None, dead=True):
    """One episode a window, or two with the second from row `seam`."""
    rng = torch.Generator().manual_seed(0)
    flags = {k: torch.zeros(size, length, dtype=torch.bool) for k in
             ("is_first", "is_last", "is_terminal")}  # fmt: skip
    flags["is_first"][:, 0] = True
    if seam is not None:
        flags["is_first"][:, seam] = flags["is_last"][:, seam - 1] = True
        flags["is_terminal"][:, seam - 1] = dead
    shapes = {key: (size, length, *spec.shape) for key, spec in specs.items()}
    seen = {key: torch.randint(2, shape, generator=rng) for key, shape in shapes.items()}
    seen = {k: v if specs[k].classes else v.float() for k, v in seen.items()}
    return {**seen, **flags, "reward": torch.ones(size, length)}


@pytest.mark.parametrize("net", ["vector", "board"])
def test_states_lie_in_the_unit_cube_and_show_what_is_legal(net):
    model, rows = built(BOARD, net=net), batch(BOARD)
    state = model.observe(model.initial(2), rows)
    future = rollout(model, state, torch.tensor([[0, 4, 8], [1, 2, 3]]))
    for latent in (state.latent, future.latent):
        assert latent.amin() >= 0 and latent.amax() <= 1
        assert torch.allclose(latent.amax(-1), torch.ones(latent.shape[:-1]))
    legal = model.predict(state, ["legal"])["legal"].mean
    assert torch.equal(legal, rows["legal"][:, -1])
    imagined = model.predict(model.imagine(state, torch.tensor([0, 1])), ["legal"])["legal"]
    assert bool(imagined.mean.all())  # what will be allowed is not known: the tree finds out


@pytest.mark.parametrize(("specs", "sign"), [(PLAIN, 1), (BOARD, -1)])
def test_values_are_rewards_and_then_what_a_search_said(specs, sign):
    model = built(specs, bootstrap=2, discount=0.5)
    rows = batch(specs, size=1) | {"search_value": torch.arange(6.0).unsqueeze(0)}
    found = model._value_targets(rows, torch.zeros(1, 6, model.nets.size))[0]
    g = 0.5 * sign
    expected = [1 + g + g * g * t for t in (2, 3, 4, 5)] + [1 + g * 5, 5.0]
    assert torch.allclose(found, torch.tensor(expected))


@pytest.mark.parametrize(("dead", "end"), [(True, 0.0), (False, 7.0)])
def test_values_end_with_the_episode_and_go_on_where_only_the_clock_ran_out(dead, end):
    model = built(PLAIN, bootstrap=10, discount=0.5)
    rows = batch(PLAIN, size=1, seam=3, dead=dead) | {"search_value": torch.full((1, 6), 7.0)}
    found = model._value_targets(rows, torch.zeros(1, 6, model.nets.size))[0]
    assert torch.allclose(found[:3], torch.tensor([1.5 + 0.25 * end, 1 + 0.5 * end, end]))


@pytest.mark.parametrize("dead", [True, False])
def test_after_the_end_nothing_is_won_and_after_a_cut_nothing_is_known(dead):
    model = built(PLAIN, unroll=3)
    rows = batch(PLAIN, size=1, seam=2, dead=dead)
    future = model._future(rows, torch.full((1, 6), 5.0))
    assert future.rows.tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]]
    counts, value = future.counts[:, 0].float(), future.value[:, 0]
    known = [[1, 1, 1], [1, dead, 1], [dead, dead, 1], [dead, dead, 1]]
    assert torch.equal(counts, torch.tensor(known).float())
    assert value[:, 0].tolist() == [5, 5, 0, 0] and value[:, 1].tolist() == [5, 0, 0, 0]
    assert future.reward[:, 0, 0].tolist() == [1, 1, 0, 0]
    plays = [[1, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 1]]
    assert torch.equal(future.plays[:, 0].float(), torch.tensor(plays).float())


def test_a_search_teaches_the_policy_and_without_one_what_was_done_does():
    model, rows = built(PLAIN), batch(PLAIN)
    done = torch.nn.functional.one_hot(rows["action"], 3).float()
    by_deed = model.loss(rows).losses["unrolled_policy"]
    by_search = model.loss({**rows, "search_policy": done}).losses["unrolled_policy"]
    assert torch.allclose(by_deed, by_search, atol=1e-5)
    other = model.loss({**rows, "search_policy": done.roll(1, -1)}).losses["unrolled_policy"]
    assert not torch.allclose(by_deed, other, atol=1e-2)


def test_each_step_back_counts_half():
    x = torch.ones(3, requires_grad=True)
    halved(halved(x)).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [0.25] * 3


@pytest.mark.parametrize("name", PRESETS)
def test_presets_build_and_every_parameter_learns(name):
    model, rows = built(BOARD, **PRESETS[name]), batch(BOARD, length=8)
    losses = model.loss(rows).losses
    torch.stack([loss.mean() for loss in losses.values()]).sum().backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None]
    assert not silent, f"parameters that no loss reaches: {silent}"


def test_a_board_is_needed_where_one_is_read():
    with pytest.raises(ValueError, match="this world shows none: --set net=vector"):
        built(PLAIN, net="board")
