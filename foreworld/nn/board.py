"""Residual towers over the squares of a board (He et al. 2016; AlphaZero and MuZero use them)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """Two convolutions beside an identity: planes [B, C, H, W] -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        # Not batch norm, as in the papers: rows of a batch must not see each other.
        self.norms = nn.ModuleList(nn.GroupNorm(1, channels) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norms[0](self.first(x)))
        return F.relu(x + self.norms[1](self.second(y)))


def tower(planes: int, channels: int, blocks: int) -> nn.Sequential:
    """Planes [B, planes, H, W] -> [B, channels, H, W]."""
    stem = nn.Conv2d(planes, channels, 3, padding=1, bias=False)
    inward = [stem, nn.GroupNorm(1, channels), nn.ReLU()]
    return nn.Sequential(*inward, *(Block(channels) for _ in range(blocks)))
