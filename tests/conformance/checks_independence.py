"""Rows, candidates, noise and calls do not touch each other."""

from __future__ import annotations

import torch
from subject import (
    CONTEXT,
    HORIZON,
    Subject,
    assert_same,
    last_told,
    leaves,
    observed,
    rows,
)

from foreworld.vocab import map_state, predict_all, repeat_state, rollout


def rows_are_independent(subject: Subject) -> None:
    """A row of the batch comes out as it does alone."""
    batch = subject.windows(4, 9, seed=0)
    noise = subject.model.noise(4, HORIZON, seed=0)
    everyone = last_told(subject.model, batch, noise)
    for row in (0, 3):
        only = {key: value[row : row + 1] for key, value in batch.items()}
        alone = last_told(subject.model, only, noise[row : row + 1])
        together = {key: value[row : row + 1] for key, value in everyone.items()}
        assert_same(alone, together, f"row {row} alone or beside others: rows are mixed")


def candidates_are_independent(subject: Subject) -> None:
    """N candidates imagined at once, from repeated states, are N single calls."""
    model, num = subject.model, 5
    state = observed(subject.model, subject.windows(2, 4, seed=0))
    actions = subject.windows(2 * num, HORIZON, seed=1)["action"]
    noise = model.noise(2 * num, HORIZON, seed=2)
    at_once = predict_all(model, rollout(model, repeat_state(state, num), actions, noise))
    for n in range(2 * num):
        start = map_state(lambda x, n=n: x[n // num : n // num + 1], state)
        single = rollout(model, start, actions[n : n + 1], noise[n : n + 1])
        together = {key: value[n : n + 1] for key, value in at_once.items()}
        message = f"candidate {n} of {2 * num}, at once or alone"
        assert_same(predict_all(model, single), together, message)


def noise_is_an_input(subject: Subject) -> None:
    """The same noise is the same future bit for bit, other noise another, None always the mode."""
    model, batch = subject.model, subject.windows(3, 9, seed=0)
    shape = model.noise(3, HORIZON, seed=0).shape
    assert shape[:2] == (3, HORIZON) and len(shape) == 3, f"noise has shape {list(shape)}"
    first, again, other = (model.noise(3, HORIZON, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again), "noise: the same seed gave other noise"
    before = torch.get_rng_state()
    futures = [
        last_told(subject.model, batch, noise) for noise in (first, again, other, None, None)
    ]
    assert torch.equal(before, torch.get_rng_state()), "a verb draws from torch's own generator"
    assert_same(futures[0], futures[1], "the same noise, another future", exact=True)
    assert_same(futures[3], futures[4], "without noise, another future each time", exact=True)
    if not torch.equal(first, other):
        assert any(not torch.equal(futures[0][k], futures[2][k]) for k in futures[0]), (
            "other noise gives the same future"
        )


def nothing_is_hidden(subject: Subject) -> None:
    """Verbs change neither the module, nor what they are given; a second call says the same."""
    model, batch = subject.model, subject.windows(3, 9, seed=0)
    weights = {k: v.clone() for k, v in model.state_dict().items()}
    given = {k: v.clone() for k, v in batch.items()}
    noise = model.noise(3, HORIZON, seed=0)
    start = observed(subject.model, rows(batch, 0, CONTEXT))
    kept = [leaf.clone() for leaf in leaves(start)]
    first = last_told(subject.model, batch, noise)
    last_told(
        subject.model, subject.windows(3, 9, seed=1), noise
    )  # someone else's future in between
    rollout(model, start, batch["action"][:, :2])
    assert_same(last_told(subject.model, batch, noise), first, "a second call differs", exact=True)
    assert_same(weights, dict(model.state_dict()), "the module changed by being used", exact=True)
    assert_same(given, batch, "the batch was written to", exact=True)
    same = all(torch.equal(a, b) for a, b in zip(kept, leaves(start), strict=True))
    assert same, "the state was written to; a state is a value"
