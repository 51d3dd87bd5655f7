"""A map of what a model knows: two axes to draw it on, and a unit to measure distances in.

atlas = draw_atlas(features)          # [M, D] of many instants
atlas.point(features)                 # [N, 2], principal axes
atlas.distance(dream, truth)          # 0 the same, 1 as far as two unrelated instants
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Atlas:
    mean: Tensor  # [D]
    axes: Tensor  # [2, D], in deviations along them
    unit: float  # root of the mean squared distance of two instants
    low: tuple[float, ...]  # of the points it was drawn from
    high: tuple[float, ...]

    def point(self, features: Tensor) -> Tensor:
        """[N, D] -> [N, 2]."""
        return (features - self.mean) @ self.axes.T

    def distance(self, one: Tensor, other: Tensor) -> Tensor:
        """[N, D] twice -> [N], in units."""
        return (one - other).norm(dim=-1) / self.unit

    def spread(self, futures: Tensor) -> Tensor:
        """How far apart futures [..., K, D] are, [...]; 1: they share nothing any more."""
        return (2 * futures.var(-2).sum(-1)).sqrt() / self.unit


def draw_atlas(features: Tensor) -> Atlas:
    """From features [M, D] of instants that have little to do with each other."""
    features = features.float()
    mean = features.mean(0)
    centred = features - mean
    unit = float((2 * centred.square().sum(-1).mean()).sqrt().clamp(min=1e-6))
    _, sizes, axes = torch.linalg.svd(centred, full_matrices=False)
    sizes = (sizes[:2] / len(features) ** 0.5).clamp(min=1e-6)
    axes = axes[:2] * torch.where(axes[:2].sum(-1) < 0, -1.0, 1.0)[:, None] / sizes[:, None]
    points = centred @ axes.T
    low, high = points.amin(0), points.amax(0)
    return Atlas(mean, axes, unit, tuple(low.tolist()), tuple(high.tolist()))
