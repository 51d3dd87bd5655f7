"""Scores what heads say about states [B, T, ...] against what really came, row by row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from foreworld.families.codec import head_targets
from foreworld.vocab import PRESENT, Batch, Prediction, State, WorldModel, map_state, rollout

S = TypeVar("S")
Predict = Callable[[State, Sequence[str] | None], dict[str, Prediction]]


def score(predict: Predict, states: State, batch: Batch, heads: Sequence[str]) -> dict[str, Tensor]:
    """Losses [B, T] of `heads` on states with leaves [B, T, ...].

    No reward arrives with the first instant of an episode (its 0 is a convention): nothing is
    asked about it. Learned like a reward, it is the largest error of a model that sees no clock.
    Nor is anything asked about what was not recorded.
    """
    if not heads:
        return {}
    lead = states[0].shape[:2]
    targets = head_targets(batch, heads)
    said = predict(map_state(lambda x: x.flatten(0, 1), states), heads)
    losses = {h: p.loss(targets[h].flatten(0, 1)).unflatten(0, lead) for h, p in said.items()}
    if "reward" in losses:
        losses["reward"] = losses["reward"] * ~batch["is_first"]
    recorded = {h: batch[PRESENT + h] for h in losses if PRESENT + h in batch}
    return losses | {h: losses[h] * there for h, there in recorded.items()}


def with_flags(batch: Batch, keys: Sequence[str]) -> dict[str, Tensor]:
    """Some keys of a batch, and where they were recorded."""
    return {k: batch[k] for key in keys for k in (key, PRESENT + key) if k in batch}


def score_all(model: WorldModel, states: State, batch: Batch, decode: float) -> dict[str, Tensor]:
    """Losses [B, T] of all heads on states [B, T, ...], of images on a random share of them."""
    seen = [k for k in model.heads if k in model.specs]
    images = [k for k in seen if model.specs[k].kind == "image"]
    losses = score(model.predict, states, batch, [h for h in model.heads if h not in images])
    if images:
        chosen, truth = some_instants(states, with_flags(batch, images), decode)
        losses |= score(model.predict, chosen, truth, images)
    return losses


def some_instants(states: S, truth: Batch, share: float) -> tuple[S, dict[str, Tensor]]:
    """A random share of the instants [B, T], as [B', 1].

    For images: neighbours teach nearly the same, and decoding them all costs more than all else.
    """
    first = next(iter(truth.values()))
    count = first.shape[0] * first.shape[1]
    chosen = torch.randperm(count, device=first.device)[: max(1, round(share * count))]

    def pick(x: Tensor) -> Tensor:
        return x.flatten(0, 1)[chosen].unsqueeze(1)

    return map_state(pick, states), {k: pick(v) for k, v in truth.items()}


def imagined_windows(
    model: WorldModel, states: S, batch: Batch, keys: Sequence[str], steps: int, starts: int
) -> tuple[S, Batch, Tensor]:
    """Short futures from inside windows, and what really came (overshooting: PlaNet, section 4).

    states, batch: [B, T, ...]; from `starts` random instants of each window `steps` are imagined:
    states [B * starts, steps, ...], the truth of `keys` and of the flags, and a mask that ends
    where the seam of two episodes lies. Raises ValueError for short windows.

    PlaNet compares latents there; what a family scores is its own choice.
    """
    size, length = batch["is_first"].shape
    if length <= steps:
        raise ValueError(
            f"windows of {length} steps are too short to overshoot by {steps}: "
            f"--train length={steps + 4}, or --set overshoot={max(length - 2, 0)}"
        )
    first = torch.randint(length - steps, (size, starts), device=model.device)
    row = torch.arange(size, device=model.device).unsqueeze(1)
    start = map_state(lambda x: x[row, first].flatten(0, 1), states)
    later = first.unsqueeze(-1) + torch.arange(steps + 1, device=model.device)
    needed = with_flags(batch, [*keys, "action", "is_first", "is_terminal"])
    window = {k: x[row.unsqueeze(-1), later].flatten(0, 1) for k, x in needed.items()}
    futures = rollout(model, start, window["action"][:, :-1])
    futures = futures._replace(action=window["action"][:, 1:])
    truth = {k: v[:, 1:] for k, v in window.items()}
    alive = 1 - truth["is_first"].float().cummax(1).values
    return futures, truth, alive
