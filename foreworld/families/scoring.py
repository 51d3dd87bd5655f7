"""Scores what heads say about states [B, T, ...] against what really came, row by row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from foreworld.families.codec import head_targets
from foreworld.vocab import Batch, Prediction, State, map_state

S = TypeVar("S")
Predict = Callable[[State, Sequence[str] | None], dict[str, Prediction]]


def score(predict: Predict, states: State, batch: Batch, heads: Sequence[str]) -> dict[str, Tensor]:
    """Losses [B, T] of `heads` on states with leaves [B, T, ...]."""
    if not heads:
        return {}
    lead = states[0].shape[:2]
    targets = head_targets(batch, heads)
    said = predict(map_state(lambda x: x.flatten(0, 1), states), heads)
    return {h: p.loss(targets[h].flatten(0, 1)).unflatten(0, lead) for h, p in said.items()}


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
