"""Optimiser, learning-rate schedule and clipping of one training phase.

    lr  ╱‾‾‾╲___          warm-up in updates, then a cosine over the share of the budget spent

optimiser = make_optimiser(model.parameters(), config)
norm = apply_gradients(optimiser, config, learning_rate(config, updates, spent))
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

WARM_SHARE = 0.05  # a short training does not warm up for half of it


@dataclass(frozen=True)
class OptimiserConfig:
    lr: float = 1e-3  # peak learning rate
    warmup: int = 100  # updates until the peak is reached, unless 5 % of the budget come first
    final: float = 0.05  # share of the peak left at the end of the budget (cosine)
    eps: float = 1e-8  # Adam's epsilon
    weight_decay: float = 0.0  # AdamW's decoupled decay
    clip: float = 100.0  # largest norm of the whole gradient
    ema: float | None = None  # decay of an averaged copy of the weights, used outside training


def make_optimiser(
    parameters: Iterable[nn.Parameter] | Mapping[float, Sequence[nn.Parameter]],
    config: OptimiserConfig,
) -> torch.optim.AdamW:
    """AdamW with one fused kernel for all parameters.

    A mapping gives factors on the learning rate, and what each is for.
    """
    given = parameters if isinstance(parameters, Mapping) else {1.0: list(parameters)}
    groups = [{"params": list(part), "factor": factor} for factor, part in given.items()]
    return torch.optim.AdamW(
        groups, lr=config.lr, eps=config.eps, weight_decay=config.weight_decay, fused=True
    )


def learning_rate(config: OptimiserConfig, updates: int, spent: float) -> float:
    """Linear warm-up in updates, then a cosine in `spent`, the share of the budget used."""
    warm = min(1.0, max((updates + 1) / max(config.warmup, 1), spent / WARM_SHARE))
    cosine = 0.5 * (1 + math.cos(math.pi * min(max(spent, 0.0), 1.0)))
    return config.lr * warm * (config.final + (1 - config.final) * cosine)


def apply_gradients(optimiser: torch.optim.AdamW, config: OptimiserConfig, lr: float) -> Tensor:
    """Clip, step and clear; returns the norm of the gradient before clipping."""
    groups = optimiser.param_groups
    norm = nn.utils.clip_grad_norm_([p for group in groups for p in group["params"]], config.clip)
    for group in groups:
        group["lr"] = lr * group.get("factor", 1.0)  # checkpoints of before have none
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return norm


def average_of(model: nn.Module, decay: float | None) -> AveragedModel | None:
    """A copy that follows the weights slowly; None where none is wanted."""
    if decay is None:
        return None
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
