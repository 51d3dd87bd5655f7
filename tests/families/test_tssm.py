"""The transformer that dreams: its ring against everything at once, its heads, its losses."""

from __future__ import annotations

import pytest
import torch

from foreworld.config import from_dict
from foreworld.families.tssm import PRESETS, Tssm, TssmConfig
from foreworld.vocab import Spec, map_state, rollout

SPECS = {
    "vector": Spec((3,), "float32", "vector"),
    "cost": Spec((), "float32", "vector", observed=False),
    "action": Spec((2,), "float32", "vector", low=-1.0, high=1.0),
}
WINDOW = 4


def batch(size=3, length=15, begins=()):
    rng = torch.Generator().manual_seed(0)
    first = torch.zeros(size, length, dtype=torch.bool)
    first[:, 0] = True
    for row, t in begins:
        first[row, t] = True
    no = torch.zeros_like(first)
    return {
        "vector": torch.randn(size, length, 3, generator=rng),
        "cost": torch.rand(size, length, generator=rng),
        "action": 2 * torch.rand(size, length, 2, generator=rng) - 1,
        "reward": torch.rand(size, length, generator=rng),
        "is_first": first,
        "is_last": no,
        "is_terminal": no,
    }


def built(**config):
    torch.manual_seed(0)
    return Tssm(SPECS, from_dict(TssmConfig, {**PRESETS["debug"], **config}))


def rows(seen, start=None, end=None):
    return {k: v[:, start:end] for k, v in seen.items()}


def close(a, b):
    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


@pytest.fixture
def model():
    return built(window=WINDOW).eval().requires_grad_(False)


def test_row_by_row_is_all_at_once(model):
    seen = batch(begins=[(1, 6), (2, 13)])
    state, hidden = model.initial(3), []
    for t in range(15):  # round the ring three times
        state = model.observe(state, rows(seen, t, t + 1))
        hidden.append(state.hidden)
    for t in (0, 3, 5, 9, 14):
        close(model.observe(model.initial(3), rows(seen, 0, t + 1)).hidden, hidden[t])
    assert state.ring.seen.tolist() == [WINDOW, WINDOW, 1]


def test_dreams_are_what_their_tokens_would_give_from_scratch(model):
    """Twelve steps with a window of four: every slot was written over, twice or more."""
    seen, noise = batch(length=6, begins=[(1, 4)]), model.noise(3, 12, seed=1)
    actions = 2 * torch.rand(3, 12, 2) - 1
    state = model.observe(model.initial(3), seen)
    stochs, before = [state.stoch], seen["action"][:, :-1]
    for h in range(12):
        state = model.imagine(state, actions[:, h], noise[:, h])
        stochs.append(state.stoch)
    known = [model.observe(model.initial(3), rows(seen, 0, t + 1)).stoch for t in range(5)]
    tokens = torch.stack([*known, *stochs[:-1]], 1)
    made = model._token(tokens, torch.cat([before, actions], 1))
    seen_by = torch.arange(1, 18).expand(3, -1).clone()
    seen_by[1, 4:] -= 4  # its episode began at row 4
    whole = model.transformer.scan(made, seen_by, None)[0]
    close(state.hidden, whole[:, -1])


def test_a_state_has_one_size_however_long_the_dream(model):
    state = model.observe(model.initial(3), batch())

    def size(state):
        total = []
        map_state(lambda x: total.append(x.numel()) or x, state)
        return sum(total)

    before = size(state)
    for _ in range(9):
        state = model.imagine(state, torch.zeros(3, 2))
    assert size(state) == before == size(model.initial(3))


def test_imagined_starts_go_on_as_observed_ones_do():
    model = built(window=WINDOW, imagine_last=3)
    seen = batch(begins=[(1, 13)])
    torch.manual_seed(5)
    starts = model.loss(seen).starts
    assert starts.hidden.shape[0] == 9
    torch.manual_seed(5)
    noise = torch.randn(3, 15, model.latent.chance)
    with torch.no_grad():
        scanned = model._scan(model.initial(3), seen, noise)
        last = map_state(lambda x: x[:, -1], model._states(scanned, 1))
        action = torch.rand(3, 2)
        ours = model.imagine(map_state(lambda x: x[2::3], starts), action)
        close(ours.hidden, model.imagine(last, action).hidden)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_build_and_learn(name):
    torch.manual_seed(0)
    model = Tssm(SPECS, from_dict(TssmConfig, PRESETS[name]))
    losses = model.loss(batch(length=4)).losses
    kl = {"dynamics", "representation"}
    assert set(losses) == {"vector", "cost", "reward", "continue"} | kl
    torch.stack([loss.mean() for loss in losses.values()]).sum().backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None]
    assert not silent, f"parameters that no loss reaches: {silent}"


def test_seen_keys_are_decoded_from_the_latent_and_outcomes_from_the_past(model):
    state = model.observe(model.initial(3), batch())
    other = state._replace(hidden=state.hidden + 1)
    anew = state._replace(stoch=state.stoch.roll(1, -1))

    def moved(head, state_b):
        said, again = model.predict(state, [head]), model.predict(state_b, [head])
        return not torch.equal(said[head].mean, again[head].mean)

    assert [moved(h, other) for h in ("vector", "cost", "reward")] == [False, True, True]
    assert [moved(h, anew) for h in ("vector", "cost", "reward")] == [True, True, False]


def test_no_prior_is_asked_where_nothing_came_before():
    model = built()
    losses = model.loss(batch(begins=[(1, 6)])).losses
    for name in ("dynamics", "representation"):
        asked = losses[name] > 0
        assert not asked[:, 0].any() and not asked[1, 6] and asked.sum() == 3 * 15 - 4
    middle = batch()
    middle["is_first"][:] = False  # a window from the middle of an episode
    assert not model.loss(middle).losses["dynamics"][:, 0].any()


def test_balance_moves_one_side_each():
    for name, moved, still in (
        ("dynamics", "prior", "posterior"),
        ("representation", "posterior", "prior"),
    ):
        model = built(free_nats=0.0)
        model.loss(batch(length=2)).losses[name].sum().backward()
        for part, expected in ((moved, True), (still, name == "dynamics")):
            parameters = getattr(model, part).parameters()
            touched = any(p.grad is not None and p.grad.any() for p in parameters)
            assert touched == expected, (name, part)  # z is in the tokens: dynamics reach it there


def test_futures_hold_no_rings(model):
    state = model.observe(model.initial(3), batch())
    future = rollout(model, state, torch.zeros(3, 2, 2))
    assert future.ring is None and future.hidden.shape[:2] == (3, 2)
    with pytest.raises(ValueError, match="only to be read"):
        model.imagine(map_state(lambda x: x[:, -1], future), torch.zeros(3, 2))


@pytest.mark.parametrize("field", ["window", "depth", "imagine_last"])
def test_nothing_is_refused(field):
    with pytest.raises(ValueError, match=f"{field}=0: at least 1"):
        built(**{field: 0})
