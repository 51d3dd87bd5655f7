"""Which patches a masked model sees and which it has to guess: blocks in pictures, tubes in films.

All rows of a batch get as many, as index tensors, so that tokens can be gathered::

    +---------+     c: context, one large block without the targets (I-JEPA)
    |ccc11ccc |     1, 2: targets, blocks that the context does not show
    |ccc11c22 |     a tube is a block that stays where it is through all frames (V-JEPA)
    |cccccc22 |
    +---------+
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

Grid = tuple[int, int]


class Masks(NamedTuple):
    """Numbers of patches in rows of the grid."""

    context: Tensor  # [B, N]
    targets: Tensor  # [B, K, M] K blocks


def multi_block(batch: int, grid: Grid, device: torch.device) -> Masks:
    """Four targets of 15 to 20 % of the picture, a context of 85 to 100 % (Assran et al. 2023)."""
    targets = blocks(batch, 4, grid, (0.15, 0.2), (0.75, 1.5), device)
    context = _shown(blocks(batch, 1, grid, (0.85, 1.0), (1.0, 1.0), device), grid)
    return Masks(_as_many(context & ~_shown(targets, grid)), targets)


def tubes(batch: int, grid: Grid, frames: int, device: torch.device) -> Masks:
    """Eight blocks of 15 % hidden in all frames, the rest shown (Bardes et al. 2024)."""
    hidden = _shown(blocks(batch, 8, grid, (0.15, 0.15), (0.75, 1.5), device), grid)
    # With eight blocks everything may be hidden: some patch of the picture always shows.
    hidden[:, 0] &= ~hidden.all(1)
    context, targets = _as_many(~hidden), _as_many(hidden)
    later = math.prod(grid) * torch.arange(frames, device=device)[:, None]
    through = [(index[:, None] + later).flatten(1) for index in (context, targets)]
    return Masks(through[0], through[1].unsqueeze(1))


def blocks(
    batch: int,
    number: int,
    grid: Grid,
    scale: tuple[float, float],
    aspect: tuple[float, float],
    device: torch.device,
) -> Tensor:
    """Blocks of one random size at random places: [batch, number, patches of each]."""
    size, ratio = (low + (high - low) * float(torch.rand(())) for low, high in (scale, aspect))
    area = size * math.prod(grid)
    height = min(grid[0], max(1, round(math.sqrt(area * ratio))))
    width = min(grid[1], max(1, round(math.sqrt(area / ratio))))
    top = torch.randint(grid[0] - height + 1, (batch, number, 1, 1), device=device)
    left = torch.randint(grid[1] - width + 1, (batch, number, 1, 1), device=device)
    row = top + torch.arange(height, device=device).view(-1, 1)
    column = left + torch.arange(width, device=device)
    return (row * grid[1] + column).flatten(2)


def _shown(index: Tensor, grid: Grid) -> Tensor:
    """Patches in any block [B, K, M] -> bool [B, P]."""
    shown = torch.zeros(len(index), math.prod(grid), dtype=torch.bool, device=index.device)
    return shown.scatter_(1, index.flatten(1), True)


def _as_many(chosen: Tensor) -> Tensor:
    """The smallest number of chosen patches [B, P] in any row, at random: [B, N]; at least one."""
    number = max(1, int(chosen.sum(1).min()))
    return (chosen + torch.rand(chosen.shape, device=chosen.device)).topk(number, 1).indices
