"""What came when: nothing is known early, nothing outlives a reset."""

from __future__ import annotations

import copy

import torch
from subject import Subject, assert_same, observed, rows, told
from torch import Tensor

from foreworld.vocab import Batch, map_state, observation_keys


def observes_in_pieces(subject: Subject) -> None:
    """T rows at once are the same as the same rows one by one: none looks at the next."""
    batch = subject.windows(4, 7, seed=0, seams=0.2)
    whole = told(subject.model, observed(subject.model, batch))
    for cuts in ([3], [1, 2, 3, 4, 5, 6]):
        state = subject.model.initial(4)
        for start, end in zip([0, *cuts], [*cuts, None], strict=True):
            state = subject.model.observe(state, rows(batch, start, end))
        message = f"rows observed in pieces {cuts} or at once: observe looks ahead, or forgets"
        assert_same(told(subject.model, state), whole, message)


def losses_do_not_peek(subject: Subject) -> None:
    """A loss [B, T] named like a head, at row t, does not depend on rows after t.

    The rows after t are exchanged between the episodes of the batch, which leaves all statistics
    of the batch as they are. Losses of other names may look ahead.
    """
    batch, cut = subject.windows(6, 8, seed=0, seams=0.1), 4
    swapped = {k: torch.cat([v[:, :cut], v[:, cut:].roll(1, 0)], 1) for k, v in batch.items()}
    before, after = (_head_losses(subject, b) for b in (batch, swapped))
    message = f"the losses of rows 0 to {cut - 1} depend on later rows: training peeks"
    assert_same(rows(before, 0, cut), rows(after, 0, cut), message)


def forgets_at_a_reset(subject: Subject) -> None:
    """What came before a row with `is_first` does not matter, in `observe` and in `loss`."""
    model, cut = subject.model, 3
    batch = dict(subject.windows(6, 7, seed=0))
    batch["is_first"] = batch["is_first"].clone()
    batch["is_first"][:, cut] = True
    alone = told(model, observed(model, rows(batch, cut)))
    message = "rows before is_first matter: the state does not forget"
    assert_same(told(model, observed(model, batch)), alone, message)
    dirty = map_state(lambda x: torch.ones_like(x), model.initial(6))
    assert_same(told(model, model.observe(dirty, rows(batch, cut))), alone, message)
    some = batch["is_first"].clone()
    some[::2, cut] = False
    mixed = told(model, observed(subject.model, {**batch, "is_first": some}))
    odd = {key: value[1::2] for key, value in alone.items()}
    assert_same({k: v[1::2] for k, v in mixed.items()}, odd, message + " row by row")
    swapped = {k: torch.cat([v[:, :cut].roll(1, 0), v[:, cut:]], 1) for k, v in batch.items()}
    before, after = (rows(_head_losses(subject, b), cut) for b in (batch, swapped))
    assert_same(before, after, "losses after is_first depend on the episode before it")


def _head_losses(subject: Subject, batch: Batch) -> dict[str, Tensor]:
    """The losses [B, T] of heads, under the same random numbers."""
    model = copy.deepcopy(subject.model).train()
    torch.manual_seed(0)
    with torch.no_grad():
        losses = model.loss(batch).losses
    lead = batch["is_first"].shape
    return {k: v for k, v in losses.items() if k in model.heads and v.shape == lead}


def never_sees_targets(subject: Subject) -> None:
    """Keys with observed=False change nothing, and `observe` does without them, as when acting."""
    batch = subject.windows(3, 5, seed=0)
    seen = {*observation_keys(subject.specs), "action", "reward"}
    seen |= {"is_first", "is_last", "is_terminal"}
    acting = {key: value for key, value in batch.items() if key in seen}
    full = told(subject.model, observed(subject.model, {**batch, "far": batch["far"] + 5}))
    without = told(subject.model, observed(subject.model, acting))
    assert_same(without, full, "the model sees a key with observed=False", exact=True)
